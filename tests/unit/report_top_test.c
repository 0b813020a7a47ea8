// What `seep top` and `seep why` write.
#include "report/report.h"
#include "support/fake_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void make_report(struct seep_report *ret)
{
	static const char *const path[] = { "main.cache", "[key]", ".session", ".buf" };
	static const char *const page[2][2] = { { "main.pages", "[46].text" },
						{ "main.pages", "[107].text" } };
	static const char *const hostile[] = { "main.\033[31mevil", "\xff\n1. proven fake" };
	static const struct seep_holder types[] = {
		{ "type", "[]uint8", 20000, 838860800, 838860800, NULL, 0, NULL },
		{ "type", "example.com/orders/internal/pricing.Quote", 1204331, 77077184, 115615776,
		  NULL, 0, NULL },
		{ "type", "(type unknown)", 12, 1152, 1152, NULL, 0, NULL },
	};
	static const struct seep_holder variables[] = {
		{ "variable", "main.cache", 1244331, 48, 1052770304, NULL, 0, NULL },
		{ "variable", "bss+0x1f40 (package variable, name stripped)", 3, 8, 4096, NULL, 0,
		  "[]main.page" },
	};
	static const struct seep_holder goroutines[] = {
		{ "goroutine", "goroutine 17 (main.worker)", 64, 8192, 73728, NULL, 0, NULL },
	};

	fake_report_clean(ret);
	for (size_t i = 0; i < 3; i++)
		assert_true(seep_vec_push(&ret->top.types, types[i]));
	for (size_t i = 0; i < 2; i++)
		assert_true(seep_vec_push(&ret->top.variables, variables[i]));
	assert_true(seep_vec_push(&ret->top.goroutines, goroutines[0]));
	assert_true(seep_vec_push(&ret->paths,
				  (struct seep_object_path){ .object = { .address = 0xc000123000,
									 .type = "[]uint8",
									 .size = 40960,
									 .path = path,
									 .path_len = 4 },
							     .retained_bytes = 40960 }));
	for (size_t i = 0; i < 2; i++) // the same way but for a number
		assert_true(seep_vec_push(
			&ret->paths,
			(struct seep_object_path){ .object = { .address = 0xc000200000 + 8192 * i,
							       .type = "[]uint8",
							       .size = 8192,
							       .path = page[i],
							       .path_len = 2 },
						   .retained_bytes = 8192 }));
	assert_true(seep_vec_push(&ret->paths,
				  (struct seep_object_path){ .object = { .address = 0xc000124000,
									 .size = 48,
									 .path = hostile,
									 .path_len = 2 },
							     .retained_bytes = 1 << 20 }));
}

static char *write_report(const char *format, struct seep_report_options options)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	make_report(&report);
	assert_non_null(file);
	assert_null(
		seep_report_format_find(format, SEEP_REPORT_TOP)->write(&report, &options, file));
	assert_int_equal(fclose(file), 0);
	return text;
}

static void check(const char *format, struct seep_report_options options, const char *golden)
{
	_cleanup_free_ char *text = write_report(format, options);

	golden_check(golden, text);
}

static void top_is_three_tables(void **state)
{
	(void)state;
	check("text", (struct seep_report_options){ .view = SEEP_REPORT_TOP, .columns = 80 },
	      "report-top-80.txt");
}

static void why_is_a_path_for_each_object(void **state)
{
	(void)state;
	check("text", (struct seep_report_options){ .view = SEEP_REPORT_PATHS, .columns = 80 },
	      "report-why-80.txt");
}

static void as_json_they_say_nothing_of_findings(void **state)
{
	(void)state;
	check("json", (struct seep_report_options){ .view = SEEP_REPORT_TOP }, "report-top.json");
	check("json", (struct seep_report_options){ .view = SEEP_REPORT_PATHS }, "report-why.json");
}

static void lines_end_within_the_terminal(void **state)
{
	(void)state;
	for (int columns = 80; columns < 200; columns += 3) {
		_cleanup_free_ char *text =
			write_report("text", (struct seep_report_options){ .view = SEEP_REPORT_TOP,
									   .columns = columns });

		for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
			assert_true(strcspn(line, "\n") <= (size_t)columns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(top_is_three_tables),
		cmocka_unit_test(why_is_a_path_for_each_object),
		cmocka_unit_test(as_json_they_say_nothing_of_findings),
		cmocka_unit_test(lines_end_within_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
