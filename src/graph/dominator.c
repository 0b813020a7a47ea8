// The dominator tree, by semidominators (Lengauer and Tarjan 1979; Georgiadis 2005, "SNCA").
//
// Nodes are numbered in depth-first order; a number's semidominator is the smallest number that a path leads from whose inner nodes
// all have larger numbers than its end. Then, in ascending order, a node's dominator is its nearest ancestor in the tree made
// so far that is not above its semidominator. SNCA looks for that ancestor step by step, which takes quadratic time where the tree is deep, as
// lists make it; here every tree node also has a jump to an ancestor further up (Myers 1983), so that it takes logarithmic time.
//
// Most objects of a heap are leaves: strings, byte slices. What has no edges out of it is on no path to anything else, so it takes no part in all
// this. Its dominator is the nearest common ancestor of its predecessors, found by the same jumps when the tree is ready.
//
// What costs time is memory latency. All but the search itself goes through arrays whose next entries are known, and asks
// for them ahead.
#include "base/bits.h"
#include "base/large.h"
#include "graph/graph.h"

#include <string.h>

enum { NEAR = 4, FAR = 8, FARTHER = 16 }; // how far ahead memory is asked for

/** Between semidominators: where the path upwards goes on, and the smallest semidominator up to there. */
struct link {
	uint32_t up, best;
};
struct place {
	uint32_t dominator, jump, depth;
};

struct dominators {
	const struct seep_edges *g;
	uint32_t *number; // by node; NONE: a leaf, or not reached
	uint64_t *passed; // bit by node: has a number, or is a leaf
	// By number:
	uint32_t *node;
	struct link *links;
	struct place *
		places; // before the tree grows, dominator is the parent in the search and jump the semidominator
	uint32_t count;
	uint32_t *path; // of compress()
};

/** A node that is to be visited, and the number of who leads there. */
struct visit {
	uint32_t node, from;
};
/** The successors of a node that are no leaves: up to two, NONE for none; or MORE: they are to be had from the edges. */
struct successors {
	uint32_t a, b;
};
enum { MORE = UINT32_MAX - 1 };

static bool is_leaf(const struct seep_edges *g, uint32_t node)
{
	return g->first_out[node] == g->first_out[node + 1];
}

static void number_node(struct dominators *d, struct visit v)
{
	uint32_t k = d->count++;

	d->number[v.node] = k;
	d->node[k] = v.node;
	d->links[k] = (struct link){ v.from, k };
	d->places[k].dominator = v.from;
	seep_bit_set(d->passed, v.node);
}

/** One place for what is needed at a node: a search down a list waits for memory once a node, not twice. */
static void find_successors(const struct dominators *d, struct successors *ret)
{
	const struct seep_edges *g = d->g;

	for (uint32_t n = 0, e = 0; n < g->count; n++) {
		struct successors s = { SEEP_NODE_NONE, SEEP_NODE_NONE };
		uint32_t end = g->first_out[n + 1];
		if (e == end)
			continue;
		for (; e < end && s.a != MORE; e++) {
			uint32_t to = g->out[e];
			if (to == s.a || to == s.b || seep_bit_get(d->passed, to))
				continue;
			if (s.a == SEEP_NODE_NONE)
				s.a = to;
			else if (s.b == SEEP_NODE_NONE)
				s.b = to;
			else
				s.a = MORE;
		}
		e = end;
		ret[n] = s;
	}
}

static inline void push_visit(struct dominators *d, const struct successors *successors,
			      struct visit *todo, size_t *len, uint32_t node, uint32_t from)
{
	if (node == SEEP_NODE_NONE || seep_bit_get(d->passed, node))
		return;
	__builtin_prefetch(&successors[node]);
	todo[(*len)++] = (struct visit){ node, from };
}

/**
 * Depth-first search. All successors of a node go on the worklist at once; a node's parent is who put it there last, as it would be had
 * each been visited in turn, from the last to the first.
 */
static bool search_from(struct dominators *d, const struct successors *successors)
{
	const struct seep_edges *g = d->g;
	struct seep_vec(struct visit) todo = {};
	bool ok = seep_vec_push(&todo, (struct visit){ SEEP_NODE_ROOT, 0 });

	while (ok && todo.len) {
		struct visit v = seep_vec_pop(&todo);
		if (seep_bit_get(d->passed, v.node))
			continue;
		if (todo.len > FAR)
			__builtin_prefetch(&successors[todo.data[todo.len - FAR].node]);
		struct successors s = successors[v.node];
		uint32_t number = d->count;
		number_node(d, v);
		if (s.a != MORE) {
			ok = seep_vec_reserve(&todo, todo.len + 2);
			if (!ok)
				break;
			push_visit(d, successors, todo.data, &todo.len, s.a, number);
			push_visit(d, successors, todo.data, &todo.len, s.b, number);
			continue;
		}
		uint32_t first = g->first_out[v.node], end = g->first_out[v.node + 1];
		ok = seep_vec_reserve(&todo, todo.len + (end - first));
		for (uint32_t e = first; ok && e < end; e++)
			push_visit(d, successors, todo.data, &todo.len, g->out[e], number);
	}
	seep_vec_free(&todo);
	return ok;
}

static bool search(struct dominators *d)
{
	struct successors *successors = seep_large_alloc(d->g->count, sizeof(*successors));
	bool ok = successors != NULL;

	if (ok) {
		// Node 0 may have no edges at all.
		successors[SEEP_NODE_ROOT] = (struct successors){ SEEP_NODE_NONE, SEEP_NODE_NONE };
		find_successors(d, successors);
		ok = search_from(d, successors);
	}
	free(successors);
	return ok;
}

/** The smallest semidominator on the way up from v as long as numbers are above w; v's way gets shorter. */
static uint32_t compress(struct dominators *d, uint32_t v, uint32_t w)
{
	struct link *links = d->links;
	size_t len = 0;

	for (; links[v].up > w; v = links[v].up)
		d->path[len++] = v;
	struct link top = links[v];
	while (len > 0) {
		struct link *l = &links[d->path[--len]];
		if (l->best < top.best)
			top.best = l->best;
		*l = top;
	}
	return top.best;
}

static void prefetch_predecessors(const struct dominators *d, uint32_t w)
{
	const struct seep_edges *g = d->g;

	if (w > FARTHER)
		__builtin_prefetch(&g->first_in[d->node[w - FARTHER]]);
	if (w > FAR)
		__builtin_prefetch(&g->in[g->first_in[d->node[w - FAR]]]);
	if (w > NEAR)
		__builtin_prefetch(&d->number[g->in[g->first_in[d->node[w - NEAR]]]]);
}

static void find_semidominators(struct dominators *d)
{
	const struct seep_edges *g = d->g;

	for (uint32_t w = d->count - 1; w > 0; w--) {
		uint32_t semi = d->places[w].dominator, node = d->node[w];
		uint32_t first = g->first_in[node], end = g->first_in[node + 1];
		prefetch_predecessors(d, w);
		// A single predecessor is the parent.
		for (uint32_t e = first; end - first > 1 && e < end; e++) {
			uint32_t v = d->number[g->in[e]];
			if (v == SEEP_NODE_NONE)
				continue;
			if (v > w)
				v = compress(d, v, w);
			if (v < semi)
				semi = v;
		}
		d->links[w].best = semi;
		d->places[w].jump = semi;
	}
}

/** Hangs w, whose parent and semidominator are known, into the tree. */
static void grow_tree(struct place *places, uint32_t w)
{
	uint32_t x = places[w].dominator, semi = places[w].jump;

	while (x > semi)
		x = places[x].jump >= semi ? places[x].jump : places[x].dominator;
	uint32_t jump = places[x].jump, far = places[jump].jump;
	bool equal = places[x].depth - places[jump].depth == places[jump].depth - places[far].depth;
	places[w] = (struct place){ x, equal ? far : x, places[x].depth + 1 };
}

static uint32_t common_ancestor(const struct place *places, uint32_t a, uint32_t b)
{
	if (places[a].depth < places[b].depth) {
		uint32_t deeper = b;
		b = a;
		a = deeper;
	}
	while (places[a].depth > places[b].depth)
		a = places[places[a].jump].depth >= places[b].depth ? places[a].jump :
								      places[a].dominator;
	// Jumps of nodes of equal depth are of equal length.
	while (a != b) {
		bool apart = places[a].jump != places[b].jump;
		a = apart ? places[a].jump : places[a].dominator;
		b = apart ? places[b].jump : places[b].dominator;
	}
	return a;
}

/** Leaves in the order of nodes, so that their predecessors stand one after the other. */
static void hang_leaves(struct dominators *d, uint32_t *ret, uint64_t *weights)
{
	const struct seep_edges *g = d->g;
	uint32_t edges = g->first_in[g->count];

	for (uint32_t leaf = 1; leaf < g->count; leaf++) {
		uint32_t at = SEEP_NODE_NONE;
		if (!is_leaf(g, leaf))
			continue;
		for (uint32_t e = g->first_in[leaf]; e < g->first_in[leaf + 1]; e++) {
			if (edges - e > FARTHER)
				__builtin_prefetch(&d->number[g->in[e + FARTHER]]);
			uint32_t from = d->number[g->in[e]];
			if (from == SEEP_NODE_NONE || from == at)
				continue;
			at = at == SEEP_NODE_NONE ? from : common_ancestor(d->places, at, from);
		}
		if (at == SEEP_NODE_NONE)
			continue;
		ret[leaf] = d->node[at];
		weights[ret[leaf]] += weights[leaf];
	}
}

static void add_up(struct dominators *d, uint32_t *ret, uint64_t *weights)
{
	for (uint32_t w = d->count - 1; w > 0; w--) {
		uint32_t node = d->node[w], dominator = d->node[d->places[w].dominator];
		if (w > FARTHER)
			__builtin_prefetch(&weights[d->node[w - FARTHER]]);
		ret[node] = dominator;
		weights[dominator] += weights[node];
	}
}

static bool prepare(struct dominators *d)
{
	const struct seep_edges *g = d->g;
	uint32_t inner = 1;

	d->number = seep_large_alloc(g->count, sizeof(*d->number));
	d->passed = calloc(SEEP_BITS_WORDS(g->count), sizeof(*d->passed));
	if (!d->number || !d->passed)
		return false;
	memset(d->number, 0xff, g->count * sizeof(*d->number));
	for (uint32_t n = 1; n < g->count; n++)
		if (is_leaf(g, n))
			seep_bit_set(d->passed, n);
		else
			inner++;
	d->node = seep_large_alloc(inner, sizeof(*d->node));
	d->links = seep_large_alloc(inner, sizeof(*d->links));
	d->places = seep_large_alloc(inner, sizeof(*d->places));
	d->path = malloc(inner * sizeof(*d->path));
	return d->node && d->links && d->places && d->path;
}

bool seep_dominators(const struct seep_edges *g, uint32_t *ret, uint64_t *weights)
{
	struct dominators d = { .g = g };

	if (g->count == 0)
		return true;
	bool ok = prepare(&d) && search(&d);
	if (ok) {
		memset(ret, 0xff, g->count * sizeof(*ret));
		find_semidominators(&d);
		d.places[0] = (struct place){};
		for (uint32_t w = 1; w < d.count; w++)
			grow_tree(d.places, w);
		hang_leaves(&d, ret, weights);
		add_up(&d, ret, weights);
	}
	free(d.number);
	free(d.passed);
	free(d.node);
	free(d.links);
	free(d.places);
	free(d.path);
	return ok;
}

struct seep_error *seep_graph_dominators(struct seep_graph *graph)
{
	struct seep_edges edges = { graph->node_count, graph->first_out, graph->out,
				    graph->first_in, graph->in };

	graph->dominator = seep_large_alloc(graph->node_count, sizeof(*graph->dominator));
	if (!graph->dominator)
		return &seep_enomem;
	return seep_dominators(&edges, graph->dominator, graph->retained) ? NULL : &seep_enomem;
}
