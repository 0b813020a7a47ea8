#include "report/report.h"

#include "support/fake_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static char *write_json(const struct seep_report *report, struct seep_report_options options)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	assert_null(
		seep_report_format_find("json", SEEP_REPORT_ALL)->write(report, &options, file));
	assert_int_equal(fclose(file), 0);
	return text;
}

static void leaks_as_json(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_leaky(&report);
	_cleanup_free_ char *text = write_json(&report, (struct seep_report_options){});
	golden_check("report.json", text);
}

static void memory_as_json(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_memory(&report);
	_cleanup_free_ char *text = write_json(&report, (struct seep_report_options){});
	golden_check("report-memory.json", text);
}

static void what_is_known_as_json(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_known(&report);
	_cleanup_free_ char *text = write_json(&report, (struct seep_report_options){});
	golden_check("report-known.json", text);
}

static void hostile_memory_stays_valid_json(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_hostile(&report);
	_cleanup_free_ char *text = write_json(&report, (struct seep_report_options){});
	json_auto_t *root = json_loads(text, 0, NULL);
	assert_non_null(root);
	json_t *finding = json_array_get(json_object_get(root, "findings"), 2);
	assert_int_equal(json_integer_value(json_object_get(finding, "wasted_bytes")), INT64_MAX);
	assert_string_equal(json_string_value(json_object_get(finding, "holder")),
			    "map[\\x1b[2Jx]\\x0d\\x0a");
	json_t *objects = json_object_get(finding, "objects");
	assert_int_equal(json_array_size(objects), SEEP_FINDING_OBJECTS_MAX);
	// A step without a name is left out.
	assert_int_equal(json_array_size(json_object_get(json_array_get(objects, 0), "path")),
			 15000);
	json_t *memory = json_object_get(root, "memory");
	assert_int_equal(json_integer_value(json_object_get(memory, "rss")), INT64_MAX);
	assert_int_equal(json_array_size(json_object_get(memory, "parts")), 20);
	assert_int_equal(json_array_size(json_object_get(root, "holders")), 2);
	assert_null(json_object_get(json_array_get(json_object_get(root, "holders"), 1), "name"));
}

static void hostile_names_stay_valid_json(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_hostile(&report);
	_cleanup_free_ char *text = write_json(&report, (struct seep_report_options){});
	json_auto_t *root = json_loads(text, 0, NULL);
	assert_non_null(root);
	json_t *finding = json_array_get(json_object_get(root, "findings"), 0);
	assert_int_equal(json_array_size(json_object_get(finding, "goroutines")),
			 SEEP_FINDING_GOROUTINES_MAX);
	assert_int_equal(json_integer_value(json_object_get(finding, "count")), INT64_MAX);
	assert_string_equal(json_string_value(json_object_get(finding, "signature")),
			    "ffffffffffffffff");
	assert_int_equal(strlen(json_string_value(json_object_get(finding, "summary"))), 100000);
	assert_string_equal(json_string_value(json_object_get(finding, "fix")),
			    "\\x1b[31mrm -rf\\x0a");
	json_t *stack =
		json_object_get(json_array_get(json_object_get(finding, "goroutines"), 0), "stack");
	assert_int_equal(json_array_size(stack), 5);
	assert_int_equal(json_object_size(json_array_get(stack, 2)), 0);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(stack, 3), "function")),
		"main.\\xff\\xfe");
	assert_null(json_object_get(json_array_get(stack, 3), "line"));
	assert_null(strchr(text, '\033'));
}

static void the_unknown_is_left_out(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	seep_report_init(&report);
	_cleanup_free_ char *text = write_json(&report, (struct seep_report_options){});
	json_auto_t *root = json_loads(text, 0, NULL);
	assert_non_null(root);
	json_t *target = json_object_get(root, "target");
	assert_int_equal(json_object_size(target), 2); // kind, stripped
	assert_null(json_object_get(root, "memory"));
	assert_null(json_object_get(root, "types"));
	assert_null(strstr(text, "null"));
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static void top_cuts_and_says_so(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_leaky(&report);
	_cleanup_free_ char *text = write_json(&report, (struct seep_report_options){ .top = 2 });
	json_auto_t *root = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(root, "findings")), 2);
	assert_int_equal(json_integer_value(json_object_get(root, "findings_left_out")), 5);
}

static void formats_are_found_by_name(void **state)
{
	(void)state;
	assert_non_null(seep_report_format_find("json", SEEP_REPORT_ALL));
	assert_null(seep_report_format_find("jso", SEEP_REPORT_ALL));
	assert_null(seep_report_format_find("", SEEP_REPORT_ALL));
	for (size_t i = 0; seep_report_format_name(i, SEEP_REPORT_ALL); i++)
		assert_string_equal(
			seep_report_format_find(seep_report_format_name(i, SEEP_REPORT_ALL),
						SEEP_REPORT_ALL)
				->name,
			seep_report_format_name(i, SEEP_REPORT_ALL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaks_as_json),
		cmocka_unit_test(memory_as_json),
		cmocka_unit_test(what_is_known_as_json),
		cmocka_unit_test(hostile_memory_stays_valid_json),
		cmocka_unit_test(hostile_names_stay_valid_json),
		cmocka_unit_test(the_unknown_is_left_out),
		cmocka_unit_test(top_cuts_and_says_so),
		cmocka_unit_test(formats_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
