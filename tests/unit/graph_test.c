// The graph of heaps: random ones against their own pointers read again, and one rule each for roots and for what is no edge.
#include "base/pool.h"
#include "graph/graph.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PAGE = 8192, SLOT = 16, SLOTS = (PAGE - 128) / SLOT, CHANNEL = 96 };

static struct fake_heap fake;
static struct seep_live live;
static struct seep_graph graph;
static const struct seep_variables no_variables;

static int end_world(void **state)
{
	(void)state;
	seep_graph_deinit(&graph);
	seep_live_deinit(&live);
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	live = (struct seep_live){};
	return 0;
}

static void build(void)
{
	seep_graph_deinit(&graph);
	seep_live_deinit(&live);
	assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_UNNAMED, &live));
	assert_null(seep_graph_build(fake.rt, &live, &no_variables, &graph));
	assert_null(seep_graph_dominators(&graph));
}

// --- random heaps ---

static seep_addr slot(uint64_t i)
{
	return FAKE_HEAP_ARENA + i / SLOTS * PAGE + i % SLOTS * SLOT;
}

/** Objects of two words, one of three words a pointer: to an object, into the midst of one, to none, to nothing. */
static void make_random_heap(unsigned spans, uint64_t seed)
{
	struct fake_random random = { seed };

	fake_heap_init(&fake, 25);
	for (unsigned i = 0; i < spans; i++) {
		struct fake_span *s = fake_heap_span(
			&fake,
			(struct fake_span){ FAKE_HEAP_ARENA + i * PAGE, 1, SLOT, .nelems = SLOTS,
					    .spanclass = 4 + fake_below(&random, 2) });
		for (unsigned k = 0; k < SLOTS; k++)
			if (fake_below(&random, 8))
				fake_heap_allocate(&fake, s, k);
	}
	fake_heap_read(&fake);
	for (uint64_t i = 0; i < spans * SLOTS * 2ull; i++) {
		seep_addr word = slot(i / 2) + i % 2 * 8;
		uint64_t to = fake_below(&random, spans * SLOTS);
		if (fake.spans[i / 2 / SLOTS].spanclass % 2)
			continue;
		if (fake_below(&random, 3))
			fake_heap_pointer_word(&fake, &fake.spans[i / 2 / SLOTS], word);
		if (fake_below(&random, 5))
			fake_heap_put(&fake, word,
				      fake_below(&random, 9) ?
					      slot(to) + fake_below(&random, SLOT) :
					      fake_random(&random));
	}
	for (unsigned i = 0; i < FAKE_HEAP_GLOBALS; i++)
		fake_heap_global(&fake, i, slot(fake_below(&random, spans * SLOTS)));
	for (unsigned i = 0; i < 3; i++)
		fake_heap_stack_put(&fake, fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0), i,
				    slot(fake_below(&random, spans * SLOTS)));
}

static void check_out(uint32_t node, struct seep_object object)
{
	struct seep_pointers walk;
	uint32_t e = 0, count;
	const uint32_t *out = seep_edges_of(&graph.edges, node, &count);
	uint64_t word;
	seep_addr value;

	seep_pointers_start(&fake.rt->heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value)) {
		struct seep_object to;
		if (!seep_heap_find(&fake.rt->heap, value, &to) ||
		    !seep_heap_allocated(&fake.rt->heap, to) || seep_graph_node(&graph, to) == node)
			continue;
		assert_true(e < count);
		assert_int_equal(out[e++], seep_graph_node(&graph, to));
	}
	assert_int_equal(e, count);
}

/** Edges into all nodes, or into those wanted. */
static void check_in(const uint64_t *wanted)
{
	uint32_t *next = calloc(graph.node_count, sizeof(*next)), count, sum = 0;
	struct seep_graph_in in;

	assert_true(seep_graph_in_init(&graph.edges, wanted, &in));
	for (uint32_t n = 0; n < graph.node_count; n++) {
		const uint32_t *out = seep_edges_of(&graph.edges, n, &count);
		for (uint32_t e = 0; e < count; e++) {
			uint32_t at = in.first[out[e]] + next[out[e]];
			if (wanted && !seep_bit_get(wanted, out[e]))
				continue;
			next[out[e]]++;
			sum++;
			assert_true(at < in.first[out[e] + 1]);
			assert_int_equal(in.from[at], n);
		}
	}
	assert_int_equal(in.first[graph.node_count], sum);
	seep_graph_in_deinit(&in);
	free(next);
}

/** Every node has a parent, and no edge is a shorter way. Only for graphs without late edges. */
static void check_paths(void)
{
	uint32_t *far = calloc(graph.node_count, sizeof(*far)), count;

	for (uint32_t n = 1; n < graph.node_count; n++)
		for (uint32_t p = n; p != SEEP_NODE_ROOT; p = graph.parent[p])
			far[n]++;
	for (uint32_t n = 0; n < graph.node_count; n++) {
		const uint32_t *out = seep_edges_of(&graph.edges, n, &count);
		for (uint32_t e = 0; e < count; e++)
			assert_true(far[out[e]] <= far[n] + 1);
	}
	free(far);
	for (uint32_t n = 1; n < graph.node_count; n++) {
		const uint32_t *out = seep_edges_of(&graph.edges, graph.parent[n], &count);
		uint32_t e = 0;
		while (e < count && out[e] != n)
			e++;
		assert_true(e < count);
		assert_int_not_equal(graph.dominator[n], SEEP_NODE_NONE);
	}
}

/** What a node retains is the sum over all whose way up in the tree leads through it. */
static void check_retained(void)
{
	uint64_t *sums = calloc(graph.node_count, sizeof(*sums));

	for (uint32_t n = graph.first_object; n < graph.node_count; n++)
		for (uint32_t p = n; p != SEEP_NODE_NONE; p = graph.dominator[p])
			sums[p] += seep_graph_bytes(&graph, n);
	for (uint32_t n = 0; n < graph.node_count; n++)
		assert_true(seep_graph_retained(&graph, n) == sums[n]);
	free(sums);
}

static void a_random_heap(unsigned spans, uint64_t seed)
{
	make_random_heap(spans, seed);
	build();
	assert_int_equal(graph.node_count - graph.first_object, live.reachable_objects);
	seep_addr last = 0;
	for (uint32_t n = graph.first_object; n < graph.node_count; n++) {
		if (n == graph.first_leaf)
			last = 0;
		struct seep_object object = seep_graph_object(&graph, n);
		seep_addr addr = seep_heap_address(&fake.rt->heap, object);
		assert_true(addr > last);
		last = addr;
		assert_int_equal(seep_graph_node(&graph, object), n);
		assert_true(seep_bit_get(live.reachable, seep_heap_number(&fake.rt->heap, object)));
		assert_int_equal(fake.rt->heap.spans.data[object.span].noscan,
				 n >= graph.first_leaf);
		assert_true(n < graph.first_leaf || seep_graph_retained(&graph, n) == SLOT);
		check_out(n, object);
	}
	check_in(NULL);
	check_in(live.reachable); // as good as any
	check_paths();
	check_retained();
	assert_true(seep_graph_retained(&graph, SEEP_NODE_ROOT) == live.reachable_bytes);
	end_world(NULL);
}

static void random_heaps_have_the_edges_of_their_pointers(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 100; seed++)
		a_random_heap(1 + seed % 3, seed);
}

static void a_large_heap_is_read_in_parts(void **state)
{
	(void)state;
	a_random_heap(FAKE_HEAP_SPANS, 7);
}

static void check_same(const struct seep_graph *a, const struct seep_graph *b)
{
	uint32_t nodes = a->node_count, inner = a->first_leaf;

	assert_int_equal(b->node_count, nodes);
	assert_int_equal(b->first_leaf, inner);
	assert_memory_equal(a->first_out, b->first_out, (inner + 1) * sizeof(*a->first_out));
	assert_memory_equal(a->out, b->out, a->first_out[inner] * sizeof(*a->out));
	assert_memory_equal(a->parent, b->parent, nodes * sizeof(*a->parent));
	assert_memory_equal(a->dominator, b->dominator, nodes * sizeof(*a->dominator));
	assert_memory_equal(a->retained, b->retained, inner * sizeof(*a->retained));
}

static void threads_change_nothing(void **state)
{
	struct seep_graph first;

	(void)state;
	for (uint64_t seed = 1; seed < 20; seed++) {
		make_random_heap(seed % 5 ? 1 + seed % 9 : FAKE_HEAP_SPANS, seed);
		seep_pool_set_threads(1);
		build();
		first = graph;
		graph = (struct seep_graph){};
		for (unsigned threads = 2; threads <= 5; threads += 3) {
			seep_pool_set_threads(threads);
			build();
			check_same(&first, &graph);
		}
		seep_pool_set_threads(0);
		seep_graph_deinit(&first);
		end_world(NULL);
	}
}

// --- rules ---

static struct fake_span *channels;

static seep_addr channel(int i)
{
	return FAKE_HEAP_ARENA + CHANNEL * i;
}

static void make_small_world(void)
{
	fake_heap_init(&fake, 25);
	channels = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, CHANNEL,
							     .nelems = 84, .spanclass = 16 });
	for (int i = 0; i < 40; i++)
		fake_heap_allocate(&fake, channels, i);
	fake_heap_read(&fake);
}

static void link_objects(int from, unsigned word, int to)
{
	fake_heap_pointer_word(&fake, channels, channel(from) + word * 8);
	fake_heap_put(&fake, channel(from) + word * 8, channel(to) + 3);
}

static uint32_t node(int i)
{
	struct seep_object object;

	assert_true(seep_heap_find(&fake.rt->heap, channel(i), &object));
	return seep_graph_node(&graph, object);
}

static const struct seep_graph_root *root_of(uint32_t n)
{
	while (graph.parent[n] != SEEP_NODE_ROOT)
		n = graph.parent[n];
	assert_true(n < graph.first_object);
	return &graph.roots.data[n - 1];
}

static void check_root(int i, enum seep_root_kind kind, uint64_t id)
{
	assert_int_equal(root_of(node(i))->kind, kind);
	assert_int_equal(root_of(node(i))->id, id);
	assert_true(seep_graph_retained(&graph, SEEP_NODE_ROOT) == live.reachable_bytes);
}

static void each_root_holds_what_it_alone_leads_to(void **state)
{
	(void)state;
	make_small_world();
	fake_heap_global(&fake, 3, channel(0));
	fake_heap_global(&fake, 5, channel(3));
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
	fake_heap_stack_put(&fake, g, 2, channel(4));
	assert_true(seep_vec_push(&fake.rt->timers,
				  (struct seep_timer){ .addr = channel(6), .arg = channel(7) }));
	assert_true(seep_vec_push(&fake.rt->queued, channel(8)));
	assert_true(seep_vec_push(&fake.rt->tiny_blocks, channel(9)));
	// What a thread has in hand holds nothing that something else holds, too.
	assert_true(seep_vec_push(&fake.rt->thread_words, channel(2)));
	assert_true(seep_vec_push(&fake.rt->thread_words, channel(10)));
	link_objects(0, 1, 1);
	link_objects(1, 2, 2);
	link_objects(3, 0, 5);
	link_objects(4, 0, 5);
	build();
	check_root(2, SEEP_ROOT_GLOBAL, FAKE_HEAP_DATA + 24);
	check_root(3, SEEP_ROOT_GLOBAL, FAKE_HEAP_DATA + 40);
	check_root(4, SEEP_ROOT_GOROUTINE, g);
	check_root(6, SEEP_ROOT_TIMER, 0);
	check_root(7, SEEP_ROOT_TIMER, 0);
	check_root(8, SEEP_ROOT_SPECIAL, SEEP_SPECIAL_ROOT_QUEUE);
	check_root(9, SEEP_ROOT_SPECIAL, SEEP_SPECIAL_ROOT_TINY);
	check_root(10, SEEP_ROOT_SPECIAL, SEEP_SPECIAL_ROOT_LATE);
	assert_int_equal(graph.dominator[node(2)], node(1));
	assert_int_equal(seep_graph_retained(&graph, graph.dominator[node(0)]), 3 * CHANNEL);
	assert_int_equal(graph.dominator[node(5)], SEEP_NODE_ROOT);
	assert_int_equal(seep_graph_retained(&graph, graph.dominator[node(4)]), CHANNEL);
	assert_int_equal(node(20), SEEP_NODE_NONE);
}

// 1 is the scheduler's. It leads to 2, which a variable leads to as well, and to 3, which nothing else does.
static void the_scheduler_holds_only_what_nothing_else_holds(void **state)
{
	(void)state;
	make_small_world();
	fake_heap_global(&fake, 0, channel(1));
	fake_heap_global(&fake, 1, channel(4));
	assert_true(seep_vec_push(&fake.rt->runtime_edges, channel(1)));
	link_objects(4, 0, 2);
	link_objects(1, 0, 2);
	link_objects(1, 1, 3);
	link_objects(3, 0, 5);
	link_objects(5, 0, 2);
	build();
	check_root(1, SEEP_ROOT_GLOBAL, FAKE_HEAP_DATA);
	check_root(2, SEEP_ROOT_GLOBAL, FAKE_HEAP_DATA + 8);
	check_root(5, SEEP_ROOT_SPECIAL, SEEP_SPECIAL_ROOT_LATE);
	uint32_t count;
	seep_edges_of(&graph.edges, node(1), &count);
	assert_int_equal(count, 0);
	assert_int_equal(graph.dominator[node(5)], node(3));
	assert_int_equal(seep_graph_retained(&graph, node(1)), CHANNEL);
	check_in(NULL);
}

static void what_a_weak_pointer_leads_to_is_held_by_others_if_there_are_any(void **state)
{
	(void)state;
	make_small_world();
	fake_heap_global(&fake, 0, channel(1));
	link_objects(1, 0, 2);
	link_objects(3, 0, 4);
	for (uint32_t i = 2; i <= 3; i++)
		assert_true(seep_vec_push(&fake.rt->specials,
					  (struct seep_special){ .kind = SEEP_SPECIAL_WEAK_HANDLE,
								 .object = { 0, i },
								 .words = { channel(10 + i) } }));
	build();
	assert_int_equal(graph.dominator[node(2)], node(1));
	check_root(4, SEEP_ROOT_SPECIAL, SEEP_SPECIAL_ROOT_LATE);
	check_root(12, SEEP_ROOT_SPECIAL, SEEP_SPECIAL_ROOT_RECORDS);
	assert_int_equal(graph.dominator[node(4)], node(3));
	check_in(NULL);
}

// The collector keeps what an object with a finalizer points to, but not for its own sake.
static void what_an_object_with_a_finalizer_points_to_is_its_own(void **state)
{
	(void)state;
	make_small_world();
	fake_heap_global(&fake, 0, channel(1));
	link_objects(1, 0, 2);
	link_objects(3, 0, 4); // 3 is about to be finalized: nothing leads to it
	for (uint32_t i = 1; i <= 3; i += 2)
		assert_true(seep_vec_push(&fake.rt->specials,
					  (struct seep_special){ .kind = SEEP_SPECIAL_FINALIZER,
								 .object = { 0, i },
								 .words = { channel(10 + i) } }));
	build();
	assert_int_equal(graph.dominator[node(2)], node(1));
	assert_int_equal(node(3), SEEP_NODE_NONE);
	check_root(4, SEEP_ROOT_SPECIAL, SEEP_SPECIAL_ROOT_RECORDS);
	check_root(11, SEEP_ROOT_SPECIAL, SEEP_SPECIAL_ROOT_RECORDS);
}

static void an_empty_heap_has_an_empty_graph(void **state)
{
	(void)state;
	make_small_world();
	build();
	assert_int_equal(graph.node_count, graph.first_object);
	assert_int_equal(seep_graph_retained(&graph, SEEP_NODE_ROOT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(random_heaps_have_the_edges_of_their_pointers, end_world),
		cmocka_unit_test_teardown(a_large_heap_is_read_in_parts, end_world),
		cmocka_unit_test_teardown(threads_change_nothing, end_world),
		cmocka_unit_test_teardown(each_root_holds_what_it_alone_leads_to, end_world),
		cmocka_unit_test_teardown(the_scheduler_holds_only_what_nothing_else_holds,
					  end_world),
		cmocka_unit_test_teardown(
			what_a_weak_pointer_leads_to_is_held_by_others_if_there_are_any, end_world),
		cmocka_unit_test_teardown(what_an_object_with_a_finalizer_points_to_is_its_own,
					  end_world),
		cmocka_unit_test_teardown(an_empty_heap_has_an_empty_graph, end_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
