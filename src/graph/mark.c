// Marking by depth-first search over a worklist.
//
// What limits it is memory latency, not instructions: each pointer leads to a span and a mark bit and, later, to an object
// and its pointer map, none of which is in the cache. So there are two short queues, and entering one prefetches what leaving
// it will need: pointers between being found and being looked up, objects between being taken from the worklist and being
// read. The Go collector and Boehm's do the latter.
//
// A guess may lead to a slot that is allocated but dead or not filled yet, with pointers of its last owner in it. So what a
// guess leads to is followed last, and pointers on from there count as guesses. A precise pointer to a free slot is then
// always a contradiction.
#include "graph/mark.h"

#include <stdlib.h>

enum { QUEUE = 16, POINTERS = 32 };

struct seep_error *seep_marker_init(struct seep_marker *m, const struct seep_heap *heap)
{
	size_t words = SEEP_BITS_WORDS(heap->slots) + 1;

	*m = (struct seep_marker){
		.heap = heap,
		.marked = calloc(words, sizeof(uint64_t)),
		.opaque = calloc(words, sizeof(uint64_t)),
		.watched = calloc(words, sizeof(uint64_t)),
	};
	return m->marked && m->opaque && m->watched ? NULL : &seep_enomem;
}

void seep_marker_deinit(struct seep_marker *m)
{
	free(m->marked);
	free(m->opaque);
	free(m->watched);
	seep_vec_free(&m->hits);
	seep_vec_free(&m->todo);
	seep_vec_free(&m->guessed);
}

void seep_mark_pointer(struct seep_marker *m, seep_addr pointer, bool precise)
{
	struct seep_object object;

	if (!seep_heap_find(m->heap, pointer, &object))
		return;
	const struct seep_span *span = &m->heap->spans.data[object.span];
	uint64_t n = span->first + (uint64_t)object.slot;
	bool first = !seep_bit_get(m->marked, n);
	if (!first && !span->tiny)
		return;
	if (first && !seep_bit_get(m->heap->allocated, n)) {
		if (precise) {
			m->dangling++;
			m->dangling_example = pointer;
		}
		return;
	}
	if (seep_bit_get(m->watched, n) && !seep_vec_push(&m->hits, pointer))
		m->failed = true;
	if (!first)
		return;
	seep_bit_set(m->marked, n);
	m->objects++;
	m->bytes += span->elem_size;
	if (!span->noscan && !seep_bit_get(m->opaque, n) &&
	    !(precise ? seep_vec_push(&m->todo, object) : seep_vec_push(&m->guessed, object)))
		m->failed = true;
}

static void prefetch_object(const struct seep_heap *heap, struct seep_object object)
{
	const struct seep_span *span = &heap->spans.data[object.span];
	uint64_t offset = object.slot * span->elem_size;

	if (!span->bytes)
		return;
	__builtin_prefetch(span->bytes + offset);
	if (span->bits)
		__builtin_prefetch(span->bits + offset / 64); // a bit for each word
}

/** Pointers on their way to being looked up, in the order in which they were found. */
struct pointers {
	seep_addr ring[POINTERS];
	unsigned head, len;
};

/** Prefetches the span and queues the pointer; the oldest one gives way if there is no room. */
static void queue_pointer(struct seep_marker *m, struct pointers *p, seep_addr value)
{
	const struct seep_heap *heap = m->heap;
	uint64_t arena = (value >> SEEP_ARENA_SHIFT) - heap->arena_first;

	if (arena >= heap->arena_count || !heap->arenas[arena])
		return;
	uint32_t index = heap->arenas[arena][value >> SEEP_PAGE_SHIFT & (SEEP_ARENA_PAGES - 1)];
	if (index == 0)
		return;
	__builtin_prefetch(&heap->spans.data[index - 1].base);
	__builtin_prefetch(&heap->spans.data[index - 1].bytes);
	if (p->len == POINTERS) {
		seep_mark_pointer(m, p->ring[p->head], true);
		p->ring[p->head] = value;
		p->head = (p->head + 1) % POINTERS;
	} else {
		p->ring[(p->head + p->len++) % POINTERS] = value;
	}
}

static void drain_precise(struct seep_marker *m)
{
	struct seep_object queue[QUEUE];
	struct pointers pointers = {};
	unsigned head = 0, len = 0;
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	while (m->todo.len || len || pointers.len) {
		while (len < QUEUE && m->todo.len) {
			struct seep_object o = seep_vec_pop(&m->todo);
			prefetch_object(m->heap, o);
			queue[(head + len++) % QUEUE] = o;
		}
		if (len < QUEUE && pointers.len) { // the worklist is empty: what waits may fill it
			seep_mark_pointer(m, pointers.ring[pointers.head], true);
			pointers.head = (pointers.head + 1) % POINTERS;
			pointers.len--;
			continue;
		}
		seep_pointers_start(m->heap, queue[head], &walk);
		head = (head + 1) % QUEUE;
		len--;
		while (seep_pointers_next(&walk, &word, &value))
			if (value && walk.guess)
				seep_mark_pointer(m, value, false);
			else if (value)
				queue_pointer(m, &pointers, value);
	}
}

void seep_mark_drain(struct seep_marker *m)
{
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	drain_precise(m);
	while (m->guessed.len) {
		seep_pointers_start(m->heap, seep_vec_pop(&m->guessed), &walk);
		while (seep_pointers_next(&walk, &word, &value))
			if (value)
				seep_mark_pointer(m, value, false);
	}
}

void seep_mark_opaque(struct seep_marker *m)
{
	for (uint32_t i = 0; i < m->heap->spans.len; i++) {
		const struct seep_span *span = &m->heap->spans.data[i];
		if (span->noscan)
			continue;
		for (uint32_t slot = 0; slot < span->nelems; slot++) {
			uint64_t n = span->first + (uint64_t)slot;
			if (!seep_bit_get(m->opaque, n))
				continue;
			seep_bit_clear(m->opaque, n);
			if (seep_bit_get(m->marked, n) &&
			    !seep_vec_push(&m->todo, (struct seep_object){ i, slot }))
				m->failed = true;
		}
	}
	seep_mark_drain(m);
}

static void visit_masked(const struct seep_runtime *rt, seep_addr start, seep_addr end,
			 seep_addr mask, uint64_t bits, void (*visit)(seep_addr, seep_addr, void *),
			 void *arg)
{
	uint64_t words = end > start ? (end - start) / 8 : 0;

	if (words > bits)
		words = bits;
	const uint8_t *m = seep_memory_at(&rt->memory, mask, (words + 7) / 8);
	const unsigned char *bytes = seep_memory_at(&rt->memory, start, words * 8);
	for (uint64_t i = 0; m && bytes && i < words; i++) {
		seep_addr value = seep_le64(bytes + 8 * i);
		if (m[i / 8] >> (i % 8) & 1 && value)
			visit(start + 8 * i, value, arg);
	}
}

void seep_roots_globals(const struct seep_runtime *rt, void (*visit)(seep_addr, seep_addr, void *),
			void *arg)
{
	const struct seep_module *m = &rt->binary->pclntab.module;

	visit_masked(rt, m->data, m->edata, m->gcdatamask, m->gcdatamask_bits, visit, arg);
	visit_masked(rt, m->bss, m->ebss, m->gcbssmask, m->gcbssmask_bits, visit, arg);
}
