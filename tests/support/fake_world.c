// See fake_world.h.
#include "support/fake_world.h"

#include <assert.h>
#include <stdlib.h>

enum { PAGE = 8192, HEADER_FROM = 512, LARGE_FROM = 12000, PAGES_OF_MEDIUM = 8 };

static const uint16_t slot_sizes[] = {
	8,    16,   24,	  32,	48,   64,   80,	  96,	112,  128,  144,  160,	 176,	192,
	208,  224,  240,  256,	288,  320,  352,  384,	416,  448,  480,  512,	 576,	640,
	704,  768,  896,  1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688,	 3072,	3200,
	3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288,
};

void fake_world_init(struct fake_world *w, int minor)
{
	*w = (struct fake_world){};
	fake_heap_init(&w->heap, minor);
	fake_init(&w->types, minor);
	w->heap.binary.pclntab.module.types = FAKE_BASE;
	w->heap.binary.pclntab.module.etypes = FAKE_DATA;
	w->variables.has_types = w->variables.has_names = true;
	if (seep_memory_add(&w->heap.memory, (struct seep_segment){ FAKE_BASE, FAKE_BASE + FAKE_LEN,
								    w->types.bytes }))
		abort();
}

void fake_world_deinit(struct fake_world *w)
{
	seep_graph_deinit(&w->graph);
	if (w->typing.runtime)
		seep_typing_deinit(&w->typing);
	seep_live_deinit(&w->live);
	seep_vec_free(&w->variables.items);
	fake_heap_deinit(&w->heap);
	fake_deinit(&w->types);
	*w = (struct fake_world){};
}

static struct fake_span *add_span(struct fake_world *w, uint64_t pages, uint64_t slot, bool noscan,
				  seep_addr large_type)
{
	bool bits = !noscan && slot <= HEADER_FROM;
	struct fake_span span = {
		.base = FAKE_HEAP_ARENA + w->pages * PAGE,
		.pages = pages,
		.elem_size = slot,
		.nelems = (pages * PAGE - (bits ? 128 : 0)) / slot,
		.spanclass = (slot >= LARGE_FROM ? 0 : 16) | noscan,
		.large_type = large_type,
	};

	assert(w->class_count < FAKE_WORLD_CLASSES || slot >= LARGE_FROM);
	w->pages += pages;
	return fake_heap_span(&w->heap, span);
}

/** A free slot for so many bytes. */
static seep_addr take_slot(struct fake_world *w, uint64_t size, bool noscan,
			   struct fake_span **span_ret)
{
	size_t i = 0, k = 0;

	while (slot_sizes[i] < size)
		assert(++i < sizeof(slot_sizes) / sizeof(*slot_sizes));
	for (; k < w->class_count; k++)
		if (w->classes[k].span->elem_size == slot_sizes[i] &&
		    w->classes[k].noscan == noscan &&
		    w->classes[k].used < w->classes[k].span->nelems)
			break;
	if (k == w->class_count) {
		w->classes[k].span = add_span(w, slot_sizes[i] > HEADER_FROM ? PAGES_OF_MEDIUM : 1,
					      slot_sizes[i], noscan, 0);
		w->classes[k].noscan = noscan;
		w->class_count++;
	}
	struct fake_span *span = w->classes[k].span;
	uint64_t slot = w->classes[k].used++;
	fake_heap_allocate(&w->heap, span, slot);
	*span_ret = span;
	return span->base + slot * span->elem_size;
}

static seep_addr take_large(struct fake_world *w, uint64_t size, bool noscan, seep_addr type)
{
	uint64_t pages = (size + PAGE - 1) / PAGE;
	struct fake_span *span = add_span(w, pages, pages * PAGE, noscan, noscan ? 0 : type);

	fake_heap_allocate(&w->heap, span, 0);
	return span->base;
}

seep_addr fake_world_make(struct fake_world *w, seep_addr type, uint64_t count)
{
	uint64_t size = fake_size(&w->types, type), bytes = size * count;
	uint64_t ptr_words = fake_read(&w->types, type + 8) / 8;
	struct fake_span *span;

	if (bytes >= LARGE_FROM)
		return take_large(w, bytes, ptr_words == 0, type);
	if (ptr_words == 0)
		return take_slot(w, bytes, true, &span);
	if (bytes > HEADER_FROM) {
		seep_addr addr = take_slot(w, bytes + 8, false, &span);
		fake_heap_put(&w->heap, addr, type);
		return addr + 8;
	}
	seep_addr addr = take_slot(w, bytes, false, &span);
	const unsigned char *mask = fake_at(&w->types, fake_read(&w->types, type + 32));
	for (uint64_t i = 0; i < count; i++)
		for (uint64_t k = 0; k < ptr_words; k++)
			if (mask[k / 8] >> (k % 8) & 1)
				fake_heap_pointer_word(&w->heap, span, addr + i * size + k * 8);
	return addr;
}

seep_addr fake_world_bytes(struct fake_world *w, uint64_t size)
{
	struct fake_span *span;

	return size >= LARGE_FROM ? take_large(w, size, true, 0) : take_slot(w, size, true, &span);
}

seep_addr fake_world_words(struct fake_world *w, uint64_t size, uint64_t mask)
{
	struct fake_span *span;
	seep_addr addr = take_slot(w, size, false, &span);

	assert(size <= HEADER_FROM);
	for (; mask; mask &= mask - 1)
		fake_heap_pointer_word(&w->heap, span, addr + 8 * (seep_addr)__builtin_ctzll(mask));
	return addr;
}

seep_addr fake_world_variable(struct fake_world *w, const char *name, seep_addr type)
{
	uint64_t size = fake_size(&w->types, type);
	struct seep_variable v = {
		.addr = FAKE_HEAP_DATA + w->variable_words * 8,
		.size = size,
		.name = name,
		.type = type,
	};

	w->variable_words += (size + 7) / 8;
	assert(w->variable_words <= FAKE_HEAP_GLOBALS);
	if (!seep_vec_push(&w->variables.items, v))
		abort();
	return v.addr;
}

void fake_world_put(struct fake_world *w, seep_addr addr, size_t count, const uint64_t *words)
{
	for (size_t i = 0; i < count; i++)
		fake_heap_put(&w->heap, addr + 8 * i, words[i]);
}

void fake_world_type(struct fake_world *w)
{
	if (!w->heap.rt)
		fake_heap_read(&w->heap);
	if (seep_live_find(w->heap.rt, &w->heap.locks, SEEP_LIVE_UNNAMED, &w->live) ||
	    seep_typing_find(w->heap.rt, &w->live, &w->variables, &w->typing))
		abort();
}

void fake_world_graph(struct fake_world *w)
{
	fake_world_type(w);
	if (seep_graph_build(w->heap.rt, &w->live, &w->variables, &w->graph) ||
	    seep_graph_dominators(&w->graph))
		abort();
}

struct seep_object fake_world_object(const struct fake_world *w, seep_addr addr)
{
	struct seep_object object = {};

	if (!seep_heap_find(&w->heap.rt->heap, addr, &object))
		abort();
	return object;
}

const struct seep_content_type *fake_world_content(const struct fake_world *w, seep_addr addr)
{
	return seep_typing_content(&w->typing, fake_world_object(w, addr));
}

const struct seep_partial *fake_world_partial(const struct fake_world *w, seep_addr addr)
{
	struct seep_object object = fake_world_object(w, addr);

	seep_vec_foreach(p, &w->typing.partials)
		if (p->object.span == object.span && p->object.slot == object.slot)
			return p;
	return NULL;
}
