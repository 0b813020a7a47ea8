/** What lock.c and lock_unlock.c share while they judge locks. */
#ifndef SEEP_RUNTIME_LOCK_READER_H
#define SEEP_RUNTIME_LOCK_READER_H

#include "runtime/lock.h"
#include "runtime/lock_code.h"

enum { SEEP_POSSIBLE_MAX = 4 };

/** Goroutines that may unlock a lock, without evidence that they hold it. */
struct seep_lock_possible {
	uint32_t goroutines[SEEP_POSSIBLE_MAX]; /** the first few */
	uint8_t count;
	bool more; /** or somebody who is no goroutine */
};

struct seep_lock_reader {
	struct seep_runtime *rt;
	struct seep_locks *locks;
	struct seep_lock_coder coder;
	struct seep_map by_object; /** heap object number → index + 1 of one lock in it */
	struct seep_lock_possible *possible; /** by lock */
	bool failed; /** memory ran out */
};

static inline size_t seep_lock_index(const struct seep_lock_reader *r, const struct seep_lock *lock)
{
	return lock - r->locks->locks.data;
}
static inline bool seep_waits_for(const struct seep_lock_reader *r, uint32_t goroutine,
				  const struct seep_lock *lock)
{
	return seep_locks_of(r->rt, r->locks, &r->rt->goroutines.data[goroutine]) == lock;
}
static inline struct seep_position seep_lock_op_position(const struct seep_lock_op *op)
{
	return op && op->levels.count ? op->levels.at[op->levels.count - 1] :
					(struct seep_position){};
}

static inline void seep_lock_add_possible(struct seep_lock_reader *r, const struct seep_lock *lock,
					  uint32_t goroutine)
{
	struct seep_lock_possible *p = &r->possible[seep_lock_index(r, lock)];

	for (unsigned i = 0; i < p->count; i++)
		if (p->goroutines[i] == goroutine)
			return;
	if (p->count < SEEP_POSSIBLE_MAX)
		p->goroutines[p->count++] = goroutine;
	else
		p->more = true;
}

/** Once evidence has been collected: gives each lock its state. */
void seep_locks_judge(struct seep_lock_reader *reader);

#endif
