// seep_memory: what stands first wins, lookups keep to one segment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "target/memory.h"

static unsigned char bytes_a[4096], bytes_b[4096];

static void add(struct seep_memory *memory, seep_addr start, seep_addr end,
		const unsigned char *bytes)
{
	assert_null(seep_memory_add(memory, (struct seep_segment){ start, end, bytes }));
}

static void assert_sorted(const struct seep_memory *memory)
{
	for (size_t i = 0; i < memory->len; i++) {
		assert_true(memory->segments[i].start < memory->segments[i].end);
		if (i)
			assert_true(memory->segments[i - 1].end <= memory->segments[i].start);
	}
}

static void empty_memory_holds_nothing(void **state)
{
	struct seep_memory memory = {};
	uint64_t value;

	(void)state;
	assert_null(seep_memory_find(&memory, 0));
	assert_null(seep_memory_at(&memory, 0x1000, 0));
	assert_false(seep_memory_u64(&memory, 0x1000, &value));
	assert_int_equal(seep_buffer_left(&(struct seep_buffer){}), 0);
	add(&memory, 0x1000, 0x1000, bytes_a);
	assert_int_equal(memory.len, 0);
	seep_memory_deinit(&memory);
}

static void edges_belong_to_the_right_segment(void **state)
{
	struct seep_memory memory = {};

	(void)state;
	add(&memory, 0x2000, 0x2100, bytes_b);
	add(&memory, 0x1000, 0x1100, bytes_a);
	assert_sorted(&memory);
	assert_null(seep_memory_find(&memory, 0xfff));
	assert_ptr_equal(seep_memory_at(&memory, 0x1000, 1), bytes_a);
	assert_ptr_equal(seep_memory_at(&memory, 0x10ff, 1), bytes_a + 0xff);
	assert_null(seep_memory_at(&memory, 0x10ff, 2));
	assert_null(seep_memory_find(&memory, 0x1100));
	assert_ptr_equal(seep_memory_at(&memory, 0x2000, 0x100), bytes_b);
	assert_null(seep_memory_at(&memory, 0x2000, UINT64_MAX));
	seep_memory_deinit(&memory);
}

static void numbers_are_little_endian_and_bounded(void **state)
{
	struct seep_memory memory = {};
	uint64_t u64 = 7;
	uint32_t u32 = 7;

	(void)state;
	for (size_t i = 0; i < 16; i++)
		bytes_a[i] = (unsigned char)i;
	add(&memory, 0x1000, 0x1010, bytes_a);
	assert_true(seep_memory_u64(&memory, 0x1008, &u64));
	assert_true(u64 == 0x0f0e0d0c0b0a0908);
	assert_true(seep_memory_u32(&memory, 0x100c, &u32));
	assert_int_equal(u32, 0x0f0e0d0c);
	assert_false(seep_memory_u64(&memory, 0x1009, &u64));
	assert_false(seep_memory_u32(&memory, 0x100d, &u32));
	assert_true(u64 == 0x0f0e0d0c0b0a0908);
	seep_memory_deinit(&memory);
}

static void buffer_ends_with_its_segment(void **state)
{
	struct seep_memory memory = {};

	(void)state;
	add(&memory, 0x1000, 0x1010, bytes_a);
	add(&memory, 0x1010, 0x1020, bytes_b);
	assert_int_equal(seep_buffer_left(&(struct seep_buffer){}), 0);
	struct seep_buffer buf = seep_memory_buffer(&memory, 0x1008, 100);
	assert_int_equal(seep_buffer_left(&buf), 8);
	buf = seep_memory_buffer(&memory, 0x1008, 3);
	assert_int_equal(seep_buffer_left(&buf), 3);
	buf = seep_memory_buffer(&memory, 0x5000, 3);
	assert_int_equal(seep_buffer_left(&buf), 0);
	seep_memory_deinit(&memory);
}

static void earlier_segment_wins_where_two_overlap(void **state)
{
	struct seep_memory memory = {};

	(void)state;
	add(&memory, 0x1400, 0x1500, bytes_a);
	add(&memory, 0x1600, 0x1700, bytes_a);
	add(&memory, 0x1000, 0x1800, bytes_b);
	assert_sorted(&memory);
	assert_int_equal(memory.len, 5);
	assert_ptr_equal(seep_memory_at(&memory, 0x13ff, 1), bytes_b + 0x3ff);
	assert_ptr_equal(seep_memory_at(&memory, 0x1400, 1), bytes_a);
	assert_ptr_equal(seep_memory_at(&memory, 0x1500, 0x100), bytes_b + 0x500);
	assert_ptr_equal(seep_memory_at(&memory, 0x1600, 1), bytes_a);
	assert_ptr_equal(seep_memory_at(&memory, 0x17ff, 1), bytes_b + 0x7ff);
	add(&memory, 0x1000, 0x1800, bytes_a);
	assert_int_equal(memory.len, 5);
	seep_memory_deinit(&memory);
}

/** Against an array that says, byte by byte, who came first. */
static void random_additions_agree_with_a_plain_model(void **state)
{
	enum { SPACE = 512, ROUNDS = 200, ADDITIONS = 40 };

	(void)state;
	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		struct seep_memory memory = {};
		const unsigned char *model[SPACE] = {};
		for (int i = 0; i < ADDITIONS; i++) {
			unsigned start = rand() % SPACE, len = rand() % 64;
			unsigned end = start + len < SPACE ? start + len : SPACE;
			const unsigned char *bytes = bytes_a + rand() % 1024;
			add(&memory, start, end, bytes);
			for (unsigned at = start; at < end; at++)
				model[at] = model[at] ? model[at] : bytes + (at - start);
		}
		assert_sorted(&memory);
		for (unsigned at = 0; at < SPACE; at++)
			assert_ptr_equal(seep_memory_at(&memory, at, 1), model[at]);
		seep_memory_deinit(&memory);
	}
}

static void top_of_the_address_space_is_reachable(void **state)
{
	struct seep_memory memory = {};

	(void)state;
	add(&memory, UINT64_MAX - 16, UINT64_MAX, bytes_a);
	assert_non_null(seep_memory_at(&memory, UINT64_MAX - 8, 8));
	assert_null(seep_memory_at(&memory, UINT64_MAX - 8, 9));
	assert_null(seep_memory_at(&memory, UINT64_MAX, 1));
	seep_memory_deinit(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_memory_holds_nothing),
		cmocka_unit_test(edges_belong_to_the_right_segment),
		cmocka_unit_test(numbers_are_little_endian_and_bounded),
		cmocka_unit_test(buffer_ends_with_its_segment),
		cmocka_unit_test(earlier_segment_wins_where_two_overlap),
		cmocka_unit_test(random_additions_agree_with_a_plain_model),
		cmocka_unit_test(top_of_the_address_space_is_reachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
