// Finalizers that can never run: one rule each in heaps made by hand, then random heaps against the definition.
#include "graph/cycle.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES = 64, OBJECTS = 14, EDGES = 3, LARGE_BYTES = 512 << 10 };

static struct fake_heap fake;
static struct seep_cycles cycles;
static seep_addr edges[OBJECTS][EDGES];
static uint64_t web_max;

static seep_addr object(int i)
{
	return FAKE_HEAP_ARENA + (seep_addr)BYTES * i;
}

/** Objects of 64 bytes with `edges` in their first words, the rest without pointers. */
static void make_heap(void)
{
	fake_heap_init(&fake, 25);
	struct fake_span *span =
		fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, BYTES,
							  .nelems = OBJECTS, .spanclass = 10 });
	for (int i = 0; i < OBJECTS; i++) {
		fake_heap_allocate(&fake, span, i);
		for (int k = 0; k < EDGES; k++) {
			fake_heap_pointer_word(&fake, span, object(i) + 8 * k);
			fake_heap_put(&fake, object(i) + 8 * k, edges[i][k]);
		}
	}
	fake_heap_read(&fake);
}

static void special(enum seep_special_kind kind, seep_addr addr, seep_addr word)
{
	struct seep_special s = { .kind = kind, .words = { word } };

	assert_true(seep_heap_find(&fake.rt->heap, addr, &s.object));
	assert_true(seep_vec_push(&fake.rt->specials, s));
}

static void find(void)
{
	assert_null(seep_cycles_find_within(fake.rt, web_max, &cycles));
}

static bool holds(seep_addr addr)
{
	struct seep_object o;

	assert_true(seep_heap_find(&fake.rt->heap, addr, &o));
	return seep_cycles_hold(&cycles, o);
}

static uint64_t held_bytes(void)
{
	uint32_t groups[OBJECTS] = {};
	struct seep_cycles_held held;

	assert_null(seep_cycles_held(&cycles, groups, 1, &held));
	return held.bytes;
}

static int end(void **state)
{
	(void)state;
	seep_cycles_deinit(&cycles);
	cycles = (struct seep_cycles){};
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	memset(edges, 0, sizeof(edges));
	return 0;
}

// 0 ⇄ 1 → 2, and a finalizer on 0.
static void a_pair_with_a_finalizer_is_a_cycle(void **state)
{
	struct seep_cycle_step way[4];

	(void)state;
	edges[0][2] = object(1);
	edges[1][0] = object(0) + 8;
	edges[1][1] = object(2);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	find();
	assert_int_equal(cycles.cycles.len, 1);
	assert_int_equal(cycles.cycles.data[0].objects, 2);
	assert_true(holds(object(0)) && holds(object(1)) && holds(object(2)));
	assert_false(holds(object(3)));
	assert_int_equal(held_bytes(), 3 * BYTES);
	assert_int_equal(seep_cycle_way(&cycles, &cycles.cycles.data[0], way, 4), 2);
	assert_int_equal(way[0].offset, 16);
	assert_int_equal(way[1].offset, 0);
	assert_int_equal(way[1].object.slot, 1);
	assert_false(way[0].by_special || way[1].by_special);
}

static void what_a_root_leads_to_is_none(void **state)
{
	(void)state;
	edges[0][0] = object(1);
	edges[1][0] = object(0);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	fake_heap_global(&fake, 3, object(1) + 40);
	find();
	assert_int_equal(cycles.cycles.len, 0);
}

static void what_a_queued_finalizer_leads_to_is_none(void **state)
{
	(void)state;
	edges[0][0] = object(1);
	edges[1][0] = object(0);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	assert_true(seep_vec_push(&fake.rt->queued, object(1)));
	assert_true(seep_vec_push(&fake.rt->queue, (struct seep_queued){ .word_count = 1 }));
	find();
	assert_int_equal(cycles.cycles.len, 0);
}

static void a_pointer_to_itself_is_none(void **state)
{
	(void)state;
	edges[0][0] = object(0);
	edges[0][1] = object(0) + 63;
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	find();
	assert_int_equal(cycles.cycles.len, 0);
}

// 0 has the finalizer and leads to 1 ⇄ 2.
static void leading_to_a_cycle_is_none(void **state)
{
	(void)state;
	edges[0][0] = object(1);
	edges[1][0] = object(2);
	edges[2][0] = object(1);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	find();
	assert_int_equal(cycles.cycles.len, 0);
}

// As before, but 1 has a finalizer as well: that of 0 will run and could break the cycle.
static void a_finalizer_that_will_run_may_break_it(void **state)
{
	(void)state;
	edges[0][0] = object(1);
	edges[1][0] = object(2);
	edges[2][0] = object(1);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	special(SEEP_SPECIAL_FINALIZER, object(1), 0);
	find();
	assert_int_equal(cycles.cycles.len, 0);
}

static void a_function_that_captures_the_object_is_a_cycle(void **state)
{
	struct seep_cycle_step way[2];

	(void)state;
	edges[1][1] = object(0);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), object(1));
	find();
	assert_int_equal(cycles.cycles.len, 1);
	assert_int_equal(seep_cycle_way(&cycles, &cycles.cycles.data[0], way, 2), 2);
	assert_true(way[0].by_special);
}

// The function belongs to the finalizer of something in use.
static void what_a_live_objects_finalizer_captures_is_none(void **state)
{
	(void)state;
	edges[0][0] = object(1);
	edges[1][0] = object(0);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	special(SEEP_SPECIAL_FINALIZER, object(2), object(1));
	fake_heap_global(&fake, 0, object(2));
	find();
	assert_int_equal(cycles.cycles.len, 0);
}

static void of_a_cleanup_only_the_record_counts(void **state)
{
	(void)state;
	edges[0][0] = object(1);
	edges[1][0] = object(0);
	edges[2][0] = object(3);
	edges[3][0] = object(2);
	make_heap();
	special(SEEP_SPECIAL_CLEANUP, object(0), object(4));
	special(SEEP_SPECIAL_CLEANUP, object(2), object(3));
	find();
	assert_int_equal(cycles.cycles.len, 1);
	assert_false(holds(object(0)));
	assert_true(holds(object(2)));
}

static void what_a_weak_pointer_can_give_back_is_none(void **state)
{
	(void)state;
	edges[0][0] = object(1);
	edges[1][0] = object(0);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	special(SEEP_SPECIAL_WEAK_HANDLE, object(1), object(5));
	find();
	assert_int_equal(cycles.cycles.len, 0);
}

static void nothing_is_said_of_a_heap_with_holes(void **state)
{
	(void)state;
	edges[0][0] = object(1);
	edges[1][0] = object(0);
	make_heap();
	special(SEEP_SPECIAL_FINALIZER, object(0), 0);
	fake.rt->heap.unread_spans = 1;
	find();
	assert_int_equal(cycles.cycles.len, 0);
}

// In large objects the collector knows a pointer to the object itself only within the same 128 KiB.
static void a_large_object_may_keep_itself(void **state)
{
	static const unsigned char mask[1] = { 3 };
	static const struct {
		uint64_t target;
		bool stuck;
	} cases[] = { { 0, false },
		      { 16, false },
		      { (128 << 10) - 1, false },
		      { 128 << 10, true },
		      { LARGE_BYTES - 1, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_heap_init(&fake, 25);
		seep_addr type = fake_heap_type(&fake, LARGE_BYTES, mask, 2);
		struct fake_span *span = fake_heap_span(
			&fake, (struct fake_span){ FAKE_HEAP_ARENA, LARGE_BYTES >> 13, LARGE_BYTES,
						   .nelems = 1, .large_type = type });
		fake_heap_allocate(&fake, span, 0);
		fake_heap_put(&fake, FAKE_HEAP_ARENA + 8, FAKE_HEAP_ARENA + cases[i].target);
		fake_heap_read(&fake);
		special(SEEP_SPECIAL_FINALIZER, FAKE_HEAP_ARENA, 0);
		find();
		assert_int_equal(cycles.cycles.len, cases[i].stuck);
		end(NULL);
	}
}

// The definition: what can be reached is alive; so is what the specials of alive objects keep; so is an object whose
// finalizer the next collection will run, with all that this may touch. What is kept for the others is held.
struct model {
	int count;
	enum seep_special_kind kinds[2 * OBJECTS];
	int objects[2 * OBJECTS], words[2 * OBJECTS];
	bool alive[OBJECTS], kept[OBJECTS];
};

static int number(seep_addr addr)
{
	return addr ? (int)((addr - FAKE_HEAP_ARENA) / BYTES) : -1;
}

static void follow(bool *set, int i)
{
	if (i < 0 || set[i])
		return;
	set[i] = true;
	for (int k = 0; k < EDGES; k++)
		follow(set, number(edges[i][k]));
}

static void follow_special(const struct model *m, bool *set, int s)
{
	follow(set, m->words[s]);
	for (int k = 0; m->kinds[s] == SEEP_SPECIAL_FINALIZER && k < EDGES; k++)
		if (number(edges[m->objects[s]][k]) != m->objects[s])
			follow(set, number(edges[m->objects[s]][k]));
}

static void judge(struct model *m)
{
	int before, after = 0;

	do {
		before = after;
		for (int s = 0; s < m->count; s++)
			if (m->alive[m->objects[s]])
				follow(m->alive, m->words[s]);
		memcpy(m->kept, m->alive, sizeof(m->kept));
		for (int s = 0; s < m->count; s++)
			follow_special(m, m->kept, s);
		for (int s = 0; s < m->count; s++)
			if (!m->kept[m->objects[s]])
				follow(m->alive, m->objects[s]);
		after = 0;
		for (int i = 0; i < OBJECTS; i++)
			after += m->alive[i];
		for (int s = 0; s < m->count; s++)
			after += m->alive[m->objects[s]] * OBJECTS;
	} while (after != before);
}

static void make_random(struct fake_random *random, struct model *m)
{
	for (int n = (int)fake_below(random, 2 * OBJECTS); n > 0; n--)
		edges[fake_below(random, OBJECTS)][fake_below(random, EDGES)] =
			object((int)fake_below(random, OBJECTS)) + fake_below(random, BYTES);
	make_heap();
	int objects[8] = {}, specials = (int)fake_below(random, 8);
	for (int i = 0, o = 0; i < specials && o < OBJECTS; o += (int)fake_below(random, 4))
		objects[i++] = o, m->count = i; // they are read in order of address
	for (int s = 0; s < m->count; s++) {
		m->kinds[s] = fake_below(random, 3) ? SEEP_SPECIAL_FINALIZER : SEEP_SPECIAL_CLEANUP;
		m->objects[s] = objects[s];
		m->words[s] = fake_below(random, 2) ? (int)fake_below(random, OBJECTS) : -1;
		special(m->kinds[s], object(m->objects[s]),
			m->words[s] < 0 ? 0 : object(m->words[s]));
	}
	for (unsigned i = 0; i < 2; i++) {
		int root = (int)fake_below(random, 2 * OBJECTS);
		if (root >= OBJECTS)
			continue;
		fake_heap_global(&fake, i, object(root));
		follow(m->alive, root);
	}
}

static void random_heaps_are_judged_as_the_definition_says(void **state)
{
	uint64_t stuck = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20000; seed++) {
		struct fake_random random = { seed };
		struct model m = {};
		uint64_t held = 0;
		web_max = seed % 3 ? 1000 : seed % 5;
		make_random(&random, &m);
		judge(&m);
		find();
		for (int i = 0; i < OBJECTS; i++) {
			bool want = m.kept[i] && !m.alive[i];
			held += want;
			if (holds(object(i)) != want)
				fail_msg("seed %llu: object %d is %s", (unsigned long long)seed, i,
					 want ? "held" : "not held");
		}
		if (held_bytes() != held * BYTES)
			fail_msg("seed %llu: %llu bytes held, not %llu", (unsigned long long)seed,
				 (unsigned long long)held_bytes(),
				 (unsigned long long)(held * BYTES));
		stuck += held > 0;
		end(NULL);
	}
	assert_true(stuck > 1000);
}

int main(void)
{
	web_max = 1000;
#define cycle_test(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
		cycle_test(a_pair_with_a_finalizer_is_a_cycle),
		cycle_test(what_a_root_leads_to_is_none),
		cycle_test(what_a_queued_finalizer_leads_to_is_none),
		cycle_test(a_pointer_to_itself_is_none),
		cycle_test(leading_to_a_cycle_is_none),
		cycle_test(a_finalizer_that_will_run_may_break_it),
		cycle_test(a_function_that_captures_the_object_is_a_cycle),
		cycle_test(what_a_live_objects_finalizer_captures_is_none),
		cycle_test(of_a_cleanup_only_the_record_counts),
		cycle_test(what_a_weak_pointer_can_give_back_is_none),
		cycle_test(nothing_is_said_of_a_heap_with_holes),
		cycle_test(a_large_object_may_keep_itself),
		cycle_test(random_heaps_are_judged_as_the_definition_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
