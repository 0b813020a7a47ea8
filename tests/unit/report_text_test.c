#include "report/report.h"

#include "report/style.h"
#include "support/fake_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/** The report as text; the caller frees. */
static char *write_text(const struct seep_report *report, struct seep_report_options options)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	assert_non_null(file);
	assert_null(
		seep_report_format_find("text", SEEP_REPORT_ALL)->write(report, &options, file));
	assert_int_equal(fclose(file), 0);
	return text;
}

static void check(void (*make)(struct seep_report *), struct seep_report_options options,
		  const char *golden)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	make(&report);
	_cleanup_free_ char *text = write_text(&report, options);
	golden_check(golden, text);
}

static void leaks_fit_80_columns(void **state)
{
	(void)state;
	check(fake_report_leaky, (struct seep_report_options){ .columns = 80 }, "report-80.txt");
}

static void leaks_fit_120_columns(void **state)
{
	(void)state;
	check(fake_report_leaky, (struct seep_report_options){ .columns = 120 }, "report-120.txt");
}

static void leaks_in_colour(void **state)
{
	(void)state;
	check(fake_report_leaky,
	      (struct seep_report_options){ .columns = 100, .color = true, .top = 2 },
	      "report-color.txt");
}

static void what_is_known_is_told(void **state)
{
	(void)state;
	check(fake_report_known, (struct seep_report_options){ .columns = 80 },
	      "report-known-80.txt");
}

static void what_is_known_is_listed_when_verbose(void **state)
{
	(void)state;
	check(fake_report_known, (struct seep_report_options){ .verbose = true, .top = 1 },
	      "report-known-verbose.txt");
}

static void everything_without_a_terminal(void **state)
{
	(void)state;
	check(fake_report_leaky, (struct seep_report_options){ .verbose = true, .top = 100 },
	      "report-verbose.txt");
}

static void memory_fits_80_columns(void **state)
{
	(void)state;
	check(fake_report_memory, (struct seep_report_options){ .columns = 80 },
	      "report-memory-80.txt");
}

static void all_of_the_memory(void **state)
{
	(void)state;
	check(fake_report_memory, (struct seep_report_options){ .verbose = true, .top = 100 },
	      "report-memory-verbose.txt");
}

static void suspects_are_no_leak(void **state)
{
	(void)state;
	check(fake_report_suspect, (struct seep_report_options){ .columns = 80 },
	      "report-suspect.txt");
}

/** Lines of text up to the first that begins with `start`; all if none does. */
static size_t lines_until(const char *text, const char *start)
{
	size_t lines = 0;

	for (; *text && !seep_has_prefix(text, start); text += strcspn(text, "\n") + 1)
		lines++;
	return lines;
}

// Whoever looks at a terminal of 24 lines sees the sum and the largest findings by name.
static void the_first_screen_has_it_all(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_memory(&report);
	_cleanup_free_ char *text =
		write_text(&report, (struct seep_report_options){ .columns = 80 });
	const char *detail = strstr(text, "\n1. proven");
	assert_non_null(detail);
	assert_true(lines_until(text, "1. proven") <= 24);
	for (size_t i = 0; i < 5; i++) {
		const char *cause = strstr(text, report.findings.data[i].cause);

		assert_non_null(cause);
		assert_true(cause < detail);
	}
}

static void nothing_is_said_of_causes_not_asked_for(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_clean(&report);
	report.goroutines.leaked = 3;
	_cleanup_free_ char *text =
		write_text(&report, (struct seep_report_options){ .only = "substring,\033[31m" });
	assert_non_null(strstr(text, "asked for than substring,\\x1b[31m; 3 goroutines leaked"));
	assert_null(strstr(text, "could still wake it"));
}

static void no_leak_says_what_that_means(void **state)
{
	(void)state;
	check(fake_report_clean, (struct seep_report_options){ .columns = 80 }, "report-clean.txt");
}

static void nothing_hostile_reaches_the_terminal(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_hostile(&report);
	for (int columns = 0; columns < 200; columns += 7) {
		_cleanup_free_ char *text =
			write_text(&report, (struct seep_report_options){ .columns = columns,
									  .verbose = columns % 2 });

		for (const unsigned char *p = (unsigned char *)text; *p; p++)
			assert_true(*p == '\n' || (*p >= 0x20 && *p != 0x7f));
		assert_null(strstr(text, "\xe2\x80\xae"));
		assert_null(strstr(text, "\xc2\x9b"));
		assert_null(strstr(text, "\xff"));
		assert_null(strstr(text, "\n1. proven fake"));
		assert_true(strlen(text) < 60000);
	}
}

static size_t columns_of_line(const char *line)
{
	_cleanup_free_ char *copy = strndup(line, strcspn(line, "\n"));

	assert_non_null(copy);
	return seep_style_width(copy);
}

static void lines_end_within_the_terminal(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	fake_report_memory(&report);
	for (int columns = 80; columns < 200; columns++) {
		_cleanup_free_ char *text =
			write_text(&report, (struct seep_report_options){ .columns = columns });

		for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
			assert_true(columns_of_line(line) <= (size_t)columns);
	}
}

static void a_full_device_is_an_error(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	struct seep_report_options options = {};
	FILE *file = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	fake_report_leaky(&report);
	struct seep_error *err =
		seep_report_format_find("text", SEEP_REPORT_ALL)->write(&report, &options, file);
	assert_non_null(err);
	assert_int_equal(err->code, SEEP_ERROR_OS);
	seep_error_destroy(err);
	fclose(file);
}

#define CHECK_STYLE(want, call)                                      \
	do {                                                         \
		_cleanup_(seep_str_deinit) struct seep_str str = {}; \
		call;                                                \
		assert_string_equal(seep_str_text(&str), want);      \
	} while (0)

static void numbers_are_human_and_cut(void **state)
{
	(void)state;
	CHECK_STYLE("0", seep_style_count(&str, 0));
	CHECK_STYLE("999", seep_style_count(&str, 999));
	CHECK_STYLE("1,000", seep_style_count(&str, 1000));
	CHECK_STYLE("18,446,744,073,709,551,615", seep_style_count(&str, UINT64_MAX));
	CHECK_STYLE("1023 B", seep_style_bytes(&str, 1023));
	CHECK_STYLE("1.0 KiB", seep_style_bytes(&str, 1024));
	CHECK_STYLE("99.9 KiB", seep_style_bytes(&str, 102399));
	CHECK_STYLE("100 KiB", seep_style_bytes(&str, 102400));
	CHECK_STYLE("1023 KiB", seep_style_bytes(&str, 1048575));
	CHECK_STYLE("15.9 EiB", seep_style_bytes(&str, UINT64_MAX));
	CHECK_STYLE("1 object", seep_style_counted(&str, 1, "object"));
	CHECK_STYLE("0 objects", seep_style_counted(&str, 0, "object"));
	CHECK_STYLE("2,014 entries", seep_style_counted(&str, 2014, "entry"));
	CHECK_STYLE("2 arrays", seep_style_counted(&str, 2, "array"));
	CHECK_STYLE("2 mutexes", seep_style_counted(&str, 2, "mutex"));
	CHECK_STYLE("2 s", seep_style_counted(&str, 2, ""));
	CHECK_STYLE("0 %", seep_style_percent(&str, 0, 0));
	CHECK_STYLE("0 %", seep_style_percent(&str, 0, 7));
	CHECK_STYLE("<0.1 %", seep_style_percent(&str, 1, 1001));
	CHECK_STYLE("0.1 %", seep_style_percent(&str, 1, 1000));
	CHECK_STYLE("66.6 %", seep_style_percent(&str, 2, 3));
	CHECK_STYLE("100.0 %", seep_style_percent(&str, UINT64_MAX, UINT64_MAX));
	CHECK_STYLE("999 ns", seep_style_duration(&str, 999));
	CHECK_STYLE("1.0 us", seep_style_duration(&str, 1000));
	CHECK_STYLE("999 us", seep_style_duration(&str, 999999));
	CHECK_STYLE("12.3 ms", seep_style_duration(&str, 12345678));
	CHECK_STYLE("59.9 s", seep_style_duration(&str, 59999999999));
	CHECK_STYLE("1m00s", seep_style_duration(&str, 60000000000));
	CHECK_STYLE("3h12m", seep_style_duration(&str, 11520000000000));
	CHECK_STYLE("213503d23h", seep_style_duration(&str, UINT64_MAX));
}

static void names_are_shortened_from_the_left(void **state)
{
	const char *goroot = "/usr/lib/go-1.22";

	(void)state;
	CHECK_STYLE("main.f", seep_style_function(&str, "main.f", 20));
	CHECK_STYLE(".../pricing.(*C).Quote",
		    seep_style_function(&str, "example.com/o/pricing.(*C).Quote", 24));
	CHECK_STYLE(".../p.F[a.example/b.T]",
		    seep_style_function(&str, "x.example/p.F[a.example/b.T]", 24));
	CHECK_STYLE("ABB...BCCC",
		    seep_style_function(&str, "AAABBBBBBBBBBBBBBBBBBBBBBBBBBCCC" + 2, 10));
	CHECK_STYLE("net/http/server.go:7",
		    seep_style_file(&str, "/usr/lib/go-1.22/src/net/http/server.go", 7, goroot, 0));
	CHECK_STYLE("x.org/y@v1.0.0/z.go:7",
		    seep_style_file(&str, "/root/go/pkg/mod/x.org/y@v1.0.0/z.go", 7, NULL, 0));
	CHECK_STYLE("x.org/y/z.go", seep_style_file(&str, "/go/src/x.org/y/z.go", 0, NULL, 0));
	CHECK_STYLE("/src/app/main.go:7", seep_style_file(&str, "/src/app/main.go", 7, goroot, 18));
	CHECK_STYLE(".../app/main.go:7", seep_style_file(&str, "/src/app/main.go", 7, goroot, 17));
	CHECK_STYLE("\\x1b[31m", seep_style_text(&str, "\033[31m", 0));
	CHECK_STYLE("abc...", seep_style_text(&str, "abcdefg", 6));
	CHECK_STYLE("aa bb\n  cc", seep_style_wrap(&str, "aa bb cc", 0, 2, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaks_fit_80_columns),
		cmocka_unit_test(leaks_fit_120_columns),
		cmocka_unit_test(leaks_in_colour),
		cmocka_unit_test(what_is_known_is_told),
		cmocka_unit_test(what_is_known_is_listed_when_verbose),
		cmocka_unit_test(everything_without_a_terminal),
		cmocka_unit_test(memory_fits_80_columns),
		cmocka_unit_test(all_of_the_memory),
		cmocka_unit_test(suspects_are_no_leak),
		cmocka_unit_test(the_first_screen_has_it_all),
		cmocka_unit_test(nothing_is_said_of_causes_not_asked_for),
		cmocka_unit_test(no_leak_says_what_that_means),
		cmocka_unit_test(nothing_hostile_reaches_the_terminal),
		cmocka_unit_test(lines_end_within_the_terminal),
		cmocka_unit_test(a_full_device_is_an_error),
		cmocka_unit_test(numbers_are_human_and_cut),
		cmocka_unit_test(names_are_shortened_from_the_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
