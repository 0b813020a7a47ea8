// Types in small heaps where each rule has its objects: who says what an object is, and what follows for what it holds.
#include "support/typed_world.h"

// Pointers.

static void a_pointer_says_what_it_leads_to(void **state)
{
	seep_addr object = fake_world_make(&w, node, 1), bytes = fake_world_bytes(&w, 2048);

	(void)state;
	HOLD(pointer_to(node), object);
	fake_world_set(&w, object, 5, bytes + 8, 20);
	fake_world_type(&w);
	check_shape(object, node);
	check_seen(object);
	assert_int_equal(check_view(bytes, 20, 20)->holder, object + 8);
	check_name(object, "main.node");
	check_step(object, 8, false, ".s");
	assert_int_equal(w.typing.all.objects, 2);
	assert_int_equal(w.typing.typed.objects, 2);
	assert_int_equal(w.typing.all.bytes, 24 + 2048);
}

static void objects_above_512_bytes_say_their_type_themselves(void **state)
{
	seep_addr object = fake_world_make(&w, node, 100), large = fake_world_make(&w, node, 1000),
		  a = fake_world_bytes(&w, 2048), b = fake_world_bytes(&w, 2048);

	(void)state;
	HOLD(word, object);
	HOLD(word, large + 8);
	fake_world_set(&w, object + 24 * 99, 1, a, 20);
	fake_world_set(&w, large + 24 * 999, 1, b + 4, 30);
	fake_world_type(&w);
	check_shape(object, node);
	check_shape(large, node);
	check_view(a, 20, 20);
	check_view(b, 30, 30);
	check_name(object, "[]main.node");
	check_step(object, 8 + 24 * 3 + 8, false, "[3].s");
	check_step(object, 8 + 24 * 3 + 8, true, "[...].s");
	check_step(object, 0, false, "");
}

static void a_pointer_into_known_memory_sees_its_value(void **state)
{
	seep_addr object = fake_world_make(&w, node, 100), bytes = fake_world_bytes(&w, 2048);

	(void)state;
	seep_addr holder = HOLD(pointer_to(node), object + 24 * 3);
	HOLD(pointer_to(text), object + 24 * 10 + 8);
	fake_world_set(&w, object + 24 * 50, 1, bytes, 20);
	fake_world_type(&w);
	const struct seep_partial *p = check_view(object, 24 + 16, 24 + 16);
	assert_int_equal(p->kind, SEEP_PART_POINTER);
	assert_true(p->holder == holder || p->holder == holder + 8);
	assert_false(p->guessed);
	// What nothing sees is followed all the same.
	check_view(bytes, 20, 20);
}

static void a_cast_never_narrows(void **state)
{
	seep_addr a = fake_world_make(&w, node, 100), b = fake_world_make(&w, node, 100),
		  c = fake_world_make(&w, node, 100), d = fake_world_make(&w, node, 100);
	seep_addr pair = fake_record(&w.types, "main.pair", "main",
				     (struct fake_member[]){ { "a", number }, { "b", text } }, 2);

	(void)state;
	HOLD(pointer_to(pair), a + 24 * 3); // the same words, another type
	HOLD(pointer_to(node), b + 24 * 3 + 8); // the right type at the wrong place
	HOLD(pointer_to(node), c + 24 * 111); // behind the last whole one
	HOLD(pointer_to(node), d - 8); // the header
	fake_world_type(&w);
	check_seen(a);
	check_seen(b);
	check_seen(d);
	assert_int_equal(fake_world_object(&w, c + 24 * 111).slot, fake_world_object(&w, c).slot);
	check_seen(c);
}

static void pointers_into_memory_of_unknown_type_narrow_only_bytes(void **state)
{
	seep_addr scanned = fake_world_words(&w, 480, 0x111), bytes = fake_world_bytes(&w, 480);

	(void)state;
	HOLD(pointer_to(number), scanned + 16);
	HOLD(pointer_to(number), bytes + 16);
	fake_world_type(&w);
	check_seen(scanned);
	check_shape(scanned, 0);
	assert_true(check_view(bytes, 8, 8)->guessed);
}

static void a_pointer_map_that_disagrees_refuses_a_type(void **state)
{
	seep_addr less = fake_world_words(&w, 24, 0), more = fake_world_words(&w, 24, 6),
		  same = fake_world_words(&w, 24, 2), bytes = fake_world_bytes(&w, 24),
		  plain = fake_world_words(&w, 8, 1), far = fake_world_words(&w, 512, 0),
		  behind = fake_world_words(&w, 16, 2), string = fake_world_bytes(&w, 2048);
	seep_addr pad = fake_array(&w.types, number, 62, "[62]int"),
		  wide = fake_record(&w.types, "main.wide", "main",
				     (struct fake_member[]){ { "pad", pad }, { "s", text } }, 2);

	(void)state;
	HOLD(pointer_to(node), less);
	HOLD(pointer_to(node), more);
	HOLD(pointer_to(node), same);
	HOLD(pointer_to(node), bytes);
	HOLD(pointer_to(number), plain);
	HOLD(pointer_to(wide), far);
	HOLD(pointer_to(number), behind);
	HOLD(text, string, 20);
	fake_heap_put(&w.heap, behind + 8, string);
	fake_world_type(&w);
	check_shape(less, 0);
	check_shape(more, 0);
	check_shape(same, node);
	check_shape(bytes, 0);
	check_shape(plain, 0);
	check_shape(far, 0);
	check_shape(behind, 0); // an int in front of a pointer
	check_seen(string);
	check_seen(more);
}

static void opaque_values_lead_to_all_they_hold(void **state)
{
	seep_addr inner = fake_record(&w.types, "runtime.thing", "runtime",
				      (struct fake_member[]){ { "s", text }, { "n", number } }, 2),
		  a = fake_world_make(&w, inner, 40), b = fake_world_make(&w, inner, 40),
		  c = fake_world_make(&w, inner, 40);

	(void)state;
	HOLD(pointer_to(inner), a + 24);
	HOLD(slice_of(inner), b, 1, 1);
	HOLD(any, inner, c + 24);
	fake_world_type(&w);
	check_seen(a);
	check_seen(b);
	check_seen(c);
}

static void pointers_into_variables_follow_what_stands_there(void **state)
{
	seep_addr bytes = fake_world_bytes(&w, 2048),
		  pointer = fake_world_make(&w, pointer_to(node), 1);

	(void)state;
	// The variable itself is of no known type.
	seep_addr at = FAKE_HEAP_DATA + 8 * 40;
	fake_world_set(&w, at, 1, bytes, 20);
	HOLD(pointer_to(pointer_to(node)), pointer);
	fake_heap_put(&w.heap, pointer, at);
	fake_world_type(&w);
	check_view(bytes, 20, 20);
}

/** What is known of the first word alone, before all of the value is: the rest counts as of unknown type. */
static void a_first_word_followed_before_takes_no_view_from_the_rest(void **state)
{
	seep_addr bytes = fake_world_bytes(&w, 2048), element = pointer_to(node),
		  pair = fake_record(&w.types, "main.pair", "main",
				     (struct fake_member[]){ { "p", element }, { "s", text } }, 2);
	seep_addr at = FAKE_HEAP_DATA + 8 * 40;

	(void)state;
	HOLD(text, bytes, 20);
	HOLD(pointer_to(element), at);
	HOLD(pointer_to(pair), at);
	fake_world_set(&w, at, fake_world_make(&w, node, 1), bytes, 2048);
	fake_world_type(&w);
	check_seen(bytes);
}

static void a_value_over_the_end_of_the_variables_is_not_followed(void **state)
{
	seep_addr bytes = fake_world_bytes(&w, 2048);
	seep_addr at = FAKE_HEAP_DATA + 8 * (FAKE_HEAP_GLOBALS - 2);

	(void)state;
	fake_world_set(&w, at, 1, bytes);
	HOLD(pointer_to(node), at);
	fake_world_type(&w);
	check_seen(bytes); // by a word of unknown type
}

/** An element of main.rows is known, and followed, before the variable is: no other loses its view for that. */
static void elements_followed_before_take_no_view_from_the_others(void **state)
{
	static const int minors[] = { 22, 25 };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		again_as(minors[k]);
		seep_addr rows = fake_array(&w.types, node, 17, "[17]main.node"),
			  first = fake_world_bytes(&w, 2048), last = fake_world_bytes(&w, 2048),
			  part = fake_world_bytes(&w, 2048),
			  holder = fake_world_make(&w, pointer_to(node), 100);
		seep_addr table = fake_world_variable(&w, "main.rows", rows);
		HOLD(text, first, 20);
		HOLD(text, last, 20);
		fake_world_set(&w, table, 0, first, 2048);
		fake_world_set(&w, table + 24 * 16, 0, last, 2048);
		fake_world_set(&w, table + 24 * 5, 0, part, 20);
		HOLD(word, holder);
		fake_heap_put(&w.heap, holder, table + 24 * 3);
		fake_world_type(&w);
		check_seen(first);
		check_seen(last);
		check_view(part, 20, 20);
	}
}

// Interfaces.

static void interfaces_say_what_they_hold(void **state)
{
	seep_addr inter = fake_interface(&w.types, 1, "fmt.Stringer"),
		  itab = fake_take(&w.types, 32), boxed = fake_world_make(&w, node, 1),
		  behind = fake_world_make(&w, node, 1), other = fake_world_make(&w, node, 1),
		  bytes = fake_world_bytes(&w, 2048), strange = fake_world_bytes(&w, 2048);

	(void)state;
	fake_u64(&w.types, itab, inter);
	fake_u64(&w.types, itab + 8, node);
	HOLD(any, node, boxed);
	HOLD(any, pointer_to(node), behind);
	HOLD(inter, itab, other);
	fake_world_set(&w, boxed, 0, bytes, 20);
	HOLD(any, 0xdead0000, strange + 8);
	HOLD(text, strange, 20);
	fake_world_type(&w);
	check_shape(boxed, node);
	check_shape(behind, node);
	check_shape(other, node);
	check_view(bytes, 20, 20);
	check_seen(strange);
}

static void interfaces_in_unknown_memory_are_guesses(void **state)
{
	seep_addr object = fake_world_words(&w, 64, 0x22), boxed = fake_world_make(&w, node, 1),
		  bytes = fake_world_bytes(&w, 2048), inter = fake_interface(&w.types, 1, "I"),
		  itab = fake_take(&w.types, 32), other = fake_world_make(&w, node, 1),
		  known = fake_world_make(&w, node, 1);

	(void)state;
	fake_u64(&w.types, itab, inter);
	fake_u64(&w.types, itab + 8, node);
	HOLD(word, object);
	HOLD(pointer_to(node), known);
	fake_world_set(&w, object, node, boxed, 0, 0, itab, other);
	fake_world_set(&w, boxed, 0, bytes, 20);
	fake_world_type(&w);
	check_shape(object, 0);
	check_shape(boxed, node);
	check_shape(other, node);
	assert_true(is_guessed(boxed));
	assert_true(is_guessed(other));
	assert_false(is_guessed(known));
	assert_true(check_view(bytes, 20, 20)->guessed);
}

static void what_is_no_itab_is_no_guess(void **state)
{
	seep_addr object = fake_world_words(&w, 64, 2), boxed = fake_world_make(&w, node, 1),
		  inter = fake_interface(&w.types, 1, "I"), itab = fake_take(&w.types, 32),
		  other = fake_world_words(&w, 64, 2), pair = fake_take(&w.types, 32);

	(void)state;
	fake_u64(&w.types, itab, inter);
	fake_u64(&w.types, itab + 8, node);
	fake_u32(&w.types, itab + 16, 1); // not the type's hash
	fake_u64(&w.types, pair, node); // no interface
	fake_u64(&w.types, pair + 8, node);
	HOLD(word, other);
	fake_world_set(&w, other, pair, boxed);
	HOLD(word, object);
	fake_world_set(&w, object, itab, boxed);
	fake_world_type(&w);
	check_shape(boxed, 0);
}

// Channels and closures.

static void what_stands_in_a_channel_is_followed(void **state)
{
	seep_addr type = fake_words(&w.types, SEEP_KIND_CHAN, 1, 1, text, "chan string"),
		  channel = fake_world_words(&w, FAKE_HEAP_CHANNEL_BYTES, 1 << 6),
		  buffer = fake_world_make(&w, text, 4), bytes = fake_world_bytes(&w, 2048);

	(void)state;
	w.heap.binary.layout.hchan_buf = 48;
	HOLD(type, channel);
	fake_world_set(&w, channel, 1, 4);
	fake_heap_put(&w.heap, channel + 48, buffer);
	fake_world_set(&w, buffer + 48, bytes, 20);
	fake_world_type(&w);
	check_content(channel, SEEP_CONTENT_CHANNEL, text);
	check_shape(buffer, text);
	check_seen(buffer);
	check_view(bytes, 20, 20);
	check_name(channel, "chan string");
	check_step(channel, 48, false, " buffer");
}

static void closures_see_all_that_they_capture(void **state)
{
	seep_addr type = fake_words(&w.types, SEEP_KIND_FUNC, 1, 1, 0, "func()"),
		  closure = fake_world_words(&w, 32, 2), bytes = fake_world_bytes(&w, 2048);

	(void)state;
	HOLD(type, closure);
	HOLD(text, bytes, 20);
	fake_world_set(&w, closure, 0x401000, bytes, 20);
	fake_world_type(&w);
	check_content(closure, SEEP_CONTENT_CLOSURE, 0x401000);
	check_seen(bytes);
	check_name(closure, "func");
	check_step(closure, 8, false, " captured 1");
}

// Maps.

static seep_addr bucket_type(void)
{
	struct seep_type unused;
	seep_addr type = fake_record(
		&w.types, "map.bucket[int]string", "",
		(struct fake_member[]){ { "topbits", fake_array(&w.types, byte, 8, "[8]uint8") },
					{ "keys", fake_array(&w.types, number, 8, "[8]int") },
					{ "elems", fake_array(&w.types, text, 8, "[8]string") },
					{ "overflow", word } },
		4);

	assert_true(seep_type_read(&w.types.types, type, &unused));
	return type;
}

static seep_addr group_type(void)
{
	seep_addr slot = fake_record(&w.types, "struct { key int; elem string }", "",
				     (struct fake_member[]){ { "key", number }, { "elem", text } },
				     2);

	return fake_record(
		&w.types, "map.group[int]string", "",
		(struct fake_member[]){ { "ctrl", number },
					{ "slots", fake_array(&w.types, slot, 8, "[8]struct") } },
		2);
}

static void check_map_size(uint64_t entries, uint64_t slots, uint64_t storage)
{
	struct seep_map_size size;
	uint64_t words = 100;

	assert_int_equal(w.typing.maps.len, 1);
	assert_true(seep_map_size(&w.typing, &w.typing.maps.data[0], &words, &size));
	assert_int_equal(size.entries, entries);
	assert_int_equal(size.slots, slots);
	assert_int_equal(size.storage, storage);
}

/** Old and new buckets of a map that grows, and an overflow bucket. */
static void maps_of_buckets_are_followed(void **state)
{
	(void)state;
	again_as(23);
	seep_addr bucket = bucket_type(),
		  map = fake_map(&w.types, number, text, bucket, "map[int]string"),
		  head = fake_world_words(&w, 48, 0x2c), buckets = fake_world_make(&w, bucket, 2),
		  old = fake_world_make(&w, bucket, 1), over = fake_world_make(&w, bucket, 1),
		  bytes[4];

	for (int i = 0; i < 4; i++)
		bytes[i] = fake_world_bytes(&w, 2048);
	HOLD(map, head);
	fake_world_set(&w, head, 3, 1 << 8, buckets, old);
	fake_world_set(&w, buckets + 72, bytes[0], 20);
	fake_world_set(&w, buckets + 208 + 72 + 16 * 7, bytes[1], 21);
	fake_heap_put(&w.heap, buckets + 200, over);
	fake_world_set(&w, over + 72, bytes[2], 22);
	fake_world_set(&w, old + 72, bytes[3], 23);
	fake_world_type(&w);
	check_content(head, SEEP_CONTENT_MAP, bucket);
	check_shape(buckets, bucket);
	check_shape(old, bucket);
	check_shape(over, bucket);
	for (unsigned i = 0; i < 4; i++)
		check_view(bytes[i], 20 + i, 20 + i);
	check_map_size(3, 16, 416 + 208);
	check_name(head, "map[int]string");
	check_name(buckets, "map[int]string");
	check_step(buckets, 72 + 16, true, "[...]");
	check_step(buckets, 8, true, "[key]");
}

static void small_maps_are_one_group(void **state)
{
	(void)state;
	seep_addr group = group_type(),
		  map = fake_map(&w.types, number, text, group, "map[int]string"),
		  head = fake_world_words(&w, 48, 4), slots = fake_world_make(&w, group, 1),
		  bytes = fake_world_bytes(&w, 2048);

	HOLD(map, head);
	fake_world_set(&w, head, 1, 0, slots, 0);
	fake_world_set(&w, slots + 8 + 24 * 7, 5, bytes, 20);
	fake_world_type(&w);
	check_content(head, SEEP_CONTENT_MAP, group);
	check_shape(slots, group);
	check_view(bytes, 20, 20);
	check_map_size(1, 8, 208);
	check_step(slots, 8 + 24 * 7 + 8, true, "[...]");
	check_step(slots, 8 + 24 * 7, true, "[key]");
}

/** Four entries in the directory for three tables: the first stands in it twice. */
static void tables_in_several_entries_count_once(void **state)
{
	(void)state;
	seep_addr group = group_type(),
		  map = fake_map(&w.types, number, text, group, "map[int]string"),
		  head = fake_world_words(&w, 48, 4), directory = fake_world_words(&w, 32, 15),
		  tables[3], groups[3], bytes[3];

	for (int i = 0; i < 3; i++) {
		tables[i] = fake_world_words(&w, 32, 4);
		groups[i] = fake_world_make(&w, group, 2);
		bytes[i] = fake_world_bytes(&w, 2048);
		fake_world_set(&w, tables[i], 16 << 16, 0, groups[i], 1);
		fake_world_set(&w, groups[i] + 200 + 8, 5, bytes[i], 20);
	}
	HOLD(map, head);
	fake_world_set(&w, head, 30, 0, directory, 4);
	fake_world_set(&w, directory, tables[0], tables[0], tables[1], tables[2]);
	fake_world_type(&w);
	check_content(directory, SEEP_CONTENT_MAP_DIRECTORY, group);
	for (int i = 0; i < 3; i++) {
		check_content(tables[i], SEEP_CONTENT_MAP_TABLE, group);
		check_shape(groups[i], group);
		check_view(bytes[i], 20, 20);
	}
	check_map_size(30, 48, 3 * 416);
}

/** Nothing says what points there is a map, but where it leads is of a map's own type. */
static void heads_are_known_by_what_they_lead_to(void **state)
{
	static const int minors[] = { 23, 25 };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		again_as(minors[k]);
		bool swiss = minors[k] >= 24;
		seep_addr storage = swiss ? group_type() : bucket_type(),
			  head = fake_world_words(&w, 48, swiss ? 4 : 0x2c),
			  array = fake_world_make(&w, storage, 4), // with a malloc header
			wrong = fake_world_words(&w, 48, swiss ? 4 : 0x2c);
		HOLD(word, head);
		HOLD(word, wrong);
		if (swiss) {
			seep_addr directory = fake_world_words(&w, 8, 1),
				  table = fake_world_words(&w, 32, 4);
			fake_world_set(&w, head, 1, 0, directory, 1);
			fake_world_set(&w, directory, table);
			fake_world_set(&w, table, 32 << 16, 0, array, 3);
			fake_world_set(&w, wrong, 1, 0, directory, 3);
		} else {
			fake_world_set(&w, head, 1, 2 << 8, array);
			fake_world_set(&w, wrong, 1, 9 << 8, array);
		}
		fake_world_type(&w);
		check_content(head, SEEP_CONTENT_MAP, storage);
		assert_false(is_guessed(head));
		check_content(wrong, SEEP_CONTENT_UNKNOWN, 0);
	}
}

static void broken_maps_are_seen_whole(void **state)
{
	(void)state;
	seep_addr group = group_type(),
		  map = fake_map(&w.types, number, text, group, "map[int]string"),
		  head = fake_world_words(&w, 48, 4), directory = fake_world_words(&w, 64, 0xff),
		  bytes = fake_world_bytes(&w, 2048), short_head = fake_world_words(&w, 24, 4);

	HOLD(map, head);
	HOLD(map, short_head);
	fake_world_set(&w, head, 0, 0, directory,
		       ((uint64_t)1 << 61) + 2); // 16 bytes, as 64 bits tell
	fake_world_set(&w, directory, bytes, bytes, 0xdead0000);
	HOLD(text, bytes, 20);
	fake_world_type(&w);
	check_seen(bytes);
	check_content(short_head, SEEP_CONTENT_UNKNOWN, 0);
	struct seep_map_size size;
	uint64_t words = 100;
	assert_false(seep_map_size(&w.typing, &w.typing.maps.data[0], &words, &size));
}

static void maps_that_share_a_directory_cost_no_more_than_allowed(void **state)
{
	(void)state;
	seep_addr group = group_type(),
		  map = fake_map(&w.types, number, text, group, "map[int]string"),
		  directory = fake_world_words(&w, 32, 15), table = fake_world_words(&w, 32, 4),
		  array = fake_world_make(&w, group, 2);
	struct seep_map_size size;
	uint64_t words = 9;

	fake_world_set(&w, directory, table, table, table, table);
	fake_world_set(&w, table, 16 << 16, 0, array, 1);
	for (int i = 0; i < 3; i++) {
		seep_addr head = fake_world_words(&w, 48, 4);
		HOLD(map, head);
		fake_world_set(&w, head, 1, 0, directory, 4);
	}
	fake_world_type(&w);
	assert_int_equal(w.typing.maps.len, 3);
	for (int i = 0; i < 3; i++) {
		bool fits = i < 2;
		assert_int_equal(seep_map_size(&w.typing, &w.typing.maps.data[i], &words, &size),
				 fits);
		assert_int_equal(words, fits ? 9 - 4 * (i + 1) : 0);
	}
}

// What lies.

static void headers_that_lie_do_no_harm(void **state)
{
	seep_addr empty = fake_record(&w.types, "main.empty", "main", NULL, 0),
		  object = fake_world_make(&w, node, 100), bad = fake_world_make(&w, node, 100),
		  bytes = fake_world_bytes(&w, 2048);

	(void)state;
	fake_heap_put(&w.heap, object - 8, empty);
	HOLD(pointer_to(number), object + 16);
	fake_heap_put(&w.heap, bad - 8, 0xdead0000);
	HOLD(pointer_to(node), bad + 24);
	fake_world_set(&w, bad + 24, 0, bytes + 8, 20);
	fake_world_type(&w);
	check_seen(object);
	check_seen(bad);
	check_seen(bytes);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_pointer_says_what_it_leads_to),
		CASE(objects_above_512_bytes_say_their_type_themselves),
		CASE(a_pointer_into_known_memory_sees_its_value),
		CASE(a_cast_never_narrows),
		CASE(pointers_into_memory_of_unknown_type_narrow_only_bytes),
		CASE(a_pointer_map_that_disagrees_refuses_a_type),
		CASE(opaque_values_lead_to_all_they_hold),
		CASE(pointers_into_variables_follow_what_stands_there),
		CASE(a_first_word_followed_before_takes_no_view_from_the_rest),
		CASE(a_value_over_the_end_of_the_variables_is_not_followed),
		CASE(elements_followed_before_take_no_view_from_the_others),
		CASE(interfaces_say_what_they_hold),
		CASE(interfaces_in_unknown_memory_are_guesses),
		CASE(what_is_no_itab_is_no_guess),
		CASE(what_stands_in_a_channel_is_followed),
		CASE(closures_see_all_that_they_capture),
		CASE(maps_of_buckets_are_followed),
		CASE(small_maps_are_one_group),
		CASE(tables_in_several_entries_count_once),
		CASE(heads_are_known_by_what_they_lead_to),
		CASE(broken_maps_are_seen_whole),
		CASE(maps_that_share_a_directory_cost_no_more_than_allowed),
		CASE(headers_that_lie_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
