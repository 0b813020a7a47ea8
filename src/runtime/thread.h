/** The runtime's threads (runtime.m), each with the operating system's. */
#ifndef SEEP_RUNTIME_THREAD_H
#define SEEP_RUNTIME_THREAD_H

#include "runtime/runtime.h"

enum { SEEP_NO_GOROUTINE = UINT32_MAX };

/** A runtime.m and what is known of its thread. */
struct seep_m {
	seep_addr addr;
	const struct seep_thread
		*thread; /** NULL = not found; it may be one that could not be stopped */
	uint32_t curg; /** index of the goroutine it works for, SEEP_NO_GOROUTINE = none */
	uint32_t lockedg; /** index of the goroutine that has it for itself (runtime.LockOSThread), or SEEP_NO_GOROUTINE */
	struct seep_range g0,
		signal; /** its own stack, and the one for signals; 0, 0 = not known */
};

struct seep_ms {
	struct seep_vec(struct seep_m) v; /** newest first, as the runtime links them */
};

struct seep_error *seep_ms_read(const struct seep_runtime *runtime, struct seep_ms *ret)
	_must_check_;
void seep_ms_deinit(struct seep_ms *ms);

#endif
