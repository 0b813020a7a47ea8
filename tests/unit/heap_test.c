// The heap: which slot an address leads to, which slots are allocated, where the pointers are. What is expected comes from
// readers of one word or one slot at a time, written from the Go sources.
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PAGE = 8192, ARENA_WORDS = 1 << 23, CLASSES = 67, LARGE_PAGES = 5, SMALL_MAX = 512 };

// runtime/sizeclasses.go, the same from Go 1.18 to 1.27.
static const uint16_t class_sizes[CLASSES] = {
	8,     16,    24,    32,    48,	   64,	  80,	 96,	112,   128,   144,   160,
	176,   192,   208,   224,   240,   256,	  288,	 320,	352,   384,   416,   448,
	480,   512,   576,   640,   704,   768,	  896,	 1024,	1152,  1280,  1408,  1536,
	1792,  2048,  2304,  2688,  3072,  3200,  3456,	 4096,	4864,  5376,  6144,  6528,
	6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384, 18432,
	19072, 20480, 21760, 24576, 27264, 28672, 32768
};
static const uint8_t class_pages[CLASSES] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,	 1, 1, 1,
					      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,	 1, 1, 1,
					      2, 1, 2, 1, 2, 1, 3, 2, 3, 1, 3, 2, 3, 4,	 5, 6, 1,
					      7, 6, 5, 4, 3, 5, 7, 2, 9, 7, 5, 8, 3, 10, 7, 4 };

static struct fake_heap fake;
static struct fake_random rng;

static int end_heap(void **state)
{
	(void)state;
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	return 0;
}

static uint8_t spanclass_of(unsigned class, bool noscan)
{
	return (class + 1) << 1 | noscan;
}

// One span of each size class from base on; `reserved` bytes at the end of the small ones hold no slots.
static void add_classes(seep_addr base, bool noscan, uint64_t reserved)
{
	for (unsigned i = 0; i < CLASSES; i++) {
		uint64_t bytes = class_pages[i] * PAGE;
		if (class_sizes[i] <= SMALL_MAX)
			bytes -= reserved;
		fake_heap_span(&fake, (struct fake_span){ .base = base,
							  .pages = class_pages[i],
							  .elem_size = class_sizes[i],
							  .nelems = bytes / class_sizes[i],
							  .spanclass = spanclass_of(i, noscan) });
		base += class_pages[i] * PAGE;
	}
}

static const struct seep_heap *heap(void)
{
	return &fake.rt->heap;
}

// Where an address leads, by going through the spans as they were made.
static bool naive_find(seep_addr addr, seep_addr *ret)
{
	for (size_t i = 0; i < fake.span_count; i++) {
		const struct fake_span *s = &fake.spans[i];
		if (s->manual || addr < s->base || addr >= s->base + s->pages * PAGE)
			continue;
		uint64_t size = s->spanclass >> 1 ? s->elem_size : s->pages * PAGE;
		uint64_t slot = (addr - s->base) / size;
		*ret = s->base + slot * size;
		return slot < (s->spanclass >> 1 ? s->nelems : 1);
	}
	return false;
}

static void check_find(seep_addr addr)
{
	seep_addr want = 0;
	struct seep_object object = {};
	bool found = naive_find(addr, &want);

	if (seep_heap_find(heap(), addr, &object) != found)
		fail_msg("%#lx is %sin a slot", (long)addr, found ? "" : "not ");
	if (found && seep_heap_address(heap(), object) != want)
		fail_msg("%#lx leads to %#lx, not %#lx", (long)addr,
			 (long)seep_heap_address(heap(), object), (long)want);
}

static void every_byte_of_every_size_class_leads_to_its_slot(void **state)
{
	static const uint64_t reserved[] = { 0, 128, 256 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		fake_heap_init(&fake, 25);
		add_classes(FAKE_HEAP_ARENA, true, reserved[i]);
		fake_heap_read(&fake);
		for (size_t k = 0; k < fake.span_count; k++) {
			const struct fake_span *s = &fake.spans[k];
			struct seep_object object = {};
			for (uint64_t b = 0; b < s->pages * PAGE; b++) {
				bool found = seep_heap_find(heap(), s->base + b, &object);
				if (found != (b / s->elem_size < s->nelems) ||
				    (found && (object.slot != b / s->elem_size ||
					       heap()->spans.data[object.span].base != s->base)))
					fail_msg("byte %lu of a span of %lu", (long)b,
						 (long)s->elem_size);
			}
		}
		end_heap(NULL);
	}
}

static void spans_at_arena_borders_are_found(void **state)
{
	const seep_addr arena = 1 << SEEP_ARENA_SHIFT, base = FAKE_HEAP_ARENA;
	static const seep_addr odd[] = { 0, 1, UINT64_MAX, UINT64_MAX / 2, 1ull << 47 };

	(void)state;
	fake_heap_init(&fake, 25);
	// The first and the last page of arenas, across one border, over a whole arena, and nothing in the one behind that.
	fake_heap_span(&fake, (struct fake_span){ base, 1, 8192, .spanclass = 103 });
	fake_heap_span(&fake,
		       (struct fake_span){ base + arena - 3 * PAGE, 1, 48, .spanclass = 11 });
	fake_heap_span(&fake,
		       (struct fake_span){ base + arena - 2 * PAGE, 3, 3072, .spanclass = 83 });
	fake_heap_span(&fake, (struct fake_span){ base + arena + PAGE, 1, 16, .spanclass = 5 });
	fake_heap_span(&fake, (struct fake_span){ .base = base + 2 * arena - PAGE,
						  .pages = arena / PAGE + 2,
						  .spanclass = 1,
						  .no_bytes = true });
	fake_heap_span(&fake,
		       (struct fake_span){ base + 5 * arena - PAGE, 1, 64, .spanclass = 13 });
	fake_heap_span(&fake, (struct fake_span){ base + 5 * arena, 1, 80, .spanclass = 15 });
	fake_heap_span(&fake,
		       (struct fake_span){ base + 5 * arena + PAGE, 1, 2048, .manual = true });
	fake_heap_read(&fake);
	assert_int_equal(heap()->spans.len, 7);
	for (seep_addr a = base - arena; a < base + 7 * arena; a += PAGE) {
		check_find(a);
		check_find(a + 1 + a / PAGE % (PAGE - 1));
		check_find(a + PAGE - 1);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		check_find(odd[i]);
}

static void object_numbers_are_unique_and_dense(void **state)
{
	uint64_t next = 0;

	(void)state;
	fake_heap_init(&fake, 25);
	add_classes(FAKE_HEAP_ARENA, true, 0);
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + (400 << 13),
						  .pages = 9,
						  .spanclass = 1,
						  .no_bytes = true });
	fake_heap_read(&fake);
	for (uint32_t i = 0; i < heap()->spans.len; i++)
		for (uint32_t slot = 0; slot < heap()->spans.data[i].nelems; slot++, next++) {
			struct seep_object o = { i, slot }, back = {};
			assert_int_equal(seep_heap_number(heap(), o), next);
			assert_true(seep_heap_find(heap(), seep_heap_address(heap(), o), &back));
			assert_true(back.span == i && back.slot == slot);
		}
	assert_int_equal(next, heap()->slots);
}

static void a_large_object_fills_its_span_whatever_its_size_says(void **state)
{
	struct seep_object object = {};

	(void)state;
	fake_heap_init(&fake, 25);
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA,
						  .pages = 3,
						  .elem_size = 2 * PAGE,
						  .spanclass = 1 });
	fake_heap_read(&fake);
	assert_true(seep_heap_find(heap(), FAKE_HEAP_ARENA + 3 * PAGE - 1, &object));
	assert_int_equal(object.slot, 0);
	assert_false(seep_heap_find(heap(), FAKE_HEAP_ARENA + 3 * PAGE, &object));
}

static void overlapping_spans_are_left_out_and_counted(void **state)
{
	struct seep_object object = {};

	(void)state;
	fake_heap_init(&fake, 25);
	fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 2, 1408, .spanclass = 71 });
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + PAGE,
						  .pages = 1,
						  .elem_size = 16,
						  .spanclass = 5,
						  .no_bytes = true });
	fake_heap_read(&fake);
	assert_int_equal(heap()->spans.len, 1);
	assert_int_equal(heap()->count_mismatches, 1);
	assert_true(seep_heap_find(heap(), FAKE_HEAP_ARENA + PAGE + 16, &object));
	assert_int_equal(object.slot, (PAGE + 16) / 1408);
}

// Pointer maps. Each naive reader tells of one word of an object whether it is a pointer.

typedef bool is_pointer(const struct fake_span *s, uint64_t slot, uint64_t word);

static void fill(seep_addr addr, size_t len)
{
	unsigned char *bytes = fake_heap_at(&fake, addr, len);

	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = fake_random(&rng);
		memcpy(bytes + i, &v, len - i < 8 ? len - i : 8);
	}
}

static void check_object(const struct fake_span *s, uint64_t slot, is_pointer *want, bool guess)
{
	struct seep_object object = {};
	struct seep_pointers walk;
	uint64_t word, value, next = 0, size = s->spanclass >> 1 ? s->elem_size : s->pages * PAGE;
	seep_addr addr = s->base + slot * size;

	assert_true(seep_heap_find(heap(), addr, &object));
	seep_pointers_start(heap(), object, &walk);
	while (seep_pointers_next(&walk, &word, &value)) {
		for (; next < word && next < size / 8; next++)
			if (want(s, slot, next))
				fail_msg("word %lu of slot %lu of %lu bytes was left out",
					 (long)next, (long)slot, (long)size);
		if (word < next || word >= size / 8 || !want(s, slot, word))
			fail_msg("word %lu of slot %lu of %lu bytes is no pointer", (long)word,
				 (long)slot, (long)size);
		assert_int_equal(value, seep_le64(fake_heap_at(&fake, addr + 8 * word, 8)));
		assert_int_equal(walk.guess, guess);
		next = word + 1;
	}
	for (; next < size / 8; next++)
		if (want(s, slot, next))
			fail_msg("word %lu of slot %lu of %lu bytes is missing", (long)next,
				 (long)slot, (long)size);
	assert_false(seep_pointers_next(&walk, &word, &value));
}

static void check_span(const struct fake_span *s, is_pointer *want, bool guess)
{
	for (uint64_t slot = 0; slot < (s->spanclass >> 1 ? s->nelems : 1); slot++)
		check_object(s, slot, want, guess);
}

static bool never(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	(void)s;
	(void)slot;
	(void)word;
	return false;
}

static bool always(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	(void)s;
	(void)slot;
	(void)word;
	return true;
}

static bool in_span_bits(const struct fake_span *s, uint64_t slot, uint64_t word, uint64_t behind)
{
	uint64_t bit = (slot * s->elem_size + 8 * word) / 8;

	return *fake_heap_at(&fake, s->base + PAGE - 128 - behind + bit / 8, 1) >> (bit % 8) & 1;
}

static bool span_bits(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	return in_span_bits(s, slot, word, 0);
}

static bool span_bits_before_marks(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	return in_span_bits(s, slot, word, s->elem_size >= 16 ? 128 : 0);
}

static void pointer_bits_at_the_span_s_end(void **state)
{
	(void)state;
	rng.state = 1;
	for (int round = 0; round < 6; round++) {
		bool marks = round % 2;
		fake_heap_init(&fake, marks ? 26 : 22);
		add_classes(FAKE_HEAP_ARENA, false, marks ? 256 : 128);
		fake_heap_read(&fake);
		for (size_t i = 0; i < fake.span_count && fake.spans[i].elem_size <= SMALL_MAX;
		     i++) {
			fill(fake.spans[i].base, PAGE);
			check_span(&fake.spans[i], marks ? span_bits_before_marks : span_bits,
				   false);
		}
		end_heap(NULL);
	}
}

static void spans_tell_whether_they_have_inline_marks(void **state)
{
	(void)state;
	rng.state = 2;
	// Of either release: that 16-byte noscan spans are full speaks against inline marks, that they are not speaks for them.
	for (int i = 0; i < 4; i++) {
		bool marks = i & 1;
		fake_heap_init(&fake, i & 2 ? 26 : 25);
		fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA,
							  .pages = 1,
							  .elem_size = 16,
							  .nelems = marks ? 504 : 512,
							  .spanclass = 5 });
		const struct fake_span *s =
			fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + PAGE,
								  .pages = 1,
								  .elem_size = 96,
								  .nelems = 82,
								  .spanclass = 16 });
		fake_heap_read(&fake);
		fill(s->base, PAGE);
		check_span(s, marks ? span_bits_before_marks : span_bits, false);
		end_heap(NULL);
	}
}

// Bitmaps of heap arenas, 1.18 to 1.21.

static seep_addr arena_structs[3];
enum { ARENA_STRUCT_NO_MORE = 1 << 20 };

// heapArena structs for the arenas from FAKE_HEAP_ARENA on, as mheap_.arenas leads to them; have: bit by arena.
static void add_arena_structs(unsigned have)
{
	const seep_addr l2 = 1ull << 40, index = (FAKE_HEAP_ARENA + (1ull << 47)) >> 26;

	fake_heap_map(&fake, l2 + 8 * index, sizeof(arena_structs));
	fake_heap_put(&fake, fake.binary.globals.mheap + fake.binary.layout.mheap_arenas, l2);
	for (unsigned i = 0; i < 3; i++) {
		if (!(have >> i & 1))
			continue;
		arena_structs[i] = fake_heap_take(&fake, ARENA_WORDS / 4);
		fake_heap_put(&fake, l2 + 8 * (index + i), arena_structs[i]);
	}
}

static unsigned char arena_byte(seep_addr addr, uint64_t at)
{
	return *fake_heap_at(&fake, arena_structs[(addr - FAKE_HEAP_ARENA) >> 26] + at, 1);
}

static seep_addr word_address(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	return s->base + slot * s->elem_size + 8 * word;
}

// go1.18 runtime/mbitmap.go: 4 pointer bits, then 4 "scan" bits in each byte; a scan bit of 0 ends the object.
static bool two_bits(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	for (uint64_t i = 0; i <= word; i++) {
		seep_addr a = word_address(s, slot, i);
		uint64_t w = a % (1ull << 26) / 8;
		if (!(arena_byte(a, w / 4) >> (4 + w % 4) & 1))
			return false;
	}
	seep_addr a = word_address(s, slot, word);
	uint64_t w = a % (1ull << 26) / 8;
	return arena_byte(a, w / 4) >> (w % 4) & 1;
}

// go1.20 runtime/mbitmap.go: heapBitsForAddr. An object that goes on behind a word of the bitmap may have its noMorePtrs bit.
static bool one_bit(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	uint64_t end = s->elem_size / 8;

	for (uint64_t i = 0; i < word; i++) {
		seep_addr a = word_address(s, slot, i);
		uint64_t w = a % (1ull << 26) / 8;
		bool last_of_word = w % 64 == 63, goes_on = i + 1 < end;
		if (last_of_word && goes_on &&
		    arena_byte(a, ARENA_STRUCT_NO_MORE + w / 64 / 8) >> (w / 64 % 8) & 1)
			return false;
	}
	seep_addr a = word_address(s, slot, word);
	uint64_t w = a % (1ull << 26) / 8;
	return arena_byte(a, w / 8) >> (w % 8) & 1;
}

// The bytes of the bitmaps that stand for a span, by map(addr of 64 words).
static void fill_bitmaps(const struct fake_span *s, bool one, int more_bias)
{
	for (seep_addr a = s->base; a < s->base + s->pages * PAGE; a += 512) {
		seep_addr arena = arena_structs[(a - FAKE_HEAP_ARENA) >> 26];
		uint64_t w = a % (1ull << 26) / 8;
		if (one) {
			fill(arena + w / 8, 8);
			unsigned char *more =
				fake_heap_at(&fake, arena + ARENA_STRUCT_NO_MORE + w / 512, 1);
			*more &= ~(1 << (w / 64 % 8));
			if (fake_below(&rng, 8) == 0)
				*more |= 1 << (w / 64 % 8);
			continue;
		}
		fill(arena + w / 4, 16);
		unsigned char *bits = fake_heap_at(&fake, arena + w / 4, 16);
		for (unsigned i = 0; i < 16; i++)
			for (int k = 0; k < more_bias; k++)
				bits[i] |= fake_random(&rng) & 0xf0;
	}
}

static void check_arena_bitmaps(int minor, bool one, is_pointer *want)
{
	rng.state = minor;
	fake_heap_init(&fake, minor);
	add_arena_structs(3);
	add_classes(FAKE_HEAP_ARENA, false, 0);
	// One over the border of two arenas; with slots that lie across it.
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + (1 << 26) - 5 * PAGE,
						  .pages = 10,
						  .elem_size = 27264,
						  .spanclass = spanclass_of(64, false) });
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + (1 << 26) + 10 * PAGE,
						  .pages = LARGE_PAGES });
	fake_heap_read(&fake);
	for (size_t i = 0; i < fake.span_count; i++) {
		const struct fake_span *s = &fake.spans[i];
		fill(s->base, s->pages * PAGE);
		// The naive readers are quadratic: of the largest objects two rounds will do.
		for (int round = 0; round < (s->elem_size > 4096 ? 1 : 3); round++) {
			fill_bitmaps(s, one, 4 + 2 * round);
			check_span(s, want, false);
		}
	}
}

static void bitmaps_with_more_bits(void **state)
{
	(void)state;
	check_arena_bitmaps(19, false, two_bits);
}

static void bitmaps_with_no_more_pointers_bits(void **state)
{
	(void)state;
	check_arena_bitmaps(20, true, one_bit);
}

static void without_a_bitmap_every_word_counts(void **state)
{
	(void)state;
	for (int minor = 19; minor <= 20; minor++) {
		fake_heap_init(&fake, minor);
		add_arena_structs(0);
		fake_heap_span(&fake,
			       (struct fake_span){ FAKE_HEAP_ARENA, 1, 1024, .spanclass = 64 });
		fake_heap_read(&fake);
		fill(FAKE_HEAP_ARENA, PAGE);
		check_span(&fake.spans[0], always, true);
		end_heap(NULL);
	}
}

// Types' masks, again and again to the end of the slot.

static unsigned char type_mask[1024];
static uint64_t type_words, type_mask_words, type_first;

static bool by_type(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	(void)s;
	(void)slot;
	if (word < type_first)
		return false;
	uint64_t at = (word - type_first) % type_words;
	return at < type_mask_words && type_mask[at / 8] >> (at % 8) & 1;
}

// A type of up to max words with at least one pointer.
static seep_addr random_type(uint64_t max)
{
	static const uint64_t usual[] = { 1, 2, 3, 7, 8, 63, 64, 65, 127, 128, 129, 192 };
	uint64_t n = fake_below(&rng, 2) ? usual[fake_below(&rng, 12)] : 1 + fake_below(&rng, max);

	type_words = n < max ? n : max;
	type_mask_words = fake_below(&rng, 3) ? 1 + fake_below(&rng, type_words) : type_words;
	for (uint64_t i = 0; i < type_words; i += 8)
		type_mask[i / 8] = fake_random(&rng) & (fake_below(&rng, 3) ? 0xff : 0x11);
	type_mask[(type_mask_words - 1) / 8] |= 1 << ((type_mask_words - 1) % 8);
	return fake_heap_type(&fake, type_words * 8, type_mask, type_mask_words);
}

static void slots_that_begin_with_their_type(void **state)
{
	(void)state;
	rng.state = 3;
	fake_heap_init(&fake, 23);
	add_classes(FAKE_HEAP_ARENA, false, 128);
	fake_heap_read(&fake);
	type_first = 1;
	for (size_t i = 0; i < fake.span_count; i++) {
		const struct fake_span *s = &fake.spans[i];
		if (s->elem_size <= SMALL_MAX)
			continue;
		fill(s->base, s->pages * PAGE);
		for (int round = 0; round < 12; round++) {
			uint64_t slot = fake_below(&rng, s->nelems);
			fake_heap_put(&fake, s->base + slot * s->elem_size,
				      random_type(s->elem_size / 8 - 1));
			check_object(s, slot, by_type, false);
		}
	}
}

static void large_objects_with_a_type(void **state)
{
	(void)state;
	rng.state = 4;
	for (int round = 0; round < 60; round++) {
		fake_heap_init(&fake, 24);
		type_first = 0;
		fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA,
							  .pages = 5,
							  .large_type = random_type(5 * 1024) });
		fake_heap_read(&fake);
		fill(FAKE_HEAP_ARENA, 5 * PAGE);
		check_object(&fake.spans[0], 0, by_type, false);
		end_heap(NULL);
	}
}

static bool behind_header(const struct fake_span *s, uint64_t slot, uint64_t word)
{
	(void)s;
	(void)slot;
	return word > 0;
}

static void without_a_type_that_can_be_read_every_word_counts(void **state)
{
	unsigned char mask = 1;

	(void)state;
	fake_heap_init(&fake, 24);
	struct fake_span *s = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, 1024,
									.spanclass = 64 });
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + PAGE,
						  .pages = 1,
						  .large_type = 0x1234560 });
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + 2 * PAGE,
						  .pages = 2,
						  .user_arena = true,
						  .elem_size = 2 * PAGE - 24 });
	fake_heap_read(&fake);
	seep_addr type = fake_heap_type(&fake, 24, &mask, 1);
	fake_heap_put(&fake, s->base, 0x1234560);
	fake_heap_put(&fake, s->base + 1024, type);
	fake_heap_put(&fake, type + 32, 0x9999999); // its mask cannot be read
	check_object(s, 0, behind_header, true);
	check_object(s, 1, behind_header, true);
	check_object(s, 2, never, false); // no type yet: no contents yet
	check_object(&fake.spans[1], 0, always, true);
	check_object(&fake.spans[2], 0, always, true);
}

static void noscan_and_unread_spans_have_no_pointers(void **state)
{
	(void)state;
	fake_heap_init(&fake, 24);
	fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, 64, .spanclass = 13 });
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + PAGE,
						  .pages = 1,
						  .elem_size = 64,
						  .spanclass = 12,
						  .no_bytes = true });
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + 2 * PAGE,
						  .pages = 1,
						  .spanclass = 0,
						  .no_bytes = true });
	fake_heap_read(&fake);
	fill(FAKE_HEAP_ARENA, PAGE);
	for (size_t i = 0; i < 3; i++)
		check_span(&fake.spans[i], never, false);
	assert_int_equal(heap()->unread_spans, 2);
}

// Which slots are allocated and kept.

static bool get(seep_addr bits, uint64_t i)
{
	return *fake_heap_at(&fake, bits + i / 8, 1) >> (i % 8) & 1;
}

static void check_allocated(bool inline_marks)
{
	uint64_t objects = 0, bytes = 0;

	for (size_t k = 0; k < fake.span_count; k++) {
		const struct fake_span *s = &fake.spans[k];
		bool unswept = s->sweepgen == -2 || s->sweepgen == -1 || s->sweepgen == 1;
		for (uint64_t i = 0; i < s->nelems; i++) {
			struct seep_object o = {};
			seep_addr marks = s->base + PAGE - 64;
			bool want = i < s->freeindex || get(s->alloc_bits, i);
			if (want && unswept)
				want = get(s->mark_bits, i) ||
				       (inline_marks && !s->no_bytes && s->pages == 1 &&
					s->elem_size >= 16 && s->elem_size <= SMALL_MAX &&
					get(marks, i));
			assert_true(seep_heap_find(heap(), s->base + i * s->elem_size, &o));
			if (seep_heap_allocated(heap(), o) != want)
				fail_msg("slot %lu of span %zu is %skept", (long)i, k,
					 want ? "" : "not ");
			objects += want;
			bytes += want ? s->elem_size : 0;
		}
	}
	assert_int_equal(heap()->objects, objects);
	assert_int_equal(heap()->bytes, bytes);
}

// Random bits for each span; a span being swept has a mark at least, so that its sweep is not over.
static void fill_slots(struct fake_span *s, bool inline_marks)
{
	for (uint64_t i = 0; i < s->nelems; i++) {
		if (fake_below(&rng, 2))
			fake_heap_allocate(&fake, s, i);
		if (fake_below(&rng, 2) || i == 0)
			*fake_heap_at(&fake, s->mark_bits + i / 8, 1) |= 1 << (i % 8);
		if (inline_marks && s->elem_size >= 16 && fake_below(&rng, 2))
			*fake_heap_at(&fake, s->base + PAGE - 64 + i / 8, 1) |= 1 << (i % 8);
	}
}

static void slots_are_allocated_and_kept(void **state)
{
	static const int gens[] = { 0, 3, -2, 1, -1 };

	(void)state;
	rng.state = 5;
	for (int round = 0; round < 40; round++) {
		bool inline_marks = round % 2;
		fake_heap_init(&fake, inline_marks ? 26 : 25);
		for (unsigned i = 0; i < 30; i++) {
			unsigned class = i % 15 * 2;
			uint64_t size = class_sizes[class],
				 room = PAGE - (inline_marks ? 256 : 128),
				 n = (size <= SMALL_MAX ? room : PAGE) / size;
			struct fake_span *s = fake_heap_span(
				&fake,
				(struct fake_span){ .base = FAKE_HEAP_ARENA + i * PAGE,
						    .pages = 1,
						    .elem_size = size,
						    .nelems = n,
						    .freeindex = fake_below(&rng, n + 1),
						    .spanclass = spanclass_of(class, i % 4 == 3),
						    .sweepgen = gens[fake_below(&rng, 5)] });
			fill_slots(s, inline_marks && size <= SMALL_MAX);
		}
		fake_heap_read(&fake);
		check_allocated(inline_marks);
		assert_int_equal(heap()->count_mismatches, 0);
		end_heap(NULL);
	}
}

static void a_count_that_does_not_fit_is_noted(void **state)
{
	(void)state;
	fake_heap_init(&fake, 25);
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA,
						  .pages = 1,
						  .elem_size = 64,
						  .freeindex = 5,
						  .count_error = 1,
						  .spanclass = 13 });
	// One ahead while a thread allocates from it: fits.
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + PAGE,
						  .pages = 1,
						  .elem_size = 64,
						  .freeindex = 5,
						  .count_error = -1,
						  .sweepgen = 3,
						  .spanclass = 13 });
	fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + 2 * PAGE,
						  .pages = 1,
						  .elem_size = 64,
						  .freeindex = 5,
						  .count_error = -1,
						  .spanclass = 13 });
	fake_heap_read(&fake);
	assert_int_equal(heap()->count_mismatches, 2);
}

static void spans_that_contradict_themselves_are_left_out(void **state)
{
	static const struct fake_span bad[] = {
		{ .base = 0x10, .pages = 1, .elem_size = 64, .spanclass = 13 }, // not at a page
		{ .base = 0x2000, .pages = 1, .elem_size = 64, .nelems = 129, .spanclass = 13 },
		{ .base = 0x2000, .pages = 1, .elem_size = 3 * PAGE, .nelems = 1, .spanclass = 13 },
		// Of no size class: pointer bits for more than a page, a size whose low half is zero.
		{ .base = 0x2000, .pages = 4, .elem_size = 512, .spanclass = 52 },
		{ .base = 0x2000,
		  .pages = 1 << 20,
		  .elem_size = 1ull << 32,
		  .nelems = 2,
		  .spanclass = 13 },
	};

	(void)state;
	fake_heap_init(&fake, 25);
	fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, 64, .spanclass = 13 });
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct fake_span s = bad[i];
		s.base += FAKE_HEAP_ARENA + (i + 1) * 16 * PAGE;
		s.no_bytes = true;
		fake_heap_span(&fake, s);
	}
	fake_heap_read(&fake);
	assert_int_equal(heap()->spans.len, 1);
	assert_int_equal(heap()->unread_spans, sizeof(bad) / sizeof(*bad));
}

static void an_empty_heap_is_an_error(void **state)
{
	(void)state;
	fake_heap_init(&fake, 25);
	struct seep_error *err = fake_heap_try_read(&fake);
	assert_non_null(err);
	assert_int_equal(err->code, SEEP_ERROR_BAD_DATA);
	seep_error_destroy(err);
}

#define heap_test(f) cmocka_unit_test_teardown(f, end_heap)

int main(void)
{
	const struct CMUnitTest tests[] = {
		heap_test(every_byte_of_every_size_class_leads_to_its_slot),
		heap_test(spans_at_arena_borders_are_found),
		heap_test(object_numbers_are_unique_and_dense),
		heap_test(a_large_object_fills_its_span_whatever_its_size_says),
		heap_test(overlapping_spans_are_left_out_and_counted),
		heap_test(pointer_bits_at_the_span_s_end),
		heap_test(spans_tell_whether_they_have_inline_marks),
		heap_test(bitmaps_with_more_bits),
		heap_test(bitmaps_with_no_more_pointers_bits),
		heap_test(without_a_bitmap_every_word_counts),
		heap_test(slots_that_begin_with_their_type),
		heap_test(large_objects_with_a_type),
		heap_test(without_a_type_that_can_be_read_every_word_counts),
		heap_test(noscan_and_unread_spans_have_no_pointers),
		heap_test(slots_are_allocated_and_kept),
		heap_test(a_count_that_does_not_fit_is_noted),
		heap_test(spans_that_contradict_themselves_are_left_out),
		heap_test(an_empty_heap_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
