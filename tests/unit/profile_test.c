// Allocation stacks out of specials and buckets, also when these say nonsense.
#include "runtime/profile.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES = 64, KIND = 4, HEADER = 24, PCS = 5 };

static struct fake_heap fake;
static seep_addr bucket, first;

static struct seep_object object(uint32_t slot)
{
	return (struct seep_object){ 0, slot };
}

/** A special {next, offset, kind, bucket}; returns its address. */
static seep_addr put_special(uint64_t offset, uint8_t kind, seep_addr next, seep_addr leads_to)
{
	seep_addr addr = fake_heap_take(&fake, HEADER + 8);

	fake_heap_put(&fake, addr, next);
	fake_heap_put(&fake, addr + 8, offset);
	*fake_heap_at(&fake, addr + 16, 1) = kind;
	fake_heap_put(&fake, addr + HEADER, leads_to);
	return addr;
}

/** Objects 0 to 9, a stack of five for object 3. */
static int begin(void **state)
{
	(void)state;
	fake_heap_init(&fake, 25);
	struct seep_layout *l = &fake.binary.layout;
	l->special_size = HEADER;
	l->special_next = 0;
	l->special_offset = 8;
	l->special_kind = 16;
	l->special_kind_profile = KIND;
	struct fake_span *span =
		fake_heap_span(&fake, (struct fake_span){ FAKE_HEAP_ARENA, 1, BYTES, .nelems = 10,
							  .spanclass = 10 });
	for (int i = 0; i < 10; i++)
		fake_heap_allocate(&fake, span, i);
	bucket = fake_heap_take(&fake, 48 + 8 * PCS);
	fake_heap_put(&fake, bucket + 16, 1);
	fake_heap_put(&fake, bucket + 40, PCS);
	for (uint64_t i = 0; i < PCS; i++)
		fake_heap_put(&fake, bucket + 48 + 8 * i, 0x1000 + i);
	seep_addr last = put_special(5 * BYTES, KIND, 0, bucket + 1);
	seep_addr mine = put_special(3 * BYTES + 16, KIND, last, bucket);
	first = put_special(3 * BYTES, KIND - 1, mine, 0);
	fake_heap_read(&fake);
	fake.rt->heap.spans.data[0].specials = first;
	fake.rt->sampled_objects = 2;
	return 0;
}

static int end(void **state)
{
	(void)state;
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	return 0;
}

static void a_sampled_object_has_a_stack(void **state)
{
	seep_addr pcs[8];
	size_t count = 0;

	(void)state;
	assert_true(seep_allocation_stack(fake.rt, object(3), pcs, 8, &count));
	assert_int_equal(count, PCS);
	assert_int_equal(pcs[4], 0x1004);
	assert_true(seep_allocation_stack(fake.rt, object(3), pcs, 2, &count));
	assert_int_equal(count, 2);
}

static void the_others_have_none(void **state)
{
	seep_addr pcs[8];
	size_t count;

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(seep_allocation_stack(fake.rt, object(i), pcs, 8, &count), i == 3);
	fake.rt->heap.spans.data[0].tiny = true;
	assert_false(seep_allocation_stack(fake.rt, object(3), pcs, 8, &count));
}

static void nonsense_is_no_stack(void **state)
{
	seep_addr pcs[8];
	size_t count;

	(void)state;
	fake_heap_put(&fake, bucket + 40, SEEP_ALLOCATION_DEPTH_MAX + 1);
	assert_false(seep_allocation_stack(fake.rt, object(3), pcs, 8, &count));
	fake_heap_put(&fake, bucket + 40, PCS + 100); // beyond what can be read
	assert_false(seep_allocation_stack(fake.rt, object(3), pcs, 8, &count));
	fake_heap_put(&fake, bucket + 40, 0);
	assert_false(seep_allocation_stack(fake.rt, object(3), pcs, 8, &count));
	fake_heap_put(&fake, bucket + 40, PCS);
	fake_heap_put(&fake, bucket + 16, 2); // of the block profile
	assert_false(seep_allocation_stack(fake.rt, object(3), pcs, 8, &count));
	fake_heap_put(&fake, first, first); // a list that leads to itself
	assert_false(seep_allocation_stack(fake.rt, object(3), pcs, 8, &count));
}

static void the_rate_says_whether_there_are_any(void **state)
{
	seep_addr rate = fake_heap_take(&fake, 8);
	uint64_t told;

	(void)state;
	assert_int_equal(seep_sampling(fake.rt, &told), SEEP_SAMPLING_ON);
	fake.rt->sampled_objects = 0;
	assert_int_equal(seep_sampling(fake.rt, &told), SEEP_SAMPLING_UNKNOWN);
	fake.rt->heap.bytes = 1 << 30;
	assert_int_equal(seep_sampling(fake.rt, &told), SEEP_SAMPLING_OFF);
	fake.binary.globals.mem_profile_rate = rate;
	fake_heap_put(&fake, rate, 512 << 10);
	assert_int_equal(seep_sampling(fake.rt, &told), SEEP_SAMPLING_ON);
	assert_int_equal(told, 512 << 10);
	fake_heap_put(&fake, rate, 0);
	fake.rt->sampled_objects = 7;
	assert_int_equal(seep_sampling(fake.rt, NULL), SEEP_SAMPLING_OFF);
}

int main(void)
{
#define profile_test(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		profile_test(a_sampled_object_has_a_stack),
		profile_test(the_others_have_none),
		profile_test(nonsense_is_no_stack),
		profile_test(the_rate_says_whether_there_are_any),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
