// The function table and module data of every layout, over executables built in memory.
//
// With SEEP_SEEDS=FOLDER in the environment, writes those executables to FOLDER/{image,buildinfo,pclntab}/ instead: the
// seeds of the fuzzers.
#include "binary/pclntab.h"
#include "support/fake_go.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT = FAKE_GO_TEXT_ADDR };

static const int layout_minors[] = { 18, 20, 21, 23, 26, 27 };
static const int layout_last[] = { 19, 20, 22, 25, 26, 27 };
enum { LAYOUTS = sizeof(layout_minors) / sizeof(*layout_minors) };

// The executable at hand, opened.
static struct fake_go fake;
static struct seep_image image;
static struct seep_pclntab tab;

static struct seep_error *open_tab(int minor)
{
	assert_null(seep_image_parse(fake.bytes, sizeof(fake.bytes), &image));
	return seep_pclntab_open(&image, minor, &tab);
}

static int open_27(void **state)
{
	(void)state;
	fake_go_build(27, &fake);
	assert_null(open_tab(27));
	return 0;
}

static int close_image(void **state)
{
	(void)state;
	seep_image_deinit(&image);
	return 0;
}

static void every_layout_is_read(void **state)
{
	(void)state;
	for (int minor = 18; minor <= 27; minor++) {
		fake_go_build(minor, &fake);
		assert_null(open_tab(minor));
		assert_true(tab.min_minor <= minor && minor <= tab.max_minor);
		const struct seep_module *module = &tab.module;
		assert_int_equal(module->addr, FAKE_GO_MODULE_ADDR);
		assert_int_equal(module->text, TEXT);
		assert_int_equal(module->data, FAKE_GO_DATA_ADDR + 0x480);
		assert_int_equal(module->end, FAKE_GO_DATA_ADDR + 0x700);
		assert_int_equal(module->etypes - module->types, 0x100);
		assert_int_equal(module->typelinks_len, minor < 27 ? 3 : 0);
		assert_int_equal(module->itablinks_len, minor < 27 ? 2 : 0);
		assert_int_equal(module->typedesc_len, minor < 27 ? 0 : 0x80);
		assert_int_equal(module->itab_size, minor < 27 ? 0 : 0x40);
		assert_int_equal(module->gcdatamask_bits, 16);
		assert_int_equal(module->gcbssmask, 0x700100);
		assert_int_equal(module->next, 0);
		seep_image_deinit(&image);
	}
}

static void layout_is_found_without_the_release(void **state)
{
	// With the release unknown, and told wrongly: too new, too old.
	static const int told[] = { 0, 28, 18, 27 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		for (size_t k = 0; k < sizeof(told) / sizeof(*told); k++) {
			fake_go_build(layout_minors[i], &fake);
			assert_null(open_tab(told[k]));
			// What tells 21 from 23 is one word, which is zero in both.
			int least = layout_minors[i] == 21 ? 23 : layout_minors[i];
			int last = layout_minors[i] == 21 ? 25 : layout_last[i];
			assert_int_equal(tab.min_minor, least);
			assert_int_equal(tab.max_minor, last);
			seep_image_deinit(&image);
		}
	}
}

static void functions_are_found_by_address(void **state)
{
	struct seep_func func;

	(void)state;
	assert_true(seep_pclntab_find(&tab, TEXT, &func));
	assert_string_equal(func.name, "main.outer");
	assert_int_equal(func.index, 0);
	assert_true(seep_pclntab_find(&tab, TEXT + 0x3f, &func));
	assert_int_equal(func.entry, TEXT);
	assert_int_equal(func.end, TEXT + 0x40);
	assert_true(seep_pclntab_find(&tab, TEXT + 0xff, &func));
	assert_string_equal(func.name, "runtime.systemstack");
	assert_false(seep_pclntab_find(&tab, TEXT - 1, &func));
	assert_false(seep_pclntab_find(&tab, TEXT + 0x100, &func));
	assert_false(seep_pclntab_func(&tab, 4, &func));
}

static void names_lead_to_what_is_no_wrapper(void **state)
{
	static const char *const names[] = { "main.twice", "main.none", "main.outer", "" };
	struct seep_func funcs[4];

	(void)state;
	seep_pclntab_find_names(&tab, names, 4, funcs);
	assert_int_equal(funcs[0].entry, TEXT + 0x80);
	assert_null(funcs[1].raw);
	assert_int_equal(funcs[2].entry, TEXT);
	assert_null(funcs[3].raw);
}

static void values_hold_to_their_ends(void **state)
{
	struct seep_func func;
	int32_t delta;

	(void)state;
	assert_true(seep_pclntab_func(&tab, 0, &func));
	assert_true(seep_func_spdelta(&tab, &func, TEXT + 7, &delta));
	assert_int_equal(delta, 0);
	assert_true(seep_func_spdelta(&tab, &func, TEXT + 8, &delta));
	assert_int_equal(delta, 24);
	assert_true(seep_func_spdelta(&tab, &func, TEXT + 0x38, &delta));
	assert_int_equal(delta, 0);
	assert_false(seep_func_spdelta(&tab, &func, TEXT + 0x40, &delta));
	assert_int_equal(seep_func_pcdata(&tab, &func, SEEP_PCDATA_INL_TREE, TEXT), -1);
	assert_int_equal(seep_func_pcdata(&tab, &func, SEEP_PCDATA_INL_TREE, TEXT + 0x2f), 1);
	assert_int_equal(seep_func_pcdata(&tab, &func, SEEP_PCDATA_STACK_MAP, TEXT), -1);
	assert_int_equal(seep_func_pcdata(&tab, &func, 77, TEXT), -1);
	assert_int_equal(seep_func_funcdata(&tab, &func, SEEP_FUNCDATA_INL_TREE),
			 tab.module.gofunc);
	assert_int_equal(seep_func_funcdata(&tab, &func, SEEP_FUNCDATA_LOCALS_MAPS), 0);
	assert_int_equal(seep_func_funcdata(&tab, &func, 4), 0);
}

static void expect_position(const struct seep_position *position, const char *function, int line,
			    bool inlined)
{
	assert_string_equal(position->function, function);
	assert_string_equal(position->file, "/src/main.go");
	assert_int_equal(position->line, line);
	assert_int_equal(position->inlined, inlined);
	assert_false(position->wrapper);
}

static void inlined_calls_are_unfolded(void **state)
{
	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct seep_position positions[4];
		struct seep_func func;
		fake_go_build(layout_minors[i], &fake);
		assert_null(open_tab(layout_minors[i]));
		assert_true(seep_pclntab_func(&tab, 0, &func));
		assert_int_equal(seep_func_positions(&tab, &func, TEXT + 0x28, positions, 4), 3);
		expect_position(&positions[0], "main.inner", 30, true);
		expect_position(&positions[1], "main.mid", 20, true);
		expect_position(&positions[2], "main.outer", 10, false);
		assert_int_equal(seep_func_positions(&tab, &func, TEXT + 0x28, positions, 2), 2);
		assert_int_equal(seep_func_positions(&tab, &func, TEXT + 0x3f, positions, 4), 1);
		expect_position(&positions[0], "main.outer", 11, false);
		assert_true(seep_pclntab_func(&tab, 1, &func));
		assert_int_equal(seep_func_positions(&tab, &func, TEXT + 0x40, positions, 4), 1);
		assert_true(positions[0].wrapper);
		assert_string_equal(positions[0].file, "?");
		seep_image_deinit(&image);
	}
}

struct stretches {
	struct seep_inlined list[8];
	size_t count, max;
};

static bool keep_stretch(const struct seep_inlined *inlined, void *arg)
{
	struct stretches *stretches = arg;

	stretches->list[stretches->count++] = *inlined;
	return stretches->count < stretches->max;
}

static void inlined_stretches_are_visited(void **state)
{
	struct stretches stretches = { .max = 8 };
	struct seep_func func;

	(void)state;
	assert_true(seep_pclntab_func(&tab, 0, &func));
	seep_func_each_inlined(&tab, &func, keep_stretch, &stretches);
	assert_int_equal(stretches.count, 3);
	assert_string_equal(stretches.list[0].function, "main.mid");
	assert_int_equal(stretches.list[0].start, TEXT + 0x10);
	assert_int_equal(stretches.list[0].end, TEXT + 0x20);
	assert_int_equal(stretches.list[0].parent_pc, TEXT + 0x08);
	assert_string_equal(stretches.list[1].function, "main.inner");
	assert_int_equal(stretches.list[1].start, TEXT + 0x20);
	assert_string_equal(stretches.list[2].function, "main.mid");
	assert_int_equal(stretches.list[2].start, TEXT + 0x20);
	stretches = (struct stretches){ .max = 1 };
	seep_func_each_inlined(&tab, &func, keep_stretch, &stretches);
	assert_int_equal(stretches.count, 1);
}

static void inlining_in_a_circle_ends(void **state)
{
	struct stretches stretches = { .max = 8 };
	struct seep_position positions[16];
	struct seep_func func;

	(void)state;
	// main.mid's call site becomes main.mid's own code.
	fake_go_put32(&fake, FAKE_GO_RODATA + 0x300 + 8, 0x18);
	assert_true(seep_pclntab_func(&tab, 0, &func));
	assert_int_equal(seep_func_positions(&tab, &func, TEXT + 0x18, positions, 16), 16);
	seep_func_each_inlined(&tab, &func, keep_stretch, &stretches);
	assert_int_equal(stretches.count, 8);
}

static void expect_refusal(enum seep_error_code code, const char *text)
{
	struct seep_error *err = open_tab(27);

	assert_non_null(err);
	assert_int_equal(err->code, code);
	if (!strstr(err->message, text))
		fail_msg("\"%s\" does not say \"%s\"", err->message, text);
	seep_error_destroy(err);
	seep_image_deinit(&image);
}

static void contradictions_are_refused(void **state)
{
	(void)state;
	fake_go_build(27, &fake);
	fake_go_put32(&fake, FAKE_GO_RODATA, 0x12345678);
	expect_refusal(SEEP_ERROR_UNSUPPORTED, "unknown format (magic 0x12345678)");
	fake_go_build(27, &fake);
	fake_go_put64(&fake, FAKE_GO_RODATA + 8, 5);
	expect_refusal(SEEP_ERROR_MISSING_INFO, "no Go function table");
	fake_go_build(27, &fake);
	fake_go_put64(&fake, FAKE_GO_RODATA + 32, 0x58);
	expect_refusal(SEEP_ERROR_MISSING_INFO, "no Go function table");
	fake_go_build(27, &fake);
	fake_go_put64(&fake, FAKE_GO_MODULE + 296, 0x12);
	expect_refusal(SEEP_ERROR_UNSUPPORTED, "no layout that this seep knows");
	fake_go_build(27, &fake);
	fake_go_put64(&fake, FAKE_GO_MODULE + 368, 2);
	fake_go_put64(&fake, FAKE_GO_MODULE + 376, 2);
	expect_refusal(SEEP_ERROR_UNSUPPORTED, "2 text sections");
}

static void module_data_cut_short_is_refused(void **state)
{
	// The length in the file of the third segment, the data.
	const size_t filesz = FAKE_GO_PHDRS + 2 * 56 + 32;

	(void)state;
	fake_go_build(27, &fake);
	fake_go_put64(&fake, filesz, 0x200 + 568);
	assert_null(open_tab(27));
	seep_image_deinit(&image);
	fake_go_put64(&fake, filesz, 0x200 + 567);
	expect_refusal(SEEP_ERROR_UNSUPPORTED, "no layout that this seep knows");
	fake_go_put64(&fake, filesz, 0x200 + 255);
	expect_refusal(SEEP_ERROR_MISSING_INFO, "no Go function table");
}

static void malformed_records_are_no_functions(void **state)
{
	struct seep_func func;

	(void)state;
	fake_go_put32(&fake, FAKE_GO_RODATA + 0x130 + 4, 0x1c0);
	assert_false(seep_pclntab_func(&tab, 0, &func));
	assert_false(seep_pclntab_find(&tab, TEXT, &func));
	fake_go_put32(&fake, FAKE_GO_RODATA + 0x130 + 4, 0x40);
	assert_true(seep_pclntab_func(&tab, 0, &func));
	fake_go_put32(&fake, FAKE_GO_RODATA + 0x170 + 28, UINT32_MAX);
	assert_false(seep_pclntab_func(&tab, 0, &func));
	fake_go_put32(&fake, FAKE_GO_RODATA + 0x170 + 28, 0);
	fake_go_put32(&fake, FAKE_GO_RODATA + 0x170 + 4, 0x50);
	assert_false(seep_pclntab_func(&tab, 0, &func));
}

static int write_seeds(const char *folder)
{
	static const char *const fuzzers[] = { "image", "buildinfo", "pclntab" };
	char path[4096];

	for (size_t i = 0; i < LAYOUTS; i++) {
		fake_go_build(layout_minors[i], &fake);
		// Only the last differs enough between releases for more than one.
		for (size_t k = i == 0 ? 0 : 2; k < 3; k++) {
			snprintf(path, sizeof(path), "%s/%s/go1.%d", folder, fuzzers[k],
				 layout_minors[i]);
			FILE *file = fopen(path, "wb");
			if (!file || fwrite(&fake, sizeof(fake), 1, file) != 1 ||
			    fclose(file) != 0) {
				perror(path);
				return 1;
			}
		}
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout_is_read),
		cmocka_unit_test(layout_is_found_without_the_release),
		cmocka_unit_test_setup_teardown(functions_are_found_by_address, open_27,
						close_image),
		cmocka_unit_test_setup_teardown(names_lead_to_what_is_no_wrapper, open_27,
						close_image),
		cmocka_unit_test_setup_teardown(values_hold_to_their_ends, open_27, close_image),
		cmocka_unit_test(inlined_calls_are_unfolded),
		cmocka_unit_test_setup_teardown(inlined_stretches_are_visited, open_27,
						close_image),
		cmocka_unit_test_setup_teardown(inlining_in_a_circle_ends, open_27, close_image),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(module_data_cut_short_is_refused),
		cmocka_unit_test_setup_teardown(malformed_records_are_no_functions, open_27,
						close_image),
	};
	const char *seeds = getenv("SEEP_SEEDS");

	return seeds ? write_seeds(seeds) : cmocka_run_group_tests(tests, NULL, NULL);
}
