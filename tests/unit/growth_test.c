// What grew between looks: reports made by hand, and random ones against a sum by brute force.
#include "detect/growth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LOOKS = 4 };
static struct seep_report reports[LOOKS];
static const struct seep_report *looks[LOOKS];
static struct seep_growth growth;

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < LOOKS; i++) {
		seep_report_init(&reports[i]);
		looks[i] = &reports[i];
		reports[i].target.main_path = "example.com/service";
		reports[i].target.build_id = "one";
		reports[i].capture.realtime_ns = (1000 + 10 * i) * UINT64_C(1000000000);
		reports[i].heap.reachable_objects = 1000;
		reports[i].heap.reachable_bytes = 100 << 20;
	}
	growth = (struct seep_growth){};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	seep_growth_deinit(&growth);
	for (size_t i = 0; i < LOOKS; i++)
		seep_report_deinit(&reports[i]);
	return 0;
}

static void add_type(size_t look, const char *name, uint64_t count, uint64_t bytes)
{
	assert_true(seep_vec_push(
		&reports[look].top.types,
		((struct seep_holder){
			.kind = "type", .name = name, .count = count, .retained_bytes = bytes })));
}

static void add_finding(size_t look, uint64_t signature, uint64_t count, uint64_t retained,
			uint64_t wasted)
{
	assert_true(seep_vec_push(&reports[look].findings,
				  ((struct seep_finding){ .cause = "send-blocked",
							  .signature = signature,
							  .count = count,
							  .retained_bytes = retained,
							  .wasted_bytes = wasted })));
}

static void find(size_t count)
{
	assert_null(seep_growth_find(looks, count, &growth));
}

static const struct seep_growth_line *line(enum seep_growth_kind kind, size_t i)
{
	assert_true(i < growth.lines[kind].len);
	return &growth.lines[kind].data[i];
}

static void the_rate_is_that_of_the_best_line(void **state)
{
	(void)state;
	// 100, 130, 150, 190 in steps of 10 s: 2.9 per second.
	const uint64_t counts[LOOKS] = { 100, 130, 150, 190 };
	for (size_t i = 0; i < LOOKS; i++)
		add_type(i, "main.session", counts[i], counts[i] * 4096);
	find(LOOKS);
	const struct seep_growth_line *l = line(SEEP_GROWTH_TYPE, 0);
	assert_float_equal(l->counts_per_s, 2.9, 1e-9);
	assert_float_equal(l->bytes_per_s, 2.9 * 4096, 1e-6);
	assert_int_equal(l->grew.count, 90);
	assert_true(l->steady);
	assert_false(l->shrank);
	assert_float_equal(growth.seconds[3], 30, 1e-9);
}

static void what_only_one_look_has_is_nothing_in_the_other(void **state)
{
	(void)state;
	add_type(0, "main.gone", 5, 5000);
	add_type(1, "main.new", 7, 7000);
	find(2);
	assert_int_equal(growth.lines[SEEP_GROWTH_TYPE].len, 2);
	assert_string_equal(line(SEEP_GROWTH_TYPE, 0)->name, "main.new");
	assert_int_equal(line(SEEP_GROWTH_TYPE, 0)->grew.bytes, 7000);
	assert_string_equal(line(SEEP_GROWTH_TYPE, 1)->name, "main.gone");
	assert_true(line(SEEP_GROWTH_TYPE, 1)->shrank);
	assert_false(line(SEEP_GROWTH_TYPE, 1)->steady);
	assert_int_equal(line(SEEP_GROWTH_TYPE, 1)->grew.bytes, 5000);
}

static void what_stayed_is_no_line(void **state)
{
	(void)state;
	add_type(0, "main.same", 5, 5000);
	add_type(1, "main.same", 5, 5000);
	find(2);
	assert_int_equal(growth.lines[SEEP_GROWTH_TYPE].len, 0);
}

static void findings_of_one_signature_are_one(void **state)
{
	(void)state;
	add_finding(0, 42, 1, 100, 0);
	add_finding(1, 42, 2, 100, 300);
	add_finding(1, 42, 3, 50, 0);
	add_finding(1, 43, 1, 10, 0);
	find(2);
	assert_int_equal(growth.lines[SEEP_GROWTH_FINDING].len, 2);
	const struct seep_growth_line *l = line(SEEP_GROWTH_FINDING, 0);
	assert_int_equal(l->at[1].count, 5);
	assert_int_equal(l->at[1].bytes, 350);
	assert_int_equal(l->finding->count, 3);
}

/** Bytes of a type in three looks; does it stand out of a heap that has so many? */
static bool out(const uint64_t type[3], const uint64_t heap[3])
{
	teardown(NULL);
	setup(NULL);
	for (size_t i = 0; i < 3; i++) {
		add_type(i, "main.t", 1, type[i]);
		reports[i].heap.reachable_bytes = heap[i];
	}
	find(3);
	return growth.lines[SEEP_GROWTH_TYPE].len && line(SEEP_GROWTH_TYPE, 0)->stands_out;
}

static void what_stands_out_grew_while_the_rest_did_not(void **state)
{
	(void)state;
	enum { M = 1 << 20 };
	assert_true(out((uint64_t[]){ M, 2 * M, 3 * M }, (uint64_t[]){ 9 * M, 10 * M, 11 * M }));
	// All doubled.
	assert_false(out((uint64_t[]){ M, 2 * M, 2 * M }, (uint64_t[]){ 9 * M, 18 * M, 18 * M }));
	// Up and down.
	assert_false(out((uint64_t[]){ M, 4 * M, 3 * M }, (uint64_t[]){ 9 * M, 12 * M, 11 * M }));
	// Less than a tenth; too few bytes.
	assert_false(out((uint64_t[]){ 100 * M, 104 * M, 109 * M },
			 (uint64_t[]){ 900 * M, 904 * M, 909 * M }));
	assert_false(out((uint64_t[]){ 1000, 2000, 3000 }, (uint64_t[]){ 9 * M, 9 * M, 9 * M }));
	// It is all there is.
	assert_true(out((uint64_t[]){ M, 2 * M, 3 * M }, (uint64_t[]){ M, 2 * M, 3 * M }));
}

static void goroutines_stand_out_by_their_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		reports[i].goroutines.total = 100 + 10 * i;
		assert_true(seep_vec_push(&reports[i].top.sites,
					  ((struct seep_holder){ .name = "main.worker",
								 .count = 10 + 10 * i,
								 .retained_bytes = 2048 })));
		assert_true(seep_vec_push(&reports[i].top.sites,
					  ((struct seep_holder){ .name = "main.other",
								 .count = 90,
								 .retained_bytes = 2048 })));
	}
	find(3);
	assert_int_equal(growth.lines[SEEP_GROWTH_GOROUTINES].len, 1);
	assert_true(line(SEEP_GROWTH_GOROUTINES, 0)->stands_out);
	assert_int_equal(growth.goroutines.grew.count, 20);
}

static void without_order_in_time_there_are_no_rates(void **state)
{
	(void)state;
	reports[1].capture.realtime_ns = reports[0].capture.realtime_ns;
	add_type(1, "main.t", 1, 1);
	find(3);
	assert_null(growth.seconds);
	assert_non_null(growth.caveats[0]);
	assert_non_null(strstr(growth.caveats[0], "rates"));
	assert_null(growth.caveats[1]);
}

static void nameless_variables_are_compared_in_one_build_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_true(seep_vec_push(
			&reports[i].top.variables,
			((struct seep_holder){ .name = "bss+0x10 (package variable, name stripped)",
					       .retained_bytes = 10 * i })));
	find(2);
	assert_int_equal(growth.lines[SEEP_GROWTH_VARIABLE].len, 1);
	assert_null(growth.caveats[0]);
	seep_growth_deinit(&growth);
	reports[1].target.build_id = "two";
	find(2);
	assert_int_equal(growth.lines[SEEP_GROWTH_VARIABLE].len, 0);
	assert_non_null(growth.caveats[0]);
}

static void random_reports_add_up(void **state)
{
	(void)state;
	enum { NAMES = 12 };
	static const char *const names[NAMES] = { "a", "b", "c", "d", "e", "f",
						  "g", "h", "i", "j", "k", "l" };
	for (unsigned seed = 1; seed <= 300; seed++) {
		uint64_t bytes[LOOKS][NAMES] = {}, changed = 0, seen = 0;
		teardown(NULL);
		setup(NULL);
		srandom(seed);
		for (unsigned i = 0; i < 60; i++) {
			unsigned look = random() % LOOKS, name = random() % NAMES;
			uint64_t n = random() % 3;
			bytes[look][name] += n;
			add_type(look, names[name], 0, n);
		}
		find(LOOKS);
		for (unsigned k = 0; k < NAMES; k++)
			changed += bytes[0][k] != bytes[LOOKS - 1][k];
		assert_int_equal(growth.lines[SEEP_GROWTH_TYPE].len, changed);
		seep_vec_foreach(l, &growth.lines[SEEP_GROWTH_TYPE]) {
			unsigned k = *l->name - 'a';
			for (unsigned i = 0; i < LOOKS; i++)
				assert_int_equal(l->at[i].bytes, bytes[i][k]);
			assert_int_equal(l->shrank, bytes[LOOKS - 1][k] < bytes[0][k]);
			assert_false(seen >> k & 1);
			seen |= 1u << k;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_rate_is_that_of_the_best_line),
		TEST(what_only_one_look_has_is_nothing_in_the_other),
		TEST(what_stayed_is_no_line),
		TEST(findings_of_one_signature_are_one),
		TEST(what_stands_out_grew_while_the_rest_did_not),
		TEST(goroutines_stand_out_by_their_number),
		TEST(without_order_in_time_there_are_no_rates),
		TEST(nameless_variables_are_compared_in_one_build_only),
		TEST(random_reports_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
