// Who else could unlock a lock that nobody holds by evidence.
//
// Such a lock is called abandoned only if nothing is found that might unlock it: no frame has an Unlock of it, or its address;
// no func value of its Unlock is in the heap; no function of the packages that lock it unlocks without having locked, unless all that call it
// have; and it has stood long enough not to be caught in the middle of a hand-over. Where such a function takes the lock from a pointer,
// somebody must have that very pointer. What is still assumed: that code of other packages does not unlock it.
#include "runtime/lock_reader.h"

#include <string.h>

enum { CANDIDATES_MAX = 8, RW_SIZE = 24, RW_READER_COUNT = 16, RW_READER_WAIT = 20 };
static const uint64_t SETTLED_NS = 1000000000;

/** A package that locks something, and its functions by number. */
struct package {
	const char *function; /** any of its functions; tells the package by the part up to the dot */
	struct seep_vec(uint32_t) all, locking;
	size_t looked_for; /** lock index + 1: the last lock that it was looked through for */
};

/** What is found out once for all locks. */
struct judge {
	struct seep_lock_reader *r;
	bool busy; /** some goroutine of the program's own is under way */
	struct seep_map unlock_values; /** locks of which there is a func value of their Unlock */
	struct seep_vec(struct package) packages;
	struct seep_map paired; /** function number → 1: not paired, 2: paired */
	struct seep_map wanted; /** pointer → lock index + 1 */
};

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

static bool same_package(const char *a, const char *b)
{
	size_t len = package_length(a);

	return len == package_length(b) && strncmp(a, b, len) == 0;
}

/** The package of a function; NULL when memory is out. Good until the next call. */
static struct package *package_of(struct judge *j, const char *function)
{
	const struct seep_pclntab *tab = &j->r->rt->binary->pclntab;
	struct package package = { .function = function };
	size_t len = package_length(function);
	struct seep_func func;
	bool ok = true;

	for (size_t i = 0; i < j->packages.len; i++)
		if (same_package(j->packages.data[i].function, function))
			return &j->packages.data[i];
	for (uint32_t i = 0; ok && i < tab->func_count; i++) {
		if (!seep_pclntab_func(tab, i, &func) || strncmp(func.name, function, len) != 0)
			continue;
		ok = seep_vec_push(&package.all, i);
		if (ok && !strstr(func.name, ".deferwrap") &&
		    seep_lock_code_of(&j->r->coder, &func))
			ok = seep_vec_push(&package.locking, i);
	}
	if (ok && seep_vec_push(&j->packages, package))
		return &j->packages.data[j->packages.len - 1];
	seep_vec_free(&package.all);
	seep_vec_free(&package.locking);
	return NULL;
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

/** Does every function of the package that calls the one at entry lock before? */
static bool callers_lock(struct seep_lock_reader *r, seep_addr entry, const struct package *package)
{
	struct seep_func caller;
	seep_addr target;

	for (size_t i = 0; i < package->all.len; i++) {
		if (!seep_pclntab_func(&r->rt->binary->pclntab, package->all.data[i], &caller))
			continue;
		uint64_t size = caller.end - caller.entry;
		const unsigned char *code =
			seep_memory_at(&r->rt->binary->image.memory, caller.entry, size);
		for (size_t k = 0; code && seep_code_next_call(r->rt->binary->image.arch, code,
							       size, caller.entry, &k, &target);
		     k++) {
			if (target == entry && !locks_before(r, &caller, caller.entry + k))
				return false;
		}
	}
	return true;
}

/** Is func only ever called, directly, where its caller has locked before? Then it is the second half of a pair. */
static bool is_paired(struct judge *j, const struct seep_func *func, const struct package *package)
{
	uint64_t *known = seep_map_put(&j->paired, func->index, NULL);

	if (!known)
		return false;
	if (*known == 0)
		*known = !address_is_taken(j->r, func->entry) &&
					 callers_lock(j->r, func->entry, package) ?
				 2 :
				 1;
	return *known == 2;
}

static void note_candidate(struct seep_lock_reader *r, struct seep_lock *lock,
			   const struct seep_lock_op *op)
{
	struct seep_position at = seep_lock_op_position(op);
	size_t n = lock->candidates.len;

	if (!at.function || n == CANDIDATES_MAX ||
	    (n && strcmp(lock->candidates.data[n - 1].function, at.function) == 0))
		return;
	if (!seep_vec_push(&lock->candidates, at))
		r->failed = true;
}

/**
 * Looks through a package: may one of its functions unlock the lock unasked? Enters into j->wanted the pointers that would be
 * needed for that, and notes functions that lock it as candidates.
 */
static bool package_unlocks(struct judge *j, struct seep_lock *lock, const struct package *package)
{
	struct seep_lock_reader *r = j->r;
	struct seep_func func;
	seep_addr pointer = 0;

	for (size_t i = 0; i < package->locking.len; i++) {
		if (!seep_pclntab_func(&r->rt->binary->pclntab, package->locking.data[i], &func))
			continue;
		const struct seep_lock_code *code = seep_lock_code_of(&r->coder, &func);
		for (size_t k = 0; code && k < code->ops.len; k++) {
			const struct seep_lock_op *op = &code->ops.data[k];
			enum need need = needs(op, lock, &pointer);
			if (need == NEED_IMPOSSIBLE)
				continue;
			if (!op->unlock && need == NEED_NOTHING)
				note_candidate(r, lock, op);
			if (!op->unlock || !seep_lock_op_is_foreign(code, op) ||
			    is_paired(j, &func, package))
				continue;
			uint64_t *slot = need == NEED_POINTER ?
						 seep_map_put(&j->wanted, pointer, NULL) :
						 NULL;
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

/** Collects func values of Unlock methods (`mu.Unlock` as a value) in the heap: two words, code and receiver. */
static void find_unlock_values(struct judge *j)
{
	static const char *const names[] = { "sync.(*Mutex).Unlock-fm", "sync.(*RWMutex).Unlock-fm",
					     "sync.(*RWMutex).RUnlock-fm" };
	enum { NAMES = sizeof(names) / sizeof(names[0]) };
	const struct seep_heap *heap = &j->r->rt->heap;
	struct seep_func funcs[NAMES];
	bool any = false;

	seep_pclntab_find_names(&j->r->rt->binary->pclntab, names, NAMES, funcs);
	for (unsigned i = 0; i < NAMES; i++)
		any |= funcs[i].raw != NULL;
	for (size_t s = 0; any && s < heap->spans.len; s++) {
		const struct seep_span *span = &heap->spans.data[s];
		for (uint32_t slot = 0; span->bytes && span->elem_size == 16 && slot < span->nelems;
		     slot++) {
			const unsigned char *p = span->bytes + slot * span->elem_size;
			for (unsigned i = 0; i < NAMES; i++)
				if (funcs[i].raw && seep_le64(p) == funcs[i].entry &&
				    seep_bit_get(heap->allocated, span->first + slot) &&
				    !seep_map_put(&j->unlock_values, seep_le64(p + 8), NULL))
					j->r->failed = true;
		}
	}
}

static bool is_anybody_under_way(const struct seep_runtime *rt)
{
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		if (!g->system &&
		    (g->status == SEEP_STATUS_RUNNABLE || g->status == SEEP_STATUS_RUNNING ||
		     g->status == SEEP_STATUS_PREEMPTED || g->status == SEEP_STATUS_COPYSTACK))
			return true;
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
static bool is_settled(const struct judge *j, const struct seep_lock *lock)
{
	for (size_t i = 0; i < lock->waiters.len; i++) {
		uint64_t since = j->r->rt->goroutines.data[lock->waiters.data[i]].wait_since;
		if (since && since + SETTLED_NS < j->r->rt->now)
			return true;
	}
	return !j->busy;
}

/** Can anything be found that might unlock it, other than by a pointer that is still to be searched for? */
static bool may_be_unlocked(struct judge *j, struct seep_lock *lock)
{
	const struct seep_lock_possible *possible = &j->r->possible[seep_lock_index(j->r, lock)];
	const char *f;

	if (possible->count || possible->more || j->r->locks->incomplete || !is_settled(j, lock) ||
	    seep_map_get(&j->unlock_values, lock->address))
		return true;
	for (size_t i = 0; i < lock->waiters.len; i++) {
		if (!waiting_function(j->r, lock->waiters.data[i], &f))
			return true;
		struct package *package = package_of(j, f);
		if (!package)
			return true;
		if (package->looked_for == seep_lock_index(j->r, lock) + 1)
			continue;
		package->looked_for = seep_lock_index(j->r, lock) + 1;
		if (package_unlocks(j, lock, package))
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

static void judge_deinit(struct judge *j)
{
	for (size_t i = 0; i < j->packages.len; i++) {
		seep_vec_free(&j->packages.data[i].all);
		seep_vec_free(&j->packages.data[i].locking);
	}
	seep_vec_free(&j->packages);
	seep_map_deinit(&j->unlock_values);
	seep_map_deinit(&j->paired);
	seep_map_deinit(&j->wanted);
}

void seep_locks_judge(struct seep_lock_reader *r)
{
	_cleanup_(judge_deinit) struct judge j = { .r = r, .busy = is_anybody_under_way(r->rt) };

	find_unlock_values(&j);
	for (size_t i = 0; i < r->locks->locks.len; i++) {
		struct seep_lock *lock = &r->locks->locks.data[i];
		if (!is_locked(r, lock)) {
			lock->holders.len = 0;
		} else if (lock->holders.len) {
			// A reader that no evidence names may be alive.
			if ((!lock->rw || lock->holders.len >= holders_by_count(r, lock)) &&
			    !is_doubtful(r, lock))
				lock->state = SEEP_LOCK_HELD;
		} else if (!may_be_unlocked(&j, lock)) {
			lock->state = SEEP_LOCK_ABANDONED;
		}
	}
	search_pointers(r, &j.wanted);
	for (size_t i = 0; i < r->locks->locks.len; i++)
		if (r->locks->locks.data[i].state == SEEP_LOCK_ABANDONED && r->possible[i].more)
			r->locks->locks.data[i].state = SEEP_LOCK_UNKNOWN;
}
