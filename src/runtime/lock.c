// Holders of locks, by evidence.
//
// For each lock that somebody waits for, every frame of every goroutine is asked: is an Unlock of it deferred here and still to come?
// Does the frame stand behind a Lock and before an Unlock of it, in source order? The address that an operation works on comes from
// where the code takes it (a package variable, a slot of the frame) read now. An operation whose address cannot be told counts for
// any lock that the frame's words lead to, but never names a holder alone.
// What nobody holds by that evidence may still be unlocked by somebody: lock_unlock.c.
#include "runtime/lock_reader.h"

#include "runtime/defer.h"
#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	OPEN_DEFERS_MAX = 8,
	FRAME_WORDS_MAX = 4096,
	CLOSURE_WORDS = 8,
	ITAB_FUNS = 24, // offset of the methods in an itab
	ITAB_FUNS_MAX = 8,
};

static struct seep_lock *lock_at(const struct seep_lock_reader *r, seep_addr address)
{
	const uint64_t *i = seep_map_get(&r->locks->by_address, address);

	return i ? &r->locks->locks.data[*i] : NULL;
}

/** The lock that a word leads to: its address, or an object that holds it. */
static struct seep_lock *lock_near(const struct seep_lock_reader *r, seep_addr word)
{
	struct seep_lock *lock = lock_at(r, word);
	struct seep_object object;

	if (lock || !seep_heap_find(&r->rt->heap, word, &object))
		return lock;
	const uint64_t *i = seep_map_get(&r->by_object, seep_heap_number(&r->rt->heap, object));
	return i ? &r->locks->locks.data[*i - 1] : NULL;
}

static bool is_in_cond_wait(const struct seep_lock_reader *r, uint32_t goroutine)
{
	struct seep_unwinder u;

	if (!seep_unwind_start(r->rt, &r->rt->goroutines.data[goroutine], &u))
		return false;
	do {
		if (strcmp(u.frame.site->func.name, "sync.(*Cond).Wait") == 0)
			return true;
	} while (seep_unwind_next(&u));
	return false;
}

/** Is the goroutine in the Wait of a sync.Cond whose L is the lock? That unlocks it, and at its end waits to lock it again. */
static bool has_lent(const struct seep_lock_reader *r, uint32_t goroutine,
		     const struct seep_lock *lock)
{
	const struct seep_goroutine *g = &r->rt->goroutines.data[goroutine];
	uint64_t locker;

	if (seep_waits_for(r, goroutine, lock))
		return is_in_cond_wait(r, goroutine);
	// L, an interface, is the field before notify; its second word is the lock.
	return g->wait == SEEP_WAIT_COND && g->wait_count &&
	       seep_memory_u64(&r->rt->memory,
			       r->rt->waits.data[g->first_wait].address +
				       r->rt->binary->layout.cond_notify - 8,
			       &locker) &&
	       locker == lock->address;
}

static void add_holder(struct seep_lock_reader *r, struct seep_lock *lock,
		       struct seep_lock_holder holder)
{
	if (has_lent(r, holder.goroutine, lock))
		return;
	for (size_t i = 0; i < lock->holders.len; i++)
		if (lock->holders.data[i].goroutine == holder.goroutine) {
			if (!lock->holders.data[i].lock.function)
				lock->holders.data[i].lock = holder.lock;
			lock->holders.data[i].deferred |= holder.deferred;
			return;
		}
	if (!seep_vec_push(&lock->holders, holder))
		r->failed = true;
}

// Which lock an operation in a frame works on.

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

struct frame {
	uint32_t goroutine;
	const struct seep_frame *f;
	struct seep_levels at; /** where it stands */
	const struct seep_lock_code *code;
};

static bool resolve(const struct seep_lock_reader *r, const struct seep_lock_op *op, seep_addr sp,
		    seep_addr ctx, seep_addr *ret)
{
	if (!seep_origin_resolve(&op->arg, &r->rt->memory, sp, ctx, ret))
		return false;
	*ret -= op->inside;
	return true;
}

static enum match op_matches(const struct seep_lock_reader *r, const struct frame *frame,
			     const struct seep_lock_op *op, const struct seep_lock *lock)
{
	seep_addr address;

	if (resolve(r, op, frame->f->sp, 0, &address))
		return address == lock->address ? MATCH_YES : MATCH_NO;
	return op->arg.kind == SEEP_ORIGIN_GLOBAL ? MATCH_NO : MATCH_MAYBE;
}

/** The operation that a waiting frame is blocked in. */
static bool is_blocked_op(const struct seep_lock_reader *r, const struct frame *frame,
			  const struct seep_lock_op *op, const struct seep_lock *lock)
{
	return !op->unlock && seep_waits_for(r, frame->goroutine, lock) &&
	       seep_levels_compare(&op->levels, &frame->at) == 0;
}

/** The last Lock of it before where the frame stands; NULL if there is none. */
static const struct seep_lock_op *lock_before(const struct seep_lock_reader *r,
					      const struct frame *frame,
					      const struct seep_lock *lock, enum match *match_ret)
{
	const struct seep_lock_op *best = NULL;

	for (size_t i = 0; frame->code && i < frame->code->ops.len; i++) {
		const struct seep_lock_op *op = &frame->code->ops.data[i];
		if (op->unlock || op->levels.wrapper || is_blocked_op(r, frame, op, lock))
			continue;
		enum match match = op_matches(r, frame, op, lock);
		int order = seep_levels_compare(&op->levels, &frame->at);
		if (match == MATCH_NO || order > 0 ||
		    (best && seep_levels_compare(&op->levels, &best->levels) < 0))
			continue;
		best = op;
		*match_ret = match;
	}
	return best;
}

/** Is an Unlock of it between the Lock and where the frame stands? On which way the frame came is not known. */
static bool unlocked_since(const struct seep_lock_reader *r, const struct frame *frame,
			   const struct seep_lock_op *locked, const struct seep_lock *lock)
{
	for (size_t i = 0; i < frame->code->ops.len; i++) {
		const struct seep_lock_op *op = &frame->code->ops.data[i];
		if (op->unlock && !op->levels.wrapper &&
		    op_matches(r, frame, op, lock) != MATCH_NO &&
		    seep_levels_compare(&op->levels, &locked->levels) >= 0 &&
		    seep_levels_compare(&op->levels, &frame->at) < 0)
			return true;
	}
	return false;
}

/** The next operation on it behind where the frame stands; NULL if there is none. */
static const struct seep_lock_op *op_after(const struct seep_lock_reader *r,
					   const struct frame *frame, const struct seep_lock *lock,
					   enum match *match_ret)
{
	const struct seep_lock_op *best = NULL;

	for (size_t i = 0; frame->code && i < frame->code->ops.len; i++) {
		const struct seep_lock_op *op = &frame->code->ops.data[i];
		if (op->levels.wrapper || is_blocked_op(r, frame, op, lock))
			continue;
		enum match match = op_matches(r, frame, op, lock);
		int order = seep_levels_compare(&op->levels, &frame->at);
		// On the line where the frame stands, an Unlock is still to come, a Lock is past.
		if (match == MATCH_NO || order < 0 || (order == 0 && !op->unlock))
			continue;
		if (best && seep_levels_compare(&op->levels, &best->levels) >= 0)
			continue;
		best = op;
		*match_ret = match;
	}
	return best;
}

/** Evidence 2, for one lock that the frame has to do with. */
static void judge_position(struct seep_lock_reader *r, const struct frame *frame,
			   struct seep_lock *lock)
{
	enum match locked = MATCH_NO, next = MATCH_NO;
	const struct seep_lock_op *before = lock_before(r, frame, lock, &locked),
				  *after = op_after(r, frame, lock, &next);
	bool waits = seep_waits_for(r, frame->goroutine, lock);

	// Who waits for a lock in this frame cannot unlock it first; only its own earlier Lock would make it a holder.
	if (before && after && after->unlock && (locked == MATCH_YES || next == MATCH_YES) &&
	    (!waits || locked == MATCH_YES) && !unlocked_since(r, frame, before, lock)) {
		add_holder(r, lock,
			   (struct seep_lock_holder){ .goroutine = frame->goroutine,
						      .lock = seep_lock_op_position(before) });
		return;
	}
	for (size_t i = 0; !waits && i < frame->code->ops.len; i++)
		if (frame->code->ops.data[i].unlock &&
		    op_matches(r, frame, &frame->code->ops.data[i], lock) != MATCH_NO)
			seep_lock_add_possible(r, lock, frame->goroutine);
}

static void judge_frame(struct seep_lock_reader *r, const struct frame *frame)
{
	seep_addr address;
	uint64_t word;
	bool unresolved = false;

	for (size_t i = 0; i < frame->code->ops.len; i++) {
		const struct seep_lock_op *op = &frame->code->ops.data[i];
		if (!resolve(r, op, frame->f->sp, 0, &address)) {
			unresolved = true;
			continue;
		}
		struct seep_lock *lock = lock_at(r, address);
		if (lock)
			judge_position(r, frame, lock);
	}
	for (unsigned i = 0;
	     unresolved && i < FRAME_WORDS_MAX && frame->f->sp + 8 * i < frame->f->fp + 64; i++) {
		struct seep_lock *lock = seep_stack_word(&r->rt->goroutines.data[frame->goroutine],
							 frame->f->sp + 8 * i, &word) ?
						 lock_near(r, word) :
						 NULL;
		if (lock)
			judge_position(r, frame, lock);
	}
}

// Evidence 1: deferred functions.

static void add_deferred(struct seep_lock_reader *r, struct seep_lock *lock,
			 const struct frame *frame)
{
	enum match match = MATCH_NO;
	const struct seep_lock_op *before = frame->code ? lock_before(r, frame, lock, &match) :
							  NULL;

	// Deferred ahead of the Lock that it is for: not held yet. Or unlocked for the time being, to be locked again later.
	if (before ? unlocked_since(r, frame, before, lock) :
		     seep_waits_for(r, frame->goroutine, lock)) {
		if (!seep_waits_for(r, frame->goroutine, lock))
			seep_lock_add_possible(r, lock, frame->goroutine);
		return;
	}
	add_holder(r, lock,
		   (struct seep_lock_holder){ .goroutine = frame->goroutine,
					      .deferred = true,
					      .lock = seep_lock_op_position(before) });
}

/** Is the word an itab whose type has one of the Unlock methods? (abi.ITab: fun at 24) */
static bool is_unlocker_itab(const struct seep_lock_reader *r, seep_addr itab)
{
	uint64_t pc;

	for (unsigned i = 0; i < ITAB_FUNS_MAX; i++) {
		if (!seep_memory_u64(&r->rt->memory, itab + ITAB_FUNS + 8 * i, &pc) || !pc)
			return false;
		for (size_t k = 0; k < r->coder.entries.len; k++)
			if (r->coder.entry_unlocks.data[k] && r->coder.entries.data[k] == pc)
				return true;
	}
	return false;
}

/** A deferred func value whose operand cannot be told: what it captured decides. */
static void judge_captured(struct seep_lock_reader *r, seep_addr fn, bool unlocks,
			   const struct frame *frame)
{
	uint64_t word, before = 0;

	for (unsigned k = 0; k < CLOSURE_WORDS; k++, before = word) {
		if (!seep_memory_u64(&r->rt->memory, fn + 8 + 8 * k, &word))
			return;
		struct seep_lock *lock = lock_at(r, word);
		// defer l.Unlock() with a sync.Locker captures the interface's two words.
		if (lock && (unlocks || (before && is_unlocker_itab(r, before))))
			add_deferred(r, lock, frame);
		else if (unlocks && (lock = lock_near(r, word)))
			seep_lock_add_possible(r, lock, frame->goroutine);
	}
}

/** The locks that the func value fn, deferred by the frame and still to run, will unlock. */
static void judge_deferred(struct seep_lock_reader *r, seep_addr fn, const struct frame *frame)
{
	struct seep_func func;
	bool unlocks = false, unresolved = false;
	uint64_t pc;
	seep_addr address;

	if (!fn || !seep_memory_u64(&r->rt->memory, fn, &pc) ||
	    !seep_pclntab_find(&r->rt->binary->pclntab, pc, &func))
		return;
	const struct seep_lock_code *code = seep_lock_code_of(&r->coder, &func);
	for (size_t i = 0; code && i < code->ops.len; i++) {
		const struct seep_lock_op *op = &code->ops.data[i];
		if (!op->unlock)
			continue;
		unlocks = true;
		// An operand in the deferred function's own frame: that does not exist yet.
		if (op->arg.kind == SEEP_ORIGIN_SLOT || op->arg.kind == SEEP_ORIGIN_SLOT_ADDRESS ||
		    !resolve(r, op, 0, fn, &address)) {
			unresolved = true;
			continue;
		}
		struct seep_lock *lock = lock_at(r, address);
		if (lock)
			add_deferred(r, lock, frame);
	}
	if (unresolved || !unlocks)
		judge_captured(r, fn, unlocks, frame);
}

/** Records that belong to the frame; the walk goes on to the next outer frame's. */
static void judge_defer_records(struct seep_lock_reader *r, const struct frame *frame,
				struct seep_defers *records)
{
	struct seep_defers in_bodies;

	for (; records->valid && records->at.sp < frame->f->fp; seep_defers_next(records)) {
		judge_deferred(r, records->at.fn, frame);
		seep_defers_start_list(r->rt, &records->at, &in_bodies);
		for (; in_bodies.valid; seep_defers_next(&in_bodies))
			judge_deferred(r, in_bodies.at.fn, frame);
	}
}

/**
 * Open-coded defers: no record; a byte of the frame has a bit for each that is pending, and slots hold the func values.
 * FUNCDATA 4: up to Go 1.21 {offset of the bits, n, then the slots' offsets, last first}; since 1.22 {offset of the bits, offset of the
 * first slot}; offsets downwards from varp, as uvarints (cmd/compile/internal/ssagen/ssa.go emitOpenDeferInfo).
 */
static void judge_open_defers(struct seep_lock_reader *r, const struct frame *frame)
{
	const struct seep_memory *memory = &r->rt->memory;
	seep_addr info = seep_func_funcdata(&r->rt->binary->pclntab, &frame->f->site->func,
					    SEEP_FUNCDATA_OPEN_CODED_DEFERS);
	struct seep_buffer buf = info ? seep_memory_buffer(memory, info, 64) :
					(struct seep_buffer){};
	uint64_t bits_offset, count, offset, fn;

	if (!info || !seep_buffer_uvarint(&buf, &bits_offset))
		return;
	const uint8_t *bits = seep_memory_at(memory, frame->f->varp - bits_offset, 1);
	if (!bits || *bits == 0 || !seep_buffer_uvarint(&buf, &count))
		return;
	bool listed = r->rt->binary->layout.defer_open_defer >= 0; // ≤1.21
	for (unsigned i = listed ? (count <= OPEN_DEFERS_MAX ? count : 0) : OPEN_DEFERS_MAX;
	     i-- > 0;) {
		if (!listed)
			offset = count - 8 * i; // `count` is the first slot's offset
		else if (!seep_buffer_uvarint(&buf, &offset))
			return;
		if (*bits >> i & 1 && seep_memory_u64(memory, frame->f->varp - offset, &fn))
			judge_deferred(r, fn, frame);
	}
}

struct owner {
	struct seep_lock_reader *r;
	uint32_t goroutine;
};

/** Whoever has a lock's very address may unlock it by a call that nobody can foresee. */
static void judge_stack_word(seep_addr word, bool precise, void *arg)
{
	const struct owner *owner = arg;
	const struct seep_lock *lock = lock_at(owner->r, word);

	(void)precise;
	if (lock && !seep_waits_for(owner->r, owner->goroutine, lock))
		seep_lock_add_possible(owner->r, lock, owner->goroutine);
}

static void judge_goroutine(struct seep_lock_reader *r, uint32_t i)
{
	const struct seep_goroutine *g = &r->rt->goroutines.data[i];
	struct seep_unwinder u;
	struct seep_defers records;

	if (!seep_unwind_start(r->rt, g, &u)) {
		if (!g->system)
			r->locks->incomplete = true;
		return;
	}
	seep_stack_roots(r->rt, g, judge_stack_word, &(struct owner){ r, i });
	seep_defers_start(r->rt, g, &records);
	do {
		struct frame frame = { .goroutine = i, .f = &u.frame };
		frame.code = seep_lock_code_of(&r->coder, &u.frame.site->func);
		bool defers = seep_func_funcdata(&r->rt->binary->pclntab, &u.frame.site->func,
						 SEEP_FUNCDATA_OPEN_CODED_DEFERS) != 0;
		if (frame.code || defers || records.valid) {
			seep_addr pc = u.depth && u.frame.pc > u.frame.site->func.entry ?
					       u.frame.pc - 1 :
					       u.frame.pc;
			seep_levels_of(r->rt, &u.frame.site->func, pc, &frame.at);
			judge_open_defers(r, &frame);
			judge_defer_records(r, &frame, &records);
			if (frame.code)
				judge_frame(r, &frame);
		}
	} while (seep_unwind_next(&u));
	if (!u.complete && !g->system)
		r->locks->incomplete = true;
}

/** New readers wait for a writer in the queue as well, who waits for the holders. */
static void add_queued_writers(struct seep_lock_reader *r, struct seep_lock *lock)
{
	for (size_t i = 0; i < lock->waiters.len; i++)
		if (r->rt->goroutines.data[lock->waiters.data[i]].wait == SEEP_WAIT_RWMUTEX_WRITE)
			add_holder(r, lock,
				   (struct seep_lock_holder){ .goroutine = lock->waiters.data[i],
							      .waits_as_writer = true });
}

static bool list_locks(struct seep_lock_reader *r)
{
	struct seep_runtime *rt = r->rt;

	for (uint32_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		struct seep_object object;
		bool added;
		if (g->wait < SEEP_WAIT_MUTEX || g->wait > SEEP_WAIT_RWMUTEX_WRITE ||
		    g->wait_count == 0)
			continue;
		seep_addr address = rt->waits.data[g->first_wait].address;
		uint64_t *slot = seep_map_put(&r->locks->by_address, address, &added);
		if (!slot)
			return false;
		if (added) {
			*slot = r->locks->locks.len;
			if (!seep_vec_push(&r->locks->locks,
					   (struct seep_lock){ .address = address }))
				return false;
		}
		size_t index = *slot;
		if (seep_heap_find(&rt->heap, address, &object)) {
			uint64_t *in = seep_map_put(&r->by_object,
						    seep_heap_number(&rt->heap, object), NULL);
			if (!in)
				return false;
			*in = index + 1;
		}
		struct seep_lock *lock = &r->locks->locks.data[index];
		lock->rw |= g->wait == SEEP_WAIT_RWMUTEX_READ || g->wait == SEEP_WAIT_RWMUTEX_WRITE;
		if (!seep_vec_push(&lock->waiters, i))
			return false;
	}
	return true;
}

struct seep_error *seep_locks_read(struct seep_runtime *rt, struct seep_locks *ret)
{
	struct seep_error *err;
	struct seep_lock_reader r = { .rt = rt, .locks = ret };

	*ret = (struct seep_locks){};
	if (!list_locks(&r))
		r.failed = true;
	r.possible = calloc(ret->locks.len + 1, sizeof(*r.possible));
	err = r.possible && !r.failed ? seep_lock_coder_init(&r.coder, rt) : &seep_enomem;
	// Where calls may go by way of jumps that the linker has put in, nobody is known to hold a lock, nor that nobody will unlock it.
	const struct seep_module *m = &rt->binary->pclntab.module;
	if (!err && ret->locks.len && m->etext - m->text < rt->binary->image.arch->call_reach) {
		for (uint32_t i = 0; i < rt->goroutines.len; i++)
			judge_goroutine(&r, i);
		seep_locks_judge(&r);
		for (size_t i = 0; i < ret->locks.len; i++)
			if (ret->locks.data[i].state == SEEP_LOCK_HELD)
				add_queued_writers(&r, &ret->locks.data[i]);
		if (r.failed)
			err = &seep_enomem;
	}
	seep_lock_coder_deinit(&r.coder);
	seep_map_deinit(&r.by_object);
	free(r.possible);
	return err;
}

void seep_locks_deinit(struct seep_locks *locks)
{
	for (size_t i = 0; i < locks->locks.len; i++) {
		seep_vec_free(&locks->locks.data[i].holders);
		seep_vec_free(&locks->locks.data[i].waiters);
		seep_vec_free(&locks->locks.data[i].candidates);
	}
	seep_vec_free(&locks->locks);
	seep_map_deinit(&locks->by_address);
}
