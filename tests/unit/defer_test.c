// Defer records: walking their chains, also broken ones, and what groups of them hold, in a small heap where each rule
// has its objects.
#include "graph/deferred.h"
#include "runtime/defer.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SLOT = 96, OBJECTS = 84, RECORD_BYTES = 64, DEFER_PC = 24, DEFER_HEAD = 32 };

static struct fake_heap fake;
static struct fake_span *objects;
static struct seep_live live;

static int begin(void **state)
{
	(void)state;
	fake_heap_init(&fake, 25);
	fake.binary.layout.defer_pc = DEFER_PC;
	fake.binary.layout.defer_head = DEFER_HEAD;
	objects = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, SLOT,
							    .nelems = OBJECTS, .spanclass = 16 });
	for (int i = 0; i < OBJECTS; i++) {
		fake_heap_allocate(&fake, objects, i);
		for (int word = 0; word < 4; word++)
			fake_heap_pointer_word(&fake, objects,
					       FAKE_HEAP_ARENA + SLOT * i + 8 * word);
	}
	fake_heap_read(&fake);
	return 0;
}

static int end(void **state)
{
	(void)state;
	seep_live_deinit(&live);
	live = (struct seep_live){};
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	return 0;
}

static seep_addr object(int i)
{
	return FAKE_HEAP_ARENA + SLOT * i;
}

/** Writes a record at addr, a heap object's or any other. */
static void put_record(seep_addr addr, seep_addr fn, seep_addr link, uint64_t sp, seep_addr head)
{
	fake_heap_put(&fake, addr + FAKE_HEAP_DEFER_FN, fn);
	fake_heap_put(&fake, addr + FAKE_HEAP_DEFER_LINK, link);
	fake_heap_put(&fake, addr + fake.binary.layout.defer_sp, sp);
	fake_heap_put(&fake, addr + DEFER_PC, sp ? sp + 1 : 0);
	fake_heap_put(&fake, addr + DEFER_HEAD, head);
}

static const struct seep_goroutine *goroutine_with(seep_addr record)
{
	uint32_t i = fake_heap_goroutine(&fake, SEEP_WAIT_NONE, 0);
	const struct seep_goroutine *g = &fake.rt->goroutines.data[i];

	fake_heap_put(&fake, g->addr + FAKE_HEAP_G_DEFER, record);
	return g;
}

static uint64_t count_records(const struct seep_goroutine *g)
{
	struct seep_defers walk;
	uint64_t n = 0;

	for (seep_defers_start(fake.rt, g, &walk); walk.valid; seep_defers_next(&walk))
		assert_true(++n < 10000);
	return n;
}

static void records_come_newest_first(void **state)
{
	seep_addr a = fake_heap_take(&fake, RECORD_BYTES), b = fake_heap_take(&fake, RECORD_BYTES);
	struct seep_defers walk;

	(void)state;
	put_record(a, 0x111, b, 0x1000, 0);
	put_record(b, 0x222, 0, 0x2000, 0);
	seep_defers_start(fake.rt, goroutine_with(a), &walk);
	assert_true(walk.valid);
	assert_int_equal(walk.at.addr, a);
	assert_int_equal(walk.at.fn, 0x111);
	assert_int_equal(walk.at.sp, 0x1000);
	assert_int_equal(walk.at.pc, 0x1001);
	seep_defers_next(&walk);
	assert_true(walk.valid);
	assert_int_equal(walk.at.addr, b);
	seep_defers_next(&walk);
	assert_false(walk.valid);
	seep_defers_next(&walk);
	assert_false(walk.valid);
	assert_int_equal(count_records(goroutine_with(0)), 0);
	assert_int_equal(count_records(goroutine_with(0xdead0000)), 0);
}

static void what_loop_bodies_defer_is_a_list_of_its_own(void **state)
{
	seep_addr loop = fake_heap_take(&fake, RECORD_BYTES), head = fake_heap_take(&fake, 8),
		  inner = fake_heap_take(&fake, RECORD_BYTES);
	struct seep_defers walk, list;

	(void)state;
	put_record(loop, 0, 0, 0x1000, head);
	put_record(inner, 0x333, 0, 0, 0);
	fake_heap_put(&fake, head, inner);
	seep_defers_start(fake.rt, goroutine_with(loop), &walk);
	seep_defers_start_list(fake.rt, &walk.at, &list);
	assert_true(list.valid);
	assert_int_equal(list.at.fn, 0x333);
	seep_defers_next(&list);
	assert_false(list.valid);
	// The loop is over: what is there is no pointer.
	fake_heap_put(&fake, head, 1);
	seep_defers_start_list(fake.rt, &walk.at, &list);
	assert_false(list.valid);
	walk.at.head = 0;
	seep_defers_start_list(fake.rt, &walk.at, &list);
	assert_false(list.valid);
}

/** Chains of each length up to some, whose last record leads back to each of the others. */
static void chains_that_bite_their_tail_end(void **state)
{
	enum { LONGEST = 20 };
	seep_addr records[LONGEST];

	(void)state;
	for (int i = 0; i < LONGEST; i++)
		records[i] = fake_heap_take(&fake, RECORD_BYTES);
	const struct seep_goroutine *g = goroutine_with(records[0]);
	for (int len = 1; len <= LONGEST; len++)
		for (int back = 0; back < len; back++) {
			for (int i = 0; i < len; i++)
				put_record(records[i], 1, records[i + 1 < len ? i + 1 : back],
					   0x1000, 0);
			uint64_t n = count_records(g);
			assert_true(n >= (uint64_t)len && n <= 4u * LONGEST);
		}
}

/** Retained bytes of each of the records 0 to count-1, in groups as given. */
static void retained(const struct seep_deferred *deferred, size_t count, const uint32_t *families,
		     uint32_t groups, struct seep_deferred_bytes *ret)
{
	assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_UNNAMED, &live));
	assert_null(seep_deferred_retained(fake.rt, &live, deferred, count, families, groups, ret));
}

enum { FN_A = 2, FN_B = 3, OWN_A = 4, OWN_B = 5, BOTH = 6, GLOBAL = 7, BEHIND = 8, STACK = 9 };

/** Records 0 and 1 in a chain; their func values; what each has for itself, and what it shares. */
static void make_two_records(struct seep_deferred deferred[2])
{
	put_record(object(0), object(FN_A), object(1), 0x1000, 0);
	put_record(object(1), object(FN_B), 0, 0x1000, 0);
	deferred[0] = (struct seep_deferred){ object(0), object(FN_A), 0 };
	deferred[1] = (struct seep_deferred){ object(1), object(FN_B), 1 };
	fake_heap_put(&fake, object(FN_A), object(OWN_A));
	fake_heap_put(&fake, object(FN_A) + 8, object(BOTH));
	fake_heap_put(&fake, object(FN_B), object(OWN_B));
	fake_heap_put(&fake, object(FN_B) + 8, object(BOTH) + 5);
	goroutine_with(object(0));
}

static void each_group_holds_what_only_it_leads_to(void **state)
{
	struct seep_deferred deferred[2];
	struct seep_deferred_bytes bytes[2];
	const uint32_t strangers[] = { 1, 2 }, family[] = { 7, 7 };

	(void)state;
	make_two_records(deferred);
	retained(deferred, 2, strangers, 2, bytes);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bytes[i].records, SLOT);
		assert_int_equal(bytes[i].functions, SLOT);
		assert_int_equal(bytes[i].captured, SLOT);
	}
	seep_live_deinit(&live);
	// What one family shares is counted once.
	retained(deferred, 2, family, 2, bytes);
	assert_int_equal(bytes[0].captured, 2 * SLOT);
	assert_int_equal(bytes[1].captured, SLOT);
}

static void what_others_lead_to_does_not_count(void **state)
{
	struct seep_deferred deferred[2];
	struct seep_deferred_bytes bytes[2];
	const uint32_t family[] = { 7, 7 };

	(void)state;
	make_two_records(deferred);
	fake_heap_put(&fake, object(OWN_A), object(GLOBAL));
	fake_heap_put(&fake, object(GLOBAL), object(BEHIND));
	fake_heap_put(&fake, object(OWN_B), object(STACK));
	fake_heap_global(&fake, 3, object(GLOBAL));
	uint32_t other = fake_heap_goroutine(&fake, SEEP_WAIT_NONE, 0);
	fake_heap_stack_put(&fake, other, 4, object(STACK) + 8);
	// An object that only an unrelated one leads to, and that leads to what both capture.
	fake_heap_put(&fake, object(20), object(BOTH));
	fake_heap_global(&fake, 4, object(20));
	retained(deferred, 2, family, 2, bytes);
	assert_int_equal(bytes[0].functions, SLOT);
	assert_int_equal(bytes[0].captured, SLOT);
	assert_int_equal(bytes[1].captured, SLOT);
}

static void a_record_that_is_not_asked_for_is_somebody_else(void **state)
{
	struct seep_deferred deferred[2];
	struct seep_deferred_bytes bytes[2];
	const uint32_t families[] = { 1 };

	(void)state;
	make_two_records(deferred);
	retained(deferred, 1, families, 1, bytes);
	assert_int_equal(bytes[0].records, SLOT);
	assert_int_equal(bytes[0].functions, SLOT);
	assert_int_equal(bytes[0].captured, SLOT); // not BOTH
	seep_live_deinit(&live);
	// One func value for both records.
	put_record(object(1), object(FN_A), 0, 0x1000, 0);
	deferred[1] = (struct seep_deferred){ object(1), object(FN_A), 0 };
	retained(deferred, 2, families, 1, bytes);
	assert_int_equal(bytes[0].records, 2 * SLOT);
	assert_int_equal(bytes[0].functions, SLOT);
	assert_int_equal(bytes[0].captured, 2 * SLOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_come_newest_first, begin, end),
		cmocka_unit_test_setup_teardown(what_loop_bodies_defer_is_a_list_of_its_own, begin,
						end),
		cmocka_unit_test_setup_teardown(chains_that_bite_their_tail_end, begin, end),
		cmocka_unit_test_setup_teardown(each_group_holds_what_only_it_leads_to, begin, end),
		cmocka_unit_test_setup_teardown(what_others_lead_to_does_not_count, begin, end),
		cmocka_unit_test_setup_teardown(a_record_that_is_not_asked_for_is_somebody_else,
						begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
