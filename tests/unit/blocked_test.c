// From blocked goroutines to findings: causes, verdicts, groups, signatures, and what the options leave out.
#include "detect/detect.h"
#include "support/fake_go.h"
#include "support/fake_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SLOT = 96, CHANNELS = 60, GOROUTINES_MAX = 40, SITES = 4 };
static const seep_addr ELEM_TYPE = 0x1000; // unreadable: its name is "?"

static struct fake_go go;
static struct seep_image image = { .arch = &seep_amd64 };
static struct fake_heap fake;
static struct seep_live live;
static struct seep_report report;
static struct seep_inspect_options options;

// Where main.outer stands at offset 16 * site.
static const struct {
	const char *function;
	int line;
} sites[SITES] = { { "main.outer", 10 },
		   { "main.mid", 20 },
		   { "main.inner", 30 },
		   { "main.outer", 11 } };

static int begin(void **state)
{
	struct seep_pclntab tab;

	(void)state;
	fake_go_build(25, &go);
	assert_null(seep_image_parse(go.bytes, sizeof(go.bytes), &image));
	assert_null(seep_pclntab_open(&image, 25, &tab));
	fake_heap_init(&fake, 25);
	const struct seep_module own = fake.binary.pclntab.module;
	tab.module.data = own.data;
	tab.module.edata = own.edata;
	tab.module.gcdatamask = own.gcdatamask;
	tab.module.gcdatamask_bits = own.gcdatamask_bits;
	tab.module.bss = tab.module.ebss = 0;
	fake.binary.pclntab = tab;
	// Channels and locks without pointers.
	struct fake_span *s = fake_heap_span(&fake, (struct fake_span){ .base = FAKE_HEAP_ARENA,
									.pages = 1,
									.elem_size = SLOT,
									.spanclass = 17 });
	for (int i = 0; i < CHANNELS; i++)
		fake_heap_allocate(&fake, s, i);
	fake_heap_read(&fake);
	options = (struct seep_inspect_options){};
	return 0;
}

static void forget(void)
{
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

static void begin_again(void)
{
	end(NULL);
	begin(NULL);
}

static seep_addr slot(unsigned i)
{
	return FAKE_HEAP_ARENA + (seep_addr)SLOT * i;
}

static uint32_t sleeper(enum seep_wait_kind wait, unsigned site, unsigned creator,
			seep_addr address)
{
	uint32_t i = fake_heap_goroutine(&fake, wait, 0);
	struct seep_goroutine *g = &fake.rt->goroutines.data[i];

	g->pc = FAKE_GO_TEXT_ADDR + 16 * site;
	g->gopc = FAKE_GO_TEXT_ADDR + 16 * creator + 1;
	if (address) {
		fake_heap_wait(&fake, address, 0);
		fake_heap_stack_put(&fake, i, 20, address);
		if (wait == SEEP_WAIT_SEND || wait == SEEP_WAIT_RECEIVE || wait == SEEP_WAIT_SELECT)
			fake_heap_put(&fake, address + 16, ELEM_TYPE);
	}
	return i;
}

static void detect(void)
{
	forget();
	seep_report_init(&report);
	assert_null(seep_live_find(fake.rt, &fake.locks, SEEP_LIVE_NAMED, &live));
	struct seep_view view = {
		.runtime = fake.rt, .locks = &fake.locks, .live = &live, .options = &options
	};
	assert_null(seep_detect_blocked(&view, &report));
	seep_report_sort(&report);
}

static const struct seep_finding *only_finding(void)
{
	detect();
	assert_int_equal(report.findings.len, 1);
	return &report.findings.data[0];
}

static const char *verdict(size_t i)
{
	return seep_verdict_name(report.findings.data[i].verdict);
}

// Causes and verdicts.

static void each_wait_has_its_cause(void **state)
{
	static const struct {
		enum seep_wait_kind wait;
		const char *cause;
	} rows[] = {
		{ SEEP_WAIT_NIL_CHANNEL, "nil-channel" },
		{ SEEP_WAIT_NO_CASES, "select-blocked" },
		{ SEEP_WAIT_SEND, "send-blocked" },
		{ SEEP_WAIT_RECEIVE, "receive-blocked" },
		{ SEEP_WAIT_SELECT, "select-blocked" },
		{ SEEP_WAIT_MUTEX, "mutex-held" },
		{ SEEP_WAIT_ONCE, "once" },
		{ SEEP_WAIT_RWMUTEX_READ, "rwmutex" },
		{ SEEP_WAIT_RWMUTEX_WRITE, "rwmutex" },
		{ SEEP_WAIT_WAITGROUP, "waitgroup" },
		{ SEEP_WAIT_COND, "cond" },
		{ SEEP_WAIT_SEMAPHORE, "semaphore" },
		{ SEEP_WAIT_COROUTINE, "iterator" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool nothing = rows[i].wait <= SEEP_WAIT_NO_CASES;
		sleeper(rows[i].wait, 1, 2, nothing ? 0 : slot(3));
		const struct seep_finding *f = only_finding();
		assert_string_equal(f->cause, rows[i].cause);
		assert_true(seep_detect_cause_known(f->cause, strlen(f->cause)));
		assert_string_equal(verdict(0), "proven");
		assert_string_equal(f->where.function, "main.mid");
		assert_int_equal(f->where.line, 20);
		assert_string_equal(f->created.function, "main.inner");
		assert_int_equal(f->created.line, 30);
		assert_true(f->why.len > 0 && f->fix && f->summary);
		begin_again();
	}
}

static void names_of_causes_are_known_whole(void **state)
{
	(void)state;
	assert_true(seep_detect_cause_known("once,", 4));
	assert_false(seep_detect_cause_known("once", 3));
	assert_false(seep_detect_cause_known("", 0));
	assert_false(seep_detect_cause_known("oncee", 5));
}

static void a_stopped_timer_s_channel_is_a_cause_of_its_own(void **state)
{
	(void)state;
	seep_addr timer = fake_heap_take(&fake, 64);
	fake_heap_put(&fake, slot(5) + FAKE_HEAP_CHANNEL_TIMER, timer);
	sleeper(SEEP_WAIT_RECEIVE, 0, 0, slot(5));
	assert_string_equal(only_finding()->cause, "stopped-ticker");
	fake_heap_put(&fake, timer + FAKE_HEAP_TIMER_WHEN, 12345);
	assert_string_equal(only_finding()->cause, "receive-blocked");
}

static void who_can_run_or_belongs_to_the_runtime_is_no_finding(void **state)
{
	(void)state;
	options.all = true;
	sleeper(SEEP_WAIT_EXTERNAL, 0, 0, slot(1));
	sleeper(SEEP_WAIT_NONE, 0, 0, 0);
	uint32_t system = sleeper(SEEP_WAIT_SEND, 0, 0, slot(2));
	fake.rt->goroutines.data[system].system = true;
	detect();
	assert_int_equal(report.findings.len, 0);
	assert_int_equal(report.goroutines.leaked + report.goroutines.waiting, 0);
}

static void the_phase_is_the_verdict(void **state)
{
	(void)state;
	uint32_t holder = sleeper(SEEP_WAIT_SEND, 0, 0, slot(0));
	sleeper(SEEP_WAIT_MUTEX, 1, 0, slot(1));
	sleeper(SEEP_WAIT_MUTEX, 2, 0, slot(2));
	sleeper(SEEP_WAIT_MUTEX, 3, 0, slot(3));
	sleeper(SEEP_WAIT_RECEIVE, 3, 0, slot(4));
	for (unsigned i = 1; i < 5; i++)
		if (i != 3)
			fake_heap_global(&fake, i, slot(i));
	fake_heap_holder(&fake, fake_heap_lock(&fake, slot(1), SEEP_LOCK_HELD), holder, false);
	fake_heap_lock(&fake, slot(2), SEEP_LOCK_ABANDONED);
	fake_heap_lock(&fake, slot(3), SEEP_LOCK_ABANDONED);
	options.all = true;
	detect();
	assert_int_equal(report.findings.len, 5);
	assert_int_equal(report.goroutines.leaked, 4);
	assert_int_equal(report.goroutines.waiting, 1);
	for (size_t i = 0; i < 5; i++) {
		const struct seep_finding *f = &report.findings.data[i];
		seep_addr a = f->goroutines.data[0].wait_address;
		const char *want = a == slot(1) ? "deadlocked" :
				   a == slot(2) ? "abandoned" :
				   a == slot(4) ? "waiting" :
						  "proven";
		assert_string_equal(verdict(i), want);
	}
}

static void main_may_wait_for_ever_but_not_for_a_lock(void **state)
{
	static const enum seep_wait_kind kinds[] = {
		SEEP_WAIT_RECEIVE,	SEEP_WAIT_NO_CASES,	SEEP_WAIT_WAITGROUP,
		SEEP_WAIT_COND,		SEEP_WAIT_MUTEX,	SEEP_WAIT_ONCE,
		SEEP_WAIT_RWMUTEX_READ, SEEP_WAIT_RWMUTEX_WRITE
	};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		uint32_t m = sleeper(kinds[i], 0, 0, kinds[i] == SEEP_WAIT_NO_CASES ? 0 : slot(1));
		fake.rt->goroutines.data[m].id = 1;
		detect();
		assert_int_equal(report.findings.len, i >= 4);
		assert_int_equal(report.goroutines.intended, i < 4);
		assert_int_equal(report.goroutines.leaked, i >= 4);
		options.all = true;
		detect();
		assert_int_equal(report.findings.len, 1);
		assert_string_equal(verdict(0), i < 4 ? "intended" : "proven");
		// Reached from a package variable it only waits, main or not.
		fake_heap_global(&fake, 0, slot(1));
		detect();
		if (kinds[i] != SEEP_WAIT_NO_CASES)
			assert_string_equal(verdict(0), "waiting");
		begin_again();
	}
}

static void a_wait_names_what_leads_to_it(void **state)
{
	struct seep_module *m = &fake.binary.pclntab.module;

	(void)state;
	options.all = true;
	m->noptrbss = 0x900000;
	m->enoptrbss = 0x900100;
	fake_heap_global(&fake, 3, slot(1));
	sleeper(SEEP_WAIT_COND, 0, 0, slot(1));
	sleeper(SEEP_WAIT_MUTEX, 1, 0, 0x900020);
	sleeper(SEEP_WAIT_SEMAPHORE, 2, 0, 0x777770);
	uint32_t runs = sleeper(SEEP_WAIT_EXTERNAL, 3, 0, 0);
	fake_heap_stack_put(&fake, runs, 9, slot(2));
	sleeper(SEEP_WAIT_WAITGROUP, 3, 0, slot(2));
	detect();
	assert_int_equal(report.findings.len, 4);
	seep_vec_foreach(f, &report.findings) {
		const char *want =
			f->where.line == 10 ? "package variable at data+0x18" :
			f->where.line == 20 ? "package variable at noptrbss+0x20" :
			f->where.line == 30 ? "memory outside of any object at 0x777770" :
					      "goroutine 5 (waiting, in main.outer)";
		assert_non_null(strstr(f->why.data[f->why.len - 1], want));
	}
}

// Groups.

static void goroutines_of_one_cause_site_and_creator_are_one_finding(void **state)
{
	static const enum seep_wait_kind kinds[] = { SEEP_WAIT_SEND, SEEP_WAIT_RECEIVE };
	unsigned n = 0, seen[2][SITES][SITES] = {};

	(void)state;
	// (creator + 1) goroutines each, on channels of their own.
	for (unsigned k = 0; k < 2; k++)
		for (unsigned site = 0; site < SITES; site++)
			for (unsigned creator = 0; creator < SITES; creator++)
				for (unsigned i = 0; i <= creator; i++)
					sleeper(kinds[k], site, creator, slot(n++ % CHANNELS));
	detect();
	assert_int_equal(report.findings.len, 2 * SITES * SITES);
	seep_vec_foreach(f, &report.findings) {
		unsigned site = 0, creator = 0, kind = strcmp(f->cause, "send-blocked") != 0;
		while (sites[site].line != f->where.line)
			site++;
		while (sites[creator].line != f->created.line)
			creator++;
		assert_string_equal(f->where.function, sites[site].function);
		assert_string_equal(f->created.function, sites[creator].function);
		assert_int_equal(f->count, creator + 1);
		assert_int_equal(f->goroutines.len, f->count);
		assert_int_equal(seen[kind][site][creator]++, 0);
	}
}

static void verdicts_are_not_mixed_in_one_finding(void **state)
{
	(void)state;
	options.all = true;
	sleeper(SEEP_WAIT_SEND, 0, 0, slot(1));
	sleeper(SEEP_WAIT_SEND, 0, 0, slot(2));
	fake_heap_global(&fake, 0, slot(2));
	detect();
	assert_int_equal(report.findings.len, 2);
	assert_string_equal(verdict(0), "proven");
	assert_string_equal(verdict(1), "waiting");
	assert_int_equal(report.findings.data[0].signature, report.findings.data[1].signature);
}

static void ages_and_lists_of_a_finding(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 25; i++) {
		uint32_t g = sleeper(SEEP_WAIT_SEND, 0, 0, slot(i));
		fake.rt->goroutines.data[g].wait_since = i == 0 ? 0 : fake.rt->now + 3 - i;
	}
	const struct seep_finding *f = only_finding();
	assert_int_equal(f->count, 25);
	assert_int_equal(f->goroutines.len, SEEP_FINDING_GOROUTINES_MAX);
	assert_int_equal(f->age_ns, 21); // a time in the future says nothing
	// 25 stacks, and the channels that they alone hold.
	assert_int_equal(f->retained_bytes, 25 * (FAKE_HEAP_STACK_WORDS * 8 + SLOT));
}

// Lock cycles.

// Goroutine i waits for lock (i + 1) mod n, which the next one holds, at slots from `first` on.
static void ring(unsigned n, unsigned first, const unsigned *order)
{
	uint32_t index[GOROUTINES_MAX];

	for (unsigned i = 0; i < n; i++)
		index[order[i]] = sleeper(SEEP_WAIT_MUTEX, order[i] % SITES, order[i] / SITES,
					  slot(first + (order[i] + 1) % n));
	for (unsigned i = 0; i < n; i++)
		fake_heap_holder(&fake, fake_heap_lock(&fake, slot(first + i), SEEP_LOCK_HELD),
				 index[i], false);
}

static const unsigned straight[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

static void a_cycle_is_one_finding_with_those_behind_it(void **state)
{
	(void)state;
	ring(3, 0, straight);
	sleeper(SEEP_WAIT_MUTEX, 3, 3, slot(20));
	fake_heap_holder(&fake, fake_heap_lock(&fake, slot(20), SEEP_LOCK_HELD), 0, false);
	ring(2, 10, straight);
	detect();
	assert_int_equal(report.findings.len, 2);
	assert_int_equal(report.findings.data[0].count, 4);
	assert_int_equal(report.findings.data[1].count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(report.findings.data[i].cause, "lock-cycle");
	assert_int_not_equal(report.findings.data[0].signature, report.findings.data[1].signature);
}

static void waiting_for_one_that_waits_for_a_channel_is_no_cycle(void **state)
{
	(void)state;
	uint32_t stuck = sleeper(SEEP_WAIT_SEND, 0, 0, slot(0));
	uint32_t middle = sleeper(SEEP_WAIT_MUTEX, 1, 0, slot(1));
	sleeper(SEEP_WAIT_MUTEX, 2, 0, slot(2));
	fake_heap_holder(&fake, fake_heap_lock(&fake, slot(1), SEEP_LOCK_HELD), stuck, false);
	fake_heap_holder(&fake, fake_heap_lock(&fake, slot(2), SEEP_LOCK_HELD), middle, false);
	detect();
	assert_int_equal(report.findings.len, 3);
	seep_vec_foreach(f, &report.findings)
		assert_string_not_equal(f->cause, "lock-cycle");
}

static void a_writer_queued_behind_a_stuck_reader_is_no_cycle(void **state)
{
	(void)state;
	uint32_t reader = sleeper(SEEP_WAIT_SEND, 0, 0, slot(0));
	uint32_t writer = sleeper(SEEP_WAIT_RWMUTEX_WRITE, 1, 0, slot(1));
	sleeper(SEEP_WAIT_RWMUTEX_READ, 2, 0, slot(1));
	size_t lock = fake_heap_lock(&fake, slot(1), SEEP_LOCK_HELD);
	fake_heap_holder(&fake, lock, reader, false);
	fake_heap_holder(&fake, lock, writer, true);
	detect();
	assert_int_equal(report.findings.len, 3);
	seep_vec_foreach(f, &report.findings)
		assert_string_not_equal(f->cause, "lock-cycle");
}

static void a_reader_behind_a_writer_behind_itself_is_a_cycle(void **state)
{
	(void)state;
	uint32_t reader = sleeper(SEEP_WAIT_RWMUTEX_READ, 0, 0, slot(1));
	uint32_t writer = sleeper(SEEP_WAIT_RWMUTEX_WRITE, 1, 0, slot(1));
	size_t lock = fake_heap_lock(&fake, slot(1), SEEP_LOCK_HELD);
	fake_heap_holder(&fake, lock, reader, false);
	fake_heap_holder(&fake, lock, writer, true);
	assert_string_equal(only_finding()->cause, "lock-cycle");
	assert_int_equal(report.findings.data[0].count, 2);
}

static void how_many_wait_behind_a_cycle_does_not_change_its_signature(void **state)
{
	uint64_t signature = 0;

	(void)state;
	for (unsigned behind = 1; behind < 6; behind++) {
		ring(3, 0, straight);
		for (unsigned i = 0; i < behind; i++)
			sleeper(SEEP_WAIT_MUTEX, 3, 3, slot(20));
		fake_heap_holder(&fake, fake_heap_lock(&fake, slot(20), SEEP_LOCK_HELD), 0, false);
		const struct seep_finding *f = only_finding();
		assert_int_equal(f->count, 3 + behind);
		if (behind > 1)
			assert_int_equal(f->signature, signature);
		signature = f->signature;
		begin_again();
	}
}

// Signatures and order, whatever the order of the goroutines.

struct spec {
	enum seep_wait_kind wait;
	unsigned site, creator, slot;
};

static void shuffle(struct fake_random *rng, unsigned *order, unsigned n)
{
	for (unsigned i = n; i-- > 1;) {
		unsigned k = fake_below(rng, i + 1), t = order[i];
		order[i] = order[k];
		order[k] = t;
	}
}

struct brief {
	const char *cause;
	uint64_t signature, count, bytes;
	enum seep_verdict verdict;
};

static size_t briefs(struct brief *ret)
{
	for (size_t i = 0; i < report.findings.len; i++) {
		const struct seep_finding *f = &report.findings.data[i];
		ret[i] = (struct brief){ f->cause, f->signature, f->count, f->retained_bytes,
					 f->verdict };
	}
	return report.findings.len;
}

static void findings_do_not_depend_on_the_order_of_goroutines(void **state)
{
	static const enum seep_wait_kind kinds[] = { SEEP_WAIT_SEND, SEEP_WAIT_RECEIVE,
						     SEEP_WAIT_COND, SEEP_WAIT_WAITGROUP };

	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++) {
		struct fake_random rng = { seed };
		struct spec specs[GOROUTINES_MAX];
		unsigned order[GOROUTINES_MAX], cycle[12], n = 1 + fake_below(&rng, 24),
							   members = 2 + fake_below(&rng, 9);
		uint64_t globals = fake_random(&rng);
		struct brief first[GOROUTINES_MAX + 1], again[GOROUTINES_MAX + 1];
		size_t count = 0;

		for (unsigned i = 0; i < n; i++) {
			order[i] = i;
			specs[i] = (struct spec){ kinds[fake_below(&rng, 4)],
						  fake_below(&rng, SITES), fake_below(&rng, SITES),
						  20 + fake_below(&rng, 30) };
		}
		for (unsigned i = 0; i < 12; i++)
			cycle[i] = i;
		for (int round = 0; round < 3; round++) {
			begin_again();
			options.all = true;
			if (round == 1)
				ring(members, 0, cycle);
			for (unsigned i = 0; i < n; i++) {
				const struct spec *s = &specs[order[i]];
				sleeper(s->wait, s->site, s->creator, slot(s->slot));
			}
			if (round != 1)
				ring(members, 0, cycle);
			for (unsigned i = 20; i < 50; i++)
				if (globals >> i & 1 && globals >> (i - 20) & 1)
					fake_heap_global(&fake, i, slot(i));
			detect();
			size_t c = briefs(round ? again : first);
			if (round == 0)
				count = c;
			assert_int_equal(c, count);
			for (size_t i = 0; round && i < c; i++)
				if (strcmp(first[i].cause, again[i].cause) != 0 ||
				    first[i].signature != again[i].signature ||
				    first[i].count != again[i].count ||
				    first[i].bytes != again[i].bytes ||
				    first[i].verdict != again[i].verdict)
					fail_msg(
						"seed %lu: finding %zu (%s) is another in another order",
						(long)seed, i, first[i].cause);
			shuffle(&rng, order, n);
			shuffle(&rng, cycle, members);
		}
	}
}

// Options.

// One finding each: leaks of send, receive, cond; a wait; main.
static void make_mixture(void)
{
	sleeper(SEEP_WAIT_SEND, 0, 0, slot(1));
	sleeper(SEEP_WAIT_RECEIVE, 1, 0, slot(2));
	sleeper(SEEP_WAIT_RECEIVE, 1, 0, slot(2));
	sleeper(SEEP_WAIT_COND, 2, 0, slot(3));
	sleeper(SEEP_WAIT_SEND, 3, 0, slot(4));
	fake_heap_global(&fake, 0, slot(4));
	uint32_t m = sleeper(SEEP_WAIT_WAITGROUP, 0, 3, slot(5));
	fake.rt->goroutines.data[m].id = 1;
	// The leaked sender's stack also leads to what the receivers wait for.
	fake_heap_stack_put(&fake, 0, 30, slot(2));
}

static void check_options(const char *only, bool all, const char *want)
{
	char got[256] = "";

	options.only = only;
	options.all = all;
	detect();
	seep_vec_foreach(f, &report.findings) {
		strcat(got, f->cause);
		strcat(got, " ");
		// Nothing that the options leave out gives up what it holds.
		if (strcmp(f->cause, "receive-blocked") == 0)
			assert_int_equal(f->retained_bytes, 2 * FAKE_HEAP_STACK_WORDS * 8);
		if (strcmp(f->cause, "cond") == 0)
			assert_int_equal(f->retained_bytes, FAKE_HEAP_STACK_WORDS * 8 + SLOT);
	}
	assert_string_equal(got, want);
	// What is counted does not depend on what is shown.
	assert_int_equal(report.goroutines.leaked, 4);
	assert_int_equal(report.goroutines.waiting, 1);
	assert_int_equal(report.goroutines.intended, 1);
}

static void options_choose_what_becomes_a_finding(void **state)
{
	(void)state;
	make_mixture();
	detect();
	assert_int_equal(report.findings.len, 3);
	check_options("cond", false, "cond ");
	check_options("con", false, "");
	check_options("cond,once", false, "cond ");
	check_options("once,cond", false, "cond ");
	check_options("receive-blocked,cond", false, "receive-blocked cond ");
	check_options("waitgroup", false, "");
	check_options("waitgroup", true, "waitgroup ");
	check_options("send-blocked", false, "send-blocked ");
	check_options("send-blocked", true, "send-blocked send-blocked ");
	options.only = NULL;
	options.all = true;
	detect();
	assert_int_equal(report.findings.len, 5);
}

#define blocked_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		blocked_test(each_wait_has_its_cause),
		cmocka_unit_test(names_of_causes_are_known_whole),
		blocked_test(a_stopped_timer_s_channel_is_a_cause_of_its_own),
		blocked_test(who_can_run_or_belongs_to_the_runtime_is_no_finding),
		blocked_test(the_phase_is_the_verdict),
		blocked_test(main_may_wait_for_ever_but_not_for_a_lock),
		blocked_test(a_wait_names_what_leads_to_it),
		blocked_test(goroutines_of_one_cause_site_and_creator_are_one_finding),
		blocked_test(verdicts_are_not_mixed_in_one_finding),
		blocked_test(ages_and_lists_of_a_finding),
		blocked_test(a_cycle_is_one_finding_with_those_behind_it),
		blocked_test(waiting_for_one_that_waits_for_a_channel_is_no_cycle),
		blocked_test(a_writer_queued_behind_a_stuck_reader_is_no_cycle),
		blocked_test(a_reader_behind_a_writer_behind_itself_is_a_cycle),
		blocked_test(how_many_wait_behind_a_cycle_does_not_change_its_signature),
		blocked_test(findings_do_not_depend_on_the_order_of_goroutines),
		blocked_test(options_choose_what_becomes_a_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
