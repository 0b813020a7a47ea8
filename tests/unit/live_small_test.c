// Who can still run, in small heaps made by hand: one rule each. The rule for tiny blocks is tried against every way to lay out
// objects in one.
#include "graph/live.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TINY_BELOW = 16 };

static struct fake_heap fake;
static struct seep_live live;

static void find_live(void)
{
	assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_NAMED, &live));
}

static void end_live(void)
{
	seep_live_deinit(&live);
	live = (struct seep_live){};
}

static int end_world(void **state)
{
	(void)state;
	end_live();
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	return 0;
}

static struct fake_span *channels;

static void make_small_world(void)
{
	fake_heap_init(&fake, 25);
	channels = fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, 96, .nelems = 84,
							     .spanclass = 16 });
	for (int i = 0; i < 40; i++)
		fake_heap_allocate(&fake, channels, i);
	fake_heap_read(&fake);
}

static seep_addr channel(int i)
{
	return FAKE_HEAP_ARENA + 96 * i;
}

static void expect_phase(uint32_t g, enum seep_live_phase want)
{
	find_live();
	assert_int_equal(live.phase[g], want);
	end_live();
}

static void a_chain_of_sleepers_is_woken_from_its_end(void **state)
{
	(void)state;
	make_small_world();
	for (int i = 0; i < 30; i++) {
		uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_RECEIVE, 0);
		fake_heap_wait(&fake, channel(i), 0);
		fake_heap_stack_put(&fake, g, 1, channel(i + 1));
		fake_heap_stack_put(&fake, g, 2, channel(i));
	}
	for (uint32_t g = 0; g < 30; g++)
		expect_phase(g, SEEP_LIVE_NEVER);
	fake_heap_global(&fake, 63, channel(0) + 95);
	for (uint32_t g = 0; g < 30; g++)
		expect_phase(g, SEEP_LIVE);
}

static void a_wait_on_a_slot_that_reads_as_free_proves_nothing(void **state)
{
	(void)state;
	make_small_world();
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_RECEIVE, 0);
	fake_heap_wait(&fake, channel(60), 0);
	expect_phase(g, SEEP_LIVE);
}

static void a_wait_without_anything_to_wait_for_never_ends(void **state)
{
	(void)state;
	make_small_world();
	expect_phase(fake_heap_goroutine(&fake, SEEP_WAIT_NO_CASES, 0), SEEP_LIVE_NEVER);
	expect_phase(fake_heap_goroutine(&fake, SEEP_WAIT_NIL_CHANNEL, 0), SEEP_LIVE_NEVER);
	expect_phase(fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0), SEEP_LIVE);
}

static void where_something_could_not_be_read_nothing_is_proven(void **state)
{
	(void)state;
	make_small_world();
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_NO_CASES, 0);
	uint32_t waiter = fake_heap_goroutine(&fake, SEEP_WAIT_MUTEX, 0);
	fake_heap_wait(&fake, channel(1), 8);
	fake_heap_lock(&fake, channel(1), SEEP_LOCK_ABANDONED);
	expect_phase(waiter, SEEP_LIVE_NEVER);
	fake.rt->heap.unread_spans = 1;
	expect_phase(g, SEEP_LIVE);
	expect_phase(waiter, SEEP_LIVE);
	fake.rt->heap.unread_spans = 0;
	expect_phase(waiter, SEEP_LIVE_NEVER);
	fake.binary.pclntab.module.next = 0x1234;
	expect_phase(waiter, SEEP_LIVE);
}

static void precise_pointers_to_free_slots_are_counted(void **state)
{
	(void)state;
	make_small_world();
	fake_heap_global(&fake, 0, channel(0));
	fake_heap_global(&fake, 1, channel(70)); // free
	fake_heap_pointer_word(&fake, channels, channel(0) + 8);
	fake_heap_put(&fake, channel(0) + 8, channel(71) + 5);
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_NONE, 0);
	fake_heap_stack_put(&fake, g, 0, channel(72)); // a guess
	assert_true(seep_vec_push(&fake.rt->thread_words, channel(73))); // another
	find_live();
	assert_int_equal(live.dangling, 2);
	assert_true(live.dangling_example == channel(70) ||
		    live.dangling_example == channel(71) + 5);
	end_live();
}

// What a guess leads to may be stale: a pointer in there to a free slot is no contradiction.
static void what_a_guess_leads_to_is_followed_but_not_believed(void **state)
{
	(void)state;
	make_small_world();
	fake_heap_pointer_word(&fake, channels, channel(0) + 8);
	fake_heap_put(&fake, channel(0) + 8, channel(1));
	fake_heap_pointer_word(&fake, channels, channel(1) + 16);
	fake_heap_put(&fake, channel(1) + 16, channel(71));
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_NONE, 0);
	fake_heap_stack_put(&fake, g, 0, channel(0));
	find_live();
	assert_int_equal(live.reachable_objects, 2);
	assert_int_equal(live.dangling, 0);
	end_live();
	fake_heap_global(&fake, 0, channel(0));
	find_live();
	assert_int_equal(live.reachable_objects, 2);
	assert_int_equal(live.dangling, 1);
}

// Tiny blocks. Sizes that are multiples of 8, 4 or 2 are aligned to that (runtime/malloc.go mallocgc).

static unsigned tiny_alignment(unsigned size)
{
	return size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : size % 2 == 0 ? 2 : 1;
}

// Is there an object below 16 bytes in a block of 16 that holds the primitive at `at` and to whose bytes up to the primitive's end p leads?
static bool access_is_possible(unsigned at, unsigned size, unsigned p)
{
	for (unsigned n = size; n < TINY_BELOW; n++)
		for (unsigned start = 0; start + n <= 16; start++)
			if (start % tiny_alignment(n) == 0 && start <= at &&
			    start + n >= at + size && p >= start && p < at + size)
				return true;
	return false;
}

static bool tiny_reached(unsigned at, unsigned size, unsigned p)
{
	const seep_addr block = FAKE_HEAP_ARENA + 5 * 16;
	fake_heap_init(&fake, 25);
	struct fake_span *s =
		fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, 16, .spanclass = 5 });
	for (int i = 0; i < 10; i++)
		fake_heap_allocate(&fake, s, i);
	fake_heap_read(&fake);
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_SEMAPHORE, 0);
	fake_heap_wait(&fake, block + at, size);
	// A pointer behind it comes first: the block is marked by then, and still the next one has to be seen.
	fake_heap_global(&fake, 0, block + at + size < block + 16 ? block + at + size : 0);
	fake_heap_global(&fake, 1, block + p);
	find_live();
	bool reached = live.phase[g] == SEEP_LIVE;
	assert_true(live.phase[g] == SEEP_LIVE || live.phase[g] == SEEP_LIVE_NEVER);
	end_world(NULL);
	return reached;
}

static void a_pointer_into_a_tiny_block_may_belong_to_somebody_else(void **state)
{
	static const unsigned sizes[] = { 4, 8, 12 };
	unsigned excluded = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		for (unsigned at = 0; at + sizes[i] <= 16; at++)
			for (unsigned p = 0; p < 16; p++) {
				bool reached = tiny_reached(at, sizes[i], p),
				     possible = access_is_possible(at, sizes[i], p),
				     rule = p < at + sizes[i] && p + 15 >= at + sizes[i];
				if (possible && !reached)
					fail_msg("a pointer to %u reaches %u bytes at %u", p,
						 sizes[i], at);
				if (reached != rule)
					fail_msg("the rule says %d of %u for %u bytes at %u", rule,
						 p, sizes[i], at);
				excluded += !reached;
			}
	assert_true(excluded > 100);
	// Of 16 bytes and more there is but one in the block, and without a size nothing is known.
	for (unsigned p = 0; p < 16; p++)
		assert_true(tiny_reached(0, 16, p) && tiny_reached(4, 0, p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_chain_of_sleepers_is_woken_from_its_end, end_world),
		cmocka_unit_test_teardown(a_wait_on_a_slot_that_reads_as_free_proves_nothing,
					  end_world),
		cmocka_unit_test_teardown(a_wait_without_anything_to_wait_for_never_ends,
					  end_world),
		cmocka_unit_test_teardown(where_something_could_not_be_read_nothing_is_proven,
					  end_world),
		cmocka_unit_test_teardown(precise_pointers_to_free_slots_are_counted, end_world),
		cmocka_unit_test_teardown(what_a_guess_leads_to_is_followed_but_not_believed,
					  end_world),
		cmocka_unit_test_teardown(a_pointer_into_a_tiny_block_may_belong_to_somebody_else,
					  end_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
