// Running timers: which run, for how long nobody has received from them, who leads to them, and what is made of it.
#include "detect/detect.h"
#include "runtime/timer.h"
#include "support/fake_go.h"
#include "support/fake_heap.h"
#include "support/fake_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	SLOT = FAKE_HEAP_CHANNEL_BYTES,
	SPANS = 60,
	SLOTS = 84, // 96 bytes each, and bits at the end of a page
	GRAPHS = 2000,
	// Where the fake's runtime.timer and runtime.hchan keep what fake_heap.h does not know of.
	TIMER_PERIOD = 16,
	TIMER_F = 24,
	TIMER_ARG = 32,
	TIMER_STATE = 48,
	TIMER_IS_CHAN = 49,
	TIMER_IS_FAKE = 50,
	TIMER_BYTES = 64,
	CHANNEL_BUF = 48,
	CHANNEL_ELEMSIZE = 56,
	TICKER_TIMER = 8, // of the ticker's object
	CALLBACK = FAKE_GO_TEXT_ADDR + 0xc0,
};
static const uint64_t SECOND = 1000000000, HOUR = 3600 * SECOND;

static struct fake_go go;
static struct seep_image image;
static struct fake_heap fake;
static struct seep_live live;
static struct seep_graph graph;
static struct seep_variables variables;
static struct seep_report report;
static struct seep_inspect_options options;
static struct fake_types types;
static seep_addr time_type, canceler_type, callback; // callback: a func value
static unsigned taken;

/** The function at CALLBACK gets that name, of at most 19 letters. */
static void name_callback(const char *name)
{
	static const char old[] = "runtime.systemstack";

	for (size_t i = 0; i + sizeof(old) <= sizeof(go.bytes); i++)
		if (memcmp(go.bytes + i, old, sizeof(old)) == 0) {
			memset(go.bytes + i, 0, sizeof(old));
			strcpy((char *)go.bytes + i, name);
			return;
		}
	abort();
}

static void make_types(void)
{
	fake_init(&types, 25);
	time_type = fake_struct(&types, 24, 24, fake_mask(&types, 4), "time.Time", "time", NULL, 0);
	canceler_type = fake_type(&types, SEEP_KIND_STRUCT, 8, 0, 0, "context.canceler", 48);
	memcpy(fake_heap_map(&fake, FAKE_BASE, FAKE_LEN), types.bytes, FAKE_LEN);
	fake_deinit(&types);
}

static void set_layout(struct seep_layout *l, int minor)
{
	l->hchan_buf = CHANNEL_BUF;
	l->hchan_elemsize = CHANNEL_ELEMSIZE;
	l->timer_size = TIMER_BYTES;
	l->timer_period = TIMER_PERIOD;
	l->timer_f = TIMER_F;
	l->timer_arg = TIMER_ARG;
	l->timer_status = -1;
	l->timer_nextwhen = -1;
	l->timer_state = TIMER_STATE;
	l->timer_is_chan = minor < 23 ? -1 : TIMER_IS_CHAN;
	l->timer_is_fake = minor < 25 ? -1 : TIMER_IS_FAKE;
}

static void begin_as(int minor, const char *name)
{
	struct seep_pclntab tab;

	fake_go_build(minor, &go);
	name_callback(name);
	assert_null(seep_image_parse(go.bytes, sizeof(go.bytes), &image));
	assert_null(seep_pclntab_open(&image, minor, &tab));
	fake_heap_init(&fake, minor);
	const struct seep_module own = fake.binary.pclntab.module;
	tab.module = (struct seep_module){ .data = own.data,
					   .edata = own.edata,
					   .gcdatamask = own.gcdatamask,
					   .gcdatamask_bits = own.gcdatamask_bits,
					   .types = FAKE_BASE,
					   .etypes = FAKE_DATA,
					   .noptrdata = FAKE_DATA,
					   .end = FAKE_BASE + FAKE_LEN,
					   .minpc = tab.module.minpc,
					   .maxpc = tab.module.maxpc,
					   .text = tab.module.text,
					   .etext = tab.module.etext };
	fake.binary.pclntab = tab;
	fake.binary.info.version = (char *)"go1.fake";
	fake.binary.info.module = (char *)"";
	set_layout(&fake.binary.layout, minor);
	make_types();
	callback = fake_heap_take(&fake, 8);
	fake_heap_put(&fake, callback, CALLBACK);
	for (int i = 0; i < SPANS; i++) {
		struct fake_span *s = fake_heap_span(
			&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA + 8192 * (seep_addr)i,
						   .pages = 1,
						   .elem_size = SLOT,
						   .nelems = SLOTS,
						   .spanclass = 16 });
		for (int k = 0; k < SLOTS; k++)
			fake_heap_allocate(&fake, s, k);
	}
	fake_heap_read(&fake);
	fake.rt->wall_now = 1700000000 * SECOND;
	fake.rt->now = 10 * HOUR;
	options = (struct seep_inspect_options){};
	taken = 0;
}

static int begin(void **state)
{
	(void)state;
	begin_as(22, "time.sendTime");
	return 0;
}

static void forget(void)
{
	seep_graph_deinit(&graph);
	graph = (struct seep_graph){};
	seep_live_deinit(&live);
	live = (struct seep_live){};
	seep_report_deinit(&report);
}

static int end(void **state)
{
	(void)state;
	forget();
	fake_heap_deinit(&fake);
	fake = (struct fake_heap){};
	seep_image_deinit(&image);
	return 0;
}

static void begin_again(int minor, const char *name)
{
	end(NULL);
	begin_as(minor, name);
}

static seep_addr take(void)
{
	assert_true(taken < SPANS * SLOTS);
	seep_addr addr =
		FAKE_HEAP_ARENA + 8192 * (seep_addr)(taken / SLOTS) + SLOT * (taken % SLOTS);
	taken++;
	return addr;
}

static void point(seep_addr from, unsigned offset, seep_addr to)
{
	fake_heap_pointer_word(&fake, &fake.spans[(from - FAKE_HEAP_ARENA) / 8192], from + offset);
	fake_heap_put(&fake, from + offset, to);
}

struct ticker {
	seep_addr object, channel, buffer;
};

/** A ticker, or a timer (period 0), and its channel; in no heap. */
static struct ticker make(uint64_t period, bool collected)
{
	struct ticker t = { take(), take(), take() };
	seep_addr timer = t.object + TICKER_TIMER;

	point(t.object, 0, t.channel);
	point(timer, TIMER_ARG + 8, t.channel);
	fake_heap_put(&fake, timer + FAKE_HEAP_TIMER_WHEN, fake.rt->now + period + 1);
	fake_heap_put(&fake, timer + TIMER_PERIOD, period);
	fake_heap_put(&fake, timer + TIMER_F, callback);
	if (collected) {
		*fake_heap_at(&fake, timer + TIMER_IS_CHAN, 1) = 1;
		point(t.channel, FAKE_HEAP_CHANNEL_TIMER, timer);
	}
	fake_heap_put(&fake, t.channel + 8, 1);
	fake_heap_put(&fake, t.channel + 16, time_type);
	point(t.channel, CHANNEL_BUF, t.buffer);
	fake_heap_put(&fake, t.channel + CHANNEL_ELEMSIZE, 24);
	return t;
}

static struct seep_timer *queue(const struct ticker *t, uint64_t period)
{
	struct seep_timer timer = { .addr = t->object + TICKER_TIMER,
				    .f = CALLBACK,
				    .arg = t->channel,
				    .when = fake.rt->now + period + 1,
				    .period = period,
				    .kind = SEEP_TIMER_CHANNEL };

	if (!seep_vec_push(&fake.rt->timers, timer))
		abort();
	return &fake.rt->timers.data[fake.rt->timers.len - 1];
}

static struct ticker queued(uint64_t period)
{
	struct ticker t = make(period, false);

	queue(&t, period);
	return t;
}

/** Calls a closure of CALLBACK; its object, and the timer's. */
static seep_addr queue_func(uint64_t when, seep_addr *timer_ret)
{
	seep_addr closure = take(), object = take();
	struct seep_timer timer = {
		.addr = object + TICKER_TIMER, .arg = closure, .when = when, .kind = SEEP_TIMER_FUNC
	};

	fake_heap_put(&fake, closure, CALLBACK);
	point(object, TICKER_TIMER + TIMER_ARG + 8, closure);
	if (!seep_vec_push(&fake.rt->timers, timer))
		abort();
	if (timer_ret)
		*timer_ret = object;
	return closure;
}

static void fill(const struct ticker *t, uint64_t age_ns)
{
	uint64_t then = fake.rt->wall_now - age_ns;

	fake_heap_put(&fake, t->channel, 1);
	fake_heap_put(&fake, t->buffer,
		      1ull << 63 | (then / SECOND + 2682288000) << 30 | then % SECOND);
}

static void detect(void)
{
	forget();
	seep_report_init(&report);
	assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_UNNAMED, &live));
	assert_null(seep_graph_build(fake.rt, &live, &variables, &graph));
	assert_null(seep_graph_dominators(&graph));
	struct seep_view view = { .runtime = fake.rt,
				  .locks = &fake.locks,
				  .live = &live,
				  .variables = &variables,
				  .graph = &graph,
				  .options = &options };
	assert_null(seep_detect_tickers(&view, &report));
}

static uint64_t counted(enum seep_verdict verdict)
{
	uint64_t n = 0;

	detect();
	seep_vec_foreach(finding, &report.findings) {
		assert_string_equal(finding->cause, "ticker");
		n += finding->verdict == verdict ? finding->count : 0;
	}
	return n;
}

static uint64_t lost(void)
{
	return counted(SEEP_VERDICT_PROVEN);
}

static uint64_t suspected(void)
{
	return counted(SEEP_VERDICT_SUSPECT);
}

// Lost tickers.

static void a_ticker_that_only_its_timer_leads_to_is_proven(void **state)
{
	(void)state;
	queued(HOUR);
	queued(HOUR);
	queued(2 * HOUR);
	assert_int_equal(lost(), 3);
	assert_int_equal(report.findings.len, 2);
	assert_int_equal(report.findings.data[0].retained_bytes, 2 * 3 * SLOT);
	assert_string_equal(report.findings.data[0].objects.data[0].type, "time.Ticker");
}

static void whatever_leads_to_a_ticker_or_its_channel_keeps_it_from_being_proven(void **state)
{
	(void)state;
	struct ticker t = queued(HOUR);
	seep_addr other = take();
	assert_int_equal(lost(), 1);
	fake_heap_global(&fake, 3, t.channel);
	assert_int_equal(lost(), 0);
	fake_heap_global(&fake, 3, t.object);
	assert_int_equal(lost(), 0);
	fake_heap_global(&fake, 3, t.object + TICKER_TIMER);
	assert_int_equal(lost(), 0);
	fake_heap_global(&fake, 3, other);
	assert_int_equal(lost(), 1);
	point(other, 24, t.channel);
	assert_int_equal(lost(), 0);
	fake_heap_global(&fake, 3, 0);
	assert_int_equal(lost(), 1);
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
	assert_int_equal(lost(), 1);
	fake_heap_stack_put(&fake, g, 7, other);
	assert_int_equal(lost(), 0);
}

static void a_closure_that_will_stop_it_keeps_it_from_being_proven(void **state)
{
	(void)state;
	struct ticker t = queued(HOUR);
	seep_addr closure = queue_func(fake.rt->now + 1, NULL);
	assert_int_equal(lost(), 1);
	point(closure, 8, t.object);
	assert_int_equal(lost(), 0);
}

static void a_weak_pointer_keeps_it_from_being_proven(void **state)
{
	(void)state;
	struct ticker t = queued(HOUR);
	struct seep_special weak = { .kind = SEEP_SPECIAL_WEAK_HANDLE };
	assert_true(seep_heap_find(&fake.rt->heap, t.object, &weak.object));
	if (!seep_vec_push(&fake.rt->specials, weak))
		abort();
	assert_int_equal(lost(), 0);
	assert_true(seep_heap_find(&fake.rt->heap, t.channel, &fake.rt->specials.data[0].object));
	assert_int_equal(lost(), 0);
	assert_true(seep_heap_find(&fake.rt->heap, t.buffer, &fake.rt->specials.data[0].object));
	assert_int_equal(lost(), 1);
}

static void what_is_not_certain_is_not_proven(void **state)
{
	(void)state;
	struct ticker t = make(HOUR, false);
	struct seep_timer *timer = queue(&t, HOUR);
	timer->changing = true;
	assert_int_equal(lost(), 0);
	timer->changing = false;
	timer->collected = true;
	assert_int_equal(lost(), 0);
	timer->collected = false;
	fake.rt->heap.unread_spans = 1;
	assert_int_equal(lost(), 0);
	fake.rt->heap.unread_spans = 0;
	fake.binary.pclntab.module.next = 1;
	assert_int_equal(lost(), 0);
	fake.binary.pclntab.module.next = 0;
	fake_heap_put(&fake, t.channel + 16, FAKE_BASE + 8); // no type
	assert_int_equal(lost(), 0);
	fake_heap_put(&fake, t.channel + 16, time_type);
	fake_heap_put(&fake, t.channel + 32, 1); // somebody in its queue of receivers
	assert_int_equal(lost(), 0);
	fake_heap_put(&fake, t.channel + 32, 0);
	assert_int_equal(lost(), 1);
}

static void what_leaked_goroutines_hold_is_theirs(void **state)
{
	(void)state;
	seep_addr list = take(), other = take();
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_NO_CASES, 0);
	fake_heap_stack_put(&fake, g, 5, list);
	for (int i = 0; i < 12; i++) {
		seep_addr inner = take();
		point(list, 8 * i, inner);
		for (int k = 0; k < 12; k++)
			point(inner, 8 * k, queued(SECOND).object);
	}
	assert_int_equal(lost() + suspected(), 0);
	fake_heap_global(&fake, 0, other);
	point(other, 0, list);
	assert_int_equal(lost(), 0);
	assert_int_equal(suspected(), 144);
}

/** On random heaps: a ticker is lost if and only if marking from all roots but its own does not come to it or its channel. */
static void lost_is_what_marking_without_the_timer_does_not_reach(void **state)
{
	uint64_t all_lost = 0, all_held = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
		struct fake_random rng = { seed };
		struct ticker tickers[6];
		seep_addr objects[40];
		unsigned n = 2 + fake_below(&rng, 38), count = 1 + fake_below(&rng, 6);
		if (seed % 50 == 1)
			begin_again(22, "time.sendTime");
		// What the world before left behind is unreachable.
		fake.rt->timers.len = 0;
		memset(fake_heap_at(&fake, FAKE_HEAP_DATA, 64), 0, 64);
		for (unsigned i = 0; i < n; i++)
			objects[i] = take();
		for (unsigned i = 0; i < count; i++)
			tickers[i] = queued(HOUR);
		for (unsigned i = fake_below(&rng, 2 * n); i-- > 0;)
			point(objects[fake_below(&rng, n)], 8 * fake_below(&rng, 12),
			      objects[fake_below(&rng, n)]);
		for (unsigned i = fake_below(&rng, 6); i-- > 0;) {
			const struct ticker *t = &tickers[fake_below(&rng, count)];
			point(objects[fake_below(&rng, n)], 8 * fake_below(&rng, 12),
			      fake_below(&rng, 2) ? t->object : t->channel);
		}
		for (unsigned i = fake_below(&rng, 4); i-- > 0;)
			fake_heap_global(&fake, fake_below(&rng, 8), objects[fake_below(&rng, n)]);
		seep_addr closure = queue_func(fake.rt->now + 1, NULL);
		if (fake_below(&rng, 3) == 0)
			point(closure, 8, objects[fake_below(&rng, n)]);
		uint64_t expected = 0, found = lost();
		for (unsigned i = 0; i < count; i++) {
			struct seep_marker marker;
			struct seep_object o[2];
			assert_null(seep_marker_init(&marker, &fake.rt->heap));
			for (int k = 0; k < 8; k++)
				seep_mark_pointer(
					&marker,
					seep_le64(fake_heap_at(&fake, FAKE_HEAP_DATA + 8 * k, 8)),
					true);
			seep_vec_foreach(t, &fake.rt->timers) {
				if (t->arg == tickers[i].channel)
					continue;
				seep_mark_pointer(&marker, t->addr, true);
				seep_mark_pointer(&marker, t->arg, true);
			}
			seep_mark_drain(&marker);
			assert_true(seep_heap_find(&fake.rt->heap, tickers[i].object, &o[0]));
			assert_true(seep_heap_find(&fake.rt->heap, tickers[i].channel, &o[1]));
			bool held = false;
			for (int k = 0; k < 2; k++)
				held |= seep_bit_get(marker.marked,
						     seep_heap_number(&fake.rt->heap, o[k]));
			expected += !held;
			seep_marker_deinit(&marker);
		}
		if (found != expected)
			fail_msg("seed %d: %d lost, %d expected", (int)seed, (int)found,
				 (int)expected);
		all_lost += expected;
		all_held += count - expected;
	}
	assert_true(all_lost > GRAPHS / 2 && all_held > GRAPHS / 2);
}

// Tickers that nobody receives from.

static void keep(seep_addr holder, const struct ticker *t, unsigned i)
{
	fake_heap_global(&fake, 0, holder);
	point(holder, 8 * (i % 12), t->object);
}

/** n tickers that package variables lead to, twelve by an object. */
static void keep_many(unsigned n, uint64_t period)
{
	seep_addr top = take(), middle = 0, low = 0;

	fake_heap_global(&fake, 1, top);
	for (unsigned i = 0; i < n; i++) {
		struct ticker t = queued(period);
		if (i % 144 == 0)
			point(top, 8 * (i / 144), middle = take());
		if (i % 12 == 0)
			point(middle, 8 * (i / 12 % 12), low = take());
		point(low, 8 * (i % 12), t.object);
	}
}

static void many_that_nobody_waits_for_are_suspect(void **state)
{
	(void)state;
	keep_many(99, HOUR);
	assert_int_equal(suspected(), 0);
	begin_again(22, "time.sendTime");
	keep_many(100, HOUR);
	assert_int_equal(suspected(), 100);
	assert_int_equal(report.findings.len, 1);
	assert_int_equal(report.findings.data[0].retained_bytes, 100 * 3 * SLOT);
	assert_int_equal(report.findings.data[0].objects.len, SEEP_FINDING_OBJECTS_MAX);
}

static void more_that_somebody_waits_for_speak_for_them(void **state)
{
	(void)state;
	keep_many(120, HOUR);
	for (int i = 0; i < 119; i++)
		fake_heap_put(&fake, queued(HOUR).channel + 32, 1);
	assert_int_equal(suspected(), 120);
	fake_heap_put(&fake, queued(2 * HOUR).channel + 32, 1);
	assert_int_equal(suspected(), 120);
	fake_heap_put(&fake, queued(HOUR).channel + 32, 1);
	assert_int_equal(suspected(), 0);
}

static void few_of_one_goroutine_are_at_hand(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
		seep_addr holder = take();
		fake_heap_stack_put(&fake, g, 3, holder);
		for (int k = 0; k < 9; k++)
			point(holder, 8 * k, queued(HOUR).object);
	}
	assert_int_equal(suspected(), 0);
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
	seep_addr holder = take();
	fake_heap_stack_put(&fake, g, 3, holder);
	for (int i = 0; i < 12; i++) {
		seep_addr inner = take();
		point(holder, 8 * i, inner);
		for (int k = 0; k < 9; k++)
			point(inner, 8 * k, queued(HOUR).object);
	}
	assert_int_equal(suspected(), 108);
}

static void one_with_an_old_tick_is_suspect(void **state)
{
	(void)state;
	struct ticker t = queued(SECOND);
	seep_addr holder = take();
	keep(holder, &t, 0);
	fill(&t, HOUR - 1);
	assert_int_equal(suspected(), 0);
	fill(&t, HOUR);
	assert_int_equal(suspected(), 1);
	assert_int_equal(report.findings.data[0].age_ns, HOUR);
	fake.rt->timers.data[0].period = HOUR / 50;
	assert_int_equal(suspected(), 0);
	fake.rt->timers.data[0].period = SECOND;
	// On the stack of one that can run it is at hand, however old.
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
	fake_heap_stack_put(&fake, g, 3, t.channel);
	assert_int_equal(suspected(), 0);
}

static void the_tick_in_the_channel_says_since_when(void **state)
{
	(void)state;
	struct ticker t = queued(SECOND);
	const struct seep_timer *timer = &fake.rt->timers.data[0];
	struct seep_timer_channel c;
	assert_true(seep_timer_channel(fake.rt, t.channel, &c));
	assert_int_equal(seep_timer_unread(fake.rt, timer, &c), 0);
	fill(&t, 3 * HOUR + 5);
	assert_true(seep_timer_channel(fake.rt, t.channel, &c));
	assert_true(c.full);
	assert_int_equal(seep_timer_unread(fake.rt, timer, &c), 3 * HOUR + 5);
	// Without a monotonic reading: ns, and seconds since year 1.
	fake_heap_put(&fake, t.buffer, 7);
	fake_heap_put(&fake, t.buffer + 8, 1700000000 - 60 + 62135596800);
	assert_true(seep_timer_channel(fake.rt, t.channel, &c));
	assert_int_equal(c.unread_ns, 60 * SECOND - 7);
	fake_heap_put(&fake, t.buffer + 8, 1700000000 + 60 + 62135596800); // to come
	assert_true(seep_timer_channel(fake.rt, t.channel, &c));
	assert_int_equal(c.unread_ns, 0);
	fake_heap_put(&fake, t.buffer + 8, UINT64_MAX);
	assert_true(seep_timer_channel(fake.rt, t.channel, &c));
	assert_int_equal(c.unread_ns, 0);
	fake_heap_put(&fake, t.channel + CHANNEL_BUF, 0xdead000);
	assert_true(seep_timer_channel(fake.rt, t.channel, &c));
	assert_int_equal(c.unread_ns, 0);
}

// Timers in no heap.

static uint64_t unqueued(void)
{
	struct seep_timer_list list;
	uint64_t n;

	assert_null(seep_timers_unqueued(fake.rt, fake.rt->heap.allocated, &list));
	n = list.items.len;
	seep_timers_deinit(&list);
	return n;
}

static void timers_in_no_heap_are_found_by_their_channels(void **state)
{
	(void)state;
	begin_again(25, "time.sendTime");
	struct ticker t = make(SECOND, true);
	seep_addr timer = t.object + TICKER_TIMER;
	assert_int_equal(unqueued(), 1);
	*fake_heap_at(&fake, timer + TIMER_IS_FAKE, 1) = 1;
	assert_int_equal(unqueued(), 0);
	*fake_heap_at(&fake, timer + TIMER_IS_FAKE, 1) = 0;
	*fake_heap_at(&fake, timer + TIMER_STATE, 1) = 1; // on its way into a heap
	assert_int_equal(unqueued(), 0);
	*fake_heap_at(&fake, timer + TIMER_STATE, 1) = 5; // still in one, but out of use there
	assert_int_equal(unqueued(), 1);
	fake_heap_put(&fake, timer + FAKE_HEAP_TIMER_WHEN, 0); // stopped
	assert_int_equal(unqueued(), 0);
	fake_heap_put(&fake, timer + FAKE_HEAP_TIMER_WHEN, 5);
	fake_heap_put(&fake, timer + TIMER_ARG + 8, t.object); // another's
	assert_int_equal(unqueued(), 0);
	fake_heap_put(&fake, timer + TIMER_ARG + 8, t.channel);
	fake_heap_put(&fake, timer + TIMER_F, 0xdead000);
	assert_int_equal(unqueued(), 0);
	fake_heap_put(&fake, timer + TIMER_F, callback);
	fake_heap_put(&fake, t.channel + 8, 2);
	assert_int_equal(unqueued(), 0);
	fake_heap_put(&fake, t.channel + 8, 1);
	fake_heap_put(&fake, t.channel + FAKE_HEAP_CHANNEL_TIMER, 0xdead000);
	assert_int_equal(unqueued(), 0);
}

static void an_overdue_timer_in_no_heap_says_since_when(void **state)
{
	(void)state;
	begin_again(25, "time.sendTime");
	struct ticker t = make(SECOND, true);
	seep_addr holder = take();
	keep(holder, &t, 0);
	assert_int_equal(lost() + suspected(), 0);
	fake_heap_put(&fake, t.object + TICKER_TIMER + FAKE_HEAP_TIMER_WHEN,
		      fake.rt->now - 2 * HOUR);
	assert_int_equal(suspected(), 1);
	assert_int_equal(report.findings.data[0].age_ns, 2 * HOUR);
	fake_heap_global(&fake, 0, 0);
	assert_int_equal(lost() + suspected(), 0);
}

// What ends by itself.

static void a_thousand_timeouts_that_nobody_can_receive_are_suspect(void **state)
{
	(void)state;
	for (int i = 0; i < 999; i++)
		queued(0);
	assert_int_equal(lost() + suspected(), 0);
	struct ticker t = queued(0);
	assert_int_equal(suspected(), 1000);
	assert_int_equal(lost(), 0);
	fake_heap_global(&fake, 0, t.channel);
	assert_int_equal(suspected(), 0);
}

static void a_thousand_calls_that_nobody_can_stop_are_suspect(void **state)
{
	(void)state;
	seep_addr object;
	seep_addr held = take();
	for (int i = 0; i < 1000; i++)
		point(queue_func(fake.rt->now + 60 * SECOND, &object), 8, held);
	assert_int_equal(suspected(), 1000);
	assert_non_null(report.findings.data[0].where.function);
	fake_heap_global(&fake, 0, object);
	assert_int_equal(suspected(), 0);
	fake_heap_global(&fake, 0, 0);
	seep_vec_foreach(t, &fake.rt->timers)
		t->when = fake.rt->now + 60 * SECOND - 1;
	assert_int_equal(suspected(), 0);
}

static void contexts_that_only_their_parents_know_are_suspect(void **state)
{
	(void)state;
	begin_again(22, "context.WithX.func1");
	seep_addr itab = fake_heap_take(&fake, 32), context = 0, children = 0, parent = take();
	fake_heap_put(&fake, itab, canceler_type);
	fake_heap_global(&fake, 0, parent);
	for (int i = 0; i < 100; i++) {
		seep_addr object, closure = queue_func(fake.rt->now + HOUR, &object);
		context = take();
		point(closure, 8, context);
		point(context, 16, object);
		if (i % 6 == 0) {
			seep_addr next = take();
			point(children ? children : parent, 88, next);
			children = next;
		}
		// Twelve words: five keys, and the way on.
		if (i % 6 < 5) {
			fake_heap_put(&fake, children + 16 * (i % 6), itab);
			point(children, 16 * (i % 6) + 8, context);
		}
	}
	assert_int_equal(suspected(), 100);
	assert_string_equal(report.findings.data[0].noun, "context");
	uint32_t g = fake_heap_goroutine(&fake, SEEP_WAIT_EXTERNAL, 0);
	fake_heap_stack_put(&fake, g, 3, context);
	assert_int_equal(suspected(), 0);
}

static void every_running_timer_is_listed_on_request(void **state)
{
	(void)state;
	struct ticker t = queued(HOUR);
	fake_heap_global(&fake, 0, t.object);
	queue_func(fake.rt->now + 1, NULL);
	queue_func(fake.rt->now + 1, NULL);
	if (!seep_vec_push(&fake.rt->timers, (struct seep_timer){ .addr = 8, .f = 1, .arg = 2 }))
		abort();
	detect();
	assert_int_equal(report.findings.len, 0);
	options.all = true;
	assert_int_equal(counted(SEEP_VERDICT_WAITING), 4);
	assert_int_equal(report.findings.len, 3);
}

static void a_view_without_a_graph_finds_nothing(void **state)
{
	(void)state;
	queued(HOUR);
	forget();
	seep_report_init(&report);
	assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_UNNAMED, &live));
	struct seep_view view = { .runtime = fake.rt,
				  .locks = &fake.locks,
				  .live = &live,
				  .graph = &graph,
				  .options = &options };
	assert_null(seep_detect_tickers(&view, &report));
	assert_int_equal(report.findings.len, 0);
}

#define ticker_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ticker_test(a_ticker_that_only_its_timer_leads_to_is_proven),
		ticker_test(whatever_leads_to_a_ticker_or_its_channel_keeps_it_from_being_proven),
		ticker_test(a_closure_that_will_stop_it_keeps_it_from_being_proven),
		ticker_test(a_weak_pointer_keeps_it_from_being_proven),
		ticker_test(what_is_not_certain_is_not_proven),
		ticker_test(what_leaked_goroutines_hold_is_theirs),
		ticker_test(lost_is_what_marking_without_the_timer_does_not_reach),
		ticker_test(many_that_nobody_waits_for_are_suspect),
		ticker_test(more_that_somebody_waits_for_speak_for_them),
		ticker_test(few_of_one_goroutine_are_at_hand),
		ticker_test(one_with_an_old_tick_is_suspect),
		ticker_test(the_tick_in_the_channel_says_since_when),
		ticker_test(timers_in_no_heap_are_found_by_their_channels),
		ticker_test(an_overdue_timer_in_no_heap_says_since_when),
		ticker_test(a_thousand_timeouts_that_nobody_can_receive_are_suspect),
		ticker_test(a_thousand_calls_that_nobody_can_stop_are_suspect),
		ticker_test(contexts_that_only_their_parents_know_are_suspect),
		ticker_test(every_running_timer_is_listed_on_request),
		ticker_test(a_view_without_a_graph_finds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
