// Trial by deletion: what hidden pointers lead to, directly or not, is suspected; whatever of that has a pointer that is not hidden from
// outside the suspects is cleared, with all that visible pointers lead to from there; what is left is pinned.
#include "graph/hidden.h"

#include <stdlib.h>

struct finder {
	const struct seep_typing *typing;
	const struct seep_graph *graph;
	struct seep_hidden *ret;
	enum seep_hiding sense;
	uint64_t *partial; /** bit by node: it is in partials, and has pointers */
	uint64_t *suspect; /** bit by node */
	struct seep_vec(uint32_t) todo;
	bool failed;
};

/** The ranges of an object from its start on, as far as they have been passed. */
struct sweep {
	const struct seep_view_range *ranges;
	uint32_t left;
	uint64_t end; /** of what has been passed, the furthest */
};

/** Whether the byte is in one of the ranges; offsets must not fall from one call to the next. */
static bool is_visible(struct sweep *s, enum seep_hiding sense, uint64_t offset)
{
	for (; s->left && s->ranges->start <= offset; s->ranges++, s->left--) {
		uint64_t end = s->ranges->start + (uint64_t)(sense == SEEP_HIDDEN_SOFT ?
								     s->ranges->soft_len :
								     s->ranges->len);
		if (end > s->end)
			s->end = end;
	}
	return offset < s->end;
}

/** Visits the nodes that the object's pointers lead to, those that are visible or those that are hidden. */
static void each_target(const struct seep_typing *typing, const struct seep_graph *graph,
			enum seep_hiding sense, const struct seep_partial *p, bool visible,
			void (*visit)(const struct seep_partial *p, uint32_t node, void *arg),
			void *arg)
{
	const struct seep_heap *heap = &typing->runtime->heap;
	struct sweep sweep = { typing->ranges.data + p->first_range, p->range_count, 0 };
	struct seep_pointers walk;
	struct seep_object target;
	uint64_t word;
	seep_addr value;

	seep_pointers_start(heap, p->object, &walk);
	while (seep_pointers_next(&walk, &word, &value)) {
		if (!value || is_visible(&sweep, sense, word * 8) != visible ||
		    !seep_heap_find(heap, value, &target))
			continue;
		uint32_t node = seep_graph_node(graph, target);
		if (node != SEEP_NODE_NONE)
			visit(p, node, arg);
	}
}

void seep_hidden_each(const struct seep_typing *typing, const struct seep_graph *graph,
		      enum seep_hiding sense,
		      void (*visit)(const struct seep_partial *p, uint32_t node, void *arg),
		      void *arg)
{
	seep_vec_foreach(p, &typing->partials)
		if (!typing->runtime->heap.spans.data[p->object.span].noscan &&
		    seep_graph_node(graph, p->object) != SEEP_NODE_NONE)
			each_target(typing, graph, sense, p, false, visit, arg);
}

static void clear_target(const struct seep_partial *p, uint32_t node, void *arg);

static void clear_visible(struct finder *f, const struct seep_partial *p)
{
	each_target(f->typing, f->graph, f->sense, p, true, clear_target, f);
}

/** The partial object that is this node. */
static const struct seep_partial *partial_at(const struct finder *f, uint32_t node)
{
	const struct seep_heap *heap = &f->typing->runtime->heap;
	uint64_t number = seep_heap_number(heap, seep_graph_object(f->graph, node));
	size_t lo = 0, hi = f->typing->partials.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (seep_heap_number(heap, f->typing->partials.data[mid].object) < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return &f->typing->partials.data[lo];
}

static void suspect(struct finder *f, uint32_t node)
{
	if (seep_bit_get(f->suspect, node))
		return;
	seep_bit_set(f->suspect, node);
	if (!seep_vec_push(&f->todo, node))
		f->failed = true;
}

static void suspect_target(const struct seep_partial *p, uint32_t node, void *arg)
{
	(void)p;
	suspect(arg, node);
}

static void clear(struct finder *f, uint32_t node)
{
	if (!seep_bit_get(f->ret->pinned, node))
		return;
	seep_bit_clear(f->ret->pinned, node);
	if (!seep_vec_push(&f->todo, node))
		f->failed = true;
}

static void clear_target(const struct seep_partial *p, uint32_t node, void *arg)
{
	(void)p;
	clear(arg, node);
}

static void each_edge(struct finder *f, uint32_t node, void (*visit)(struct finder *, uint32_t))
{
	uint32_t count;
	const uint32_t *out = seep_edges_of(&f->graph->edges, node, &count);

	for (uint32_t e = 0; e < count; e++)
		visit(f, out[e]);
}

static void find_pinned(struct finder *f)
{
	const struct seep_graph *g = f->graph;

	while (f->todo.len)
		each_edge(f, seep_vec_pop(&f->todo), suspect);
	for (size_t i = 0; i < SEEP_BITS_WORDS(g->node_count); i++)
		f->ret->pinned[i] = f->suspect[i];
	for (uint32_t node = 0; node < g->edges.inner; node++)
		if (!seep_bit_get(f->suspect, node) && !seep_bit_get(f->partial, node))
			each_edge(f, node, clear);
	seep_vec_foreach(p, &f->typing->partials) {
		uint32_t node = seep_graph_node(g, p->object);
		if (node != SEEP_NODE_NONE && seep_bit_get(f->partial, node) &&
		    !seep_bit_get(f->suspect, node))
			clear_visible(f, p);
	}
	while (f->todo.len) {
		uint32_t node = seep_vec_pop(&f->todo);
		if (seep_bit_get(f->partial, node))
			clear_visible(f, partial_at(f, node));
		else
			each_edge(f, node, clear);
	}
}

struct seep_error *seep_hidden_find(const struct seep_typing *typing,
				    const struct seep_graph *graph, enum seep_hiding sense,
				    struct seep_hidden *ret)
{
	size_t words = SEEP_BITS_WORDS(graph->node_count) + 1;
	struct finder f = { .typing = typing, .graph = graph, .ret = ret, .sense = sense };

	*ret = (struct seep_hidden){ .pinned = calloc(words, 8) };
	f.suspect = calloc(words, 8);
	f.partial = calloc(words, 8);
	f.failed = !ret->pinned || !f.suspect || !f.partial;
	if (!f.failed) {
		seep_hidden_each(typing, graph, sense, suspect_target, &f);
		seep_vec_foreach(p, &typing->partials) {
			uint32_t node = seep_graph_node(graph, p->object);
			if (node != SEEP_NODE_NONE &&
			    !typing->runtime->heap.spans.data[p->object.span].noscan)
				seep_bit_set(f.partial, node);
		}
		if (f.todo.len)
			find_pinned(&f);
	}
	free(f.suspect);
	free(f.partial);
	seep_vec_free(&f.todo);
	return f.failed ? &seep_enomem : NULL;
}

void seep_hidden_deinit(struct seep_hidden *hidden)
{
	free(hidden->pinned);
}
