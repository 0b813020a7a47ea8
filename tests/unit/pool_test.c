// sync.Pool: the list of pools out of the code that empties them, what they keep, and when that is a finding.
#include "runtime/pool.h"

#include "detect/detect.h"
#include "support/fake_go.h"
#include "support/typed_world.h"

enum { CLEANUP = 0xc0, LOCAL = 128, MIB = 1 << 20 };
static const seep_addr ALL = FAKE_DATA + 0x100, OLD = FAKE_DATA + 0x140;

static struct fake_go go;
static struct seep_image image;
static struct seep_pools pools;
static struct seep_report report;
static struct seep_inspect_options options;

/** mov rax, [rip + ...], for each word of the two slices. */
static void put_code(void)
{
	unsigned char *p = go.bytes + 0x400 + CLEANUP;
	seep_addr pc = FAKE_GO_TEXT_ADDR + CLEANUP;

	for (int i = 0; i < 6; i++, p += 7) {
		uint32_t distance =
			(uint32_t)((i < 3 ? ALL + 8 * i : OLD + 8 * (i - 3)) - (pc + 7));
		memcpy(p, "\x48\x8b\x05", 3);
		memcpy(p + 3, &distance, 4);
		pc += 7;
	}
	*p = 0xc3;
}

static int begin_pools(void **state)
{
	static const char old[] = "runtime.systemstack", name[sizeof(old)] = "sync.poolCleanup";
	struct seep_pclntab tab;
	size_t at = 0;

	begin(state);
	fake_go_build(25, &go);
	while (memcmp(go.bytes + at, old, sizeof(old)) != 0)
		assert_true(++at < sizeof(go.bytes) - sizeof(old));
	memcpy(go.bytes + at, name, sizeof(name));
	put_code();
	assert_null(seep_image_parse(go.bytes, sizeof(go.bytes), &image));
	assert_null(seep_pclntab_open(&image, 25, &tab));
	struct seep_module own = w.heap.binary.pclntab.module;
	own.minpc = tab.module.minpc;
	own.maxpc = tab.module.maxpc;
	own.text = tab.module.text;
	own.etext = tab.module.etext;
	tab.module = own;
	w.heap.binary.pclntab = tab;
	return 0;
}

static int end_pools(void **state)
{
	seep_pools_deinit(&pools);
	pools = (struct seep_pools){};
	seep_report_deinit(&report);
	report = (struct seep_report){};
	seep_image_deinit(&image);
	image = (struct seep_image){};
	options = (struct seep_inspect_options){};
	return end(state);
}

static seep_addr locals(uint64_t count)
{
	return fake_heap_take(&w.heap, count * LOCAL);
}

/** A pool with locals and victims, each with room for 2 Ps. */
static seep_addr add_pool(seep_addr local, seep_addr victim, seep_addr func)
{
	seep_addr pool = fake_heap_take(&w.heap, 40);

	fake_world_set(&w, pool, local, local ? 2 : 0, victim, victim ? 2 : 0, func);
	return pool;
}

static void list(seep_addr slice, seep_addr first, seep_addr second)
{
	seep_addr array = fake_heap_take(&w.heap, 16);

	fake_world_set(&w, array, first, second);
	fake_world_set(&w, slice, array, second ? 2 : 1, 2);
}

/** A ring of 8 that holds items from tail on; the one behind it. */
static seep_addr ring(uint32_t tail, uint32_t count, seep_addr first_item, seep_addr prev)
{
	seep_addr elt = fake_heap_take(&w.heap, 48), vals = fake_heap_take(&w.heap, 128);

	fake_world_set(&w, elt, (uint64_t)(tail + count) << 32 | tail, vals, 8, 8, 0, prev);
	for (uint32_t i = 0; i < count; i++)
		fake_world_set(&w, vals + 16 * ((tail + i) % 8), node, first_item + i);
	return elt;
}

static void read_pools(void)
{
	if (!w.heap.rt) {
		fake_world_bytes(&w, 64); // a heap of nothing cannot be
		fake_heap_read(&w.heap);
	}
	assert_null(seep_pools_read(w.heap.rt, &pools));
}

static bool holds(const struct seep_pool *pool, seep_addr data)
{
	seep_vec_foreach(item, &pool->items)
		if (item->data == data)
			return true;
	return false;
}

static void pools_keep_private_shared_and_former_items(void **state)
{
	seep_addr now = locals(2), before = locals(2), func = fake_heap_take(&w.heap, 8);
	seep_addr pool = add_pool(now, before, func), other = add_pool(now, 0, 0);

	(void)state;
	fake_heap_put(&w.heap, func, FAKE_GO_TEXT_ADDR);
	fake_world_set(&w, now, node, 0x1001);
	// Around the end of the ring, and one in an older one.
	fake_heap_put(&w.heap, now + LOCAL + 16,
		      ring(UINT32_MAX, 3, 0x2001, ring(2, 1, 0x3001, 0)));
	fake_world_set(&w, before + LOCAL, node, 0x4001);
	list(ALL, pool, other);
	list(OLD, pool, 0);
	read_pools();
	assert_int_equal(pools.pools.len, 2);
	const struct seep_pool *p = &pools.pools.data[0];
	assert_int_equal(p->addr, pool);
	assert_int_equal(p->new_func, FAKE_GO_TEXT_ADDR);
	assert_int_equal(p->items.len, 6);
	assert_true(holds(p, 0x1001));
	for (seep_addr i = 0; i < 3; i++)
		assert_true(holds(p, 0x2001 + i));
	assert_true(holds(p, 0x3001));
	assert_true(holds(p, 0x4001));
	assert_int_equal(p->items.data[0].type, node);
	assert_int_equal(pools.pools.data[1].items.len, 5);
	assert_int_equal(pools.pools.data[1].new_func, 0);
}

static void old_pools_are_read_and_empty_ones_left_out(void **state)
{
	seep_addr before = locals(2), pool = add_pool(0, before, 0),
		  empty = add_pool(locals(2), 0, 0);

	(void)state;
	fake_world_set(&w, before, node, 0x1001);
	list(OLD, pool, empty);
	read_pools();
	assert_int_equal(pools.pools.len, 1);
	assert_int_equal(pools.pools.data[0].addr, pool);
}

static void broken_pools_end(void **state)
{
	seep_addr now = locals(2), wild = add_pool(0xdead0000, 0xdead0000, 0xdead0000),
		  pool = add_pool(now, 0, 0), self = ring(0, 1, 0x1001, 0);

	(void)state;
	fake_heap_put(&w.heap, self + 40, self); // a chain that bites its tail
	fake_heap_put(&w.heap, now + 16, self);
	seep_addr mad = ring(0, 2, 0x2001, 0);
	fake_heap_put(&w.heap, mad + 16, 7); // no power of two
	fake_heap_put(&w.heap, now + LOCAL + 16, mad);
	list(ALL, wild, pool);
	fake_world_set(&w, OLD, 0xdead0000, 1 << 19, 1 << 19);
	read_pools();
	assert_int_equal(pools.pools.len, 1);
	assert_false(holds(&pools.pools.data[0], 0x2001));
	assert_true(pools.pools.data[0].items.len <= 64);
	seep_pools_deinit(&pools);
	seep_addr full = ring(0, 3, 0x3001, 0);
	fake_heap_put(&w.heap, full, (uint64_t)9 << 32); // more than fit
	fake_heap_put(&w.heap, now + 16, full);
	read_pools();
	assert_int_equal(pools.pools.len, 0);
}

static void without_the_code_there_are_none(void **state)
{
	seep_addr now = locals(2), pool = add_pool(now, 0, 0);

	(void)state;
	fake_world_set(&w, now, node, 0x1001);
	list(ALL, pool, 0);
	go.bytes[0x400 + CLEANUP] = 0xc3;
	read_pools();
	assert_int_equal(pools.pools.len, 0);
}

// Findings.

static void look(void)
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
	assert_null(seep_detect_bloat(&view, &report));
}

/** A pool in package variables with two buffers, beside other memory. */
static seep_addr fill(uint64_t each, uint64_t beside, seep_addr func)
{
	seep_addr now = locals(2), bytes = fake_array(&w.types, byte, each, "main.buffer");
	seep_addr a = fake_world_bytes(&w, each), b = fake_world_bytes(&w, each);
	seep_addr five = fake_array(&w.types, word, 5, "sync.Pool");
	seep_addr pool = fake_world_variable(&w, "main.pool", five);

	fake_world_set(&w, pool, now, 2, 0, 0, func);
	fake_world_set(&w, now, pointer_to(bytes), a);
	fake_world_set(&w, now + LOCAL, pointer_to(bytes), b);
	HOLD(word, a);
	HOLD(word, b);
	HOLD(word, fake_world_bytes(&w, beside));
	list(ALL, pool, 0);
	return pool;
}

static void pools_that_hold_a_tenth_of_the_heap_are_told(void **state)
{
	seep_addr func = fake_heap_take(&w.heap, 8);

	(void)state;
	fake_heap_put(&w.heap, func, FAKE_GO_TEXT_ADDR);
	fill(2 * MIB, 36 * MIB, func);
	look();
	assert_int_equal(report.findings.len, 1);
	const struct seep_finding *f = &report.findings.data[0];
	assert_string_equal(f->cause, "pool-bloat");
	assert_int_equal(f->verdict, SEEP_VERDICT_SUSPECT);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->retained_bytes, 4 * MIB);
	assert_string_equal(f->holder, "*T in main.pool");
	assert_string_equal(f->where.function, "main.outer");
	assert_int_equal(f->objects.len, 2);
	assert_int_equal(f->objects.data[0].size, 2 * MIB);
}

static void pools_of_less_are_not_told(void **state)
{
	(void)state;
	fill(2 * MIB, 36 * MIB + 8192, 0);
	look();
	assert_int_equal(report.findings.len, 0);
}

static void small_pools_are_not_told(void **state)
{
	(void)state;
	fill(2 * MIB - 8192, 8192 * 2, 0);
	look();
	assert_int_equal(report.findings.len, 0);
}

static void pools_are_told_only_if_asked_for(void **state)
{
	(void)state;
	options.only = "map-bloat";
	fill(2 * MIB, 8192, 0);
	look();
	assert_int_equal(report.findings.len, 0);
}

/** An item that is in the pool twice is there once. */
static void an_item_counts_once(void **state)
{
	seep_addr now, pool = fill(4 * MIB, 8192, 0);

	(void)state;
	fake_heap_read(&w.heap);
	now = seep_memory_word(&w.heap.rt->memory, pool);
	fake_heap_put(&w.heap, now + LOCAL + 8, seep_memory_word(&w.heap.rt->memory, now + 8));
	look();
	assert_int_equal(report.findings.len, 1);
	assert_int_equal(report.findings.data[0].retained_bytes, 4 * MIB);
	assert_int_equal(report.findings.data[0].count, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_pools, end_pools)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pools_keep_private_shared_and_former_items),
		CASE(old_pools_are_read_and_empty_ones_left_out),
		CASE(broken_pools_end),
		CASE(without_the_code_there_are_none),
		CASE(pools_that_hold_a_tenth_of_the_heap_are_told),
		CASE(pools_of_less_are_not_told),
		CASE(small_pools_are_not_told),
		CASE(pools_are_told_only_if_asked_for),
		CASE(an_item_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
