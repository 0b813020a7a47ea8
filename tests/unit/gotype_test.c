// Type descriptors: names, fields and pointer masks in the encodings of different releases, and refusal of nonsense.
#include "support/fake_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct fake_types fake;

static struct seep_type read_type(seep_addr addr)
{
	struct seep_type type;

	assert_true(seep_type_read(&fake.types, addr, &type));
	return type;
}

static void names_lose_their_extra_star(void **state)
{
	char wanted[201] = "main.";

	(void)state;
	fake_init(&fake, 22);
	memset(wanted + 5, 'x', 195);
	seep_addr starred = fake_type(&fake, SEEP_KIND_INT, 8, 0, 0, "*main.Count", 0);
	seep_addr lengthy = fake_type(&fake, SEEP_KIND_INT, 8, 0, 0, wanted, 0);
	assert_string_equal(seep_type_name(&fake.types, starred), "main.Count");
	assert_string_equal(seep_type_name(&fake.types, lengthy), wanted);
	assert_ptr_equal(seep_type_name(&fake.types, starred),
			 seep_type_name(&fake.types, starred));
	assert_string_equal(seep_type_name(&fake.types, 0x10), "?");
	fake_deinit(&fake);
}

static void types_of_the_heap_are_named_by_their_parts(void **state)
{
	(void)state;
	fake_init(&fake, 22);
	seep_addr elem = fake_type(&fake, SEEP_KIND_INT, 8, 0, 0, "main.Count", 0);
	seep_addr slice = fake_type(&fake, SEEP_KIND_SLICE, 24, 8, fake_mask(&fake, 1), "-", 8);
	fake_u64(&fake, slice + 48, elem);
	memcpy(fake_at(&fake, FAKE_DATA), fake_at(&fake, slice), 56);
	assert_string_equal(seep_type_name(&fake.types, FAKE_DATA), "[]main.Count");
	fake_deinit(&fake);
}

static void fields_of_1_18_carry_their_flag_in_the_offset(void **state)
{
	struct seep_field field;
	int minors[] = { 18, 19 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		fake_init(&fake, minors[i]);
		seep_addr word = fake_type(&fake, SEEP_KIND_UINTPTR, 8, 0, 0, "uintptr", 0);
		struct fake_field fields[] = {
			{ "plain", word, 0, false },
			{ "inner", word, i == 0 ? 8 << 1 | 1 : 8, i == 1 },
		};
		seep_addr addr =
			fake_struct(&fake, 16, 0, 0, "main.T", "example.org/main", fields, 2);
		struct seep_type type = read_type(addr);
		assert_int_equal(type.count, 2);
		assert_true(seep_type_field(&fake.types, &type, 1, &field));
		assert_int_equal(field.offset, 8);
		assert_true(field.embedded);
		assert_memory_equal(field.name, "inner", field.name_len);
		assert_true(seep_type_field(&fake.types, &type, 0, &field));
		assert_false(field.embedded);
		assert_false(seep_type_field(&fake.types, &type, 2, &field));
		assert_true(seep_type_package_is(&fake.types, &type, "example.org/main", 16));
		assert_false(seep_type_package_is(&fake.types, &type, "main", 4));
		fake_deinit(&fake);
	}
}

// 3 literal bits (101), those 3 twice more, then the last 2 four times: 101 101 101 01 01 01 01.
static void programs_are_run(void **state)
{
	static const unsigned char program[] = { 8, 0, 0, 0, 3, 5, 0x83, 2, 0x80, 2, 4, 0 };
	uint64_t words = 17, expected = 0;

	(void)state;
	fake_init(&fake, 23);
	seep_addr gcdata = fake_take(&fake, sizeof(program));
	memcpy(fake_at(&fake, gcdata), program, sizeof(program));
	seep_addr addr =
		fake_type(&fake, SEEP_KIND_ARRAY | 64, 8 * words, 8 * words, gcdata, "[17]T", 24);
	struct seep_type type = read_type(addr);
	assert_true(type.gc_program);
	const uint8_t *mask = seep_type_mask(&fake.types, &type);
	assert_non_null(mask);
	for (uint64_t i = 0; i < words; i++)
		expected |= (uint64_t)("10110110101010101"[i] == '1') << i;
	assert_int_equal(mask[0] | mask[1] << 8 | (mask[2] & 1) << 16, expected);

	// Cut off before it has said enough.
	fake_u32(&fake, gcdata, 2);
	addr = fake_type(&fake, SEEP_KIND_ARRAY | 64, 8 * words, 8 * words, gcdata, "[17]T", 24);
	type = read_type(addr);
	assert_null(seep_type_mask(&fake.types, &type));
	fake_deinit(&fake);
}

// struct { n int; list [40]struct { n int; p *T } }, its mask on demand.
static seep_addr on_demand_type(seep_addr slot)
{
	seep_addr word = fake_type(&fake, SEEP_KIND_INT, 8, 0, 0, "int", 0);
	seep_addr pointer = fake_pointer(&fake, word, "*int");
	struct fake_field pair[] = { { "n", word, 0, false }, { "p", pointer, 8, false } };
	seep_addr elem =
		fake_struct(&fake, 16, 16, fake_mask(&fake, 2), "main.pair", "main", pair, 2);
	seep_addr list = fake_type(&fake, SEEP_KIND_ARRAY, 640, 640, slot, "[40]main.pair", 24);
	struct fake_field fields[] = { { "n", word, 0, false }, { "list", list, 8, false } };

	fake_u64(&fake, list + 48, elem);
	fake_u64(&fake, list + 64, 40);
	fake_at(&fake, list)[20] |= 16;
	seep_addr addr = fake_struct(&fake, 648, 648, slot, "main.T", "main", fields, 2);
	fake_at(&fake, addr)[20] |= 16;
	return addr;
}

static void masks_on_demand_are_taken_or_computed(void **state)
{
	uint64_t in_slot[] = { 0, FAKE_DATA + 64 /* in progress */, FAKE_BASE + 0x4000 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		fake_init(&fake, 24);
		fake_u64(&fake, FAKE_DATA, in_slot[i]);
		memset(fake_at(&fake, FAKE_BASE + 0x4000), 0x5a, 16);
		struct seep_type type = read_type(on_demand_type(FAKE_DATA));
		assert_true(type.on_demand);
		const uint8_t *mask = seep_type_mask(&fake.types, &type);
		assert_non_null(mask);
		for (int word = 0; word < 81 && i < 2; word++)
			assert_int_equal(mask[word / 8] >> word % 8 & 1, word > 0 && word % 2 == 0);
		if (i == 2)
			assert_int_equal(mask[0], 0x5a);
		fake_deinit(&fake);
	}
}

static void a_type_within_itself_has_no_mask(void **state)
{
	(void)state;
	fake_init(&fake, 24);
	struct fake_field fields[] = { { "a", 0, 0, false }, { "b", 0, 0, false } };
	seep_addr addr = fake_struct(&fake, 64, 64, FAKE_DATA, "main.T", "main", fields, 2);
	fake_at(&fake, addr)[20] |= 16;
	struct seep_type type = read_type(addr);
	fake_u64(&fake, type.fields + 8, addr);
	fake_u64(&fake, type.fields + 32, addr);
	assert_null(seep_type_mask(&fake.types, &type));
	assert_null(seep_type_mask(&fake.types, &type));
	fake_deinit(&fake);
}

static void nonsense_is_refused(void **state)
{
	struct seep_type type;

	(void)state;
	fake_init(&fake, 26);
	seep_addr good = fake_type(&fake, SEEP_KIND_INT, 8, 0, 0, "int", 0);
	assert_true(seep_type_read(&fake.types, good, &type));
	assert_false(seep_type_read(&fake.types, good + 8, &type));
	assert_false(seep_type_read(&fake.types, good + 1, &type));
	assert_false(seep_type_read(&fake.types, 0, &type));
	assert_false(seep_type_read(&fake.types, UINT64_MAX - 7, &type));
	assert_false(seep_type_read(&fake.types, FAKE_BASE + FAKE_LEN - 40, &type));
	fake_u64(&fake, good, 16); // no int has 16 bytes
	assert_false(seep_type_read(&fake.types, good, &type));
	fake_u64(&fake, good, 8);
	fake_u64(&fake, good + 8, 8); // pointers without a mask
	assert_false(seep_type_read(&fake.types, good, &type));
	fake_u64(&fake, good + 8, 0);
	fake_at(&fake, good)[23] = SEEP_KIND_INT | 32; // a flag of before 1.26
	assert_false(seep_type_read(&fake.types, good, &type));
	fake_deinit(&fake);
}

static bool count_type(const struct seep_type *type, void *arg)
{
	(void)type;
	++*(int *)arg;
	return true;
}

static void each_visits_what_is_listed_and_what_it_is_made_of(void **state)
{
	int count = 0;

	(void)state;
	fake_init(&fake, 26);
	seep_addr word = fake_type(&fake, SEEP_KIND_INT, 8, 0, 0, "int", 0);
	struct fake_field fields[] = { { "n", word, 0, false } };
	seep_addr inner = fake_struct(&fake, 8, 0, 0, "main.T", "main", fields, 1);
	seep_addr listed = fake_pointer(&fake, inner, "*main.T");
	fake_u32(&fake, FAKE_DATA, (uint32_t)(listed - FAKE_BASE));
	fake_u32(&fake, FAKE_DATA + 4, UINT32_MAX);
	fake.module.typelinks = FAKE_DATA;
	fake.module.typelinks_len = 2;
	seep_types_each(&fake.types, count_type, &count);
	assert_int_equal(count, 3);
	fake_deinit(&fake);
}

// 1.27 has no list: descriptors one behind the other.
static void each_walks_the_area_of_descriptors(void **state)
{
	int count = 0;

	(void)state;
	fake_init(&fake, 27);
	seep_addr mask = FAKE_BASE + 0x2000;
	fake_u64(&fake, mask, 1);
	for (int i = 0; i < 3; i++) {
		seep_addr addr = FAKE_BASE + 8 + 56 * (uint64_t)i;
		fake.next = FAKE_BASE + 0x3000 + 64 * (uint64_t)i;
		seep_addr made = fake_type(&fake, SEEP_KIND_PTR, 8, 8, mask, "*T", 8);
		memcpy(fake_at(&fake, addr), fake_at(&fake, made), 56);
	}
	fake.module.typedesc_len = 8 + 3 * 56;
	seep_types_each(&fake.types, count_type, &count);
	assert_int_equal(count, 3);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lose_their_extra_star),
		cmocka_unit_test(types_of_the_heap_are_named_by_their_parts),
		cmocka_unit_test(fields_of_1_18_carry_their_flag_in_the_offset),
		cmocka_unit_test(programs_are_run),
		cmocka_unit_test(masks_on_demand_are_taken_or_computed),
		cmocka_unit_test(a_type_within_itself_has_no_mask),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(each_visits_what_is_listed_and_what_it_is_made_of),
		cmocka_unit_test(each_walks_the_area_of_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
