// The graph: numbers for nodes, then edges out of them, shortest paths, edges into them.
//
// Objects are read in address order, which is the order of their nodes, by two threads when there are many: each takes a part of the
// spans, and the edges of the second follow those of the first. A pointer's span, then its place among the nodes, are far from
// what was read before, so pointers are collected, and each step is done for all of them before the next.
//
// What an opaque object points to is no edge: else much of the program would seem to belong to the scheduler, which has a pointer to
// everything that waits. Nor is a weak pointer one. What nothing but these leads to is found by the shortest paths, which
// do not reach it, and gets an edge from a root of its own.
#include "graph/graph.h"

#include "base/bits.h"
#include "base/large.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { READERS = 2, BATCH = 256, SMALL = 50000 }; // SMALL: objects for which a thread does not pay

/** The edges of a part of the objects. */
struct reader {
	const struct seep_graph *graph;
	const uint64_t *opaque;
	struct seep_heap heap; // the one and only, but with types whose caches are the reader's own
	struct seep_types types;
	uint32_t span, span_end, node; // node: the next one
	uint32_t *count; // by node: edges
	struct seep_vec(uint32_t) out;
	struct {
		seep_addr value[BATCH];
		uint64_t number[BATCH];
		uint32_t from[BATCH];
		size_t len;
	} batch;
	bool failed;
};

struct builder {
	struct seep_runtime *rt;
	const struct seep_live *live;
	struct seep_graph *graph;
	struct seep_vec(uint32_t) root_first; // by root: where its edges begin in root_out
	struct seep_vec(uint32_t) root_out; // objects, counted from 0
	bool failed;
};

static uint32_t rank_of(const struct seep_graph_rank *ranks, uint64_t number)
{
	const struct seep_graph_rank *r = &ranks[number / 64];
	uint64_t bit = (uint64_t)1 << (number % 64);

	return r->bits & bit ? r->node + __builtin_popcountll(r->bits & (bit - 1)) : SEEP_NODE_NONE;
}

uint32_t seep_graph_node(const struct seep_graph *graph, struct seep_object object)
{
	return graph->ranks ?
		       rank_of(graph->ranks, seep_heap_number(&graph->runtime->heap, object)) :
		       SEEP_NODE_NONE;
}

uint64_t seep_graph_bytes(const struct seep_graph *graph, uint32_t node)
{
	if (node < graph->first_object)
		return 0;
	return graph->runtime->heap.spans.data[graph->objects[node - graph->first_object].span]
		.elem_size;
}

static bool rank_objects(struct builder *b, uint32_t *count_ret)
{
	struct seep_graph *graph = b->graph;
	size_t words = SEEP_BITS_WORDS(b->rt->heap.slots) + 1;
	uint64_t count = 0;

	graph->ranks = seep_large_alloc(words, sizeof(*graph->ranks));
	if (!graph->ranks)
		return false;
	for (size_t i = 0; i < words; i++) {
		graph->ranks[i] = (struct seep_graph_rank){ b->live->reachable[i], count };
		count += __builtin_popcountll(b->live->reachable[i]);
	}
	*count_ret = count;
	return true;
}

// --- roots ---

static void begin_root(struct builder *b, struct seep_graph_root root)
{
	b->failed |= !seep_vec_push(&b->graph->roots, root) ||
		     !seep_vec_push(&b->root_first, b->root_out.len);
}

/** A root to which nothing was added is none. */
static void end_root(struct builder *b)
{
	if (b->failed || b->root_first.data[b->root_first.len - 1] < b->root_out.len)
		return;
	b->root_first.len--;
	b->graph->roots.len--;
}

static void add_root_edge(struct builder *b, seep_addr value)
{
	struct seep_object object;

	if (b->failed || !seep_heap_find(&b->rt->heap, value, &object))
		return;
	uint32_t node = seep_graph_node(b->graph, object);
	if (node != SEEP_NODE_NONE && !seep_vec_push(&b->root_out, node))
		b->failed = true;
}

static void add_stack_word(seep_addr value, bool precise, void *arg)
{
	(void)precise; // a guess counts if there is an object, and only then it is a node
	add_root_edge(arg, value);
}

static void add_global(seep_addr word, seep_addr value, void *arg)
{
	struct builder *b = arg;
	const struct seep_variables *variables = b->graph->variables;
	const struct seep_variable *v = seep_variables_find(variables, word);
	struct seep_graph_root root = { .kind = SEEP_ROOT_GLOBAL, .id = word, .is_word = true };
	size_t n = b->graph->roots.len;
	struct seep_object object;

	if (!seep_heap_find(&b->rt->heap, value, &object))
		return;
	if (v) {
		root.id = v - variables->items.data;
		root.is_word = false;
	}
	if (!v || n == 0 || b->graph->roots.data[n - 1].is_word ||
	    b->graph->roots.data[n - 1].id != root.id)
		begin_root(b, root);
	add_root_edge(b, value);
	end_root(b);
}

static void add_special(struct builder *b, const struct seep_special *s)
{
	const struct seep_heap *heap = &b->rt->heap;
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	for (unsigned k = 0; k < 3; k++)
		add_root_edge(b, s->words[k]);
	// While its object is reachable, what it points to is held by it, and would be free with it.
	if (s->kind != SEEP_SPECIAL_FINALIZER || heap->spans.data[s->object.span].noscan ||
	    seep_graph_node(b->graph, s->object) != SEEP_NODE_NONE)
		return;
	seep_pointers_start(heap, s->object, &walk);
	while (seep_pointers_next(&walk, &word, &value))
		add_root_edge(b, value);
}

static void begin_special(struct builder *b, enum seep_special_root id)
{
	begin_root(b, (struct seep_graph_root){ .kind = SEEP_ROOT_SPECIAL, .id = id });
}

static void find_roots(struct builder *b)
{
	struct seep_runtime *rt = b->rt;

	seep_roots_globals(rt, add_global, b);
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		begin_root(b, (struct seep_graph_root){ .kind = SEEP_ROOT_GOROUTINE, .id = i });
		seep_stack_roots(rt, &rt->goroutines.data[i], add_stack_word, b);
		end_root(b);
	}
	begin_root(b, (struct seep_graph_root){ .kind = SEEP_ROOT_THREAD });
	for (size_t i = 0; i < rt->thread_words.len; i++)
		add_root_edge(b, rt->thread_words.data[i]);
	end_root(b);
	for (size_t i = 0; i < rt->timers.len; i++) {
		begin_root(b, (struct seep_graph_root){ .kind = SEEP_ROOT_TIMER, .id = i });
		add_root_edge(b, rt->timers.data[i].addr);
		add_root_edge(b, rt->timers.data[i].arg);
		end_root(b);
	}
	begin_special(b, SEEP_SPECIAL_ROOT_RECORDS);
	for (size_t i = 0; i < rt->specials.len; i++)
		add_special(b, &rt->specials.data[i]);
	end_root(b);
	begin_special(b, SEEP_SPECIAL_ROOT_QUEUE);
	for (size_t i = 0; i < rt->queued.len; i++)
		add_root_edge(b, rt->queued.data[i]);
	end_root(b);
	begin_special(b, SEEP_SPECIAL_ROOT_TINY);
	for (size_t i = 0; i < rt->tiny_blocks.len; i++)
		add_root_edge(b, rt->tiny_blocks.data[i]);
	end_root(b);
	begin_special(b, SEEP_SPECIAL_ROOT_LATE); // the last one: see add_late()
}

// --- objects ---

static void take_batch(struct reader *r)
{
	size_t len = 0;

	for (size_t i = 0; i < r->batch.len; i++) {
		struct seep_object object;
		if (!seep_heap_find(&r->heap, r->batch.value[i], &object))
			continue;
		r->batch.number[len] = seep_heap_number(&r->heap, object);
		r->batch.from[len] = r->batch.from[i];
		__builtin_prefetch(&r->graph->ranks[r->batch.number[len++] / 64]);
	}
	r->batch.len = 0;
	if (!seep_vec_reserve(&r->out, r->out.len + len)) {
		r->failed = true;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		uint32_t to = rank_of(r->graph->ranks, r->batch.number[i]), from = r->batch.from[i];
		if (to == SEEP_NODE_NONE || to == from)
			continue;
		r->out.data[r->out.len++] = to;
		r->count[from]++;
	}
}

static void read_object(struct reader *r, struct seep_object object, uint32_t node)
{
	const struct seep_heap *heap = &r->heap;
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	seep_pointers_start(heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value)) {
		uint64_t arena = (value >> SEEP_ARENA_SHIFT) - heap->arena_first;
		if (arena >= heap->arena_count || !heap->arenas[arena])
			continue;
		uint32_t index =
			heap->arenas[arena][value >> SEEP_PAGE_SHIFT & (SEEP_ARENA_PAGES - 1)];
		if (index == 0)
			continue;
		__builtin_prefetch(&heap->spans.data[index - 1]);
		if (r->batch.len == BATCH)
			take_batch(r);
		r->batch.value[r->batch.len] = value;
		r->batch.from[r->batch.len++] = node;
	}
}

static void *read_spans(void *arg)
{
	struct reader *r = arg;
	const struct seep_graph_rank *ranks = r->graph->ranks;

	for (uint32_t i = r->span; i < r->span_end; i++) {
		const struct seep_span *span = &r->heap.spans.data[i];
		uint64_t number = span->first, end = number + span->nelems;
		while (number < end) {
			uint64_t bits = ranks[number / 64].bits >> (number % 64);
			if (bits == 0) {
				number = (number / 64 + 1) * 64;
				continue;
			}
			number += __builtin_ctzll(bits);
			if (number >= end)
				break;
			struct seep_object object = { i, number - span->first };
			uint32_t node = r->node++;
			r->graph->objects[node - r->graph->first_object] = object;
			r->graph->retained[node] = span->elem_size;
			r->count[node] = 0;
			if (!span->noscan && !seep_bit_get(r->opaque, number))
				read_object(r, object, node);
			number++;
		}
	}
	take_batch(r);
	return NULL;
}

/** Cuts the spans into parts with about equally many bytes to look at. */
static void share_spans(struct builder *b, struct reader *readers, unsigned count)
{
	const struct seep_heap *heap = &b->rt->heap;
	uint64_t total = 0, sum = 0;
	unsigned part = 0;

	for (size_t i = 0; i < heap->spans.len; i++)
		if (!heap->spans.data[i].noscan)
			total += heap->spans.data[i].end - heap->spans.data[i].base;
	for (size_t i = 0; i < heap->spans.len; i++) {
		const struct seep_span *span = &heap->spans.data[i];
		if (part + 1 < count && sum > total / count * (part + 1)) {
			// Node numbers up to here: all objects with smaller numbers.
			const struct seep_graph_rank *r = &b->graph->ranks[span->first / 64];
			uint64_t below = ((uint64_t)1 << (span->first % 64)) - 1;
			readers[part++].span_end = i;
			readers[part].span = i;
			readers[part].node = r->node + __builtin_popcountll(r->bits & below);
		}
		if (!span->noscan)
			sum += span->end - span->base;
	}
	for (unsigned i = part; i < count; i++)
		readers[i].span_end = heap->spans.len;
	for (unsigned i = part + 1; i < count; i++)
		readers[i].span = heap->spans.len;
}

/** Edges of the objects, in the readers' hands; how many each node has, in first_out[node + 1]. */
static bool read_objects(struct builder *b, struct reader *readers, unsigned count)
{
	struct seep_graph *graph = b->graph;
	const struct seep_types *types = b->rt->heap.types;
	pthread_t threads[READERS];
	bool started[READERS] = {}, ok = true;

	for (unsigned i = 0; i < count; i++) {
		struct reader *r = &readers[i];
		r->graph = graph;
		r->opaque = b->live->opaque;
		r->heap = b->rt->heap;
		r->heap.types = &r->types;
		r->node = graph->first_object;
		r->count = graph->first_out + 1;
		seep_types_init(&r->types, types->memory, types->module, types->minor);
	}
	share_spans(b, readers, count);
	for (unsigned i = 1; i < count; i++)
		started[i] = pthread_create(&threads[i], NULL, read_spans, &readers[i]) == 0;
	for (unsigned i = 0; i < count; i++)
		if (!started[i])
			read_spans(&readers[i]);
	for (unsigned i = 0; i < count; i++) {
		if (started[i])
			pthread_join(threads[i], NULL);
		seep_types_deinit(&readers[i].types);
		ok = ok && !readers[i].failed;
	}
	return ok;
}

// --- putting it together ---

static struct seep_error *join_out(struct builder *b, struct reader *readers, unsigned count)
{
	struct seep_graph *graph = b->graph;
	uint64_t total = graph->roots.len + b->root_out.len;

	for (unsigned i = 0; i < count; i++)
		total += readers[i].out.len;
	if (total >= UINT32_MAX)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED,
					 "the heap has more pointers than can be counted: %llu",
					 (unsigned long long)total);
	graph->out = seep_large_alloc(total, sizeof(*graph->out));
	if (!graph->out)
		return &seep_enomem;
	uint32_t len = 0;
	graph->first_out[0] = 0;
	memset(graph->retained, 0, graph->first_object * sizeof(*graph->retained));
	for (uint32_t i = 0; i < graph->roots.len; i++) {
		graph->out[len++] = 1 + i;
		graph->first_out[1 + i] = graph->roots.len + b->root_first.data[i];
	}
	for (size_t i = 0; i < b->root_out.len; i++)
		graph->out[len++] = graph->first_object + b->root_out.data[i];
	graph->first_out[graph->first_object] = len;
	for (unsigned i = 0; i < count; i++) {
		if (readers[i].out.len)
			memcpy(graph->out + len, readers[i].out.data,
			       readers[i].out.len * sizeof(*graph->out));
		len += readers[i].out.len;
	}
	for (uint32_t n = graph->first_object; n < graph->node_count; n++)
		graph->first_out[n + 1] += graph->first_out[n];
	return NULL;
}

static struct seep_error *make_out(struct builder *b)
{
	struct seep_error *err = NULL;
	struct seep_graph *graph = b->graph;
	uint32_t objects;
	unsigned count;
	struct reader *readers = calloc(READERS, sizeof(*readers));

	if (!readers || !rank_objects(b, &objects)) {
		free(readers);
		return &seep_enomem;
	}
	find_roots(b);
	graph->first_object = 1 + graph->roots.len;
	if ((uint64_t)objects + graph->first_object >= SEEP_NODE_NONE)
		err = seep_error_format(SEEP_ERROR_UNSUPPORTED, "the heap has too many objects");
	graph->node_count = graph->first_object + objects;
	for (size_t i = 0; i < SEEP_BITS_WORDS(b->rt->heap.slots) + 1; i++)
		graph->ranks[i].node += graph->first_object;
	graph->objects = seep_large_alloc(objects, sizeof(*graph->objects));
	graph->first_out =
		seep_large_alloc((size_t)graph->node_count + 1, sizeof(*graph->first_out));
	graph->retained = seep_large_alloc(graph->node_count, sizeof(*graph->retained));
	count = objects < SMALL ? 1 : READERS;
	if (!err && (b->failed || !graph->objects || !graph->first_out || !graph->retained ||
		     !read_objects(b, readers, count)))
		err = &seep_enomem;
	if (!err)
		err = join_out(b, readers, count);
	for (unsigned i = 0; i < READERS; i++)
		seep_vec_free(&readers[i].out);
	free(readers);
	return err;
}

/** What the last root leads to: found late, when all other edges are there. */
struct late {
	struct seep_graph *graph;
	uint32_t *queue;
	struct seep_vec(uint32_t) out;
	bool failed;
};

static void add_late(struct late *late, uint32_t node)
{
	struct seep_graph *graph = late->graph;

	if (node == SEEP_NODE_NONE || graph->parent[node] != SEEP_NODE_NONE)
		return;
	graph->parent[node] = graph->first_object - 1;
	late->failed |= !seep_vec_push(&late->out, node);
	late->queue[0] = node;
	seep_shortest_paths(late->queue, 1, graph->first_out, graph->out, graph->parent);
}

static void add_behind_opaque(struct late *late, struct seep_object object)
{
	const struct seep_heap *heap = &late->graph->runtime->heap;
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	seep_pointers_start(heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value))
		if (seep_heap_find(heap, value, &object))
			add_late(late, seep_graph_node(late->graph, object));
}

static void find_late(struct builder *b, struct late *late)
{
	struct seep_graph *graph = b->graph;

	late->queue[0] = SEEP_NODE_ROOT;
	seep_shortest_paths(late->queue, 1, graph->first_out, graph->out, graph->parent);
	for (size_t i = 0; i < b->rt->specials.len; i++)
		if (b->rt->specials.data[i].kind == SEEP_SPECIAL_WEAK_HANDLE)
			add_late(late, seep_graph_node(graph, b->rt->specials.data[i].object));
	for (uint32_t n = graph->first_object; n < graph->node_count; n++) {
		struct seep_object object = graph->objects[n - graph->first_object];
		const struct seep_span *span = &b->rt->heap.spans.data[object.span];
		if (!span->noscan &&
		    seep_bit_get(b->live->opaque, seep_heap_number(&b->rt->heap, object)))
			add_behind_opaque(late, object);
	}
	// In a consistent copy there is nothing more.
	for (uint32_t n = graph->first_object; n < graph->node_count; n++)
		add_late(late, n);
}

/** Inserts the late edges behind those of the other roots. */
static bool insert_late(struct seep_graph *graph, const struct late *late)
{
	uint32_t edges = graph->first_out[graph->node_count], more = late->out.len,
		 at = graph->first_out[graph->first_object];

	if (more == 0)
		return true;
	if (more >= UINT32_MAX - edges)
		return false;
	uint32_t *out = seep_large_alloc((size_t)edges + more, sizeof(*out));
	if (!out)
		return false;
	memcpy(out, graph->out, at * sizeof(*out));
	memcpy(out + at, late->out.data, more * sizeof(*out));
	memcpy(out + at + more, graph->out + at, (edges - at) * sizeof(*out));
	free(graph->out);
	graph->out = out;
	for (uint32_t n = graph->first_object; n <= graph->node_count; n++)
		graph->first_out[n] += more;
	return true;
}

static bool find_paths(struct builder *b)
{
	struct seep_graph *graph = b->graph;
	struct late late = { .graph = graph };

	graph->parent = seep_large_alloc(graph->node_count, sizeof(*graph->parent));
	late.queue = seep_large_alloc(graph->node_count, sizeof(*late.queue));
	bool ok = graph->parent && late.queue;
	if (ok) {
		memset(graph->parent, 0xff, graph->node_count * sizeof(*graph->parent));
		find_late(b, &late);
		ok = !late.failed && insert_late(graph, &late);
	}
	free(late.queue);
	seep_vec_free(&late.out);
	return ok;
}

static bool make_in(struct seep_graph *graph)
{
	uint32_t nodes = graph->node_count, edges = graph->first_out[nodes];

	graph->first_in = seep_large_alloc((size_t)nodes + 1, sizeof(*graph->first_in));
	graph->in = seep_large_alloc(edges, sizeof(*graph->in));
	if (!graph->first_in || !graph->in)
		return false;
	memset(graph->first_in, 0, ((size_t)nodes + 1) * sizeof(*graph->first_in));
	for (uint32_t e = 0; e < edges; e++)
		graph->first_in[graph->out[e]]++;
	for (uint32_t n = 0, sum = 0; n <= nodes; n++)
		graph->first_in[n] = sum += graph->first_in[n];
	// Backwards, so that each node's list runs forwards, and what counted ends as where it begins.
	for (uint32_t n = nodes, e = edges; n-- > 0;)
		for (; e > graph->first_out[n]; e--)
			graph->in[--graph->first_in[graph->out[e - 1]]] = n;
	return true;
}

struct seep_error *seep_graph_build(struct seep_runtime *rt, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_graph *ret)
{
	struct seep_error *err;
	struct builder b = { .rt = rt, .live = live, .graph = ret };

	*ret = (struct seep_graph){ .runtime = rt, .variables = variables };
	err = make_out(&b);
	if (!err && !(find_paths(&b) && make_in(ret)))
		err = &seep_enomem;
	seep_vec_free(&b.root_first);
	seep_vec_free(&b.root_out);
	return err;
}

void seep_graph_deinit(struct seep_graph *graph)
{
	seep_vec_free(&graph->roots);
	free(graph->objects);
	free(graph->ranks);
	free(graph->first_out);
	free(graph->out);
	free(graph->first_in);
	free(graph->in);
	free(graph->dominator);
	free(graph->retained);
	free(graph->parent);
	*graph = (struct seep_graph){};
}
