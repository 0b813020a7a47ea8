// Who can still run, and what leaked goroutines hold: on thousands of random heaps, against the definitions in graph/live.h
// written out on arrays. Small worlds made by hand: live_small_test.c.
#include "graph/live.h"

#include "base/pool.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	PAGE = 8192,
	GRAPHS = 2500,
	OBJECTS_MAX = 64,
	EDGES_MAX = 8,
	ROOTS_MAX = 64,
	GOROUTINES_MAX = 9,
	WAITS_MAX = 3,
	LOCKS_MAX = 4,
	TYPED_WORDS = 4, // of a type whose mask tells
	TINY_BELOW = 16,
};

static struct fake_heap fake;
static struct fake_random rng;
static uint64_t seed;
static struct seep_live live;

// The same world a second time, as plain arrays that know nothing of spans.

struct object {
	seep_addr addr;
	uint64_t size;
	bool allocated, tiny, opaque;
	seep_addr edges[EDGES_MAX]; // what its pointers say
	int edge_count;
};

struct values {
	seep_addr v[ROOTS_MAX];
	int n;
};

struct goroutine {
	enum seep_wait_kind wait;
	seep_addr address[WAITS_MAX];
	uint32_t size[WAITS_MAX];
	int waits;
	struct values roots;
};

struct lock {
	seep_addr address;
	enum seep_lock_state state;
	int holders[GOROUTINES_MAX];
	bool as_writer[GOROUTINES_MAX];
	int holder_count;
};

static struct {
	struct object objects[OBJECTS_MAX];
	int object_count;
	struct goroutine goroutines[GOROUTINES_MAX];
	int goroutine_count;
	struct lock locks[LOCKS_MAX];
	int lock_count;
	struct values globals, threads, timers, specials;
	struct values scheduler; // roots for the collector only
} world;

static int object_at(seep_addr addr)
{
	for (int i = 0; i < world.object_count; i++)
		if (addr >= world.objects[i].addr &&
		    addr < world.objects[i].addr + world.objects[i].size)
			return world.objects[i].allocated ? i : -1;
	return -1;
}

// Naive reachability.

struct reach {
	bool in[OBJECTS_MAX];
	seep_addr followed[OBJECTS_MAX * EDGES_MAX + 8 * ROOTS_MAX]; // each pointer on the way
	int followed_count;
};

static void follow(struct reach *r, seep_addr value)
{
	int i = object_at(value);

	r->followed[r->followed_count++] = value;
	if (i >= 0)
		r->in[i] = true;
}

static void follow_all(struct reach *r, const struct values *values)
{
	for (int i = 0; i < values->n; i++)
		follow(r, values->v[i]);
}

// Closes r under pointers of objects; those of opaque ones count only for the collector.
static void close_under_pointers(struct reach *r, bool as_collector)
{
	bool done[OBJECTS_MAX] = {}, changed = true;

	while (changed) {
		changed = false;
		for (int i = 0; i < world.object_count; i++) {
			const struct object *o = &world.objects[i];
			if (!r->in[i] || done[i] || (o->opaque && !as_collector))
				continue;
			done[i] = changed = true;
			for (int e = 0; e < o->edge_count; e++)
				follow(r, o->edges[e]);
		}
	}
}

// What is reached when the goroutines of `runs` run.
static void reach_from(struct reach *r, const bool *runs, bool as_collector)
{
	*r = (struct reach){};
	follow_all(r, &world.globals);
	follow_all(r, &world.threads);
	follow_all(r, &world.timers);
	follow_all(r, &world.specials);
	if (as_collector)
		follow_all(r, &world.scheduler);
	for (int g = 0; g < world.goroutine_count; g++)
		if (runs[g])
			follow_all(r, &world.goroutines[g].roots);
	close_under_pointers(r, as_collector);
}

static const struct lock *lock_of(const struct goroutine *g)
{
	if (g->wait < SEEP_WAIT_MUTEX || g->wait > SEEP_WAIT_RWMUTEX_WRITE || g->waits == 0)
		return NULL;
	for (int i = 0; i < world.lock_count; i++)
		if (world.locks[i].address == g->address[0])
			return &world.locks[i];
	return NULL;
}

static bool lock_allows(const struct goroutine *g, int phase, const bool *runs)
{
	const struct lock *lock = lock_of(g);

	if (phase == 2 || !lock || lock->state == SEEP_LOCK_UNKNOWN)
		return true;
	if (lock->state == SEEP_LOCK_ABANDONED)
		return phase == 1;
	for (int h = 0; h < lock->holder_count; h++)
		if (runs[lock->holders[h]] &&
		    (!lock->as_writer[h] || g->wait == SEEP_WAIT_RWMUTEX_READ))
			return true;
	return false;
}

static bool on_own_stack(int g, seep_addr addr)
{
	const struct seep_goroutine *real = &fake.rt->goroutines.data[g];

	return addr >= real->stack_lo && addr < real->stack_hi;
}

static bool in_heap(seep_addr addr, int *ret)
{
	for (*ret = 0; *ret < world.object_count; ++*ret)
		if (addr >= world.objects[*ret].addr &&
		    addr < world.objects[*ret].addr + world.objects[*ret].size)
			return true;
	return false;
}

static bool can_be_woken(int g, const struct reach *r)
{
	const struct goroutine *me = &world.goroutines[g];
	int o;

	for (int w = 0; w < me->waits; w++) {
		seep_addr a = me->address[w], end = a + me->size[w];
		if (on_own_stack(g, a))
			continue;
		if (!in_heap(a, &o) || !world.objects[o].allocated)
			return true;
		if (!world.objects[o].tiny || me->size[w] == 0 || me->size[w] >= TINY_BELOW) {
			if (r->in[o])
				return true;
			continue;
		}
		for (int i = 0; i < r->followed_count; i++) {
			seep_addr p = r->followed[i];
			if (p >= world.objects[o].addr && p < end && end - p < TINY_BELOW)
				return true;
		}
	}
	return false;
}

// The fixed point of one phase, begun anew.
static void naive_phase(int phase, bool *runs, struct reach *r)
{
	bool changed = true;

	for (int g = 0; g < world.goroutine_count; g++)
		runs[g] = world.goroutines[g].wait >= SEEP_WAIT_EXTERNAL;
	while (changed) {
		changed = false;
		reach_from(r, runs, false);
		for (int g = 0; g < world.goroutine_count; g++)
			if (!runs[g] && can_be_woken(g, r) &&
			    lock_allows(&world.goroutines[g], phase, runs))
				runs[g] = changed = true;
	}
}

// Random worlds.

static bool chance(unsigned percent)
{
	return fake_below(&rng, 100) < percent;
}

static seep_addr random_pointer(void)
{
	const struct object *o = &world.objects[fake_below(&rng, world.object_count)];

	if (chance(10))
		return fake_below(&rng, 2) ? fake_random(&rng) : FAKE_HEAP_ARENA + 8000;
	return o->addr + (chance(50) ? 0 : fake_below(&rng, o->size));
}

static const struct fake_span *add_span(uint64_t pages, uint64_t size, uint8_t spanclass,
					seep_addr type, bool user_arena)
{
	uint64_t at = 0;

	for (size_t i = 0; i < fake.span_count; i++)
		at += fake.spans[i].pages;
	return fake_heap_span(
		&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + at * PAGE,
					   .pages = pages,
					   .elem_size = size,
					   .nelems = size && size <= 512 && !(spanclass & 1) ?
							     (PAGE - 128) / size :
							     0,
					   .spanclass = spanclass,
					   .user_arena = user_arena,
					   .large_type = type });
}

static void add_objects(const struct fake_span *s, int n, bool tiny)
{
	for (int i = 0; i < n; i++) {
		bool allocated = chance(90);
		// The slots are not next to each other: those between are free.
		uint64_t slot = s->spanclass >> 1 ? (i * 7 + 3) % s->nelems : 0;
		uint64_t size = s->spanclass >> 1 ? s->elem_size : s->pages * PAGE;
		world.objects[world.object_count++] =
			(struct object){ .addr = s->base + slot * size,
					 .size = size,
					 .tiny = tiny,
					 .allocated = allocated };
		if (allocated)
			fake_heap_allocate(&fake, s, slot);
	}
}

// Writes a pointer to a word and notes it, if the word's map says that it is one.
static void point(struct object *o, uint64_t word, bool mapped)
{
	seep_addr value = random_pointer();

	if (chance(40))
		return;
	fake_heap_put(&fake, o->addr + 8 * word, value);
	if (mapped)
		o->edges[o->edge_count++] = value;
}

enum { SMALL = 10, TINY = 4, PLAIN = 4, TYPED = 3, GS = GOROUTINES_MAX };

// Spans of every kind of pointer map: bits, none, headers, whole words, one large type; and runtime.g's.
static void make_heap(void)
{
	const unsigned char mask = 0x5; // words 0 and 2 of 4
	seep_addr type = fake_heap_type(&fake, TYPED_WORDS * 8, &mask, TYPED_WORDS);
	const struct fake_span *spans[] = {
		add_span(1, 32, 4 << 1, 0, false),
		add_span(1, 16, 2 << 1 | 1, 0, false),
		add_span(1, 64, 6 << 1 | 1, 0, false),
		add_span(1, 640, 28 << 1, 0, false),
		add_span(1, 0, 0, 0, true),
		add_span(2, 0, 0, type, false),
		add_span(1, 64, 6 << 1, 0, false),
	};
	int at[8] = {};
	static const int counts[] = { SMALL, TINY, PLAIN, TYPED, 1, 1, GS };

	for (int i = 0; i < 7; i++) {
		at[i] = world.object_count;
		add_objects(spans[i], counts[i], i == 1);
	}
	for (int i = at[0]; i < at[0] + SMALL; i++)
		for (uint64_t w = 0; w < 4; w++) {
			bool mapped = chance(60);
			if (mapped)
				fake_heap_pointer_word(&fake, spans[0],
						       world.objects[i].addr + 8 * w);
			point(&world.objects[i], w, mapped);
		}
	for (int i = at[2]; i < at[2] + PLAIN; i++)
		point(&world.objects[i], 3, false);
	for (int i = at[3]; i < at[3] + TYPED; i++) {
		bool typed = chance(80);
		fake_heap_put(&fake, world.objects[i].addr, typed ? type : 0);
		for (uint64_t w = 0; w < 8; w++)
			point(&world.objects[i], 1 + w, typed && w % TYPED_WORDS % 2 == 0);
	}
	for (uint64_t w = 0; w < 6; w++) {
		point(&world.objects[at[4]], 100 * w, true);
		point(&world.objects[at[5]], 101 * w, 101 * w % 4 % 2 == 0);
	}
	for (int i = at[6]; i < at[6] + GS; i++)
		for (uint64_t w = 4; w < 8; w++) {
			fake_heap_pointer_word(&fake, spans[6], world.objects[i].addr + 8 * w);
			point(&world.objects[i], w, true);
		}
}

static void add_value(struct values *values, seep_addr value)
{
	values->v[values->n++] = value;
}

static void random_wait(void)
{
	struct goroutine *g = &world.goroutines[world.goroutine_count];
	const struct seep_goroutine *real = &fake.rt->goroutines.data[world.goroutine_count];
	static const uint32_t sizes[] = { 0, 4, 8, 12, 15, 16, 24 };
	seep_addr a = chance(5) ? FAKE_HEAP_DATA + 8 :
		      chance(5) ? real->stack_lo + 16 :
				  random_pointer() & -(seep_addr)4;

	g->address[g->waits] = a;
	g->size[g->waits] = sizes[fake_below(&rng, 7)];
	fake_heap_wait(&fake, a, g->size[g->waits++]);
}

// Goroutines that wait for the same lock share its address.
static void wait_for_lock(seep_addr address)
{
	struct goroutine *g = &world.goroutines[world.goroutine_count];

	g->address[0] = address;
	g->size[0] = g->wait == SEEP_WAIT_MUTEX ? 8 : 24;
	g->waits = 1;
	fake_heap_wait(&fake, address, g->size[0]);
}

static void make_stack(uint32_t index, bool g_in_heap)
{
	struct goroutine *g = &world.goroutines[index];
	const struct seep_goroutine *real = &fake.rt->goroutines.data[index];

	for (uint64_t n = fake_below(&rng, 4); n > 0; n--) {
		add_value(&g->roots, random_pointer());
		fake_heap_stack_put(&fake, index, fake_below(&rng, 20) * 3 + n % 3,
				    g->roots.v[g->roots.n - 1]);
	}
	// Words may have been written twice: what stands there counts.
	g->roots.n = 0;
	for (unsigned w = 0; w < FAKE_HEAP_STACK_WORDS; w++) {
		seep_addr v = seep_le64(real->stack + (size_t)8 * w);
		if (v)
			add_value(&g->roots, v);
	}
	if (chance(20)) {
		add_value(&g->roots, random_pointer());
		fake_heap_put(&fake, real->addr + FAKE_HEAP_G_PARAM, g->roots.v[g->roots.n - 1]);
	}
	if (chance(15)) { // a deferred call, whose record stands outside the heap
		seep_addr record = fake_heap_take(&fake, 32);
		add_value(&g->roots, random_pointer());
		fake_heap_put(&fake, record + FAKE_HEAP_DEFER_FN, g->roots.v[g->roots.n - 1]);
		fake_heap_put(&fake, real->addr + FAKE_HEAP_G_DEFER, record);
	}
	if (g_in_heap)
		world.objects[object_at(real->addr)].opaque = true;
}

static void make_goroutines(void)
{
	static const enum seep_wait_kind kinds[] = {
		SEEP_WAIT_SEND,		SEEP_WAIT_RECEIVE,	 SEEP_WAIT_SELECT,
		SEEP_WAIT_MUTEX,	SEEP_WAIT_MUTEX,	 SEEP_WAIT_RWMUTEX_READ,
		SEEP_WAIT_RWMUTEX_READ, SEEP_WAIT_RWMUTEX_WRITE, SEEP_WAIT_COND,
		SEEP_WAIT_EXTERNAL,	SEEP_WAIT_NONE,		 SEEP_WAIT_NIL_CHANNEL,
		SEEP_WAIT_SEMAPHORE,	SEEP_WAIT_ONCE
	};
	seep_addr lock_at[LOCKS_MAX];
	uint64_t n = 1 + fake_below(&rng, GOROUTINES_MAX), locks = 1 + fake_below(&rng, LOCKS_MAX);

	for (uint64_t i = 0; i < locks; i++)
		lock_at[i] = (random_pointer() & -(seep_addr)8) + i;
	for (uint64_t i = 0; i < n; i++) {
		struct goroutine *g = &world.goroutines[world.goroutine_count];
		int object = world.object_count - GS + (int)i;
		bool in_heap_too = world.objects[object].allocated && chance(70);
		g->wait = kinds[fake_below(&rng, 14)];
		uint32_t index = fake_heap_goroutine(&fake, g->wait,
						     in_heap_too ? world.objects[object].addr : 0);
		bool lock = g->wait >= SEEP_WAIT_MUTEX && g->wait <= SEEP_WAIT_RWMUTEX_WRITE;
		if (lock && chance(90))
			wait_for_lock(lock_at[fake_below(&rng, locks)]);
		else if (g->wait < SEEP_WAIT_EXTERNAL && g->wait != SEEP_WAIT_NIL_CHANNEL)
			for (uint64_t k = 1 + fake_below(&rng, g->wait == SEEP_WAIT_SELECT ? 3 : 1);
			     k > 0; k--)
				random_wait();
		world.goroutine_count++;
		make_stack(index, in_heap_too);
	}
	for (uint64_t i = 0; i < locks; i++) {
		struct lock *l = &world.locks[world.lock_count];
		*l = (struct lock){ .address = lock_at[i], .state = fake_below(&rng, 3) };
		size_t index = fake_heap_lock(&fake, l->address, l->state);
		for (uint64_t h = fake_below(&rng, 3) + 1; l->state == SEEP_LOCK_HELD && h > 0;
		     h--) {
			l->holders[l->holder_count] = fake_below(&rng, world.goroutine_count);
			l->as_writer[l->holder_count] = chance(30);
			fake_heap_holder(&fake, index, l->holders[l->holder_count],
					 l->as_writer[l->holder_count]);
			l->holder_count++;
		}
		world.lock_count++;
	}
}

static void add_special(enum seep_special_kind kind)
{
	struct seep_runtime *rt = fake.rt;
	struct seep_special s = { .kind = kind };
	const struct object *o = &world.objects[fake_below(&rng, world.object_count - GS)];

	if (!o->allocated || !seep_heap_find(&rt->heap, o->addr, &s.object))
		return;
	for (unsigned k = 0; k < 3; k++)
		if (chance(50))
			add_value(&world.specials, s.words[k] = random_pointer());
	if (kind == SEEP_SPECIAL_WEAK_HANDLE)
		add_value(&world.specials, o->addr);
	for (int e = 0; kind == SEEP_SPECIAL_FINALIZER && e < o->edge_count; e++)
		if (o->edges[e] - o->addr >= rt->heap.spans.data[s.object.span].elem_size)
			add_value(&world.specials, o->edges[e]);
	if (!seep_vec_push(&rt->specials, s))
		abort();
}

static void make_roots(void)
{
	struct seep_runtime *rt = fake.rt;

	for (unsigned i = 0; i < 4; i++)
		if (chance(40)) {
			add_value(&world.globals, random_pointer());
			fake_heap_global(&fake, i * 17, world.globals.v[world.globals.n - 1]);
		}
	for (enum seep_special_kind k = 0; k < 3; k++)
		if (chance(20))
			add_special(k);
	bool ok = true;
	if (chance(20)) {
		struct seep_timer t = { .addr = random_pointer(), .arg = random_pointer() };
		add_value(&world.timers, t.addr);
		add_value(&world.timers, t.arg);
		ok &= seep_vec_push(&rt->timers, t);
	}
	if (chance(20)) {
		// One that runs is no root of its own: its goroutine's stack is.
		struct seep_queued entry = { .first_word = rt->queued.len,
					     .word_count = 1,
					     .running = chance(50) };
		struct values *root = entry.running ? &world.scheduler : &world.specials;
		add_value(root, random_pointer());
		ok &= seep_vec_push(&rt->queued, root->v[root->n - 1]) &&
		      seep_vec_push(&rt->queue, entry);
	}
	if (chance(20)) {
		add_value(&world.threads, random_pointer());
		ok &= seep_vec_push(&rt->thread_words, world.threads.v[world.threads.n - 1]);
	}
	for (uint64_t n = fake_below(&rng, 3); n > 0; n--) {
		seep_addr a = random_pointer();
		int o;
		if (in_heap(a, &o))
			world.objects[o].opaque = true;
		ok &= seep_vec_push(&rt->runtime_edges, a);
	}
	if (chance(30)) {
		add_value(&world.scheduler, random_pointer());
		ok &= seep_vec_push(&rt->tiny_blocks, world.scheduler.v[world.scheduler.n - 1]);
	}
	if (!ok)
		abort();
}

static void make_world(void)
{
	rng.state = seed;
	memset(&world, 0, sizeof(world));
	fake_heap_init(&fake, 25);
	make_heap();
	fake_heap_read(&fake);
	make_goroutines();
	make_roots();
}

static void find_live(void)
{
	assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_NAMED, &live));
}

static void end_live(void)
{
	seep_live_deinit(&live);
	live = (struct seep_live){};
}

static int end_world(void **state)
{
	(void)state;
	end_live();
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	return 0;
}

// Comparisons.

static void check_bitmap(const uint64_t *bits, const struct reach *want, const char *what)
{
	const struct seep_heap *heap = &fake.rt->heap;
	struct seep_object object = {};
	uint64_t count = 0, expected = 0;

	for (int i = 0; i < world.object_count; i++) {
		assert_true(seep_heap_find(heap, world.objects[i].addr, &object));
		if (seep_bit_get(bits, seep_heap_number(heap, object)) != want->in[i])
			fail_msg("seed %lu: object %d is %sin %s", (long)seed, i,
				 want->in[i] ? "not " : "", what);
		expected += want->in[i];
	}
	for (uint64_t i = 0; i < heap->slots; i++)
		count += seep_bit_get(bits, i);
	if (count != expected)
		fail_msg("seed %lu: free slots are in %s", (long)seed, what);
}

static void check_phases(void)
{
	bool runs[3][GOROUTINES_MAX];
	struct reach reach[3];

	for (int phase = 0; phase < 3; phase++)
		naive_phase(phase, runs[phase], &reach[phase]);
	for (int g = 0; g < world.goroutine_count; g++) {
		int want = 0;
		while (want < 3 && !runs[want][g])
			want++;
		if (live.phase[g] != want)
			fail_msg("seed %lu: goroutine %d of %d is live in phase %d, not %d",
				 (long)seed, g, world.goroutine_count, live.phase[g], want);
	}
	check_bitmap(live.base, &reach[0], "the base");
}

static void check_collector(void)
{
	bool all[GOROUTINES_MAX];
	struct reach r;
	uint64_t objects = 0, bytes = 0;

	memset(all, true, sizeof(all));
	reach_from(&r, all, true);
	check_bitmap(live.reachable, &r, "what the collector keeps");
	for (int i = 0; i < world.object_count; i++) {
		objects += r.in[i];
		bytes += r.in[i] ? world.objects[i].size : 0;
	}
	assert_int_equal(live.reachable_objects, objects);
	assert_int_equal(live.reachable_bytes, bytes);
}

// Does the named root, alone, lead to what goroutine g waits for (or does it hold the lock)?
static void check_root(int g)
{
	const struct seep_root *root = &live.woken_by[g];
	const struct goroutine *me = &world.goroutines[g];
	struct reach r = {};
	uint64_t value = 0;

	if (live.phase[g] != SEEP_LIVE || me->wait >= SEEP_WAIT_EXTERNAL) {
		if (live.phase[g] == SEEP_LIVE || live.phase[g] == SEEP_LIVE_NEVER)
			assert_int_equal(root->kind, SEEP_ROOT_NONE);
		return;
	}
	switch (root->kind) {
	case SEEP_ROOT_GLOBAL:
		if (root->id == me->address[0] || (me->waits > 1 && root->id == me->address[1]) ||
		    (me->waits > 2 && root->id == me->address[2]))
			return; // it lies there itself
		assert_true(seep_memory_u64(&fake.rt->memory, root->id, &value));
		follow(&r, value);
		break;
	case SEEP_ROOT_THREAD:
		follow_all(&r, &world.threads);
		break;
	case SEEP_ROOT_TIMER:
		follow_all(&r, &world.timers);
		break;
	case SEEP_ROOT_SPECIAL:
		follow_all(&r, &world.specials);
		break;
	case SEEP_ROOT_GOROUTINE:
		assert_int_equal(live.phase[root->id], SEEP_LIVE);
		follow_all(&r, &world.goroutines[root->id].roots);
		const struct lock *lock = lock_of(me);
		for (int h = 0; lock && lock->state == SEEP_LOCK_HELD && h < lock->holder_count;
		     h++)
			if (lock->holders[h] == (int)root->id)
				return;
		break;
	default:
		fail_msg("seed %lu: nothing woke goroutine %d", (long)seed, g);
	}
	close_under_pointers(&r, false);
	if (!can_be_woken(g, &r))
		fail_msg("seed %lu: root %d %#lx does not lead to what goroutine %d waits for",
			 (long)seed, root->kind, (long)root->id, g);
}

static void random_heaps_are_judged_as_the_definition_says(void **state)
{
	unsigned by_phase[4] = {};

	(void)state;
	for (seed = 1; seed <= GRAPHS; seed++) {
		make_world();
		find_live();
		check_phases();
		check_collector();
		for (int g = 0; g < world.goroutine_count; g++) {
			check_root(g);
			by_phase[live.phase[g]]++;
		}
		end_world(NULL);
	}
	// The worlds are of use only if each phase occurs in them.
	for (int i = 0; i < 4; i++)
		assert_true(by_phase[i] > GRAPHS / 20);
}

static void check_same(const struct seep_live *a, const struct seep_live *b)
{
	size_t bytes = SEEP_BITS_WORDS(fake.rt->heap.slots) * 8;

	assert_memory_equal(a->phase, b->phase, fake.rt->goroutines.len);
	assert_memory_equal(a->base, b->base, bytes);
	assert_memory_equal(a->opaque, b->opaque, bytes);
	assert_memory_equal(a->reachable, b->reachable, bytes);
	assert_int_equal(a->reachable_objects, b->reachable_objects);
	assert_int_equal(a->reachable_bytes, b->reachable_bytes);
	assert_int_equal(a->dangling, b->dangling);
	assert_int_equal(a->dangling_example, b->dangling_example);
}

static void threads_and_names_change_nothing(void **state)
{
	uint64_t dangling = 0;

	(void)state;
	for (seed = 1; seed <= GRAPHS / 8; seed++) {
		struct seep_live first;
		make_world();
		assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_UNNAMED, &first));
		for (unsigned i = 0; i < 6; i++) {
			static const unsigned threads[] = { 1, 2, 5 };
			seep_pool_set_threads(threads[i % 3]);
			assert_null(seep_live_find(fake.rt, &fake.locks,
						   i < 3 ? SEEP_LIVE_UNNAMED : SEEP_LIVE_NAMED,
						   &live));
			// Followed one by one, what a guess leads to is read before the next root says for certain.
			if (i >= 3) {
				live.dangling = first.dangling;
				live.dangling_example = first.dangling_example;
			}
			check_same(&first, &live);
			end_live();
		}
		seep_pool_set_threads(0);
		dangling += first.dangling;
		seep_live_deinit(&first);
		end_world(NULL);
	}
	assert_true(dangling > 0);
}

// What a group retains.

static uint64_t naive_retained(const uint32_t *groups, uint32_t group)
{
	struct reach with = {}, without = {};
	bool runs[GOROUTINES_MAX];
	uint64_t bytes = 0;

	naive_phase(0, runs, &with);
	without = with;
	for (int g = 0; g < world.goroutine_count; g++) {
		if (live.phase[g] == SEEP_LIVE)
			continue;
		follow_all(&with, &world.goroutines[g].roots);
		if (groups[g] != group)
			follow_all(&without, &world.goroutines[g].roots);
		else
			bytes += FAKE_HEAP_STACK_WORDS * 8;
	}
	close_under_pointers(&with, false);
	close_under_pointers(&without, false);
	for (int i = 0; i < world.object_count; i++)
		if (with.in[i] && !without.in[i] && !world.objects[i].opaque)
			bytes += world.objects[i].size;
	return bytes;
}

static void random_groups_retain_what_only_they_reach(void **state)
{
	uint64_t shared = 0;

	(void)state;
	for (seed = 100000; seed < 100000 + GRAPHS; seed++) {
		uint32_t groups[GOROUTINES_MAX];
		uint64_t bytes[3];
		make_world();
		find_live();
		for (int g = 0; g < world.goroutine_count; g++)
			groups[g] = chance(20) ? UINT32_MAX : (uint32_t)fake_below(&rng, 3);
		memset(bytes, 0xee, sizeof(bytes));
		assert_null(seep_retained(fake.rt, &live, groups, 3, bytes));
		for (uint32_t i = 0; i < 3; i++) {
			uint64_t want = naive_retained(groups, i);
			if (bytes[i] != want)
				fail_msg("seed %lu: group %u retains %lu bytes, not %lu",
					 (long)seed, i, (long)bytes[i], (long)want);
			shared += want % (FAKE_HEAP_STACK_WORDS * 8ull) != 0;
		}
		end_world(NULL);
	}
	assert_true(shared > GRAPHS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(threads_and_names_change_nothing, end_world),
		cmocka_unit_test_teardown(random_heaps_are_judged_as_the_definition_says,
					  end_world),
		cmocka_unit_test_teardown(random_groups_retain_what_only_they_reach, end_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
