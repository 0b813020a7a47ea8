#include "sift/baseline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_report_is_read(void **state)
{
	_cleanup_(seep_baseline_deinit) struct seep_baseline baseline = {};
	static const char text[] =
		"{\"schema\": \"seep/1\", \"target\": {\"main_path\": \"a/b\", \"exe\": \"/x/b\", \"pid\": 4},"
		"\"findings\": [{\"cause\": \"ticker\", \"verdict\": \"suspect\", \"signature\": \"00c0ffee12345678\","
		"\"count\": 7, \"retained_bytes\": 10, \"wasted_bytes\": 20, \"unknown\": [{}]}],"
		"\"findings_left_out\": 3, \"later\": null}";

	(void)state;
	assert_null(seep_baseline_parse(&baseline, "old.json", text, strlen(text)));
	assert_string_equal(baseline.path, "old.json");
	assert_string_equal(baseline.main_path, "a/b");
	assert_string_equal(baseline.exe, "/x/b");
	assert_int_equal(baseline.left_out, 3);
	assert_int_equal(baseline.entries.len, 1);
	assert_string_equal(baseline.entries.data[0].cause, "ticker");
	assert_int_equal(baseline.entries.data[0].verdict, SEEP_VERDICT_SUSPECT);
	assert_int_equal(baseline.entries.data[0].signature, UINT64_C(0x00c0ffee12345678));
	assert_int_equal(baseline.entries.data[0].count, 7);
	assert_int_equal(baseline.entries.data[0].bytes, 20);
}

#define FINDING(rest) "{\"schema\": \"seep/1\", \"findings\": [" rest "]}"
#define KEYS "\"cause\": \"ticker\", \"verdict\": \"proven\", \"signature\": \"00c0ffee12345678\""

// Each with a part of what must be said of it.
static const struct {
	const char *text, *said;
} mistakes[] = {
	{ "", "old.json is no report of seep: line 1" },
	{ "garbage", "old.json is no report of seep: line 1" },
	{ "{\"schema\": \"seep/1\", \"findings\": [", "is no report of seep: line 1" },
	{ "[]", "it has no schema" },
	{ "\"seep/1\"", "is no report of seep: line 1" },
	{ "{\"schema\": 1, \"findings\": []}", "it has no schema" },
	{ "{\"schema\": \"seep/2\", \"findings\": []}", "has the schema 'seep/2'" },
	{ "{\"schema\": \"seep/1\", \"schema\": \"seep/1\"}", "duplicate" },
	{ "{\"schema\": \"seep/1\", \"top\": {}}", "has no list of findings" },
	{ "{\"schema\": \"seep/1\", \"findings\": {}}", "has no list of findings" },
	{ FINDING("7"), "cause of findings[0] is not a text" },
	{ FINDING("{" KEYS "}, {}"), "cause of findings[1] is not a text" },
	{ FINDING("{\"cause\": \"ticker\"}"), "signature of findings[0] is not 16 hexadecimal" },
	{ FINDING("{\"cause\": \"ticker\", \"signature\": \"00c0ffee1234567\"}"), "signature" },
	{ FINDING("{\"cause\": \"ticker\", \"signature\": \"00c0ffee1234567-\"}"), "signature" },
	{ FINDING("{\"cause\": \"ticker\", \"signature\": \"00c0ffee12345678\"}"),
	  "verdict of findings[0] is not one that this seep knows" },
	{ FINDING("{" KEYS ", \"count\": -1}"), "count of findings[0] is not a number" },
	{ FINDING("{" KEYS ", \"count\": \"9\"}"), "count of findings[0] is not a number" },
	{ FINDING("{" KEYS ", \"retained_bytes\": 1.5}"), "retained_bytes of findings[0]" },
	{ FINDING("{" KEYS ", \"wasted_bytes\": null}"), "wasted_bytes of findings[0]" },
	{ "{\"schema\": \"seep/1\", \"findings\": [], \"suppressed\": [[]]}",
	  "cause of suppressed[0] is not a text" },
};

static void what_is_no_report_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		_cleanup_(seep_baseline_deinit) struct seep_baseline baseline = {};
		struct seep_error *err = seep_baseline_parse(
			&baseline, "old.json", mistakes[i].text, strlen(mistakes[i].text));

		assert_non_null(err);
		assert_int_equal(err->code, SEEP_ERROR_USAGE);
		if (!strstr(err->message, mistakes[i].said))
			fail_msg("%s\nis told as: %s", mistakes[i].text, err->message);
		seep_error_destroy(err);
	}
}

static void depth_is_limited(void **state)
{
	_cleanup_(seep_baseline_deinit) struct seep_baseline baseline = {};
	enum { LEN = 1 << 20 };
	_cleanup_free_ char *text = malloc(LEN);

	(void)state;
	assert_non_null(text);
	memset(text, '[', LEN);
	struct seep_error *err = seep_baseline_parse(&baseline, "old.json", text, LEN);
	assert_non_null(err);
	assert_int_equal(err->code, SEEP_ERROR_USAGE);
	seep_error_destroy(err);
}

static void files_are_read_up_to_a_limit(void **state)
{
	_cleanup_(seep_baseline_deinit) struct seep_baseline none = {}, endless = {};
	struct seep_error *err = seep_baseline_read(&none, "/nonexistent/old.json");

	(void)state;
	assert_non_null(err);
	assert_non_null(strstr(err->message, "cannot read /nonexistent/old.json: No such file"));
	seep_error_destroy(err);
	err = seep_baseline_read(&endless, "/dev/zero");
	assert_non_null(err);
	assert_non_null(strstr(err->message, "/dev/zero is larger than 33554432 bytes"));
	seep_error_destroy(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_read),
		cmocka_unit_test(what_is_no_report_is_refused),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(files_are_read_up_to_a_limit),
	};

	return cmocka_run_group_tests_name("baseline", tests, NULL, NULL);
}
