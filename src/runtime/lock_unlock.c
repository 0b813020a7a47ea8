// Who else could unlock a lock that nobody holds by evidence.
//
// Such a lock is called abandoned only if nothing is found that might unlock it: no frame has an Unlock of it, or its address;
// no func value of its Unlock is in the heap; no function of the packages that lock it unlocks without having locked, unless all that call it
// have; and it has stood long enough not to be caught in the middle of a hand-over. Where such a function takes the lock from a pointer,
// somebody must have that very pointer. What is still assumed: that code of other packages does not unlock it.
#include "runtime/lock_reader.h"

#include <string.h>

enum { CANDIDATES_MAX = 8, RW_SIZE = 24, RW_READER_COUNT = 16, RW_READER_WAIT = 20, CALL_SIZE = 5 };
static const uint64_t SETTLED_NS = 1000000000;

static size_t package_length(const char *function)
{
	const char *slash = strrchr(function, '/'), *dot = strchr(slash ? slash : function, '.');

	return dot ? (size_t)(dot - function) + 1 : strlen(function);
}

/** The first frame outside of sync and runtime in which a goroutine waits. */
static bool waiting_function(const struct seep_lock_reader *r, uint32_t i, const char **ret)
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

static bool in_package(const struct seep_func *func, const char *package)
{
	return strncmp(func->name, package, package_length(package)) == 0;
}

/** Does a word of the executable's data hold the function's address: a func value, or a method for interfaces? */
static bool address_is_taken(const struct seep_lock_reader *r, seep_addr entry)
{
	const struct seep_image *image = &r->rt->binary->image;

	for (size_t s = 0; s < image->segment_count; s++) {
		const struct seep_image_segment *segment = &image->segments[s];
		uint64_t size = segment->end - segment->start;
		const unsigned char *bytes =
			segment->executable ? NULL :
					      seep_memory_at(&image->memory, segment->start, size);
		for (uint64_t i = 0; bytes && i + 8 <= size; i += 8)
			if (seep_le64(bytes + i) == entry)
				return true;
	}
	return false;
}

/** Has the code locked something before pc, itself or by calling a function that only locks? */
static bool locks_before(struct seep_lock_reader *r, const struct seep_func *func, seep_addr pc)
{
	const struct seep_lock_code *code = seep_lock_code_of(&r->coder, func);
	struct seep_levels at;

	seep_levels_of(r->rt, func, pc, &at);
	for (size_t i = 0; code && i < code->ops.len; i++)
		if (!code->ops.data[i].unlock &&
		    seep_levels_compare(&code->ops.data[i].levels, &at) <= 0)
			return true;
	return false;
}

/** Is func only ever called, directly, where its caller has locked before? Then it is the second half of a pair. */
static bool is_paired(struct seep_lock_reader *r, const struct seep_func *func, const char *package)
{
	const struct seep_pclntab *tab = &r->rt->binary->pclntab;
	struct seep_func caller;

	if (address_is_taken(r, func->entry))
		return false;
	for (uint32_t i = 0; i < tab->func_count; i++) {
		if (!seep_pclntab_func(tab, i, &caller) || !in_package(&caller, package))
			continue;
		const unsigned char *code = seep_memory_at(&r->rt->binary->image.memory,
							   caller.entry, caller.end - caller.entry);
		for (uint64_t k = 0; code && k + CALL_SIZE <= caller.end - caller.entry; k++)
			if (code[k] == 0xe8 &&
			    caller.entry + k + CALL_SIZE +
					    (int64_t)(int32_t)seep_le32(code + k + 1) ==
				    func->entry &&
			    !locks_before(r, &caller, caller.entry + k))
				return false;
	}
	return true;
}

/**
 * Looks through a package: may one of its functions unlock the lock unasked? Enters into `wanted` the pointers that would be
 * needed for that, and notes functions that lock it as candidates.
 */
static bool package_unlocks(struct seep_lock_reader *r, struct seep_lock *lock, const char *package,
			    struct seep_map *wanted)
{
	const struct seep_pclntab *tab = &r->rt->binary->pclntab;
	struct seep_func func;
	seep_addr pointer = 0;

	for (uint32_t i = 0; i < tab->func_count; i++) {
		if (!seep_pclntab_func(tab, i, &func) || !in_package(&func, package) ||
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
						    seep_lock_op_position(op).function) == 0;
				if (need == NEED_NOTHING && !noted &&
				    lock->candidates.len < CANDIDATES_MAX &&
				    !seep_vec_push(&lock->candidates, seep_lock_op_position(op)))
					r->failed = true;
				continue;
			}
			if (!seep_lock_op_is_foreign(code, op) || is_paired(r, &func, package))
				continue;
			if (need == NEED_NOTHING)
				return true;
			uint64_t *slot = seep_map_put(wanted, pointer, NULL);
			if (!slot)
				return true;
			*slot = seep_lock_index(r, lock) + 1;
		}
	}
	return false;
}

struct search {
	struct seep_lock_reader *r;
	const struct seep_map *wanted; /** pointer → lock index + 1 */
	uint32_t goroutine; /** whose stack is looked at; UINT32_MAX: none */
};

static void search_word(struct search *s, seep_addr value)
{
	const uint64_t *index = seep_map_get(s->wanted, value);

	// A goroutine that waits for the lock cannot unlock it first.
	if (index && !(s->goroutine != UINT32_MAX &&
		       seep_waits_for(s->r, s->goroutine, &s->r->locks->locks.data[*index - 1])))
		s->r->possible[*index - 1].more = true;
}

static void search_root(seep_addr value, bool precise, void *arg)
{
	(void)precise;
	search_word(arg, value);
}

/** Marks as possible the locks to which one of the wanted pointers exists, in the heap, on a stack or in a package variable. */
static void search_pointers(struct seep_lock_reader *r, const struct seep_map *wanted)
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
static bool unlock_value_exists(const struct seep_lock_reader *r, const struct seep_lock *lock)
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
static bool is_locked(const struct seep_lock_reader *r, const struct seep_lock *lock)
{
	const unsigned char *p =
		seep_memory_at(&r->rt->memory, lock->address, lock->rw ? RW_SIZE : 8);

	if (!p)
		return false;
	if (seep_le32(p) & 1)
		return true;
	return lock->rw && (seep_le32(p + RW_READER_COUNT) != 0);
}

/** How many hold an RWMutex, by its counters (sync/rwmutex.go): the readers inside, or one writer. */
static size_t holders_by_count(const struct seep_lock_reader *r, const struct seep_lock *lock)
{
	const unsigned char *p = seep_memory_at(&r->rt->memory, lock->address, RW_SIZE);
	int32_t count = p ? (int32_t)seep_le32(p + RW_READER_COUNT) : 0;
	int32_t wait = p ? (int32_t)seep_le32(p + RW_READER_WAIT) : 0;

	if (count >= 0) // no writer has announced itself
		return count;
	return wait > 0 ? wait : 1; // readers that the writer waits for, or the writer itself
}

/** Has it stood for a while? Either a waiter was seen waiting by a collection long ago, or nobody is under way. */
static bool is_settled(const struct seep_lock_reader *r, const struct seep_lock *lock)
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
static bool may_be_unlocked(struct seep_lock_reader *r, struct seep_lock *lock,
			    struct seep_map *wanted)
{
	enum { PACKAGES_MAX = 4 };
	const char *seen[PACKAGES_MAX], *f;
	unsigned packages = 0;

	const struct seep_lock_possible *possible = &r->possible[seep_lock_index(r, lock)];

	if (possible->count || possible->more || r->locks->incomplete || !is_settled(r, lock) ||
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

/** Does the evidence rest on where frames stand alone, while somebody else may be the one who holds it? */
static bool is_doubtful(const struct seep_lock_reader *r, const struct seep_lock *lock)
{
	const struct seep_lock_possible *possible = &r->possible[seep_lock_index(r, lock)];
	bool other = possible->more;

	for (unsigned i = 0; i < possible->count && !other; i++) {
		bool holds = false;
		for (size_t h = 0; h < lock->holders.len; h++)
			holds |= lock->holders.data[h].goroutine == possible->goroutines[i];
		other = !holds;
	}
	for (size_t h = 0; h < lock->holders.len && other; h++)
		if (lock->holders.data[h].deferred)
			return false;
	return other;
}

void seep_locks_judge(struct seep_lock_reader *r)
{
	struct seep_map wanted = {};

	for (size_t i = 0; i < r->locks->locks.len; i++) {
		struct seep_lock *lock = &r->locks->locks.data[i];
		if (!is_locked(r, lock)) {
			lock->holders.len = 0;
		} else if (lock->holders.len) {
			// A reader that no evidence names may be alive.
			if ((!lock->rw || lock->holders.len >= holders_by_count(r, lock)) &&
			    !is_doubtful(r, lock))
				lock->state = SEEP_LOCK_HELD;
		} else if (!may_be_unlocked(r, lock, &wanted)) {
			lock->state = SEEP_LOCK_ABANDONED;
		}
	}
	search_pointers(r, &wanted);
	for (size_t i = 0; i < r->locks->locks.len; i++)
		if (r->locks->locks.data[i].state == SEEP_LOCK_ABANDONED && r->possible[i].more)
			r->locks->locks.data[i].state = SEEP_LOCK_UNKNOWN;
	seep_map_deinit(&wanted);
}
