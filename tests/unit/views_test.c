// Views: how much of an object strings and slices see, alone and together, in small heaps.
#include "support/typed_world.h"

// Strings.

static void a_string_sees_its_len(void **state)
{
	seep_addr start = fake_world_bytes(&w, 2048), middle = fake_world_bytes(&w, 2048),
		  last = fake_world_bytes(&w, 2048), none = fake_world_bytes(&w, 2048),
		  whole = fake_world_bytes(&w, 2048);

	(void)state;
	HOLD(text, start, 20);
	seep_addr holder = HOLD(text, middle + 1000, 20);
	HOLD(text, last + 2048 - 20, 20);
	HOLD(text, none + 7, 0);
	HOLD(text, whole, 2048);
	fake_world_type(&w);
	check_view(start, 20, 20);
	const struct seep_partial *p = check_view(middle, 20, 20);
	check_view(last, 20, 20);
	check_view(none, 0, 0);
	check_seen(whole);
	check_content(middle, SEEP_CONTENT_BYTES, 0);
	check_content(whole, SEEP_CONTENT_BYTES, 0);
	assert_int_equal(p->kind, SEEP_PART_STRING);
	assert_int_equal(p->holder, holder);
	assert_false(p->guessed);
	assert_int_equal(p->range_count, 1);
	assert_int_equal(w.typing.ranges.data[p->first_range].start, 1000);
	check_name(whole, "string");
}

static void all_that_was_asked_for_is_whole_though_the_slot_is_larger(void **state)
{
	seep_addr least = fake_world_bytes(&w, 1025), less = fake_world_bytes(&w, 1025),
		  late = fake_world_bytes(&w, 1025), large = fake_world_bytes(&w, 40000);

	(void)state;
	HOLD(text, least, 1025); // in 1,152 bytes, which 1,024 would not take
	HOLD(text, less, 1024);
	HOLD(text, late + 1, 1024);
	HOLD(text, large, 40960 - 8192 + 1);
	fake_world_type(&w);
	check_seen(least);
	check_view(less, 1024, 1024);
	check_view(late, 1024, 1024);
	check_seen(large);
}

static void views_are_united(void **state)
{
	seep_addr apart = fake_world_bytes(&w, 2048), over = fake_world_bytes(&w, 2048),
		  inside = fake_world_bytes(&w, 2048), all = fake_world_bytes(&w, 2048);

	(void)state;
	HOLD(text, apart + 500, 10);
	HOLD(text, apart, 10);
	HOLD(text, over, 100);
	HOLD(text, over + 50, 100);
	HOLD(text, inside, 100);
	HOLD(text, inside + 10, 10);
	HOLD(text, inside + 90, 20);
	HOLD(text, all, 1000);
	HOLD(text, all + 900, 1148);
	fake_world_type(&w);
	check_view(apart, 20, 20);
	check_view(over, 150, 150);
	check_view(inside, 110, 110);
	check_seen(all);
}

static void small_slots_are_seen_whole(void **state)
{
	seep_addr small = fake_world_bytes(&w, 32), more = fake_world_bytes(&w, 48);

	(void)state;
	HOLD(text, small, 1);
	HOLD(text, more, 1);
	fake_world_type(&w);
	check_seen(small);
	check_view(more, 1, 1);
}

static void a_string_that_cannot_be_one_sees_all(void **state)
{
	seep_addr over = fake_world_bytes(&w, 2048), mad = fake_world_bytes(&w, 2048),
		  pointers = fake_world_make(&w, node, 4);

	(void)state;
	HOLD(text, over + 2000, 49);
	HOLD(text, mad, UINT64_MAX);
	HOLD(text, pointers, 8);
	fake_world_type(&w);
	check_seen(over);
	check_seen(mad);
	check_seen(pointers);
	check_shape(pointers, 0);
}

static void pointers_of_unknown_type_see_all(void **state)
{
	seep_addr a = fake_world_bytes(&w, 2048), b = fake_world_bytes(&w, 2048),
		  c = fake_world_bytes(&w, 2048), d = fake_world_bytes(&w, 2048),
		  unknown = fake_world_words(&w, 64, 1);

	(void)state;
	HOLD(text, a, 20);
	HOLD(word, a + 2000);
	HOLD(text, b, 20);
	HOLD(pointer_to(byte), b + 2000);
	HOLD(text, c, 20);
	fake_heap_global(&w.heap, FAKE_HEAP_GLOBALS - 1, c + 1); // no variable is known there
	HOLD(text, d, 20);
	HOLD(word, unknown);
	fake_heap_put(&w.heap, unknown, d + 3);
	fake_world_type(&w);
	check_seen(a);
	check_seen(b);
	check_seen(c);
	check_seen(d);
}

static void stacks_see_all(void **state)
{
	seep_addr a = fake_world_bytes(&w, 2048);

	(void)state;
	HOLD(text, a, 20);
	fake_heap_read(&w.heap);
	fake_heap_stack_put(&w.heap, fake_heap_goroutine(&w.heap, SEEP_WAIT_NONE, 0), 3, a + 9);
	fake_world_type(&w);
	check_seen(a);
}

// Slices.

static void a_slice_sees_its_cap(void **state)
{
	seep_addr whole = fake_world_make(&w, number, 256), part = fake_world_make(&w, number, 256),
		  tail = fake_world_make(&w, number, 256), none = fake_world_make(&w, number, 256);

	(void)state;
	HOLD(slice_of(number), whole, 256, 256);
	seep_addr holder = HOLD(slice_of(number), part + 80, 10, 20);
	HOLD(slice_of(number), tail + 8 * 250, 6, 6);
	HOLD(slice_of(number), none + 8, 0, 0);
	fake_world_type(&w);
	check_seen(whole);
	check_shape(whole, number);
	check_shape(part, number);
	const struct seep_partial *p = check_view(part, 160, 80);
	assert_int_equal(p->kind, SEEP_PART_SLICE);
	assert_int_equal(p->holder, holder);
	check_view(tail, 48, 48);
	check_view(none, 0, 0);
	check_name(whole, "[]int");
}

static void slices_without_pointers_are_short_only_in_large_arrays(void **state)
{
	seep_addr quarter = fake_world_make(&w, number, 256),
		  less = fake_world_make(&w, number, 256), small = fake_world_make(&w, number, 112),
		  none = fake_world_make(&w, number, 256);

	(void)state;
	HOLD(slice_of(number), quarter, 64, 256);
	HOLD(slice_of(number), less, 63, 256);
	HOLD(slice_of(number), small, 1, 112);
	HOLD(slice_of(number), none, 0, 256);
	fake_world_type(&w);
	check_seen(quarter);
	check_view(less, 2048, 63 * 8);
	check_seen(small);
	check_seen(none);
}

static void pointers_behind_the_len_are_seen_only_by_re_slicing(void **state)
{
	seep_addr empty = fake_world_make(&w, node, 100), full = fake_world_make(&w, node, 100),
		  bytes = fake_world_bytes(&w, 64);
	uint64_t slot = 2688; // of 2,400 bytes and a header

	(void)state;
	HOLD(slice_of(node), empty, 50, 100);
	HOLD(slice_of(node), full, 50, 100);
	fake_world_set(&w, full + 24 * 99, 0, bytes, 64);
	fake_world_type(&w);
	check_seen(empty);
	check_view(full, slot - 8, 50 * 24);
}

/** All that was asked for, with its header no more than the slot holds: what stands behind it is nobody's. */
static void room_that_nobody_asked_for_is_in_the_view(void **state)
{
	seep_addr list = fake_world_make(&w, node, 48), bytes = fake_world_bytes(&w, 64),
		  array = fake_array(&w.types, byte, 1025, "[1025]uint8"),
		  object = fake_world_make(&w, array, 1);

	(void)state;
	HOLD(slice_of(node), list, 24, 48); // 1,152 bytes and 8 in 1,280
	fake_world_set(&w, list + 24 * 47, 0, bytes, 64);
	HOLD(pointer_to(array), object);
	fake_world_type(&w);
	check_view(list, 1280 - 8, 24 * 24);
	check_seen(object);
	check_shape(object, array);
}

static void long_arrays_behind_the_len_are_looked_through(void **state)
{
	seep_addr rows = fake_array(&w.types, node, 17, "[17]main.node"),
		  object = fake_world_make(&w, rows, 4), bytes = fake_world_bytes(&w, 64);

	(void)state;
	HOLD(slice_of(rows), object, 2, 4);
	fake_world_set(&w, object + 17 * 24 * 3 + 24 * 16, 0, bytes, 64);
	fake_world_type(&w);
	check_view(object, 1792 - 8, 17 * 24 * 2);
}

static void slices_partly_outside_their_object_are_refused(void **state)
{
	seep_addr over = fake_world_make(&w, number, 256), mad = fake_world_make(&w, number, 256),
		  turned = fake_world_make(&w, number, 256), head = fake_world_make(&w, node, 100),
		  kind = fake_world_bytes(&w, 2048), other = fake_world_make(&w, node, 20);

	(void)state;
	HOLD(slice_of(number), over + 8, 1, 256);
	HOLD(slice_of(number), mad, 1, (uint64_t)1 << 61);
	HOLD(slice_of(number), turned, 20, 10);
	HOLD(slice_of(node), head - 8, 1, 1);
	HOLD(slice_of(node), kind + 24, 1, 1); // pointers in memory without
	HOLD(slice_of(number), other + 8, 1, 1); // and the reverse
	fake_world_type(&w);
	check_seen(over);
	check_seen(mad);
	check_seen(turned);
	check_seen(head);
	check_seen(kind);
	check_seen(other);
}

/** A queue that moved on: 10 pointers to strings, of which the slice shows the last two. */
static void what_a_slice_left_behind_is_in_no_view(void **state)
{
	seep_addr queue = fake_world_words(&w, 80, 0x3ff), shown = fake_world_bytes(&w, 2048),
		  lost = fake_world_bytes(&w, 2048);
	seep_addr strings = fake_world_words(&w, 160, 0x55555555);

	(void)state;
	HOLD(slice_of(pointer_to(node)), queue + 64, 2, 2);
	HOLD(slice_of(text), strings + 128, 2, 2);
	fake_world_set(&w, strings, lost, 20);
	fake_world_set(&w, strings + 128, shown, 20);
	HOLD(text, lost, 20);
	fake_world_type(&w);
	check_view(queue, 16, 16);
	check_view(strings, 32, 32);
	check_shape(strings, 0);
	// Words in the slice's view are followed by their type; the others lead to memory that they see whole.
	check_view(shown, 20, 20);
	check_seen(lost);
}

/** type S []S: values that show themselves, from the middle of what was allocated. */
static void slices_of_themselves_end(void **state)
{
	seep_addr self = slice_of(0), object = fake_world_words(&w, 480, 0x249249249249249);

	(void)state;
	fake_u64(&w.types, self + 48, self);
	HOLD(self, object + 48, 18, 18);
	for (uint64_t i = 2; i < 20; i++) // each shows one of the others
		fake_world_set(&w, object + 24 * i, object + 24 * (i * 7 % 18 + 2), 1, 1);
	fake_world_set(&w, object + 48, object + 48, 18, 18);
	fake_world_set(&w, object + 72, object + 48, 5, 17);
	fake_world_type(&w);
	check_view(object, 18 * 24, 18 * 24);
}

/** A thousand slices of themselves; those from the 100th on are shown, each shows all behind it. */
static void slices_from_everywhere_are_given_up(void **state)
{
	static const uint64_t filled[] = { 110, 1000 };

	(void)state;
	for (int k = 0; k < 2; k++) {
		again_as(25);
		seep_addr self = slice_of(0), mask = fake_take(&w.types, 3000 / 8 + 8);
		fake_u64(&w.types, self + 48, self);
		for (uint64_t i = 0; i < 1000; i++)
			fake_add_mask(&w.types, mask, 3 * i, self);
		// Of the type no more is known than where pointers are.
		seep_addr hollow = fake_struct(&w.types, 24000, 23984, mask, "", "", NULL, 0),
			  object = fake_world_make(&w, hollow, 1);
		HOLD(self, object + 2400, 900, 900);
		for (uint64_t i = 100; i < filled[k]; i++)
			fake_world_set(&w, object + 24 * i, object + 24 * i, 1000 - i, 1000 - i);
		fake_world_type(&w);
		check_shape(object, 0);
		if (k == 0)
			check_view(object, 900 * 24, 900 * 24);
		else
			check_seen(object);
	}
}

static void differing_slices_of_unknown_memory_see_it_whole(void **state)
{
	seep_addr object = fake_world_words(&w, 480, 0x249249249249249),
		  bytes = fake_world_bytes(&w, 2048), list = slice_of(number);

	(void)state;
	HOLD(slice_of(list), object + 24, 4, 4);
	HOLD(slice_of(slice_of(text)), object + 24, 4, 4);
	fake_world_set(&w, object + 24, bytes, 10, 10);
	fake_world_type(&w);
	check_seen(object);
	check_seen(bytes);
}

/** A slice that grows behind a shorter one from the same place: what is new is followed, too. */
static void the_longer_of_two_slices_is_followed_to_its_end(void **state)
{
	seep_addr object = fake_world_words(&w, 480, 0x555555555555555),
		  near = fake_world_bytes(&w, 2048), far = fake_world_bytes(&w, 2048);

	(void)state;
	HOLD(slice_of(text), object + 16, 2, 2);
	HOLD(slice_of(text), object + 16, 10, 10);
	fake_world_set(&w, object + 16, near, 20);
	fake_world_set(&w, object + 16 * 10, far, 20);
	fake_world_type(&w);
	check_view(object, 160, 160);
	check_view(near, 20, 20);
	check_view(far, 20, 20);
}

/** Random pieces of one array against a byte-by-byte reckoning. */
static void the_union_of_views_is_that_of_their_bytes(void **state)
{
	enum { LEN = 2048, ROUNDS = 2000 };
	struct fake_random r = { 2 };
	uint64_t partial = 0, short_ones = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		bool hard[LEN] = {}, soft[LEN] = {};
		uint64_t visible = 0, shown = 0;
		again_as(25);
		seep_addr object = fake_world_bytes(&w, LEN), list = slice_of(number);
		for (uint64_t n = fake_below(&r, 8) + 1; n; n--) {
			uint64_t start = fake_below(&r, LEN / 8) * 8, room = LEN - start,
				 len = fake_below(&r, room / 8 + 1) * 8;
			uint64_t cap = len + fake_below(&r, (room - len) / 8 + 1) * 8, less = len;
			if (fake_below(&r, 2)) {
				HOLD(text, object + start, len);
				cap = len;
			} else {
				HOLD(list, object + start, len / 8, cap / 8);
				less = len && len < LEN / 4 ? len : cap;
			}
			memset(hard + start, true, cap);
			memset(soft + start, true, less);
		}
		for (int i = 0; i < LEN; i++) {
			visible += hard[i];
			shown += soft[i];
		}
		fake_world_type(&w);
		if (visible >= seep_least_in_slot(LEN) && shown == visible) {
			check_seen(object);
			continue;
		}
		check_view(object, visible, shown);
		partial++;
		short_ones += shown < visible;
	}
	assert_true(partial > ROUNDS / 4);
	assert_true(short_ones > ROUNDS / 8);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_string_sees_its_len),
		CASE(all_that_was_asked_for_is_whole_though_the_slot_is_larger),
		CASE(views_are_united),
		CASE(small_slots_are_seen_whole),
		CASE(a_string_that_cannot_be_one_sees_all),
		CASE(pointers_of_unknown_type_see_all),
		CASE(stacks_see_all),
		CASE(a_slice_sees_its_cap),
		CASE(slices_without_pointers_are_short_only_in_large_arrays),
		CASE(pointers_behind_the_len_are_seen_only_by_re_slicing),
		CASE(room_that_nobody_asked_for_is_in_the_view),
		CASE(long_arrays_behind_the_len_are_looked_through),
		CASE(slices_partly_outside_their_object_are_refused),
		CASE(what_a_slice_left_behind_is_in_no_view),
		CASE(slices_of_themselves_end),
		CASE(slices_from_everywhere_are_given_up),
		CASE(differing_slices_of_unknown_memory_see_it_whole),
		CASE(the_longer_of_two_slices_is_followed_to_its_end),
		CASE(the_union_of_views_is_that_of_their_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
