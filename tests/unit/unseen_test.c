// substring, subslice, lost-elements, map-bloat, pool-bloat: what is counted, how it is grouped, and from when on it is told.
#include "detect/detect.h"
#include "support/typed_world.h"

static struct seep_report report;
static struct seep_inspect_options options;

static int end_all(void **state)
{
	seep_report_deinit(&report);
	report = (struct seep_report){};
	options = (struct seep_inspect_options){};
	return end(state);
}

static void look(seep_detect *detect)
{
	fake_world_graph(&w);
	struct seep_view view = {
		.runtime = w.heap.rt,
		.live = &w.live,
		.variables = &w.variables,
		.typing = &w.typing,
		.graph = &w.graph,
		.options = &options,
	};

	seep_report_init(&report);
	assert_null(detect(&view, &report));
}

static const struct seep_finding *find(const char *cause, const char *holder)
{
	seep_vec_foreach(f, &report.findings)
		if (strcmp(f->cause, cause) == 0 && strcmp(f->holder, holder) == 0)
			return f;
	return NULL;
}

static void check(const char *cause, const char *holder, enum seep_verdict verdict, uint64_t count,
		  uint64_t wasted, uint64_t retained)
{
	const struct seep_finding *f = find(cause, holder);

	assert_non_null(f);
	assert_int_equal(f->verdict, verdict);
	assert_int_equal(f->count, count);
	assert_int_equal(f->wasted_bytes, wasted);
	assert_int_equal(f->retained_bytes, retained);
}

static bool says(const struct seep_finding *f, const char *words)
{
	seep_vec_foreach(why, &f->why)
		if (strstr(*why, words))
			return true;
	return strstr(f->summary, words) != NULL;
}

enum { MIB = 1 << 20, KIB64 = 64 << 10 };

// Bytes.

/** Twelve records in one array, held by main.records, each with a short part of a long string. */
static void strings_are_grouped_by_type_and_field(void **state)
{
	seep_addr record = fake_record(&w.types, "main.record", "main",
				       (struct fake_member[]){ { "name", text }, { "key", text } },
				       2),
		  records = fake_world_make(&w, record, 12),
		  alone = fake_world_bytes(&w, KIB64 * 2);

	(void)state;
	seep_addr v = fake_world_variable(&w, "main.records", slice_of(record));
	fake_world_set(&w, v, records, 12, 12);
	for (uint64_t i = 0; i < 12; i++)
		fake_world_set(&w, records + 32 * i, fake_world_bytes(&w, KIB64) + 99, 20);
	fake_world_set(&w, records + 16, alone, 5);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 2);
	check("substring", "[]main.record[...].name", SEEP_VERDICT_PROVEN, 12, 12 * (KIB64 - 20),
	      12 * KIB64);
	check("substring", "[]main.record[...].key", SEEP_VERDICT_PROVEN, 1, 2 * KIB64 - 5,
	      2 * KIB64);
	const struct seep_finding *f = find("substring", "[]main.record[...].name");
	assert_string_equal(f->noun, "string");
	assert_int_equal(f->objects.len, SEEP_FINDING_OBJECTS_MAX);
	assert_true(f->objects.data[0].has_visible);
	assert_int_equal(f->objects.data[0].visible_bytes, 20);
	assert_int_equal(f->objects.data[0].size, KIB64);
	assert_string_equal(f->objects.data[0].type, "string");
	assert_true(f->objects.data[0].path_len > 0);
	assert_string_equal(f->objects.data[0].path[0], "main.records");
	assert_true(says(f, "show 240 of 786,432 bytes"));
	assert_true(f->signature != find("substring", "[]main.record[...].key")->signature);
}

static void half_of_an_object_may_be_unseen(void **state)
{
	seep_addr half = fake_world_bytes(&w, 4 * KIB64), more = fake_world_bytes(&w, 4 * KIB64);

	(void)state;
	seep_addr v = fake_world_variable(&w, "main.half", text);
	fake_world_set(&w, v, half, 2 * KIB64);
	v = fake_world_variable(&w, "main.more", text);
	fake_world_set(&w, v, more, 2 * KIB64 + 1);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 1);
	check("substring", "main.half", SEEP_VERDICT_PROVEN, 1, 2 * KIB64, 4 * KIB64);
}

static void little_waste_is_not_told(void **state)
{
	seep_addr enough = fake_world_bytes(&w, 2 * KIB64);

	(void)state;
	seep_addr v = fake_world_variable(&w, "main.enough", text);
	fake_world_set(&w, v, enough, KIB64);
	v = fake_world_variable(&w, "main.little", text);
	fake_world_set(&w, v, fake_world_bytes(&w, KIB64), 1);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 1);
	check("substring", "main.enough", SEEP_VERDICT_PROVEN, 1, KIB64, 2 * KIB64);
}

/** Of a heap of 128 MiB a thousandth is more than 64 KiB. */
static void little_of_a_large_heap_is_not_told(void **state)
{
	seep_addr large = fake_world_bytes(&w, 128 * MIB);

	(void)state;
	HOLD(text, large, 128 * MIB);
	seep_addr v = fake_world_variable(&w, "main.less", text);
	fake_world_set(&w, v, fake_world_bytes(&w, 2 * KIB64), 1);
	v = fake_world_variable(&w, "main.more", text);
	fake_world_set(&w, v, fake_world_bytes(&w, 3 * KIB64), 1);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 1);
	check("substring", "main.more", SEEP_VERDICT_PROVEN, 1, 3 * KIB64 - 1, 3 * KIB64);
}

static void short_slices_and_what_could_be_re_sliced_are_told_apart(void **state)
{
	(void)state;
	seep_addr hard = fake_world_variable(&w, "main.hard", slice_of(number)),
		  soft = fake_world_variable(&w, "main.soft", slice_of(number)),
		  little = fake_world_variable(&w, "main.little", slice_of(number));
	const uint64_t many = (1 << 17) + 1024, size = many * 8;
	fake_world_set(&w, hard, fake_world_make(&w, number, 1 << 14), 4, 4);
	fake_world_set(&w, soft, fake_world_make(&w, number, many), 4, many);
	// Buffers between two uses are like that: it takes a megabyte of them.
	fake_world_set(&w, little, fake_world_make(&w, number, 1 << 17), 4, 1 << 17);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 2);
	check("subslice", "main.hard", SEEP_VERDICT_PROVEN, 1, 2 * KIB64 - 32, 2 * KIB64);
	check("subslice", "main.soft", SEEP_VERDICT_SUSPECT, 1, size - 32, size);
	const struct seep_finding *f = find("subslice", "main.soft");
	assert_true(says(f, "between len and cap"));
	assert_false(says(f, "not proven"));
	assert_string_equal(f->noun, "array");
	assert_false(says(find("subslice", "main.hard"), "between len and cap"));
}

static void pointers_to_elements_are_like_short_slices(void **state)
{
	(void)state;
	seep_addr v = fake_world_variable(&w, "main.first", pointer_to(node));
	seep_addr nodes = fake_world_make(&w, node, 10000);
	fake_world_set(&w, v, nodes + 24 * 5);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 1);
	check("subslice", "main.first", SEEP_VERDICT_PROVEN, 1, 30 * 8192 - 24, 30 * 8192);
}

static void what_rests_on_a_guess_is_suspect(void **state)
{
	(void)state;
	seep_addr v = fake_world_variable(&w, "main.guess", pointer_to(number));
	fake_world_set(&w, v, fake_world_bytes(&w, 2 * KIB64) + 8);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 1);
	check("subslice", "main.guess", SEEP_VERDICT_SUSPECT, 1, 2 * KIB64 - 8, 2 * KIB64);
	assert_true(says(&report.findings.data[0], "not proven"));
}

static void what_is_seen_whole_is_no_finding(void **state)
{
	(void)state;
	seep_addr v = fake_world_variable(&w, "main.whole", text);
	fake_world_set(&w, v, fake_world_bytes(&w, 4 * KIB64), 4 * KIB64);
	v = fake_world_variable(&w, "main.list", slice_of(number));
	fake_world_set(&w, v, fake_world_make(&w, number, 1 << 14), 1 << 14, 1 << 14);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 0);
}

static void only_what_is_asked_for_is_told(void **state)
{
	(void)state;
	options.only = "subslice";
	seep_addr v = fake_world_variable(&w, "main.s", text);
	fake_world_set(&w, v, fake_world_bytes(&w, 4 * KIB64), 4);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 0);
}

static void holders_without_a_name_of_their_own_name_theirs(void **state)
{
	(void)state;
	seep_addr list = slice_of(text), strings = fake_world_make(&w, text, 40),
		  unnamed = fake_world_bytes(&w, 4 * KIB64);
	seep_addr cache = fake_record(&w.types, "main.cache", "main",
				      (struct fake_member[]){ { "n", number }, { "items", list } },
				      2),
		  object = fake_world_make(&w, cache, 1);
	HOLD(pointer_to(cache), object);
	fake_world_set(&w, object, 0, strings, 40, 40);
	fake_world_set(&w, strings + 16 * 7, fake_world_bytes(&w, 4 * KIB64), 4);
	seep_addr v = fake_world_variable(&w, NULL, text);
	fake_world_set(&w, v, unnamed, 4);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 2);
	assert_non_null(find("substring", "[]string[...] in main.cache.items"));
	assert_non_null(find("substring", "string in a package variable"));
}

// Objects.

/** Eight pointers to nodes of 64 KiB arrays; the slice shows the last two. */
static void elements_left_behind_are_counted_with_all_they_hold(void **state)
{
	(void)state;
	seep_addr page = fake_record(&w.types, "main.page", "main",
				     (struct fake_member[]){ { "data", slice_of(number) } }, 1),
		  queue = fake_world_make(&w, pointer_to(page), 8),
		  v = fake_world_variable(&w, "main.queue", slice_of(pointer_to(page))),
		  shared = fake_world_make(&w, number, 8192);
	fake_world_set(&w, v, queue + 48, 2, 2);
	for (uint64_t i = 0; i < 8; i++) {
		seep_addr one = fake_world_make(&w, page, 1);
		seep_addr data = i == 1 ? shared : fake_world_make(&w, number, 8192);
		fake_world_set(&w, queue + 8 * i, one);
		fake_world_set(&w, one, data, 8192, 8192);
	}
	// Two of the lost ones hold the same.
	seep_addr second = fake_world_make(&w, page, 1);
	fake_world_set(&w, queue, second);
	fake_world_set(&w, second, shared, 8192, 8192);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 1);
	check("lost-elements", "main.queue", SEEP_VERDICT_PROVEN, 6, 6 * 24 + 5 * KIB64,
	      6 * 24 + 5 * KIB64);
	assert_true(says(&report.findings.data[0], "nothing else leads to them"));
	assert_int_equal(report.findings.data[0].objects.data[0].visible_bytes, 0);
}

static void elements_behind_the_len_are_suspect_and_counted_once(void **state)
{
	(void)state;
	seep_addr element = pointer_to(node), list = slice_of(element),
		  pages = fake_world_make(&w, element, 100),
		  hard = fake_world_variable(&w, "main.stack", list);
	seep_addr big = fake_world_make(&w, node, 10000), bytes = fake_world_bytes(&w, 2 * KIB64);
	// The first 10 are in no view, 10 shown, the rest behind the len.
	fake_world_set(&w, hard, pages + 80, 10, 90);
	fake_world_set(&w, pages, big);
	fake_world_set(&w, pages + 8 * 50, big);
	seep_addr soft = fake_world_make(&w, node, 5000);
	fake_world_set(&w, pages + 8 * 60, soft);
	fake_world_set(&w, soft, 0, bytes, 2 * KIB64);
	look(seep_detect_unseen);
	// big is reached by a view, if by re-slicing: it counts as held behind the len, and once.
	assert_int_equal(report.findings.len, 1);
	check("lost-elements", "main.stack", SEEP_VERDICT_SUSPECT, 2,
	      30 * 8192 + 15 * 8192 + 2 * KIB64, 30 * 8192 + 15 * 8192 + 2 * KIB64);
	assert_true(says(&report.findings.data[0], "re-slicing"));
}

/** What is short and lost at once is told as lost alone: its bytes are in that sum. */
static void what_is_lost_is_not_told_as_short(void **state)
{
	(void)state;
	seep_addr strings = fake_world_make(&w, text, 100),
		  v = fake_world_variable(&w, "main.words", slice_of(text));
	fake_world_set(&w, v, strings + 16 * 90, 10, 10);
	fake_world_set(&w, strings, fake_world_bytes(&w, 4 * KIB64), 20);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 1);
	check("lost-elements", "main.words", SEEP_VERDICT_PROVEN, 1, 4 * KIB64, 4 * KIB64);
}

/** Of what one slice holds a part is in no view, and a part behind its len: two findings. */
static void what_is_lost_for_good_is_apart_from_what_could_be_re_sliced(void **state)
{
	(void)state;
	seep_addr element = pointer_to(node), pages = fake_world_make(&w, element, 100),
		  v = fake_world_variable(&w, "main.stack", slice_of(element));
	fake_world_set(&w, v, pages + 80, 10, 90);
	fake_world_set(&w, pages, fake_world_make(&w, node, 10000));
	fake_world_set(&w, pages + 8 * 50, fake_world_make(&w, node, 5000));
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct seep_finding *f = &report.findings.data[i];
		bool lost = f->verdict == SEEP_VERDICT_PROVEN;
		assert_int_equal(f->count, 1);
		assert_int_equal(f->wasted_bytes, (lost ? 30 : 15) * 8192);
		assert_int_equal(says(f, "re-slicing"), !lost);
	}
	assert_true(report.findings.data[0].verdict != report.findings.data[1].verdict);
}

/** Both are held by a field of what only a guess says the type of. */
static void guesses_are_apart_from_what_could_be_re_sliced(void **state)
{
	(void)state;
	seep_addr box = fake_record(&w.types, "main.box", "main",
				    (struct fake_member[]){ { "list", slice_of(number) } }, 1),
		  unknown = fake_world_words(&w, 64, 0x22), hard = fake_world_make(&w, box, 1),
		  soft = fake_world_make(&w, box, 1);
	HOLD(word, unknown);
	fake_world_set(&w, unknown, box, hard, 0, 0, box, soft);
	fake_world_set(&w, hard, fake_world_make(&w, number, 1 << 14), 4, 4);
	fake_world_set(&w, soft, fake_world_make(&w, number, 1 << 18), 4, 1 << 18);
	look(seep_detect_unseen);
	assert_int_equal(report.findings.len, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(report.findings.data[i].verdict, SEEP_VERDICT_SUSPECT);
	assert_true(says(&report.findings.data[0], "not proven") !=
		    says(&report.findings.data[1], "not proven"));
}

// Maps.

/** A map of one table of so many slots. */
static seep_addr map_head(uint64_t entries, uint64_t slots, seep_addr group)
{
	seep_addr head = fake_world_words(&w, 48, 4), directory = fake_world_words(&w, 8, 1),
		  table = fake_world_words(&w, 32, 4),
		  groups = fake_world_make(&w, group, slots / 8);

	fake_world_set(&w, head, entries, 0, directory, 1);
	fake_world_set(&w, directory, table);
	fake_world_set(&w, table, slots << 16, 0, groups, slots / 8 - 1);
	return head;
}

static void bloated(const char *name, uint64_t entries, uint64_t slots, seep_addr group)
{
	seep_addr v = fake_world_variable(&w, name,
					  fake_map(&w.types, number, number, group, "map[int]int"));

	fake_world_set(&w, v, map_head(entries, slots, group));
}

static seep_addr plain_group(void)
{
	seep_addr slot = fake_record(
		&w.types, "struct { key int; elem *int }", "",
		(struct fake_member[]){ { "key", number }, { "elem", pointer_to(number) } }, 2);

	return fake_record(
		&w.types, "map.group[int]*int", "",
		(struct fake_member[]){ { "ctrl", number },
					{ "slots", fake_array(&w.types, slot, 8, "[8]struct") } },
		2);
}

static void little_room_is_not_told(void **state)
{
	(void)state;
	bloated("main.small", 0, 1 << 15, plain_group()); // of 557,056 bytes
	look(seep_detect_bloat);
	assert_int_equal(report.findings.len, 0);
}

/** Two maps of 544 KiB each, in one slice. */
static void maps_are_grouped_by_type_and_holder(void **state)
{
	(void)state;
	seep_addr group = plain_group(),
		  map = fake_map(&w.types, number, number, group, "map[int]int"),
		  maps = fake_world_make(&w, map, 2);
	HOLD(slice_of(map), maps, 2, 2);
	fake_world_set(&w, maps, map_head(0, 1 << 15, group), map_head(8, 1 << 15, group));
	look(seep_detect_bloat);
	assert_int_equal(report.findings.len, 1);
	const struct seep_finding *f = &report.findings.data[0];
	assert_int_equal(f->count, 2);
	assert_int_equal(f->retained_bytes, 2 * 68 * 8192);
	assert_true(says(f, "8 entries, and room for 65,536"));
	assert_int_equal(f->objects.len, 2);
}

static void maps_that_use_less_than_an_eighth_are_told(void **state)
{
	(void)state;
	seep_addr group = plain_group();
	uint64_t slots = 65528 / 8 * 8, size = slots / 8 * 136, pages = (size + 8191) / 8192,
		 storage = pages * 8192;
	bloated("main.full", slots / 8, slots, group);
	bloated("main.few", 100, slots, group);
	look(seep_detect_bloat);
	assert_int_equal(report.findings.len, 1);
	const struct seep_finding *f = &report.findings.data[0];
	assert_string_equal(f->cause, "map-bloat");
	assert_string_equal(f->holder, "map[int]*int in main.few");
	assert_int_equal(f->verdict, SEEP_VERDICT_SUSPECT);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->retained_bytes, storage);
	assert_true(f->wasted_bytes <= storage - storage * 100 / slots &&
		    f->wasted_bytes + 1 >= storage - storage * 100 / slots);
	assert_true(says(f, "100 entries, and room for 65,528"));
	assert_int_equal(f->objects.len, 1);
	assert_int_equal(f->objects.data[0].size, storage);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(strings_are_grouped_by_type_and_field),
		CASE(half_of_an_object_may_be_unseen),
		CASE(little_waste_is_not_told),
		CASE(little_of_a_large_heap_is_not_told),
		CASE(short_slices_and_what_could_be_re_sliced_are_told_apart),
		CASE(pointers_to_elements_are_like_short_slices),
		CASE(what_rests_on_a_guess_is_suspect),
		CASE(what_is_seen_whole_is_no_finding),
		CASE(only_what_is_asked_for_is_told),
		CASE(holders_without_a_name_of_their_own_name_theirs),
		CASE(elements_left_behind_are_counted_with_all_they_hold),
		CASE(elements_behind_the_len_are_suspect_and_counted_once),
		CASE(what_is_lost_is_not_told_as_short),
		CASE(what_is_lost_for_good_is_apart_from_what_could_be_re_sliced),
		CASE(guesses_are_apart_from_what_could_be_re_sliced),
		CASE(little_room_is_not_told),
		CASE(maps_are_grouped_by_type_and_holder),
		CASE(maps_that_use_less_than_an_eighth_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
