/**
 * Who holds the locks that somebody waits for. Go does not record owners; evidence on the stacks tells:
 *
 *   1. a deferred Unlock of that very lock that is still pending;
 *   2. a frame that stands between a Lock and an Unlock of it, by its source lines.
 *
 * A frame with an Unlock of it elsewhere is a possible holder: enough to not call the lock abandoned, too little to name it.
 */
#ifndef SEEP_RUNTIME_LOCK_H
#define SEEP_RUNTIME_LOCK_H

#include "runtime/runtime.h"

enum seep_lock_state {
	SEEP_LOCK_UNKNOWN, /** not locked right now, unreadable, or only possible holders: anybody may unlock it */
	SEEP_LOCK_HELD, /** `holders` hold it, by evidence */
	SEEP_LOCK_ABANDONED, /** locked, and no frame or pending defer of any goroutine will unlock it */
};

struct seep_lock_holder {
	uint32_t goroutine; /** index in runtime->goroutines */
	bool deferred; /** evidence 1, else 2 */
	bool waits_as_writer; /** no evidence: a writer in the queue, for which new readers have to wait */
	struct seep_position lock; /** where it locked, if known (function NULL otherwise) */
};

struct seep_lock {
	seep_addr address;
	bool rw;
	enum seep_lock_state state;
	struct seep_vec(struct seep_lock_holder) holders;
	struct seep_vec(uint32_t) waiters; /** goroutines, in allgs order */
	struct seep_vec(struct seep_position)
		candidates; /** ABANDONED: where code locks it without unlocking */
};

struct seep_locks {
	struct seep_vec(struct seep_lock) locks; /** in order of first waiter */
	struct seep_map by_address; /** address → index */
	bool incomplete; /** a stack could not be unwound: nothing is called abandoned */
};

struct seep_error *seep_locks_read(struct seep_runtime *runtime, struct seep_locks *ret)
	_must_check_;
void seep_locks_deinit(struct seep_locks *locks);

/** The lock that goroutine g waits for, NULL if it waits for none. */
static inline const struct seep_lock *seep_locks_of(const struct seep_runtime *rt,
						    const struct seep_locks *locks,
						    const struct seep_goroutine *g)
{
	if (g->wait < SEEP_WAIT_MUTEX || g->wait > SEEP_WAIT_RWMUTEX_WRITE || g->wait_count == 0)
		return NULL;
	const uint64_t *i = seep_map_get(&locks->by_address, rt->waits.data[g->first_wait].address);
	return i ? &locks->locks.data[*i] : NULL;
}

#endif
