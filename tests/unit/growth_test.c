// What grew between looks: reports made by hand, and random ones against a sum by brute force.
#include "detect/growth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LOOKS = 4, M = 1 << 20 };
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

/** Bytes of a type in three looks, and of three others each; does it stand out? */
static bool out(const uint64_t type[3], const uint64_t others[3])
{
	static const char *const names[] = { "main.a", "main.b", "main.c" };

	teardown(NULL);
	setup(NULL);
	for (size_t i = 0; i < 3; i++) {
		add_type(i, "main.t", 1, type[i]);
		for (size_t k = 0; k < 3 && others; k++)
			add_type(i, names[k], 1, others[i]);
	}
	find(3);
	seep_vec_foreach(l, &growth.lines[SEEP_GROWTH_TYPE])
		if (strcmp(l->name, "main.t") == 0)
			return l->stands_out;
	return false;
}

static void what_stands_out_grew_while_the_rest_did_not(void **state)
{
	(void)state;
	assert_true(out((uint64_t[]){ M, 2 * M, 3 * M }, (uint64_t[]){ 9 * M, 10 * M, 11 * M }));
	// All doubled.
	assert_false(out((uint64_t[]){ M, 2 * M, 2 * M }, (uint64_t[]){ 9 * M, 18 * M, 18 * M }));
	// Up and down.
	assert_false(out((uint64_t[]){ M, 4 * M, 3 * M }, (uint64_t[]){ 9 * M, 12 * M, 11 * M }));
	// Less than a tenth; too few bytes.
	assert_false(out((uint64_t[]){ 100 * M, 104 * M, 109 * M }, (uint64_t[]){ M, M, M }));
	assert_false(out((uint64_t[]){ 1000, 2000, 3000 }, (uint64_t[]){ 9 * M, 9 * M, 9 * M }));
	// It is all there is.
	assert_true(out((uint64_t[]){ M, 2 * M, 3 * M }, NULL));
}

static void each_more_leaked_goroutine_stands_out(void **state)
{
	(void)state;
	add_finding(0, 42, 1000, 1000 * 4096, 0);
	add_finding(1, 42, 1001, 1001 * 4096, 0);
	add_finding(0, 43, 1000, 1000 * 4096, 0);
	add_finding(1, 43, 1001, 1001 * 4096, 0);
	reports[1].findings.data[1].verdict = SEEP_VERDICT_SUSPECT;
	find(2);
	assert_int_equal(line(SEEP_GROWTH_FINDING, 0)->signature, 42);
	assert_true(line(SEEP_GROWTH_FINDING, 0)->stands_out);
	assert_false(line(SEEP_GROWTH_FINDING, 1)->stands_out);
}

static void one_of_two_leaks_does_not_hide_the_other(void **state)
{
	(void)state;
	static const char *const names[] = { "main.read", "main.write", "main.main", "main.accept",
					     "main.sweep" };
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 5; k++)
			assert_true(seep_vec_push(
				&reports[i].top.sites,
				((struct seep_holder){ .name = names[k],
						       .count = k < 2 ? 1000 + 1000 * i : 2,
						       .retained_bytes = 2048 })));
	find(2);
	assert_int_equal(growth.lines[SEEP_GROWTH_GOROUTINES].len, 2);
	assert_true(line(SEEP_GROWTH_GOROUTINES, 0)->stands_out);
	assert_true(line(SEEP_GROWTH_GOROUTINES, 1)->stands_out);
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

static bool is_told(const char *what)
{
	seep_vec_foreach(caveat, &growth.report.caveats)
		if (strstr(*caveat, what))
			return true;
	return false;
}

static void looks_of_one_moment_have_no_rates(void **state)
{
	(void)state;
	reports[1].capture.realtime_ns = reports[0].capture.realtime_ns;
	add_type(1, "main.t", 1, 1);
	find(3);
	assert_null(growth.seconds);
	assert_true(is_told("of one moment"));
	assert_int_equal(growth.report.caveats.len, 1);
}

static void without_all_times_there_are_no_rates(void **state)
{
	(void)state;
	reports[1].capture.realtime_ns = 0;
	find(3);
	assert_null(growth.seconds);
	assert_true(is_told("not known when"));
}

static void looks_at_one_process_are_put_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		add_type(i, "main.t", 10 + i, 1000 * (1 + i));
	looks[0] = &reports[1];
	looks[1] = &reports[2];
	looks[2] = &reports[0];
	find(3);
	for (size_t i = 0; i < 3; i++) {
		assert_ptr_equal(growth.looks[i], &reports[i]);
		assert_float_equal(growth.seconds[i], 10.0 * i, 1e-9);
	}
	assert_int_equal(line(SEEP_GROWTH_TYPE, 0)->grew.bytes, 2000);
	assert_true(is_told("into the order of time"));
}

static void looks_at_two_processes_stay_in_their_order(void **state)
{
	(void)state;
	reports[0].target.pid = 7;
	reports[1].target.pid = 8;
	add_type(1, "main.t", 1, 1000);
	looks[0] = &reports[1];
	looks[1] = &reports[0];
	find(2);
	assert_true(line(SEEP_GROWTH_TYPE, 0)->shrank);
	assert_null(growth.seconds);
	assert_true(is_told("different processes"));
}

static void other_programs_are_told(void **state)
{
	(void)state;
	find(2);
	assert_int_equal(growth.report.caveats.len, 0);
	seep_growth_deinit(&growth);
	reports[1].target.main_path = "example.com/other";
	find(2);
	assert_true(is_told("not looks at one program"));
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
	assert_int_equal(growth.report.caveats.len, 0);
	seep_growth_deinit(&growth);
	reports[1].target.build_id = "two";
	find(2);
	assert_int_equal(growth.lines[SEEP_GROWTH_VARIABLE].len, 0);
	assert_true(is_told("without names"));
}

// --- findings of growth ---

static void add_variable(size_t look, const char *name, uint64_t bytes)
{
	assert_true(seep_vec_push(
		&reports[look].top.variables,
		((struct seep_holder){ .name = name, .count = 1, .retained_bytes = bytes })));
}

static void add_site(size_t look, const char *name, uint64_t count)
{
	assert_true(seep_vec_push(&reports[look].top.sites,
				  ((struct seep_holder){ .name = name,
							 .count = count,
							 .retained_bytes = count * 8192 })));
	reports[look].goroutines.total += count;
}

/** One that leaked, as a finding has it. */
static void add_leaked(size_t look, uint64_t count, const char *function, const char *creator)
{
	static struct seep_frame_text frames[LOOKS][2];
	struct seep_finding_goroutine goroutine = { .frames = frames[look], .frame_count = 2 };

	frames[look][0].function = "runtime.gopark";
	frames[look][1].function = function;
	add_finding(look, 42, count, count * 8192, 0);
	struct seep_finding *f = &reports[look].findings.data[reports[look].findings.len - 1];
	f->created.function = creator;
	assert_true(seep_vec_push(&f->goroutines, goroutine));
}

/** The findings of growth, in their order; NULL ends them. */
static void assert_found(const char *first, ...)
{
	const char *want = first;
	va_list names;

	va_start(names, first);
	seep_vec_foreach(l, &growth.lines[SEEP_GROWTH_FINDING]) {
		const struct seep_finding *f = l->finding;
		assert_ptr_equal(
			f,
			&growth.report.findings.data[l - growth.lines[SEEP_GROWTH_FINDING].data]);
		if (strcmp(f->cause, "growth") != 0)
			continue;
		assert_non_null(want);
		assert_string_equal(f->holder ? f->holder : f->where.function, want);
		assert_int_equal(f->verdict, SEEP_VERDICT_SUSPECT);
		assert_true(f->why.len >= 3);
		want = va_arg(names, const char *);
	}
	va_end(names);
	assert_null(want);
}

static void a_variable_explains_what_it_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 4; k++)
			add_type(i, (const char *[]){ "a", "b", "c", "d" }[k], 1, 1000);
		add_variable(i, "main.cache", (1 + i) * M);
		add_type(i, "main.entry", 100 * i, i * M);
		add_type(i, "main.other", 100 * i, i * 5 * M);
		add_type(i, "[]main.other", 1, 1 + i * 4 * M);
	}
	find(3);
	// 2 MiB by the variable, 10 MiB by one type, which explain the other two.
	assert_found("main.other", "main.cache", NULL);
	assert_int_equal(growth.report.findings.data[0].count, 200);
	assert_int_equal(growth.report.findings.data[0].retained_bytes, 10 * M);
}

static void leaked_goroutines_explain_their_site(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		add_site(i, "main.worker, started by main.serve", 10 + 100 * i);
		add_site(i, "main.worker, started by main.other", 10 + 50 * i);
		add_site(i, "main.loop", 10 + 20 * i);
		for (size_t k = 0; k < 4; k++)
			add_site(i, (const char *[]){ "main.a", "main.b", "main.c", "main.d" }[k],
				 1);
		add_leaked(i, 10 + 90 * i, "main.worker", "main.serve");
	}
	find(3);
	assert_found("main.worker", "main.loop", NULL);
	assert_string_equal(growth.report.findings.data[0].cause, "send-blocked");
	assert_string_equal(growth.report.findings.data[1].created.function, "main.other");
	assert_null(growth.report.findings.data[2].created.function);
}

static void growth_has_the_same_signature_in_each_run(void **state)
{
	(void)state;
	uint64_t signature = 0;
	for (unsigned run = 0; run < 2; run++) {
		teardown(NULL);
		setup(NULL);
		for (size_t i = 0; i < 3; i++)
			add_variable(i, "main.cache", (1 + i * (run + 1)) * M);
		find(3);
		assert_found("main.cache", NULL);
		assert_true(run == 0 || signature == growth.report.findings.data[0].signature);
		signature = growth.report.findings.data[0].signature;
	}
}

static void what_is_suppressed_is_no_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		add_variable(i, "main.cache", (1 + i) * M);
		add_finding(i, 43, 1 + i, 10, 0);
		add_finding(i, 44, 1 + i, 5, 0);
	}
	find(3);
	assert_int_equal(growth.report.findings.len, 3);
	// As sifting does it: in order, without the second.
	struct seep_suppressed taken = { .finding = growth.report.findings.data[1] };
	assert_true(seep_vec_push(&growth.report.suppressed, taken));
	growth.report.findings.data[1] = growth.report.findings.data[2];
	growth.report.findings.len = 2;
	seep_growth_leave_out_suppressed(&growth);
	assert_int_equal(growth.lines[SEEP_GROWTH_FINDING].len, 2);
	assert_found("main.cache", NULL);
	assert_int_equal(line(SEEP_GROWTH_FINDING, 1)->signature,
			 growth.report.findings.data[1].signature);
	assert_int_not_equal(taken.finding.signature, growth.report.findings.data[1].signature);
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
		TEST(each_more_leaked_goroutine_stands_out),
		TEST(one_of_two_leaks_does_not_hide_the_other),
		TEST(goroutines_stand_out_by_their_number),
		TEST(looks_of_one_moment_have_no_rates),
		TEST(without_all_times_there_are_no_rates),
		TEST(looks_at_one_process_are_put_in_order),
		TEST(looks_at_two_processes_stay_in_their_order),
		TEST(other_programs_are_told),
		TEST(a_variable_explains_what_it_holds),
		TEST(leaked_goroutines_explain_their_site),
		TEST(growth_has_the_same_signature_in_each_run),
		TEST(what_is_suppressed_is_no_line),
		TEST(nameless_variables_are_compared_in_one_build_only),
		TEST(random_reports_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
