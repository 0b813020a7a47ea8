// Values of options, and what errors become.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "cli/cli.h"
#include "cli/condition.h"
#include "cli/options.h"

static void assert_usage(struct seep_error *err, const char *text)
{
	assert_non_null(err);
	if (err->code != SEEP_ERROR_USAGE || !strstr(err->message, text))
		fail_msg("code %d: %s", err->code, err->message);
	seep_error_destroy(err);
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = { { "50ms", 50000000 }, { "1s", 1000000000 },     { "1.5s", 1500000000 },
		     { "200us", 200000 },  { "60m", 3600000000000 }, { "1h", 3600000000000 } };
	static const char *const bad[] = { "",	  "0ms", "5",	"ms",  "-1s", "2h",
					   "61m", "1 s", "1s ", "1.s", "1e3s" };
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_null(seep_option_duration(good[i].text, &ns));
		assert_int_equal(ns, good[i].ns);
	}
	ns = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_usage(seep_option_duration(bad[i], &ns), bad[i]);
	assert_int_equal(ns, 7);
	assert_null(seep_option_long_duration("24h", &ns));
	assert_int_equal(ns, 24 * 3600000000000);
	assert_usage(seep_option_long_duration("1001h", &ns), "1000h");
}

static void sizes(void **state)
{
	static const char *const bad[] = {
		"",    "1",    "0M",  "-1M",	  "1023K",
		"1MB", "1.5G", "1 M", "1048577T", "99999999999999999999G"
	};
	uint64_t bytes;

	(void)state;
	assert_null(seep_option_size("300M", &bytes));
	assert_int_equal(bytes, 300 << 20);
	assert_null(seep_option_size("1024K", &bytes));
	assert_int_equal(bytes, 1 << 20);
	assert_null(seep_option_size("2G", &bytes));
	assert_int_equal(bytes, UINT64_C(2) << 30);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_usage(seep_option_size(bad[i], &bytes), bad[i]);
}

static void conditions(void **state)
{
	static const struct {
		const char *text;
		enum seep_quantity quantity;
		double percent;
		uint64_t value;
	} good[] = {
		{ "rss>80%", SEEP_QUANTITY_RSS, 80, 0 },
		{ "rss > 2GB", SEEP_QUANTITY_RSS, 0, 2000000000 },
		{ "heap>2GiB", SEEP_QUANTITY_HEAP, 0, UINT64_C(2) << 30 },
		{ "heap>1.5G", SEEP_QUANTITY_HEAP, 0, UINT64_C(3) << 29 },
		{ "heap>0.5%", SEEP_QUANTITY_HEAP, 0.5, 0 },
		{ "rss>17B", SEEP_QUANTITY_RSS, 0, 17 },
		{ "goroutines>10000", SEEP_QUANTITY_GOROUTINES, 0, 10000 },
		{ "threads>0", SEEP_QUANTITY_THREADS, 0, 0 },
		{ "fds>90%", SEEP_QUANTITY_FDS, 90, 0 },
		{ "fds>1000", SEEP_QUANTITY_FDS, 0, 1000 },
	};
	static const char *const bad[] = {
		"",
		"rss",
		"rss>",
		">80%",
		"rss<80%",
		"rss>=80%",
		"rss>80",
		"rss>80%%",
		"rss>100%",
		"rss>0%",
		"rss>-1MB",
		"rss>1e9B",
		"rss>1.GB",
		"rss>.5GB",
		"rss>2gb",
		"rss>9999999TB",
		"rss>2GB ",
		"RSS>80%",
		"goroutine>1",
		"goroutines>10%",
		"goroutines>1.5",
		"goroutines>10k",
		"threads>50%",
		"fds>1M",
		"goroutines>99999999999",
		"rss>1000000000000000000B",
		"rss	>80%",
		"fds>1.0000001%",
	};
	struct seep_condition condition;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_null(seep_condition_parse(good[i].text, &condition));
		assert_int_equal(condition.quantity, good[i].quantity);
		assert_true(condition.percent == good[i].percent);
		assert_int_equal(condition.value, good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_usage(seep_condition_parse(bad[i], &condition), bad[i]);
	assert_null(seep_condition_parse("fds>50%", &condition));
	assert_int_equal(seep_condition_threshold(&condition, 1025), 512);
	assert_null(seep_condition_parse("fds>50", &condition));
	assert_int_equal(seep_condition_threshold(&condition, 0), 50);
}

static void ways_to_pause(void **state)
{
	enum seep_snapshot_method method = SEEP_SNAPSHOT_STOP;
	bool report = false;

	(void)state;
	assert_null(seep_option_pause("auto", &method));
	assert_int_equal(method, SEEP_SNAPSHOT_AUTO);
	assert_null(seep_option_pause("precopy", &method));
	assert_int_equal(method, SEEP_SNAPSHOT_PRECOPY);
	assert_null(seep_option_pause("stop", &method));
	assert_int_equal(method, SEEP_SNAPSHOT_STOP);
	assert_usage(seep_option_pause("pre-copy", &method), "precopy");
	assert_null(seep_option_if_longer("report", &report));
	assert_true(report);
	assert_null(seep_option_if_longer("fail", &report));
	assert_false(report);
	assert_usage(seep_option_if_longer("", &report), "fail");
}

/** No error may end a command as if nothing had been. */
static void every_error_has_a_status(void **state)
{
	(void)state;
	for (enum seep_error_code code = 0; code <= SEEP_ERROR_USAGE; code++)
		assert_true(seep_cli_status(code) > SEEP_EXIT_FINDINGS);
	assert_int_equal(seep_cli_status(SEEP_ERROR_USAGE), SEEP_EXIT_USAGE);
	assert_int_equal(seep_cli_status(SEEP_ERROR_CHANGED), SEEP_EXIT_PARTIAL);
	assert_int_equal(seep_cli_status(SEEP_ERROR_BUDGET), SEEP_EXIT_PARTIAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(conditions),
		cmocka_unit_test(ways_to_pause),
		cmocka_unit_test(every_error_has_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
