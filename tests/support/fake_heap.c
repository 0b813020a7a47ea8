// See fake_heap.h. The layouts are made up, so that nothing works by knowing the real ones.
#include "support/fake_heap.h"

#include "runtime/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	// runtime.mspan
	START = 0,
	NPAGES = 8,
	FREEINDEX = 16,
	NELEMS = 24,
	ALLOC_BITS = 32,
	MARK_BITS = 40,
	SWEEPGEN = 48,
	ALLOC_COUNT = 52,
	SPANCLASS = 54,
	STATE = 55,
	USER_ARENA = 56,
	ELEMSIZE = 64,
	SPECIALS = 72,
	LARGE_TYPE = 80,
	MSPAN_BYTES = 88,
	// runtime.mheap
	ALLSPANS = 16,
	HEAP_SWEEPGEN = 8,
	ARENAS = 48,
	MHEAP_BYTES = 64,
	// runtime.heapArena
	BITMAP = 0,
	NO_MORE = 1 << 20,
	HEAP_SWEEPGEN_VALUE = 40,
	PAGE = 1 << SEEP_PAGE_SHIFT,
	G_BYTES = 32,
};
static const seep_addr MHEAP = 0x500000, FIRST_FREE = 0x10000000, STACKS = 0x7e0000000000;

static void set_layout(struct seep_layout *l, int minor)
{
	memset(l, 0xff, sizeof(*l));
	l->mspan_start_addr = START;
	l->mspan_npages = NPAGES;
	l->mspan_freeindex = FREEINDEX;
	l->mspan_nelems = NELEMS;
	l->mspan_alloc_bits = ALLOC_BITS;
	l->mspan_gcmark_bits = MARK_BITS;
	l->mspan_sweepgen = SWEEPGEN;
	l->mspan_alloc_count = ALLOC_COUNT;
	l->mspan_spanclass = SPANCLASS;
	l->mspan_state = STATE;
	l->mspan_is_user_arena_chunk = minor >= 20 ? USER_ARENA : -1;
	l->mspan_elemsize = ELEMSIZE;
	l->mspan_specials = SPECIALS;
	l->mspan_large_type = minor >= 22 ? LARGE_TYPE : -1;
	l->mspan_size = MSPAN_BYTES;
	l->mheap_allspans = ALLSPANS;
	l->mheap_sweepgen = HEAP_SWEEPGEN;
	l->mheap_arenas = ARENAS;
	l->mheap_size = MHEAP_BYTES;
	l->heap_arena_bitmap = minor < 22 ? BITMAP : -1;
	l->heap_arena_no_more_ptrs = minor == 20 || minor == 21 ? NO_MORE : -1;
	l->g_defer = FAKE_HEAP_G_DEFER;
	l->g_param = FAKE_HEAP_G_PARAM;
	l->defer_fn = FAKE_HEAP_DEFER_FN;
	l->defer_link = FAKE_HEAP_DEFER_LINK;
	l->defer_sp = 16;
	l->hchan_size = FAKE_HEAP_CHANNEL_BYTES;
	l->hchan_qcount = 0;
	l->hchan_dataqsiz = 8;
	l->hchan_elemtype = 16;
	l->hchan_sendq = 24;
	l->hchan_recvq = 32;
	l->hchan_timer = minor >= 23 ? FAKE_HEAP_CHANNEL_TIMER : -1;
	l->timer_when = FAKE_HEAP_TIMER_WHEN;
	l->sudog_next = 0;
}

void fake_heap_init(struct fake_heap *h, int minor)
{
	*h = (struct fake_heap){ .next = FIRST_FREE };
	h->binary.minor = minor;
	h->binary.image.arch = &seep_amd64;
	h->binary.globals.mheap = MHEAP;
	set_layout(&h->binary.layout, minor);
	fake_heap_map(h, MHEAP, MHEAP_BYTES);
	fake_heap_map(h, FAKE_HEAP_DATA, FAKE_HEAP_GLOBALS * 8);
	h->binary.globals.gcphase = fake_heap_take(h, 8);
	struct seep_module *m = &h->binary.pclntab.module;
	m->data = FAKE_HEAP_DATA;
	m->edata = FAKE_HEAP_DATA + FAKE_HEAP_GLOBALS * 8;
	m->gcdatamask = fake_heap_take(h, FAKE_HEAP_GLOBALS / 8);
	m->gcdatamask_bits = FAKE_HEAP_GLOBALS;
	memset(fake_heap_at(h, m->gcdatamask, FAKE_HEAP_GLOBALS / 8), 0xff, FAKE_HEAP_GLOBALS / 8);
}

void fake_heap_deinit(struct fake_heap *h)
{
	if (h->rt)
		for (size_t i = 0; i < h->rt->goroutines.len; i++)
			free((void *)h->rt->goroutines.data[i].stack);
	seep_runtime_destroy(h->rt);
	seep_locks_deinit(&h->locks);
	seep_memory_deinit(&h->memory);
	for (size_t i = 0; i < h->blocks.len; i++)
		free(h->blocks.data[i]);
	seep_vec_free(&h->blocks);
}

static struct seep_memory *memory_of(const struct fake_heap *h)
{
	return h->rt ? &h->rt->memory : (struct seep_memory *)&h->memory;
}

unsigned char *fake_heap_map(struct fake_heap *h, seep_addr addr, size_t len)
{
	unsigned char *bytes = calloc(1, len);

	assert(bytes && !seep_memory_find(memory_of(h), addr));
	if (!seep_vec_push(&h->blocks, bytes) ||
	    seep_memory_add(memory_of(h), (struct seep_segment){ addr, addr + len, bytes }))
		abort();
	return bytes;
}

seep_addr fake_heap_take(struct fake_heap *h, size_t len)
{
	seep_addr addr = h->next;

	h->next += (len + 63) & -(size_t)64;
	fake_heap_map(h, addr, len);
	return addr;
}

unsigned char *fake_heap_at(const struct fake_heap *h, seep_addr addr, size_t len)
{
	const void *p = seep_memory_at(memory_of(h), addr, len);

	assert(p);
	return (unsigned char *)p;
}

static void put(struct fake_heap *h, seep_addr addr, uint64_t value, size_t len)
{
	memcpy(fake_heap_at(h, addr, len), &value, len);
}

void fake_heap_put(struct fake_heap *h, seep_addr addr, uint64_t value)
{
	put(h, addr, value, 8);
}

struct fake_span *fake_heap_span(struct fake_heap *h, struct fake_span span)
{
	assert(h->span_count < FAKE_HEAP_SPANS);
	struct fake_span *s = &h->spans[h->span_count++];
	bool narrow = h->binary.layout.mspan_large_type >= 0;
	uint64_t bytes = span.pages * PAGE;

	*s = span;
	if (!s->elem_size)
		s->elem_size = bytes;
	if (!s->nelems)
		s->nelems = bytes / s->elem_size;
	s->mspan = fake_heap_take(h, MSPAN_BYTES);
	size_t bits = (s->nelems < 65536 ? s->nelems : 65536) / 8 + 1;
	s->alloc_bits = fake_heap_take(h, bits);
	s->mark_bits = fake_heap_take(h, bits);
	if (!s->no_bytes)
		fake_heap_map(h, s->base, bytes);
	put(h, s->mspan + START, s->base, 8);
	put(h, s->mspan + NPAGES, s->pages, 8);
	put(h, s->mspan + FREEINDEX, s->freeindex, narrow ? 2 : 8);
	put(h, s->mspan + NELEMS, s->nelems, narrow ? 2 : 8);
	put(h, s->mspan + ALLOC_BITS, s->alloc_bits, 8);
	put(h, s->mspan + MARK_BITS, s->mark_bits, 8);
	put(h, s->mspan + SWEEPGEN, HEAP_SWEEPGEN_VALUE + s->sweepgen, 4);
	put(h, s->mspan + ALLOC_COUNT, s->freeindex + s->count_error, 2);
	put(h, s->mspan + SPANCLASS, s->spanclass, 1);
	put(h, s->mspan + STATE, s->manual ? 2 : 1, 1);
	put(h, s->mspan + USER_ARENA, s->user_arena, 1);
	put(h, s->mspan + ELEMSIZE, s->elem_size, 8);
	put(h, s->mspan + LARGE_TYPE, s->large_type, 8);
	return s;
}

void fake_heap_allocate(struct fake_heap *h, const struct fake_span *s, uint64_t slot)
{
	unsigned char *bits = fake_heap_at(h, s->alloc_bits + slot / 8, 1);
	unsigned char *count = fake_heap_at(h, s->mspan + ALLOC_COUNT, 2);

	assert(slot < s->nelems);
	if (*bits >> (slot % 8) & 1)
		return;
	*bits |= 1 << (slot % 8);
	if (slot >= s->freeindex) {
		uint16_t n = seep_le16(count) + 1;
		memcpy(count, &n, 2);
	}
}

void fake_heap_pointer_word(struct fake_heap *h, const struct fake_span *s, seep_addr word)
{
	uint64_t bit = (word - s->base) / 8;

	assert(s->pages == 1);
	*fake_heap_at(h, s->base + PAGE - 128 + bit / 8, 1) |= 1 << (bit % 8);
}

seep_addr fake_heap_type(struct fake_heap *h, uint64_t size, const unsigned char *mask,
			 uint64_t mask_words)
{
	seep_addr type = fake_heap_take(h, 80), bits = fake_heap_take(h, mask_words / 8 + 9);
	uint64_t words = 0;

	for (uint64_t i = 0; i < mask_words; i++)
		if (mask[i / 8] >> (i % 8) & 1) {
			*fake_heap_at(h, bits + i / 8, 1) |= 1 << (i % 8);
			words = i + 1;
		}
	put(h, type, size, 8);
	put(h, type + 8, words * 8, 8);
	put(h, type + 21, 8, 1);
	put(h, type + 22, 8, 1);
	put(h, type + 23, SEEP_KIND_STRUCT, 1);
	put(h, type + 32, bits, 8);
	return type;
}

struct seep_error *fake_heap_try_read(struct fake_heap *h)
{
	struct seep_error *err;
	seep_addr all = fake_heap_take(h, 8 * h->span_count + 8);

	// allspans is in order of making, not of address.
	for (size_t i = 0; i < h->span_count; i++)
		fake_heap_put(h, all + 8 * i, h->spans[h->span_count - 1 - i].mspan);
	fake_heap_put(h, MHEAP + ALLSPANS, all);
	fake_heap_put(h, MHEAP + ALLSPANS + 8, h->span_count);
	put(h, MHEAP + HEAP_SWEEPGEN, HEAP_SWEEPGEN_VALUE, 4);
	h->rt = calloc(1, sizeof(*h->rt));
	if (!h->rt)
		abort();
	h->rt->binary = &h->binary;
	h->rt->memory = h->memory;
	h->memory = (struct seep_memory){};
	h->rt->now = 100000000000;
	seep_types_init(&h->rt->types, &h->rt->memory, &h->binary.pclntab.module, h->binary.minor);
	err = seep_heap_read(&h->rt->memory, &h->binary, &h->rt->types, &h->rt->heap);
	return err ? err : seep_sites_init(h->rt);
}

void fake_heap_read(struct fake_heap *h)
{
	if (fake_heap_try_read(h))
		abort();
}

void fake_heap_global(struct fake_heap *h, unsigned i, seep_addr value)
{
	assert(i < FAKE_HEAP_GLOBALS);
	fake_heap_put(h, FAKE_HEAP_DATA + 8 * i, value);
}

uint32_t fake_heap_goroutine(struct fake_heap *h, enum seep_wait_kind wait, seep_addr addr)
{
	struct seep_runtime *rt = h->rt;
	uint32_t i = rt->goroutines.len;
	seep_addr stack = STACKS + i * (seep_addr)FAKE_HEAP_STACK_WORDS * 8;

	struct seep_goroutine g = {
		.addr = addr ? addr : fake_heap_take(h, G_BYTES),
		.id = i + 2,
		.stack_lo = stack,
		.stack_hi = stack + FAKE_HEAP_STACK_WORDS * 8ull,
		.stack = calloc(FAKE_HEAP_STACK_WORDS, 8),
		.sp = stack,
		.reason = "waiting",
		.first_wait = rt->waits.len,
		.status = SEEP_STATUS_WAITING,
		.wait = wait,
		.conservative = true,
	};
	uint64_t *index = seep_map_put(&rt->goroutine_of, g.addr, NULL);
	if (!index || !g.stack || !seep_vec_push(&rt->goroutines, g))
		abort();
	*index = i;
	return i;
}

void fake_heap_wait(struct fake_heap *h, seep_addr address, uint32_t size)
{
	struct seep_runtime *rt = h->rt;

	if (!seep_vec_push(&rt->waits, (struct seep_wait){ .address = address, .size = size }))
		abort();
	rt->goroutines.data[rt->goroutines.len - 1].wait_count++;
}

void fake_heap_stack_put(struct fake_heap *h, uint32_t goroutine, unsigned word, seep_addr value)
{
	assert(word < FAKE_HEAP_STACK_WORDS);
	memcpy((unsigned char *)h->rt->goroutines.data[goroutine].stack + (size_t)8 * word, &value,
	       8);
}

size_t fake_heap_lock(struct fake_heap *h, seep_addr address, enum seep_lock_state state)
{
	struct seep_lock lock = { .address = address, .state = state };
	size_t index = h->locks.locks.len;
	uint64_t *slot = seep_map_put(&h->locks.by_address, address, NULL);

	for (uint32_t i = 0; i < h->rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &h->rt->goroutines.data[i];
		if (g->wait < SEEP_WAIT_MUTEX || g->wait > SEEP_WAIT_RWMUTEX_WRITE ||
		    !g->wait_count || h->rt->waits.data[g->first_wait].address != address)
			continue;
		lock.rw |= g->wait >= SEEP_WAIT_RWMUTEX_READ;
		if (!seep_vec_push(&lock.waiters, i))
			abort();
	}
	if (!slot || !seep_vec_push(&h->locks.locks, lock))
		abort();
	*slot = index;
	return index;
}

void fake_heap_holder(struct fake_heap *h, size_t lock, uint32_t goroutine, bool as_writer)
{
	if (!seep_vec_push(&h->locks.locks.data[lock].holders,
			   (struct seep_lock_holder){ .goroutine = goroutine,
						      .waits_as_writer = as_writer }))
		abort();
}

// splitmix64
uint64_t fake_random(struct fake_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}
