/**
 * The Go heap as it stood: spans, slots, which slots are allocated, and where the pointers in each object are.
 *
 * span    a run of 8 KiB pages cut into slots of one size (runtime.mspan); only spans in use hold objects
 * slot    room for one object; an object's number is its span's `first` plus its slot
 * kept    allocated, and not condemned by a collection whose sweep has not come to the span yet
 * noscan  a span whose objects hold no pointers; such spans are not copied (see capture.c)
 */
#ifndef SEEP_RUNTIME_HEAP_H
#define SEEP_RUNTIME_HEAP_H

#include "base/bits.h"
#include "base/vec.h"
#include "binary/binary.h"

enum {
	SEEP_PAGE_SHIFT = 13,
	SEEP_ARENA_SHIFT = 26,
	SEEP_ARENA_PAGES = 1 << (SEEP_ARENA_SHIFT - SEEP_PAGE_SHIFT)
};
enum { SEEP_TINY_SIZE = 16 };

/** How a span's pointer maps are kept; by release and size class (runtime/mbitmap.go of each). */
enum seep_map_kind {
	SEEP_MAP_NONE, /** no pointers, or unknown */
	SEEP_MAP_ARENA_2BIT, /** ≤1.19: heapArena.bitmap, pointer and "more" bit for each word */
	SEEP_MAP_ARENA_1BIT, /** 1.20, 1.21: heapArena.bitmap and noMorePtrs */
	SEEP_MAP_SPAN_BITS, /** 1.22+, up to 512 B: one bit a word at the span's end */
	SEEP_MAP_HEADER, /** 1.22+, above 512 B: the slot's first word is its *abi.Type */
	SEEP_MAP_LARGE, /** 1.22+, one object a span: mspan.largeType */
	SEEP_MAP_ALL, /** unknown, and to be safe every word counts (user arena chunks, types whose mask cannot be read) */
};

struct seep_span {
	// Following a pointer needs these; they stand together because the whole table does not fit into a cache.
	seep_addr base;
	uint64_t elem_size;
	uint32_t nelems, first; /** slots; number of the first object */
	uint32_t div_magic; /** slot = offset * div_magic >> 32 */
	uint8_t map; /** enum seep_map_kind */
	bool noscan,
		tiny; /** tiny: 16-byte noscan slots that several objects below 16 bytes share */
	bool unswept, being_swept;
	const unsigned char *bytes; /** copy of [base, end), NULL if it was not copied */
	const unsigned char *bits; /** SPAN_BITS: the bitmap, 128 bytes */
	seep_addr end; /** of the last page */
	seep_addr large_type;
	seep_addr specials;
};

/** Pages that the runtime manages by hand, inside the heap's arenas. */
struct seep_manual_span {
	seep_addr start, end;
	bool stacks; /** cut into stacks; else the collector's work buffers */
};

struct seep_heap {
	struct seep_vec(struct seep_span) spans; /** sorted by base */
	struct seep_vec(struct seep_manual_span) manual; /** sorted by start */
	uint32_t **arenas; /** [arena - arena_first]: span index + 1 by page, or NULL */
	uint64_t arena_first, arena_count;
	const unsigned char **arena_bits,
		**arena_no_more; /** ARENA_*: bitmaps by arena, entries may be NULL */
	uint64_t slots; /** number of object numbers */
	uint64_t *allocated; /** bit per object number: allocated and kept */
	uint64_t *condemned; /** the same: allocated and not kept, the sweep has yet to come; NULL = none */
	uint64_t objects, bytes; /** kept objects and their slot bytes */
	uint64_t count_mismatches; /** spans whose slots do not add up to mspan.allocCount: a torn read */
	uint64_t unread_spans; /** spans with pointers that could not be copied: what their objects lead to is not known */
	bool marking; /** a collection was in its mark phase */
	struct seep_types *types; /** borrowed */
};

/** A place in the heap. */
struct seep_object {
	uint32_t span, slot;
};

/** The slot that addr leads into; false if it leads into no slot of a span in use. Says nothing about allocation. */
static inline bool seep_heap_find(const struct seep_heap *heap, seep_addr addr,
				  struct seep_object *ret)
{
	uint64_t arena = (addr >> SEEP_ARENA_SHIFT) - heap->arena_first;

	if (arena >= heap->arena_count || !heap->arenas[arena])
		return false;
	uint32_t index = heap->arenas[arena][addr >> SEEP_PAGE_SHIFT & (SEEP_ARENA_PAGES - 1)];
	if (index == 0)
		return false;
	const struct seep_span *span = &heap->spans.data[index - 1];
	uint32_t slot = (addr - span->base) * (uint64_t)span->div_magic >> 32;
	if (slot >= span->nelems)
		return false;
	*ret = (struct seep_object){ index - 1, slot };
	return true;
}
static inline uint64_t seep_heap_number(const struct seep_heap *heap, struct seep_object object)
{
	return heap->spans.data[object.span].first + (uint64_t)object.slot;
}
static inline seep_addr seep_heap_address(const struct seep_heap *heap, struct seep_object object)
{
	const struct seep_span *span = &heap->spans.data[object.span];

	return span->base + object.slot * span->elem_size;
}
static inline bool seep_heap_allocated(const struct seep_heap *heap, struct seep_object object)
{
	return seep_bit_get(heap->allocated, seep_heap_number(heap, object));
}

/** n bits (up to 64) of a bitmap of 1,024 from bit `first` on. */
static inline uint64_t seep_span_bits(const unsigned char *bitmap, uint64_t first, uint64_t n)
{
	uint64_t i = first / 64, shift = first % 64, v = seep_le64(bitmap + 8 * i) >> shift;

	if (shift && i < 15)
		v |= seep_le64(bitmap + 8 * i + 8) << (64 - shift);
	return n < 64 ? v & ((1ull << n) - 1) : v;
}

/**
 * The short way for most objects, those with SEEP_MAP_SPAN_BITS: *mask_ret has a bit for each word of the slot, at *bytes_ret, that
 * holds a pointer. False if the object is of another kind, or not copied.
 */
static inline bool seep_pointers_small(const struct seep_span *span, uint64_t slot,
				       const unsigned char **bytes_ret, uint64_t *mask_ret)
{
	uint64_t offset = slot * span->elem_size;

	if (!span->bits)
		return false;
	*bytes_ret = span->bytes + offset;
	*mask_ret = seep_span_bits(span->bits, offset / 8, span->elem_size / 8);
	return true;
}

/** Walks the pointer words of one object. */
struct seep_pointers {
	const struct seep_heap *heap;
	const unsigned char *object; /** copy of the slot */
	seep_addr addr; /** of the slot */
	uint64_t words; /** words of the slot */
	uint64_t next_word; /** first word of the next chunk */
	uint64_t chunk, chunk_word; /** bits still to visit, and the word that bit 0 stands for */
	const unsigned char *mask; /** SPAN_BITS: the span's bitmap; types: the type's mask */
	uint64_t mask_bit; /** SPAN_BITS: bit of word 0 */
	uint64_t elem, mask_words,
		period; /** types: first word of the element, its words with mask bits, its words */
	uint8_t map;
	bool guess; /** there is no pointer map: a word may be anything */
};

/** Starts a walk; an object without pointers gives a walk without words. */
void seep_pointers_start(const struct seep_heap *heap, struct seep_object object,
			 struct seep_pointers *ret);
/** Loads chunks until one has a bit; false at the end. */
bool seep_pointers_refill(struct seep_pointers *walk);

/** The next pointer word: its index in the slot and its value (which may be 0). False at the end. */
static inline bool seep_pointers_next(struct seep_pointers *walk, uint64_t *word_ret,
				      seep_addr *value_ret)
{
	if (walk->chunk == 0 && !seep_pointers_refill(walk))
		return false;
	uint64_t word = walk->chunk_word + __builtin_ctzll(walk->chunk);
	walk->chunk &= walk->chunk - 1;
	*word_ret = word;
	*value_ret = seep_le64(walk->object + word * 8);
	return true;
}

struct seep_error *seep_heap_read(const struct seep_memory *memory,
				  const struct seep_binary *binary, struct seep_types *types,
				  struct seep_heap *ret) _must_check_;
void seep_heap_deinit(struct seep_heap *heap);

#endif
