/** What lock.c and lock_unlock.c share while they judge locks. */
#ifndef SEEP_RUNTIME_LOCK_READER_H
#define SEEP_RUNTIME_LOCK_READER_H

#include "runtime/lock.h"
#include "runtime/lock_code.h"

struct seep_lock_reader {
	struct seep_runtime *rt;
	struct seep_locks *locks;
	struct seep_lock_coder coder;
	struct seep_map by_object; /** heap object number → index + 1 of one lock in it */
	uint8_t *possible; /** by lock: something found may unlock it */
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

/** Once evidence has been collected: gives each lock its state. */
void seep_locks_judge(struct seep_lock_reader *reader);

#endif
