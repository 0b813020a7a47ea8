// From the model and the kernel's counts to the parts of a ledger; the collector's settings; threads by what keeps them.
#include "detect/detect.h"
#include "runtime/memory_stats.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

enum {
	PAGE = 4096,
	SPAN = 8192,
	GC_PERCENT = 0, // the fake's runtime.gcControllerState
	MEMORY_LIMIT = 8,
	HEAP_MINIMUM = 16,
	GOAL = 24,
	SWEEP_TRIGGER = 32,
	TRIGGERED = 40,
	MARKED = 48,
	HEAP_FREE = 56,
	TOTAL_ALLOC = 64,
	TOTAL_FREE = 72,
	MAPPED = 80,
	CONTROLLER_BYTES = 88,
	HEAP_ARENA_BYTES = 20000,
};
static const seep_addr MHEAP_ARENAS = 0x500000 + 48, ARENA_BASE = 0xffff800000000000,
		       C_HEAP = 0x7e1000000000, META = 0x7e2000000000;

static struct fake_heap fake;
static struct seep_usage usage;
static struct seep_live live;
static struct seep_report report;
static struct seep_inspect_options options;
static uint64_t reachable[64];

static void set_layout(struct seep_layout *l)
{
	l->heap_arena_size = HEAP_ARENA_BYTES;
	l->gc_controller_size = CONTROLLER_BYTES;
	l->gc_controller_gc_percent = GC_PERCENT;
	l->gc_controller_memory_limit = MEMORY_LIMIT;
	l->gc_controller_heap_minimum = HEAP_MINIMUM;
	l->gc_controller_heap_goal = -1;
	l->gc_controller_gc_percent_heap_goal = GOAL;
	l->gc_controller_sweep_dist_min_trigger = SWEEP_TRIGGER;
	l->gc_controller_triggered = TRIGGERED;
	l->gc_controller_heap_marked = MARKED;
	l->gc_controller_heap_free = HEAP_FREE;
	l->gc_controller_total_alloc = TOTAL_ALLOC;
	l->gc_controller_total_free = TOTAL_FREE;
	l->gc_controller_mapped_ready = MAPPED;
	// m: {alllink, curg, lockedg, procid, g0}
	l->m_alllink = 0;
	l->m_curg = 8;
	l->m_lockedg = 16;
	l->m_procid = 24;
	l->m_g0 = 32;
	l->m_gsignal = 40;
	l->g_stack_lo = 0;
	l->g_stack_hi = 8;
}

static int begin(void **state)
{
	(void)state;
	fake_heap_init(&fake, 25);
	set_layout(&fake.binary.layout);
	// The map of arenas, as far as it is needed, and one arena's metadata.
	seep_addr map = META, index = (FAKE_HEAP_ARENA - ARENA_BASE) >> SEEP_ARENA_SHIFT;
	fake_heap_map(&fake, map + 8 * index, 8);
	fake_heap_put(&fake, map + 8 * index, META + (64 << 20));
	fake_heap_put(&fake, MHEAP_ARENAS, map);
	fake.binary.globals.gc_controller = fake_heap_take(&fake, CONTROLLER_BYTES);
	fake.binary.globals.allm = fake_heap_take(&fake, 8);
	usage = (struct seep_usage){ .by_mapping = true, .by_page = true };
	live = (struct seep_live){ .reachable = reachable };
	memset(reachable, 0, sizeof(reachable));
	options = (struct seep_inspect_options){};
	seep_report_init(&report);
	return 0;
}

static int end(void **state)
{
	(void)state;
	seep_report_deinit(&report);
	seep_usage_deinit(&usage);
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	return 0;
}

/** A mapping of which [start, start + rss) is resident, or nothing that is known by page. */
static void mapping(struct seep_usage_mapping m)
{
	usage.rss += m.rss;
	if (!seep_vec_push(&usage.mappings, m))
		abort();
	if (!m.file_backed && !m.shared &&
	    !seep_vec_push(&usage.resident, (struct seep_range){ m.start, m.start + m.rss }))
		abort();
}

static void describe(void)
{
	struct seep_view view = {
		.runtime = fake.rt, .live = &live, .options = &options, .usage = &usage
	};

	assert_null(seep_describe_memory(&view, &report));
}

static uint64_t part(const char *name)
{
	seep_vec_foreach(p, &report.memory.parts)
		if (strcmp(p->name, name) == 0)
			return p->bytes;
	return 0;
}

static void assert_sum(void)
{
	uint64_t sum = 0, last = UINT64_MAX;

	seep_vec_foreach(p, &report.memory.parts) {
		assert_true(p->bytes && p->bytes <= last);
		last = p->bytes;
		sum += p->bytes;
	}
	assert_int_equal(sum, report.memory.rss);
}

/** 20 slots of 400 bytes: of the first twelve allocated ones five are reachable. */
static void small_span(seep_addr base, int sweepgen)
{
	struct fake_span *s = fake_heap_span(&fake, (struct fake_span){ .base = base,
									.pages = 1,
									.elem_size = 400,
									.spanclass = 33,
									.sweepgen = sweepgen });
	for (int i = 0; i < 12; i++)
		fake_heap_allocate(&fake, s, i);
	// Not swept: the collector has marked six.
	*fake_heap_at(&fake, s->mark_bits, 1) = 0x3f;
}

static void slots_are_live_garbage_or_free(void **state)
{
	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	for (int i = 0; i < 5; i++)
		seep_bit_set(reachable, fake.rt->heap.spans.data[0].first + i);
	mapping((struct seep_usage_mapping){
		.start = FAKE_HEAP_ARENA, .end = FAKE_HEAP_ARENA + (4 << 20), .rss = 5 * SPAN });
	describe();
	assert_int_equal(part("live heap"), 5 * 400);
	assert_int_equal(part("garbage"), 7 * 400);
	assert_int_equal(part("free slots in heap spans"), SPAN - 12 * 400);
	assert_int_equal(part("free heap, not returned"), 4 * SPAN);
	assert_sum();
}

static void what_the_sweep_will_free_is_garbage(void **state)
{
	(void)state;
	small_span(FAKE_HEAP_ARENA, -2);
	fake_heap_read(&fake);
	assert_int_equal(fake.rt->heap.objects, 6);
	for (int i = 0; i < 5; i++)
		seep_bit_set(reachable, i);
	mapping((struct seep_usage_mapping){
		.start = FAKE_HEAP_ARENA, .end = FAKE_HEAP_ARENA + SPAN, .rss = SPAN });
	describe();
	assert_int_equal(part("live heap"), 5 * 400);
	assert_int_equal(part("garbage"), 7 * 400);
	assert_sum();
}

static void pages_that_are_not_resident_do_not_count(void **state)
{
	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	for (int i = 0; i < 12; i++)
		seep_bit_set(reachable, i);
	// The first of the span's two pages: ten slots and 96 bytes of the eleventh.
	mapping((struct seep_usage_mapping){
		.start = FAKE_HEAP_ARENA, .end = FAKE_HEAP_ARENA + SPAN, .rss = PAGE });
	describe();
	assert_int_equal(part("live heap"), PAGE);
	assert_int_equal(part("free slots in heap spans"), 0);
	assert_sum();
	seep_report_deinit(&report);
	seep_report_init(&report);
	// The second one: the rest of the eleventh, the twelfth, and free ones.
	usage.resident.data[0] =
		(struct seep_range){ FAKE_HEAP_ARENA + PAGE, FAKE_HEAP_ARENA + SPAN };
	describe();
	assert_int_equal(part("live heap"), 12 * 400 - PAGE);
	assert_int_equal(part("free slots in heap spans"), SPAN - 12 * 400);
	assert_sum();
}

static void stacks_are_whose_they_are(void **state)
{
	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	seep_addr stacks = FAKE_HEAP_ARENA + 4 * SPAN, buffers = FAKE_HEAP_ARENA + 8 * SPAN;
	fake_heap_span(&fake,
		       (struct fake_span){
			       .base = stacks, .pages = 4, .elem_size = 2048, .manual = true });
	struct fake_span *work = fake_heap_span(
		&fake, (struct fake_span){ .base = buffers, .pages = 4, .manual = true });
	fake_heap_put(&fake, work->mspan + 64, 0); // elemsize: none
	fake_heap_read(&fake);
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
	seep_addr words = fake.rt->goroutines.data[g].stack_lo;
	fake.rt->goroutines.data[g].stack_lo = stacks + SPAN;
	fake.rt->goroutines.data[g].stack_hi = stacks + SPAN + 2048;
	// The m's own stack, in the same span.
	seep_addr g0 = fake_heap_take(&fake, 16), m = fake_heap_take(&fake, 48);
	fake_heap_put(&fake, g0, stacks + 2 * SPAN);
	fake_heap_put(&fake, g0 + 8, stacks + 3 * SPAN);
	fake_heap_put(&fake, m + 32, g0);
	fake_heap_put(&fake, fake.binary.globals.allm, m);
	mapping((struct seep_usage_mapping){
		.start = FAKE_HEAP_ARENA, .end = FAKE_HEAP_ARENA + 16 * SPAN, .rss = 16 * SPAN });
	describe();
	assert_int_equal(part("goroutine stacks"), 2048);
	assert_int_equal(part("thread stacks"), SPAN);
	assert_int_equal(part("stacks kept for reuse"), 3 * SPAN - 2048);
	assert_int_equal(part("runtime metadata"), 4 * SPAN);
	assert_int_equal(part("free heap, not returned"), 7 * SPAN);
	assert_sum();
	fake.rt->goroutines.data[g].stack_lo = words;
}

static void mappings_go_to_their_parts(void **state)
{
	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	const struct seep_usage_mapping mappings[] = {
		{ .start = 0x400000,
		  .end = 0x500000,
		  .rss = 100 * PAGE,
		  .file_backed = true,
		  .is_exe = true },
		{ .start = 0x500000, .end = 0x510000, .rss = 3 * PAGE }, // .bss
		{ .start = 0x600000, .end = 0x700000, .rss = 20 * PAGE, .brk = true },
		{ .start = FAKE_HEAP_ARENA, .end = FAKE_HEAP_ARENA + SPAN, .rss = SPAN },
		{ .start = C_HEAP, .end = C_HEAP + 0x10000, .rss = 16 * PAGE },
		{ .start = META + (64 << 20) - PAGE, .end = META + (65 << 20), .rss = 10 * PAGE },
		{ .start = META + (70 << 20),
		  .end = META + (71 << 20),
		  .rss = 7 * PAGE,
		  .go = true },
		{ .start = META + (80 << 20),
		  .end = META + (81 << 20),
		  .rss = 30 * PAGE,
		  .file_backed = true },
		{ .start = META + (90 << 20),
		  .end = META + (91 << 20),
		  .rss = 40 * PAGE,
		  .shared = true },
		{ .start = META + (95 << 20),
		  .end = META + (96 << 20),
		  .rss = 5 * PAGE,
		  .stack = true },
		{ .start = META + (97 << 20),
		  .end = META + (98 << 20),
		  .rss = PAGE,
		  .kernel = true },
	};
	for (size_t i = 0; i < sizeof(mappings) / sizeof(*mappings); i++)
		mapping(mappings[i]);
	describe();
	assert_int_equal(part("binary"), 103 * PAGE);
	// Five pages of the fake's heapArena, the sixth is someone else's, and so is the one in front.
	assert_int_equal(part("runtime metadata"), (5 + 7) * PAGE);
	assert_int_equal(part("C and other anonymous memory"), (20 + 16 + 5) * PAGE);
	assert_int_equal(part("libraries and private files"), 31 * PAGE);
	assert_int_equal(part("shared memory and mapped files"), 40 * PAGE);
	assert_int_equal(part("thread stacks"), 5 * PAGE);
	assert_sum();
}

static void more_pages_than_rss_are_cut(void **state)
{
	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	mapping((struct seep_usage_mapping){
		.start = FAKE_HEAP_ARENA, .end = FAKE_HEAP_ARENA + 4 * SPAN, .rss = 4 * SPAN });
	usage.mappings.data[0].rss = usage.rss = 2 * SPAN;
	describe();
	assert_int_equal(part("free heap, not returned"), 3 * SPAN / 2);
	assert_int_equal(part("garbage"), 12 * 400 / 2);
	assert_sum();
}

static void fewer_pages_are_not_explained(void **state)
{
	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	mapping((struct seep_usage_mapping){
		.start = FAKE_HEAP_ARENA, .end = FAKE_HEAP_ARENA + SPAN, .rss = SPAN });
	usage.mappings.data[0].rss = usage.rss = SPAN + 3 * PAGE;
	describe();
	assert_int_equal(part("not explained"), 3 * PAGE);
	assert_sum();
}

static void without_pages_there_are_mappings_and_a_caveat(void **state)
{
	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	mapping((struct seep_usage_mapping){
		.start = FAKE_HEAP_ARENA, .end = FAKE_HEAP_ARENA + SPAN, .rss = SPAN });
	usage.by_page = false;
	usage.swap = 1;
	describe();
	assert_int_equal(report.caveats.len, 2);
	assert_int_equal(part("live heap"), 0);
	assert_sum();
	seep_report_deinit(&report);
	seep_report_init(&report);
	usage.by_mapping = false;
	describe();
	assert_int_equal(report.caveats.len, 1);
	assert_int_equal(report.memory.rss, SPAN);
	assert_int_equal(report.memory.parts.len, 0);
}

// Settings.

static void controller(int32_t percent, uint64_t limit, uint64_t minimum, uint64_t goal)
{
	seep_addr c = fake.binary.globals.gc_controller;

	fake_heap_put(&fake, c + GC_PERCENT, (uint32_t)percent);
	fake_heap_put(&fake, c + MEMORY_LIMIT, limit);
	fake_heap_put(&fake, c + HEAP_MINIMUM, minimum);
	fake_heap_put(&fake, c + GOAL, goal);
	fake_heap_put(&fake, c + TRIGGERED, UINT64_MAX);
	fake_heap_put(&fake, c + MAPPED, 30000000);
	fake_heap_put(&fake, c + TOTAL_ALLOC, 90000000);
	fake_heap_put(&fake, c + TOTAL_FREE, 80000000);
	fake_heap_put(&fake, c + HEAP_FREE, 5000000);
	fake_heap_put(&fake, c + MARKED, 9000000);
}

static void settings_are_the_runtimes(void **state)
{
	struct seep_gc_settings s;
	seep_addr c = fake.binary.globals.gc_controller;

	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	controller(100, INT64_MAX, 4 << 20, 7000000);
	seep_gc_settings_read(fake.rt, &s);
	assert_true(s.percent == 100 && s.memory_limit == UINT64_MAX && s.next == 7000000);
	fake_heap_put(&fake, c + SWEEP_TRIGGER, 7000100);
	seep_gc_settings_read(fake.rt, &s);
	assert_int_equal(s.next, 7000100);
	fake_heap_put(&fake, c + TRIGGERED, 7000200);
	seep_gc_settings_read(fake.rt, &s);
	assert_int_equal(s.next, 7000200 + 65536);
	// Not heap: 15 million; 3 per cent of the rest is kept free.
	controller(50, 100000000, 2 << 20, UINT64_MAX);
	seep_gc_settings_read(fake.rt, &s);
	assert_true(s.percent == 50 && s.memory_limit == 100000000);
	assert_int_equal(s.next, 85000000 - 850000 * 3);
	// At the limit the next collection starts as soon as the last one has ended.
	controller(50, 15000000, 2 << 20, UINT64_MAX);
	seep_gc_settings_read(fake.rt, &s);
	assert_int_equal(s.next, 9000000);
	controller(-1, INT64_MAX, (4ull << 20) * (uint64_t)-1 / 100, UINT64_MAX);
	seep_gc_settings_read(fake.rt, &s);
	assert_int_equal(s.percent, -1);
}

static void what_is_no_controller_says_nothing(void **state)
{
	struct seep_gc_settings s;

	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	controller(100, INT64_MAX, 12345, 7000000);
	seep_gc_settings_read(fake.rt, &s);
	assert_true(s.percent == INT64_MIN && s.memory_limit == 0 && s.next == 0);
	fake.binary.globals.gc_controller = 0x123;
	seep_gc_settings_read(fake.rt, &s);
	assert_true(s.percent == INT64_MIN && s.cycles == 0);
}

static void the_environment_stands_in(void **state)
{
	static const struct {
		const char *gogc, *limit;
		int64_t percent;
		uint64_t bytes;
	} cases[] = {
		{ "50", "", 50, 0 },
		{ "off", "1GiB", -1, 1 << 30 },
		{ "-5", "2048", -1, 2048 },
		{ "much", "off", 100, UINT64_MAX },
		{ "", "3TiB", INT64_MIN, 3ull << 40 },
		{ "", "99999999999999TiB", INT64_MIN, 0 },
		{ "", "-1", INT64_MIN, 0 },
		{ "", "5XB", INT64_MIN, 0 },
	};

	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	fake.binary.globals.gc_controller = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		seep_report_deinit(&report);
		seep_report_init(&report);
		snprintf(usage.gogc, sizeof(usage.gogc), "%s", cases[i].gogc);
		snprintf(usage.gomemlimit, sizeof(usage.gomemlimit), "%s", cases[i].limit);
		describe();
		assert_int_equal(report.memory.gogc, cases[i].percent);
		assert_int_equal(report.memory.memory_limit, cases[i].bytes);
		assert_int_equal(report.caveats.len, 1);
	}
}

// Threads.

/** A thread of the runtime for a goroutine in that state; syscall -1: computing. */
static void thread(struct seep_thread *t, uint32_t goroutine, bool locked, int64_t syscall)
{
	seep_addr m = fake_heap_take(&fake, 48);

	*t = (struct seep_thread){ .tid = (pid_t)(goroutine + 100),
				   .procid = (pid_t)(goroutine + 100),
				   .stopped = true,
				   .syscall = syscall };
	fake_heap_put(&fake, m, seep_memory_word(&fake.rt->memory, fake.binary.globals.allm));
	fake_heap_put(&fake, m + (locked ? 16 : 8), fake.rt->goroutines.data[goroutine].addr);
	fake_heap_put(&fake, m + 24, (uint64_t)t->procid);
	fake_heap_put(&fake, fake.binary.globals.allm, m);
}

static void detect_threads(void)
{
	struct seep_view view = { .runtime = fake.rt, .live = &live, .options = &options };

	seep_report_deinit(&report);
	seep_report_init(&report);
	assert_null(seep_detect_threads(&view, &report));
}

static void threads_count_from_a_threshold_on(void **state)
{
	enum { SYSTEM = 40, MANY = 64 };
	static struct seep_thread threads[MANY];

	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	fake.rt->threads = threads;
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
		fake.rt->goroutines.data[g].status = SEEP_STATUS_SYSCALL;
		fake.rt->thread_count = i + 1;
		thread(&threads[i], g, false, 0);
		detect_threads();
		assert_int_equal(report.findings.len, i + 1 >= 32);
	}
	struct seep_finding *f = &report.findings.data[0];
	assert_string_equal(f->cause, "thread-pileup");
	assert_int_equal(f->verdict, SEEP_VERDICT_SUSPECT);
	assert_string_equal(f->noun, "thread");
	assert_true(f->count == MANY && f->goroutines.len == SEEP_FINDING_GOROUTINES_MAX);
	assert_non_null(strstr(f->summary, "read"));
	// A sleep that a stop has interrupted is still the same call, and what it was is known from the others.
	for (uint32_t i = 0; i < MANY; i++)
		threads[i].syscall = i < 40 ? SYS_restart_syscall : SYS_nanosleep;
	detect_threads();
	assert_int_equal(report.findings.len, 1);
	f = &report.findings.data[0];
	assert_int_equal(f->count, MANY);
	assert_non_null(strstr(f->summary, "nanosleep"));
	// Those on their way out of the call and the runtime's own are not of it; calls that differ at one place have no name.
	for (uint32_t i = 0; i < 10; i++) {
		threads[i].syscall = -1;
		fake.rt->goroutines.data[i + 10].system = true;
		threads[i + 20].syscall = SYS_write;
	}
	detect_threads();
	assert_int_equal(report.findings.len, 1);
	f = &report.findings.data[0];
	assert_int_equal(f->count, MANY - 20);
	assert_string_equal(f->summary, "OS threads blocked in a system call.");
	// A thread that could not be stopped is in some call.
	for (uint32_t i = 0; i < MANY; i++) {
		threads[i].stopped = false;
		threads[i].syscall = -1;
		fake.rt->goroutines.data[i].system = false;
	}
	detect_threads();
	assert_int_equal(report.findings.data[0].count, MANY);
	options.only = "mutex-held";
	detect_threads();
	assert_int_equal(report.findings.len, 0);
}

static void a_parked_goroutine_keeps_its_locked_thread(void **state)
{
	enum { MANY = 40 };
	static struct seep_thread threads[MANY];

	(void)state;
	small_span(FAKE_HEAP_ARENA, 0);
	fake_heap_read(&fake);
	fake.rt->threads = threads;
	fake.rt->thread_count = MANY;
	for (uint32_t i = 0; i < MANY; i++)
		thread(&threads[i], fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0), true, 202);
	detect_threads();
	assert_int_equal(report.findings.len, 1);
	assert_int_equal(report.findings.data[0].count, MANY);
	// A list of threads that bites its tail ends all the same.
	seep_addr m = seep_memory_word(&fake.rt->memory, fake.binary.globals.allm);
	fake_heap_put(&fake, m, m);
	for (uint32_t i = 0; i < MANY; i++)
		fake.rt->goroutines.data[i].status = SEEP_STATUS_RUNNING;
	detect_threads();
	assert_int_equal(report.findings.len, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(slots_are_live_garbage_or_free),
		CASE(what_the_sweep_will_free_is_garbage),
		CASE(pages_that_are_not_resident_do_not_count),
		CASE(stacks_are_whose_they_are),
		CASE(mappings_go_to_their_parts),
		CASE(more_pages_than_rss_are_cut),
		CASE(fewer_pages_are_not_explained),
		CASE(without_pages_there_are_mappings_and_a_caveat),
		CASE(settings_are_the_runtimes),
		CASE(what_is_no_controller_says_nothing),
		CASE(the_environment_stands_in),
		CASE(threads_count_from_a_threshold_on),
		CASE(a_parked_goroutine_keeps_its_locked_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
