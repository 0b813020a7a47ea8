// From a process to a report: open, read the executable, stop, copy, let go, analyse.
#include "detect/inspect.h"

#include "base/large.h"
#include "base/pool.h"
#include "detect/detail.h"
#include "detect/detect.h"
#include "target/capture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void progress(const struct seep_inspect_options *options, const char *stage)
{
	if (options->progress)
		options->progress(stage, options->progress_arg);
}

static int compare_states(const void *a, const void *b)
{
	const struct seep_state_count *x = a, *y = b;

	return x->count != y->count ? (x->count > y->count ? -1 : 1) : strcmp(x->state, y->state);
}

static bool count_states(const struct seep_runtime *rt, struct seep_report *report)
{
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		size_t k = 0;
		report->goroutines.total++;
		report->heap.stack_bytes += g->stack_hi - g->stack_lo;
		if (g->system)
			continue;
		report->goroutines.user++;
		while (k < report->goroutines.by_state.len &&
		       strcmp(report->goroutines.by_state.data[k].state, g->reason) != 0)
			k++;
		if (k < report->goroutines.by_state.len)
			report->goroutines.by_state.data[k].count++;
		else if (!seep_vec_push(&report->goroutines.by_state,
					(struct seep_state_count){
						seep_report_format(report, "%s", g->reason), 1 }))
			return false;
	}
	if (report->goroutines.by_state.len)
		qsort(report->goroutines.by_state.data, report->goroutines.by_state.len,
		      sizeof(struct seep_state_count), compare_states);
	return true;
}

static void describe_binary(const struct seep_binary *b, struct seep_report *report)
{
	char text[512];

	report->target.go = seep_report_format(report, "%s", b->info.version);
	report->target.arch = b->image.arch->name;
	report->target.stripped = b->image.stripped;
	report->target.build_id =
		b->image.build_id[0] ? seep_report_format(report, "%s", b->image.build_id) : NULL;
	if (seep_buildinfo_path(&b->info, text, sizeof(text)))
		report->target.main_path = seep_report_format(report, "%s", text);
	if (seep_buildinfo_module(&b->info, text, sizeof(text)))
		report->target.module = seep_report_format(report, "%s", text);
	if (!b->image.arch->typed_by_code)
		seep_report_caveat(
			report,
			"%s code is not asked for types: they are those of descriptors and DWARF",
			b->image.arch->name);
	if (b->newer_than_known)
		seep_report_caveat(
			report,
			"%s is newer than this seep (it knows Go up to 1.%d): layouts come from the program's own type descriptors where it has them",
			b->info.version, seep_newest_minor);
	else if (b->layout.disagreements)
		seep_report_caveat(
			report,
			"%u struct fields lie elsewhere than in the release that the program says it was built with",
			b->layout.disagreements);
	if (b->pclntab.module.next)
		seep_report_caveat(
			report,
			"the program has plugins or shared modules, whose variables are not read: nothing is called leaked or unseen");
}

static void describe_quality(const struct seep_runtime *rt, const struct seep_live *live,
			     const struct seep_locks *locks, struct seep_report *report)
{
	if (rt->not_unwound)
		seep_report_caveat(
			report,
			"%" PRIu64
			" of %zu goroutine stacks could not be unwound to their start; each of their words counted as a pointer",
			rt->not_unwound, rt->goroutines.len);
	if (rt->missing_waits)
		seep_report_caveat(
			report,
			"for %" PRIu64
			" blocked goroutines it could not be found out what they wait for; they count as able to run",
			rt->missing_waits);
	if (rt->heap.count_mismatches)
		seep_report_caveat(report,
				   "%" PRIu64 " heap spans were caught in the middle of a change",
				   rt->heap.count_mismatches);
	if (rt->heap.unread_spans)
		seep_report_caveat(
			report,
			"%" PRIu64
			" spans of the heap could not be copied, and what they lead to is not known: nothing is called leaked or unseen",
			rt->heap.unread_spans);
	if (rt->unread_stacks)
		seep_report_caveat(
			report,
			"%" PRIu64
			" goroutine stacks could not be copied, and what they lead to is not known: no goroutine is called leaked",
			rt->unread_stacks);
	if (live->dangling)
		seep_report_caveat(report,
				   "%" PRIu64 " pointers led to free memory, the last to %#" PRIx64
				   ": the copy may be torn; look again before you trust a verdict",
				   live->dangling, live->dangling_example);
	if (locks->incomplete)
		seep_report_caveat(
			report,
			"no lock is called abandoned, because not every stack could be read");
}

/** What the stages after the copy make, in their order. */
struct stages {
	struct seep_locks locks;
	struct seep_live live;
	struct seep_variables variables;
	struct seep_typing typing;
	struct seep_graph graph;
	struct seep_memory_plan plan;
};

static void stages_deinit(struct stages *s)
{
	seep_graph_deinit(&s->graph);
	seep_typing_deinit(&s->typing);
	seep_variables_deinit(&s->variables);
	seep_live_deinit(&s->live);
	seep_locks_deinit(&s->locks);
}

/** The dominators need nothing of the runtime but sizes, so types can be found out meanwhile. */
struct weighing {
	struct seep_runtime *rt;
	struct stages *s;
	struct seep_error *errors[2];
};

static void type_or_weigh(void *arg, unsigned i)
{
	struct weighing *w = arg;
	struct stages *s = w->s;

	w->errors[i] = i == 0 ? seep_typing_find(w->rt, &s->live, &s->variables, &s->typing) :
				seep_graph_dominators(&s->graph);
}

static struct seep_error *weigh_and_type(struct seep_runtime *rt, struct stages *s)
{
	struct weighing w = { .rt = rt, .s = s };

	if (s->plan.together) {
		seep_pool_run(2, type_or_weigh, &w);
	} else {
		if (s->plan.detail == SEEP_DETAIL_ALL)
			type_or_weigh(&w, 1);
		if (!w.errors[1])
			type_or_weigh(&w, 0);
	}
	if (w.errors[0])
		seep_error_destroy(w.errors[1]);
	return w.errors[0] ? w.errors[0] : w.errors[1];
}

static struct seep_error *run_stages(struct seep_runtime *rt,
				     const struct seep_inspect_options *options, struct stages *s)
{
	struct seep_error *err;
	uint64_t read_bytes = seep_large_resident();

	err = seep_locks_read(rt, &s->locks);
	if (!err) {
		progress(options, "following pointers");
		err = seep_live_find(rt, &s->locks,
				     options->all ? SEEP_LIVE_NAMED : SEEP_LIVE_UNNAMED, &s->live);
	}
	if (err)
		return err;
	progress(options, "adding up who holds what");
	err = seep_variables_read(rt->binary, &rt->types, &s->variables);
	if (err)
		return err;
	s->plan = seep_plan_memory(&s->live, options, read_bytes, seep_large_resident());
	if (s->plan.detail == SEEP_DETAIL_GOROUTINES)
		return NULL;
	err = seep_graph_build(rt, &s->live, &s->variables, &s->graph);
	if (err)
		return err;
	progress(options, "finding out types");
	return weigh_and_type(rt, s);
}

static const struct {
	seep_detect *run;
	enum seep_detail needs;
	const char *causes[4]; /** of those that memory may not suffice for, what they look for */
} detectors[] = {
	{ seep_detect_blocked, SEEP_DETAIL_GOROUTINES, {} },
	{ seep_detect_unseen, SEEP_DETAIL_TYPES, { "substring", "subslice", "lost-elements" } },
	{ seep_detect_tickers, SEEP_DETAIL_ALL, { "ticker" } },
	{ seep_detect_finalizers, SEEP_DETAIL_GOROUTINES, {} },
	{ seep_detect_defers, SEEP_DETAIL_GOROUTINES, {} },
	{ seep_detect_arrays, SEEP_DETAIL_GOROUTINES, {} },
	{ seep_detect_threads, SEEP_DETAIL_GOROUTINES, {} },
	{ seep_detect_bloat, SEEP_DETAIL_ALL, { "map-bloat", "pool-bloat" } },
	{ seep_describe_memory, SEEP_DETAIL_GOROUTINES, {} },
	{ seep_describe_types, SEEP_DETAIL_TYPES, {} },
	{ seep_describe_tree, SEEP_DETAIL_ALL, {} },
	{ seep_describe_holders, SEEP_DETAIL_ALL, {} },
};

/** What was left out for want of memory, as a caveat and as the error that goes with a report in part. */
static struct seep_error *tell_what_is_left_out(const struct seep_memory_plan *plan,
						const struct seep_inspect_options *options,
						struct seep_report *report)
{
	if (plan->detail == SEEP_DETAIL_ALL)
		return NULL;
	seep_report_caveat(
		report,
		"the memory limit left no room for who holds what: no holders, and no ticker, map-bloat and pool-bloat was looked for; %.0f MB would do",
		plan->needed / 1e6);
	if (plan->detail == SEEP_DETAIL_GOROUTINES)
		seep_report_caveat(
			report,
			"nor for what objects are: no types and paths, and no substring, subslice and lost-elements was looked for");
	return seep_error_format(
		SEEP_ERROR_BUDGET,
		"%.0f MB of memory are not enough for everything, %.0f would be: what was left out is said in the report",
		options->max_mem_bytes / 1e6, plan->needed / 1e6);
}

static struct seep_error *analyse(struct seep_runtime *rt, const struct seep_usage *usage,
				  const struct seep_inspect_options *options,
				  struct seep_report *report)
{
	struct seep_error *err;
	_cleanup_(stages_deinit) struct stages s = {};

	err = run_stages(rt, options, &s);
	if (err)
		return err;
	if ((options->top || options->why) && s.plan.detail != SEEP_DETAIL_ALL)
		return seep_error_format(
			SEEP_ERROR_BUDGET,
			"%.0f MB of memory are not enough to tell who holds what, %.0f would be",
			options->max_mem_bytes / 1e6, s.plan.needed / 1e6);
	if (!count_states(rt, report))
		return &seep_enomem;
	report->capture.realtime_ns = rt->wall_now;
	report->heap.objects = rt->heap.objects;
	report->heap.bytes = rt->heap.bytes;
	report->heap.reachable_objects = s.live.reachable_objects;
	report->heap.reachable_bytes = s.live.reachable_bytes;
	report->heap.garbage_bytes = rt->heap.bytes - s.live.reachable_bytes;
	describe_quality(rt, &s.live, &s.locks, report);
	progress(options, "looking for causes");
	bool typed = s.plan.detail >= SEEP_DETAIL_TYPES;
	struct seep_view view = {
		rt,	  &s.locks, &s.live, &s.variables, typed ? &s.typing : NULL,
		&s.graph, options,  usage
	};
	size_t count = sizeof(detectors) / sizeof(*detectors);
	// Who only asks who holds what gets that.
	for (size_t i = options->top || options->why ? count - 1 : 0; i < count; i++) {
		if (detectors[i].needs > s.plan.detail) {
			for (const char *const *cause = detectors[i].causes; *cause; cause++)
				if (!seep_vec_push(&report->left_out, *cause))
					return &seep_enomem;
			continue;
		}
		err = detectors[i].run(&view, report);
		if (err)
			return err;
	}
	seep_report_sort(report);
	return tell_what_is_left_out(&s.plan, options, report);
}

bool seep_detect_is_listed(const char *list, const char *cause)
{
	const char *at = list;

	for (size_t len; at && *at; at += len + (at[len] == ',')) {
		len = strcspn(at, ",");
		if (strlen(cause) == len && memcmp(at, cause, len) == 0)
			return true;
	}
	return !list;
}

bool seep_detect_wanted(const struct seep_view *view, const char *cause, enum seep_verdict verdict)
{
	return (verdict < SEEP_VERDICT_WAITING || view->options->all) &&
	       seep_detect_is_listed(view->options->only, cause);
}

/** FNV-1a. */
static uint64_t hash_text(uint64_t h, const char *text)
{
	for (; text && *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return (h ^ 0xff) * 0x100000001b3;
}

uint64_t seep_detect_signature(const char *cause, ...)
{
	uint64_t h = hash_text(0xcbf29ce484222325, cause);
	va_list texts;

	va_start(texts, cause);
	for (const char *text; (text = va_arg(texts, const char *));)
		h = hash_text(h, text);
	va_end(texts);
	return h;
}

/** What the copy cost, and what it lacks. */
static void describe_capture(const struct seep_target *target, const struct seep_snapshot *snapshot,
			     const struct seep_snapshot_options *options,
			     struct seep_report *report)
{
	struct seep_stop_stats stats = seep_target_stats(target);

	report->capture.pause_ns = stats.pause_ns;
	report->capture.max_gap_ns = stats.max_gap_ns;
	report->capture.read_bytes = stats.read_bytes + stats.precopy_bytes;
	report->capture.threads = stats.threads;
	const struct seep_origin *origin = seep_capture_origin(target);
	report->capture.values_bytes = origin ? origin->values_bytes : 0;
	report->capture.method = seep_target_kind(target) == SEEP_TARGET_CORE ? "file" :
				 snapshot->method == SEEP_SNAPSHOT_PRECOPY    ? "pre-copy" :
										"stop-and-copy";
	const char *note;
	for (size_t i = 0; (note = seep_target_note(target, i)); i++)
		seep_report_caveat(report, "%s", note);
	if (seep_target_kind(target) == SEEP_TARGET_CORE)
		seep_report_caveat(
			report,
			"a core has no clock: ages count from the newest time that the runtime wrote down, and may be too small");
	if (snapshot->method == SEEP_SNAPSHOT_PRECOPY) {
		report->capture.precopy_bytes = stats.precopy_bytes;
		report->capture.rounds = stats.rounds;
		report->capture.stops = stats.stops;
	}
	if (snapshot->why_stopped[0])
		report->capture.why_stopped =
			seep_report_format(report, "%s", snapshot->why_stopped);
	if (options->may_exceed && stats.max_gap_ns > options->max_pause_ns)
		seep_report_caveat(report, "the pause took %.1f ms, though %.1f ms were asked for",
				   stats.max_gap_ns / 1e6, options->max_pause_ns / 1e6);
	if (stats.threads_missed)
		seep_report_caveat(
			report,
			"%zu of %zu threads were in uninterruptible sleep and could not be stopped",
			stats.threads_missed, stats.threads);
	if (stats.spans_left_out)
		seep_report_caveat(
			report,
			"%zu stretches of memory are too large to be copied and were not looked at: no goroutine is called leaked",
			stats.spans_left_out);
	if (stats.pages_unreadable)
		seep_report_caveat(
			report,
			"%" PRIu64
			" pages could not be read and were taken for empty: no goroutine is called leaked",
			stats.pages_unreadable);
}

/** What a copy may take; 0 = anything. */
static uint64_t copy_limit(uint64_t max_mem_bytes)
{
	uint64_t ret = max_mem_bytes ? seep_plan_copy(max_mem_bytes, seep_large_resident()) : 0;

	return max_mem_bytes && !ret ? 1 : ret;
}

/** Copies the process, and lets it go in every case. */
static struct seep_error *capture(struct seep_target *target, const struct seep_binary *binary,
				  const struct seep_inspect_options *options,
				  struct seep_report *report, struct seep_usage *usage_ret)
{
	struct seep_error *err;
	struct seep_snapshot snapshot = {};
	struct seep_snapshot_options how = options->snapshot;
	uint64_t limit = options->max_mem_bytes, now = seep_large_resident();

	how.max_bytes = copy_limit(limit);
	err = seep_runtime_snapshot(target, binary, &how, &snapshot);
	uint64_t bytes = seep_target_stats(target).prepared_bytes;
	if (err && limit && bytes > how.max_bytes) {
		seep_error_destroy(err);
		return seep_error_format(
			SEEP_ERROR_BUDGET,
			"%.0f MB of memory are too few for a copy of what can hold pointers: at least %.0f are needed; the process was not stopped",
			limit / 1e6, seep_plan_limit(bytes, now) / 1e6 + 1);
	}
	describe_capture(target, &snapshot, &options->snapshot, report);
	if (err && seep_target_stats(target).spans_left_out)
		return seep_error_prefix(
			err, "no room for a copy of all memory (is address space limited?)");
	return err ? err : seep_usage_read(target, usage_ret);
}

struct seep_error *seep_inspect(const struct seep_source *source,
				const struct seep_inspect_options *options,
				struct seep_report *report)
{
	struct seep_error *err;
	struct seep_target *target = NULL;
	struct seep_binary *binary = NULL;
	struct seep_runtime *rt = NULL;
	_cleanup_(seep_usage_deinit) struct seep_usage usage = {};
	uint64_t start = now_ns();

	struct seep_source limited = *source;
	limited.max_bytes = copy_limit(options->max_mem_bytes);
	err = source->pid ? seep_target_open(source->pid, &target) :
			    seep_target_open_file(&limited, &target);
	if (err)
		return err;
	seep_target_adopt(target, source->child);
	report->target.kind = seep_target_kind(target);
	report->target.pid = seep_target_pid(target);
	report->target.exe = seep_report_format(report, "%s", seep_target_exe_path(target));
	progress(options, "reading the executable");
	err = seep_binary_open(target, &binary);
	if (!err) {
		describe_binary(binary, report);
		progress(options, "copying memory");
		err = capture(target, binary, options, report, &usage);
	}
	if (!err) {
		progress(options, "reading the heap");
		err = seep_runtime_read(target, binary, &rt);
	}
	if (!err)
		err = analyse(rt, &usage, options, report);
	// Whatever went wrong, this may be why.
	const char *note = seep_target_note(target, 0);
	if (err && err->code != SEEP_ERROR_BUDGET && note)
		err = seep_error_prefix(err, "%s", note);
	seep_runtime_destroy(rt);
	seep_binary_close(binary);
	seep_target_close(target);
	report->capture.total_ns = now_ns() - start;
	return err;
}
