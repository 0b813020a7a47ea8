// Marking by depth-first search over a worklist.
//
// What limits it is memory latency, not instructions: each pointer leads to a mark bit and, later, to an object that is not in the
// cache. So objects pass through a short queue between being taken from the worklist and being read; entering the queue
// prefetches them, as the Go collector and Boehm's do.
#include "graph/mark.h"

#include <stdlib.h>

enum { QUEUE = 16 };

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
	if (!span->noscan && !seep_bit_get(m->opaque, n) && !seep_vec_push(&m->todo, object))
		m->failed = true;
}

static void prefetch(const struct seep_heap *heap, struct seep_object object)
{
	const struct seep_span *span = &heap->spans.data[object.span];

	if (span->bytes)
		__builtin_prefetch(span->bytes + object.slot * span->elem_size);
}

void seep_mark_drain(struct seep_marker *m)
{
	struct seep_object queue[QUEUE];
	unsigned head = 0, len = 0;
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	while (m->todo.len || len) {
		while (len < QUEUE && m->todo.len) {
			struct seep_object o = seep_vec_pop(&m->todo);
			prefetch(m->heap, o);
			queue[(head + len++) % QUEUE] = o;
		}
		seep_pointers_start(m->heap, queue[head], &walk);
		head = (head + 1) % QUEUE;
		len--;
		while (seep_pointers_next(&walk, &word, &value))
			if (value)
				seep_mark_pointer(m, value, true);
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
