// Dominators in random graphs of all kinds, against the definition: u dominates v if without u nothing leads from node 0 to v.
#include "graph/graph.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { NODES_MAX = 80, GRAPHS = 6000, DEEP = 1000000 };

struct edge {
	uint32_t from, to;
};
struct edges seep_vec(struct edge);

static void add(struct edges *edges, uint32_t from, uint32_t to)
{
	assert_true(seep_vec_push(edges, (struct edge){ from, to }));
}

/** Edges by node; the caller frees. Nodes without edges at the end are left out of first_out. */
static struct seep_edges make_graph(uint32_t nodes, const struct edges *edges)
{
	uint32_t *first_out = calloc(nodes + 2, 4), *out = calloc(edges->len + 1, 4), inner = 1;

	for (size_t i = 0; i < edges->len; i++) {
		first_out[edges->data[i].from + 2]++;
		if (edges->data[i].from >= inner)
			inner = edges->data[i].from + 1;
	}
	for (uint32_t n = 0; n < nodes; n++)
		first_out[n + 2] += first_out[n + 1];
	for (size_t i = 0; i < edges->len; i++)
		out[first_out[edges->data[i].from + 1]++] = edges->data[i].to;
	return (struct seep_edges){ nodes, inner, first_out, out };
}

static void free_graph(struct seep_edges *g)
{
	free((void *)g->first_out);
	free((void *)g->out);
}

/** What node 0 reaches without going through `without`. */
static void reach(const struct seep_edges *g, uint32_t without, bool *ret)
{
	uint32_t todo[NODES_MAX], len = 0, count;

	memset(ret, 0, g->count);
	if (without == 0)
		return;
	ret[0] = true;
	todo[len++] = 0;
	while (len) {
		const uint32_t *out = seep_edges_of(g, todo[--len], &count);
		for (uint32_t e = 0; e < count; e++)
			if (out[e] != without && !ret[out[e]]) {
				ret[out[e]] = true;
				todo[len++] = out[e];
			}
	}
}

/** With the order checked: all nodes with edges that are reached, each behind its dominator. reached: NULL = all. */
static void find_dominators(const struct seep_edges *g, uint32_t *ret, const bool *reached)
{
	uint32_t *order, len, count, all = 0;
	bool *passed = calloc(g->count, 1);

	assert_true(seep_dominators(g, ret, &order, &len));
	for (uint32_t i = 0; i < len; i++) {
		assert_true(i ? passed[ret[order[i]]] : order[i] == 0);
		assert_false(passed[order[i]]);
		passed[order[i]] = true;
	}
	for (uint32_t n = 0; n < g->count; n++) {
		seep_edges_of(g, n, &count);
		all += n == 0 || (count && (!reached || reached[n]));
		assert_true(passed[n] == (n == 0 || (count && (!reached || reached[n]))));
	}
	assert_int_equal(len, all);
	free(order);
	free(passed);
}

static void check_against_definition(const struct seep_edges *g)
{
	static bool reached[NODES_MAX + 1][NODES_MAX]; // [u]: without u; the last without none
	uint32_t dominator[NODES_MAX], parent[NODES_MAX], queue[NODES_MAX] = { 0 };

	for (uint32_t u = 0; u < g->count; u++)
		reach(g, u, reached[u]);
	reach(g, SEEP_NODE_NONE, reached[NODES_MAX]);
	find_dominators(g, dominator, reached[NODES_MAX]);
	memset(parent, 0xff, sizeof(parent));
	seep_shortest_paths(queue, 1, g, parent);
	for (uint32_t v = 0; v < g->count; v++) {
		uint32_t want = SEEP_NODE_NONE, depth = 0, most = 0;
		for (uint32_t u = 0; reached[NODES_MAX][v] && u < g->count; u++) {
			if (u == v || reached[u][v])
				continue;
			// The nearest of the dominators is the one that all others dominate.
			depth = 1;
			for (uint32_t x = 0; x < g->count; x++)
				depth += x != u && !reached[x][u];
			if (depth > most) {
				most = depth;
				want = u;
			}
		}
		assert_int_equal(dominator[v], want);
		assert_int_equal(parent[v] != SEEP_NODE_NONE, v != 0 && reached[NODES_MAX][v]);
	}
}

static void random_edges(struct fake_random *random, uint32_t nodes, struct edges *edges)
{
	unsigned kind = fake_below(random, 6);
	uint32_t count = fake_below(random, kind == 0 ? nodes * nodes + 1 : nodes * 3 + 1);

	// A tree, a list, or nothing to begin with; then cross edges, back edges, the same edge again, edges to oneself.
	for (uint32_t n = 1; n < nodes && kind >= 1 && kind <= 3; n++)
		add(edges, kind == 1 ? fake_below(random, n) : n - 1, n);
	if (kind == 3)
		for (uint32_t n = 1; n < nodes; n++)
			add(edges, n, n - 1);
	if (kind == 2 || kind == 3)
		count = fake_below(random, 6);
	while (count--) {
		uint32_t from = fake_below(random, nodes), to = fake_below(random, nodes);
		if (kind == 4 && from > to) // without circles
			add(edges, to, from);
		else
			add(edges, from, to);
		if (fake_below(random, 8) == 0)
			add(edges, from, to);
	}
}

static void dominators_are_as_defined_in_random_graphs(void **state)
{
	struct fake_random random = { 20 };
	uint64_t edge_count = 0;

	(void)state;
	for (int i = 0; i < GRAPHS; i++) {
		struct edges edges = {};
		uint32_t nodes = 1 + fake_below(&random, i % 50 ? 24 : NODES_MAX);
		random_edges(&random, nodes, &edges);
		struct seep_edges g = make_graph(nodes, &edges);
		check_against_definition(&g);
		edge_count += edges.len;
		free_graph(&g);
		seep_vec_free(&edges);
	}
	assert_true(edge_count > GRAPHS * 20);
}

/** Every graph of three nodes and of all edges that there are, self-loops included, taken or not. */
static void dominators_are_as_defined_in_all_small_graphs(void **state)
{
	(void)state;
	for (unsigned set = 0; set < 1 << 9; set++) {
		struct edges edges = {};
		for (unsigned i = 0; i < 9; i++)
			if (set >> i & 1)
				add(&edges, i / 3, i % 3);
		struct seep_edges g = make_graph(3, &edges);
		check_against_definition(&g);
		free_graph(&g);
		seep_vec_free(&edges);
	}
}

// A list of a million nodes, each with an item, and a table that leads to all items, too: the tree is deep, and every item's
// dominator is far up. Going there step by step would take hours; recursion would overflow the stack.
static void deep_lists_with_shared_items_take_no_time(void **state)
{
	struct edges edges = {};
	const uint32_t list = 2, items = list + DEEP, below = items + DEEP, nodes = below + DEEP;

	(void)state;
	add(&edges, 0, 1);
	add(&edges, 0, list);
	for (uint32_t i = 0; i < DEEP; i++) {
		if (i + 1 < DEEP)
			add(&edges, list + i, list + i + 1);
		add(&edges, list + i, items + i);
		add(&edges, 1, items + i);
		add(&edges, items + i, below + i); // so that items are no leaves
		if (i % 2)
			add(&edges, below + i, items + i);
		if (i % 3 == 0)
			add(&edges, list + i, below + i);
	}
	struct seep_edges g = make_graph(nodes, &edges);
	uint32_t *dominator = calloc(nodes, 4);
	find_dominators(&g, dominator, NULL);
	for (uint32_t i = 0; i < DEEP; i++) {
		assert_int_equal(dominator[list + i], i ? list + i - 1 : 0);
		assert_int_equal(dominator[items + i], 0);
		assert_int_equal(dominator[below + i], i % 3 ? items + i : 0);
	}
	free(dominator);
	free_graph(&g);
	seep_vec_free(&edges);
}

// Paths through many nodes with larger numbers, again and again: what compression is for.
static void long_lists_both_ways_take_no_time(void **state)
{
	struct edges edges = {};

	(void)state;
	add(&edges, 0, 1);
	for (uint32_t n = 1; n < DEEP; n++) {
		if (n + 1 < DEEP)
			add(&edges, n, n + 1);
		if (n > 1)
			add(&edges, n, n - 1);
	}
	add(&edges, 0, DEEP - 1);
	struct seep_edges g = make_graph(DEEP, &edges);
	uint32_t *dominator = calloc(DEEP, 4);
	find_dominators(&g, dominator, NULL);
	for (uint32_t n = 1; n < DEEP; n++)
		assert_int_equal(dominator[n], 0);
	free(dominator);
	free_graph(&g);
	seep_vec_free(&edges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dominators_are_as_defined_in_all_small_graphs),
		cmocka_unit_test(dominators_are_as_defined_in_random_graphs),
		cmocka_unit_test(deep_lists_with_shared_items_take_no_time),
		cmocka_unit_test(long_lists_both_ways_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
