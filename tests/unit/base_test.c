// What everything else stands on: bits, bounds-checked reading, vectors, the map.
#include "base/bits.h"
#include "base/buffer.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/vec.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t ONES = UINT64_MAX;

// The map.

static int end_map(void **state)
{
	seep_map_deinit(*state);
	return 0;
}

static void an_untouched_map_is_empty(void **state)
{
	static struct seep_map map;

	*state = &map;
	assert_null(seep_map_get(&map, 0));
	assert_null(seep_map_get(&map, ONES));
	assert_null(seep_map_get(&map, 12345));
}

static void any_key_is_a_key(void **state)
{
	static struct seep_map map;
	static const uint64_t keys[] = { 0, 1, UINT64_MAX, UINT64_MAX - 1, 1ull << 63, 1ull << 32 };
	bool added;

	*state = &map;
	for (uint64_t i = 0; i < 6; i++) {
		uint64_t *value = seep_map_put(&map, keys[i], &added);
		assert_non_null(value);
		assert_true(added);
		assert_int_equal(*value, 0);
		*value = i + 1;
	}
	for (uint64_t i = 0; i < 6; i++) {
		assert_int_equal(*seep_map_get(&map, keys[i]), i + 1);
		assert_int_equal(*seep_map_put(&map, keys[i], &added), i + 1);
		assert_false(added);
		assert_non_null(seep_map_put(&map, keys[i], NULL));
	}
}

static void the_key_of_all_ones_survives_growth(void **state)
{
	static struct seep_map map;

	*state = &map;
	*seep_map_put(&map, ONES, NULL) = 7;
	assert_null(seep_map_get(&map, 0));
	for (uint64_t i = 0; i < 1000; i++)
		*seep_map_put(&map, i, NULL) = i;
	assert_int_equal(*seep_map_get(&map, ONES), 7);
	assert_int_equal(map.len, 1000);
	seep_map_deinit(&map);
	assert_null(seep_map_get(&map, ONES));
}

// Random keys of a small range, so that they come again, with a plain array beside the map.
static void a_map_agrees_with_an_array(void **state)
{
	enum { KEYS = 4096 };
	static struct seep_map map;
	static uint64_t values[KEYS];
	static bool there[KEYS];
	struct fake_random rng = { 11 };
	uint64_t count = 0;

	*state = &map;
	for (int i = 0; i < 20000; i++) {
		uint64_t k = fake_below(&rng, KEYS), key = (k << 13) | 0xc000000000;
		bool added;
		uint64_t *value = seep_map_put(&map, key, &added);
		assert_int_equal(added, !there[k]);
		assert_int_equal(*value, values[k]);
		count += added;
		there[k] = true;
		*value = values[k] = fake_random(&rng);
		assert_true(map.len == count && map.len < map.cap);
	}
	for (uint64_t k = 0; k < KEYS; k++) {
		const uint64_t *value = seep_map_get(&map, (k << 13) | 0xc000000000);
		assert_true(there[k] ? value && *value == values[k] : !value);
		assert_null(seep_map_get(&map, (k << 13) | 0xc000000001));
	}
}

// Buffers.

static struct seep_buffer of(const char *bytes, size_t len)
{
	return seep_buffer_of(bytes, len);
}

static void numbers_are_read_whole_or_not_at_all(void **state)
{
	static const char bytes[] = "\x01\x02\x03\x04\x05\x06\x07\x88\x99";
	uint8_t u8 = 0xee;
	uint16_t u16 = 0xeeee;
	uint32_t u32 = 0xeeeeeeee;
	uint64_t u64 = 0xeeeeeeeeeeeeeeee;

	(void)state;
	struct seep_buffer b = of(bytes, 7);
	assert_false(seep_buffer_u64(&b, &u64));
	assert_int_equal(u64, 0xeeeeeeeeeeeeeeee);
	assert_int_equal(seep_buffer_left(&b), 7);
	assert_true(seep_buffer_u32(&b, &u32));
	assert_int_equal(u32, 0x04030201);
	assert_false(seep_buffer_u32(&b, &u32));
	assert_int_equal(u32, 0x04030201);
	assert_true(seep_buffer_u16(&b, &u16));
	assert_int_equal(u16, 0x0605);
	assert_false(seep_buffer_u16(&b, &u16));
	assert_true(seep_buffer_u8(&b, &u8));
	assert_int_equal(u8, 7);
	assert_false(seep_buffer_u8(&b, &u8));
	b = of(bytes, 9);
	assert_true(seep_buffer_u64(&b, &u64));
	assert_int_equal(u64, 0x8807060504030201);
	assert_null(seep_buffer_bytes(&b, SIZE_MAX));
	assert_null(seep_buffer_bytes(&b, 2));
	assert_ptr_equal(seep_buffer_bytes(&b, 1), bytes + 8);
	assert_non_null(seep_buffer_bytes(&b, 0));
}

static void check_uvarint(const char *bytes, size_t len, bool good, uint64_t want)
{
	struct seep_buffer b = of(bytes, len);
	uint64_t v = 0x5555;

	assert_int_equal(seep_buffer_uvarint(&b, &v), good);
	assert_int_equal(v, good ? want : 0x5555);
	if (!good)
		assert_int_equal(seep_buffer_left(&b), len);
}

static void uvarints_of_up_to_64_bits(void **state)
{
	(void)state;
	check_uvarint("\x00", 1, true, 0);
	check_uvarint("\x7f", 1, true, 127);
	check_uvarint("\x80\x01", 2, true, 128);
	check_uvarint("\x80\x00", 2, true, 0); // longer than need be
	check_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, true, UINT64_MAX);
	check_uvarint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10, true, 1ull << 63);
	check_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9, true, UINT64_MAX >> 1);
	check_uvarint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10, true, 0);
	check_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, false, 0);
	check_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11, false, 0);
	check_uvarint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, false, 0);
	check_uvarint("", 0, false, 0);
	check_uvarint("\x80", 1, false, 0);
	check_uvarint("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, false, 0);
}

static void uvarints_come_back_as_they_went(void **state)
{
	struct fake_random rng = { 12 };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t want = fake_random(&rng) >> fake_below(&rng, 64), v = want, got = 0;
		unsigned char bytes[11] = {};
		size_t len = 0;
		do {
			bytes[len] = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);
			v >>= 7;
		} while (bytes[len++] & 0x80);
		bytes[len] = 0xff;
		struct seep_buffer b = seep_buffer_of(bytes, len + 1);
		assert_true(seep_buffer_uvarint(&b, &got));
		assert_int_equal(got, want);
		assert_int_equal(seep_buffer_left(&b), 1);
		b = seep_buffer_of(bytes, len - 1);
		assert_false(seep_buffer_uvarint(&b, &got));
	}
}

static void strings_end_within_the_buffer(void **state)
{
	static const char bytes[] = "ab\0\0cde";

	(void)state;
	struct seep_buffer b = of(bytes, 7);
	assert_null(seep_buffer_cstring(&b, 2));
	assert_int_equal(seep_buffer_left(&b), 7);
	assert_string_equal(seep_buffer_cstring(&b, 3), "ab");
	assert_string_equal(seep_buffer_cstring(&b, 100), "");
	assert_null(seep_buffer_cstring(&b, 100)); // the NUL behind is not in it
	assert_null(seep_buffer_cstring(&b, 0));
	b = (struct seep_buffer){};
	assert_null(seep_buffer_cstring(&b, 10));
	assert_int_equal(seep_buffer_left(&b), 0);
}

// Vectors.

static void a_vector_grows(void **state)
{
	struct seep_vec(uint32_t) v = {};

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		assert_true(seep_vec_push(&v, i));
	assert_true(v.len == 10000 && v.cap >= v.len);
	uint32_t next = 0;
	seep_vec_foreach(item, &v)
		assert_int_equal(*item, next++);
	assert_int_equal(next, 10000);
	assert_int_equal(seep_vec_pop(&v), 9999);
	assert_int_equal(v.len, 9999);
	seep_vec_free(&v);
	assert_true(!v.data && !v.len && !v.cap);
	seep_vec_foreach(item, &v)
		fail();
}

static void a_vector_that_cannot_grow_stays_as_it_was(void **state)
{
	static const size_t absurd[] = { SIZE_MAX, SIZE_MAX / 2 + 2, SIZE_MAX / 4,
					 SIZE_MAX / 8 + 1 };
	struct seep_vec(uint64_t) v = {};

	(void)state;
	assert_true(seep_vec_push(&v, 42));
	for (size_t i = 0; i < 4; i++) {
		size_t cap = v.cap;
		assert_false(seep_vec_reserve(&v, absurd[i]));
		assert_true(v.len == 1 && v.cap == cap && v.data[0] == 42);
	}
	assert_true(seep_vec_reserve(&v, 1));
	assert_true(seep_vec_reserve(&v, 1000));
	assert_true(v.cap >= 1000 && v.data[0] == 42);
	seep_vec_free(&v);
}

// Bits.

static void bits_are_alone(void **state)
{
	(void)state;
	assert_int_equal(SEEP_BITS_WORDS(0), 0);
	assert_int_equal(SEEP_BITS_WORDS(1), 1);
	assert_int_equal(SEEP_BITS_WORDS(64), 1);
	assert_int_equal(SEEP_BITS_WORDS(65), 2);
	for (size_t i = 0; i < 192; i++) {
		uint64_t bits[3] = {};
		seep_bit_set(bits, i);
		for (size_t k = 0; k < 192; k++)
			assert_int_equal(seep_bit_get(bits, k), k == i);
		seep_bit_set(bits, (i + 1) % 192);
		seep_bit_clear(bits, i);
		for (size_t k = 0; k < 192; k++)
			assert_int_equal(seep_bit_get(bits, k), k == (i + 1) % 192);
	}
}

// Threads.

static void count_call(void *arg, unsigned i)
{
	((unsigned *)arg)[i]++; // of its own: two calls with one number would be a race
}

static void each_part_of_the_work_is_done_once(void **state)
{
	(void)state;
	for (unsigned count = 1; count <= 100; count += 33) {
		unsigned calls[100] = {};
		seep_pool_run(count, count_call, calls);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(calls[i], i < count);
	}
	seep_pool_set_threads(5);
	assert_int_equal(seep_pool_threads(), 5);
	assert_int_equal(seep_pool_least(1000), 0);
	seep_pool_set_threads(0);
	assert_true(seep_pool_threads() >= 1);
	assert_int_equal(seep_pool_least(1000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_untouched_map_is_empty, end_map),
		cmocka_unit_test_teardown(any_key_is_a_key, end_map),
		cmocka_unit_test_teardown(the_key_of_all_ones_survives_growth, end_map),
		cmocka_unit_test_teardown(a_map_agrees_with_an_array, end_map),
		cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
		cmocka_unit_test(uvarints_of_up_to_64_bits),
		cmocka_unit_test(uvarints_come_back_as_they_went),
		cmocka_unit_test(strings_end_within_the_buffer),
		cmocka_unit_test(a_vector_grows),
		cmocka_unit_test(a_vector_that_cannot_grow_stays_as_it_was),
		cmocka_unit_test(bits_are_alone),
		cmocka_unit_test(each_part_of_the_work_is_done_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
