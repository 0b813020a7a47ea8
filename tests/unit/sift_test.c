#include "sift/sift.h"

#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void add_rules(struct seep_rules *rules, const char *text)
{
	assert_null(seep_rules_parse(rules, "a.supp", text, strlen(text), seep_option_is_cause));
}

/** A baseline of one program with those findings. */
static void add_baseline(struct seep_sift *sift, const char *lists)
{
	char text[4000];
	int len = snprintf(text, sizeof(text),
			   "{\"schema\": \"seep/1\", \"target\": {\"main_path\": \"a/b\"}, %s}",
			   lists);

	assert_null(seep_baseline_parse(&sift->baseline, "old.json", text, (size_t)len));
}

static void add_finding(struct seep_report *report, uint64_t signature, enum seep_verdict verdict,
			uint64_t count, uint64_t bytes)
{
	assert_true(seep_vec_push(&report->findings,
				  ((struct seep_finding){ .cause = "send-blocked",
							  .verdict = verdict,
							  .signature = signature,
							  .count = count,
							  .retained_bytes = bytes,
							  .where = { .function = "main.f" } })));
	assert_true(seep_vec_push(&report->findings.data[report->findings.len - 1].why,
				  "older evidence"));
}

static const char *first_why(const struct seep_report *report, size_t i)
{
	return report->findings.data[i].why.data[0];
}

static void what_a_rule_matches_is_counted_with_its_reason(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	_cleanup_(seep_sift_deinit) struct seep_sift sift = { .today = 20270131 };

	(void)state;
	seep_report_init(&report);
	add_finding(&report, 1, SEEP_VERDICT_PROVEN, 5, 100);
	add_finding(&report, 2, SEEP_VERDICT_PROVEN, 6, 90);
	add_finding(&report, 3, SEEP_VERDICT_SUSPECT, 7, 80);
	add_rules(&sift.rules, "reason first\nsignature 0000000000000002\nexpires 2027-01-31\n\n"
			       "reason second\ncause send-blocked\nverdict suspect\n\n"
			       "reason never\nfunction main.f\nverdict suspect\n\n"
			       "reason idle\ncause ticker\n");
	assert_null(seep_sift_apply(&sift, &report));
	assert_int_equal(report.findings.len, 1);
	assert_int_equal(report.findings.data[0].signature, 1);
	assert_int_equal(report.suppressed.len, 2);
	assert_int_equal(report.suppressed.data[0].finding.signature, 2);
	assert_string_equal(report.suppressed.data[0].reason, "first");
	assert_string_equal(report.suppressed.data[0].rule, "a.supp:1");
	// The first rule that matches counts, but a later one is not idle for that.
	assert_string_equal(report.suppressed.data[1].reason, "second");
	assert_int_equal(report.notes.len, 1);
	assert_string_equal(report.notes.data[0], "a.supp:13 matches no finding");
	assert_int_equal(report.caveats.len, 0);
}

static void expired_rules_suppress_nothing_and_are_told(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	_cleanup_(seep_sift_deinit) struct seep_sift sift = { .today = 20270201 };

	(void)state;
	seep_report_init(&report);
	add_finding(&report, 1, SEEP_VERDICT_PROVEN, 5, 100);
	for (int i = 0; i < 7; i++)
		add_rules(&sift.rules, "reason x\ncause send-blocked\nexpires 2027-01-31\n");
	assert_null(seep_sift_apply(&sift, &report));
	assert_int_equal(report.findings.len, 1);
	assert_int_equal(report.suppressed.len, 0);
	assert_int_equal(report.caveats.len, 1);
	assert_non_null(strstr(report.caveats.data[0], "a.supp:1 (2027-01-31), a.supp:1"));
	assert_non_null(strstr(report.caveats.data[0], "and 2 more"));
}

static void a_rule_may_allow_so_many(void **state)
{
	for (uint64_t count = 4; count <= 5; count++) {
		_cleanup_(seep_report_deinit) struct seep_report report;
		_cleanup_(seep_sift_deinit) struct seep_sift sift = { .today = 20270131 };

		(void)state;
		seep_report_init(&report);
		add_finding(&report, 1, SEEP_VERDICT_PROVEN, count, 100);
		add_finding(&report, 2, SEEP_VERDICT_SUSPECT, 6, 90);
		add_rules(&sift.rules, "reason x\nfunction main.f\nat-most 10\n");
		assert_null(seep_sift_apply(&sift, &report));
		assert_int_equal(report.suppressed.len, count == 4 ? 2 : 0);
		if (count == 5) {
			assert_string_equal(first_why(&report, 0),
					    "a.supp:1 allows at most 10, and it matches 11");
			assert_int_equal(report.findings.data[0].why.len, 2);
		}
	}
}

static void what_the_baseline_has_is_known(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	_cleanup_(seep_sift_deinit) struct seep_sift sift = {};

	(void)state;
	seep_report_init(&report);
	report.target.main_path = "a/b";
	add_finding(&report, 1, SEEP_VERDICT_PROVEN, 105, 100);
	add_finding(&report, 2, SEEP_VERDICT_PROVEN, 5, 100 << 20);
	add_finding(&report, 3, SEEP_VERDICT_PROVEN, 5, 100);
	add_baseline(
		&sift,
		"\"findings\": [{\"cause\": \"send-blocked\", \"verdict\": \"proven\","
		"\"signature\": \"0000000000000001\", \"count\": 100, \"retained_bytes\": 3},"
		"{\"cause\": \"ticker\", \"verdict\": \"proven\","
		"\"signature\": \"0000000000000003\", \"count\": 5}],"
		"\"suppressed\": [{\"cause\": \"send-blocked\", \"verdict\": \"proven\","
		"\"signature\": \"0000000000000002\", \"count\": 5, \"wasted_bytes\": 99999999},"
		"{\"cause\": \"send-blocked\", \"verdict\": \"proven\", \"rule\": \"x:1\","
		"\"signature\": \"0000000000000003\", \"count\": 5}]");
	assert_null(seep_sift_apply(&sift, &report));
	assert_int_equal(report.suppressed.len, 2);
	assert_null(report.suppressed.data[0].rule);
	assert_null(report.suppressed.data[0].reason);
	// Another cause, or hidden by a rule then, is not known.
	assert_int_equal(report.findings.len, 1);
	assert_int_equal(report.findings.data[0].signature, 3);
	assert_string_equal(first_why(&report, 0), "older evidence");
}

static void what_has_grown_is_new_and_says_so(void **state)
{
	static const struct {
		uint64_t count, bytes;
		bool grown;
	} cases[] = {
		{ 100, 1000000, false }, { 110, 1000000, false }, { 111, 1000000, true },
		{ 1, 1, false },	 { 100, 1100000, false }, { 100, 1100001, true },
		{ UINT64_MAX, 0, true }, { 0, UINT64_MAX, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_(seep_report_deinit) struct seep_report report;
		_cleanup_(seep_sift_deinit) struct seep_sift sift = {};

		seep_report_init(&report);
		add_finding(&report, 1, SEEP_VERDICT_PROVEN, cases[i].count, cases[i].bytes);
		add_baseline(&sift,
			     "\"findings\": [{\"cause\": \"send-blocked\", \"verdict\": \"proven\","
			     "\"signature\": \"0000000000000001\", \"count\": 100,"
			     "\"retained_bytes\": 1000000}]");
		assert_null(seep_sift_apply(&sift, &report));
		assert_int_equal(report.findings.len, cases[i].grown);
		if (cases[i].grown)
			assert_non_null(strstr(first_why(&report, 0),
					       "grown since the baseline: from 100 to "));
	}
}

static void a_few_more_is_no_growth(void **state)
{
	(void)state;
	for (uint64_t count = 6; count <= 7; count++) {
		_cleanup_(seep_report_deinit) struct seep_report report;
		_cleanup_(seep_sift_deinit) struct seep_sift sift = {};

		seep_report_init(&report);
		add_finding(&report, 1, SEEP_VERDICT_PROVEN, count, 65536);
		add_baseline(&sift,
			     "\"findings\": [{\"cause\": \"send-blocked\", \"verdict\": \"proven\","
			     "\"signature\": \"0000000000000001\", \"count\": 1}]");
		assert_null(seep_sift_apply(&sift, &report));
		assert_int_equal(report.findings.len, count == 7);
	}
}

// Both verdicts of one place have one signature.
static void a_stronger_verdict_is_new(void **state)
{
	static const struct {
		const char *before, *now; // a letter each: p, d, s
		const char *new; // those that are listed
		const char *why;
	} cases[] = {
		{ "p", "p", "", NULL },
		{ "s", "s", "", NULL },
		{ "s", "p", "p", "the baseline has it as suspect only" },
		{ "p", "s", "", NULL },
		{ "ps", "ps", "", NULL },
		{ "p", "ps", "s", NULL }, // the proven one answers for the proven one
		{ "s", "ps", "p", "older evidence" },
		{ "pd", "s", "", NULL },
		{ "pd", "ss", "", NULL },
		{ "d", "ss", "s", NULL },
		{ "d", "ps", "p", "older evidence" },
		{ "ss", "pp", "pp", "the baseline has it as suspect only" },
		{ "pp", "p", "", NULL },
		{ "p", "pp", "p", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_(seep_report_deinit) struct seep_report report;
		_cleanup_(seep_sift_deinit) struct seep_sift sift = {};
		char text[2000] = "\"findings\": [", new[10] = "";
		size_t found = 0;

		seep_report_init(&report);
		for (const char *c = cases[i].before; *c; c++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 "%s{\"cause\": \"send-blocked\", \"verdict\": \"%s\","
				 "\"signature\": \"0000000000000001\", \"count\": 3}",
				 c > cases[i].before ? "," : "",
				 *c == 'p' ? "proven" :
				 *c == 'd' ? "deadlocked" :
					     "suspect");
		strcat(text, "]");
		add_baseline(&sift, text);
		for (const char *c = cases[i].now; *c; c++)
			add_finding(&report, 1,
				    *c == 'p' ? SEEP_VERDICT_PROVEN : SEEP_VERDICT_SUSPECT, 3, 0);
		assert_null(seep_sift_apply(&sift, &report));
		seep_vec_foreach(finding, &report.findings)
			new[found++] = finding->verdict == SEEP_VERDICT_PROVEN ? 'p' : 's';
		if (strcmp(new, cases[i].new) != 0)
			fail_msg("from %s to %s: new is %s", cases[i].before, cases[i].now, new);
		if (cases[i].why)
			assert_string_equal(first_why(&report, 0), cases[i].why);
	}
}

static void of_stronger_verdicts_the_weakest_answers(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	_cleanup_(seep_sift_deinit) struct seep_sift sift = {};

	(void)state;
	seep_report_init(&report);
	add_finding(&report, 1, SEEP_VERDICT_SUSPECT, 100, 0);
	add_baseline(&sift, "\"findings\": [{\"cause\": \"send-blocked\", \"verdict\": \"proven\","
			    "\"signature\": \"0000000000000001\", \"count\": 3},"
			    "{\"cause\": \"send-blocked\", \"verdict\": \"abandoned\","
			    "\"signature\": \"0000000000000001\", \"count\": 100},"
			    "{\"cause\": \"send-blocked\", \"verdict\": \"deadlocked\","
			    "\"signature\": \"0000000000000001\", \"count\": 3}]");
	assert_null(seep_sift_apply(&sift, &report));
	assert_int_equal(report.suppressed.len, 1);
}

static void rules_go_before_the_baseline(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	_cleanup_(seep_sift_deinit) struct seep_sift sift = { .today = 20270131 };

	(void)state;
	seep_report_init(&report);
	add_finding(&report, 1, SEEP_VERDICT_PROVEN, 3, 0);
	add_rules(&sift.rules, "reason x\ncause send-blocked\n");
	add_baseline(&sift, "\"findings\": [{\"cause\": \"send-blocked\", \"verdict\": \"proven\","
			    "\"signature\": \"0000000000000001\", \"count\": 3}]");
	assert_null(seep_sift_apply(&sift, &report));
	assert_string_equal(report.suppressed.data[0].rule, "a.supp:1");
}

static void a_baseline_of_another_program_is_refused(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	_cleanup_(seep_sift_deinit) struct seep_sift sift = {};

	(void)state;
	seep_report_init(&report);
	add_finding(&report, 1, SEEP_VERDICT_PROVEN, 3, 0);
	add_baseline(&sift, "\"findings\": []");
	report.target.main_path = "a/c";
	struct seep_error *err = seep_sift_apply(&sift, &report);
	assert_non_null(err);
	assert_int_equal(err->code, SEEP_ERROR_USAGE);
	assert_string_equal(err->message,
			    "the baseline old.json is of another program: of a/b, and this is a/c");
	seep_error_destroy(err);
	assert_int_equal(report.findings.len, 1);
}

static void without_a_path_the_executable_tells(void **state)
{
	static const char text[] =
		"{\"schema\": \"seep/1\", \"findings\": [], \"findings_left_out\": 4, \"target\": {\"exe\": \"/x/\\\\x1b\"}}";
	static const char *const exes[] = { "/other/\033", "/x/y" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		_cleanup_(seep_report_deinit) struct seep_report report;
		_cleanup_(seep_sift_deinit) struct seep_sift sift = {};

		seep_report_init(&report);
		report.target.exe = exes[i];
		report.target.main_path = "a/b";
		assert_null(seep_baseline_parse(&sift.baseline, "old.json", text, strlen(text)));
		assert_null(seep_sift_apply(&sift, &report));
		// What --top left out is told in any case.
		assert_int_equal(report.caveats.len, 1 + i);
		assert_non_null(strstr(report.caveats.data[i], "left out 4 findings"));
	}
}

static void labels_hide_nothing(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	_cleanup_(seep_sift_deinit) struct seep_sift sift = { .today = 20270131 };

	(void)state;
	seep_report_init(&report);
	add_finding(&report, 1, SEEP_VERDICT_PROVEN, 3, 0);
	add_finding(&report, 2, SEEP_VERDICT_PROVEN, 3, 0);
	add_rules(&sift.known, "reason x\nsignature 0000000000000002\nsource y\n");
	assert_null(seep_sift_apply(&sift, &report));
	assert_int_equal(report.findings.len, 2);
	assert_null(report.findings.data[0].known);
	assert_string_equal(report.findings.data[1].known, "x");
	assert_string_equal(report.findings.data[1].known_source, "y");
	assert_int_equal(report.notes.len, 0);
}

static void the_shipped_list_can_be_read_and_names_its_sources(void **state)
{
	_cleanup_(seep_sift_deinit) struct seep_sift sift = {};

	(void)state;
	assert_null(seep_sift_read_known(&sift, seep_option_is_cause));
	assert_true(sift.known.rules.len >= 20);
	seep_vec_foreach(rule, &sift.known.rules) {
		if (!rule->source || strncmp(rule->source, "https://", 8) != 0)
			fail_msg("known.supp:%u has no source", rule->line);
		// They never suppress, so that would be empty words.
		assert_int_equal(rule->at_most, UINT64_MAX);
		assert_int_equal(rule->expires, 0);
		assert_false(rule->has_signature || rule->has_verdict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_rule_matches_is_counted_with_its_reason),
		cmocka_unit_test(expired_rules_suppress_nothing_and_are_told),
		cmocka_unit_test(a_rule_may_allow_so_many),
		cmocka_unit_test(what_the_baseline_has_is_known),
		cmocka_unit_test(what_has_grown_is_new_and_says_so),
		cmocka_unit_test(a_few_more_is_no_growth),
		cmocka_unit_test(a_stronger_verdict_is_new),
		cmocka_unit_test(of_stronger_verdicts_the_weakest_answers),
		cmocka_unit_test(rules_go_before_the_baseline),
		cmocka_unit_test(a_baseline_of_another_program_is_refused),
		cmocka_unit_test(without_a_path_the_executable_tells),
		cmocka_unit_test(labels_hide_nothing),
		cmocka_unit_test(the_shipped_list_can_be_read_and_names_its_sources),
	};

	return cmocka_run_group_tests_name("sift", tests, NULL, NULL);
}
