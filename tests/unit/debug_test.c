// Package variables, closures and frames out of DWARF 4 and 5, and their joining with symbols; whole and damaged.
//
// With SEEP_SEEDS=FOLDER in the environment, writes the executables to FOLDER/debug/ instead: the seeds of the fuzzer.
#include "binary/binary.h"
#include "binary/variables.h"
#include "support/fake_debug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct fake_debug fake;
static struct seep_binary binary;
static struct seep_variables variables;

static bool open_bytes(const void *bytes, size_t len, int minor)
{
	memset(&binary, 0, sizeof(binary));
	memset(&variables, 0, sizeof(variables));
	struct seep_error *err = seep_image_parse(bytes, len, &binary.image);
	if (err) {
		seep_error_destroy(err);
		return false;
	}
	binary.pclntab.module.data = FAKE_DEBUG_VARIABLES;
	binary.pclntab.module.edata = FAKE_DEBUG_SYMBOLS + 0x1000;
	seep_types_init(&binary.types, &binary.image.memory, &binary.pclntab.module, minor);
	assert_null(seep_variables_read(&binary, &binary.types, &variables));
	return true;
}

static void close_all(void)
{
	seep_variables_deinit(&variables);
	seep_types_deinit(&binary.types);
	seep_image_deinit(&binary.image);
}

static void open_fake(int version, enum fake_debug_packing packing, int minor)
{
	fake_debug_build(version, packing, &fake);
	assert_true(open_bytes(fake.bytes, fake.len, minor));
}

static const struct seep_variable *at(unsigned number)
{
	return seep_variables_find(&variables, FAKE_DEBUG_VARIABLES + number * 0x1000);
}

static void expect_part(const struct seep_part *part, int64_t offset, enum seep_part_kind kind)
{
	assert_int_equal(part->offset, offset);
	assert_int_equal(part->kind, kind);
}

static void expect_variables(void)
{
	const struct seep_variable *one = at(0);

	assert_non_null(one);
	assert_string_equal(one->name, "main.one");
	assert_int_equal(one->size, 832);
	assert_int_equal(one->part_count, 3);
	expect_part(&one->parts[0], 0, SEEP_PART_POINTER);
	expect_part(&one->parts[1], 8, SEEP_PART_STRING);
	expect_part(&one->parts[2], 24, SEEP_PART_ARRAY);
	assert_int_equal(one->parts[2].count, 100);
	assert_int_equal(one->parts[2].stride, 8);
	struct seep_shape inner = seep_debug_inner(variables.debug, one->parts[2].inner);
	assert_int_equal(inner.part_count, 1);
	expect_part(&inner.parts[0], 0, SEEP_PART_POINTER);
	// There are no descriptors here, so pointers lead to shapes: next to a node like this one.
	struct seep_shape node = seep_debug_inner(variables.debug, one->parts[0].inner);
	assert_int_equal(node.size, 832);
	assert_int_equal(node.part_count, 3);
	assert_int_equal(node.ptr_bytes, 824);

	assert_string_equal(at(1)->name, "example.com/a.b.list");
	expect_part(&at(1)->parts[0], 0, SEEP_PART_SLICE);
	expect_part(&at(2)->parts[0], 0, SEEP_PART_MAP);
	expect_part(&at(4)->parts[0], 0, SEEP_PART_POINTER);
	assert_int_equal(at(4)->parts[0].inner, 0); // of generic code: to anything
	assert_int_equal(at(5)->part_count, 2);
	expect_part(&at(5)->parts[1], 16, SEEP_PART_STRING);
	assert_int_equal(at(6)->part_count, 0);
	assert_non_null(at(6)->parts);
	expect_part(&at(7)->parts[0], 0, SEEP_PART_EFACE);
}

static void variables_have_their_parts_in_every_form(void **state)
{
	(void)state;
	for (int version = 4; version <= 5; version++) {
		for (int packing = FAKE_DEBUG_PLAIN; packing <= FAKE_DEBUG_ZDEBUG; packing++) {
			// Nobody writes the old form of compression with DWARF 5.
			if (version == 5 && packing == FAKE_DEBUG_ZDEBUG)
				continue;
			open_fake(version, packing, 22);
			expect_variables();
			close_all();
		}
	}
}

static void a_type_that_holds_itself_is_not_understood(void **state)
{
	(void)state;
	open_fake(4, FAKE_DEBUG_PLAIN, 22);
	// The symbol table still has its name and size.
	assert_non_null(at(3));
	assert_string_equal(at(3)->name, "main.loop");
	assert_int_equal(at(3)->size, 8);
	assert_null(at(3)->parts);
	close_all();
}

static void symbols_fill_what_variables_leave(void **state)
{
	const struct seep_variable *found;

	(void)state;
	open_fake(5, FAKE_DEBUG_PLAIN, 27);
	assert_true(variables.has_names && variables.has_types);
	found = seep_variables_find(&variables, FAKE_DEBUG_VARIABLES + 831);
	assert_string_equal(found->name, "main.one");
	assert_null(seep_variables_find(&variables, FAKE_DEBUG_VARIABLES + 832));
	found = seep_variables_find(&variables, FAKE_DEBUG_SYMBOLS + 15);
	assert_string_equal(found->name, "example.com/c.d.more");
	assert_null(found->parts);
	assert_null(seep_variables_find(&variables, FAKE_DEBUG_SYMBOLS + 16));
	found = seep_variables_find(&variables, FAKE_DEBUG_SYMBOLS + 130);
	assert_string_equal(found->name, "main..stmp_2");
	assert_true(found->compiler_made);
	assert_null(seep_variables_find(&variables, FAKE_DEBUG_SYMBOLS + 256));
	assert_null(seep_variables_find(&variables, FAKE_DEBUG_SYMBOLS + 512));
	assert_null(seep_variables_find(&variables, FAKE_DEBUG_SYMBOLS + 640));
	assert_null(seep_variables_find(&variables, 0));
	assert_null(seep_variables_find(&variables, UINT64_MAX));
	close_all();
}

static void captures_are_told_when_they_are_certain(void **state)
{
	struct seep_debug_parts parts;

	(void)state;
	open_fake(5, FAKE_DEBUG_PLAIN, 27);
	// s; &n, as an int cannot be taken for a pointer; &node, as there is no room for a node. Whether a string or a pointer to one comes
	// last cannot be told without the object's size.
	assert_true(seep_debug_closure(variables.debug, FAKE_DEBUG_FUNCTION, 0, &parts));
	assert_int_equal(parts.part_count, 3);
	assert_int_equal(parts.name_count, 3);
	expect_part(&parts.parts[0], 8, SEEP_PART_STRING);
	expect_part(&parts.parts[1], 24, SEEP_PART_POINTER);
	expect_part(&parts.parts[2], 32, SEEP_PART_POINTER);
	assert_string_equal(parts.names[0].name, "s");
	assert_string_equal(parts.names[1].name, "n");
	assert_string_equal(parts.names[2].name, "node");

	assert_true(seep_debug_closure(variables.debug, FAKE_DEBUG_FUNCTION, 48, &parts));
	assert_int_equal(parts.part_count, 4);
	expect_part(&parts.parts[3], 40, SEEP_PART_POINTER);
	assert_true(seep_debug_closure(variables.debug, FAKE_DEBUG_FUNCTION, 64, &parts));
	assert_int_equal(parts.part_count, 3);
	assert_false(seep_debug_closure(variables.debug, FAKE_DEBUG_FUNCTION + 1, 48, &parts));
	close_all();
}

static struct seep_debug_parts frame_at(unsigned offset)
{
	struct seep_debug_parts parts = {};

	assert_true(seep_debug_frame(variables.debug, FAKE_DEBUG_FUNCTION,
				     FAKE_DEBUG_FUNCTION + offset, &parts));
	return parts;
}

static const struct seep_part *part_at(struct seep_debug_parts parts, int64_t offset)
{
	for (uint32_t i = 0; i < parts.part_count; i++) {
		if (parts.parts[i].offset == offset)
			return &parts.parts[i];
	}
	return NULL;
}

static void frames_tell_what_stands_on_the_stack_at_a_pc(int version)
{
	open_fake(version, FAKE_DEBUG_PLAIN, 22);
	// A return address belongs to the instruction before it.
	assert_null(part_at(frame_at(0x10), -40));
	assert_non_null(part_at(frame_at(0x11), -40));
	expect_part(part_at(frame_at(0x20), -40), -40, SEEP_PART_STRING);
	assert_null(part_at(frame_at(0x21), -40));
	expect_part(part_at(frame_at(0x21), -16), -16, SEEP_PART_POINTER);
	// A slice of which a register has the length: only its first word is there.
	expect_part(part_at(frame_at(0x28), -80), -80, SEEP_PART_ELEMENTS);
	expect_part(part_at(frame_at(0x38), -104), -104, SEEP_PART_SLICE);
	// Only where the inlined call is, and only whole words.
	assert_null(part_at(frame_at(0x38), -320));
	expect_part(part_at(frame_at(0x48), -320), -320, SEEP_PART_POINTER);
	assert_null(part_at(frame_at(0x48), -300));
	// Names that the source does not have, and two types at one place.
	assert_null(part_at(frame_at(0x48), -240));
	assert_null(part_at(frame_at(0x48), -256));
	struct seep_debug_parts parts;
	assert_false(seep_debug_frame(variables.debug, FAKE_DEBUG_FUNCTION,
				      FAKE_DEBUG_FUNCTION + 0x101, &parts));
	close_all();
}

static void frames_of_dwarf_4(void **state)
{
	(void)state;
	frames_tell_what_stands_on_the_stack_at_a_pc(4);
}

static void frames_of_dwarf_5(void **state)
{
	(void)state;
	frames_tell_what_stands_on_the_stack_at_a_pc(5);
}

static void large_locals_may_share_their_place_since_123(void **state)
{
	(void)state;
	open_fake(4, FAKE_DEBUG_PLAIN, 22);
	assert_non_null(part_at(frame_at(0x20), -1200));
	close_all();
	open_fake(4, FAKE_DEBUG_PLAIN, 23);
	assert_null(part_at(frame_at(0x20), -1200));
	assert_non_null(part_at(frame_at(0x20), -16));
	close_all();
}

// Whatever was opened is asked everything; a sanitizer tells whether that was all right.
static void ask(void)
{
	struct seep_debug_parts parts;

	for (unsigned i = 0; i < 8; i++)
		at(i);
	if (!variables.debug)
		return;
	seep_debug_closure(variables.debug, FAKE_DEBUG_FUNCTION, 48, &parts);
	for (unsigned offset = 1; offset < 0x100; offset += 15)
		seep_debug_frame(variables.debug, FAKE_DEBUG_FUNCTION, FAKE_DEBUG_FUNCTION + offset,
				 &parts);
}

static void files_cut_short_are_survived(void **state)
{
	(void)state;
	fake_debug_build(5, FAKE_DEBUG_PLAIN, &fake);
	for (size_t len = 0; len < fake.len; len++) {
		// Exactly as large, so that a sanitizer sees what is read beyond it.
		unsigned char *bytes = malloc(len ? len : 1);
		assert_non_null(bytes);
		memcpy(bytes, fake.bytes, len);
		if (open_bytes(bytes, len, 27)) {
			ask();
			close_all();
		}
		free(bytes);
	}
}

static void damaged_entries_are_survived(void **state)
{
	static const unsigned char values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

	(void)state;
	fake_debug_build(4, FAKE_DEBUG_PLAIN, &fake);
	for (size_t i = 0; i < fake.info_len; i++) {
		unsigned char *byte = &fake.bytes[fake.info + i], old = *byte;
		for (size_t k = 0; k < sizeof(values); k++) {
			*byte = values[k];
			assert_true(open_bytes(fake.bytes, fake.len, 22));
			ask();
			close_all();
		}
		*byte = old;
	}
}

static void a_file_without_either_says_nothing(void **state)
{
	(void)state;
	fake_debug_build(4, FAKE_DEBUG_PLAIN, &fake);
	memset(fake.bytes + 0x28, 0, 8); // no section headers
	assert_true(open_bytes(fake.bytes, fake.len, 22));
	assert_null(variables.debug);
	assert_int_equal(variables.items.len, 0);
	assert_false(variables.has_names || variables.has_types);
	close_all();
}

static int write_seeds(const char *folder)
{
	static const struct {
		const char *name;
		int version;
		enum fake_debug_packing packing;
	} seeds[] = {
		{ "dwarf-4", 4, FAKE_DEBUG_PLAIN },
		{ "dwarf-5", 5, FAKE_DEBUG_PLAIN },
		{ "compressed", 5, FAKE_DEBUG_COMPRESSED },
		{ "zdebug", 4, FAKE_DEBUG_ZDEBUG },
	};
	char path[4096];

	for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++) {
		fake_debug_build(seeds[i].version, seeds[i].packing, &fake);
		snprintf(path, sizeof(path), "%s/debug/%s", folder, seeds[i].name);
		FILE *file = fopen(path, "wb");
		if (!file)
			return EXIT_FAILURE;
		size_t written = fwrite(fake.bytes, 1, fake.len, file);
		if (fclose(file) != 0 || written != fake.len)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_have_their_parts_in_every_form),
		cmocka_unit_test(a_type_that_holds_itself_is_not_understood),
		cmocka_unit_test(symbols_fill_what_variables_leave),
		cmocka_unit_test(captures_are_told_when_they_are_certain),
		cmocka_unit_test(frames_of_dwarf_4),
		cmocka_unit_test(frames_of_dwarf_5),
		cmocka_unit_test(large_locals_may_share_their_place_since_123),
		cmocka_unit_test(files_cut_short_are_survived),
		cmocka_unit_test(damaged_entries_are_survived),
		cmocka_unit_test(a_file_without_either_says_nothing),
	};

	const char *seeds = getenv("SEEP_SEEDS");

	return seeds ? write_seeds(seeds) : cmocka_run_group_tests(tests, NULL, NULL);
}
