// The words for running timers.
#include "detect/allocation.h"
#include "detect/explain_wait.h"
#include "detect/holder_text.h"
#include "detect/path_text.h"
#include "detect/ticker.h"

#include "base/str.h"

#include <inttypes.h>
#include <string.h>

static const uint64_t MICROSECOND = 1000, MILLISECOND = 1000 * MICROSECOND,
		      SECOND = 1000 * MILLISECOND, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE,
		      DAY = 24 * HOUR;

/** "1h30m", "2.5s", "100ms". */
static void add_duration(struct seep_str *text, uint64_t ns)
{
	static const struct {
		uint64_t unit;
		const char *name;
	} units[] = { { DAY, "d" }, { HOUR, "h" }, { MINUTE, "m" }, { SECOND, "s" } };

	for (size_t i = 0; i + 1 < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].unit)
			continue;
		seep_str_addf(text, "%" PRIu64 "%s", ns / units[i].unit, units[i].name);
		if (ns % units[i].unit >= units[i + 1].unit)
			seep_str_addf(text, "%" PRIu64 "%s", ns % units[i].unit / units[i + 1].unit,
				      units[i + 1].name);
		return;
	}
	if (ns >= SECOND)
		seep_str_addf(text, "%gs", (double)(ns / MILLISECOND) / 1000);
	else if (ns >= MILLISECOND)
		seep_str_addf(text, "%gms", (double)(ns / MICROSECOND) / 1000);
	else
		seep_str_addf(text, "%" PRIu64 "ns", ns);
}

static const char *duration(struct seep_report *report, uint64_t ns)
{
	_cleanup_(seep_str_deinit) struct seep_str text = {};

	add_duration(&text, ns);
	const char *owned = seep_report_format(report, "%s", seep_str_text(&text));
	return owned ? owned : "?";
}

static bool leads_to(const struct seep_runtime *rt, seep_addr value,
		     const struct seep_timer_entry *entry)
{
	struct seep_object object;

	if (!value || !seep_heap_find(&rt->heap, value, &object))
		return false;
	seep_addr addr = seep_heap_address(&rt->heap, object);
	return addr == entry->object || addr == entry->timer.arg;
}

/** Address of the word with which the holder leads to the timer; 0: not a word of an object or a variable. */
static seep_addr holding_word(const struct seep_view *view, const struct seep_timer_entry *entry)
{
	const struct seep_runtime *rt = view->runtime;
	const struct seep_graph *g = view->graph;
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;

	if (entry->holder >= g->first_object) {
		seep_pointers_start(&rt->heap, seep_graph_object(g, entry->holder), &walk);
		while (seep_pointers_next(&walk, &word, &value))
			if (leads_to(rt, value, entry))
				return walk.addr + 8 * word;
		return 0;
	}
	const struct seep_graph_root *root = &g->roots.data[entry->holder - 1];
	if (root->kind != SEEP_ROOT_GLOBAL)
		return 0;
	if (root->is_word)
		return root->id;
	const struct seep_variable *v = &view->variables->items.data[root->id];
	for (seep_addr at = v->addr & ~7ull; at < v->addr + v->size; at += 8)
		if (leads_to(rt, seep_memory_word(&rt->memory, at), entry))
			return at;
	return 0;
}

void seep_timer_holder_text(const struct seep_timers *timers, const struct seep_timer_entry *entry,
			    struct seep_str *text)
{
	const struct seep_view *view = timers->view;

	if (!view->typing || entry->holder == SEEP_NODE_NONE || entry->holder == SEEP_NODE_ROOT)
		return;
	seep_addr word = holding_word(view, entry);
	if (word) {
		seep_text_holder(view, word, text);
		return;
	}
	if (entry->holder >= view->graph->first_object)
		return;
	const struct seep_graph_root *root = &view->graph->roots.data[entry->holder - 1];
	if (root->kind != SEEP_ROOT_GOROUTINE)
		return;
	// By what it does, not by its number: that differs from run to run.
	struct seep_frame_text at =
		seep_text_blocked_at(view, &view->runtime->goroutines.data[root->id]);
	seep_str_addf(text, "stack of a goroutine in %s", at.function ? at.function : "?");
}

/** How to get from a root to the timer. The shortest way is often the runtime's own heap of timers: so to its holder, and on from there. */
static struct seep_error *find_path(const struct seep_timers *timers,
				    const struct seep_timer_entry *entry,
				    struct seep_finding_object *ret)
{
	const struct seep_view *view = timers->view;
	const struct seep_graph *g = view->graph;
	_cleanup_(seep_str_deinit) struct seep_str step = {};
	size_t len;

	if (!view->typing || entry->holder == SEEP_NODE_NONE || entry->holder == SEEP_NODE_ROOT)
		return NULL;
	const char *const *path =
		seep_path_to(view, timers->report, SEEP_NODE_ROOT, entry->holder, &len);
	const char **own = seep_report_alloc(timers->report, (len + 1) * sizeof(*own));
	if (!path || !own)
		return &seep_enomem;
	memcpy(own, path, len * sizeof(*own));
	seep_addr word = holding_word(view, entry);
	if (entry->holder >= g->first_object && word) {
		struct seep_object holder = seep_graph_object(g, entry->holder);
		seep_typing_step(view->typing, holder,
				 word - seep_heap_address(&view->runtime->heap, holder), false,
				 &step);
		own[len] = seep_report_format(timers->report, "%s", seep_str_text(&step));
		if (!own[len])
			return &seep_enomem;
		len += step.len != 0;
	}
	ret->path = own;
	ret->path_len = len;
	return NULL;
}

const char *seep_timer_callback_name(const struct seep_timers *timers,
				     const struct seep_timer_entry *entry)
{
	const struct seep_pclntab *tab = &timers->view->runtime->binary->pclntab;
	struct seep_func func;

	if ((entry->callback && seep_pclntab_find(tab, entry->callback, &func)) ||
	    seep_pclntab_find(tab, entry->timer.f, &func))
		return seep_report_format(timers->report, "%s", func.name);
	return "unknown function";
}

enum { POSITIONS_MAX = 16 };

/** A stretch of code that was inlined from a function. */
struct inlined {
	const char *function;
	seep_addr pc;
};

static bool find_inlined(const struct seep_inlined *stretch, void *arg)
{
	struct inlined *wanted = arg;

	if (strcmp(stretch->function, wanted->function) == 0)
		wanted->pc = stretch->start;
	return wanted->pc == 0;
}

enum which { INNERMOST, OUTERMOST };

static struct seep_frame_text text_at(const struct seep_timers *timers,
				      const struct seep_func *func, seep_addr pc, enum which which)
{
	struct seep_position p[POSITIONS_MAX];
	size_t n = seep_func_positions(&timers->view->runtime->binary->pclntab, func, pc, p,
				       POSITIONS_MAX),
	       k = which == INNERMOST ? 0 : n - 1;

	if (n == 0)
		return (struct seep_frame_text){};
	return seep_text_own(timers->report,
			     (struct seep_frame_text){ p[k].function, p[k].file, p[k].line });
}

/** Where a function begins, in its own source; a method value's wrapper has none, so it is the method's. */
static struct seep_frame_text begins_at(const struct seep_timers *timers, seep_addr pc)
{
	static const char suffix[] = "-fm";
	const struct seep_pclntab *tab = &timers->view->runtime->binary->pclntab;
	_cleanup_(seep_str_deinit) struct seep_str name = {};
	struct seep_func func, method;

	if (!seep_pclntab_find(tab, pc, &func))
		return (struct seep_frame_text){};
	size_t len = strlen(func.name), cut = strlen(suffix);
	if (len <= cut || strcmp(func.name + len - cut, suffix) != 0)
		return text_at(timers, &func, func.entry, OUTERMOST);
	seep_str_add_bytes(&name, func.name, len - cut);
	const char *names[] = { seep_str_text(&name) };
	seep_pclntab_find_names(tab, names, 1, &method);
	if (method.raw)
		return text_at(timers, &method, method.entry, OUTERMOST);
	struct inlined inlined = { .function = names[0] };
	seep_func_each_inlined(tab, &func, find_inlined, &inlined);
	return inlined.pc ? text_at(timers, &func, inlined.pc, INNERMOST) :
			    text_at(timers, &func, func.entry, OUTERMOST);
}

/** Sums over the members of a group. */
struct totals {
	uint64_t bytes, unread_max, unread, full;
	uint64_t first, last; /** next firing, in ns from now; 0 = due */
	uint64_t period_min, period_max;
	bool collected; /** by the collector, all of them */
};

static struct totals add_up(const struct seep_timers *timers, const struct seep_timer_group *group)
{
	uint64_t now = timers->view->runtime->now;
	struct totals sum = { .first = UINT64_MAX, .period_min = UINT64_MAX, .collected = true };

	seep_vec_foreach(i, &group->members) {
		const struct seep_timer_entry *e = &timers->entries.data[*i];
		uint64_t left = e->timer.when > now ? e->timer.when - now : 0;
		sum.bytes += e->bytes;
		sum.full += e->full;
		sum.unread += e->timer.period && e->unread_ns >= e->timer.period;
		if (e->unread_ns > sum.unread_max)
			sum.unread_max = e->unread_ns;
		if (left < sum.first)
			sum.first = left;
		if (left > sum.last)
			sum.last = left;
		if (e->timer.period < sum.period_min)
			sum.period_min = e->timer.period;
		if (e->timer.period > sum.period_max)
			sum.period_max = e->timer.period;
		sum.collected &= e->timer.collected;
	}
	return sum;
}

/** "every 10s", "every 10s to 20m". */
static const char *text_period(struct seep_report *report, const struct totals *sum)
{
	const char *text = seep_report_format(
		report, sum->period_min == sum->period_max ? "every %s" : "every %s to %s",
		duration(report, sum->period_min), duration(report, sum->period_max));

	return text ? text : "?";
}

/** Why a release of 1.23 and later keeps tickers as those before did. */
static void explain_old_channels(const struct seep_timers *timers, struct seep_finding *f)
{
	const struct seep_binary *binary = timers->view->runtime->binary;
	char setting[1024];

	if (binary->minor < 23) {
		seep_text_why(
			timers->report, f,
			"%s never collects a ticker that runs: its heap of timers keeps it and its channel",
			binary->info.version);
		return;
	}
	const char *why = "set while the program ran";
	if (binary->godebug && strstr(binary->godebug, "asynctimerchan=1"))
		why = "GODEBUG in its environment says so";
	else if (seep_buildinfo_setting(&binary->info, "DefaultGODEBUG", setting,
					sizeof(setting)) &&
		 strstr(setting, "asynctimerchan=1"))
		why = "so it was built: go.mod of the main module says go 1.22 or less, or a //go:debug line";
	seep_text_why(
		timers->report, f,
		"%s runs with the timer channels of Go 1.22 (asynctimerchan=1; %s), and so never collects a ticker that runs",
		binary->info.version, why);
}

static void explain_lost(const struct seep_timers *timers, const struct totals *sum,
			 struct seep_finding *f)
{
	f->summary = seep_report_format(
		timers->report,
		"Tickers that fire %s and that nobody can receive from or stop any more.",
		text_period(timers->report, sum));
	f->holder = "the runtime's timers";
	f->fix =
		"defer ticker.Stop() where the ticker is made, and time.NewTicker in place of time.Tick; Go 1.23 and later collect tickers, if go.mod says go 1.23 or later";
	seep_text_why(
		timers->report, f,
		"no package variable, goroutine or object leads to their channels, only the runtime's own heap of timers");
	explain_old_channels(timers, f);
}

static void explain_unread(const struct seep_timers *timers, const struct seep_timer_group *group,
			   const struct totals *sum, struct seep_finding *f)
{
	struct seep_report *report = timers->report;

	f->age_ns = sum->unread_max;
	f->summary = seep_report_format(
		report, "Tickers that run, %s, and that no goroutine is receiving from.",
		text_period(report, sum));
	f->fix =
		"stop each ticker when what it was made for ends: defer ticker.Stop() in the goroutine that receives from it";
	if (sum->unread)
		seep_text_why(
			report, f,
			"of %" PRIu64
			" of %zu at least one tick has not been received; from one of them nobody has received for at least %s",
			sum->unread, group->members.len, duration(report, sum->unread_max));
	else
		seep_text_why(
			report, f,
			"none has come due yet, or been left unread for a period; the next tick comes in %s",
			duration(report, sum->first));
	if (sum->collected)
		seep_text_why(
			report, f,
			"they stay because the program leads to them; this release collects a ticker that it has let go of");
	else
		explain_old_channels(timers, f);
	seep_text_why(report, f,
		      "not proven: what leads to them may yet receive from them, or stop them");
}

static void explain_once(const struct seep_timers *timers, const struct seep_timer_group *group,
			 const struct totals *sum, struct seep_finding *f)
{
	struct seep_report *report = timers->report;

	switch (group->class) {
	case SEEP_TIMER_CLASS_AFTER:
		f->summary =
			"Timers that are still to fire, though nobody can receive from them any more (time.After in a loop).";
		f->fix =
			"make one time.NewTimer before the loop and Reset it, or Stop it when another case of the select was first";
		explain_old_channels(timers, f);
		break;
	case SEEP_TIMER_CLASS_CONTEXT:
		f->summary =
			"Contexts with a deadline that nobody can cancel any more: they stay until it has passed.";
		f->fix =
			"call the cancel function on every path: defer cancel() right after context.WithTimeout";
		seep_text_why(
			report, f,
			"nothing leads to these contexts but their own timers and the lists of children of their parents");
		break;
	default:
		f->summary = seep_report_format(
			report,
			"Calls of %s by time.AfterFunc are pending, and nobody can stop them.",
			group->name);
		f->fix =
			"keep what time.AfterFunc returns, and Stop it when the call is no longer needed";
		seep_text_why(report, f,
			      "nothing leads to these timers but the runtime's own heap of timers");
	}
	seep_text_why(
		report, f,
		"the next fires in %s, the last in %s: until then they hold what is told here",
		duration(report, sum->first), duration(report, sum->last));
	seep_text_why(report, f, "not proven: each of them ends when it fires");
}

static void explain_running(const struct seep_timers *timers, const struct seep_timer_group *group,
			    const struct totals *sum, struct seep_finding *f)
{
	struct seep_report *report = timers->report;

	if (sum->period_max)
		f->summary = seep_report_format(report, "Running tickers, %s.",
						text_period(report, sum));
	else
		f->summary = seep_report_format(report, "Pending timers that will call %s.",
						group->name);
	f->fix = "nothing to mend";
	seep_text_why(report, f, "the next fires in %s, the last in %s",
		      duration(report, sum->first), duration(report, sum->last));
}

static struct seep_error *list_objects(const struct seep_timers *timers,
				       const struct seep_timer_group *group, struct seep_finding *f)
{
	struct seep_error *err;
	const struct seep_heap *heap = &timers->view->runtime->heap;
	struct seep_object object;

	for (size_t k = 0; k < group->members.len && f->objects.len < SEEP_FINDING_OBJECTS_MAX;
	     k++) {
		const struct seep_timer_entry *e = &timers->entries.data[group->members.data[k]];
		if (!e->object || !seep_heap_find(heap, e->object, &object))
			continue;
		seep_text_allocated(timers->view, timers->report, object, f);
		struct seep_finding_object text = {
			.address = e->object,
			.type = e->timer.kind == SEEP_TIMER_CHANNEL && e->timer.period ?
					"time.Ticker" :
				e->timer.kind == SEEP_TIMER_CHANNEL ||
						e->timer.kind == SEEP_TIMER_FUNC ?
					"time.Timer" :
					NULL,
			.size = heap->spans.data[object.span].elem_size,
		};
		err = find_path(timers, e, &text);
		if (!err && !seep_vec_push(&f->objects, text))
			err = &seep_enomem;
		if (err)
			return err;
	}
	return NULL;
}

struct seep_error *seep_timer_finding(const struct seep_timers *timers,
				      const struct seep_timer_group *group,
				      struct seep_finding *ret)
{
	const struct seep_timer_entry *first = &timers->entries.data[group->members.data[0]];
	struct totals sum = add_up(timers, group);

	ret->noun = sum.period_max ? "ticker" : "timer";
	ret->count = group->members.len;
	ret->retained_bytes = sum.bytes;
	if (group->class == SEEP_TIMER_CLASS_CONTEXT)
		ret->noun = "context";
	else if (first->callback)
		ret->where = begins_at(timers, first->callback);
	switch (group->class) {
	case SEEP_TIMER_CLASS_RUNNING:
		explain_running(timers, group, &sum, ret);
		break;
	case SEEP_TIMER_CLASS_LOST:
		explain_lost(timers, &sum, ret);
		break;
	case SEEP_TIMER_CLASS_UNREAD:
		explain_unread(timers, group, &sum, ret);
		break;
	default:
		explain_once(timers, group, &sum, ret);
	}
	return list_objects(timers, group, ret);
}
