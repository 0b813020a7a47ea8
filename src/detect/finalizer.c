// finalizer-cycle: finalizers and cleanups that can never run, because their object is reached from what the runtime keeps
// for them. Which these are says graph/cycle.c; here they are grouped by function and type and put into words.
#include "detect/finalizer.h"

#include "detect/allocation.h"
#include "detect/explain_wait.h"
#include "graph/cycle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS_SHOWN = 8 };
static const char cycle_cause[] = "finalizer-cycle";

/** Cycles with the same function and type: a finding. */
struct group {
	uint32_t first; /** cycle */
	uint64_t count, objects, specials;
	uint64_t signature;
	struct seep_frame_text where;
};

struct cycle_detector {
	const struct seep_view *view;
	struct seep_report *report;
	struct seep_cycles cycles;
	struct seep_vec(struct group) groups;
	struct seep_map by_signature;
	uint32_t *group_of; /** by cycle */
};

static const struct seep_special *special_of(const struct cycle_detector *d,
					     const struct seep_cycle *cycle)
{
	return &d->view->runtime->specials.data[cycle->special];
}

/** *T of an object, if a finalizer of it says; else 0. */
static seep_addr finalizer_type(const struct seep_runtime *rt, struct seep_object object)
{
	size_t low = 0, high = rt->specials.len;

	while (low < high) { // by address
		size_t mid = low + (high - low) / 2;
		if (seep_heap_number(&rt->heap, rt->specials.data[mid].object) <
		    seep_heap_number(&rt->heap, object))
			low = mid + 1;
		else
			high = mid;
	}
	for (;
	     low < rt->specials.len && seep_heap_number(&rt->heap, rt->specials.data[low].object) ==
					       seep_heap_number(&rt->heap, object);
	     low++)
		if (rt->specials.data[low].type)
			return rt->specials.data[low].type;
	return 0;
}

static bool add_to_group(struct cycle_detector *d, uint32_t i)
{
	const struct seep_cycle *cycle = &d->cycles.cycles.data[i];
	const struct seep_special *s = special_of(d, cycle);
	struct seep_frame_text where =
		seep_text_finalizer(d->view, s->words, s->kind == SEEP_SPECIAL_CLEANUP);
	char line[16];
	bool added;

	snprintf(line, sizeof(line), "%d", where.line);
	uint64_t signature = seep_detect_signature(
		cycle_cause, where.function ? where.function : "", line,
		seep_text_finalized(d->view, d->report, s->object,
				    finalizer_type(d->view->runtime, s->object)),
		NULL);
	uint64_t *slot = seep_map_put(&d->by_signature, signature & ~(1ull << 63), &added);
	if (!slot)
		return false;
	if (added) {
		*slot = d->groups.len;
		struct group group = { .first = i, .signature = signature, .where = where };
		if (!seep_vec_push(&d->groups, group))
			return false;
	}
	struct group *group = &d->groups.data[*slot];
	group->count++;
	group->objects += cycle->objects;
	group->specials += cycle->specials;
	d->group_of[i] = *slot;
	return true;
}

/** How a step's pointer is reached from its object: ".next"; "" if that is not known. */
static void add_step(const struct cycle_detector *d, const struct seep_cycle_step *step,
		     seep_addr type, struct seep_str *text)
{
	struct seep_runtime *rt = d->view->runtime;
	uint64_t header = rt->heap.spans.data[step->object.span].map == SEEP_MAP_HEADER ? 8 : 0;
	size_t before = text->len;
	struct seep_type pointer;

	if (d->view->typing)
		seep_typing_step(d->view->typing, step->object, step->offset, false, text);
	if (text->len == before && type && seep_type_read(&rt->types, type, &pointer) &&
	    step->offset >= header)
		seep_type_path(&rt->types, pointer.elem, step->offset - header, false, text);
}

/** "*main.a .next → *main.b .prev → *main.a" */
static void explain_way(const struct cycle_detector *d, const struct seep_cycle *cycle,
			struct seep_finding *f)
{
	bool cleanup = special_of(d, cycle)->kind == SEEP_SPECIAL_CLEANUP;
	struct seep_cycle_step steps[STEPS_SHOWN];
	_cleanup_(seep_str_deinit) struct seep_str text = {};
	const char *first = NULL;
	size_t n = seep_cycle_way(&d->cycles, cycle, steps, STEPS_SHOWN);

	for (size_t i = 0; i < n && i < STEPS_SHOWN; i++) {
		seep_addr type = finalizer_type(d->view->runtime, steps[i].object);
		const char *name = seep_text_finalized(d->view, d->report, steps[i].object, type);
		_cleanup_(seep_str_deinit) struct seep_str step = {};
		if (steps[i].by_special)
			seep_str_add(&step, cleanup ? "(its cleanup)" : "(its finalizer)");
		else
			add_step(d, &steps[i], type, &step);
		const char *way = seep_str_text(&step);
		seep_str_addf(&text, "%s%s%s → ", name ? name : "?", *way && *way != ' ' ? " " : "",
			      way);
		if (i == 0)
			first = name;
	}
	if (n > STEPS_SHOWN)
		seep_str_addf(&text, "%zu more → ", n - STEPS_SHOWN);
	if (n)
		seep_text_why(d->report, f, "the cycle: %s%s", seep_str_text(&text),
			      first ? first : "?");
}

static void explain_cycle(const struct cycle_detector *d, const struct group *group,
			  struct seep_finding *f)
{
	const struct seep_cycle *cycle = &d->cycles.cycles.data[group->first];

	explain_way(d, cycle, f);
	seep_text_why(
		d->report, f,
		special_of(d, cycle)->kind == SEEP_SPECIAL_CLEANUP ?
			"the cleanup runs once its object is unreachable, but its function or argument leads to the object" :
			"the finalizer runs once its object is unreachable, but what it keeps until then leads back to the object");
	seep_text_why(
		d->report, f,
		"no package variable, no timer, no goroutine and no finalizer that can still run leads to any of it");
	const char *what = special_of(d, cycle)->kind == SEEP_SPECIAL_CLEANUP ? "cleanup" :
										"finalizer";
	seep_text_why(d->report, f,
		      "%" PRIu64 " object%s in %" PRIu64 " cycle%s, with %" PRIu64
		      " %s%s that will never run",
		      group->objects, group->objects == 1 ? "" : "s", group->count,
		      group->count == 1 ? "" : "s", group->specials, what,
		      group->specials == 1 ? "" : "s");
}

/** The first of its objects, and the stack of the first allocation that was sampled. */
static bool add_objects(const struct cycle_detector *d, uint32_t group, struct seep_finding *f)
{
	const struct seep_runtime *rt = d->view->runtime;

	for (size_t i = 0; i < d->cycles.cycles.len; i++) {
		if (d->group_of[i] != group)
			continue;
		struct seep_object object = special_of(d, &d->cycles.cycles.data[i])->object;
		seep_text_allocated(d->view, d->report, object, f);
		if (f->objects.len >= SEEP_FINDING_OBJECTS_MAX)
			continue;
		struct seep_finding_object text = {
			.address = seep_heap_address(&rt->heap, object),
			.type = seep_text_finalized(d->view, d->report, object,
						    finalizer_type(rt, object)),
			.size = rt->heap.spans.data[object.span].elem_size,
		};
		if (!seep_vec_push(&f->objects, text))
			return false;
	}
	if (!f->allocated_count)
		seep_text_unsampled(d->view, d->report);
	return true;
}

static struct seep_error *make_finding(const struct cycle_detector *d, uint32_t index,
				       const struct seep_cycles_held *held)
{
	const struct group *group = &d->groups.data[index];
	bool cleanup = special_of(d, &d->cycles.cycles.data[group->first])->kind ==
		       SEEP_SPECIAL_CLEANUP;
	struct seep_finding f = {
		.cause = cycle_cause,
		.verdict = SEEP_VERDICT_PROVEN,
		.signature = group->signature,
		.noun = "cycle",
		.count = group->count,
		.retained_bytes = held->bytes,
		.where = seep_text_own(d->report, group->where),
		.summary =
			cleanup ?
				"Objects that their own cleanups lead to: the cleanups never run, and nothing of it is ever freed." :
				"Objects with a finalizer in a cycle of pointers: the finalizer never runs, and nothing of it is ever freed.",
		.fix = cleanup ?
			       "give the cleanup only what it needs (a descriptor, a name), nothing that leads back to the object" :
			       "set the finalizer on a small object of its own that points to nothing else of the cycle, or close explicitly and drop the finalizer",
	};
	explain_cycle(d, group, &f);
	if (add_objects(d, index, &f) && seep_vec_push(&d->report->findings, f))
		return NULL;
	seep_vec_free(&f.why);
	seep_vec_free(&f.objects);
	return &seep_enomem;
}

static struct seep_error *report_cycles(struct cycle_detector *d)
{
	struct seep_error *err;

	d->group_of = calloc(d->cycles.cycles.len + 1, sizeof(*d->group_of));
	if (!d->group_of)
		return &seep_enomem;
	for (uint32_t i = 0; i < d->cycles.cycles.len; i++)
		if (!add_to_group(d, i))
			return &seep_enomem;
	_cleanup_free_ struct seep_cycles_held *held = calloc(d->groups.len + 1, sizeof(*held));
	if (!held)
		return &seep_enomem;
	err = seep_cycles_held(&d->cycles, d->group_of, d->groups.len, held);
	for (uint32_t i = 0; !err && i < d->groups.len; i++)
		err = make_finding(d, i, &held[i]);
	return err;
}

struct seep_error *seep_detect_finalizers(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err = NULL;
	struct cycle_detector d = { .view = view, .report = report };

	if (seep_detect_wanted(view, cycle_cause, SEEP_VERDICT_PROVEN)) {
		err = seep_cycles_find(view->runtime, &d.cycles);
		if (!err && d.cycles.cycles.len)
			err = report_cycles(&d);
	}
	seep_cycles_deinit(&d.cycles);
	seep_vec_free(&d.groups);
	seep_map_deinit(&d.by_signature);
	free(d.group_of);
	return err ? err : seep_detect_stuck_finalizers(view, report);
}
