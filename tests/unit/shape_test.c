// Shapes of types of every kind, their paths, and descriptors that lie.
#include "binary/shape.h"
#include "support/fake_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct fake_types fake;
static struct seep_shapes shapes;
static seep_addr number, byte, text, node, empty;

static void begin_as(int minor)
{
	fake_init(&fake, minor);
	assert_null(seep_shapes_init(&shapes, &fake.types));
	number = fake_scalar(&fake, SEEP_KIND_INT, 8, "int");
	byte = fake_scalar(&fake, SEEP_KIND_UINT8, 1, "uint8");
	text = fake_string(&fake);
	empty = fake_record(&fake, "main.empty", "main", NULL, 0);
	node = fake_record(&fake, "main.node", "main",
			   (struct fake_member[]){ { "n", number }, { "s", text } }, 2);
}

static void end_now(void)
{
	seep_shapes_deinit(&shapes);
	fake_deinit(&fake);
}

static int begin(void **state)
{
	(void)state;
	begin_as(25);
	return 0;
}

static int end(void **state)
{
	(void)state;
	end_now();
	return 0;
}

static const struct seep_shape *shape_of(seep_addr type)
{
	uint32_t i = seep_shape_of(&shapes, type);

	assert_true(i > 0 && i < shapes.shapes.len);
	assert_int_equal(seep_shape_of(&shapes, type), i);
	assert_int_equal(shapes.shapes.data[i].type, type);
	return &shapes.shapes.data[i];
}

static void check_part(const struct seep_shape *shape, uint32_t i, int64_t offset,
		       enum seep_part_kind kind, seep_addr type)
{
	assert_true(i < shape->part_count);
	assert_int_equal(shape->parts[i].offset, offset);
	assert_int_equal(shape->parts[i].kind, kind);
	assert_int_equal(shape->parts[i].type, type);
}

/** The only part of a type. */
static void check_single(seep_addr type, enum seep_part_kind kind, seep_addr part_type)
{
	const struct seep_shape *shape = shape_of(type);

	assert_int_equal(shape->part_count, 1);
	check_part(shape, 0, 0, kind, part_type);
}

static seep_addr pointer_to(seep_addr elem)
{
	return fake_pointer(&fake, elem, "*T");
}

static void each_kind_of_pointer_is_a_part_of_its_own(void **state)
{
	seep_addr map = fake_map(&fake, text, number, 0, "map[string]int"),
		  chan = fake_words(&fake, SEEP_KIND_CHAN, 1, 1, number, "chan int"),
		  func = fake_words(&fake, SEEP_KIND_FUNC, 1, 1, 0, "func()"),
		  any = fake_any(&fake), stringer = fake_interface(&fake, 1, "fmt.Stringer");

	(void)state;
	check_single(pointer_to(node), SEEP_PART_POINTER, node);
	check_single(text, SEEP_PART_STRING, text);
	check_single(fake_slice(&fake, node, "[]main.node"), SEEP_PART_SLICE, node);
	check_single(map, SEEP_PART_MAP, map);
	check_single(chan, SEEP_PART_CHANNEL, chan);
	check_single(func, SEEP_PART_FUNC, func);
	check_single(any, SEEP_PART_EFACE, any);
	check_single(stringer, SEEP_PART_IFACE, stringer);
	check_single(fake_words(&fake, SEEP_KIND_UNSAFE_POINTER, 1, 1, 0, "unsafe.Pointer"),
		     SEEP_PART_UNSAFE, 0);
}

static void what_has_no_pointers_has_no_parts(void **state)
{
	(void)state;
	assert_int_equal(shape_of(number)->part_count, 0);
	assert_int_equal(shape_of(number)->size, 8);
	assert_int_equal(shape_of(empty)->part_count, 0);
	assert_int_equal(shape_of(fake_array(&fake, byte, 1000, "[1000]uint8"))->part_count, 0);
	assert_int_equal(shape_of(fake_array(&fake, text, 0, "[0]string"))->part_count, 0);
}

static void sizes_and_directness_are_the_types_own(void **state)
{
	static const int minors[] = { 18, 25, 26, 27 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		end_now();
		begin_as(minors[i]);
		const struct seep_shape *shape = shape_of(node);
		assert_int_equal(shape->size, 24);
		assert_int_equal(shape->ptr_bytes, 16);
		assert_false(shape->direct);
		check_part(shape, 0, 8, SEEP_PART_STRING, text);
		assert_true(shape_of(fake_direct(&fake, pointer_to(node)))->direct);
	}
}

static void pointers_that_may_see_more_than_a_value_are_unsafe(void **state)
{
	static const char *const packages[] = { "runtime", "internal/runtime/maps", "internal/sync",
						"internal/abi", "internal/poll" };
	const struct fake_member own = { "x", text };

	(void)state;
	for (size_t i = 0; i < sizeof(packages) / sizeof(*packages); i++) {
		seep_addr type = fake_record(&fake, "p.thing", packages[i], &own, 1);
		assert_true(shape_of(type)->opaque);
		assert_false(seep_pointer_is_plain(&fake.types, type));
		check_single(pointer_to(type), SEEP_PART_UNSAFE, type);
	}
	check_single(pointer_to(byte), SEEP_PART_UNSAFE, byte);
	seep_addr int8 = fake_scalar(&fake, SEEP_KIND_INT8, 1, "int8");
	check_single(pointer_to(int8), SEEP_PART_UNSAFE, int8);
	check_single(pointer_to(empty), SEEP_PART_UNSAFE, empty);
	check_single(pointer_to(0xdead0000), SEEP_PART_UNSAFE, 0xdead0000);
	// Their neighbours are plain.
	seep_addr like = fake_record(&fake, "runtimes.thing", "runtimes", &own, 1);
	assert_false(shape_of(like)->opaque);
	check_single(pointer_to(like), SEEP_PART_POINTER, like);
	seep_addr flag = fake_scalar(&fake, SEEP_KIND_BOOL, 1, "bool");
	check_single(pointer_to(flag), SEEP_PART_POINTER, flag);
}

static void nested_structs_are_unrolled_in_order(void **state)
{
	seep_addr inner = fake_record(
			  &fake, "main.inner", "main",
			  (struct fake_member[]){ { "flag", byte }, { "p", pointer_to(node) } }, 2),
		  outer = fake_record(
			  &fake, "main.outer", "main",
			  (struct fake_member[]){
				  { "a", inner }, { "n", number }, { "s", text }, { "b", inner } },
			  4);
	const struct seep_shape *shape = shape_of(outer);

	(void)state;
	assert_int_equal(shape->size, 56);
	assert_int_equal(shape->part_count, 3);
	check_part(shape, 0, 8, SEEP_PART_POINTER, node);
	check_part(shape, 1, 24, SEEP_PART_STRING, text);
	check_part(shape, 2, 48, SEEP_PART_POINTER, node);
}

static void short_arrays_are_unrolled_and_long_ones_are_one_part(void **state)
{
	seep_addr sixteen = fake_array(&fake, node, 16, "[16]main.node"),
		  seventeen = fake_array(&fake, node, 17, "[17]main.node");
	const struct seep_shape *shape = shape_of(sixteen);

	(void)state;
	assert_int_equal(shape->part_count, 16);
	for (uint32_t i = 0; i < 16; i++)
		check_part(shape, i, 24 * i + 8, SEEP_PART_STRING, text);
	shape = shape_of(seventeen);
	assert_int_equal(shape->part_count, 1);
	assert_int_equal(shape->parts[0].kind, SEEP_PART_ARRAY);
	assert_int_equal(shape->parts[0].count, 17);
	assert_int_equal(shape->parts[0].stride, 24);
	assert_int_equal(shape->parts[0].inner, seep_shape_of(&shapes, node));
	// In a struct, too, between its neighbours.
	seep_addr outer = fake_record(
		&fake, "main.o", "main",
		(struct fake_member[]){ { "a", text }, { "b", seventeen }, { "c", text } }, 3);
	shape = shape_of(outer);
	assert_int_equal(shape->part_count, 3);
	assert_int_equal(shape->parts[1].offset, 16);
	assert_int_equal(shape->parts[1].kind, SEEP_PART_ARRAY);
	check_part(shape, 2, 16 + 17 * 24, SEEP_PART_STRING, text);
}

static seep_addr atomic_pointer(const char *name, const char *package, seep_addr elem)
{
	seep_addr tag = fake_array(&fake, pointer_to(elem), 0, "[0]*T"),
		  word = fake_words(&fake, SEEP_KIND_UNSAFE_POINTER, 1, 1, 0, "unsafe.Pointer");

	return fake_record(&fake, name, package,
			   (struct fake_member[]){ { "_", tag }, { "_", empty }, { "v", word } },
			   3);
}

static void an_atomic_pointer_says_what_it_points_to(void **state)
{
	(void)state;
	check_single(atomic_pointer("atomic.Pointer[main.node]", "sync/atomic", node),
		     SEEP_PART_POINTER, node);
	check_single(atomic_pointer("atomic.Pointer[uint8]", "sync/atomic", byte), SEEP_PART_UNSAFE,
		     byte);
	// Others of the like do not.
	check_single(atomic_pointer("atomic.Pointer[main.node]", "example.com/atomic", node),
		     SEEP_PART_UNSAFE, 0);
	check_single(atomic_pointer("atomic.Other[main.node]", "sync/atomic", node),
		     SEEP_PART_UNSAFE, 0);
}

static void a_buckets_last_pointer_leads_to_its_like(void **state)
{
	seep_addr word = fake_words(&fake, SEEP_KIND_UNSAFE_POINTER, 1, 1, 0, "unsafe.Pointer"),
		  bits = fake_array(&fake, byte, 8, "[8]uint8"),
		  keys = fake_array(&fake, number, 8, "[8]int"),
		  elems = fake_array(&fake, text, 8, "[8]string");
	struct fake_member fields[] = {
		{ "topbits", bits }, { "keys", keys }, { "elems", elems }, { "overflow", word }
	};
	seep_addr bucket = fake_record(&fake, "map.bucket[int]string", "", fields, 4),
		  other = fake_record(&fake, "main.bucket", "main", fields, 4);
	const struct seep_shape *shape = shape_of(bucket);

	(void)state;
	assert_int_equal(shape->part_count, 9);
	check_part(shape, 0, 72, SEEP_PART_STRING, text);
	check_part(shape, 8, 200, SEEP_PART_POINTER, bucket);
	assert_int_equal(seep_shape_target(&shapes, &shape->parts[8]),
			 seep_shape_of(&shapes, bucket));
	check_part(shape_of(other), 8, 200, SEEP_PART_UNSAFE, 0);
	seep_addr map = fake_map(&fake, number, text, bucket, "map[int]string");
	assert_int_equal(seep_shape_of_buckets(&shapes, map), seep_shape_of(&shapes, bucket));
	// It is the last field, whatever is like it before.
	struct fake_member alike[] = { { "first", word }, { "overflow", word } };
	shape = shape_of(fake_record(&fake, "map.bucket[x]y", "", alike, 2));
	check_part(shape, 0, 0, SEEP_PART_UNSAFE, 0);
	assert_int_equal(shape->parts[1].kind, SEEP_PART_POINTER);
	// Keys of the kind that may be anything are not the overflow.
	fields[1].type = fake_array(&fake, word, 8, "[8]unsafe.Pointer");
	shape = shape_of(fake_record(&fake, "map.bucket[unsafe.Pointer]string", "", fields, 4));
	check_part(shape, 0, 8, SEEP_PART_UNSAFE, 0);
}

static void targets_are_found_once_types_are_asked_for(void **state)
{
	seep_addr self = fake_record(&fake, "main.self", "main",
				     (struct fake_member[]){ { "next", pointer_to(0) } }, 1);

	(void)state;
	fake_u64(&fake, fake_read(&fake, fake_read(&fake, self + 56) + 8) + 48, self);
	const struct seep_shape *shape = shape_of(self);
	check_part(shape, 0, 0, SEEP_PART_POINTER, self);
	assert_int_equal(seep_shape_target(&shapes, &shape->parts[0]),
			 seep_shape_of(&shapes, self));
	struct seep_part nothing = { .kind = SEEP_PART_UNSAFE };
	assert_int_equal(seep_shape_target(&shapes, &nothing), 0);
}

static void shapes_can_be_made_without_a_type(void **state)
{
	const struct seep_part part = { .offset = 8, .kind = SEEP_PART_STRING };
	uint32_t i = seep_shape_add(&shapes, NULL, 24, &part, 1);

	(void)state;
	assert_true(i > 0);
	assert_int_equal(shapes.shapes.data[i].size, 24);
	assert_int_equal(shapes.shapes.data[i].part_count, 1);
	check_part(&shapes.shapes.data[i], 0, 8, SEEP_PART_STRING, 0);
	assert_true(shapes.shapes.data[i].parts != &part);
	assert_true(seep_shape_add(&shapes, NULL, 8, NULL, 0) > i);
}

static void kinds_have_their_sizes(void **state)
{
	(void)state;
	assert_int_equal(seep_part_bytes(SEEP_PART_STRING), 16);
	assert_int_equal(seep_part_bytes(SEEP_PART_SLICE), 24);
	assert_int_equal(seep_part_bytes(SEEP_PART_EFACE), 16);
	assert_int_equal(seep_part_bytes(SEEP_PART_IFACE), 16);
	assert_int_equal(seep_part_bytes(SEEP_PART_MAP), 8);
	assert_int_equal(seep_part_bytes(SEEP_PART_ARRAY), 0);
}

// Where things stand in types.

static seep_addr make_table(void)
{
	seep_addr rows = fake_array(&fake, node, 4, "[4]main.node");

	return fake_record(
		&fake, "main.table", "main",
		(struct fake_member[]){
			{ "id", number }, { "none", empty }, { "rows", rows }, { "last", node } },
		4);
}

static void check_path(seep_addr type, uint64_t offset, bool any_index, const char *want)
{
	_cleanup_(seep_str_deinit) struct seep_str path = {};

	seep_type_path(&fake.types, type, offset, any_index, &path);
	assert_string_equal(seep_str_text(&path), want);
}

static void paths_go_through_fields_and_elements(void **state)
{
	seep_addr table = make_table();

	(void)state;
	check_path(table, 0, false, ".id");
	check_path(table, 7, false, ".id");
	check_path(table, 8, false, ".rows[0].n");
	check_path(table, 8 + 3 * 24 + 16, false, ".rows[3].s");
	check_path(table, 8 + 3 * 24 + 16, true, ".rows[...].s");
	check_path(table, 8 + 4 * 24, false, ".last.n");
	check_path(table, 8 + 4 * 24 + 23, false, ".last.s");
	check_path(table, fake_size(&fake, table), false, "");
	check_path(table, UINT64_MAX, false, "");
	check_path(fake_array(&fake, number, 3, "[3]int"), 16, false, "[2]");
	check_path(fake_array(&fake, number, 3, "[3]int"), 24, false, "");
	check_path(number, 0, false, "");
	check_path(0xdead0000, 0, false, "");
}

static void types_contain_their_fields_and_elements(void **state)
{
	seep_addr table = make_table();

	(void)state;
	assert_true(seep_type_contains(&fake.types, table, 0, table));
	assert_true(seep_type_contains(&fake.types, table, 0, number));
	assert_true(seep_type_contains(&fake.types, table, 8, node));
	assert_true(seep_type_contains(&fake.types, table, 8 + 24, node));
	assert_true(seep_type_contains(&fake.types, table, 8 + 24, number));
	assert_true(seep_type_contains(&fake.types, table, 8 + 24 + 8, text));
	assert_true(seep_type_contains(&fake.types, table, 8 + 4 * 24, node));
	assert_false(seep_type_contains(&fake.types, table, 0, node));
	assert_false(seep_type_contains(&fake.types, table, 8 + 8, node));
	assert_false(seep_type_contains(&fake.types, table, 8 + 9, text));
	assert_false(seep_type_contains(&fake.types, table, 8, text));
	assert_false(seep_type_contains(&fake.types, table, fake_size(&fake, table), node));
	assert_false(seep_type_contains(&fake.types, table, UINT64_MAX - 7, node));
	assert_false(seep_type_contains(&fake.types, 0xdead0000, 0, node));
	seep_addr rows = fake_array(&fake, node, 4, "[4]main.node");
	assert_true(seep_type_contains(&fake.types, rows, 3 * 24, node));
	assert_false(seep_type_contains(&fake.types, rows, 4 * 24, node));
}

// Descriptors that lie.

static void check_refused(seep_addr type)
{
	assert_int_equal(seep_shape_of(&shapes, type), 0);
	assert_int_equal(seep_shape_of(&shapes, type), 0);
}

static void what_cannot_be_read_has_no_shape(void **state)
{
	seep_addr odd =
		fake_record(&fake, "main.odd", "main", (struct fake_member[]){ { "s", text } }, 1);

	(void)state;
	check_refused(0);
	check_refused(0xdead0000);
	check_refused(node + 4);
	fake_u64(&fake, fake_read(&fake, odd + 56) + 8, 0xdead0000); // the field's type
	check_refused(odd);
}

static void types_that_hold_themselves_end(void **state)
{
	seep_addr self = fake_record(&fake, "main.self", "main",
				     (struct fake_member[]){ { "s", text } }, 1),
		  array = fake_array(&fake, text, 2, "[2]string");

	(void)state;
	fake_u64(&fake, fake_read(&fake, self + 56) + 8, self);
	check_refused(self);
	fake_u64(&fake, array + 48, array);
	check_refused(array);
	assert_false(seep_type_contains(&fake.types, array, 8, text));
}

/** A field, or elements, that reach over the end of what holds them: whoever follows the parts would read what is not the object's. */
static void no_part_leaves_its_value(void **state)
{
	seep_addr late = fake_record(&fake, "main.late", "main",
				     (struct fake_member[]){ { "n", number }, { "s", text } }, 2),
		  wide = fake_record(&fake, "main.wide", "main",
				     (struct fake_member[]){ { "s", text } }, 1),
		  elems = fake_array(&fake, text, 100, "[100]string");

	(void)state;
	fake_u64(&fake, fake_read(&fake, late + 56) + 24 + 16,
		 16); // offset of s: its length lies outside
	fake_u64(&fake, late + 8, 24);
	check_refused(late);
	fake_u64(&fake, fake_read(&fake, wide + 56) + 8, elems); // 1,600 bytes in 16
	check_refused(wide);
	fake_u64(&fake, elems + 64, 101);
	check_refused(elems);
	seep_addr none = fake_array(&fake, text, 1, "[1]string"),
		  many = fake_array(&fake, text, 1, "[1]string");
	fake_u64(&fake, none + 64, 0); // pointers in no elements
	check_refused(none);
	fake_u64(&fake, many + 64,
		 ((uint64_t)1 << 60) + 1); // as many bytes, as far as 64 bits tell
	check_refused(many);
}

static void pointers_that_no_field_explains_are_not_understood(void **state)
{
	seep_addr bucket = fake_struct(&fake, 64, 48, fake_mask(&fake, 0x3f), "", "", NULL, 0),
		  more = fake_record(&fake, "main.more", "main",
				     (struct fake_member[]){ { "s", text }, { "n", number } }, 2);

	(void)state;
	// As reflect makes them for its maps, up to Go 1.23.
	check_refused(bucket);
	check_refused(fake_array(&fake, bucket, 4, "[4]bucket"));
	fake_u64(&fake, more + 8, 24); // n holds a pointer, it says
	check_refused(more);
}

static void endless_arrays_of_nothing_end(void **state)
{
	seep_addr hollow = fake_struct(&fake, 8, 8, fake_mask(&fake, 1), "", "", NULL, 0),
		  array = fake_array(&fake, hollow, 1, "[1]hollow");

	(void)state;
	fake_u64(&fake, array, (uint64_t)1 << 46);
	fake_u64(&fake, array + 64, (uint64_t)1 << 43);
	check_refused(array);
	fake_u64(&fake, array + 64, 0); // pointers in no elements
	check_refused(array);
}

static void deep_nesting_is_given_up(void **state)
{
	seep_addr type = text;

	(void)state;
	for (int i = 0; i < 40; i++)
		type = fake_record(&fake, "main.deep", "main",
				   (struct fake_member[]){ { "d", type } }, 1);
	check_single(type, SEEP_PART_STRING, text);
	for (int i = 0; i < 40; i++)
		type = fake_record(&fake, "main.deep", "main",
				   (struct fake_member[]){ { "d", type } }, 1);
	check_refused(type);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_kind_of_pointer_is_a_part_of_its_own),
		CASE(what_has_no_pointers_has_no_parts),
		CASE(sizes_and_directness_are_the_types_own),
		CASE(pointers_that_may_see_more_than_a_value_are_unsafe),
		CASE(nested_structs_are_unrolled_in_order),
		CASE(short_arrays_are_unrolled_and_long_ones_are_one_part),
		CASE(an_atomic_pointer_says_what_it_points_to),
		CASE(a_buckets_last_pointer_leads_to_its_like),
		CASE(targets_are_found_once_types_are_asked_for),
		CASE(shapes_can_be_made_without_a_type),
		CASE(kinds_have_their_sizes),
		CASE(paths_go_through_fields_and_elements),
		CASE(types_contain_their_fields_and_elements),
		CASE(what_cannot_be_read_has_no_shape),
		CASE(types_that_hold_themselves_end),
		CASE(no_part_leaves_its_value),
		CASE(pointers_that_no_field_explains_are_not_understood),
		CASE(endless_arrays_of_nothing_end),
		CASE(deep_nesting_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
