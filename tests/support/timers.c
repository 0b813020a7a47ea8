// Usage: timers PID [COUNT [MAXIMUM-MILLISECONDS]]
//
// Looks at a running Go program COUNT times (default 1), after a random while each time, and prints for each look
// `look N` and then lines of a name and a number:
//
//	tickers, once		timers that send to channels, with and without a period
//	funcs, sleeping		timers of time.AfterFunc and time.Sleep
//	deadlines		timers of connections' deadlines
//	lost			tickers that the detector calls lost
//	apart			the largest difference, over all Ps, between the timers found pending in the P's heap and what the runtime counts
//				there; Ps whose heap was locked are left out
#include "binary/binary.h"
#include "detect/detect.h"
#include "runtime/timer.h"
#include "support/snapshot.h"

#include "base/str.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static void check(struct seep_error *err, const char *doing)
{
	if (err)
		errx(EXIT_FAILURE, "%s: %s", doing, err->message);
}

static void count_kinds(const struct seep_runtime *rt, const struct seep_live *live)
{
	struct seep_timer_list unqueued;
	uint64_t tickers = 0, once = 0, funcs = 0, sleeping = 0, deadlines = 0;

	check(seep_timers_unqueued((struct seep_runtime *)rt, live->reachable, &unqueued),
	      "looking for timers");
	for (size_t i = 0; i < rt->timers.len + unqueued.items.len; i++) {
		const struct seep_timer *t = i < rt->timers.len ?
						     &rt->timers.data[i] :
						     &unqueued.items.data[i - rt->timers.len];
		struct seep_func func;
		tickers += t->kind == SEEP_TIMER_CHANNEL && t->period;
		once += t->kind == SEEP_TIMER_CHANNEL && !t->period;
		funcs += t->kind == SEEP_TIMER_FUNC;
		sleeping += t->kind == SEEP_TIMER_SLEEP;
		deadlines += t->kind == SEEP_TIMER_OTHER &&
			     seep_pclntab_find(&rt->binary->pclntab, t->f, &func) &&
			     seep_has_prefix(func.name, "runtime.netpoll");
	}
	seep_timers_deinit(&unqueued);
	printf("tickers %" PRIu64 "\nonce %" PRIu64 "\nfuncs %" PRIu64 "\nsleeping %" PRIu64
	       "\ndeadlines %" PRIu64 "\n",
	       tickers, once, funcs, sleeping, deadlines);
}

/** What the runtime counts as pending in a P's heap; false if it is at work there. */
static bool runtime_counts(const struct seep_runtime *rt, seep_addr p, uint64_t *ret)
{
	const struct seep_layout *l = &rt->binary->layout;
	bool own_struct = l->timers_heap >= 0;
	seep_addr lock = own_struct ? p + l->p_timers + l->timers_mu : p + l->p_timers_lock;
	uint32_t all = 0, ended = 0;

	if (seep_memory_word(&rt->memory, lock))
		return false;
	seep_memory_u32(&rt->memory,
			p + (own_struct ? l->p_timers + l->timers_len : l->p_num_timers), &all);
	seep_memory_u32(&rt->memory,
			p + (own_struct ? l->p_timers + l->timers_zombies : l->p_deleted_timers),
			&ended);
	*ret = all - ended;
	return true;
}

static void compare_heaps(const struct seep_runtime *rt)
{
	seep_addr array = seep_memory_word(&rt->memory, rt->binary->globals.allp);
	uint64_t count = seep_memory_word(&rt->memory, rt->binary->globals.allp + 8), theirs,
		 apart = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t ours = 0;
		seep_addr p = seep_memory_word(&rt->memory, array + 8 * i);
		if (!p || !runtime_counts(rt, p, &theirs))
			continue;
		seep_vec_foreach(t, &rt->timers)
			ours += t->p == i;
		uint64_t difference = ours > theirs ? ours - theirs : theirs - ours;
		if (difference > apart)
			apart = difference;
	}
	printf("apart %" PRIu64 "\n", apart);
}

static void count_lost(struct seep_runtime *rt, const struct seep_live *live)
{
	static const struct seep_inspect_options options;
	static const struct seep_variables variables;
	struct seep_graph graph;
	struct seep_report report;
	uint64_t lost = 0;

	check(seep_graph_build(rt, live, &variables, &graph), "building the graph");
	check(seep_graph_dominators(&graph), "looking for dominators");
	struct seep_view view = {
		.runtime = rt, .live = live, .graph = &graph, .options = &options
	};
	seep_report_init(&report);
	check(seep_detect_tickers(&view, &report), "looking for tickers");
	seep_vec_foreach(finding, &report.findings)
		if (finding->verdict == SEEP_VERDICT_PROVEN)
			lost += finding->count;
	printf("lost %" PRIu64 "\n", lost);
	seep_report_deinit(&report);
	seep_graph_deinit(&graph);
}

static void look(struct seep_target *target, const struct seep_binary *binary, unsigned number)
{
	struct seep_runtime *rt;
	struct seep_locks locks;
	struct seep_live live;

	check(take_snapshot(target, binary), "copying");
	check(seep_runtime_read(target, binary, &rt), "reading the heap");
	check(seep_locks_read(rt, &locks), "reading locks");
	check(seep_live_find(rt, &locks, SEEP_LIVE_UNNAMED, &live), "following pointers");
	printf("look %u\n", number);
	count_kinds(rt, &live);
	count_lost(rt, &live);
	compare_heaps(rt);
	seep_live_deinit(&live);
	seep_locks_deinit(&locks);
	seep_runtime_destroy(rt);
}

int main(int argc, char **argv)
{
	struct seep_target *target = NULL;
	struct seep_binary *binary = NULL;

	if (argc < 2 || argc > 4)
		return 2;
	unsigned count = argc > 2 ? atoi(argv[2]) : 1, most = argc > 3 ? atoi(argv[3]) : 0;
	check(seep_target_open(atoi(argv[1]), &target), "opening");
	check(seep_binary_open(target, &binary), "reading the executable");
	srand(1);
	for (unsigned i = 1; i <= count; i++) {
		uint64_t ns = most ? (uint64_t)rand() % ((uint64_t)most * 1000000) : 0;
		nanosleep(&(struct timespec){ ns / 1000000000, ns % 1000000000 }, NULL);
		look(target, binary, i);
	}
	seep_binary_close(binary);
	seep_target_close(target);
	return EXIT_SUCCESS;
}
