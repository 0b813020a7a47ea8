#include "detect/findings.h"

#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void allocations_are_zeroed_apart_and_aligned(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 4096, 65535, 65536, 65537, 1000000 };
	unsigned char *blocks[200];

	(void)state;
	seep_report_init(&report);
	for (size_t i = 0; i < 200; i++) {
		size_t size = sizes[i % 10];

		blocks[i] = seep_report_alloc(&report, size);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % 16, 0);
		for (size_t b = 0; b < size; b++)
			assert_int_equal(blocks[i][b], 0);
		memset(blocks[i], (int)i, size);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t b = 0; b < sizes[i % 10]; b++)
			assert_int_equal(blocks[i][b], i);
}

static void absurd_sizes_are_refused(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	seep_report_init(&report);
	assert_null(seep_report_alloc(&report, SIZE_MAX));
	assert_null(seep_report_alloc(&report, SIZE_MAX / 2 + 1));
	assert_non_null(seep_report_alloc(&report, 1));
}

static void strings_live_as_long_as_the_report(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	seep_report_init(&report);
	const char *first = seep_report_format(&report, "%s-%d", "a", 1);
	for (int i = 0; i < 10000; i++)
		assert_non_null(seep_report_format(&report, "%*d", i % 300 + 1, i));
	assert_string_equal(first, "a-1");
}

static void a_caveat_is_said_once(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	seep_report_init(&report);
	for (int i = 0; i < 6; i++)
		seep_report_caveat(&report, "page %d", i % 2);
	assert_int_equal(report.caveats.len, 2);
	assert_string_equal(report.caveats.data[0], "page 0");
	assert_string_equal(report.caveats.data[1], "page 1");
}

static void verdicts_have_names(void **state)
{
	(void)state;
	assert_string_equal(seep_verdict_name(SEEP_VERDICT_PROVEN), "proven");
	assert_string_equal(seep_verdict_name(SEEP_VERDICT_INTENDED), "intended");
	assert_string_equal(seep_verdict_name((enum seep_verdict)6), "unknown");
	assert_string_equal(seep_verdict_name((enum seep_verdict) - 1), "unknown");
}

static void deinit_accepts_the_untouched(void **state)
{
	struct seep_report report;

	(void)state;
	seep_report_init(&report);
	seep_report_deinit(&report);
	seep_report_deinit(&report);
}

// What a finding is sorted by, in that order; equal ones are not told apart.
static bool stands_before(const struct seep_finding *a, const struct seep_finding *b)
{
	bool a_waits = a->verdict >= SEEP_VERDICT_WAITING,
	     b_waits = b->verdict >= SEEP_VERDICT_WAITING;
	uint64_t a_bytes = a->wasted_bytes > a->retained_bytes ? a->wasted_bytes :
								 a->retained_bytes,
		 b_bytes = b->wasted_bytes > b->retained_bytes ? b->wasted_bytes :
								 b->retained_bytes;

	return a_waits != b_waits	    ? b_waits :
	       a_bytes != b_bytes	    ? a_bytes > b_bytes :
	       a->count != b->count	    ? a->count > b->count :
	       a->signature != b->signature ? a->signature < b->signature :
					      a->verdict < b->verdict;
}

static void findings_come_largest_first_whatever_the_order_they_were_found_in(void **state)
{
	struct fake_random rng = { 1 };

	(void)state;
	for (int round = 0; round < 300; round++) {
		_cleanup_(seep_report_deinit) struct seep_report report;
		size_t n = fake_below(&rng, 40);

		seep_report_init(&report);
		for (size_t i = 0; i < n; i++)
			assert_true(seep_vec_push(
				&report.findings,
				((struct seep_finding){
					.verdict = (enum seep_verdict)fake_below(&rng, 6),
					.retained_bytes = fake_below(&rng, 3),
					.wasted_bytes = fake_below(&rng, 4),
					.count = fake_below(&rng, 3),
					.signature = fake_below(&rng, 3) })));
		seep_report_sort(&report);
		assert_int_equal(report.findings.len, n);
		for (size_t i = 1; i < n; i++)
			assert_false(stands_before(&report.findings.data[i],
						   &report.findings.data[i - 1]));
	}
}

static void what_waits_stands_behind_the_smallest_leak(void **state)
{
	_cleanup_(seep_report_deinit) struct seep_report report;

	(void)state;
	seep_report_init(&report);
	assert_true(seep_vec_push(&report.findings,
				  ((struct seep_finding){ .verdict = SEEP_VERDICT_WAITING,
							  .retained_bytes = UINT64_MAX })));
	assert_true(seep_vec_push(
		&report.findings,
		((struct seep_finding){ .verdict = SEEP_VERDICT_PROVEN, .retained_bytes = 7 })));
	assert_true(seep_vec_push(
		&report.findings,
		((struct seep_finding){ .verdict = SEEP_VERDICT_SUSPECT, .wasted_bytes = 8 })));
	seep_report_sort(&report);
	assert_int_equal(report.findings.data[0].verdict, SEEP_VERDICT_SUSPECT);
	assert_int_equal(report.findings.data[1].verdict, SEEP_VERDICT_PROVEN);
	assert_int_equal(report.findings.data[2].verdict, SEEP_VERDICT_WAITING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_zeroed_apart_and_aligned),
		cmocka_unit_test(absurd_sizes_are_refused),
		cmocka_unit_test(strings_live_as_long_as_the_report),
		cmocka_unit_test(a_caveat_is_said_once),
		cmocka_unit_test(verdicts_have_names),
		cmocka_unit_test(findings_come_largest_first_whatever_the_order_they_were_found_in),
		cmocka_unit_test(what_waits_stands_behind_the_smallest_leak),
		cmocka_unit_test(deinit_accepts_the_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
