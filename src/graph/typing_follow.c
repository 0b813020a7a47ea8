// Following what has a type, until nothing new gets one.
//
// What limits it is memory latency: each pointer leads to a span, marks and a pointer map, none of which is in the cache. So objects wait
// span by span, and when a span's turn has come all of them are read, which by then are many and stand side by side; and the
// words that lead on are put together in batches, of which each step asks for what the next one needs. Most words lead to what is known
// and seen already, and that is all there is to say about those.
#include "graph/typing_internal.h"

enum { BATCH = 64, AHEAD = 8 };

/** A word that leads on. */
struct word {
	const unsigned char *at;
	seep_addr addr, pointer;
	const struct seep_part *part; /** a shape's own */
};

struct batch {
	struct word words[BATCH];
	unsigned len;
};

void seep_typer_push(struct typer *t, struct work work)
{
	if (!seep_vec_push(&t->work, work))
		t->failed = true;
}

void seep_typer_push_object(struct typer *t, struct seep_object object)
{
	uint64_t n = seep_heap_number(t->heap, object);

	t->marks[n / 64].todo |= 1ull << n % 64;
	if (seep_bit_get(t->spans.waiting, object.span))
		return;
	seep_bit_set(t->spans.waiting, object.span);
	t->spans.ring[(t->spans.head + t->spans.len++) % t->heap->spans.len] = object.span;
}

/** False if the pointer does not lead into the heap. */
static inline bool prefetch_span(const struct seep_heap *heap, seep_addr pointer)
{
	uint64_t arena = (pointer >> SEEP_ARENA_SHIFT) - heap->arena_first;

	if (arena >= heap->arena_count || !heap->arenas[arena])
		return false;
	uint32_t index = heap->arenas[arena][pointer >> SEEP_PAGE_SHIFT & (SEEP_ARENA_PAGES - 1)];
	if (index == 0)
		return false;
	__builtin_prefetch(&heap->spans.data[index - 1].base);
	__builtin_prefetch(&heap->spans.data[index - 1].bits);
	return true;
}

/** What the words of the batch see. */
static void flush(struct typer *t, struct batch *b)
{
	struct found found[BATCH];

	for (unsigned i = 0; i < b->len; i++) {
		struct found *f = &found[i];
		f->n = 0;
		f->span = NULL;
		if (!seep_heap_find(t->heap, b->words[i].pointer, &f->object))
			continue;
		f->span = &t->heap->spans.data[f->object.span];
		f->n = f->span->first + (uint64_t)f->object.slot;
		uint64_t slot = f->object.slot * f->span->elem_size;
		f->offset = b->words[i].pointer - f->span->base - slot;
		__builtin_prefetch(&t->marks[f->n / 64]);
		if (f->span->bits)
			__builtin_prefetch(f->span->bits + slot / 64);
	}
	for (unsigned i = 0; i < b->len; i++) {
		const struct word *w = &b->words[i];
		const struct found *f = &found[i];
		if (!f->span)
			seep_typer_part(t, w->at, w->addr, w->part, NULL);
		else if (!seep_typer_is_known(t, f->n) || !seep_typer_is_seen(t, f->n))
			seep_typer_part(t, w->at, w->addr, w->part, f);
	}
	b->len = 0;
}

/** Puts the words of values into the batch. */
static void queue_values(struct typer *t, struct batch *b, const unsigned char *bytes,
			 seep_addr addr, uint64_t len, uint32_t shape)
{
	const struct seep_shape s = t->typing->shapes.shapes.data[shape]; // the vector may move

	for (uint64_t value = 0; s.part_count && value + s.size <= len; value += s.size)
		for (uint32_t i = 0; i < s.part_count; i++) {
			const struct seep_part *part = &s.parts[i];
			uint64_t at = value + part->offset;
			if (part->kind == SEEP_PART_ARRAY) {
				queue_values(t, b, bytes + at, addr + at,
					     part->count * part->stride, part->inner);
				continue;
			}
			if (!seep_le64(bytes + at))
				continue;
			seep_addr pointer = seep_part_pointer(part->kind, bytes + at);
			if (!prefetch_span(t->heap, pointer) && part->kind == SEEP_PART_STRING)
				continue;
			b->words[b->len++] = (struct word){ bytes + at, addr + at, pointer, part };
			if (b->len == BATCH)
				flush(t, b);
		}
}

static void follow_object(struct typer *t, struct batch *b, struct seep_object object)
{
	const struct seep_span *span = &t->heap->spans.data[object.span];
	const struct seep_content_type *c = seep_typing_content(t->typing, object);
	uint64_t at = object.slot * span->elem_size, start = seep_content_start(span);

	if (!span->bytes)
		return;
	if (!t->fitting &&
	    (c->content == SEEP_CONTENT_SHAPE || c->content == SEEP_CONTENT_CLOSURE)) {
		uint64_t n = span->first + (uint64_t)object.slot;
		t->marks[n / 64].followed |= 1ull << n % 64;
	}
	if (c->content == SEEP_CONTENT_CLOSURE)
		seep_typer_closure(t, object, c->type);
	else
		queue_values(t, b, span->bytes + at + start, span->base + at + start,
			     span->elem_size - start, c->shape);
}

/** The objects of a span that wait, from the one with number n on; at most as many as fit. */
static unsigned take_waiting(struct typer *t, const struct seep_span *span, uint64_t *n,
			     uint32_t *slots, unsigned max)
{
	uint64_t end = span->first + (uint64_t)span->nelems;
	unsigned len = 0;

	while (*n < end && len < max) {
		uint64_t bits = t->marks[*n / 64].todo >> *n % 64;
		*n = bits ? *n + __builtin_ctzll(bits) : (*n / 64 + 1) * 64;
		if (!bits || *n >= end)
			continue;
		t->marks[*n / 64].todo &= ~(1ull << *n % 64);
		slots[len++] = *n - span->first;
		++*n;
	}
	return len;
}

static void prefetch_slot(const struct seep_span *span, uint32_t slot)
{
	if (span->bytes)
		__builtin_prefetch(span->bytes + slot * span->elem_size);
}

static void follow_span(struct typer *t, struct batch *b, uint32_t index)
{
	const struct seep_span *span = &t->heap->spans.data[index];
	uint32_t slots[BATCH];
	uint64_t n = span->first;
	unsigned len;

	seep_bit_clear(t->spans.waiting, index);
	while ((len = take_waiting(t, span, &n, slots, BATCH)) > 0) {
		for (unsigned i = 0; i < len && i < AHEAD; i++)
			prefetch_slot(span, slots[i]);
		for (unsigned i = 0; i < len; i++) {
			if (i + AHEAD < len)
				prefetch_slot(span, slots[i + AHEAD]);
			follow_object(t, b, (struct seep_object){ index, slots[i] });
		}
	}
}

void seep_typer_drain(struct typer *t)
{
	struct batch b;

	b.len = 0;
	while (t->work.len || t->spans.len || b.len) {
		if (t->work.len) {
			struct work w = seep_vec_pop(&t->work);
			queue_values(t, &b, w.bytes, w.addr, w.len, w.shape);
		} else if (t->spans.len) {
			uint32_t span = t->spans.ring[t->spans.head];
			t->spans.head = (t->spans.head + 1) % t->heap->spans.len;
			t->spans.len--;
			follow_span(t, &b, span);
		} else {
			flush(t, &b);
		}
	}
}
