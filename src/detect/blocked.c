// Goroutines that can never run on.
//
// The graph says in which phase each goroutine became live; that is its verdict (graph/live.h). What remains here is the
// cause, from what it waits for, and the grouping: goroutines with the same cause, verdict, site and creator are one
// finding. A lock cycle is one finding with all its members and those queued behind them.
#include "detect/explain_wait.h"

#include "base/str.h"
#include "runtime/timer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cause {
	CAUSE_NIL_CHANNEL,
	CAUSE_SEND,
	CAUSE_RECEIVE,
	CAUSE_SELECT,
	CAUSE_MUTEX,
	CAUSE_CYCLE,
	CAUSE_RWMUTEX,
	CAUSE_WAITGROUP,
	CAUSE_COND,
	CAUSE_ONCE,
	CAUSE_SEMAPHORE,
	CAUSE_TICKER,
	CAUSE_ITERATOR,
};

/** What they are blocked in; why that is for ever, as long as the verdict claims it; and the first thing to try. */
static const struct {
	const char *name, *blocked, *for_ever, *fix;
} causes[] = {
	[CAUSE_NIL_CHANNEL] = { "nil-channel", "Blocked on a nil channel",
				"which never becomes ready",
				"make the channel before it is used; if nil is meant to switch a case off, keep another case that can fire" },
	[CAUSE_SEND] = { "send-blocked", "Blocked sending to a channel",
			 "from which nobody is left to receive",
			 "receive until the senders are done, give the channel room for every sender, or select on ctx.Done() next to the send" },
	[CAUSE_RECEIVE] = { "receive-blocked", "Blocked receiving from a channel",
			    "that nobody is left to send to or close",
			    "close the channel when the last sender is done, or select on ctx.Done() next to the receive" },
	[CAUSE_SELECT] = { "select-blocked", "Blocked in a select",
			   "none of whose cases can ever fire",
			   "add a case that ends the goroutine: ctx.Done(), or a channel that its owner closes" },
	[CAUSE_MUTEX] = { "mutex-held", "Waiting for a mutex", "that nobody is left to unlock",
			  "unlock on every path: defer mu.Unlock() right after mu.Lock()" },
	[CAUSE_CYCLE] = { "lock-cycle", "Waiting for locks", "that they hold against each other",
			  "take the locks in the same order everywhere, or hold one at a time" },
	[CAUSE_RWMUTEX] = { "rwmutex", "Waiting for an RWMutex", "that nobody is left to release",
			    "pair each RLock with RUnlock and each Lock with Unlock on every path, by defer" },
	[CAUSE_WAITGROUP] = { "waitgroup", "Waiting for a WaitGroup",
			      "whose counter nobody is left to bring to zero",
			      "call Done on every path (defer wg.Done() first), and Add only as often as Done will follow" },
	[CAUSE_COND] = { "cond", "Waiting for a sync.Cond", "that nobody is left to signal",
			 "Broadcast when the state they wait for ends as well, or use a channel that is closed" },
	[CAUSE_ONCE] = { "once", "Waiting for a sync.Once", "whose function does not return",
			 "do not block inside Once.Do: give what it waits for a deadline" },
	[CAUSE_SEMAPHORE] = { "semaphore", "Waiting for a semaphore",
			      "that nobody is left to release", "release on every path, by defer" },
	[CAUSE_TICKER] = { "stopped-ticker",
			   "Receiving from the channel of a stopped ticker or timer",
			   "which Stop does not close",
			   "end the loop with a channel of its own (select on done or ctx.Done()), and stop the ticker after" },
	[CAUSE_ITERATOR] = { "iterator", "Parked in an iter.Pull",
			     "that nobody is left to resume or stop",
			     "call stop on every path: defer stop() right after iter.Pull" },
};

bool seep_detect_cause_known(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (strlen(causes[i].name) == len && memcmp(causes[i].name, name, len) == 0)
			return true;
	return false;
}

enum { NO_GROUP = UINT32_MAX };

/** A finding in the making. */
struct group {
	uint64_t key;
	enum cause cause;
	enum seep_verdict verdict;
	struct seep_frame_text where, created;
	struct seep_vec(uint32_t) members;
};

struct detector {
	const struct seep_view *view;
	struct seep_report *report;
	struct seep_vec(struct group) groups;
	struct seep_map by_key;
	uint32_t *group_of; /** by goroutine */
	uint32_t *cycle_of; /** by goroutine: number of its lock cycle + 1, 0 = none */
};

/** A channel that the time package made and whose timer will not fire any more. */
static bool is_timer_channel(const struct seep_view *view, seep_addr channel)
{
	struct seep_timer_channel c;

	return seep_timer_channel(view->runtime, channel, &c) &&
	       !seep_timer_will_send(view->runtime, channel);
}

static enum cause cause_of(const struct detector *d, uint32_t i)
{
	const struct seep_runtime *rt = d->view->runtime;
	const struct seep_goroutine *g = &rt->goroutines.data[i];

	// Once.Do inside its own function is a cycle of one; its own cause says more.
	if (d->cycle_of[i] && g->wait != SEEP_WAIT_ONCE)
		return CAUSE_CYCLE;
	switch (g->wait) {
	case SEEP_WAIT_NIL_CHANNEL:
		return CAUSE_NIL_CHANNEL;
	case SEEP_WAIT_SEND:
		return CAUSE_SEND;
	case SEEP_WAIT_RECEIVE:
		return is_timer_channel(d->view, rt->waits.data[g->first_wait].address) ?
			       CAUSE_TICKER :
			       CAUSE_RECEIVE;
	case SEEP_WAIT_MUTEX:
		return CAUSE_MUTEX;
	case SEEP_WAIT_ONCE:
		return CAUSE_ONCE;
	case SEEP_WAIT_RWMUTEX_READ:
	case SEEP_WAIT_RWMUTEX_WRITE:
		return CAUSE_RWMUTEX;
	case SEEP_WAIT_WAITGROUP:
		return CAUSE_WAITGROUP;
	case SEEP_WAIT_COND:
		return CAUSE_COND;
	case SEEP_WAIT_SEMAPHORE:
		return CAUSE_SEMAPHORE;
	case SEEP_WAIT_COROUTINE:
		return CAUSE_ITERATOR;
	default:
		return CAUSE_SELECT;
	}
}

/**
 * Main blocked for ever is how many programs wait for their other goroutines to do the work, and nothing that it holds was meant to
 * end before the process. Locks are different: nobody takes a lock in order to wait for ever.
 */
static bool is_intended(const struct seep_goroutine *g)
{
	return g->id == 1 && !(g->wait >= SEEP_WAIT_MUTEX && g->wait <= SEEP_WAIT_RWMUTEX_WRITE);
}

static enum seep_verdict verdict_of(const struct detector *d, uint32_t i)
{
	static const enum seep_verdict by_phase[] = {
		[SEEP_LIVE] = SEEP_VERDICT_WAITING,
		[SEEP_LIVE_IF_ABANDONED_UNLOCKED] = SEEP_VERDICT_ABANDONED,
		[SEEP_LIVE_IF_REACHED] = SEEP_VERDICT_DEADLOCKED,
		[SEEP_LIVE_NEVER] = SEEP_VERDICT_PROVEN,
	};
	uint8_t phase = d->view->live->phase[i];

	if (phase != SEEP_LIVE && is_intended(&d->view->runtime->goroutines.data[i]))
		return SEEP_VERDICT_INTENDED;
	return by_phase[phase];
}

/**
 * Lock cycles: follow each leaked lock waiter to the first holder that waits for a lock as well. Whoever comes back to somebody on
 * its own way closes a cycle; whoever runs into a known cycle is queued behind it.
 */
static void find_cycles(struct detector *d)
{
	const struct seep_runtime *rt = d->view->runtime;
	size_t n = rt->goroutines.len;
	uint32_t cycles = 0;
	struct seep_vec(uint32_t) way = {};
	_cleanup_free_ uint32_t *seen =
		calloc(n + 1, sizeof(*seen)); // number of the walk that came by, 0 = none

	for (uint32_t i = 0; seen && i < n; i++) {
		uint32_t at = i, cycle = 0;
		way.len = 0;
		while (!cycle && !seen[at] && d->view->live->phase[at] != SEEP_LIVE) {
			const struct seep_lock *lock =
				seep_locks_of(rt, d->view->locks, &rt->goroutines.data[at]);
			if (!lock)
				break;
			seen[at] = i + 1;
			if (!seep_vec_push(&way, at))
				break;
			uint32_t next = NO_GROUP;
			for (size_t h = 0; h < lock->holders.len && next == NO_GROUP; h++) {
				uint32_t holder = lock->holders.data[h].goroutine;
				// A queued writer keeps readers out, not other writers and not itself.
				if (lock->holders.data[h].waits_as_writer &&
				    rt->goroutines.data[at].wait != SEEP_WAIT_RWMUTEX_READ)
					continue;
				if (seep_locks_of(rt, d->view->locks, &rt->goroutines.data[holder]))
					next = holder;
			}
			if (next == NO_GROUP)
				break;
			if (seen[next] == i + 1)
				cycle = ++cycles;
			else
				cycle = d->cycle_of[next];
			at = next;
		}
		for (size_t k = 0; cycle && k < way.len; k++)
			d->cycle_of[way.data[k]] = cycle;
	}
	seep_vec_free(&way);
}

static uint64_t signature_of(enum cause cause, const struct seep_frame_text *where,
			     const struct seep_frame_text *created)
{
	char lines[32];

	snprintf(lines, sizeof(lines), "%d,%d", where->line, created->line);
	return seep_detect_signature(causes[cause].name, where->function ? where->function : "",
				     created->function ? created->function : "", lines, NULL);
}

static bool add_to_group(struct detector *d, uint32_t i, enum cause cause,
			 enum seep_verdict verdict)
{
	const struct seep_goroutine *g = &d->view->runtime->goroutines.data[i];
	struct seep_frame_text where = seep_text_blocked_at(d->view, g),
			       created = seep_text_created_at(d->view, g);
	bool added;
	uint64_t key = signature_of(cause, &where, &created);

	if (cause == CAUSE_CYCLE)
		key = d->cycle_of[i];
	uint64_t *slot = seep_map_put(&d->by_key, (key * 8 + verdict) & ~(1ull << 63), &added);
	if (!slot)
		return false;
	if (added) {
		*slot = d->groups.len;
		if (!seep_vec_push(&d->groups, (struct group){ .key = key,
							       .cause = cause,
							       .verdict = verdict,
							       .where = where,
							       .created = created }))
			return false;
	}
	d->group_of[i] = *slot;
	return seep_vec_push(&d->groups.data[*slot].members, i);
}

/** That of a lock cycle comes from its members' sites, each once: neither their order nor how many are queued behind counts. */
static uint64_t group_signature(const struct detector *d, const struct group *group)
{
	struct seep_map seen = {};
	uint64_t h = 0;

	if (group->cause != CAUSE_CYCLE)
		return signature_of(group->cause, &group->where, &group->created);
	for (size_t i = 0; i < group->members.len; i++) {
		const struct seep_goroutine *g =
			&d->view->runtime->goroutines.data[group->members.data[i]];
		struct seep_frame_text where = seep_text_blocked_at(d->view, g),
				       created = seep_text_created_at(d->view, g);
		uint64_t member = signature_of(group->cause, &where, &created);
		bool added = false;
		if (seep_map_put(&seen, member, &added) && added)
			h += member;
	}
	seep_map_deinit(&seen);
	return h;
}

static void explain_verdict(const struct detector *d, struct seep_finding *f,
			    const struct group *group, uint64_t places)
{
	const struct seep_goroutine *g = &d->view->runtime->goroutines.data[group->members.data[0]];
	const struct seep_root *root = &d->view->live->woken_by[group->members.data[0]];

	switch (group->verdict) {
	case SEEP_VERDICT_PROVEN:
		if (g->wait_count == 0)
			seep_text_why(
				d->report, f,
				"nothing can end this wait: that is how the language defines it");
		else
			seep_text_why(
				d->report, f,
				"no package variable, no timer and no goroutine that can still run leads to %s: only goroutines that are blocked for ever do",
				places > 1 ? "any of them" : "it");
		break;
	case SEEP_VERDICT_DEADLOCKED:
		seep_text_why(
			d->report, f,
			"rests on who holds which lock, as the evidence on the stacks says, and on lockers being the ones to unlock");
		break;
	case SEEP_VERDICT_ABANDONED:
		seep_text_why(
			d->report, f,
			"rests on the lock being left behind: other code that can reach it would have to unlock it unasked");
		break;
	case SEEP_VERDICT_WAITING:
		seep_text_why(d->report, f, "could be woken: reached from %s",
			      seep_text_root(d->view, d->report, root));
		break;
	case SEEP_VERDICT_INTENDED:
		seep_text_why(
			d->report, f,
			"it is the main goroutine: blocked for ever, but so that the others can work");
		break;
	default:
		break;
	}
}

static void explain_cycle(const struct detector *d, struct seep_finding *f,
			  const struct group *group)
{
	enum { SHOWN = 6 };

	for (size_t i = 0; i < group->members.len && i < SHOWN; i++) {
		const struct seep_goroutine *g =
			&d->view->runtime->goroutines.data[group->members.data[i]];
		const struct seep_lock *lock = seep_locks_of(d->view->runtime, d->view->locks, g);
		struct seep_frame_text at = seep_text_blocked_at(d->view, g);
		if (!lock)
			continue;
		_cleanup_(seep_str_deinit) struct seep_str holders = {};
		for (size_t h = 0; h < lock->holders.len && h < SHOWN; h++)
			if (!lock->holders.data[h].waits_as_writer)
				seep_str_addf(&holders, "%s%" PRIu64, holders.len ? ", " : "",
					      d->view->runtime->goroutines
						      .data[lock->holders.data[h].goroutine]
						      .id);
		seep_text_why(d->report, f,
			      "goroutine %" PRIu64 " waits at %s:%d for %s %#" PRIx64
			      ", held by goroutine %s",
			      g->id, at.file ? at.file : "?", at.line,
			      lock->rw ? "sync.RWMutex" : "sync.Mutex", lock->address,
			      seep_str_text(&holders));
	}
	if (group->members.len > SHOWN)
		seep_text_why(d->report, f, "and %zu more in the cycle or queued behind it",
			      group->members.len - SHOWN);
}

static const char *kind_plural(enum seep_wait_kind kind)
{
	switch (kind) {
	case SEEP_WAIT_MUTEX:
		return "mutexes";
	case SEEP_WAIT_RWMUTEX_READ:
	case SEEP_WAIT_RWMUTEX_WRITE:
		return "rwmutexes";
	case SEEP_WAIT_SEND:
	case SEEP_WAIT_RECEIVE:
	case SEEP_WAIT_SELECT:
		return "channels";
	default:
		return "places";
	}
}

/** Different first things that the members wait for. */
static uint64_t count_addresses(const struct seep_runtime *rt, const struct group *group)
{
	struct seep_map seen = {};

	for (size_t i = 0; i < group->members.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[group->members.data[i]];
		if (g->wait_count &&
		    !seep_map_put(&seen, rt->waits.data[g->first_wait].address, NULL))
			break;
	}
	uint64_t count = seen.len;
	seep_map_deinit(&seen);
	return count;
}

static void explain(const struct detector *d, struct seep_finding *f, const struct group *group)
{
	const struct seep_runtime *rt = d->view->runtime;
	const struct seep_goroutine *g = &rt->goroutines.data[group->members.data[0]];

	uint64_t places = count_addresses(rt, group);
	if (places > 1 && group->cause != CAUSE_CYCLE)
		seep_text_why(d->report, f,
			      "they wait for %" PRIu64 " different %s; the first:", places,
			      kind_plural(g->wait));
	if (group->cause == CAUSE_CYCLE)
		explain_cycle(d, f, group);
	else if (g->wait == SEEP_WAIT_SEND || g->wait == SEEP_WAIT_RECEIVE ||
		 g->wait == SEEP_WAIT_SELECT)
		for (uint32_t k = 0; k < g->wait_count && k < 4; k++)
			seep_text_channel(d->view, d->report, f,
					  &rt->waits.data[g->first_wait + k]);
	else
		seep_text_lock(d->view, d->report, f, g);
	explain_verdict(d, f, group, places);
}

static struct seep_error *make_finding(const struct detector *d, const struct group *group,
				       uint64_t bytes, struct seep_finding *ret)
{
	struct seep_error *err;
	const struct seep_runtime *rt = d->view->runtime;
	size_t n = group->members.len;

	*ret = (struct seep_finding){
		.cause = causes[group->cause].name,
		.verdict = group->verdict,
		.signature = group_signature(d, group),
		.count = n,
		.retained_bytes = bytes,
		.where = seep_text_own(d->report, group->where),
		.created = seep_text_own(d->report, group->created),
		.fix = causes[group->cause].fix,
		.summary =
			group->verdict == SEEP_VERDICT_WAITING ?
				seep_report_format(d->report, "%s.", causes[group->cause].blocked) :
				seep_report_format(d->report, "%s %s.",
						   causes[group->cause].blocked,
						   causes[group->cause].for_ever),
	};
	for (size_t i = 0; i < n; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[group->members.data[i]];
		if (g->wait_since && g->wait_since < rt->now &&
		    rt->now - g->wait_since > ret->age_ns)
			ret->age_ns = rt->now - g->wait_since;
		if (i >= SEEP_FINDING_GOROUTINES_MAX)
			continue;
		struct seep_finding_goroutine text;
		err = seep_text_goroutine(d->view, d->report, g, &text);
		if (err)
			return err;
		if (!seep_vec_push(&ret->goroutines, text))
			return &seep_enomem;
	}
	explain(d, ret, group);
	return seep_text_stacks(d->view, d->report, group->members.data, n, ret);
}

static struct seep_error *make_groups(struct detector *d)
{
	const struct seep_runtime *rt = d->view->runtime;

	find_cycles(d);
	for (uint32_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		d->group_of[i] = NO_GROUP;
		if (g->wait >= SEEP_WAIT_EXTERNAL || g->system)
			continue;
		enum seep_verdict verdict = verdict_of(d, i);
		enum cause cause = cause_of(d, i);
		if (verdict == SEEP_VERDICT_WAITING)
			d->report->goroutines.waiting++;
		else if (verdict == SEEP_VERDICT_INTENDED)
			d->report->goroutines.intended++;
		else
			d->report->goroutines.leaked++;
		// What stands in a finalizer has more behind it than itself: finalizer.c tells.
		if (g->runs && verdict < SEEP_VERDICT_WAITING)
			continue;
		if (seep_detect_wanted(d->view, causes[cause].name, verdict) &&
		    !add_to_group(d, i, cause, verdict))
			return &seep_enomem;
	}
	return NULL;
}

static struct seep_error *make_findings(struct detector *d)
{
	struct seep_error *err;
	_cleanup_free_ uint64_t *bytes = calloc(d->groups.len + 1, sizeof(*bytes));

	if (!bytes)
		return &seep_enomem;
	err = seep_retained(d->view->runtime, d->view->live, d->group_of, d->groups.len, bytes);
	for (size_t i = 0; !err && i < d->groups.len; i++) {
		struct seep_finding finding;
		err = make_finding(d, &d->groups.data[i], bytes[i], &finding);
		if (!err && !seep_vec_push(&d->report->findings, finding))
			err = &seep_enomem;
		if (err) {
			seep_vec_free(&finding.why);
			seep_vec_free(&finding.goroutines);
			seep_vec_free(&finding.stacks);
		}
	}
	return err;
}

struct seep_error *seep_detect_blocked(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err;
	size_t n = view->runtime->goroutines.len;
	struct detector d = { .view = view, .report = report };

	d.group_of = calloc(n + 1, sizeof(uint32_t));
	d.cycle_of = calloc(n + 1, sizeof(uint32_t));
	err = d.group_of && d.cycle_of ? make_groups(&d) : &seep_enomem;
	if (!err)
		err = make_findings(&d);
	for (size_t i = 0; i < d.groups.len; i++)
		seep_vec_free(&d.groups.data[i].members);
	seep_vec_free(&d.groups);
	seep_map_deinit(&d.by_key);
	free(d.group_of);
	free(d.cycle_of);
	return err;
}
