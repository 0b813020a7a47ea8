#include "sift/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool is_cause(const char *name, size_t len)
{
	return (len == 12 && memcmp(name, "send-blocked", len) == 0) ||
	       (len == 6 && memcmp(name, "ticker", len) == 0);
}

static struct seep_error *parse(struct seep_rules *rules, const char *text)
{
	return seep_rules_parse(rules, "a.supp", text, strlen(text), is_cause);
}

static void a_rule_says_what_its_lines_say(void **state)
{
	_cleanup_(seep_rules_deinit) struct seep_rules rules = {};

	(void)state;
	assert_null(parse(&rules, "# a comment, and an empty line\n"
				  "\n"
				  "  function \t main.(*hub).*  \r\n"
				  "# inside the rule\n"
				  "cause send-blocked\n"
				  "type map[string]*main.job\n"
				  "signature 00c0ffee12345678\n"
				  "verdict suspect\n"
				  "at-most 12\n"
				  "expires 2028-02-29\n"
				  "reason known # for long\n"
				  "source https://example.com/#7\n"
				  "\n\n"
				  "reason second\n"
				  "cause ticker"));
	assert_int_equal(rules.rules.len, 2);
	const struct seep_rule *rule = &rules.rules.data[0];
	assert_string_equal(rule->file, "a.supp");
	assert_int_equal(rule->line, 3);
	assert_string_equal(rule->function, "main.(*hub).*");
	assert_string_equal(rule->cause, "send-blocked");
	assert_string_equal(rule->type, "map[string]*main.job");
	assert_true(rule->has_signature);
	assert_int_equal(rule->signature, UINT64_C(0x00c0ffee12345678));
	assert_true(rule->has_verdict);
	assert_int_equal(rule->verdict, SEEP_VERDICT_SUSPECT);
	assert_int_equal(rule->at_most, 12);
	assert_int_equal(rule->expires, 20280229);
	assert_string_equal(rule->reason, "known # for long");
	assert_string_equal(rule->source, "https://example.com/#7");
	rule = &rules.rules.data[1];
	assert_int_equal(rule->line, 15);
	assert_null(rule->function);
	assert_false(rule->has_signature || rule->has_verdict);
	assert_int_equal(rule->at_most, UINT64_MAX);
	assert_int_equal(rule->expires, 0);
}

static void texts_without_rules_are_empty(void **state)
{
	static const char *const texts[] = { "", "\n", "# nothing", " \t \r\n\n#\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		_cleanup_(seep_rules_deinit) struct seep_rules rules = {};

		assert_null(parse(&rules, texts[i]));
		assert_int_equal(rules.rules.len, 0);
	}
}

// Each with a part of what must be said of it.
static const struct {
	const char *text, *said;
} mistakes[] = {
	{ "funktion main.f\n", "a.supp:1: 'funktion' is not known here" },
	{ "Reason x\n", "a.supp:1: 'Reason' is not known here" },
	{ "\nreason\n", "a.supp:2: nothing behind reason" },
	{ "reason \t\n", "a.supp:1: nothing behind reason" },
	{ "reason a\nreason b\n",
	  "a.supp:2: a second reason in one rule (the first is in line 1)" },
	{ "cause nothing\n", "a.supp:1: no cause is called 'nothing'" },
	{ "cause send-blocked,ticker\n", "no cause is called" },
	{ "signature 12345678\n", "a.supp:1: '12345678' is no signature" },
	{ "signature 00C0FFEE12345678\n", "is no signature" },
	{ "signature 0x00c0ffee123456\n", "is no signature" },
	{ "signature 00c0ffee123456789\n", "is no signature" },
	{ "verdict maybe\n", "a.supp:1: 'maybe' is no verdict" },
	{ "at-most 0\n", "a.supp:1: '0' is no number" },
	{ "at-most -1\n", "is no number" },
	{ "at-most 9999999999999999999\n", "is no number" },
	{ "at-most 3 goroutines\n", "is no number" },
	{ "expires 2027-02-29\n", "a.supp:1: '2027-02-29' is no date" },
	{ "expires 2027-13-01\n", "is no date" },
	{ "expires 2027-00-01\n", "is no date" },
	{ "expires 2027-04-31\n", "is no date" },
	{ "expires 2100-02-29\n", "is no date" },
	{ "expires 31.1.2027\n", "is no date" },
	{ "expires 2027-1-31\n", "is no date" },
	{ "expires 0000-01-01\n", "is no date" },
	{ "function **\n", "a.supp:1: this pattern fits everything" },
	{ "type *\n", "a.supp:1: this pattern fits everything" },
	{ "cause ticker\n", "a.supp:1: the rule that begins here has no reason" },
	{ "#\n\ncause ticker\nexpires 2027-01-31\n\nreason x\ncause ticker\n",
	  "a.supp:3: the rule that begins here has no reason" },
	{ "reason x\n", "a.supp:1: the rule that begins here does not say which findings" },
	{ "reason x\nverdict proven\nat-most 3\n", "does not say which findings" },
	{ "reason \x1b[2Jx\ncause ticker\n", "a.supp:1: has a control character, 0x1b" },
	{ "cause ticker\nreason a\rb\n", "a.supp:2: has a control character, 0x0d" },
	{ "cause ticker\nreason \x7f\n", "has a control character, 0x7f" },
};

static void mistakes_are_told_with_file_and_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		_cleanup_(seep_rules_deinit) struct seep_rules rules = {};
		struct seep_error *err = parse(&rules, mistakes[i].text);

		assert_non_null(err);
		assert_int_equal(err->code, SEEP_ERROR_USAGE);
		if (!strstr(err->message, mistakes[i].said))
			fail_msg("%s\nis told as: %s", mistakes[i].text, err->message);
		seep_error_destroy(err);
	}
}

static void zeros_and_long_lines_are_refused(void **state)
{
	static const char zero[] = "reason a\0b\ncause ticker\n";
	char line[SEEP_RULES_LINE_MAX + 100] = "reason ";
	struct seep_error *err;
	_cleanup_(seep_rules_deinit) struct seep_rules rules = {};

	(void)state;
	err = seep_rules_parse(&rules, "a", zero, sizeof(zero) - 1, is_cause);
	assert_non_null(err);
	assert_non_null(strstr(err->message, "a:1: has a control character, 0x00"));
	seep_error_destroy(err);
	memset(line + 7, 'x', sizeof(line) - 8);
	line[SEEP_RULES_LINE_MAX + 1] = '\0';
	err = parse(&rules, line);
	assert_non_null(err);
	assert_non_null(strstr(err->message, "a.supp:1: longer than 1000 bytes"));
	seep_error_destroy(err);
	line[SEEP_RULES_LINE_MAX] = '\0';
	err = parse(&rules, line);
	assert_non_null(strstr(err->message, "does not say which findings"));
	seep_error_destroy(err);
}

static void rules_have_a_limit(void **state)
{
	_cleanup_(seep_rules_deinit) struct seep_rules rules = {};
	static const char rule[] = "cause ticker\nreason x\n\n";
	size_t len = strlen(rule);
	_cleanup_free_ char *text = malloc((SEEP_RULES_MAX + 1) * len + 1);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i <= SEEP_RULES_MAX; i++)
		memcpy(text + i * len, rule, len + 1);
	text[SEEP_RULES_MAX * len] = '\0';
	assert_null(parse(&rules, text));
	struct seep_error *err = parse(&rules, rule);
	assert_non_null(err);
	assert_non_null(strstr(err->message, "more than 10000 rules"));
	seep_error_destroy(err);
	assert_int_equal(rules.rules.len, SEEP_RULES_MAX);
}

// Nothing is read behind the end: the sanitizer looks on.
static void every_beginning_of_a_text_is_read_to_its_end(void **state)
{
	static const char text[] =
		"function *a\ntype **\nsignature 00c0ffee12345678\nexpires 2027-01-31\nreason x";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		_cleanup_(seep_rules_deinit) struct seep_rules rules = {};
		_cleanup_free_ char *part = malloc(len ? len : 1);

		memcpy(part, text, len);
		seep_error_destroy(seep_rules_parse(&rules, "a", part, len, is_cause));
	}
}

static void stars_stand_for_any_text(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} cases[] = {
		{ "main.f", "main.f", true },
		{ "main.f", "main.fx", false },
		{ "main.f", "main.", false },
		{ "main.*", "main.", true },
		{ "*.f", "main.f", true },
		{ "*.f", "main.f.g", false },
		{ "*.f", "a.f.f", true },
		{ "main.(*hub).run*", "main.(*hub).run.func1", true },
		{ "main.(*hub).run*", "main.hub.run", false },
		{ "*ab*ab", "abab", true },
		{ "*ab*ab", "ab", false },
		{ "a*b*c", "a-b-b-c", true },
		{ "a*b*c", "a-b-b-", false },
		{ "a.c", "abc", false },
		{ "a[b]?", "ab", false },
		{ "", "", true },
		{ "", "a", false },
		{ "a*", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (seep_pattern_matches(cases[i].pattern, cases[i].text) != cases[i].fits)
			fail_msg("%s and %s", cases[i].pattern, cases[i].text);
}

static void many_stars_take_no_time(void **state)
{
	static char text[20001], pattern[1001];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	for (size_t i = 0; i + 1 < sizeof(pattern); i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[sizeof(pattern) - 2] = 'b';
	assert_false(seep_pattern_matches(pattern, text));
}

/** A finding of two goroutines that have different stacks above where they block. */
static void fill_finding(struct seep_finding *ret, struct seep_frame_text *frames)
{
	frames[0] = frames[2] = (struct seep_frame_text){ .function = "main.wait" };
	frames[1] = (struct seep_frame_text){ .function = "main.first" };
	frames[3] = (struct seep_frame_text){ .function = "main.second" };
	frames[4] = (struct seep_frame_text){};
	*ret = (struct seep_finding){ .cause = "send-blocked",
				      .verdict = SEEP_VERDICT_PROVEN,
				      .signature = 7,
				      .count = 2,
				      .where = { .function = "main.wait" },
				      .created = { .function = "main.start" } };
	assert_true(seep_vec_push(
		&ret->goroutines,
		((struct seep_finding_goroutine){ .frames = &frames[0], .frame_count = 2 })));
	assert_true(seep_vec_push(
		&ret->goroutines,
		((struct seep_finding_goroutine){ .frames = &frames[2], .frame_count = 3 })));
}

static void all_of_a_rule_must_be_so(void **state)
{
	static const struct {
		const char *rule;
		bool matches;
	} cases[] = {
		{ "cause send-blocked", true },
		{ "cause ticker", false },
		{ "signature 0000000000000007", true },
		{ "signature 0000000000000008", false },
		{ "function main.wait", true },
		{ "function main.start", true },
		{ "function main.w*", true },
		// One of two goroutines only.
		{ "function main.first", false },
		{ "function main.second", false },
		{ "function main.*", true },
		{ "type chan*", false },
		{ "cause send-blocked\nverdict proven", true },
		{ "cause send-blocked\nverdict suspect", false },
		{ "cause send-blocked\nfunction main.wait\nsignature 0000000000000007", true },
		{ "cause send-blocked\nfunction main.wait\nsignature 0000000000000006", false },
	};
	struct seep_frame_text frames[5];
	struct seep_finding finding;

	(void)state;
	fill_finding(&finding, frames);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_(seep_rules_deinit) struct seep_rules rules = {};
		char text[200];

		snprintf(text, sizeof(text), "reason x\n%s\n", cases[i].rule);
		assert_null(parse(&rules, text));
		if (seep_rule_matches(&rules.rules.data[0], &finding) != cases[i].matches)
			fail_msg("%s", cases[i].rule);
	}
	seep_vec_free(&finding.goroutines);
}

static void types_are_the_holders_or_those_of_all_objects(void **state)
{
	struct seep_finding finding = { .cause = "ticker",
					.holder = "map[int]main.a in main.cache" };
	struct seep_rule rule = { .type = "*main.cache" };

	(void)state;
	assert_true(seep_rule_matches(&rule, &finding));
	rule.type = "[]uint8";
	assert_false(seep_rule_matches(&rule, &finding));
	for (size_t i = 0; i < 2; i++)
		assert_true(seep_vec_push(&finding.objects,
					  ((struct seep_finding_object){ .type = "[]uint8" })));
	assert_true(seep_rule_matches(&rule, &finding));
	finding.objects.data[1].type = NULL;
	assert_false(seep_rule_matches(&rule, &finding));
	seep_vec_free(&finding.objects);
}

static void what_is_not_listed_is_not_matched(void **state)
{
	struct seep_frame_text frame = { .function = "main.worker" };
	struct seep_finding finding = { .count = SEEP_FINDING_GOROUTINES_MAX };

	(void)state;
	for (size_t i = 0; i < SEEP_FINDING_GOROUTINES_MAX; i++) {
		assert_true(seep_vec_push(
			&finding.goroutines,
			((struct seep_finding_goroutine){ .frames = &frame, .frame_count = 1 })));
		assert_true(seep_vec_push(&finding.objects,
					  ((struct seep_finding_object){ .type = "main.t" })));
	}
	assert_true(seep_rule_matches(&(struct seep_rule){ .function = "main.w*" }, &finding));
	assert_true(seep_rule_matches(&(struct seep_rule){ .type = "main.t" }, &finding));
	finding.count++;
	assert_false(seep_rule_matches(&(struct seep_rule){ .function = "main.w*" }, &finding));
	assert_false(seep_rule_matches(&(struct seep_rule){ .type = "main.t" }, &finding));
	seep_vec_free(&finding.goroutines);
	seep_vec_free(&finding.objects);
}

static void nothing_is_known_of_an_empty_finding(void **state)
{
	struct seep_finding finding = {};

	(void)state;
	assert_false(seep_rule_matches(&(struct seep_rule){ .cause = "ticker" }, &finding));
	assert_false(seep_rule_matches(&(struct seep_rule){ .function = "a*" }, &finding));
	assert_false(seep_rule_matches(&(struct seep_rule){ .type = "a*" }, &finding));
}

static void files_that_cannot_be_read_are_named(void **state)
{
	_cleanup_(seep_rules_deinit) struct seep_rules rules = {};
	static const char *const paths[] = { "/nonexistent/x.supp", "/", "/dev/zero" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct seep_error *err = seep_rules_read(&rules, paths[i], is_cause);

		assert_non_null(err);
		assert_int_equal(err->code, SEEP_ERROR_USAGE);
		assert_non_null(strstr(err->message, paths[i]));
		seep_error_destroy(err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_says_what_its_lines_say),
		cmocka_unit_test(texts_without_rules_are_empty),
		cmocka_unit_test(mistakes_are_told_with_file_and_line),
		cmocka_unit_test(zeros_and_long_lines_are_refused),
		cmocka_unit_test(rules_have_a_limit),
		cmocka_unit_test(every_beginning_of_a_text_is_read_to_its_end),
		cmocka_unit_test(stars_stand_for_any_text),
		cmocka_unit_test(many_stars_take_no_time),
		cmocka_unit_test(all_of_a_rule_must_be_so),
		cmocka_unit_test(types_are_the_holders_or_those_of_all_objects),
		cmocka_unit_test(what_is_not_listed_is_not_matched),
		cmocka_unit_test(nothing_is_known_of_an_empty_finding),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
