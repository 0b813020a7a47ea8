// The graph: numbers for nodes, then edges out of them and shortest paths.
//
// Objects are read in address order, which is the order of their nodes, by several threads when there are many: each takes a part of the
// spans, and the edges of one follow those of the one before. A pointer's span, then its place among the nodes, are far from
// what was read before, so pointers are collected, and each step is done for all of them before the next. Edges come in chunks, which are
// freed as they are put together: nothing but a chunk is there twice.
//
// What an opaque object points to is no edge: else much of the program would seem to belong to the scheduler, which has a pointer to
// everything that waits. Nor is a weak pointer one. What nothing but these leads to is found by the shortest paths, which
// do not reach it, and gets an edge from a root of its own.
#include "graph/graph.h"

#include "base/bits.h"
#include "base/large.h"
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, CHUNK = 1 << 20, SMALL = 50000 }; // SMALL: objects for which threads do not pay

/** The edges of a part of the objects. */
struct reader {
	const struct seep_graph *graph;
	const uint64_t *opaque;
	struct seep_heap heap; // the one and only, but with types whose caches are the reader's own
	struct seep_types types;
	uint32_t span, span_end, node; // node: the next one
	uint32_t *count; // by node: edges
	struct seep_vec(uint32_t *) chunks; // of CHUNK edges each
	uint64_t len; // edges in them
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
	struct seep_vec(uint32_t) root_out; // object numbers
	struct reader *readers;
	unsigned reader_count;
	bool failed;
};

static inline uint32_t rank_of(const struct seep_graph_rank *ranks, uint64_t number)
{
	const struct seep_graph_rank *r = &ranks[number / 64];
	uint64_t bit = (uint64_t)1 << (number % 64);
	unsigned leaf = !(r->bits[0] & bit);

	return r->bits[leaf] & bit ?
		       r->node[leaf] + __builtin_popcountll(r->bits[leaf] & (bit - 1)) :
		       SEEP_NODE_NONE;
}

uint32_t seep_graph_node(const struct seep_graph *graph, struct seep_object object)
{
	return graph->ranks ?
		       rank_of(graph->ranks, seep_heap_number(&graph->runtime->heap, object)) :
		       SEEP_NODE_NONE;
}

/** The place of the n-th bit that is set, from 0. */
static unsigned select_bit(uint64_t bits, unsigned n)
{
	unsigned place = 0;

	for (unsigned width = 32; width; width /= 2) {
		unsigned below = __builtin_popcountll(bits & (((uint64_t)1 << width) - 1));
		if (n >= below) {
			n -= below;
			place += width;
			bits >>= width;
		}
	}
	return place;
}

struct seep_object seep_graph_object(const struct seep_graph *graph, uint32_t node)
{
	const struct seep_span *spans = graph->runtime->heap.spans.data;
	unsigned leaf = node >= graph->first_leaf;
	uint32_t i = graph->block_of[node / 64];
	if (leaf && node / 64 == graph->first_leaf / 64)
		i = graph->leaf_block;
	const struct seep_graph_rank *r = &graph->ranks[graph->blocks[i]];

	while (node - r->node[leaf] >= (unsigned)__builtin_popcountll(r->bits[leaf]))
		r = &graph->ranks[graph->blocks[++i]];
	uint64_t number =
		(r - graph->ranks) * 64ull + select_bit(r->bits[leaf], node - r->node[leaf]);
	uint32_t span = r->span;
	while (number - spans[span].first >= spans[span].nelems)
		span++;
	return (struct seep_object){ span, number - spans[span].first };
}

uint64_t seep_graph_bytes(const struct seep_graph *graph, uint32_t node)
{
	if (node < graph->first_object)
		return 0;
	return graph->runtime->heap.spans.data[seep_graph_object(graph, node).span].elem_size;
}

uint64_t seep_graph_retained(const struct seep_graph *graph, uint32_t node)
{
	return graph->retained && node < graph->first_leaf ? graph->retained[node] :
							     seep_graph_bytes(graph, node);
}

/** The number of the first reachable object of a span from that number on; end if there is none. */
static inline uint64_t next_reached(const struct seep_graph_rank *ranks,
				    const struct seep_span *span, uint64_t number, uint64_t end)
{
	while (number < end) {
		uint64_t bits = ranks[number / 64].bits[span->noscan] >> (number % 64);
		if (bits) {
			number += __builtin_ctzll(bits);
			return number < end ? number : end;
		}
		number = (number / 64 + 1) * 64;
	}
	return end;
}

/** Bits from first to last, both of them included, below 64. */
static uint64_t bits_between(unsigned first, unsigned last)
{
	return ~(uint64_t)0 >> (63 - last) & ~(uint64_t)0 << first;
}

static struct seep_error *rank_objects(struct builder *b)
{
	struct seep_graph *graph = b->graph;
	const struct seep_heap *heap = &b->rt->heap;
	size_t words = SEEP_BITS_WORDS(heap->slots) + 1;
	uint64_t next = graph->first_object;

	struct seep_graph_rank *ranks = graph->ranks = seep_large_alloc(words, sizeof(*ranks));
	if (!ranks)
		return &seep_enomem;
	memset(ranks, 0, words * sizeof(*ranks));
	for (uint32_t i = 0; i < heap->spans.len; i++) {
		const struct seep_span *span = &heap->spans.data[i];
		uint64_t first = span->first, last = first + span->nelems - 1;
		for (uint64_t k = first / 64; k <= last / 64; k++) {
			if (k * 64 >= first)
				ranks[k].span = i;
			ranks[k].bits[span->noscan] |=
				b->live->reachable[k] &
				bits_between(k * 64 > first ? 0 : first % 64,
					     k * 64 + 63 < last ? 63 : last % 64);
		}
	}
	for (int leaf = 0; leaf < 2; leaf++) {
		if (leaf)
			graph->first_leaf = next;
		for (size_t k = 0; k < words; k++) {
			ranks[k].node[leaf] = next;
			next += __builtin_popcountll(ranks[k].bits[leaf]);
		}
		if (next >= SEEP_NODE_NONE)
			return seep_error_format(SEEP_ERROR_UNSUPPORTED,
						 "the heap has too many objects");
	}
	graph->node_count = next;
	return NULL;
}

/** From nodes back to objects. */
static bool index_nodes(struct seep_graph *graph)
{
	size_t words = SEEP_BITS_WORDS(graph->runtime->heap.slots) + 1;
	uint32_t len = 0, used = 0;

	for (size_t k = 0; k < words; k++)
		used += !!graph->ranks[k].bits[0] + !!graph->ranks[k].bits[1];
	graph->blocks = seep_large_alloc(used, sizeof(*graph->blocks));
	graph->block_of = calloc(SEEP_BITS_WORDS(graph->node_count) + 1, sizeof(*graph->block_of));
	if (!graph->blocks || !graph->block_of)
		return false;
	for (int leaf = 0; leaf < 2; leaf++) {
		graph->leaf_block = len;
		for (size_t k = 0; k < words; k++)
			if (graph->ranks[k].bits[leaf])
				graph->blocks[len++] = k;
	}
	for (uint32_t i = len; i-- > 0;) {
		// The 64 nodes that its first is one of, and those that its last is one of, which may be the next ones.
		unsigned leaf = i >= graph->leaf_block;
		const struct seep_graph_rank *r = &graph->ranks[graph->blocks[i]];
		uint32_t last = r->node[leaf] + __builtin_popcountll(r->bits[leaf]) - 1;
		graph->block_of[last / 64] = i;
		graph->block_of[r->node[leaf] / 64] = i;
	}
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
	uint64_t number = seep_heap_number(&b->rt->heap, object);
	if (seep_bit_get(b->live->reachable, number) && !seep_vec_push(&b->root_out, number))
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
	    seep_bit_get(b->live->reachable, seep_heap_number(heap, s->object)))
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

static void add_edge(struct reader *r, uint32_t from, uint32_t to)
{
	if (r->len % CHUNK == 0 && !r->failed) {
		uint32_t *chunk = seep_large_alloc(CHUNK, sizeof(*chunk));
		if (!chunk || !seep_vec_push(&r->chunks, chunk)) {
			free(chunk);
			r->failed = true;
		}
	}
	if (r->failed)
		return;
	r->chunks.data[r->len / CHUNK][r->len % CHUNK] = to;
	r->len++;
	r->count[from]++;
}

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
	for (size_t i = 0; i < len; i++) {
		uint32_t to = rank_of(r->graph->ranks, r->batch.number[i]), from = r->batch.from[i];
		if (to != SEEP_NODE_NONE && to != from)
			add_edge(r, from, to);
	}
}

static inline void queue_pointer(struct reader *r, seep_addr value, uint32_t node)
{
	const struct seep_heap *heap = &r->heap;
	uint64_t arena = (value >> SEEP_ARENA_SHIFT) - heap->arena_first;

	if (arena >= heap->arena_count || !heap->arenas[arena])
		return;
	uint32_t index = heap->arenas[arena][value >> SEEP_PAGE_SHIFT & (SEEP_ARENA_PAGES - 1)];
	if (index == 0)
		return;
	__builtin_prefetch(&heap->spans.data[index - 1]);
	if (r->batch.len == BATCH)
		take_batch(r);
	r->batch.value[r->batch.len] = value;
	r->batch.from[r->batch.len++] = node;
}

static void read_object(struct reader *r, struct seep_object object, uint32_t node)
{
	const unsigned char *bytes;
	struct seep_pointers walk;
	uint64_t mask, word;
	seep_addr value;

	if (seep_pointers_small(&r->heap.spans.data[object.span], object.slot, &bytes, &mask)) {
		for (; mask; mask &= mask - 1)
			queue_pointer(r, seep_le64(bytes + 8 * __builtin_ctzll(mask)), node);
		return;
	}
	seep_pointers_start(&r->heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value))
		queue_pointer(r, value, node);
}

static void read_spans(void *arg, unsigned part)
{
	struct reader *r = &((struct reader *)arg)[part];
	const struct seep_graph_rank *ranks = r->graph->ranks;

	for (uint32_t i = r->span; i < r->span_end; i++) {
		const struct seep_span *span = &r->heap.spans.data[i];
		uint64_t end = span->first + (uint64_t)span->nelems;
		for (uint64_t n = next_reached(ranks, span, span->first, end);
		     !span->noscan && n < end; n = next_reached(ranks, span, n + 1, end)) {
			uint32_t node = r->node++;
			r->count[node] = 0;
			if (!seep_bit_get(r->opaque, n))
				read_object(r, (struct seep_object){ i, n - span->first }, node);
		}
	}
	take_batch(r);
}

/** Cuts the spans into parts with about equally many bytes to look at. */
static void share_spans(struct builder *b)
{
	const struct seep_heap *heap = &b->rt->heap;
	uint64_t total = 0, sum = 0;
	unsigned part = 0, count = b->reader_count;

	for (size_t i = 0; i < heap->spans.len; i++)
		if (!heap->spans.data[i].noscan)
			total += heap->spans.data[i].end - heap->spans.data[i].base;
	for (size_t i = 0; i < heap->spans.len; i++) {
		const struct seep_span *span = &heap->spans.data[i];
		if (span->noscan)
			continue;
		if (part + 1 < count && sum > total / count * (part + 1)) {
			// Node numbers up to here: all objects with pointers and smaller numbers.
			const struct seep_graph_rank *r = &b->graph->ranks[span->first / 64];
			uint64_t below = ((uint64_t)1 << (span->first % 64)) - 1;
			b->readers[part++].span_end = i;
			b->readers[part].span = i;
			b->readers[part].node =
				r->node[0] + __builtin_popcountll(r->bits[0] & below);
		}
		sum += span->end - span->base;
	}
	for (unsigned i = part; i < count; i++)
		b->readers[i].span_end = heap->spans.len;
	for (unsigned i = part + 1; i < count; i++)
		b->readers[i].span = heap->spans.len;
}

/** Edges of the objects, in the readers' hands; how many each node has, in first_out[node + 1]. */
static bool read_objects(struct builder *b)
{
	struct seep_graph *graph = b->graph;
	const struct seep_types *types = b->rt->heap.types;
	bool ok = true;

	for (unsigned i = 0; i < b->reader_count; i++) {
		struct reader *r = &b->readers[i];
		r->graph = graph;
		r->opaque = b->live->opaque;
		r->heap = b->rt->heap;
		r->heap.types = &r->types;
		r->node = graph->first_object;
		r->count = graph->first_out + 1;
		seep_types_init(&r->types, types->memory, types->module, types->minor);
	}
	share_spans(b);
	seep_pool_run(b->reader_count, read_spans, b->readers);
	for (unsigned i = 0; i < b->reader_count; i++) {
		seep_types_deinit(&b->readers[i].types);
		ok = ok && !b->readers[i].failed;
	}
	return ok;
}

// --- putting it together ---

/** Edges of the roots, then those that the readers found. */
static struct seep_error *join_out(struct builder *b)
{
	struct seep_graph *graph = b->graph;
	uint64_t total = graph->roots.len + b->root_out.len;
	uint32_t len = 0;

	for (unsigned i = 0; i < b->reader_count; i++)
		total += b->readers[i].len;
	if (total >= UINT32_MAX)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED,
					 "the heap has more pointers than can be counted: %llu",
					 (unsigned long long)total);
	graph->out = seep_large_alloc(total, sizeof(*graph->out));
	if (!graph->out)
		return &seep_enomem;
	graph->first_out[0] = 0;
	for (uint32_t i = 0; i < graph->roots.len; i++) {
		graph->out[len++] = 1 + i;
		graph->first_out[1 + i] = graph->roots.len + b->root_first.data[i];
	}
	for (size_t i = 0; i < b->root_out.len; i++)
		graph->out[len++] = rank_of(graph->ranks, b->root_out.data[i]);
	graph->first_out[graph->first_object] = len;
	for (unsigned i = 0; i < b->reader_count; i++) {
		struct reader *r = &b->readers[i];
		for (size_t k = 0; k < r->chunks.len; k++) {
			uint64_t left = r->len - k * CHUNK, count = left < CHUNK ? left : CHUNK;
			memcpy(graph->out + len, r->chunks.data[k], count * sizeof(*graph->out));
			len += count;
			free(r->chunks.data[k]);
			r->chunks.data[k] = NULL;
		}
	}
	for (uint32_t n = graph->first_object; n < graph->first_leaf; n++)
		graph->first_out[n + 1] += graph->first_out[n];
	return NULL;
}

static struct seep_error *make_out(struct builder *b)
{
	struct seep_error *err;
	struct seep_graph *graph = b->graph;

	find_roots(b);
	if (b->failed)
		return &seep_enomem;
	graph->first_object = 1 + graph->roots.len;
	err = rank_objects(b);
	if (err)
		return err;
	graph->first_out =
		seep_large_alloc((size_t)graph->first_leaf + 1, sizeof(*graph->first_out));
	b->reader_count = graph->node_count < seep_pool_least(SMALL) ? 1 : seep_pool_threads();
	b->readers = calloc(b->reader_count, sizeof(*b->readers));
	if (!graph->first_out || !b->readers || !index_nodes(graph) || !read_objects(b))
		return &seep_enomem;
	return join_out(b);
}

static void builder_deinit(struct builder *b)
{
	for (unsigned i = 0; b->readers && i < b->reader_count; i++) {
		for (size_t k = 0; k < b->readers[i].chunks.len; k++)
			free(b->readers[i].chunks.data[k]);
		seep_vec_free(&b->readers[i].chunks);
	}
	free(b->readers);
	seep_vec_free(&b->root_first);
	seep_vec_free(&b->root_out);
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
	if (node >= graph->first_leaf)
		return;
	late->queue[0] = node;
	seep_shortest_paths(late->queue, 1, &graph->edges, graph->parent);
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
	const struct seep_heap *heap = &b->rt->heap;
	struct seep_object object;

	late->queue[0] = SEEP_NODE_ROOT;
	seep_shortest_paths(late->queue, 1, &graph->edges, graph->parent);
	for (size_t i = 0; i < b->rt->specials.len; i++)
		if (b->rt->specials.data[i].kind == SEEP_SPECIAL_WEAK_HANDLE)
			add_late(late, seep_graph_node(graph, b->rt->specials.data[i].object));
	seep_vec_foreach(word, &b->rt->thread_words)
		if (seep_heap_find(heap, *word, &object))
			add_late(late, seep_graph_node(graph, object));
	for (size_t k = 0; k < SEEP_BITS_WORDS(heap->slots); k++)
		for (uint64_t bits = b->live->opaque[k] & graph->ranks[k].bits[0]; bits;
		     bits &= bits - 1)
			add_behind_opaque(
				late,
				seep_graph_object(graph, rank_of(graph->ranks,
								 k * 64 + __builtin_ctzll(bits))));
	// In a consistent copy there is nothing more.
	for (uint32_t n = graph->first_object; n < graph->node_count; n++)
		add_late(late, n);
}

/** Inserts the late edges behind those of the other roots. */
static bool insert_late(struct seep_graph *graph, const struct late *late)
{
	uint32_t edges = graph->first_out[graph->first_leaf], more = late->out.len,
		 at = graph->first_out[graph->first_object];

	if (more == 0)
		return true;
	if (more >= UINT32_MAX - edges)
		return false;
	uint32_t *out = realloc(graph->out, ((size_t)edges + more) * sizeof(*out));
	if (!out)
		return false;
	memmove(out + at + more, out + at, (edges - at) * sizeof(*out));
	memcpy(out + at, late->out.data, more * sizeof(*out));
	graph->out = out;
	for (uint32_t n = graph->first_object; n <= graph->first_leaf; n++)
		graph->first_out[n] += more;
	return true;
}

static void set_edges(struct seep_graph *graph)
{
	graph->edges = (struct seep_edges){ graph->node_count, graph->first_leaf, graph->first_out,
					    graph->out };
}

static bool find_paths(struct builder *b)
{
	struct seep_graph *graph = b->graph;
	struct late late = { .graph = graph };

	graph->parent = seep_large_alloc(graph->node_count, sizeof(*graph->parent));
	late.queue = seep_large_alloc(graph->first_leaf, sizeof(*late.queue));
	bool ok = graph->parent && late.queue;
	if (ok) {
		memset(graph->parent, 0xff, graph->node_count * sizeof(*graph->parent));
		set_edges(graph);
		find_late(b, &late);
		ok = !late.failed && insert_late(graph, &late);
		set_edges(graph);
	}
	free(late.queue);
	seep_vec_free(&late.out);
	return ok;
}

struct seep_error *seep_graph_build(struct seep_runtime *rt, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_graph *ret)
{
	struct seep_error *err;
	_cleanup_(builder_deinit) struct builder b = { .rt = rt, .live = live, .graph = ret };

	*ret = (struct seep_graph){ .runtime = rt, .variables = variables };
	err = make_out(&b);
	return err || find_paths(&b) ? err : &seep_enomem;
}

void seep_graph_deinit(struct seep_graph *graph)
{
	seep_vec_free(&graph->roots);
	free(graph->ranks);
	free(graph->blocks);
	free(graph->block_of);
	free(graph->first_out);
	free(graph->out);
	free(graph->dominator);
	free(graph->retained);
	free(graph->parent);
	*graph = (struct seep_graph){};
}

/** Each node's own bytes, those of leaves at their dominators. */
static void weigh_nodes(struct seep_graph *graph)
{
	const struct seep_heap *heap = &graph->runtime->heap;
	uint64_t *weights = graph->retained;
	uint32_t node = graph->first_object, leaf = graph->first_leaf;

	memset(weights, 0, graph->first_leaf * sizeof(*weights));
	for (uint32_t i = 0; i < heap->spans.len; i++) {
		const struct seep_span *span = &heap->spans.data[i];
		uint64_t end = span->first + (uint64_t)span->nelems;
		for (uint64_t n = next_reached(graph->ranks, span, span->first, end); n < end;
		     n = next_reached(graph->ranks, span, n + 1, end)) {
			if (!span->noscan)
				weights[node++] += span->elem_size;
			else if (graph->dominator[leaf++] != SEEP_NODE_NONE)
				weights[graph->dominator[leaf - 1]] += span->elem_size;
		}
	}
}

struct seep_error *seep_graph_dominators(struct seep_graph *graph)
{
	uint32_t *order, len;
	const uint32_t *dominator, *first_out = graph->first_out;

	dominator = graph->dominator =
		seep_large_alloc(graph->node_count, sizeof(*graph->dominator));
	if (!dominator || !seep_dominators(&graph->edges, graph->dominator, &order, &len))
		return &seep_enomem;
	graph->retained = seep_large_alloc(graph->first_leaf, sizeof(*graph->retained));
	if (graph->retained) {
		weigh_nodes(graph);
		for (uint32_t n = 1; n < graph->first_leaf; n++)
			if (first_out[n] == first_out[n + 1] && dominator[n] != SEEP_NODE_NONE)
				graph->retained[dominator[n]] += graph->retained[n];
		for (uint32_t i = len; i-- > 1;)
			graph->retained[dominator[order[i]]] += graph->retained[order[i]];
	}
	free(order);
	return graph->retained ? NULL : &seep_enomem;
}

static inline bool is_wanted(const uint64_t *wanted, uint32_t node)
{
	return !wanted || seep_bit_get(wanted, node);
}

bool seep_graph_in_init(const struct seep_edges *g, const uint64_t *wanted,
			struct seep_graph_in *ret)
{
	uint32_t edges = g->first_out[g->inner];
	uint32_t *first = seep_large_alloc((size_t)g->count + 1, sizeof(*first));

	*ret = (struct seep_graph_in){ .first = first };
	if (!first)
		return false;
	memset(first, 0, ((size_t)g->count + 1) * sizeof(*first));
	for (uint32_t e = 0; e < edges; e++)
		if (is_wanted(wanted, g->out[e]))
			first[g->out[e]]++;
	for (uint32_t n = 0, sum = 0; n <= g->count; n++)
		first[n] = sum += first[n];
	ret->from = seep_large_alloc(first[g->count], sizeof(*ret->from));
	if (!ret->from) {
		seep_graph_in_deinit(ret);
		return false;
	}
	// Backwards, so that each node's list runs forwards, and what counted ends as where it begins.
	for (uint32_t n = g->inner, e = edges; n-- > 0;)
		for (; e > g->first_out[n]; e--)
			if (is_wanted(wanted, g->out[e - 1]))
				ret->from[--first[g->out[e - 1]]] = n;
	return true;
}

void seep_graph_in_deinit(struct seep_graph_in *in)
{
	free(in->first);
	free(in->from);
	*in = (struct seep_graph_in){};
}
