/**
 * What seep has to say: the product of the detectors, the input of every report format. Plain data, no way back to the model.
 *
 * All strings come from the target unescaped unless they are seep's own; a format escapes them. They live in the
 * report's arena (seep_report_format(), below) and die with it.
 */
#ifndef SEEP_DETECT_FINDINGS_H
#define SEEP_DETECT_FINDINGS_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/vec.h"
#include "detect/holding.h"
#include "target/target.h"

#include <sys/types.h>

/** From the strongest to the weakest; docs/verdicts.md says what each one claims. */
enum seep_verdict {
	SEEP_VERDICT_PROVEN,
	SEEP_VERDICT_DEADLOCKED,
	SEEP_VERDICT_ABANDONED,
	SEEP_VERDICT_SUSPECT,
	SEEP_VERDICT_WAITING,
	SEEP_VERDICT_INTENDED,
};
/** "proven", ... */
const char *seep_verdict_name(enum seep_verdict verdict);

/** One line of a stack, function NULL if unknown. */
struct seep_frame_text {
	const char *function, *file;
	int line;
};

struct seep_finding_goroutine {
	uint64_t id;
	const char *state; /** the runtime's word: "chan send" */
	uint64_t wait_ns; /** lower bound, 0 = unknown */
	const char *wait_kind; /** "channel", "mutex", ...; NULL = nothing */
	seep_addr wait_address; /** 0 = none */
	const char *wait_type; /** "chan *main.job"; NULL = unknown */
	struct seep_frame_text *frames; /** from the innermost */
	size_t frame_count;
};

/** A stack that several goroutines of a finding have in common. */
struct seep_finding_stack {
	struct seep_frame_text *frames; /** from the innermost */
	size_t frame_count;
	uint64_t count; /** goroutines */
};

/** An object that a finding is about: one that is held for nothing, a map, a timer, ... */
struct seep_finding_object {
	seep_addr address;
	const char *type; /** NULL = unknown */
	uint64_t size; /** of its slot */
	bool has_visible;
	uint64_t visible_bytes; /** what the program can still see of it */
	const char *const *path; /** from a root to it: "main.cache", "[...]", ".key" */
	size_t path_len;
};

enum {
	SEEP_FINDING_GOROUTINES_MAX = 10,
	SEEP_FINDING_OBJECTS_MAX = 10,
	SEEP_FINDING_STACKS_MAX = 100
}; /** listed per finding; `count` has them all */

struct seep_finding {
	const char *cause; /** name of the detector: file, docs page and test folder share it */
	enum seep_verdict verdict;
	uint64_t signature; /** stable across runs and builds of the same code */
	const char *noun; /** what count counts, singular: "timer", "object"; NULL = "goroutine" */
	uint64_t count;
	uint64_t retained_bytes; /** what becomes free if exactly these ended or were let go: heap and stacks */
	uint64_t wasted_bytes; /** of it or besides: held, and nothing can see it; 0 = not that kind of finding */
	uint64_t age_ns; /** longest wait known, 0 = unknown */
	const char *summary, *fix;
	struct seep_vec(const char *) why;
	const char *known,
		*known_source; /** what is known of such findings, and where that is from; NULL = nothing */
	struct seep_frame_text where, created;
	const char *
		holder; /** who holds the memory, by type and field: "map[int]main.record, .name"; NULL = unknown or of no concern */
	struct seep_frame_text *
		allocated; /** stack of the allocation of one of the objects, where the runtime sampled it */
	size_t allocated_count;
	struct seep_vec(struct seep_finding_goroutine) goroutines;
	struct seep_vec(struct seep_finding_stack) stacks; /** of all; empty = unknown */
	struct seep_vec(struct seep_finding_object) objects;
};

/** What the finding is worth looking at for: what it retains or wastes, whichever is more. */
uint64_t seep_finding_bytes(const struct seep_finding *finding);

/** A finding that is told in number only, because somebody said that it is known (sift/sift.h). */
struct seep_suppressed {
	struct seep_finding finding;
	const char *reason; /** as the rule has it; NULL = the baseline knows it */
	const char *rule; /** "leaks.supp:7"; NULL = the baseline */
};

/** A part of the process's resident memory; the parts of a ledger add up to its `rss`. */
struct seep_ledger_part {
	const char *name; /** "live heap" */
	uint64_t bytes;
};

/** A shortest path from a root to an object. */
struct seep_object_path {
	struct seep_finding_object object;
	uint64_t retained_bytes;
};

struct seep_state_count {
	const char *state;
	uint64_t count;
};

/** Everything a report says. Unknown: NULL, 0 where 0 cannot be true, or the has_ flag. */
struct seep_report {
	struct {
		enum seep_target_kind kind;
		pid_t pid; /** 0 = not known */
		const char *exe, *go, *arch, *build_id, *main_path, *module;
		bool stripped;
	} target;
	struct {
		uint64_t pause_ns, total_ns, read_bytes;
		uint64_t max_gap_ns; /** the longest that any thread stood at a time: the pause, or what came before it */
		const char *method; /** "pre-copy", "stop-and-copy" */
		const char *why_stopped; /** why pre-copy was tried in vain */
		uint64_t values_bytes; /** of a capture: contents without pointers that it has beside */
		uint64_t precopy_bytes, rounds,
			stops; /** of pre-copy: of the bytes, those read while it ran */
		uint64_t threads;
		uint64_t realtime_ns; /** since 1970, of the moment that the copy is of; 0 = not known */
	} capture;
	struct {
		uint64_t total, user, leaked, waiting,
			intended; /** total: all but dead; user: without the runtime's own */
		struct seep_vec(struct seep_state_count) by_state; /** by count, then name */
	} goroutines;
	struct {
		uint64_t objects, bytes; /** allocated slots, swept or marked */
		uint64_t reachable_objects, reachable_bytes, garbage_bytes;
		uint64_t stack_bytes;
	} heap;
	struct {
		uint64_t rss; /** 0 = not known */
		struct seep_vec(struct seep_ledger_part) parts; /** largest first */
		int64_t gogc; /** GOGC in per cent; -1 = off, INT64_MIN = not known */
		uint64_t memory_limit; /** GOMEMLIMIT; UINT64_MAX = none, 0 = not known */
		uint64_t next_gc; /** heap size at which the next collection starts; 0 = not known */
		uint64_t gc_cycles; /** collections so far; 0 = none, or not known */
		uint64_t last_gc_age_ns; /** since the last one ended; 0 = none, or not known */
		uint64_t cgroup_limit, cgroup_usage; /** 0 = none, or not known */
	} memory;
	struct {
		uint64_t objects, typed_objects, bytes,
			typed_bytes; /** reachable, and those of known type */
		struct seep_vec(struct seep_ledger_part) untyped; /** bytes of the others by why */
	} types;
	struct seep_vec(struct seep_holder) holders; /** what retains at least a tenth of the heap */
	struct {
		struct seep_vec(struct seep_holder) types, variables,
			goroutines; /** largest first */
		struct seep_vec(struct seep_holder)
			sites; /** all goroutines, by the function that they run and the one that started it: "main.worker, started by main.serve" */
	} top; /** for `seep top`; sites for `seep diff` */
	struct seep_tree tree;
	struct seep_vec(struct seep_object_path) paths; /** for `seep why` */
	struct seep_vec(struct seep_finding) findings; /** sorted: largest first */
	struct seep_vec(
		const char *) left_out; /** causes that were not looked for, for want of memory */
	struct seep_vec(struct seep_suppressed)
		suppressed; /** no findings any more; in the same order */
	struct seep_vec(const char *) caveats;
	struct seep_vec(const char *)
		notes; /** what is not known either, but is so in most programs and misleads nobody */
	struct seep_arena_chunk *arena; /** private */
};

/** Zeroes; every report is ended by seep_report_deinit(), which takes all its strings with it. */
void seep_report_init(struct seep_report *report);
void seep_report_deinit(struct seep_report *report);
/** Formatted string, owned by the report. NULL when memory is out. */
const char *seep_report_format(struct seep_report *report, const char *format, ...) _printf_(2, 3);
/** Zeroed bytes, owned by the report. NULL when memory is out. */
void *seep_report_alloc(struct seep_report *report, size_t size);
/** Findings of leaks before what only waits; then the largest first; then an order that does not depend on the run. */
void seep_report_sort(struct seep_report *report);
/** Adds a line to the caveats unless it is there already. */
void seep_report_caveat(struct seep_report *report, const char *format, ...) _printf_(2, 3);
/** Adds a text, which lives as long as the report, to the notes unless it is there already. */
void seep_report_note(struct seep_report *report, const char *text);

#endif
