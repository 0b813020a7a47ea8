// What only fits: an object that nothing tells the type of is guessed to be what one type alone can be, and nothing is unseen for that.
#include "support/typed_world.h"

/** main.entry { s string; p *node; v []int; n, m int }, and an object that may be one. */
static seep_addr entry, object, bytes, target, array;
enum { ENTRY_BYTES = 64, ENTRY_MASK = 0xd };
enum { WORD_S, WORD_S_LEN, WORD_P, WORD_V, WORD_V_LEN, WORD_V_CAP, WORD_N, WORD_M };

static seep_addr entry_type(const char *name)
{
	return fake_record(&w.types, name, "main",
			   (struct fake_member[]){ { "s", text },
						   { "p", pointer_to(node) },
						   { "v", slice_of(number) },
						   { "n", number },
						   { "m", number } },
			   5);
}

static void make_object(void)
{
	object = fake_world_words(&w, ENTRY_BYTES, ENTRY_MASK);
	fake_world_set(&w, object, bytes, 20, target, array, 3, 4, 5, 6);
	HOLD(word, object);
}

static void make_all(void)
{
	entry = entry_type("main.entry");
	bytes = fake_world_bytes(&w, 2048);
	target = fake_world_words(&w, 24, 2);
	array = fake_world_bytes(&w, 2048);
	make_object();
}

static void put(unsigned at, uint64_t value)
{
	fake_heap_put(&w.heap, object + 8ul * at, value);
}

static void the_only_type_that_fits_is_guessed(void **state)
{
	(void)state;
	make_all();
	fake_world_type(&w);
	check_shape(object, entry);
	check_shape(target, node);
	assert_true(is_guessed(object));
	assert_true(is_guessed(target));
	check_name(object, "main.entry");
}

/** Its string shows 20 of 2,048 bytes, and its slice 32. */
static void a_guess_takes_no_view(void **state)
{
	(void)state;
	make_all();
	fake_world_type(&w);
	check_seen(object);
	check_seen(bytes);
	check_seen(array);
	check_seen(target);
}

static void one_word_that_cannot_be_refuses_the_type(void **state)
{
	static const struct {
		unsigned at;
		uint64_t value;
	} wrong[] = {
		{ WORD_S, 0 }, // with a len
		{ WORD_S, 0xdead0000 },
		{ WORD_S_LEN, 2049 },
		{ WORD_S_LEN, UINT64_MAX },
		{ WORD_P, 0xdead0000 },
		{ WORD_V, 0xdead0000 },
		{ WORD_V, 0 }, // with a cap
		{ WORD_V_LEN, 5 }, // above the cap
		{ WORD_V_CAP, 257 }, // more than is there
		{ WORD_V_CAP, UINT64_MAX },
		{ WORD_V_CAP, 1ull << 61 }, // 8 times that is 0, as 64 bits tell
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		again_as(25);
		make_all();
		put(wrong[i].at, wrong[i].value);
		fake_world_type(&w);
		check_shape(object, 0);
		check_shape(target, 0);
	}
}

static void a_pointer_must_lead_to_where_its_value_can_be(void **state)
{
	(void)state;
	for (int k = 0; k < 7; k++) {
		bool fits = k == 3 || k == 5;
		again_as(25);
		make_all();
		seep_addr known = fake_world_make(&w, node, 100),
			  other = fake_world_make(&w, text, 100);
		HOLD(word, known);
		HOLD(word, other);
		const seep_addr to[] = {
			fake_world_words(&w, 24, 4), // pointers elsewhere
			fake_world_words(&w, 64, 2), // more than a node takes
			fake_world_bytes(&w, 24), // no pointers at all
			known + 24 * 7,
			known + 24 * 7 + 8, // a node's string
			FAKE_HEAP_DATA + 8 * 40, // a package variable
			other + 16 * 7,
		};
		put(WORD_P, to[k]);
		fake_world_type(&w);
		check_shape(object, fits ? entry : 0);
	}
}

static void of_two_types_that_fit_none_is_guessed(void **state)
{
	(void)state;
	make_all();
	entry_type("main.other");
	fake_world_type(&w);
	check_shape(object, 0);
}

static void an_object_that_says_nothing_is_not_guessed(void **state)
{
	(void)state;
	make_all();
	for (unsigned i = 0; i <= WORD_M; i++)
		put(i, 0);
	fake_world_type(&w);
	check_shape(object, 0);
}

static void types_of_maps_and_of_generic_code_do_not_count(void **state)
{
	(void)state;
	make_all();
	entry_type("main.generic[go.shape.int]");
	entry_type("map.bucket[int]int");
	fake_world_type(&w);
	check_shape(object, entry);
}

static void interfaces_must_hold_a_type_and_a_value_of_it(void **state)
{
	(void)state;
	for (int k = 0; k < 5; k++) {
		again_as(25);
		seep_addr boxed = fake_record(
			&w.types, "main.boxed", "main",
			(struct fake_member[]){
				{ "n", number }, { "m", number }, { "x", any }, { "l", number } },
			4);
		seep_addr value = fake_world_words(&w, 24, 2);
		const uint64_t types[] = { node, text, byte, 0xdead0000, 0 };
		bytes = fake_world_bytes(&w, 2048);
		object = fake_world_words(&w, 48, 8);
		fake_world_set(&w, object, 1, 2, types[k], value, 3);
		fake_world_set(&w, value, 1, bytes, 20);
		HOLD(word, object);
		fake_world_type(&w);
		check_shape(object, k == 0 ? boxed : 0);
	}
}

/** So that heaps of what cannot be told apart cost little. */
static void after_many_misses_no_more_are_tried(void **state)
{
	(void)state;
	for (int misses = 60; misses <= 70; misses += 10) {
		again_as(25);
		make_all();
		seep_addr all[71];
		for (int i = 0; i < misses; i++) {
			all[i] = fake_world_words(&w, ENTRY_BYTES, ENTRY_MASK);
			fake_world_set(&w, all[i], 0xdead0000, 20);
		}
		all[misses] = fake_world_words(&w, ENTRY_BYTES, ENTRY_MASK);
		fake_world_set(&w, all[misses], bytes, 20, target, array, 3, 4, 5, 6);
		seep_addr list = fake_world_make(&w, word, 71);
		fake_world_put(&w, list, misses + 1, all);
		HOLD(word, list);
		fake_world_type(&w);
		check_shape(object, entry); // the first one
		check_shape(all[misses], misses < 64 ? entry : 0);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(the_only_type_that_fits_is_guessed),
		CASE(a_guess_takes_no_view),
		CASE(one_word_that_cannot_be_refuses_the_type),
		CASE(a_pointer_must_lead_to_where_its_value_can_be),
		CASE(of_two_types_that_fit_none_is_guessed),
		CASE(an_object_that_says_nothing_is_not_guessed),
		CASE(types_of_maps_and_of_generic_code_do_not_count),
		CASE(interfaces_must_hold_a_type_and_a_value_of_it),
		CASE(after_many_misses_no_more_are_tried),
	};

	return cmocka_run_group_tests_name("typing_fit", cases, NULL, NULL);
}
