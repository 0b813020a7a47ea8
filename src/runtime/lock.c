// Holders of locks, by evidence.
//
// For each lock that somebody waits for, every frame of every goroutine is asked: is an Unlock of it deferred here and still to come?
// Does the frame stand behind a Lock and before an Unlock of it, in source order? The address that an operation works on comes from
// where the code takes it (a package variable, a slot of the frame) read now. An operation whose address cannot be told counts for
// any lock that the frame's words lead to, but never names a holder alone.
//
// A lock without holder is called abandoned only if nothing else could unlock it, either: no frame has an Unlock of it ahead,
// no function of the packages that lock it unlocks without having locked, no func value of its Unlock is in the heap, and
// it has stood long enough to not be caught in the middle of a hand-over. See docs/verdicts.md for what is still assumed.
#include "runtime/lock.h"

#include "runtime/internal.h"
#include "runtime/lock_code.h"

#include <stdlib.h>
#include <string.h>

enum {
	DEFERS_MAX = 1 << 16,
	OPEN_DEFERS_MAX = 8,
	FRAME_WORDS_MAX = 4096,
	CLOSURE_WORDS = 8,
	CANDIDATES_MAX = 8,
	RW_READER_COUNT = 16
};
static const uint64_t SETTLED_NS = 1000000000;

struct reader {
	struct seep_runtime *rt;
	struct seep_locks *locks;
	struct seep_lock_coder coder;
	struct seep_map by_object; /** heap object number → index + 1 of one lock in it */
	uint8_t *possible; /** by lock: some frame may unlock it */
	bool failed;
};

static struct seep_lock *lock_at(const struct reader *r, seep_addr address)
{
	const uint64_t *i = seep_map_get(&r->locks->by_address, address);

	return i ? &r->locks->locks.data[*i] : NULL;
}

static size_t index_of(const struct reader *r, const struct seep_lock *lock)
{
	return lock - r->locks->locks.data;
}

/** The lock that a word leads to: its address, or an object that holds it. */
static struct seep_lock *lock_near(const struct reader *r, seep_addr word)
{
	struct seep_lock *lock = lock_at(r, word);
	struct seep_object object;

	if (lock || !seep_heap_find(&r->rt->heap, word, &object))
		return lock;
	const uint64_t *i = seep_map_get(&r->by_object, seep_heap_number(&r->rt->heap, object));
	return i ? &r->locks->locks.data[*i - 1] : NULL;
}

static bool waits_for(const struct reader *r, uint32_t goroutine, const struct seep_lock *lock)
{
	return seep_locks_of(r->rt, r->locks, &r->rt->goroutines.data[goroutine]) == lock;
}

static void add_holder(struct reader *r, struct seep_lock *lock, struct seep_lock_holder holder)
{
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

static bool resolve(const struct reader *r, const struct seep_lock_op *op, seep_addr sp,
		    seep_addr ctx, seep_addr *ret)
{
	if (!seep_origin_resolve(&op->arg, &r->rt->memory, sp, ctx, ret))
		return false;
	*ret -= op->inside;
	return true;
}

static enum match op_matches(const struct reader *r, const struct frame *frame,
			     const struct seep_lock_op *op, const struct seep_lock *lock)
{
	seep_addr address;

	if (resolve(r, op, frame->f->sp, 0, &address))
		return address == lock->address ? MATCH_YES : MATCH_NO;
	return op->arg.kind == SEEP_ORIGIN_GLOBAL ? MATCH_NO : MATCH_MAYBE;
}

/** The operation that a waiting frame is blocked in. */
static bool is_blocked_op(const struct reader *r, const struct frame *frame,
			  const struct seep_lock_op *op, const struct seep_lock *lock)
{
	return !op->unlock && waits_for(r, frame->goroutine, lock) &&
	       seep_levels_compare(&op->levels, &frame->at) == 0;
}

/** The last Lock of it before where the frame stands; NULL if there is none. */
static const struct seep_lock_op *lock_before(const struct reader *r, const struct frame *frame,
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

/** The next operation on it behind where the frame stands; NULL if there is none. */
static const struct seep_lock_op *op_after(const struct reader *r, const struct frame *frame,
					   const struct seep_lock *lock, enum match *match_ret)
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

static struct seep_position position_of(const struct seep_lock_op *op)
{
	return op && op->levels.count ? op->levels.at[op->levels.count - 1] :
					(struct seep_position){};
}

/** Evidence 2, for one lock that the frame has to do with. */
static void judge_position(struct reader *r, const struct frame *frame, struct seep_lock *lock)
{
	enum match locked = MATCH_NO, next = MATCH_NO;
	const struct seep_lock_op *before = lock_before(r, frame, lock, &locked),
				  *after = op_after(r, frame, lock, &next);
	bool waits = waits_for(r, frame->goroutine, lock);

	// Who waits for a lock in this frame cannot unlock it first; only its own earlier Lock would make it a holder.
	if (before && after && after->unlock && (locked == MATCH_YES || next == MATCH_YES) &&
	    (!waits || locked == MATCH_YES)) {
		add_holder(r, lock,
			   (struct seep_lock_holder){ .goroutine = frame->goroutine,
						      .lock = position_of(before) });
		return;
	}
	for (size_t i = 0; !waits && i < frame->code->ops.len; i++)
		if (frame->code->ops.data[i].unlock &&
		    op_matches(r, frame, &frame->code->ops.data[i], lock) != MATCH_NO)
			r->possible[index_of(r, lock)] = true;
}

static void judge_frame(struct reader *r, const struct frame *frame)
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

/** Calls `each` for every lock that the func value fn will unlock; `frame` is the one that deferred it, or NULL. */
static void judge_deferred(struct reader *r, seep_addr fn, const struct frame *frame,
			   uint32_t goroutine)
{
	struct seep_func func;
	uint64_t pc, word;
	seep_addr address;

	if (!fn || !seep_memory_u64(&r->rt->memory, fn, &pc) ||
	    !seep_pclntab_find(&r->rt->binary->pclntab, pc, &func))
		return;
	const struct seep_lock_code *code = seep_lock_code_of(&r->coder, &func);
	for (size_t i = 0; code && i < code->ops.len; i++) {
		const struct seep_lock_op *op = &code->ops.data[i];
		if (!op->unlock)
			continue;
		bool known = resolve(r, op, 0, fn, &address);
		// Its operand may be on a frame that does not exist yet: then what the closure captured decides.
		known = known && op->arg.kind != SEEP_ORIGIN_SLOT &&
			op->arg.kind != SEEP_ORIGIN_SLOT_ADDRESS;
		for (unsigned k = 0; k < (known ? 1 : CLOSURE_WORDS); k++) {
			struct seep_lock *lock;
			if (known)
				lock = lock_at(r, address);
			else
				lock = seep_memory_u64(&r->rt->memory, fn + 8 + 8 * k, &word) ?
					       lock_near(r, word) :
					       NULL;
			if (!lock)
				continue;
			enum match match = MATCH_NO;
			const struct seep_lock_op *before =
				frame && frame->code ? lock_before(r, frame, lock, &match) : NULL;
			// Deferred ahead of the Lock that it is for: not held yet.
			if (waits_for(r, goroutine, lock) && !before)
				continue;
			add_holder(r, lock,
				   (struct seep_lock_holder){ .goroutine = goroutine,
							      .deferred = true,
							      .lock = position_of(before) });
		}
	}
}

/** Heap and stack records of g._defer that belong to the frame (all of them with frame NULL: none is left for no frame). */
static void judge_defer_records(struct reader *r, uint32_t goroutine, const struct frame *frame,
				seep_addr *record)
{
	const struct seep_layout *l = &r->rt->binary->layout;
	uint64_t sp, fn;

	for (size_t n = 0; *record && n < DEFERS_MAX; n++) {
		if (!seep_memory_u64(&r->rt->memory, *record + l->defer_sp, &sp) ||
		    !seep_memory_u64(&r->rt->memory, *record + l->defer_fn, &fn))
			return;
		if (sp >= frame->f->fp)
			return; // an outer frame's
		judge_deferred(r, fn, frame, goroutine);
		if (!seep_memory_u64(&r->rt->memory, *record + l->defer_link, record))
			return;
	}
}

/**
 * Open-coded defers: no record; a byte of the frame has a bit for each that is pending, and slots hold the func values.
 * FUNCDATA 4: up to Go 1.21 {offset of the bits, n, then the slots' offsets, last first}; since 1.22 {offset of the bits, offset of the
 * first slot}; offsets downwards from varp, as uvarints (cmd/compile/internal/ssagen/ssa.go emitOpenDeferInfo).
 */
static void judge_open_defers(struct reader *r, const struct frame *frame)
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
			judge_deferred(r, fn, frame, frame->goroutine);
	}
}

static void judge_goroutine(struct reader *r, uint32_t i)
{
	const struct seep_goroutine *g = &r->rt->goroutines.data[i];
	struct seep_unwinder u;
	seep_addr record = 0;

	if (!seep_unwind_start(r->rt, g, &u)) {
		if (!g->system)
			r->locks->incomplete = true;
		return;
	}
	seep_memory_u64(&r->rt->memory, g->addr + r->rt->binary->layout.g_defer, &record);
	do {
		struct frame frame = { .goroutine = i, .f = &u.frame };
		frame.code = seep_lock_code_of(&r->coder, &u.frame.site->func);
		bool defers = seep_func_funcdata(&r->rt->binary->pclntab, &u.frame.site->func,
						 SEEP_FUNCDATA_OPEN_CODED_DEFERS) != 0;
		if (frame.code || defers || record) {
			seep_addr pc = u.depth && u.frame.pc > u.frame.site->func.entry ?
					       u.frame.pc - 1 :
					       u.frame.pc;
			seep_levels_of(r->rt, &u.frame.site->func, pc, &frame.at);
			judge_open_defers(r, &frame);
			judge_defer_records(r, i, &frame, &record);
			if (frame.code)
				judge_frame(r, &frame);
		}
	} while (seep_unwind_next(&u));
	if (!u.complete && !g->system)
		r->locks->incomplete = true;
}

// Who else could unlock.

static size_t package_length(const char *function)
{
	const char *slash = strrchr(function, '/'), *dot = strchr(slash ? slash : function, '.');

	return dot ? (size_t)(dot - function) + 1 : strlen(function);
}

/** The first frame outside of sync and runtime in which a goroutine waits. */
static bool waiting_function(const struct reader *r, uint32_t i, const char **ret)
{
	struct seep_position p[16];
	struct seep_unwinder u;

	if (!seep_unwind_start(r->rt, &r->rt->goroutines.data[i], &u))
		return false;
	do {
		size_t n = seep_frame_positions(r->rt, &u.frame, u.depth == 0, p, 16);
		for (size_t k = 0; k < n; k++)
			if (strncmp(p[k].function, "sync.", 5) != 0 &&
			    strncmp(p[k].function, "internal/sync.", 14) != 0 &&
			    strncmp(p[k].function, "runtime.", 8) != 0) {
				*ret = p[k].function;
				return true;
			}
	} while (seep_unwind_next(&u));
	return false;
}

/** What an operation needs in order to be one on the lock. */
enum need { NEED_IMPOSSIBLE, NEED_NOTHING, NEED_POINTER };

/** NEED_POINTER: only if somebody has a pointer to *ret, because that is where the code takes the lock's address from. */
static enum need needs(const struct seep_lock_op *op, const struct seep_lock *lock, seep_addr *ret)
{
	if (op->arg.kind == SEEP_ORIGIN_GLOBAL && op->arg.loads == 0)
		return op->arg.addr + op->arg.offset - op->inside == lock->address ?
			       NEED_NOTHING :
			       NEED_IMPOSSIBLE;
	if (op->arg.kind == SEEP_ORIGIN_UNKNOWN)
		return NEED_NOTHING;
	*ret = lock->address - (seep_origin_last_offset(&op->arg) - op->inside);
	return NEED_POINTER;
}

/**
 * Looks through a package: may one of its functions unlock the lock unasked? Enters into `wanted` the pointers that would be
 * needed for that, and notes functions that lock it as candidates.
 */
static bool package_unlocks(struct reader *r, struct seep_lock *lock, const char *package,
			    struct seep_map *wanted)
{
	const struct seep_pclntab *tab = &r->rt->binary->pclntab;
	size_t len = package_length(package);
	struct seep_func func;
	seep_addr pointer;

	for (uint32_t i = 0; i < tab->func_count; i++) {
		if (!seep_pclntab_func(tab, i, &func) || strncmp(func.name, package, len) != 0 ||
		    strstr(func.name, ".deferwrap"))
			continue;
		const struct seep_lock_code *code = seep_lock_code_of(&r->coder, &func);
		for (size_t k = 0; code && k < code->ops.len; k++) {
			const struct seep_lock_op *op = &code->ops.data[k];
			enum need need = needs(op, lock, &pointer);
			if (need == NEED_IMPOSSIBLE)
				continue;
			if (!op->unlock) {
				bool noted = lock->candidates.len &&
					     strcmp(lock->candidates.data[lock->candidates.len - 1]
							    .function,
						    position_of(op).function) == 0;
				if (need == NEED_NOTHING && !noted &&
				    lock->candidates.len < CANDIDATES_MAX &&
				    !seep_vec_push(&lock->candidates, position_of(op)))
					r->failed = true;
				continue;
			}
			if (!seep_lock_op_is_foreign(code, op))
				continue;
			if (need == NEED_NOTHING)
				return true;
			uint64_t *slot = seep_map_put(wanted, pointer, NULL);
			if (!slot)
				return true;
			*slot = index_of(r, lock) + 1;
		}
	}
	return false;
}

struct search {
	struct reader *r;
	const struct seep_map *wanted; /** pointer → lock index + 1 */
	uint32_t goroutine; /** whose stack is looked at; UINT32_MAX: none */
};

static void search_word(struct search *s, seep_addr value)
{
	const uint64_t *index = seep_map_get(s->wanted, value);

	// A goroutine that waits for the lock cannot unlock it first.
	if (index && !(s->goroutine != UINT32_MAX &&
		       waits_for(s->r, s->goroutine, &s->r->locks->locks.data[*index - 1])))
		s->r->possible[*index - 1] = true;
}

static void search_root(seep_addr value, bool precise, void *arg)
{
	(void)precise;
	search_word(arg, value);
}

/** Marks as possible the locks to which one of the wanted pointers exists, in the heap, on a stack or in a package variable. */
static void search_pointers(struct reader *r, const struct seep_map *wanted)
{
	struct search s = { .r = r, .wanted = wanted, .goroutine = UINT32_MAX };
	const struct seep_module *m = &r->rt->binary->pclntab.module;
	const seep_addr globals[][2] = { { m->data, m->edata }, { m->bss, m->ebss } };
	struct seep_pointers walk;
	uint64_t word, value;

	if (wanted->len == 0)
		return;
	for (uint32_t i = 0; i < r->rt->heap.spans.len; i++) {
		const struct seep_span *span = &r->rt->heap.spans.data[i];
		for (uint32_t slot = 0; span->bytes && slot < span->nelems; slot++) {
			if (!seep_bit_get(r->rt->heap.allocated, span->first + (uint64_t)slot))
				continue;
			seep_pointers_start(&r->rt->heap, (struct seep_object){ i, slot }, &walk);
			while (seep_pointers_next(&walk, &word, &value))
				search_word(&s, value);
		}
	}
	for (unsigned g = 0; g < 2; g++)
		for (seep_addr a = globals[g][0];
		     a < globals[g][1] && seep_memory_u64(&r->rt->memory, a, &value); a += 8)
			search_word(&s, value);
	for (s.goroutine = 0; s.goroutine < r->rt->goroutines.len; s.goroutine++)
		seep_stack_roots(r->rt, &r->rt->goroutines.data[s.goroutine], search_root, &s);
}

/** Is there a func value of the lock's own Unlock (`mu.Unlock` as a value) in the heap? Two words: code and receiver. */
static bool unlock_value_exists(const struct reader *r, const struct seep_lock *lock)
{
	static const char *const names[] = { "sync.(*Mutex).Unlock-fm", "sync.(*RWMutex).Unlock-fm",
					     "sync.(*RWMutex).RUnlock-fm" };
	struct seep_func funcs[3];
	bool any = false;

	seep_pclntab_find_names(&r->rt->binary->pclntab, names, 3, funcs);
	for (unsigned i = 0; i < 3; i++)
		any |= funcs[i].raw != NULL;
	for (size_t s = 0; any && s < r->rt->heap.spans.len; s++) {
		const struct seep_span *span = &r->rt->heap.spans.data[s];
		for (uint32_t slot = 0; span->bytes && span->elem_size == 16 && slot < span->nelems;
		     slot++) {
			const unsigned char *p = span->bytes + slot * span->elem_size;
			if (seep_le64(p + 8) == lock->address &&
			    seep_bit_get(r->rt->heap.allocated, span->first + slot))
				for (unsigned i = 0; i < 3; i++)
					if (funcs[i].raw && seep_le64(p) == funcs[i].entry)
						return true;
		}
	}
	return false;
}

/** Is it locked, as far as its own bytes tell? */
static bool is_locked(const struct reader *r, const struct seep_lock *lock)
{
	const unsigned char *p = seep_memory_at(&r->rt->memory, lock->address, lock->rw ? 24 : 8);

	if (!p)
		return false;
	if (seep_le32(p) & 1)
		return true;
	return lock->rw && (seep_le32(p + RW_READER_COUNT) != 0);
}

/** Has it stood for a while? Either a waiter was seen waiting by a collection long ago, or nobody is under way. */
static bool is_settled(const struct reader *r, const struct seep_lock *lock)
{
	bool busy = false;

	for (size_t i = 0; i < lock->waiters.len; i++) {
		uint64_t since = r->rt->goroutines.data[lock->waiters.data[i]].wait_since;
		if (since && since + SETTLED_NS < r->rt->now)
			return true;
	}
	for (size_t i = 0; i < r->rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &r->rt->goroutines.data[i];
		busy |= !g->system &&
			(g->status == SEEP_STATUS_RUNNABLE || g->status == SEEP_STATUS_RUNNING ||
			 g->status == SEEP_STATUS_PREEMPTED || g->status == SEEP_STATUS_COPYSTACK);
	}
	return !busy;
}

/** Can anything be found that might unlock it, other than by a pointer that is still to be searched for? */
static bool may_be_unlocked(struct reader *r, struct seep_lock *lock, struct seep_map *wanted)
{
	enum { PACKAGES_MAX = 4 };
	const char *seen[PACKAGES_MAX], *f;
	unsigned packages = 0;

	if (r->possible[index_of(r, lock)] || r->locks->incomplete || !is_settled(r, lock) ||
	    unlock_value_exists(r, lock))
		return true;
	for (size_t i = 0; i < lock->waiters.len && packages < PACKAGES_MAX; i++) {
		bool known = false;
		if (!waiting_function(r, lock->waiters.data[i], &f))
			return true;
		for (unsigned k = 0; k < packages; k++)
			known |= package_length(seen[k]) == package_length(f) &&
				 strncmp(seen[k], f, package_length(f)) == 0;
		if (known)
			continue;
		seen[packages++] = f;
		if (package_unlocks(r, lock, f, wanted))
			return true;
	}
	return false;
}

/** New readers wait for a writer in the queue as well, who waits for the holders. */
static void add_queued_writers(struct reader *r, struct seep_lock *lock)
{
	for (size_t i = 0; i < lock->waiters.len; i++)
		if (r->rt->goroutines.data[lock->waiters.data[i]].wait == SEEP_WAIT_RWMUTEX_WRITE)
			add_holder(r, lock,
				   (struct seep_lock_holder){ .goroutine = lock->waiters.data[i],
							      .waits_as_writer = true });
}

static void judge_locks(struct reader *r)
{
	struct seep_map wanted = {};

	for (size_t i = 0; i < r->locks->locks.len; i++) {
		struct seep_lock *lock = &r->locks->locks.data[i];
		if (!is_locked(r, lock)) {
			lock->holders.len = 0;
		} else if (lock->holders.len) {
			lock->state = SEEP_LOCK_HELD;
			add_queued_writers(r, lock);
		} else if (!may_be_unlocked(r, lock, &wanted)) {
			lock->state = SEEP_LOCK_ABANDONED;
		}
	}
	search_pointers(r, &wanted);
	for (size_t i = 0; i < r->locks->locks.len; i++)
		if (r->locks->locks.data[i].state == SEEP_LOCK_ABANDONED && r->possible[i])
			r->locks->locks.data[i].state = SEEP_LOCK_UNKNOWN;
	seep_map_deinit(&wanted);
}

static bool list_locks(struct reader *r)
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
	struct reader r = { .rt = rt, .locks = ret };

	*ret = (struct seep_locks){};
	if (!list_locks(&r))
		r.failed = true;
	r.possible = calloc(ret->locks.len + 1, 1);
	err = r.possible && !r.failed ? seep_lock_coder_init(&r.coder, rt) : &seep_enomem;
	if (!err && ret->locks.len) {
		for (uint32_t i = 0; i < rt->goroutines.len; i++)
			judge_goroutine(&r, i);
		judge_locks(&r);
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
