// The tree for reports: what is taken together, what is cut off, and that nothing is lost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "detect/detect.h"
#include "support/typed_world.h"

enum { LONG = 300, MANY = 120000, KEPT = SEEP_TREE_NODES_MAX / 2 };

static struct seep_report report;
static const struct seep_inspect_options options = { .tree = true };

static int begin_report(void **state)
{
	seep_report_init(&report);
	return begin(state);
}

static int end_report(void **state)
{
	seep_report_deinit(&report);
	return end(state);
}

static const char *name_of(size_t i)
{
	return report.tree.names.data[report.tree.nodes.data[i].name];
}

static void check_node(size_t i, uint32_t depth, const char *want, uint64_t count, uint64_t bytes)
{
	assert_true(i < report.tree.nodes.len);
	assert_string_equal(name_of(i), want);
	assert_int_equal(report.tree.nodes.data[i].depth, depth);
	assert_int_equal(report.tree.nodes.data[i].count, count);
	assert_int_equal(report.tree.nodes.data[i].bytes, bytes);
}

static uint64_t all_bytes(void)
{
	uint64_t sum = 0;

	seep_vec_foreach(n, &report.tree.nodes)
		sum += n->bytes;
	return sum;
}

static void describe_world(void)
{
	fake_world_graph(&w);
	struct seep_view view = { .runtime = w.heap.rt,
				  .live = &w.live,
				  .variables = &w.variables,
				  .typing = &w.typing,
				  .graph = &w.graph,
				  .options = &options };
	assert_null(seep_describe_tree(&view, &report));
	assert_int_equal(all_bytes(), seep_graph_retained(&w.graph, SEEP_NODE_ROOT));
}

/** A record that holds any value. */
static seep_addr box(const char *name)
{
	return fake_record(&w.types, name, "main", (struct fake_member[]){ { "v", any } }, 1);
}

/** Boxes of the two types by turns, each with the next in it; the first. */
static seep_addr chain(seep_addr even, seep_addr odd, int len)
{
	seep_addr pointers[] = { pointer_to(even), pointer_to(odd) }, next = 0;

	for (int i = len; i-- > 0;) {
		seep_addr object = fake_world_make(&w, i % 2 ? odd : even, 1);
		if (next)
			fake_world_set(&w, object, pointers[(i + 1) % 2], next);
		next = object;
	}
	return next;
}

static void a_list_is_one_node(void **state)
{
	(void)state;
	seep_addr x = box("main.x");
	HOLD(pointer_to(x), chain(x, x, LONG));
	describe_world();
	assert_int_equal(report.tree.nodes.len, 4);
	check_node(0, 0, "the whole heap and all stacks", 0, 0);
	check_node(1, 1, "package variables", 0, 0);
	check_node(2, 2, "main.v", 1, 0);
	check_node(3, 3, "main.x", LONG, LONG * 16);
}

static void what_is_too_deep_is_the_rest(void **state)
{
	(void)state;
	seep_addr x = box("main.x"), y = box("main.y");
	HOLD(pointer_to(x), chain(x, y, LONG));
	describe_world();
	// Down to depth 60, and one node for all that comes below.
	assert_int_equal(report.tree.nodes.len, 62);
	check_node(3, 3, "main.x", 1, 16);
	check_node(4, 4, "main.y", 1, 16);
	check_node(60, 60, "main.y", 1, 16);
	check_node(61, 61, "(the rest)", LONG - 58, (LONG - 58) * 16);
}

static void siblings_go_by_type_and_size(void **state)
{
	(void)state;
	seep_addr x = box("main.x"), y = box("main.y"), pointers = slice_of(any);
	seep_addr list = fake_world_make(&w, any, 3);
	fake_world_set(&w, list, pointer_to(x), fake_world_make(&w, x, 1), pointer_to(y),
		       fake_world_make(&w, y, 1), pointer_to(x), fake_world_make(&w, x, 1));
	HOLD(pointers, list, 3, 3);
	seep_addr shared = fake_world_make(&w, y, 1);
	HOLD(pointer_to(y), shared);
	HOLD(pointer_to(y), shared);
	describe_world();
	assert_int_equal(report.tree.nodes.len, 8);
	check_node(4, 4, "main.x", 2, 32);
	check_node(5, 4, "main.y", 1, 16);
	check_node(6, 1, "held from several places", 0, 0);
	check_node(7, 2, "main.y", 1, 16);
}

static void nothing_unless_asked_for(void **state)
{
	(void)state;
	struct seep_inspect_options none = {};
	struct seep_view view = { .options = &none };

	assert_null(seep_describe_tree(&view, &report));
	assert_int_equal(report.tree.nodes.len, 0);
}

/** Goroutines of functions that differ, each with a stack larger than the one before, and nothing else. */
static void the_largest_are_kept(void **state)
{
	(void)state;
	static uint32_t dominator[MANY + 1];
	struct seep_goroutine *goroutines = calloc(MANY, sizeof(*goroutines));
	struct seep_graph graph = { .node_count = MANY + 1,
				    .first_object = MANY + 1,
				    .dominator = dominator };
	uint64_t cut_off = 0, all = 0;
	HOLD(word, fake_world_make(&w, word, 1));
	fake_world_graph(&w);
	struct seep_runtime rt = *w.heap.rt;

	assert_non_null(goroutines);
	dominator[0] = SEEP_NODE_NONE;
	for (uint32_t i = 0; i < MANY; i++) {
		goroutines[i].startpc = 1 + i;
		goroutines[i].stack_hi = 1 + i;
		all += 1 + i;
		// The whole and its kind are kept, too.
		cut_off += i < MANY - (KEPT - 2) ? 1 + i : 0;
		assert_true(seep_vec_push(&graph.roots,
					  (struct seep_graph_root){ .kind = SEEP_ROOT_GOROUTINE,
								    .id = i }));
	}
	rt.goroutines.data = goroutines;
	rt.goroutines.len = MANY;
	struct seep_view view = {
		.runtime = &rt, .typing = &w.typing, .graph = &graph, .options = &options
	};
	assert_null(seep_describe_tree(&view, &report));
	assert_int_equal(report.tree.nodes.len, KEPT + 1);
	assert_int_equal(all_bytes(), all);
	check_node(1, 1, "goroutines", 0, 0);
	check_node(2, 2, "(unknown function)", 1, MANY);
	check_node(KEPT, 2, "(the rest)", MANY - (KEPT - 2), cut_off);
	seep_vec_free(&graph.roots);
	free(goroutines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_list_is_one_node, begin_report, end_report),
		cmocka_unit_test_setup_teardown(what_is_too_deep_is_the_rest, begin_report,
						end_report),
		cmocka_unit_test_setup_teardown(siblings_go_by_type_and_size, begin_report,
						end_report),
		cmocka_unit_test_setup_teardown(nothing_unless_asked_for, begin_report, end_report),
		cmocka_unit_test_setup_teardown(the_largest_are_kept, begin_report, end_report),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
