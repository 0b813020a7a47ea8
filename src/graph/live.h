/**
 * Which goroutines can still run, and what follows for those that cannot.
 *
 * A blocked goroutine becomes live once what it waits for is reached from what is live; then its own stack is a root, too. That is
 * repeated to the fixed point, three times, each time believing less about locks:
 *
 *   phase 0	a lock is unlocked only by a live holder, if evidence names holders; an abandoned lock never
 *   phase 1	an abandoned lock, too, is unlocked by whoever reaches it
 *   phase 2	every lock is unlocked by whoever reaches it
 *
 * So the phase in which a goroutine becomes live is the weakest claim that its leak rests on: live in phase 0 = it may
 * run on; in phase 1 = its leak assumes that some lock is abandoned; in phase 2 = that holders are who the evidence says;
 * never = reachability alone proves it.
 */
#ifndef SEEP_GRAPH_LIVE_H
#define SEEP_GRAPH_LIVE_H

#include "graph/mark.h"
#include "runtime/lock.h"

enum seep_live_phase {
	SEEP_LIVE,
	SEEP_LIVE_IF_ABANDONED_UNLOCKED,
	SEEP_LIVE_IF_REACHED,
	SEEP_LIVE_NEVER
};

/** What first reached the thing that a goroutine waits for. */
enum seep_root_kind {
	SEEP_ROOT_NONE,
	SEEP_ROOT_GLOBAL,
	SEEP_ROOT_THREAD, /** in the hands of the runtime itself, on a thread */
	SEEP_ROOT_TIMER,
	SEEP_ROOT_SPECIAL,
	SEEP_ROOT_GOROUTINE
};
struct seep_root {
	enum seep_root_kind kind;
	uint64_t id; /** GLOBAL: address of the word; TIMER: index; GOROUTINE: index */
};

struct seep_live {
	const struct seep_runtime *runtime;
	const struct seep_locks *locks;
	uint8_t *phase; /** enum seep_live_phase by goroutine */
	struct seep_root *woken_by; /** by goroutine; NONE unless asked for */
	uint64_t *base; /** objects reached in phase 0: what stays when all leaked goroutines are gone */
	uint64_t *opaque; /** objects that are no edges for leaks */
	uint64_t reachable_objects,
		reachable_bytes; /** as the collector counts: leaked goroutines are roots as well */
	uint64_t reachable_pointerful; /** of these objects: in spans with pointers */
	uint64_t pointers; /** to objects, in roots and in reachable objects: edges are not more */
	uint64_t dangling;
	seep_addr dangling_example;
	uint64_t *reachable; /** bit per object number, the collector's set */
};

/** Whether each goroutine's waker is to be named: then roots are followed one after the other, instead of all at once by several threads. */
enum seep_live_wakers { SEEP_LIVE_UNNAMED, SEEP_LIVE_NAMED };

struct seep_error *seep_live_find(struct seep_runtime *runtime, const struct seep_locks *locks,
				  enum seep_live_wakers wakers, struct seep_live *ret) _must_check_;
void seep_live_deinit(struct seep_live *live);

/**
 * For each group of goroutines, the bytes that become free if exactly that group ended: heap that nothing else reaches,
 * and the stacks. groups[i] is the group of goroutine i, or UINT32_MAX; ret has count entries.
 */
struct seep_error *seep_retained(struct seep_runtime *runtime, const struct seep_live *live,
				 const uint32_t *groups, uint32_t count, uint64_t *ret)
	_must_check_;

#endif
