/** Waiting until a running process is about to be in trouble. */
#ifndef SEEP_CLI_WAIT_H
#define SEEP_CLI_WAIT_H

#include "base/vec.h"
#include "cli/condition.h"
#include "runtime/counters.h"

struct seep_conditions seep_vec(struct seep_condition);

enum seep_waited {
	SEEP_WAITED_MET, /** one of the conditions holds */
	SEEP_WAITED_TIME_UP,
	SEEP_WAITED_SIGNAL, /** by a signal that would have ended seep */
};

struct seep_waiting {
	const struct seep_conditions *conditions;
	uint64_t within_ns; /** 0 = as long as it takes */
	bool progress; /** a line on standard error, written anew with each look */
	// What came of it.
	enum seep_waited end;
	int signal;
	struct seep_str
		text; /** MET: what is above what, and after how long; else how it stood at last */
};

/**
 * Looks every second, and more often when a quantity grows towards its value, until one of the conditions holds. The process is not
 * stopped. text is initialised, and the caller's to deinit. Errors: GONE (it ended; says how it stood), and at the first look whatever
 * keeps a quantity or its limit from being known.
 */
struct seep_error *seep_wait(struct seep_target *target, const struct seep_counters *counters,
			     struct seep_waiting *waiting) _must_check_;

#endif
