/**
 * Objects whose finalizers or cleanups can never run, because what the runtime keeps for these leads back to them.
 *
 * web	    everything that objects with a finalizer or cleanup lead to, by their own pointers and by the records' words: its nodes are objects
 * cycle    a strongly connected part of the web that keeps itself reachable for the collector, and that nothing else leads to
 * held     what only cycles lead to, themselves included
 */
#ifndef SEEP_GRAPH_CYCLE_H
#define SEEP_GRAPH_CYCLE_H

#include "graph/mark.h"

/** A step of the way round a cycle. */
struct seep_cycle_step {
	struct seep_object object;
	bool by_special; /** on from here by the finalizer's or cleanup's record, else by a pointer in the object */
	uint64_t offset; /** of that pointer, bytes from the object's start */
};

struct seep_cycle {
	uint32_t component;
	uint32_t special; /** index in runtime->specials: of its object with the lowest address */
	uint64_t objects; /** in it */
	uint64_t specials; /** finalizers and cleanups of these, which will never run */
};

struct seep_cycles {
	struct seep_vec(struct seep_cycle) cycles; /** by address */
	void *web; /** private */
};

/** Errors: NO_MEMORY. What cannot be told because parts of memory are missing is left out. */
struct seep_error *seep_cycles_find(struct seep_runtime *runtime, struct seep_cycles *ret)
	_must_check_;
/** The same with webs of up to so many objects walked before anything is marked: only the cost depends on it. */
struct seep_error *seep_cycles_find_within(struct seep_runtime *runtime, uint64_t web_max,
					   struct seep_cycles *ret) _must_check_;
void seep_cycles_deinit(struct seep_cycles *cycles);

/** Is the object in a cycle, or held by some? */
bool seep_cycles_hold(const struct seep_cycles *cycles, struct seep_object object);

/**
 * The shortest way from the object of cycle->special back to itself, one step for each object; at most max are stored, and the number that
 * there are is returned. 0 when memory is out.
 */
size_t seep_cycle_way(const struct seep_cycles *cycles, const struct seep_cycle *cycle,
		      struct seep_cycle_step *ret, size_t max);
/**
 * Bytes and objects that each group of cycles holds. groups[i] is the group of cycle i, below count. What two groups hold
 * together counts for neither.
 */
struct seep_cycles_held {
	uint64_t bytes, objects;
};
struct seep_error *seep_cycles_held(const struct seep_cycles *cycles, const uint32_t *groups,
				    uint32_t count, struct seep_cycles_held *ret) _must_check_;

/** What to leave out of the roots. */
struct seep_root_choice {
	bool without_specials; /** but for weak handles: they and their objects stay */
	const uint64_t *without_queued; /** bit by entry of runtime->queue, NULL = all stay */
};
/** Marks from all roots of the collector's, and follows. */
void seep_mark_roots(struct seep_runtime *runtime, const struct seep_root_choice *choice,
		     struct seep_marker *marker);

#endif
