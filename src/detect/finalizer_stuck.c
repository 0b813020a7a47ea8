// finalizer-stuck: the goroutine that runs the finalizers is blocked in one, or one of those for cleanups.
//
// All finalizers share one goroutine (and up to Go 1.24 so do cleanups; since 1.25 these have a quarter as many as there are processors): what
// blocks it blocks all the others, whose objects are kept for them. If the goroutine can never run on, that is the verdict. If it could, only a
// long wait or a long queue makes it a finding, as a suspect.
#include "detect/finalizer.h"

#include "detect/explain_wait.h"
#include "graph/cycle.h"

#include <inttypes.h>
#include <stdio.h>

/** When a finalizer that could still end is worth a line: blocked for so long, or that many behind it, more while it is at work. */
static const uint64_t SUSPECT_WAIT_NS = 60ull * 1000 * 1000 * 1000;
enum { SUSPECT_BEHIND = 1000, SUSPECT_BEHIND_BUSY = 10000, CHANNELS_SHOWN = 4 };
static const char stuck_cause[] = "finalizer-stuck";

/** One of the two queues. */
struct line {
	const struct seep_view *view;
	enum seep_runs runs;
	uint64_t *behind; /** bit by entry of runtime->queue: waits in this line, nobody has begun with it */
	uint64_t count;
	uint64_t runners, stuck; /** goroutines of this line; those in a user's function */
	uint64_t bytes; /** that only its entries hold */
};

static const char *what_runs(const struct line *line)
{
	return line->runs == SEEP_RUNS_CLEANUPS ? "cleanup" : "finalizer";
}

/** What the entries hold: all that is marked with them and not without. */
static struct seep_error *measure(struct line *line)
{
	struct seep_error *err;
	struct seep_runtime *rt = line->view->runtime;
	struct seep_root_choice choice = { .without_queued = line->behind };
	struct seep_marker marker = {};

	err = seep_marker_init(&marker, &rt->heap);
	if (!err) {
		seep_mark_roots(rt, &choice, &marker);
		line->bytes = marker.bytes;
		choice.without_queued = NULL;
		seep_mark_roots(rt, &choice, &marker);
		line->bytes = marker.bytes - line->bytes;
		if (marker.failed)
			err = &seep_enomem;
	}
	seep_marker_deinit(&marker);
	return err;
}

static struct seep_error *read_line(const struct seep_view *view, enum seep_runs runs,
				    struct line *ret)
{
	const struct seep_runtime *rt = view->runtime;

	*ret = (struct line){ .view = view, .runs = runs };
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		if (g->runs != runs)
			continue;
		ret->runners++;
		ret->stuck += !g->system;
	}
	if (ret->stuck == 0)
		return NULL;
	ret->behind = calloc(SEEP_BITS_WORDS(rt->queue.len) + 1, sizeof(uint64_t));
	if (!ret->behind)
		return &seep_enomem;
	for (size_t i = 0; i < rt->queue.len; i++) {
		const struct seep_queued *entry = &rt->queue.data[i];
		if (entry->cleanup != (runs == SEEP_RUNS_CLEANUPS) || entry->running)
			continue;
		seep_bit_set(ret->behind, i);
		ret->count++;
	}
	return NULL;
}

/** False if that goroutine is no finding. */
static bool judge(const struct line *line, uint32_t i, enum seep_verdict *ret)
{
	const struct seep_runtime *rt = line->view->runtime;
	const struct seep_goroutine *g = &rt->goroutines.data[i];
	bool blocked = g->status == SEEP_STATUS_WAITING;
	uint64_t waited =
		blocked && g->wait_since && g->wait_since < rt->now ? rt->now - g->wait_since : 0;

	switch (line->view->live->phase[i]) {
	case SEEP_LIVE_NEVER:
		*ret = SEEP_VERDICT_PROVEN;
		return true;
	case SEEP_LIVE_IF_REACHED:
		*ret = SEEP_VERDICT_DEADLOCKED;
		return true;
	case SEEP_LIVE_IF_ABANDONED_UNLOCKED:
		*ret = SEEP_VERDICT_ABANDONED;
		return true;
	default:
		*ret = SEEP_VERDICT_SUSPECT;
		// As long as another goroutine takes from the queue it is not stuck.
		if (line->count == 0 || line->stuck < line->runners)
			return false;
		return waited >= SUSPECT_WAIT_NS ||
		       line->count >= (blocked ? SUSPECT_BEHIND : SUSPECT_BEHIND_BUSY);
	}
}

static void explain(const struct line *line, struct seep_report *report,
		    const struct seep_goroutine *g, struct seep_finding *f)
{
	const struct seep_wait *waits = &line->view->runtime->waits.data[g->first_wait];
	const char *what = what_runs(line);

	if (line->runners > 1)
		seep_text_why(report, f,
			      "%" PRIu64 " of the %" PRIu64
			      " goroutines that run cleanups are in one",
			      line->stuck, line->runners);
	else
		seep_text_why(report, f,
			      "the program has one goroutine for all %ss, and it is in this one",
			      what);
	if (g->wait == SEEP_WAIT_SEND || g->wait == SEEP_WAIT_RECEIVE ||
	    g->wait == SEEP_WAIT_SELECT)
		for (uint32_t k = 0; k < g->wait_count && k < CHANNELS_SHOWN; k++)
			seep_text_channel(line->view, report, f, &waits[k]);
	else
		seep_text_lock(line->view, report, f, g);
	if (line->count)
		seep_text_why(report, f,
			      "%" PRIu64 " %s%s wait%s behind it, and what they are for is kept "
			      "until they have run",
			      line->count, what, line->count == 1 ? "" : "s",
			      line->count == 1 ? "s" : "");
	else
		seep_text_why(report, f, "nothing waits behind it yet, but every %s to come will",
			      what);
	if (f->verdict == SEEP_VERDICT_SUSPECT)
		seep_text_why(
			report, f,
			"it may still end: look again, and see whether it is in the same one and the queue is longer");
}

/** The first objects that wait, where the queue says which. */
static bool add_objects(const struct line *line, struct seep_report *report, struct seep_finding *f)
{
	const struct seep_runtime *rt = line->view->runtime;

	for (size_t i = 0; i < rt->queue.len && f->objects.len < SEEP_FINDING_OBJECTS_MAX; i++) {
		const struct seep_queued *entry = &rt->queue.data[i];
		struct seep_object object;
		if (!seep_bit_get(line->behind, i) ||
		    !seep_heap_find(&rt->heap, entry->object, &object))
			continue;
		struct seep_finding_object text = {
			.address = entry->object,
			.type = seep_text_finalized(line->view, report, object, entry->type),
			.size = rt->heap.spans.data[object.span].elem_size,
		};
		if (!seep_vec_push(&f->objects, text))
			return false;
	}
	return true;
}

static const char *summary_of(const struct line *line, enum seep_verdict verdict)
{
	if (verdict == SEEP_VERDICT_SUSPECT)
		return line->runs == SEEP_RUNS_CLEANUPS ?
			       "A cleanup takes long, and others wait for it." :
			       "A finalizer takes long, and all others wait for it.";
	if (line->stuck < line->runners)
		return "A cleanup is blocked for ever, and with it those that were handed out together.";
	return line->runs == SEEP_RUNS_CLEANUPS ?
		       "A cleanup is blocked for ever, and no other will run." :
		       "A finalizer is blocked for ever, and no other will run.";
}

static struct seep_error *make_finding(struct line *line, struct seep_report *report, uint32_t i,
				       enum seep_verdict verdict)
{
	struct seep_error *err;
	const struct seep_runtime *rt = line->view->runtime;
	const struct seep_goroutine *g = &rt->goroutines.data[i];
	struct seep_frame_text where = seep_text_blocked_at(line->view, g);
	struct seep_finding_goroutine text;
	char place[16];

	snprintf(place, sizeof(place), "%d", where.line);
	struct seep_finding f = {
		.cause = stuck_cause,
		.verdict = verdict,
		.signature = seep_detect_signature(
			stuck_cause, where.function ? where.function : "", place, NULL),
		.noun = line->count ? what_runs(line) : NULL,
		.count = line->count ? line->count : 1,
		.retained_bytes = line->bytes,
		.age_ns = g->status == SEEP_STATUS_WAITING && g->wait_since &&
					  g->wait_since < rt->now ?
				  rt->now - g->wait_since :
				  0,
		.where = seep_text_own(report, where),
		.summary = summary_of(line, verdict),
		.fix = "never block in a finalizer: hand the work to a goroutine of its own, without waiting for it",
	};
	explain(line, report, g, &f);
	err = seep_text_goroutine(line->view, report, g, &text);
	if (!err && seep_vec_push(&f.goroutines, text) && add_objects(line, report, &f) &&
	    seep_vec_push(&report->findings, f))
		return NULL;
	seep_vec_free(&f.why);
	seep_vec_free(&f.goroutines);
	seep_vec_free(&f.objects);
	return err ? err : &seep_enomem;
}

/** One finding for each line: all that stands in it waits for the same thing. The strongest verdict wins, then the oldest goroutine. */
static struct seep_error *report_line(struct line *line, struct seep_report *report)
{
	struct seep_error *err;
	const struct seep_runtime *rt = line->view->runtime;
	enum seep_verdict verdict = SEEP_VERDICT_INTENDED, one;
	uint32_t chosen = 0;

	for (uint32_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		if (g->runs != line->runs || g->system || !judge(line, i, &one))
			continue;
		if (one < verdict) {
			verdict = one;
			chosen = i;
		}
	}
	if (verdict == SEEP_VERDICT_INTENDED ||
	    !seep_detect_wanted(line->view, stuck_cause, verdict))
		return NULL;
	err = line->count ? measure(line) : NULL;
	return err ? err : make_finding(line, report, chosen, verdict);
}

struct seep_error *seep_detect_stuck_finalizers(const struct seep_view *view,
						struct seep_report *report)
{
	struct seep_error *err = NULL;

	for (unsigned runs = SEEP_RUNS_FINALIZERS; !err && runs <= SEEP_RUNS_CLEANUPS; runs++) {
		struct line line;
		err = read_line(view, runs, &line);
		if (!err && line.stuck)
			err = report_line(&line, report);
		free(line.behind);
	}
	return err;
}
