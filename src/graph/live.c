// The fixed point over blocked goroutines.
//
// For each blocked goroutine the objects that hold what it waits for are watched; when marking reaches one, the goroutines
// that wait there are looked at. A lock's waiters may also have to wait until one of its holders is live. Everything is
// monotone, so each object is followed once, however many rounds and phases there are. For the same reason it makes no difference in which
// order roots are followed, but for the answer to who woke a goroutine: only if that is asked for are they followed one by one.
#include "graph/live.h"

#include <stdlib.h>
#include <string.h>

enum { TINY_MAX = 15 }; // an object in a tiny block is below 16 bytes

/** A goroutine waiting for something in a watched object; a list by object. */
struct watch {
	uint32_t goroutine, next; /** next: index + 1 */
	seep_addr address;
	uint32_t size;
};

/** A lock that a goroutine holds, or is queued for as a writer; a list by goroutine. */
struct held {
	uint32_t lock, next; /** next: index + 1 */
	bool waits_as_writer;
};

/** What is known of a lock; a queued writer keeps readers out, not other writers. */
enum { HOLDER_LIVE = 1, WRITER_LIVE = 2, HOLDER_DONE = 4, WRITER_DONE = 8 };

struct finder {
	struct seep_runtime *rt;
	const struct seep_locks *locks;
	struct seep_live *live;
	struct seep_marker marker;
	struct seep_vec(struct watch) watches;
	struct seep_map by_object; /** object number → watch index + 1 */
	uint8_t *reached; /** by goroutine: what it waits for is reached */
	struct seep_vec(uint32_t) woken; /** live, stack not scanned yet */
	struct seep_vec(struct held) held;
	struct seep_map held_by; /** goroutine index → index + 1 in held */
	uint8_t *lock_state; /** by lock; *_DONE: its waiters were looked at for that */
	enum seep_live_phase phase;
	bool naming; /** each root is followed for itself */
	struct seep_root root; /** what is being followed */
};

static bool lock_allows(const struct finder *f, const struct seep_goroutine *g)
{
	const struct seep_lock *lock = seep_locks_of(f->rt, f->locks, g);

	if (!lock || lock->state == SEEP_LOCK_UNKNOWN || f->phase >= SEEP_LIVE_IF_REACHED)
		return true;
	if (lock->state == SEEP_LOCK_ABANDONED)
		return f->phase >= SEEP_LIVE_IF_ABANDONED_UNLOCKED;
	uint8_t state = f->lock_state[lock - f->locks->locks.data];
	return state & HOLDER_LIVE || (state & WRITER_LIVE && g->wait == SEEP_WAIT_RWMUTEX_READ);
}

static void wake(struct finder *f, uint32_t i)
{
	if (f->live->phase[i] != SEEP_LIVE_NEVER)
		return;
	f->live->phase[i] = f->phase;
	if (f->naming)
		f->live->woken_by[i] = f->root;
	const uint64_t *first = seep_map_get(&f->held_by, i);
	for (uint32_t k = first ? *first : 0; k; k = f->held.data[k - 1].next)
		f->lock_state[f->held.data[k - 1].lock] |=
			f->held.data[k - 1].waits_as_writer ? WRITER_LIVE : HOLDER_LIVE;
	if (!seep_vec_push(&f->woken, i))
		f->marker.failed = true;
}

static void reach(struct finder *f, uint32_t i)
{
	f->reached[i] = true;
	if (lock_allows(f, &f->rt->goroutines.data[i]))
		wake(f, i);
}

/**
 * Does a pointer to p give access to the primitive? A tiny block holds several objects of below 16 bytes: one that holds the
 * primitive ends behind it and begins at most 15 bytes before its end, and no pointer behind the primitive leads to it.
 */
static bool gives_access(const struct seep_span *span, const struct watch *w, seep_addr p)
{
	if (!span->tiny || w->size == 0 || w->size > TINY_MAX)
		return true;
	seep_addr end = w->address + w->size;
	return p < end && p + TINY_MAX >= end;
}

static int compare_addrs(const void *a, const void *b)
{
	const seep_addr *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void look_at_hits(struct finder *f)
{
	// Who is woken first is named as waker of others.
	if (f->naming && f->marker.hits.len)
		qsort(f->marker.hits.data, f->marker.hits.len, sizeof(seep_addr), compare_addrs);
	for (size_t i = 0; i < f->marker.hits.len; i++) {
		seep_addr p = f->marker.hits.data[i];
		struct seep_object object;
		if (!seep_heap_find(&f->rt->heap, p, &object))
			continue;
		const uint64_t *first =
			seep_map_get(&f->by_object, seep_heap_number(&f->rt->heap, object));
		for (uint32_t w = first ? *first : 0; w; w = f->watches.data[w - 1].next)
			if (gives_access(&f->rt->heap.spans.data[object.span],
					 &f->watches.data[w - 1], p))
				reach(f, f->watches.data[w - 1].goroutine);
	}
	f->marker.hits.len = 0;
}

static void drain(struct finder *f)
{
	seep_mark_drain(&f->marker);
	look_at_hits(f);
}

/** A root is complete. */
static void end_root(struct finder *f)
{
	if (f->naming)
		drain(f);
}

static void mark_root(seep_addr value, bool precise, void *arg)
{
	seep_mark_pointer(&((struct finder *)arg)->marker, value, precise);
}

/** Waiters of the locks that goroutine i holds may go on now. */
static void release_locks(struct finder *f, uint32_t i)
{
	const uint64_t *first = seep_map_get(&f->held_by, i);

	for (uint32_t k = first ? *first : 0; k; k = f->held.data[k - 1].next) {
		const struct held *held = &f->held.data[k - 1];
		const struct seep_lock *lock = &f->locks->locks.data[held->lock];
		uint8_t done = held->waits_as_writer ? WRITER_DONE : HOLDER_DONE;
		if (f->lock_state[held->lock] & done)
			continue; // who came to it since then was told at once
		f->lock_state[held->lock] |= done;
		for (size_t w = 0; w < lock->waiters.len; w++)
			if (f->reached[lock->waiters.data[w]])
				reach(f, lock->waiters.data[w]);
	}
}

/** Follows what is marked, and scans the stacks of all goroutines that became live, until nothing is left. */
static void run_woken(struct finder *f)
{
	drain(f);
	while (f->woken.len) {
		uint32_t i = seep_vec_pop(&f->woken);
		f->root = (struct seep_root){ SEEP_ROOT_GOROUTINE, i };
		release_locks(f, i);
		seep_stack_roots(f->rt, &f->rt->goroutines.data[i], mark_root, f);
		if (f->naming || !f->woken.len)
			drain(f);
	}
}

static void visit_global(seep_addr word, seep_addr value, void *arg)
{
	struct finder *f = arg;

	f->root = (struct seep_root){ SEEP_ROOT_GLOBAL, word };
	seep_mark_pointer(&f->marker, value, true);
	end_root(f);
}

static void mark_threads(struct finder *f)
{
	f->root = (struct seep_root){ SEEP_ROOT_THREAD, 0 };
	for (size_t i = 0; i < f->rt->thread_words.len; i++)
		seep_mark_pointer(&f->marker, f->rt->thread_words.data[i], false);
	end_root(f);
}

/**
 * What a special keeps: its own words; a finalizer also all that its object points to. The object itself stays out: as long as somebody is blocked on
 * a primitive in it, that goroutine's own stack keeps it from being finalized. A weak pointer can give its object back.
 */
static void mark_special(struct finder *f, const struct seep_special *s)
{
	seep_special_pointers(f->rt, s, mark_root, f);
	if (s->kind == SEEP_SPECIAL_WEAK_HANDLE)
		seep_mark_pointer(&f->marker, seep_heap_address(&f->rt->heap, s->object), false);
}

static void mark_specials(struct finder *f)
{
	f->root = (struct seep_root){ SEEP_ROOT_SPECIAL, 0 };
	for (size_t i = 0; i < f->rt->specials.len; i++)
		mark_special(f, &f->rt->specials.data[i]);
	// A finalizer that has begun is its goroutine's: if that is blocked for ever in it, the queue wakes nobody.
	seep_vec_foreach(entry, &f->rt->queue)
		for (uint32_t k = 0; !entry->running && k < entry->word_count; k++)
			seep_mark_pointer(&f->marker, f->rt->queued.data[entry->first_word + k],
					  true);
	end_root(f);
}

static void mark_timers(struct finder *f)
{
	for (size_t i = 0; i < f->rt->timers.len; i++) {
		const struct seep_timer *t = &f->rt->timers.data[i];
		f->root = (struct seep_root){ SEEP_ROOT_TIMER, i };
		seep_mark_pointer(&f->marker, t->addr, true);
		seep_mark_pointer(&f->marker, t->arg, true);
		end_root(f);
	}
}

/** Watches what goroutine i waits for; what lies outside the heap and every stack counts as reached, and so does what reads as free. */
static bool watch_waits(struct finder *f, uint32_t i)
{
	const struct seep_goroutine *g = &f->rt->goroutines.data[i];

	for (uint32_t k = 0; k < g->wait_count; k++) {
		const struct seep_wait *w = &f->rt->waits.data[g->first_wait + k];
		struct seep_object object;
		if (w->address >= g->stack_lo && w->address < g->stack_hi)
			continue; // only its own stack leads there
		if (!seep_heap_find(&f->rt->heap, w->address, &object) ||
		    !seep_heap_allocated(&f->rt->heap, object)) {
			f->root = (struct seep_root){ SEEP_ROOT_GLOBAL, w->address };
			reach(f, i);
			continue;
		}
		uint64_t n = seep_heap_number(&f->rt->heap, object),
			 *first = seep_map_put(&f->by_object, n, NULL);
		if (!first ||
		    !seep_vec_push(&f->watches, (struct watch){ i, *first, w->address, w->size }))
			return false;
		*first = f->watches.len;
		seep_bit_set(f->marker.watched, n);
	}
	return true;
}

static void make_opaque(struct finder *f, seep_addr addr)
{
	struct seep_object object;

	if (seep_heap_find(&f->rt->heap, addr, &object))
		seep_bit_set(f->marker.opaque, seep_heap_number(&f->rt->heap, object));
}

static bool note_holders(struct finder *f, uint32_t lock)
{
	seep_vec_foreach(h, &f->locks->locks.data[lock].holders) {
		uint64_t *first = seep_map_put(&f->held_by, h->goroutine, NULL);
		if (!first ||
		    !seep_vec_push(&f->held, (struct held){ lock, *first, h->waits_as_writer }))
			return false;
		*first = f->held.len;
	}
	return true;
}

static bool prepare(struct finder *f)
{
	const struct seep_runtime *rt = f->rt;
	bool ok = true;

	for (size_t i = 0; i < rt->goroutines.len; i++)
		make_opaque(f, rt->goroutines.data[i].addr);
	for (size_t i = 0; i < rt->runtime_edges.len; i++)
		make_opaque(f, rt->runtime_edges.data[i]);
	// Backwards, so that each goroutine's list runs forwards.
	for (size_t i = f->locks->locks.len; ok && i-- > 0;)
		ok = note_holders(f, i);
	f->phase = SEEP_LIVE;
	memset(f->live->phase, SEEP_LIVE_NEVER, rt->goroutines.len);
	for (size_t i = 0; ok && i < rt->goroutines.len; i++)
		if (rt->goroutines.data[i].wait < SEEP_WAIT_EXTERNAL)
			ok = watch_waits(f, i);
	return ok;
}

static void run_phases(struct finder *f)
{
	const struct seep_runtime *rt = f->rt;
	bool blind = seep_runtime_is_blind(rt);

	f->root = (struct seep_root){};
	for (size_t i = 0; i < rt->goroutines.len; i++)
		if (rt->goroutines.data[i].wait >= SEEP_WAIT_EXTERNAL || blind)
			wake(f, i);
	seep_roots_globals(rt, visit_global, f);
	mark_threads(f);
	mark_timers(f);
	mark_specials(f);
	run_woken(f);
	memcpy(f->live->base, f->marker.marked, SEEP_BITS_WORDS(rt->heap.slots) * 8);
	for (f->phase = SEEP_LIVE_IF_ABANDONED_UNLOCKED; f->phase < SEEP_LIVE_NEVER; f->phase++) {
		f->root = (struct seep_root){};
		for (size_t i = 0; i < rt->goroutines.len; i++)
			if (f->reached[i] && f->live->phase[i] == SEEP_LIVE_NEVER)
				reach(f, i);
		run_woken(f);
	}
}

/** What the collector would keep on top: everything that leaked goroutines and the scheduler's own edges lead to. */
static void complete_as_collector(struct finder *f)
{
	memcpy(f->live->opaque, f->marker.opaque, SEEP_BITS_WORDS(f->rt->heap.slots) * 8);
	for (size_t i = 0; i < f->rt->goroutines.len; i++)
		if (f->live->phase[i] == SEEP_LIVE_NEVER)
			seep_stack_roots(f->rt, &f->rt->goroutines.data[i], mark_root, f);
	for (size_t i = 0; i < f->rt->queued.len; i++)
		seep_mark_pointer(&f->marker, f->rt->queued.data[i], true);
	for (size_t i = 0; i < f->rt->tiny_blocks.len; i++)
		seep_mark_pointer(&f->marker, f->rt->tiny_blocks.data[i], true);
	seep_mark_drain(&f->marker);
	seep_mark_opaque(&f->marker);
}

struct seep_error *seep_live_find(struct seep_runtime *rt, const struct seep_locks *locks,
				  enum seep_live_wakers wakers, struct seep_live *ret)
{
	struct seep_error *err;
	size_t n = rt->goroutines.len, words = SEEP_BITS_WORDS(rt->heap.slots) + 1;
	struct finder f = {
		.rt = rt, .locks = locks, .live = ret, .naming = wakers == SEEP_LIVE_NAMED
	};

	*ret = (struct seep_live){
		.runtime = rt,
		.locks = locks,
		.phase = calloc(n + 1, 1),
		.woken_by = calloc(n + 1, sizeof(struct seep_root)),
		.base = calloc(words, 8),
		.opaque = calloc(words, 8),
	};
	f.reached = calloc(n + 1, 1);
	f.lock_state = calloc(locks->locks.len + 1, 1);
	err = seep_marker_init(&f.marker, &rt->heap);
	if (!err && !(ret->phase && ret->woken_by && ret->base && ret->opaque && f.reached &&
		      f.lock_state && prepare(&f)))
		err = &seep_enomem;
	if (!err) {
		run_phases(&f);
		complete_as_collector(&f);
		if (f.marker.failed)
			err = &seep_enomem;
	}
	ret->reachable_objects = f.marker.objects;
	ret->reachable_bytes = f.marker.bytes;
	ret->reachable_pointerful = f.marker.pointerful;
	ret->pointers = f.marker.pointers;
	ret->dangling = f.marker.dangling;
	ret->dangling_example = f.marker.dangling_example;
	ret->reachable = f.marker.marked;
	f.marker.marked = NULL;
	seep_marker_deinit(&f.marker);
	seep_vec_free(&f.watches);
	seep_vec_free(&f.woken);
	seep_map_deinit(&f.by_object);
	seep_map_deinit(&f.held_by);
	seep_vec_free(&f.held);
	free(f.reached);
	free(f.lock_state);
	return err;
}

void seep_live_deinit(struct seep_live *live)
{
	free(live->phase);
	free(live->woken_by);
	free(live->base);
	free(live->opaque);
	free(live->reachable);
}
