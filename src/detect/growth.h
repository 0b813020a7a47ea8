/**
 * What grew between two or more looks: of one program at several moments, of two instances, or of two builds. Everything is
 * compared by names that mean the same in each: findings by signature, types and package variables by name, goroutines by the
 * functions that they run and that started them. Nothing is compared by address.
 *
 * What stands out and is explained by nothing else is a finding itself: cause `growth`, always a suspicion.
 */
#ifndef SEEP_DETECT_GROWTH_H
#define SEEP_DETECT_GROWTH_H

#include "detect/findings.h"

enum { SEEP_GROWTH_LOOKS_MAX = 64 };

enum seep_growth_kind {
	SEEP_GROWTH_FINDING,
	SEEP_GROWTH_GOROUTINES,
	SEEP_GROWTH_VARIABLE,
	SEEP_GROWTH_TYPE,
	SEEP_GROWTH_KINDS
};

/** One of a look's counts; 0 where it has no such thing. */
struct seep_amount {
	uint64_t count; /** of goroutines, objects; of a variable: of what it holds */
	uint64_t bytes; /** retained; of a finding that wastes more, wasted */
};

struct seep_growth_line {
	enum seep_growth_kind kind;
	enum seep_growth_kind of; /** of a finding of growth: what grew; else `kind` */
	const char *name; /** of a finding of a look: its cause */
	uint64_t signature; /** FINDING */
	const struct seep_finding *
		finding; /** FINDING: as of the last look that has it, or one of growth; in `report` */
	struct seep_amount *at; /** by look */
	struct seep_amount
		grew; /** from the first to the last look; only what is larger then: see shrank */
	bool shrank; /** fewer bytes, or as many and a smaller count: `grew` is what it lost */
	bool steady; /** from no look to the next did it become less */
	/**
	 * It grew while the rest did not: steadily, by a tenth at least, by 64 KiB or 8 goroutines at least, and, unless it is a finding, twice
	 * as fast, for its size, as half of the others of its kind. Goroutines that have leaked for certain: steadily, by one at least.
	 */
	bool stands_out;
	/** By the line through all looks that fits best, in what the unit of the amount is per second. */
	double counts_per_s, bytes_per_s;
};

struct seep_growth {
	const struct seep_report **looks; /** in the order of time, if they are of one process */
	size_t look_count;
	double *seconds; /** by look, since the first; NULL = not known, not ascending or not of one process: then there are no rates */
	struct seep_vec(struct seep_growth_line)
		lines[SEEP_GROWTH_KINDS]; /** what changed, that which grew most first */
	struct seep_growth_line heap; /** reachable objects and bytes */
	struct seep_growth_line goroutines; /** bytes: of their stacks */
	/**
	 * The target as of the last look; the findings of all lines of FINDING, in their order; and what cannot be compared, as
	 * caveats. To be sifted.
	 */
	struct seep_report report;
};

/** The name of the cause that takes more than one look. */
#define SEEP_GROWTH_CAUSE "growth"

/** looks: at least two reports of inspections with `census`; borrowed, as are their strings. Errors: NO_MEMORY. */
struct seep_error *seep_growth_find(const struct seep_report *const *looks, size_t count,
				    struct seep_growth *ret) _must_check_;
/** Takes the lines away whose findings are no longer in growth->report.findings, after sifting. */
void seep_growth_leave_out_suppressed(struct seep_growth *growth);
void seep_growth_deinit(struct seep_growth *growth);

#endif
