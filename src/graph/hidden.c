// Trial by deletion: what hidden pointers lead to, directly or not, is suspected; whatever of that has a pointer that is not hidden from
// outside the suspects is cleared, with all that visible pointers lead to from there; what is left is pinned.
#include "graph/hidden.h"

#include <stdlib.h>

struct finder {
	const struct seep_typing *typing;
	const struct seep_graph *graph;
	const struct seep_heap *heap;
	struct seep_hidden *ret;
	enum seep_hiding sense;
	struct seep_map partial_of; /** node → index in partials + 1, of those with pointers */
	struct seep_graph_in in;
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
static void each_target(struct finder *f, uint32_t partial, bool visible,
			void (*visit)(struct finder *, uint32_t partial, uint32_t node))
{
	const struct seep_partial *p = &f->typing->partials.data[partial];
	struct sweep sweep = { f->typing->ranges.data + p->first_range, p->range_count, 0 };
	struct seep_pointers walk;
	struct seep_object target;
	uint64_t word;
	seep_addr value;

	seep_pointers_start(f->heap, p->object, &walk);
	while (seep_pointers_next(&walk, &word, &value)) {
		if (!value || is_visible(&sweep, f->sense, word * 8) != visible ||
		    !seep_heap_find(f->heap, value, &target))
			continue;
		uint32_t node = seep_graph_node(f->graph, target);
		if (node != SEEP_NODE_NONE)
			visit(f, partial, node);
	}
}

static void suspect(struct finder *f, uint32_t node)
{
	if (seep_bit_get(f->suspect, node))
		return;
	seep_bit_set(f->suspect, node);
	if (!seep_vec_push(&f->todo, node))
		f->failed = true;
}

static void note_hidden(struct finder *f, uint32_t partial, uint32_t node)
{
	if (!seep_vec_push(&f->ret->pointers, (struct seep_hidden_pointer){ partial, node }))
		f->failed = true;
	suspect(f, node);
}

static void clear(struct finder *f, uint32_t node)
{
	if (!seep_bit_get(f->ret->pinned, node))
		return;
	seep_bit_clear(f->ret->pinned, node);
	if (!seep_vec_push(&f->todo, node))
		f->failed = true;
}

static void clear_target(struct finder *f, uint32_t partial, uint32_t node)
{
	(void)partial;
	clear(f, node);
}

static bool pointed_to_from_outside(const struct finder *f, uint32_t node)
{
	for (uint32_t e = f->in.first[node]; e < f->in.first[node + 1]; e++)
		if (!seep_bit_get(f->suspect, f->in.from[e]) &&
		    !seep_map_get(&f->partial_of, f->in.from[e]))
			return true;
	return false;
}

static void find_pinned(struct finder *f)
{
	const struct seep_graph *g = f->graph;
	const struct seep_typing *typing = f->typing;
	uint32_t count;

	while (f->todo.len) {
		const uint32_t *out = seep_edges_of(&g->edges, seep_vec_pop(&f->todo), &count);
		for (uint32_t e = 0; e < count; e++)
			suspect(f, out[e]);
	}
	if (f->failed || !seep_graph_in_init(&g->edges, f->suspect, &f->in)) {
		f->failed = true;
		return;
	}
	for (size_t i = 0; i < SEEP_BITS_WORDS(g->node_count); i++)
		f->ret->pinned[i] = f->suspect[i];
	for (size_t i = 0; i < SEEP_BITS_WORDS(g->node_count); i++)
		for (uint64_t bits = f->suspect[i]; bits; bits &= bits - 1) {
			uint32_t node = i * 64 + __builtin_ctzll(bits);
			if (pointed_to_from_outside(f, node))
				clear(f, node);
		}
	for (uint32_t i = 0; i < typing->partials.len; i++) {
		uint32_t node = seep_graph_node(g, typing->partials.data[i].object);
		if (node != SEEP_NODE_NONE && seep_map_get(&f->partial_of, node) &&
		    !seep_bit_get(f->suspect, node))
			each_target(f, i, true, clear_target);
	}
	while (f->todo.len) {
		uint32_t node = seep_vec_pop(&f->todo);
		const uint64_t *partial = seep_map_get(&f->partial_of, node);
		const uint32_t *out = seep_edges_of(&g->edges, node, &count);
		if (partial)
			each_target(f, *partial - 1, true, clear_target);
		else
			for (uint32_t e = 0; e < count; e++)
				clear(f, out[e]);
	}
}

struct seep_error *seep_hidden_find(const struct seep_typing *typing,
				    const struct seep_graph *graph, enum seep_hiding sense,
				    struct seep_hidden *ret)
{
	size_t words = SEEP_BITS_WORDS(graph->node_count) + 1;
	struct finder f = { .typing = typing,
			    .graph = graph,
			    .heap = &typing->runtime->heap,
			    .ret = ret,
			    .sense = sense };

	*ret = (struct seep_hidden){ .pinned = calloc(words, 8) };
	f.suspect = calloc(words, 8);
	f.failed = !ret->pinned || !f.suspect;
	for (uint32_t i = 0; !f.failed && i < typing->partials.len; i++) {
		const struct seep_partial *p = &typing->partials.data[i];
		uint32_t node = seep_graph_node(graph, p->object);
		if (f.heap->spans.data[p->object.span].noscan || node == SEEP_NODE_NONE)
			continue;
		uint64_t *slot = seep_map_put(&f.partial_of, node, NULL);
		if (!slot) {
			f.failed = true;
			break;
		}
		*slot = i + 1;
		each_target(&f, i, false, note_hidden);
	}
	if (!f.failed && ret->pointers.len) {
		find_pinned(&f);
		seep_graph_in_deinit(&f.in);
	}
	free(f.suspect);
	seep_map_deinit(&f.partial_of);
	seep_vec_free(&f.todo);
	return f.failed ? &seep_enomem : NULL;
}

void seep_hidden_deinit(struct seep_hidden *hidden)
{
	seep_vec_free(&hidden->pointers);
	free(hidden->pinned);
}
