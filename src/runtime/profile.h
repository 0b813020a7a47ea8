/** The runtime's own memory profile: where an object was allocated, if it is one of those that were sampled. */
#ifndef SEEP_RUNTIME_PROFILE_H
#define SEEP_RUNTIME_PROFILE_H

#include "runtime/runtime.h"

/** No stack in a profile is longer: 32 up to Go 1.22, GODEBUG=profstackdepth since then, whose own limit this is. */
enum { SEEP_ALLOCATION_DEPTH_MAX = 1024 };

enum seep_sampling {
	SEEP_SAMPLING_UNKNOWN,
	SEEP_SAMPLING_OFF, /** no object gets a stack; some from before may have one */
	SEEP_SAMPLING_ON, /** some do: on average one for each MemProfileRate bytes allocated */
};

/** Whether allocations are sampled. rate_ret, unless NULL: runtime.MemProfileRate, 0 if it is not known or 0. */
enum seep_sampling seep_sampling(const struct seep_runtime *runtime, uint64_t *rate_ret);

/**
 * The stack of an object's allocation as return addresses, innermost first, at most max of them. Inlined calls have entries of their
 * own: each pc stands for one line of a traceback, the innermost position of pc - 1. False if the object was not sampled, and for tiny blocks,
 * where the sample is of one of several objects.
 */
bool seep_allocation_stack(const struct seep_runtime *runtime, struct seep_object object,
			   seep_addr *pcs, size_t max, size_t *count_ret);

#endif
