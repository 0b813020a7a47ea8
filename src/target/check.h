/**
 * What would stop an attach, or make its pause longer, asked one by one, for `seep doctor`. Nothing is stopped but a child of
 * seep's own; of the process that is meant, /proc is read, and whether the kernel would permit ptrace is learnt by opening
 * /proc/PID/mem.
 */
#ifndef SEEP_TARGET_CHECK_H
#define SEEP_TARGET_CHECK_H

#include "base/error.h"
#include "base/vec.h"
#include "target/target.h"

enum seep_check_outcome {
	SEEP_CHECK_OK,
	SEEP_CHECK_SLOWER, /** an attach works, and costs more */
	SEEP_CHECK_STOPS, /** an attach works by stop-and-copy only */
	SEEP_CHECK_FAILS,
};
struct seep_check {
	const char *name; /** static */
	enum seep_check_outcome outcome;
	enum seep_error_code code; /** of the error that an attach would end with, if it fails */
	/** What was found, and what mends it, "" where nothing needs to or can. May hold names from a target: escape them. */
	char found[256], remedy[448];
};
struct seep_checks seep_vec(struct seep_check);

/** Appends; strings are copied. FAILS stands for NOT_PERMITTED until its code is changed. */
struct seep_error *seep_check_add(struct seep_checks *checks, const char *name,
				  enum seep_check_outcome outcome, const char *found,
				  const char *remedy) _must_check_;

/** The kernel and what seep may do on this machine: tried on a child. */
struct seep_error *seep_check_machine(struct seep_checks *checks) _must_check_;
/** Whether processes in general may be attached to. */
struct seep_error *seep_check_reach(struct seep_checks *checks) _must_check_;
/** permit.c: whether this one may be. Nothing is added if there is no such process. */
struct seep_error *seep_check_rights(pid_t pid, struct seep_checks *checks) _must_check_;
/** Of a process that may be attached to: whether it can be stopped, and copied while it runs. */
struct seep_error *seep_check_target(struct seep_target *target, struct seep_checks *checks)
	_must_check_;

/** Bytes that seep may still take; UINT64_MAX: no limit is known. */
struct seep_room {
	uint64_t machine; /** that are free, or can be made so */
	uint64_t group; /** below the limit of seep's own control group, where what files occupy counts as used */
};
struct seep_room seep_check_room(void);

#endif
