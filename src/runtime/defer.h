/** Defer records: what the calls that a goroutine is in will still run when they return. Open-coded defers have none. */
#ifndef SEEP_RUNTIME_DEFER_H
#define SEEP_RUNTIME_DEFER_H

#include "runtime/runtime.h"

/** A runtime._defer. */
struct seep_defer {
	seep_addr addr; /** of the record: on the heap, or in the frame */
	seep_addr sp; /** stack pointer of the frame that deferred; 0 in a list of range-over-func bodies */
	seep_addr pc; /** return address of the call that stands for the defer statement; 0 like sp */
	seep_addr fn; /** func value; 0 in the record of a range-over-func loop itself */
	seep_addr link; /** the next older record */
	seep_addr head; /** range-over-func: the word with the newest record that the loop's bodies deferred; else 0 */
};

/** Walks a chain from the newest record to the oldest, at most once around a circle. */
struct seep_defers {
	const struct seep_runtime *runtime;
	struct seep_defer at; /** where the walk stands, while `valid` */
	bool valid;
	uint64_t steps; /** private: see defer.c */
	seep_addr mark;
};

/** To the newest record of a goroutine. */
void seep_defers_start(const struct seep_runtime *runtime, const struct seep_goroutine *g,
		       struct seep_defers *ret);
/** To the newest record in the list of a range-over-func record. */
void seep_defers_start_list(const struct seep_runtime *runtime, const struct seep_defer *loop,
			    struct seep_defers *ret);
void seep_defers_next(struct seep_defers *walk);

/** As seep_stack_roots(), without what the records hold whose addresses are in the map; NULL = none. */
void seep_stack_roots_but(struct seep_runtime *runtime, const struct seep_goroutine *g,
			  const struct seep_map *defers, seep_stack_visit *visit, void *arg);

#endif
