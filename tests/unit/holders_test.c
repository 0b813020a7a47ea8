// Suspects: where memory accumulates, in small heaps made by hand. Types are not known there, so size stands for type.
#include "detect/holders.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum {
	PAGE = 8192,
	NODE = 96,
	NODES = 84,
	SMALL = 48,
	SMALLS = 168,
	BUFFER = 1024,
	BUFFERS = 8,
	MIDDLE = 64
};

static struct fake_heap fake;
static struct seep_live live;
static struct seep_graph graph;
static struct seep_typing typing;
static struct seep_report report;
static struct seep_inspect_options options;
static const struct seep_variables no_variables;
static struct fake_span *nodes, *smalls, *middles;

static int end_world(void **state)
{
	(void)state;
	seep_report_deinit(&report);
	seep_graph_deinit(&graph);
	seep_live_deinit(&live);
	seep_vec_free(&typing.contents);
	free(typing.content);
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	typing = (struct seep_typing){};
	live = (struct seep_live){};
	return 0;
}

/** Nodes of three sizes with pointers, buffers without. */
static void make_world(void)
{
	fake_heap_init(&fake, 25);
	nodes = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, NODE, .nelems = NODES,
							  .spanclass = 16 });
	smalls = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA + PAGE, 1, SMALL,
							   .nelems = SMALLS, .spanclass = 8 });
	for (int i = 0; i < NODES; i++)
		fake_heap_allocate(&fake, nodes, i);
	for (int i = 0; i < SMALLS; i++)
		fake_heap_allocate(&fake, smalls, i);
	middles = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA + 20 * PAGE, 1, MIDDLE,
							    .nelems = 126, .spanclass = 10 });
	fake_heap_allocate(&fake, middles, 0);
	for (int k = 0; k < 8; k++) {
		struct fake_span *s = fake_heap_span(
			&fake, (struct fake_span){ FAKE_HEAP_ARENA + (2 + k) * PAGE, 1, BUFFER,
						   .nelems = BUFFERS, .spanclass = 65 });
		for (int i = 0; i < BUFFERS; i++)
			fake_heap_allocate(&fake, s, i);
	}
	fake_heap_read(&fake);
}

static seep_addr node(int i)
{
	return FAKE_HEAP_ARENA + NODE * i;
}

static seep_addr middle(void)
{
	return FAKE_HEAP_ARENA + 20 * PAGE;
}

static seep_addr small(int i)
{
	return FAKE_HEAP_ARENA + PAGE + SMALL * i;
}

static seep_addr buffer(int i)
{
	return FAKE_HEAP_ARENA + 2 * PAGE + BUFFER * i;
}

static void link_words(seep_addr from, unsigned word, seep_addr to)
{
	const struct fake_span *s = from < FAKE_HEAP_ARENA + PAGE     ? nodes :
				    from < FAKE_HEAP_ARENA + 2 * PAGE ? smalls :
									middles;

	fake_heap_pointer_word(&fake, s, from + word * 8);
	fake_heap_put(&fake, from + word * 8, to);
}

static void describe(void)
{
	struct seep_view view = { .runtime = fake.rt,
				  .live = &live,
				  .variables = &no_variables,
				  .typing = &typing,
				  .graph = &graph,
				  .options = &options };

	seep_report_init(&report);
	assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_UNNAMED, &live));
	assert_null(seep_graph_build(fake.rt, &live, &no_variables, &graph));
	assert_null(seep_graph_dominators(&graph));
	typing.runtime = fake.rt;
	typing.content = calloc(fake.rt->heap.slots + 1, sizeof(*typing.content));
	assert_true(seep_vec_push(&typing.contents, (struct seep_content_type){}));
	assert_null(seep_describe_suspects(&view, &report));
}

static void check_holder(size_t i, const char *kind, const char *name, uint64_t retained,
			 size_t path_len, const char *point)
{
	const struct seep_holder *h = &report.holders.data[i];

	assert_true(i < report.holders.len);
	assert_string_equal(h->kind, kind);
	assert_non_null(strstr(h->name, name));
	assert_int_equal(h->retained_bytes, retained);
	assert_int_equal(h->path_len, path_len);
	if (point)
		assert_string_equal(h->point, point);
}

/** data+0, node 0 → node 1 → node 2, which holds twenty buffers in two rows: all three retain as good as all. */
static void the_way_goes_down_to_where_it_fans_out(void **state)
{
	(void)state;
	make_world();
	fake_heap_global(&fake, 0, node(0));
	link_words(node(0), 0, node(1));
	link_words(node(1), 1, small(0));
	for (unsigned i = 0; i < 6; i++)
		link_words(small(0), i, buffer(i));
	describe();
	assert_int_equal(report.holders.len, 1);
	check_holder(0, "variable", "data+0", SMALL + 6 * BUFFER, 2,
		     "(type unknown), holding 6 objects");
	assert_string_equal(report.holders.data[0].path[0], "+0");
	assert_string_equal(report.holders.data[0].path[1], "+8");
}

// Going from one to the next of its kind, little is lost at a time, and in the end all.
static void a_list_is_held_by_its_first(void **state)
{
	(void)state;
	make_world();
	fake_heap_global(&fake, 2, small(0));
	link_words(small(0), 0, node(0));
	for (int i = 0; i < 60; i++) {
		link_words(node(i), 0, node(i + 1));
		link_words(node(i), 3, buffer(i));
	}
	describe();
	assert_int_equal(report.holders.len, 1);
	check_holder(0, "variable", "data+0x10", 61 * NODE + 60 * BUFFER, 1,
		     "(type unknown), the first of many that hold each other");
}

// What holds two large things holds neither: they are told one by one, and it is not.
static void what_only_leads_to_suspects_is_none(void **state)
{
	(void)state;
	make_world();
	fake_heap_global(&fake, 0, middle());
	link_words(middle(), 0, small(0));
	link_words(middle(), 1, node(5));
	for (unsigned i = 0; i < 5; i++)
		link_words(small(0), i, buffer(i));
	for (unsigned i = 0; i < 6; i++)
		link_words(node(5), i, buffer(10 + i));
	describe();
	assert_int_equal(report.holders.len, 2);
	check_holder(0, "variable", "data+0", NODE + 6 * BUFFER, 1, NULL);
	check_holder(1, "variable", "data+0", SMALL + 5 * BUFFER, 1, NULL);
	assert_string_equal(report.holders.data[0].path[0], "+8");
	assert_string_equal(report.holders.data[1].path[0], "+0");
}

// ... unless it holds enough besides.
static void what_leads_to_suspects_and_holds_enough_is_one_itself(void **state)
{
	(void)state;
	make_world();
	fake_heap_global(&fake, 0, node(0));
	link_words(node(0), 0, small(0));
	for (unsigned i = 0; i < 6; i++)
		link_words(small(0), i, buffer(i));
	for (unsigned i = 1; i < 8; i++)
		link_words(node(0), i, buffer(10 + i));
	describe();
	// No single one of the buffers is a tenth.
	assert_int_equal(report.holders.len, 2);
	check_holder(0, "variable", "data+0", NODE + SMALL + 13 * BUFFER, 0, NULL);
	check_holder(1, "variable", "data+0", SMALL + 6 * BUFFER, 1, NULL);
}

static void what_two_roots_lead_to_is_held_by_itself(void **state)
{
	(void)state;
	make_world();
	fake_heap_global(&fake, 0, small(0));
	fake_heap_global(&fake, 1, small(0));
	for (unsigned i = 0; i < 6; i++)
		link_words(small(0), i, buffer(i));
	describe();
	assert_int_equal(report.holders.len, 1);
	check_holder(0, "object", "0xc000002000", SMALL + 6 * BUFFER, 0,
		     "(type unknown), holding 6 objects");
}

static void many_goroutines_with_one_function_are_a_suspect_together(void **state)
{
	(void)state;
	make_world();
	for (int i = 0; i < 20; i++) {
		uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
		fake_heap_stack_put(&fake, g, 0, buffer(i));
		fake.rt->goroutines.data[g].startpc = i < 19 ? 0x1234 : 0x1235;
	}
	describe();
	assert_int_equal(report.holders.len, 1);
	check_holder(0, "goroutine", "goroutines", 19 * BUFFER, 0, NULL);
	assert_int_equal(report.holders.data[0].count, 19);
}

static void without_objects_nobody_holds_any(void **state)
{
	(void)state;
	make_world();
	describe();
	assert_int_equal(report.holders.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_way_goes_down_to_where_it_fans_out, end_world),
		cmocka_unit_test_teardown(a_list_is_held_by_its_first, end_world),
		cmocka_unit_test_teardown(what_only_leads_to_suspects_is_none, end_world),
		cmocka_unit_test_teardown(what_leads_to_suspects_and_holds_enough_is_one_itself,
					  end_world),
		cmocka_unit_test_teardown(what_two_roots_lead_to_is_held_by_itself, end_world),
		cmocka_unit_test_teardown(many_goroutines_with_one_function_are_a_suspect_together,
					  end_world),
		cmocka_unit_test_teardown(without_objects_nobody_holds_any, end_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
