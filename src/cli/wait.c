// The time between two looks is a second, or half of what a quantity needs to reach its value if it goes on growing as it did since the
// look before: what climbs steadily is caught close to the value, and what does not costs next to nothing. Nor do looks ever take more than a
// fiftieth of a processor. What goes from far below to the end within a second is not caught.
//
// Limits are read with each look: a container may be given more memory, or less, while it runs.
#include "cli/wait.h"

#include "report/style.h"
#include "target/gauge.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static const uint64_t SECOND_NS = 1000000000, SHORTEST_NS = 20000000;
enum { SHARE = 50 };

/** How a condition stood at the last look. */
struct standing {
	uint64_t amount, threshold;
};
struct standings seep_vec(struct standing);

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/** The signals that end a program and are not ignored: somebody may have started seep with nohup. */
static sigset_t ending_signals(void)
{
	static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action;
	sigset_t ret;

	sigemptyset(&ret);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		if (sigaction(endings[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&ret, endings[i]);
	return ret;
}

/** 0 when the time is over, or the signal that came, of those, which are blocked. */
static int sleep_for(uint64_t ns, const sigset_t *signals)
{
	const struct timespec time = { (time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS) };
	int signal = sigtimedwait(signals, NULL, &time);

	return signal > 0 ? signal : 0;
}

static struct seep_error *limit_of(struct seep_target *target, enum seep_quantity quantity,
				   uint64_t *ret)
{
	return seep_gauge_limit(
		target, quantity == SEEP_QUANTITY_FDS ? SEEP_GAUGE_FDS : SEEP_GAUGE_RSS, ret);
}

static struct seep_error *measure(struct seep_target *target, const struct seep_counters *counters,
				  enum seep_quantity quantity, uint64_t threshold, uint64_t *ret)
{
	switch (quantity) {
	case SEEP_QUANTITY_RSS:
		return seep_gauge_read(target, SEEP_GAUGE_RSS, ret);
	case SEEP_QUANTITY_HEAP:
		return seep_counters_heap(target, counters, ret);
	case SEEP_QUANTITY_GOROUTINES:
		return seep_counters_goroutines(target, counters, threshold, ret);
	case SEEP_QUANTITY_THREADS:
		return seep_gauge_read(target, SEEP_GAUGE_THREADS, ret);
	case SEEP_QUANTITY_FDS:
		return seep_gauge_read(target, SEEP_GAUGE_FDS, ret);
	}
	return NULL;
}

static struct seep_error *look_at(struct seep_target *target, const struct seep_counters *counters,
				  const struct seep_condition *condition, struct standing *ret)
{
	struct seep_error *err = NULL;
	uint64_t limit = 0;

	if (condition->percent > 0)
		err = limit_of(target, condition->quantity, &limit);
	ret->threshold = seep_condition_threshold(condition, limit);
	if (!err)
		err = measure(target, counters, condition->quantity, ret->threshold, &ret->amount);
	return err ? seep_error_prefix(err, "%s", seep_quantity_name(condition->quantity)) : NULL;
}

/** Looks at all conditions; *met_ret: the first that holds, or their number. */
static struct seep_error *look(struct seep_target *target, const struct seep_counters *counters,
			       const struct seep_conditions *conditions,
			       struct standings *standings, size_t *met_ret)
{
	struct seep_error *err = NULL;
	size_t i = 0;

	for (; !err && i < conditions->len; i++) {
		struct standing *s = &standings->data[i];
		err = look_at(target, counters, &conditions->data[i], s);
		if (!err && s->amount > s->threshold)
			break;
	}
	*met_ret = i;
	// Last of all: then what was read before was not about what came after its end.
	struct seep_error *ended = seep_counters_alive(target, counters);
	if (ended)
		seep_error_destroy(err);
	return ended ? ended : err;
}

/** How long until the next look; between_ns: the last two, 0 = there was but one; cost_ns: processor time of a look. */
static uint64_t pause_after(const struct standings *before, const struct standings *now,
			    uint64_t between_ns, uint64_t cost_ns)
{
	uint64_t ret = between_ns ? SECOND_NS : SHORTEST_NS;

	for (size_t i = 0; i < now->len; i++) {
		const struct standing *s = &now->data[i];
		if (s->amount <= before->data[i].amount)
			continue;
		double growth = s->amount - before->data[i].amount, left = s->threshold - s->amount,
		       half_ns = left / growth / 2 * (double)between_ns;
		if (half_ns < (double)ret)
			ret = (uint64_t)half_ns;
	}
	ret = ret > SHORTEST_NS ? ret : SHORTEST_NS;
	return ret > cost_ns * SHARE ? ret : cost_ns * SHARE;
}

/** "rss 1.2 GiB of 1.6 GiB, goroutines at most 812 of 10,000". */
static void describe(struct seep_str *str, const struct seep_conditions *conditions,
		     const struct standings *standings)
{
	for (size_t i = 0; i < conditions->len; i++) {
		enum seep_quantity quantity = conditions->data[i].quantity;
		seep_str_addf(str, "%s%s %s", i ? ", " : "", seep_quantity_name(quantity),
			      quantity == SEEP_QUANTITY_GOROUTINES ? "at most " : "");
		seep_quantity_add(str, quantity, standings->data[i].amount);
		seep_str_add(str, " of ");
		seep_quantity_add(str, quantity, standings->data[i].threshold);
	}
}

static void describe_met(struct seep_str *str, const struct seep_condition *condition,
			 const struct standing *s, uint64_t waited_ns)
{
	seep_str_addf(str, "%s ", seep_quantity_name(condition->quantity));
	seep_quantity_add(str, condition->quantity, s->amount);
	seep_str_add(str, " is above ");
	seep_quantity_add(str, condition->quantity, s->threshold);
	if (condition->percent > 0)
		seep_str_addf(str, " (%g %%)", condition->percent);
	seep_str_add(str, ", after ");
	seep_style_duration(str, waited_ns);
}

/** What ended the wait, if it was the process. */
static struct seep_error *explain(struct seep_error *err, uint64_t waited_ns,
				  const struct seep_conditions *conditions,
				  const struct standings *standings)
{
	_cleanup_(seep_str_deinit) struct seep_str text = {};

	if (err->code != SEEP_ERROR_GONE || !waited_ns)
		return err;
	seep_style_duration(&text, waited_ns);
	seep_str_add(&text, " and nothing was captured; it stood at ");
	describe(&text, conditions, standings);
	struct seep_error *ret = seep_error_format(SEEP_ERROR_GONE, "%s after %s", err->message,
						   seep_str_text(&text));
	seep_error_destroy(err);
	return ret;
}

static void show(const struct seep_conditions *conditions, const struct standings *standings,
		 uint64_t waited_ns)
{
	_cleanup_(seep_str_deinit) struct seep_str line = {};

	describe(&line, conditions, standings);
	seep_str_add(&line, "; watching for ");
	seep_style_duration(&line, waited_ns);
	fprintf(stderr, "\r\033[K%s", seep_str_text(&line));
	fflush(stderr);
}

static struct seep_error *watch(struct seep_target *target, const struct seep_counters *counters,
				const sigset_t *signals, struct standings *before,
				struct standings *now, struct seep_waiting *w)
{
	const struct seep_conditions *conditions = w->conditions;
	uint64_t start = clock_ns(CLOCK_MONOTONIC), last = start, deadline = start + w->within_ns;

	for (bool first = true;; first = false) {
		size_t met;
		uint64_t cost = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		struct seep_error *err = look(target, counters, conditions, now, &met);
		cost = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cost;
		uint64_t at = clock_ns(CLOCK_MONOTONIC);
		if (err)
			return explain(err, first ? 0 : at - start, conditions, before);
		if (met < conditions->len) {
			w->end = SEEP_WAITED_MET;
			describe_met(&w->text, &conditions->data[met], &now->data[met], at - start);
			return NULL;
		}
		if (w->progress)
			show(conditions, now, at - start);
		uint64_t pause = pause_after(before, now, first ? 0 : at - last, cost);
		if (w->within_ns && at + pause > deadline)
			pause = at < deadline ? deadline - at : 0;
		w->signal = sleep_for(pause, signals);
		memcpy(before->data, now->data, now->len * sizeof(*now->data));
		last = at;
		if (!w->signal && (!w->within_ns || at < deadline))
			continue;
		w->end = w->signal ? SEEP_WAITED_SIGNAL : SEEP_WAITED_TIME_UP;
		describe(&w->text, conditions, now);
		return NULL;
	}
}

struct seep_error *seep_wait(struct seep_target *target, const struct seep_counters *counters,
			     struct seep_waiting *waiting)
{
	struct standings before _cleanup_(seep_freep) = {}, now _cleanup_(seep_freep) = {};
	const sigset_t signals = ending_signals();
	size_t count = waiting->conditions->len;
	sigset_t mask;

	for (size_t i = 0; i < count; i++)
		if (!seep_vec_push(&before, (struct standing){}) ||
		    !seep_vec_push(&now, (struct standing){}))
			return &seep_enomem;
	sigprocmask(SIG_BLOCK, &signals, &mask);
	struct seep_error *err = watch(target, counters, &signals, &before, &now, waiting);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (waiting->progress)
		fputs("\r\033[K", stderr);
	return err;
}
