/** What the kernel counts of a running process, cheap enough to be asked for every second for days: nothing is stopped. */
#ifndef SEEP_TARGET_GAUGE_H
#define SEEP_TARGET_GAUGE_H

#include "target/target.h"

enum seep_gauge {
	SEEP_GAUGE_RSS, /** bytes resident, as the head of a report has it */
	SEEP_GAUGE_THREADS,
	SEEP_GAUGE_FDS, /** open descriptors */
};

/** How much it is now. Errors: GONE (ended), OS (cannot be read). */
struct seep_error *seep_gauge_read(const struct seep_target *target, enum seep_gauge gauge,
				   uint64_t *ret) _must_check_;
/**
 * How much it may become. RSS: the least memory limit of the control groups that the process is in, and of the machine; FDS: RLIMIT_NOFILE.
 * Errors: GONE, OS, MISSING_INFO (nothing limits it).
 */
struct seep_error *seep_gauge_limit(const struct seep_target *target, enum seep_gauge gauge,
				    uint64_t *ret) _must_check_;
/** Whether a control group with a memory limit has the process in it and seep, too: what seep takes counts for both. */
bool seep_gauge_shares_limit(const struct seep_target *target);

#endif
