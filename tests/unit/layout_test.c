// Layouts: the table by release, and the binary's own descriptors over it.
#include "binary/layout.h"

#include "support/fake_types.h"

#include "binary/binary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct fake_types fake;

static struct seep_layout resolve(int minor)
{
	struct seep_layout layout;

	assert_null(seep_layout_resolve(&fake.types, &seep_amd64, minor, &layout));
	return layout;
}

static void the_table_answers_where_nothing_else_does(void **state)
{
	(void)state;
	for (int minor = SEEP_OLDEST_MINOR; minor <= seep_newest_minor; minor++) {
		fake_init(&fake, minor);
		struct seep_layout layout = resolve(minor);
		assert_int_equal(layout.table_minor, minor);
		assert_int_equal(layout.from_types, 0);
		assert_true(layout.from_table > 80);
		assert_int_equal(layout.g_stack_lo, 0);
		assert_true(layout.special_kind_finalizer > 0);
		assert_int_equal(layout.g_parent_goid >= 0, minor >= 21);
		assert_int_equal(layout.special_kind_cleanup >= 0, minor >= 24);
		fake_deinit(&fake);
	}
}

static void a_newer_release_takes_the_newest_row(void **state)
{
	(void)state;
	fake_init(&fake, 99);
	assert_int_equal(resolve(99).table_minor, seep_newest_minor);
	fake_deinit(&fake);
}

// Lists struct runtime.coro { embedded header { pad, gp } } of the given package by a pointer to it.
static void make_coro(const char *package)
{
	seep_addr word = fake_type(&fake, SEEP_KIND_UINTPTR, 8, 0, 0, "uintptr", 0);
	struct fake_field inner[] = { { "pad", word, 0, false }, { "gp", word, 8, false } };
	seep_addr header = fake_struct(&fake, 16, 0, 0, "runtime.header", package, inner, 2);
	struct fake_field fields[] = { { "first", word, 0, false }, { "header", header, 8, true } };
	seep_addr coro = fake_struct(&fake, 24, 0, 0, "runtime.coro", package, fields, 2);
	seep_addr pointer = fake_pointer(&fake, coro, "*runtime.coro");

	fake_u32(&fake, FAKE_DATA, (uint32_t)(pointer - FAKE_BASE));
	fake.module.typelinks = FAKE_DATA;
	fake.module.typelinks_len = 1;
}

static void a_descriptor_overrules_the_table(void **state)
{
	(void)state;
	fake_init(&fake, 23);
	make_coro("runtime");
	struct seep_layout layout = resolve(23);
	assert_int_equal(layout.coro_size, 24);
	assert_int_equal(layout.coro_gp, 16);
	assert_int_equal(layout.from_types, 2);
	assert_int_equal(layout.disagreements, 2);
	fake_deinit(&fake);
}

static void a_package_of_the_same_last_name_does_not(void **state)
{
	(void)state;
	fake_init(&fake, 23);
	make_coro("example.org/runtime");
	struct seep_layout layout = resolve(23);
	assert_int_equal(layout.coro_size, 32);
	assert_int_equal(layout.coro_gp, 0);
	assert_int_equal(layout.disagreements, 0);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_answers_where_nothing_else_does),
		cmocka_unit_test(a_newer_release_takes_the_newest_row),
		cmocka_unit_test(a_descriptor_overrules_the_table),
		cmocka_unit_test(a_package_of_the_same_last_name_does_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
