// The order of lock operations by source, which of them unlock what their function has not locked, and how a position is taken
// apart into levels.
#include "runtime/lock_code.h"
#include "support/fake_go.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// Levels from pairs of function and line, outermost first.
static struct seep_levels at(const char *f, int line)
{
	return (struct seep_levels){ .at = { { .function = f, .file = "x.go", .line = line } },
				     .count = 1 };
}

static struct seep_levels in(struct seep_levels outer, const char *f, int line)
{
	outer.at[outer.count++] =
		(struct seep_position){ .function = f, .file = "y.go", .line = line };
	return outer;
}

static void check_order(struct seep_levels a, struct seep_levels b, int want)
{
	int there = seep_levels_compare(&a, &b), back = seep_levels_compare(&b, &a);

	assert_int_equal(there < 0 ? -1 : there > 0, want);
	assert_int_equal(back < 0 ? -1 : back > 0, -want);
}

static void positions_are_ordered_by_source(void **state)
{
	(void)state;
	check_order(at("f", 10), at("f", 11), -1);
	check_order(at("f", 11), at("f", 11), 0);
	// The line of the outer function decides, whatever stands inside.
	check_order(in(at("f", 10), "g", 500), in(at("f", 11), "g", 3), -1);
	check_order(in(at("f", 10), "g", 500), at("f", 11), -1);
	// On one line the inlined function's lines.
	check_order(in(at("f", 10), "g", 4), in(at("f", 10), "g", 5), -1);
	check_order(in(in(at("f", 10), "g", 4), "h", 2), in(in(at("f", 10), "g", 4), "h", 1), 1);
	// A call and what is inside it are at the same place; so are two functions inlined into one line.
	check_order(at("f", 10), in(at("f", 10), "g", 4), 0);
	check_order(in(at("f", 10), "g", 4), in(at("f", 10), "h", 9), 0);
	check_order(in(in(at("f", 10), "g", 4), "i", 1), in(in(at("f", 10), "h", 9), "i", 2), 0);
	check_order((struct seep_levels){}, at("f", 10), 0);
}

static void order_is_antisymmetric_and_transitive_in_one_function(void **state)
{
	struct fake_random rng = { 21 };
	struct seep_levels v[40];

	(void)state;
	// Whoever is inlined where is told by the line, as in real code.
	for (unsigned i = 0; i < 40; i++) {
		int line = 1 + (int)fake_below(&rng, 6);
		v[i] = at("f", line);
		if (line % 2)
			v[i] = in(v[i], line == 1 ? "g" : "h", 1 + (int)fake_below(&rng, 4));
	}
	for (unsigned a = 0; a < 40; a++)
		for (unsigned b = 0; b < 40; b++) {
			int ab = seep_levels_compare(&v[a], &v[b]);
			assert_int_equal(ab, -seep_levels_compare(&v[b], &v[a]));
			for (unsigned c = 0; c < 40; c++)
				if (ab <= 0 && seep_levels_compare(&v[b], &v[c]) <= 0)
					assert_true(seep_levels_compare(&v[a], &v[c]) <= 0);
		}
}

// Operations of one function; what is foreign among them.

struct op {
	bool unlock, wrapper;
	int line;
	bool foreign;
};

static void check_foreign(const struct op *ops, size_t count)
{
	struct seep_lock_op raw[8] = {};
	struct seep_lock_code code = { .ops = { .data = raw, .len = count, .cap = 8 } };

	for (size_t i = 0; i < count; i++) {
		raw[i] = (struct seep_lock_op){ .unlock = ops[i].unlock,
						.levels = at("main.f", ops[i].line) };
		raw[i].levels.wrapper = ops[i].wrapper;
	}
	for (size_t i = 0; i < count; i++)
		if (seep_lock_op_is_foreign(&code, &raw[i]) != ops[i].foreign)
			fail_msg("operation %zu on line %d is %sforeign", i, ops[i].line,
				 ops[i].foreign ? "not " : "");
}

static void an_unlock_without_a_lock_before_it_is_foreign(void **state)
{
	// In the order of the code, which has slow paths at its end.
	static const struct op paired[] = { { false, false, 10, false },
					    { true, false, 12, false } };
	static const struct op alone[] = { { true, false, 12, true } };
	static const struct op handed_over[] = { { true, false, 9, true },
						 { false, false, 10, false },
						 { true, false, 14, false } };
	static const struct op slow_path_last[] = { { true, false, 12, false },
						    { true, false, 14, false },
						    { false, false, 10, false } };
	static const struct op one_line[] = { { true, false, 10, false },
					      { false, false, 10, false } };
	static const struct op deferred[] = { { true, true, 11, false } };
	static const struct op relock[] = { { true, false, 20, true },
					    { false, false, 22, false } };

	(void)state;
	check_foreign(paired, 2);
	check_foreign(alone, 1);
	check_foreign(handed_over, 3);
	check_foreign(slow_path_last, 3);
	check_foreign(one_line, 2);
	check_foreign(deferred, 1);
	check_foreign(relock, 2);
}

// Levels of real positions: main.outer with main.mid in it, and main.inner in that.

static struct fake_go go;
static struct seep_image image;
static struct seep_binary binary;
static struct seep_runtime runtime = { .binary = &binary };
static struct seep_func outer;

static int open_go(void **state)
{
	(void)state;
	assert_null(seep_image_parse(go.bytes, sizeof(go.bytes), &image));
	assert_null(seep_pclntab_open(&image, 25, &binary.pclntab));
	assert_true(seep_pclntab_func(&binary.pclntab, 0, &outer));
	return 0;
}

static int open_plain(void **state)
{
	fake_go_build(25, &go);
	return open_go(state);
}

// Gives one of the names in the executable another text of the same length.
static void rename_function(const char *from, const char *to)
{
	size_t len = strlen(from);
	unsigned char *p = memmem(go.bytes, sizeof(go.bytes), from, len);

	assert_true(p && strlen(to) == len);
	memcpy(p, to, len);
}

static int open_with_sync(void **state)
{
	fake_go_build(25, &go);
	rename_function("main.inner", "sync.inner");
	return open_go(state);
}

static int open_method_of_sync(void **state)
{
	fake_go_build(25, &go);
	rename_function("main.outer", "sync.outer");
	rename_function("main.mid", "sync.mid");
	rename_function("main.inner", "sync.inner");
	return open_go(state);
}

static int open_deferred(void **state)
{
	fake_go_build(25, &go);
	rename_function("main.inner", ".deferwrap");
	return open_go(state);
}

static int close_go(void **state)
{
	(void)state;
	seep_image_deinit(&image);
	return 0;
}

static void check_levels(unsigned offset, unsigned count, const char *innermost, int line)
{
	struct seep_levels levels;

	seep_levels_of(&runtime, &outer, outer.entry + offset, &levels);
	assert_int_equal(levels.count, count);
	assert_string_equal(levels.at[count - 1].function, innermost);
	assert_int_equal(levels.at[count - 1].line, line);
	assert_string_equal(levels.at[0].function, outer.name);
}

static void levels_stand_outermost_first(void **state)
{
	(void)state;
	check_levels(0x00, 1, "main.outer", 10);
	check_levels(0x10, 2, "main.mid", 20);
	check_levels(0x20, 3, "main.inner", 30);
	check_levels(0x30, 1, "main.outer", 11);
}

static void levels_inside_sync_are_left_out(void **state)
{
	(void)state;
	check_levels(0x20, 2, "main.mid", 20);
}

static void a_method_of_sync_keeps_its_own_level(void **state)
{
	(void)state;
	check_levels(0x00, 1, "sync.outer", 10);
	check_levels(0x20, 1, "sync.outer", 10);
}

static void wrappers_are_marked(void **state)
{
	struct seep_levels levels;

	(void)state;
	seep_levels_of(&runtime, &outer, outer.entry + 0x20, &levels);
	assert_true(levels.wrapper);
	seep_levels_of(&runtime, &outer, outer.entry + 0x10, &levels);
	assert_false(levels.wrapper);
	assert_true(seep_pclntab_func(&binary.pclntab, 1, &outer));
	seep_levels_of(&runtime, &outer, outer.entry, &levels);
	assert_true(levels.wrapper);
}

#define levels_test(f, open) cmocka_unit_test_setup_teardown(f, open, close_go)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_are_ordered_by_source),
		cmocka_unit_test(order_is_antisymmetric_and_transitive_in_one_function),
		cmocka_unit_test(an_unlock_without_a_lock_before_it_is_foreign),
		levels_test(levels_stand_outermost_first, open_plain),
		levels_test(levels_inside_sync_are_left_out, open_with_sync),
		levels_test(a_method_of_sync_keeps_its_own_level, open_method_of_sync),
		levels_test(wrappers_are_marked, open_deferred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
