// The heap: from mspans to slots and pointer maps.
//
// mheap_.allspans lists every mspan, also dead ones. A span in use (state 1) holds objects; slot i is allocated when
// i < freeindex or allocBits says so (freeindex, not freeIndexForScan: since Go 1.25 the latter stands still while a
// collection marks). After a collection, spans are swept one by one; until then a slot is kept only if its mark bit is set
// as well. Where the span stands in that is told by mspan.sweepgen against mheap_.sweepgen (runtime/mheap.go, sweepgen):
//
//	sweepgen - heap's	0 swept   3 swept and cached   -2 not swept   1 cached, not swept   -1 being swept
//
// Pointer maps, by release (runtime/mbitmap.go): see enum seep_map_kind. A one-page span with slots up to 512 bytes ends,
// from the last byte down, in 128 bytes of inline marks (Green Tea, slots of 16 bytes and more) and, if its objects hold
// pointers and the release is 1.22 or later, 128 bytes of pointer bits.
#include "runtime/heap.h"

#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>

enum { SPANS_MAX = 1 << 26, INLINE_MARK_BYTES = 128, SMALL_MAX = 512, PAGE = 1 << SEEP_PAGE_SHIFT };
enum { CLASS_MAX = 32768 }; // the largest size class
/** Of a span that lies in no mapping that was copied. */
static const uint64_t SPAN_BYTES_MAX = 64ull << 30;

bool seep_mspan_parse(const struct seep_memory *memory, const struct seep_layout *l, seep_addr addr,
		      struct seep_mspan *ret)
{
	const unsigned char *p = seep_memory_at(memory, addr, l->mspan_size);

	if (!p)
		return false;
	// Counters became 16 bits wide in Go 1.22, together with the size-class fields moving closer.
	bool narrow = l->mspan_large_type >= 0;
	*ret = (struct seep_mspan){
		.addr = addr,
		.start = seep_le64(p + l->mspan_start_addr),
		.npages = seep_le64(p + l->mspan_npages),
		.freeindex = narrow ? seep_le16(p + l->mspan_freeindex) :
				      seep_le64(p + l->mspan_freeindex),
		.nelems = narrow ? seep_le16(p + l->mspan_nelems) : seep_le64(p + l->mspan_nelems),
		.elem_size = seep_le64(p + l->mspan_elemsize),
		.alloc_bits = seep_le64(p + l->mspan_alloc_bits),
		.gcmark_bits = seep_le64(p + l->mspan_gcmark_bits),
		.sweepgen = seep_le32(p + l->mspan_sweepgen),
		.alloc_count = seep_le16(p + l->mspan_alloc_count),
		.spanclass = p[l->mspan_spanclass],
		.state = p[l->mspan_state],
		.user_arena = l->mspan_is_user_arena_chunk >= 0 && p[l->mspan_is_user_arena_chunk],
		.specials = seep_le64(p + l->mspan_specials),
		.large_type = narrow ? seep_le64(p + l->mspan_large_type) : 0,
	};
	uint64_t bytes = ret->npages << SEEP_PAGE_SHIFT;
	if (ret->state == SEEP_MSPAN_DEAD)
		return true;
	if (ret->start % PAGE != 0 || ret->npages == 0 || ret->npages > 1ull << 35 ||
	    ret->start > UINT64_MAX - bytes)
		return false;
	if (ret->state != SEEP_MSPAN_IN_USE)
		return true;
	// Size classes, of all releases (runtime/sizeclasses.go): those with bitmaps at the span's end have one page.
	if (ret->spanclass >> 1 &&
	    (ret->elem_size > CLASS_MAX || (ret->elem_size <= SMALL_MAX && ret->npages != 1)))
		return false;
	return ret->elem_size > 0 && ret->nelems > 0 && ret->nelems <= bytes / 8 &&
	       ret->elem_size <= bytes && ret->elem_size <= bytes / ret->nelems;
}

struct seep_error *seep_mspan_list(const struct seep_memory *memory,
				   const struct seep_binary *binary, seep_addr *array_ret,
				   uint64_t *count_ret)
{
	seep_addr header = binary->globals.mheap + binary->layout.mheap_allspans;

	if (!seep_memory_u64(memory, header, array_ret) ||
	    !seep_memory_u64(memory, header + 8, count_ret))
		return seep_error_format(SEEP_ERROR_FAULT, "cannot read the heap's list of spans");
	if (*count_ret == 0 || *count_ret > SPANS_MAX)
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the heap's list of spans has an impossible length");
	return NULL;
}

bool seep_mspan_unswept(const struct seep_mspan *s, uint32_t heap_sweepgen)
{
	int32_t d = (int32_t)(s->sweepgen - heap_sweepgen);

	return d == -2 || d == -1 || d == 1;
}

bool seep_mspan_has_inline_marks(const struct seep_mspan *s, bool inline_marks)
{
	return inline_marks && s->npages == 1 && s->elem_size >= 16 && s->elem_size <= SMALL_MAX &&
	       s->spanclass >> 1;
}

static uint64_t slots_of(const struct seep_mspan *s)
{
	// A large object's span has one slot; nelems says so too.
	return s->spanclass >> 1 ? s->nelems : 1;
}

/** Does the release at hand keep mark bits inside small spans? Their 16-byte noscan spans are 8 slots shorter then. */
static bool detect_inline_marks(const struct seep_mspan *spans, size_t count,
				const struct seep_binary *binary)
{
	for (size_t i = 0; i < count; i++)
		if (spans[i].state == SEEP_MSPAN_IN_USE && spans[i].spanclass & 1 &&
		    spans[i].spanclass >> 1 && spans[i].elem_size == 16 && spans[i].npages == 1)
			return spans[i].nelems != PAGE / 16;
	return binary->minor >= 26;
}

struct seep_error *seep_mspans_read(const struct seep_memory *memory,
				    const struct seep_binary *binary, struct seep_mspans *ret)
{
	struct seep_error *err;
	seep_addr array;
	uint64_t count;

	*ret = (struct seep_mspans){};
	err = seep_mspan_list(memory, binary, &array, &count);
	if (err)
		return err;
	const unsigned char *list = seep_memory_at(memory, array, count * 8);
	if (!list)
		return seep_error_format(SEEP_ERROR_FAULT,
					 "cannot read the heap's list of spans at %#lx",
					 (long)array);
	if (!seep_memory_u32(memory, binary->globals.mheap + binary->layout.mheap_sweepgen,
			     &ret->sweepgen))
		return seep_error_format(SEEP_ERROR_FAULT,
					 "cannot read the heap's sweep generation");
	ret->spans.data = malloc(count * sizeof(struct seep_mspan));
	if (!ret->spans.data)
		return &seep_enomem;
	ret->spans.cap = count;
	for (uint64_t i = 0; i < count; i++) {
		struct seep_mspan *s = &ret->spans.data[ret->spans.len];
		if (!seep_mspan_parse(memory, &binary->layout, seep_le64(list + 8 * i), s))
			ret->bad++;
		else if (s->state == SEEP_MSPAN_IN_USE || s->state == SEEP_MSPAN_MANUAL)
			ret->spans.len++;
	}
	ret->inline_marks = detect_inline_marks(ret->spans.data, ret->spans.len, binary);
	return NULL;
}

void seep_mspans_deinit(struct seep_mspans *spans)
{
	seep_vec_free(&spans->spans);
}

static int compare_start(const void *a, const void *b)
{
	const struct seep_mspan *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static enum seep_map_kind map_kind(const struct seep_mspan *s, const struct seep_layout *l)
{
	if (s->spanclass & 1)
		return SEEP_MAP_NONE;
	if (s->user_arena)
		return SEEP_MAP_ALL;
	if (l->mspan_large_type < 0 || l->heap_arena_bitmap >= 0)
		return l->heap_arena_no_more_ptrs >= 0 ? SEEP_MAP_ARENA_1BIT : SEEP_MAP_ARENA_2BIT;
	if (s->spanclass >> 1 == 0)
		return SEEP_MAP_LARGE;
	return s->elem_size <= SMALL_MAX ? SEEP_MAP_SPAN_BITS : SEEP_MAP_HEADER;
}

/** Enters span number index into the page table; false when memory is out or pages are taken. */
static bool enter_pages(struct seep_heap *heap, const struct seep_span *span, uint32_t index)
{
	for (seep_addr a = span->base; a < span->end; a += PAGE) {
		uint32_t **arena = &heap->arenas[(a >> SEEP_ARENA_SHIFT) - heap->arena_first];
		if (!*arena)
			*arena = calloc(SEEP_ARENA_PAGES, sizeof(**arena));
		if (!*arena)
			return false;
		(*arena)[a >> SEEP_PAGE_SHIFT & (SEEP_ARENA_PAGES - 1)] = index + 1;
	}
	return true;
}

static void find_arena_bitmaps(struct seep_heap *heap, const struct seep_memory *memory,
			       const struct seep_binary *binary)
{
	const struct seep_layout *l = &binary->layout;
	const uint64_t base_offset = binary->image.arch->arena_base;
	seep_addr l2;

	if (l->heap_arena_bitmap < 0 ||
	    !seep_memory_u64(memory, binary->globals.mheap + l->mheap_arenas, &l2))
		return;
	for (uint64_t i = 0; i < heap->arena_count; i++) {
		uint64_t index = ((heap->arena_first + i) << SEEP_ARENA_SHIFT) - base_offset;
		seep_addr arena;
		if (!heap->arenas[i] ||
		    !seep_memory_u64(memory, l2 + 8 * (index >> SEEP_ARENA_SHIFT), &arena) ||
		    !arena)
			continue;
		uint64_t words = 1ull << (SEEP_ARENA_SHIFT - 3);
		bool one_bit = l->heap_arena_no_more_ptrs >= 0;
		heap->arena_bits[i] = seep_memory_at(memory, arena + l->heap_arena_bitmap,
						     one_bit ? words / 8 : words / 4);
		if (one_bit)
			heap->arena_no_more[i] = seep_memory_at(
				memory, arena + l->heap_arena_no_more_ptrs, words / 512);
	}
}

/** Bitmaps of one span; NULL where there is none. */
struct slot_bits {
	const unsigned char *alloc, *marks, *inline_marks;
};

static bool bit(const unsigned char *bits, uint64_t i)
{
	return bits && bits[i / 8] >> (i % 8) & 1;
}

/**
 * The sweep first moves inline marks to gcmarkBits, then puts gcmarkBits in the place of allocBits, and then sets sweepgen. From
 * the second step on allocBits says who is alive and the new gcmarkBits are empty.
 */
static bool sweep_is_over(const struct seep_mspan *s, const struct slot_bits *b, uint64_t n)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (bit(b->marks, i) || bit(b->inline_marks, i))
			return s->alloc_bits == s->gcmark_bits;
		count += bit(b->alloc, i);
	}
	return s->freeindex == 0 && s->alloc_count == count;
}

/**
 * Whether the allocator's count fits. While a thread takes a slot of a cached span, freeindex is one ahead of allocCount for a
 * moment; while one sweeps, the three fields change one by one.
 */
static bool count_fits(const struct seep_mspan *s, const struct seep_span *span, uint64_t count,
		       uint32_t heap_sweepgen)
{
	int32_t d = (int32_t)(s->sweepgen - heap_sweepgen);
	bool cached = d == 3 || d == 1;

	return count == s->alloc_count || s->spanclass >> 1 == 0 || span->being_swept ||
	       (cached && count == s->alloc_count + 1ull);
}

/** Allocated and not kept; false when memory is out. */
static bool condemn(struct seep_heap *heap, uint64_t number)
{
	if (!heap->condemned)
		heap->condemned = calloc(SEEP_BITS_WORDS(heap->slots) + 1, sizeof(uint64_t));
	if (!heap->condemned)
		return false;
	seep_bit_set(heap->condemned, number);
	return true;
}

/** Marks what is allocated and kept in one span; false when memory is out. */
static bool read_slots(struct seep_heap *heap, const struct seep_memory *memory,
		       const struct seep_mspan *s, const struct seep_span *span,
		       const struct seep_mspans *all)
{
	uint64_t n = span->nelems, count = 0;
	struct slot_bits b = { .alloc = seep_memory_at(memory, s->alloc_bits, (n + 7) / 8) };

	if (span->unswept) {
		b.marks = seep_memory_at(memory, s->gcmark_bits, (n + 7) / 8);
		if (seep_mspan_has_inline_marks(s, all->inline_marks))
			b.inline_marks = seep_memory_at(memory, span->end - INLINE_MARK_BYTES / 2,
							INLINE_MARK_BYTES / 2);
	}
	if (span->being_swept && sweep_is_over(s, &b, n))
		b.marks = b.inline_marks = NULL;
	for (uint64_t i = 0; i < n; i++) {
		if (i >= s->freeindex && !bit(b.alloc, i))
			continue;
		count++;
		if ((b.marks || b.inline_marks) && !bit(b.marks, i) && !bit(b.inline_marks, i)) {
			if (!condemn(heap, span->first + i))
				return false;
			continue;
		}
		seep_bit_set(heap->allocated, span->first + i);
		heap->objects++;
		heap->bytes += span->elem_size;
	}
	if (!count_fits(s, span, count, all->sweepgen))
		heap->count_mismatches++;
	return true;
}

static bool add_span(struct seep_heap *heap, const struct seep_memory *memory,
		     const struct seep_binary *binary, const struct seep_mspan *s,
		     const struct seep_mspans *all)
{
	uint64_t bytes = s->npages << SEEP_PAGE_SHIFT;
	struct seep_span span = {
		.base = s->start,
		.end = s->start + bytes,
		.elem_size = s->spanclass >> 1 ? s->elem_size : bytes,
		.nelems = slots_of(s),
		.first = heap->slots,
		.map = map_kind(s, &binary->layout),
		.noscan = s->spanclass & 1,
		.tiny = s->spanclass == SEEP_TINY_SPANCLASS,
		.unswept = seep_mspan_unswept(s, all->sweepgen),
		.being_swept = s->sweepgen == all->sweepgen - 1,
		.large_type = s->large_type,
		.specials = s->specials,
	};
	span.div_magic = span.nelems == 1 ? 0 : (uint32_t)(~0u / (uint32_t)span.elem_size + 1);
	if (!span.noscan)
		span.bytes = seep_memory_at(memory, span.base, bytes);
	if (!span.noscan && !span.bytes)
		heap->unread_spans++;
	if (span.map == SEEP_MAP_SPAN_BITS && span.bytes)
		span.bits =
			span.bytes + bytes - 128 -
			(seep_mspan_has_inline_marks(s, all->inline_marks) ? INLINE_MARK_BYTES : 0);
	heap->slots += span.nelems;
	return seep_vec_push(&heap->spans, span) && enter_pages(heap, &span, heap->spans.len - 1);
}

/** No span goes beyond its mapping; one that lies in none that was copied has a limit all the same. */
static bool is_plausible(const struct seep_memory *memory, const struct seep_mspan *s)
{
	const struct seep_segment *segment = seep_memory_find(memory, s->start);
	uint64_t bytes = s->npages << SEEP_PAGE_SHIFT;

	return bytes <= (segment ? segment->end - s->start : SPAN_BYTES_MAX);
}

/**
 * Takes the manual spans out of the list, those that hold stacks have the size of these as their elemsize (runtime/stack.c); and
 * the impossible ones, which count as bad.
 */
static bool read_manual(struct seep_heap *heap, const struct seep_memory *memory,
			struct seep_mspans *all)
{
	size_t used = 0;

	qsort(all->spans.data, all->spans.len, sizeof(struct seep_mspan), compare_start);
	for (size_t i = 0; i < all->spans.len; i++) {
		const struct seep_mspan *s = &all->spans.data[i];
		struct seep_manual_span m = { s->start, s->start + (s->npages << SEEP_PAGE_SHIFT),
					      s->elem_size != 0 };
		if (!is_plausible(memory, s))
			all->bad++;
		else if (s->state == SEEP_MSPAN_IN_USE)
			all->spans.data[used++] = *s;
		else if (!seep_vec_push(&heap->manual, m))
			return false;
	}
	all->spans.len = used;
	return true;
}

struct seep_error *seep_heap_read(const struct seep_memory *memory,
				  const struct seep_binary *binary, struct seep_types *types,
				  struct seep_heap *ret)
{
	struct seep_error *err;
	_cleanup_(seep_mspans_deinit) struct seep_mspans all = {};

	*ret = (struct seep_heap){ .types = types };
	err = seep_mspans_read(memory, binary, &all);
	if (err)
		return err;
	// Those in use only, by address, and below without overlaps.
	if (!read_manual(ret, memory, &all))
		return &seep_enomem;
	size_t used = all.spans.len;
	if (used == 0)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "the heap has no span in use");
	seep_addr end = 0; // an earlier one may reach further than the last
	seep_vec_foreach(s, &all.spans)
		if (s->start + (s->npages << SEEP_PAGE_SHIFT) > end)
			end = s->start + (s->npages << SEEP_PAGE_SHIFT);
	ret->arena_first = all.spans.data[0].start >> SEEP_ARENA_SHIFT;
	ret->arena_count = ((end - 1) >> SEEP_ARENA_SHIFT) - ret->arena_first + 1;
	if (ret->arena_count > 1 << 22)
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the heap's spans lie impossibly far apart");
	ret->arenas = calloc(ret->arena_count, sizeof(*ret->arenas));
	ret->arena_bits = calloc(ret->arena_count, sizeof(*ret->arena_bits));
	ret->arena_no_more = calloc(ret->arena_count, sizeof(*ret->arena_no_more));
	if (!ret->arenas || !ret->arena_bits || !ret->arena_no_more)
		return &seep_enomem;
	ret->unread_spans = all.bad;
	size_t kept = 0;
	for (size_t i = 0; i < used; i++) {
		const struct seep_mspan *s = &all.spans.data[i];
		if (ret->spans.len && s->start < ret->spans.data[ret->spans.len - 1].end) {
			ret->count_mismatches++;
			continue;
		}
		if (ret->slots + slots_of(s) > UINT32_MAX)
			return seep_error_format(SEEP_ERROR_UNSUPPORTED,
						 "the heap has more than 4 billion slots");
		if (!add_span(ret, memory, binary, s, &all))
			return &seep_enomem;
		all.spans.data[kept++] = *s;
	}
	ret->allocated = calloc(SEEP_BITS_WORDS(ret->slots) + 1, sizeof(uint64_t));
	if (!ret->allocated)
		return &seep_enomem;
	for (size_t i = 0; i < ret->spans.len; i++)
		if (!read_slots(ret, memory, &all.spans.data[i], &ret->spans.data[i], &all))
			return &seep_enomem;
	find_arena_bitmaps(ret, memory, binary);
	uint32_t phase = 0;
	if (seep_memory_u32(memory, binary->globals.gcphase, &phase))
		ret->marking = phase != 0;
	return NULL;
}

void seep_heap_deinit(struct seep_heap *heap)
{
	for (uint64_t i = 0; heap->arenas && i < heap->arena_count; i++)
		free(heap->arenas[i]);
	free(heap->arenas);
	free(heap->arena_bits);
	free(heap->arena_no_more);
	free(heap->allocated);
	free(heap->condemned);
	seep_vec_free(&heap->spans);
	seep_vec_free(&heap->manual);
}

/** Without a pointer map each word counts, from word first on. */
static void start_guessing(struct seep_pointers *walk, uint64_t first)
{
	walk->map = SEEP_MAP_ALL;
	walk->guess = true;
	walk->next_word = first;
}

/** Types that reflect makes lie in the heap, their masks in objects without pointers, which are not copied and read as zeros. */
static bool mask_is_copied(const struct seep_heap *heap, const struct seep_type *type)
{
	struct seep_object object;

	return !seep_heap_find(heap, type->gcdata, &object) &&
	       !(type->on_demand && seep_heap_find(heap, type->addr, &object));
}

/**
 * Takes the mask of the type at addr for the rest of the slot, from word first on. No type: the object is being made and has
 * no contents yet. A type that cannot be read, or its mask: each word may be a pointer.
 */
static void start_typed(struct seep_pointers *walk, seep_addr addr, uint64_t first)
{
	struct seep_types *types = walk->heap->types;
	struct seep_type type;

	walk->map = SEEP_MAP_NONE;
	if (!addr)
		return;
	start_guessing(walk, first);
	if (!seep_type_read(types, addr, &type) || type.ptr_bytes == 0 ||
	    type.size < type.ptr_bytes || !mask_is_copied(walk->heap, &type))
		return;
	walk->mask = seep_type_mask(types, &type);
	if (!walk->mask)
		return;
	walk->guess = false;
	walk->map = SEEP_MAP_HEADER;
	walk->mask_words = type.ptr_bytes / 8;
	walk->period = (type.size + 7) / 8;
	walk->elem = walk->next_word = first;
}

void seep_pointers_start(const struct seep_heap *heap, struct seep_object object,
			 struct seep_pointers *ret)
{
	const struct seep_span *span = &heap->spans.data[object.span];
	uint64_t offset = object.slot * span->elem_size;

	*ret = (struct seep_pointers){
		.heap = heap,
		.object = span->bytes ? span->bytes + offset : NULL,
		.addr = span->base + offset,
		.words = span->elem_size / 8,
		.map = span->bytes ? span->map : SEEP_MAP_NONE,
	};
	if (ret->map == SEEP_MAP_SPAN_BITS) {
		ret->mask = span->bits;
		ret->mask_bit = offset / 8;
	} else if (ret->map == SEEP_MAP_HEADER) {
		start_typed(ret, seep_le64(ret->object), 1);
	} else if (ret->map == SEEP_MAP_LARGE) {
		start_typed(ret, span->large_type, 0);
	} else if (ret->map == SEEP_MAP_ALL) {
		start_guessing(ret, 0);
	}
}

/** ≤1.19: byte w/4 of the arena's bitmap has the pointer bits of 4 words below and their "more" bits above. */
static bool refill_2bit(struct seep_pointers *walk)
{
	walk->chunk_word = walk->next_word;
	for (unsigned i = 0; i < 64 && walk->next_word < walk->words; i++, walk->next_word++) {
		seep_addr addr = walk->addr + 8 * walk->next_word;
		const unsigned char *bits =
			walk->heap->arena_bits[(addr >> SEEP_ARENA_SHIFT) - walk->heap->arena_first];
		uint64_t w = (addr & ((1ull << SEEP_ARENA_SHIFT) - 1)) / 8;
		if (!bits) {
			start_guessing(walk, walk->next_word);
			break;
		}
		if (!(bits[w / 4] >> (4 + w % 4) & 1)) {
			walk->next_word = walk->words;
			break;
		}
		walk->chunk |= (uint64_t)(bits[w / 4] >> (w % 4) & 1) << i;
	}
	return true;
}

/** 1.20, 1.21: one bit a word; noMorePtrs bit j: nothing more behind bitmap word j for the object that goes on there. */
static bool refill_1bit(struct seep_pointers *walk)
{
	seep_addr addr = walk->addr + 8 * walk->next_word;
	uint64_t arena = (addr >> SEEP_ARENA_SHIFT) - walk->heap->arena_first;
	const unsigned char *bits = walk->heap->arena_bits[arena],
			    *no_more = walk->heap->arena_no_more[arena];
	uint64_t w = (addr & ((1ull << SEEP_ARENA_SHIFT) - 1)) / 8, n = 64 - w % 64,
		 left = walk->words - walk->next_word;

	if (!bits || !no_more) {
		start_guessing(walk, walk->next_word);
		return true;
	}
	if (n > left)
		n = left;
	walk->chunk_word = walk->next_word;
	walk->chunk = seep_le64(bits + w / 64 * 8) >> (w % 64);
	if (n < 64)
		walk->chunk &= (1ull << n) - 1;
	walk->next_word += n;
	if (left > n && no_more[w / 512] >> (w / 64 % 8) & 1)
		walk->next_word = walk->words;
	return true;
}

/** Types: the mask of one element, again and again to the end of the slot. */
static void refill_typed(struct seep_pointers *walk)
{
	uint64_t inside = walk->next_word - walk->elem, n = walk->mask_words - inside;

	if (walk->period == 1) { // all pointers
		n = walk->words - walk->next_word;
		walk->chunk = n < 64 ? (1ull << n) - 1 : ~0ull;
		walk->chunk_word = walk->next_word;
		walk->next_word += n < 64 ? n : 64;
		walk->elem = walk->next_word;
		return;
	}
	if (n > 64)
		n = 64;
	uint64_t chunk = 0;
	for (uint64_t i = 0; i < n; i += 8)
		chunk |= (uint64_t)walk->mask[(inside + i) / 8] << i;
	if (n > walk->words - walk->next_word)
		n = walk->words - walk->next_word;
	walk->chunk = n < 64 ? chunk & ((1ull << n) - 1) : chunk;
	walk->chunk_word = walk->next_word;
	walk->next_word += n;
	if (walk->next_word - walk->elem >= walk->mask_words) {
		walk->elem += walk->period;
		walk->next_word = walk->elem;
	}
}

bool seep_pointers_refill(struct seep_pointers *walk)
{
	while (walk->chunk == 0 && walk->next_word < walk->words) {
		switch (walk->map) {
		case SEEP_MAP_SPAN_BITS:
			walk->chunk_word = 0;
			walk->chunk = seep_span_bits(walk->mask, walk->mask_bit, walk->words);
			walk->next_word = walk->words;
			break;
		case SEEP_MAP_ARENA_2BIT:
			refill_2bit(walk);
			break;
		case SEEP_MAP_ARENA_1BIT:
			refill_1bit(walk);
			break;
		case SEEP_MAP_HEADER:
			refill_typed(walk);
			break;
		case SEEP_MAP_ALL:
			walk->chunk_word = walk->next_word;
			walk->chunk = walk->words - walk->next_word < 64 ?
					      (1ull << (walk->words - walk->next_word)) - 1 :
					      ~0ull;
			walk->next_word += 64;
			break;
		default:
			return false;
		}
	}
	return walk->chunk != 0;
}
