// Shapes of types that are as Go makes them, and of types that claim to be without end.
#include "binary/shape.h"
#include "support/fake_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct fake_types fake;
static struct seep_shapes shapes;

static int begin(void **state)
{
	(void)state;
	fake_init(&fake, 22);
	assert_null(seep_shapes_init(&shapes, &fake.types));
	return 0;
}

static int end(void **state)
{
	(void)state;
	seep_shapes_deinit(&shapes);
	fake_deinit(&fake);
	return 0;
}

static seep_addr word(void)
{
	return fake_type(&fake, SEEP_KIND_INT, 8, 0, 0, "int", 0);
}

static seep_addr array_of(seep_addr elem, uint64_t count, uint64_t size, uint64_t ptr_bytes)
{
	seep_addr addr =
		fake_type(&fake, SEEP_KIND_ARRAY, size, ptr_bytes, fake_mask(&fake, 1), "[n]T", 24);

	fake_u64(&fake, addr + 48, elem);
	fake_u64(&fake, addr + 64, count);
	return addr;
}

static seep_addr struct_of(uint64_t size, const struct fake_field *fields, size_t count)
{
	return fake_struct(&fake, size, 8, fake_mask(&fake, 1), "main.S", "main", fields, count);
}

static void pointers_with_a_name_see_everything(void **state)
{
	seep_addr plain = fake_pointer(&fake, word(), "*int"),
		  named = fake_pointer(&fake, word(), "main.first");

	(void)state;
	fake_at(&fake, named)[20] |= 4;
	const struct fake_field fields[] = { { "a", plain, 0, false }, { "b", named, 8, false } };
	seep_addr both =
		fake_struct(&fake, 16, 16, fake_mask(&fake, 3), "main.S", "main", fields, 2);
	uint32_t shape = seep_shape_of(&shapes, both);
	assert_int_not_equal(shape, 0);
	const struct seep_shape *s = &shapes.shapes.data[shape];
	assert_int_equal(s->part_count, 2);
	assert_int_equal(s->parts[0].kind, SEEP_PART_POINTER);
	assert_int_equal(s->parts[1].kind, SEEP_PART_UNSAFE);
}

static void what_is_inside_is_told_from_what_it_begins_with(void **state)
{
	seep_addr i = word(), s = fake_type(&fake, SEEP_KIND_INT16, 2, 0, 0, "int16", 0);
	const struct fake_field pair[] = { { "x", i, 0, false }, { "y", i, 8, false } };
	seep_addr inner = struct_of(16, pair, 2);
	const struct fake_field outer_fields[] = {
		{ "nothing", struct_of(0, NULL, 0), 0, false },
		{ "head", inner, 0, false },
		{ "none", struct_of(0, NULL, 0), 16, false },
		{ "all", array_of(inner, 3, 48, 0), 16, false },
	};
	seep_addr outer = struct_of(64, outer_fields, 4);

	(void)state;
	assert_int_equal(seep_type_contains(&fake.types, outer, 0, outer), SEEP_INSIDE_IS);
	assert_int_equal(seep_type_contains(&fake.types, outer, 0, inner), SEEP_INSIDE_BEGINS);
	assert_int_equal(seep_type_contains(&fake.types, outer, 16, inner), SEEP_INSIDE_BEGINS);
	assert_int_equal(seep_type_contains(&fake.types, outer, 32, inner), SEEP_INSIDE_WITHIN);
	assert_int_equal(seep_type_contains(&fake.types, outer, 32, i), SEEP_INSIDE_BEGINS);
	assert_int_equal(seep_type_contains(&fake.types, outer, 40, i), SEEP_INSIDE_WITHIN);
	assert_int_equal(seep_type_contains(&fake.types, outer, 40, s), SEEP_INSIDE_NOT);
	assert_int_equal(seep_type_contains(&fake.types, outer, 64, i), SEEP_INSIDE_NOT);
}

static void parts_do_not_leave_their_value(void **state)
{
	seep_addr p = fake_pointer(&fake, word(), "*int");
	const struct fake_field behind[] = { { "a", p, 8, false } },
				overlapping[] = { { "a", p, 0, false }, { "b", p, 0, false } };

	(void)state;
	assert_int_equal(seep_shape_of(&shapes, struct_of(8, behind, 1)), 0);
	assert_int_equal(seep_shape_of(&shapes, struct_of(8, overlapping, 2)), 0);
	const struct seep_part parts[] = { { .kind = SEEP_PART_STRING } };
	assert_int_equal(seep_shape_add(&shapes, NULL, 8, parts, 1), 0);
	assert_int_not_equal(seep_shape_add(&shapes, NULL, 16, parts, 1), 0);
}

// Each of these would take years.

static void structs_that_double_end(void **state)
{
	// Of no parts in the end: a struct that says it has pointers, and has no fields.
	seep_addr at = struct_of(8, NULL, 0);

	(void)state;
	for (int i = 0; i < 60; i++) {
		const struct fake_field twice[] = { { "a", at, 0, false }, { "b", at, 0, false } };
		at = struct_of(8, twice, 2);
	}
	assert_int_equal(seep_shape_of(&shapes, at), 0);
}

static void arrays_without_pointers_end(void **state)
{
	(void)state;
	assert_int_equal(seep_shape_of(&shapes, array_of(word(), 1ull << 36, 8ull << 36, 8)), 0);
}

static void arrays_of_arrays_end(void **state)
{
	seep_addr at = fake_pointer(&fake, word(), "*int");
	uint64_t size = 8;

	(void)state;
	for (int i = 0; i < 12; i++, size *= 4)
		at = array_of(at, 4, 4 * size, 4 * size);
	uint32_t shape = seep_shape_of(&shapes, at);
	const struct seep_shape *s = &shapes.shapes.data[shape];
	assert_int_not_equal(shape, 0);
	assert_in_range(s->part_count, 1, 16);
	for (int i = 0; i < 100; i++)
		at = array_of(at, 1, size, size);
	assert_int_equal(seep_shape_of(&shapes, at), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pointers_with_a_name_see_everything, begin, end),
		cmocka_unit_test_setup_teardown(what_is_inside_is_told_from_what_it_begins_with,
						begin, end),
		cmocka_unit_test_setup_teardown(parts_do_not_leave_their_value, begin, end),
		cmocka_unit_test_setup_teardown(structs_that_double_end, begin, end),
		cmocka_unit_test_setup_teardown(arrays_without_pointers_end, begin, end),
		cmocka_unit_test_setup_teardown(arrays_of_arrays_end, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
