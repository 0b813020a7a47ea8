// Hidden pointers and what only they hold: by hand where each rule has its objects, and random heaps against the definition.
#include "graph/hidden.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SLOT = 96, WORDS = SLOT / 8, OBJECTS = 24, BYTES_FROM = 20, ROUNDS = 10000 };

static struct fake_heap fake;
static struct seep_live live;
static struct seep_graph graph;
static struct seep_typing typing;
static struct seep_hidden hidden;
static struct seep_vec(struct pointer {
	const struct seep_partial *holder;
	uint32_t node;
}) pointers;
static const struct seep_variables no_variables;
static struct fake_span *scanned, *noscan;

static void begin_now(void)
{
	fake_heap_init(&fake, 25);
	scanned = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, SLOT, .nelems = 84,
							    .spanclass = 16 });
	noscan = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA + 8192, 1, SLOT,
							   .nelems = 84, .spanclass = 17 });
	for (int i = 0; i < OBJECTS; i++)
		fake_heap_allocate(&fake, i < BYTES_FROM ? scanned : noscan, i);
}

static void end_now(void)
{
	seep_hidden_deinit(&hidden);
	seep_vec_free(&pointers);
	seep_graph_deinit(&graph);
	seep_live_deinit(&live);
	seep_vec_free(&typing.partials);
	seep_vec_free(&typing.ranges);
	fake_heap_deinit(&fake);
	hidden = (struct seep_hidden){};
	graph = (struct seep_graph){};
	live = (struct seep_live){};
	typing = (struct seep_typing){};
	fake = (struct fake_heap){};
}

static int begin(void **state)
{
	(void)state;
	begin_now();
	return 0;
}

static int end(void **state)
{
	(void)state;
	end_now();
	return 0;
}

/** Objects from BYTES_FROM on have no pointers. */
static seep_addr object(int i)
{
	return FAKE_HEAP_ARENA + (i < BYTES_FROM ? 0 : 8192) + SLOT * i;
}

static struct seep_object place(int i)
{
	struct seep_object ret;

	assert_true(seep_heap_find(&fake.rt->heap, object(i), &ret));
	return ret;
}

static void point(int from, unsigned word, seep_addr to)
{
	fake_heap_pointer_word(&fake, scanned, object(from) + 8ull * word);
	fake_heap_put(&fake, object(from) + 8ull * word, to);
}

/** Ranges of the newest partial object are added in order of start. */
static void add_partial(int i)
{
	struct seep_partial p = { .object = place(i), .first_range = typing.ranges.len };

	assert_true(seep_vec_push(&typing.partials, p));
}

static void add_range(uint32_t start, uint32_t len, uint32_t soft_len)
{
	assert_true(seep_vec_push(&typing.ranges,
				  (struct seep_view_range){ start, len, soft_len, 0, 0 }));
	typing.partials.data[typing.partials.len - 1].range_count++;
}

static void note(const struct seep_partial *holder, uint32_t node, void *arg)
{
	(void)arg;
	assert_true(seep_vec_push(&pointers, (struct pointer){ holder, node }));
}

static void find(enum seep_hiding sense)
{
	typing.runtime = fake.rt;
	if (!live.reachable) {
		assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_UNNAMED, &live));
		assert_null(seep_graph_build(fake.rt, &live, &no_variables, &graph));
	}
	seep_hidden_deinit(&hidden);
	assert_null(seep_hidden_find(&typing, &graph, sense, &hidden));
	pointers.len = 0;
	seep_hidden_each(&typing, &graph, sense, note, NULL);
}

static bool is_pinned(int i)
{
	uint32_t node = seep_graph_node(&graph, place(i));

	return node != SEEP_NODE_NONE && seep_bit_get(hidden.pinned, node);
}

/** 0 holds 1 where it is seen and 2 where it is not; 2 holds 3 and 4, and 1 holds 4. */
static void what_only_a_hidden_pointer_holds_is_pinned(void **state)
{
	(void)state;
	fake_heap_global(&fake, 0, object(0));
	point(0, 0, object(1));
	point(0, 5, object(2));
	point(1, 0, object(4));
	point(2, 0, object(3));
	point(2, 1, object(4));
	fake_heap_read(&fake);
	add_partial(0);
	add_range(0, 40, 40);
	find(SEEP_HIDDEN);
	assert_int_equal(pointers.len, 1);
	assert_ptr_equal(pointers.data[0].holder, typing.partials.data);
	assert_int_equal(pointers.data[0].node, seep_graph_node(&graph, place(2)));
	assert_false(is_pinned(0));
	assert_false(is_pinned(1));
	assert_true(is_pinned(2));
	assert_true(is_pinned(3));
	assert_false(is_pinned(4));
}

/** The same pointers, all in the range's cap and two of them in its len. */
static void pointers_behind_the_len_are_hidden_in_the_soft_sense(void **state)
{
	(void)state;
	fake_heap_global(&fake, 0, object(0));
	for (unsigned i = 0; i < 4; i++)
		point(0, i, object(1 + (int)i));
	fake_heap_read(&fake);
	add_partial(0);
	add_range(0, 32, 16);
	find(SEEP_HIDDEN);
	assert_int_equal(pointers.len, 0);
	assert_false(is_pinned(3));
	find(SEEP_HIDDEN_SOFT);
	assert_int_equal(pointers.len, 2);
	assert_false(is_pinned(2));
	assert_true(is_pinned(3));
	assert_true(is_pinned(4));
}

static void a_visible_pointer_beside_the_hidden_one_clears(void **state)
{
	(void)state;
	fake_heap_global(&fake, 0, object(0));
	point(0, 0, object(1));
	point(0, 6, object(1) + 40);
	fake_heap_read(&fake);
	add_partial(0);
	add_range(0, 8, 8);
	find(SEEP_HIDDEN);
	assert_int_equal(pointers.len, 1);
	assert_false(is_pinned(1));
}

/** A ring that hidden pointers lead into keeps itself: no member is cleared by another one. */
static void a_ring_does_not_clear_itself(void **state)
{
	(void)state;
	fake_heap_global(&fake, 0, object(0));
	point(0, 3, object(1));
	point(1, 0, object(2));
	point(2, 0, object(1));
	point(2, 1, object(0));
	fake_heap_read(&fake);
	add_partial(0);
	add_range(0, 16, 16);
	add_partial(2);
	add_range(0, 8, 8);
	find(SEEP_HIDDEN);
	assert_true(is_pinned(1));
	assert_true(is_pinned(2));
	assert_false(is_pinned(0));
	assert_int_equal(pointers.len, 2);
}

static void what_nothing_reaches_is_not_looked_at(void **state)
{
	(void)state;
	fake_heap_global(&fake, 0, object(1));
	point(0, 3, object(1));
	fake_heap_read(&fake);
	add_partial(0);
	add_range(0, 8, 8);
	find(SEEP_HIDDEN);
	assert_int_equal(pointers.len, 0);
	assert_false(is_pinned(1));
}

// Random heaps.

struct model {
	uint16_t words[OBJECTS]; /** pointer words */
	int target[OBJECTS][WORDS]; /** -1: none */
	int roots[4], root_count;
	bool partial[OBJECTS], seen[OBJECTS][SLOT][2];
};

static void make_heap(struct model *m, struct fake_random *r)
{
	unsigned edges = 1 + fake_below(r, 4);

	*m = (struct model){ .root_count = (int)fake_below(r, 4) };
	for (int i = 0; i < m->root_count; i++) {
		m->roots[i] = (int)fake_below(r, OBJECTS);
		fake_heap_global(&fake, i, object(m->roots[i]) + fake_below(r, SLOT));
	}
	for (int i = 0; i < OBJECTS; i++)
		for (unsigned w = 0; w < WORDS; w++) {
			m->target[i][w] = -1;
			if (i >= BYTES_FROM || fake_below(r, WORDS) >= edges)
				continue;
			m->words[i] |= 1 << w;
			if (fake_below(r, 6) == 0) {
				point(i, w, fake_below(r, 2) ? 0 : FAKE_HEAP_DATA);
				continue;
			}
			m->target[i][w] = (int)fake_below(r, OBJECTS);
			point(i, w, object(m->target[i][w]) + fake_below(r, SLOT));
		}
	fake_heap_read(&fake);
}

static void make_views(struct model *m, struct fake_random *r)
{
	unsigned part = 1 + fake_below(r, 4);

	for (int i = 0; i < OBJECTS; i++) {
		uint32_t start = 0;
		if (fake_below(r, part))
			continue;
		m->partial[i] = true;
		add_partial(i);
		for (unsigned n = fake_below(r, 4); n; n--) {
			start += 8 * fake_below(r, (SLOT - start) / 16 + 1);
			uint32_t len = 8 * fake_below(r, (SLOT - start) / 8 + 1),
				 soft = fake_below(r, 2) ? len : 8 * fake_below(r, len / 8 + 1);
			add_range(start, len, soft);
			for (uint32_t b = 0; b < len; b++) {
				m->seen[i][start + b][0] = true;
				m->seen[i][start + b][1] |= b < soft;
			}
		}
	}
}

/** What the roots reach; by visible pointers alone, or by all. */
static void reach(const struct model *m, bool visible_only, enum seep_hiding sense, bool *ret)
{
	int todo[OBJECTS * 2], len = 0;

	for (int i = 0; i < m->root_count; i++)
		if (!ret[m->roots[i]]) {
			ret[m->roots[i]] = true;
			todo[len++] = m->roots[i];
		}
	while (len) {
		int i = todo[--len];
		for (unsigned w = 0; w < WORDS; w++) {
			int to = m->target[i][w];
			bool sees = !m->partial[i] || m->seen[i][8 * w][sense == SEEP_HIDDEN_SOFT];
			if (to < 0 || ret[to] || (visible_only && !sees))
				continue;
			ret[to] = true;
			todo[len++] = to;
		}
	}
}

static uint64_t hidden_pointers(const struct model *m, const bool *reached, enum seep_hiding sense)
{
	uint64_t n = 0;

	for (int i = 0; i < OBJECTS; i++)
		for (unsigned w = 0; m->partial[i] && reached[i] && w < WORDS; w++)
			n += m->target[i][w] >= 0 && !m->seen[i][8 * w][sense == SEEP_HIDDEN_SOFT];
	return n;
}

static void pinned_is_what_visible_pointers_do_not_reach(void **state)
{
	struct fake_random r = { 1 };
	struct model m;
	uint64_t pinned = 0, soft_only = 0;

	(void)state;
	end_now();
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t of_sense[2] = {};
		begin_now();
		make_heap(&m, &r);
		make_views(&m, &r);
		for (int sense = SEEP_HIDDEN; sense <= SEEP_HIDDEN_SOFT; sense++) {
			bool all[OBJECTS] = {}, visible[OBJECTS] = {};
			reach(&m, false, sense, all);
			reach(&m, true, sense, visible);
			find(sense);
			for (int i = 0; i < OBJECTS; i++) {
				assert_int_equal(is_pinned(i), all[i] && !visible[i]);
				of_sense[sense] += is_pinned(i);
			}
			assert_int_equal(pointers.len, hidden_pointers(&m, all, sense));
		}
		pinned += of_sense[SEEP_HIDDEN];
		soft_only += of_sense[SEEP_HIDDEN_SOFT] - of_sense[SEEP_HIDDEN];
		end_now();
	}
	// The rounds are worth their while.
	assert_true(pinned > ROUNDS / 2);
	assert_true(soft_only > ROUNDS / 10);
	begin_now();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_only_a_hidden_pointer_holds_is_pinned),
		CASE(pointers_behind_the_len_are_hidden_in_the_soft_sense),
		CASE(a_visible_pointer_beside_the_hidden_one_clears),
		CASE(a_ring_does_not_clear_itself),
		CASE(what_nothing_reaches_is_not_looked_at),
		CASE(pinned_is_what_visible_pointers_do_not_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
