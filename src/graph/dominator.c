// The dominator tree, by semidominators (Lengauer and Tarjan 1979; Georgiadis 2005, "SNCA").
//
// Nodes are numbered in depth-first order; a number's semidominator is the smallest number that a path leads from whose inner nodes
// all have larger numbers than its end. Then, in ascending order, a node's dominator is its nearest ancestor in the tree made
// so far that is not above its semidominator. SNCA looks for that ancestor step by step, which takes quadratic time where the tree is deep, as
// lists make it; here every tree node also has a jump to an ancestor further up (Myers 1983), so that it takes logarithmic time.
//
// Most objects of a heap are leaves: strings, byte slices. What has no edges out of it is on no path to anything else, so it takes no part in all
// this. Its dominator is the nearest common ancestor of its predecessors, found by the same jumps when the tree is ready, in whatever
// order these come by.
//
// Nobody needs all edges backwards. An edge from a smaller number to a larger one says at once what it has to say of the larger one's
// semidominator: its own start. Only those from larger to smaller numbers, which lead up or across, have to wait, in a list for each end.
//
// What costs time is memory latency. All but the search itself goes through arrays whose next entries are known, and asks
// for them ahead. What costs memory is all that has an entry for each node with edges: four bytes each, and 24 at most at one time.
#include "base/bits.h"
#include "base/large.h"
#include "graph/graph.h"

#include <string.h>

enum { FAR = 8, FARTHER = 16 }; // how far ahead memory is asked for

/** Between semidominators: where the path upwards goes on, and the smallest semidominator up to there. */
struct link {
	uint32_t up, best;
};

struct dominators {
	const struct seep_edges *g;
	uint32_t *number; // by node below g->inner; NONE: a leaf, or not reached
	// By number:
	uint32_t *node;
	uint32_t *parent; // in the search; then the dominator
	uint32_t *semi; // the semidominator; then the jump
	uint32_t *depth; // in the tree of dominators
	struct link *links;
	uint32_t *first_late, *late; // numbers that are larger, from which an edge leads here
	uint32_t count;
	struct seep_vec(uint32_t) path; // of compress()
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
	return node >= g->inner || g->first_out[node] == g->first_out[node + 1];
}

/** One place for what is needed at a node: a search down a list waits for memory once a node, not twice. */
static void find_successors(const struct seep_edges *g, const uint64_t *leaf,
			    struct successors *ret)
{
	for (uint32_t n = 0, e = 0; n < g->inner; n++) {
		struct successors s = { SEEP_NODE_NONE, SEEP_NODE_NONE };
		uint32_t end = g->first_out[n + 1];
		if (e == end)
			continue;
		for (; e < end && s.a != MORE; e++) {
			uint32_t to = g->out[e];
			if (to >= g->inner || to == s.a || to == s.b || seep_bit_get(leaf, to))
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

/** The search's own. */
struct search {
	const struct successors *successors;
	uint64_t *passed; // bit by node below g->inner: has a number, or is a leaf
	struct seep_vec(struct visit) todo;
};

static inline void push_visit(struct search *s, uint32_t node, uint32_t from)
{
	if (node == SEEP_NODE_NONE || seep_bit_get(s->passed, node))
		return;
	__builtin_prefetch(&s->successors[node]);
	s->todo.data[s->todo.len++] = (struct visit){ node, from };
}

/**
 * Depth-first search. All successors of a node go on the worklist at once; a node's parent is who put it there last, as it would be had
 * each been visited in turn, from the last to the first.
 */
static bool search_from(struct dominators *d, struct search *s)
{
	const struct seep_edges *g = d->g;
	bool ok = seep_vec_push(&s->todo, (struct visit){ SEEP_NODE_ROOT, 0 });

	while (ok && s->todo.len) {
		struct visit v = seep_vec_pop(&s->todo);
		if (seep_bit_get(s->passed, v.node))
			continue;
		if (s->todo.len > FAR)
			__builtin_prefetch(&s->successors[s->todo.data[s->todo.len - FAR].node]);
		struct successors to = s->successors[v.node];
		uint32_t number = d->count++;
		d->number[v.node] = number;
		d->node[number] = v.node;
		d->parent[number] = v.from;
		seep_bit_set(s->passed, v.node);
		if (to.a != MORE) {
			ok = seep_vec_reserve(&s->todo, s->todo.len + 2);
			if (!ok)
				break;
			push_visit(s, to.a, number);
			push_visit(s, to.b, number);
			continue;
		}
		uint32_t first = g->first_out[v.node], end = g->first_out[v.node + 1];
		ok = seep_vec_reserve(&s->todo, s->todo.len + (end - first));
		for (uint32_t e = first; ok && e < end; e++)
			if (g->out[e] < g->inner)
				push_visit(s, g->out[e], number);
	}
	return ok;
}

static bool number_nodes(struct dominators *d)
{
	const struct seep_edges *g = d->g;
	uint32_t inner = 1;
	struct search s = { .passed = calloc(SEEP_BITS_WORDS(g->inner), sizeof(*s.passed)) };
	struct successors *successors = seep_large_alloc(g->inner, sizeof(*successors));

	for (uint32_t n = 1; s.passed && n < g->inner; n++)
		if (is_leaf(g, n))
			seep_bit_set(s.passed, n);
		else
			inner++;
	d->number = seep_large_alloc(g->inner, sizeof(*d->number));
	d->node = seep_large_alloc(inner, sizeof(*d->node));
	d->parent = seep_large_alloc(inner, sizeof(*d->parent));
	bool ok = s.passed && successors && d->number && d->node && d->parent;
	if (ok) {
		memset(d->number, 0xff, g->inner * sizeof(*d->number));
		// Node 0 may have no edges at all.
		successors[SEEP_NODE_ROOT] = (struct successors){ SEEP_NODE_NONE, SEEP_NODE_NONE };
		find_successors(g, s.passed, successors);
		s.successors = successors;
		ok = search_from(d, &s);
	}
	free(successors);
	free(s.passed);
	seep_vec_free(&s.todo);
	return ok;
}

/** Visits all edges between numbers, by start. */
static inline void each_edge(struct dominators *d,
			     void (*visit)(struct dominators *, uint32_t from, uint32_t to))
{
	const struct seep_edges *g = d->g;
	uint32_t edges = g->first_out[g->inner];

	for (uint32_t n = 0; n < g->inner; n++) {
		uint32_t from = d->number[n], end = g->first_out[n + 1];
		for (uint32_t e = g->first_out[n]; e < end; e++) {
			if (edges - e > FARTHER && g->out[e + FARTHER] < g->inner)
				__builtin_prefetch(&d->number[g->out[e + FARTHER]]);
			uint32_t to = g->out[e] < g->inner ? d->number[g->out[e]] : SEEP_NODE_NONE;
			if (from != SEEP_NODE_NONE && to != SEEP_NODE_NONE)
				visit(d, from, to);
		}
	}
}

static void count_edge(struct dominators *d, uint32_t from, uint32_t to)
{
	if (from > to)
		d->first_late[to]++;
	else if (from < d->links[to].best)
		d->links[to].best = from;
}

static void list_edge(struct dominators *d, uint32_t from, uint32_t to)
{
	if (from > to)
		d->late[--d->first_late[to]] = from;
}

/** The lists of edges to smaller numbers, and in links what the others say. */
static bool sort_edges(struct dominators *d)
{
	d->links = seep_large_alloc(d->count, sizeof(*d->links));
	d->first_late = seep_large_alloc((size_t)d->count + 1, sizeof(*d->first_late));
	if (!d->links || !d->first_late)
		return false;
	memset(d->first_late, 0, ((size_t)d->count + 1) * sizeof(*d->first_late));
	for (uint32_t w = 0; w < d->count; w++)
		d->links[w] = (struct link){ d->parent[w], d->parent[w] };
	each_edge(d, count_edge);
	for (uint32_t w = 0, sum = 0; w <= d->count; w++)
		d->first_late[w] = sum += d->first_late[w];
	d->late = seep_large_alloc(d->first_late[d->count], sizeof(*d->late));
	if (!d->late)
		return false;
	each_edge(d, list_edge);
	return true;
}

/** The smallest semidominator on the way up from v as long as numbers are above w; v's way gets shorter. False when memory is out. */
static bool compress(struct dominators *d, uint32_t v, uint32_t w, uint32_t *ret)
{
	struct link *links = d->links;

	for (d->path.len = 0; links[v].up > w; v = links[v].up)
		if (!seep_vec_push(&d->path, v))
			return false;
	struct link top = links[v];
	while (d->path.len > 0) {
		struct link *l = &links[seep_vec_pop(&d->path)];
		if (l->best < top.best)
			top.best = l->best;
		*l = top;
	}
	*ret = top.best;
	return true;
}

static bool find_semidominators(struct dominators *d)
{
	// Node numbers are needed no longer, and semidominators not before.
	d->semi = d->number;
	d->number = NULL;
	for (uint32_t w = d->count - 1; w > 0; w--) {
		uint32_t semi = d->links[w].best, best;
		for (uint32_t e = d->first_late[w]; e < d->first_late[w + 1]; e++) {
			if (e > FAR)
				__builtin_prefetch(&d->links[d->late[e - FAR]]);
			if (!compress(d, d->late[e], w, &best))
				return false;
			if (best < semi)
				semi = best;
		}
		d->links[w].best = d->semi[w] = semi;
	}
	return true;
}

/** Hangs w, whose parent and semidominator are known, into the tree. */
static void grow_tree(struct dominators *d, uint32_t w)
{
	uint32_t *dominator = d->parent, *jump = d->semi, *depth = d->depth;
	uint32_t x = dominator[w], semi = d->semi[w];

	while (x > semi)
		x = jump[x] >= semi ? jump[x] : dominator[x];
	uint32_t up = jump[x], far = jump[up];
	bool equal = depth[x] - depth[up] == depth[up] - depth[far];
	dominator[w] = x;
	jump[w] = equal ? far : x;
	depth[w] = depth[x] + 1;
}

static uint32_t common_ancestor(const struct dominators *d, uint32_t a, uint32_t b)
{
	const uint32_t *dominator = d->parent, *jump = d->semi, *depth = d->depth;

	if (depth[a] < depth[b]) {
		uint32_t deeper = b;
		b = a;
		a = deeper;
	}
	while (depth[a] > depth[b])
		a = depth[jump[a]] >= depth[b] ? jump[a] : dominator[a];
	// Jumps of nodes of equal depth are of equal length.
	while (a != b) {
		bool apart = jump[a] != jump[b];
		a = apart ? jump[a] : dominator[a];
		b = apart ? jump[b] : dominator[b];
	}
	return a;
}

static bool make_tree(struct dominators *d)
{
	free(d->links);
	free(d->first_late);
	free(d->late);
	d->links = NULL;
	d->first_late = d->late = NULL;
	d->depth = seep_large_alloc(d->count, sizeof(*d->depth));
	if (!d->depth)
		return false;
	d->parent[0] = d->semi[0] = d->depth[0] = 0;
	for (uint32_t w = 1; w < d->count; w++)
		grow_tree(d, w);
	return true;
}

/** ret: the dominators of leaves, as numbers. */
static bool hang_leaves(struct dominators *d, uint32_t *ret)
{
	const struct seep_edges *g = d->g;
	uint32_t edges = g->first_out[g->inner];

	d->number = seep_large_alloc(g->inner, sizeof(*d->number));
	if (!d->number)
		return false;
	memset(d->number, 0xff, g->inner * sizeof(*d->number));
	for (uint32_t w = 0; w < d->count; w++)
		d->number[d->node[w]] = w;
	for (uint32_t n = 0; n < g->inner; n++) {
		uint32_t from = d->number[n], end = g->first_out[n + 1];
		for (uint32_t e = g->first_out[n]; e < end; e++) {
			uint32_t to = g->out[e],
				 soon = edges - e > FARTHER ? g->out[e + FARTHER] : 0;
			__builtin_prefetch(soon < g->inner ? &d->number[soon] : &ret[soon]);
			// What is reached and has no number is a leaf.
			if (from == SEEP_NODE_NONE ||
			    (to < g->inner && d->number[to] != SEEP_NODE_NONE))
				continue;
			ret[to] = ret[to] == SEEP_NODE_NONE || ret[to] == from ?
					  from :
					  common_ancestor(d, ret[to], from);
		}
	}
	return true;
}

/** From numbers to nodes. */
static void name_nodes(const struct dominators *d, uint32_t *ret)
{
	const struct seep_edges *g = d->g;

	for (uint32_t n = 0; n < g->count; n++)
		if (ret[n] != SEEP_NODE_NONE)
			ret[n] = d->node[ret[n]];
	for (uint32_t w = 1; w < d->count; w++)
		ret[d->node[w]] = d->node[d->parent[w]];
}

bool seep_dominators(const struct seep_edges *g, uint32_t *ret, uint32_t **order_ret,
		     uint32_t *order_len_ret)
{
	struct dominators d = { .g = g };

	bool ok = number_nodes(&d) && sort_edges(&d) && find_semidominators(&d) && make_tree(&d);
	if (ok) {
		memset(ret, 0xff, g->count * sizeof(*ret));
		ok = hang_leaves(&d, ret);
	}
	if (ok) {
		name_nodes(&d, ret);
		*order_ret = d.node;
		*order_len_ret = d.count;
		d.node = NULL;
	}
	free(d.number);
	free(d.node);
	free(d.parent);
	free(d.semi);
	free(d.depth);
	free(d.links);
	free(d.first_late);
	free(d.late);
	seep_vec_free(&d.path);
	return ok;
}
