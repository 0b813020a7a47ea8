// Memory that is held and that nothing can see: substring, subslice, lost-elements.
//
// The views (graph/typing.h) say of each object what of it is left uncovered. An object counts when that is at least half
// of it: what append and strings.Builder leave over is less. Objects are grouped by who holds them, a type and a field of it, and
// a group becomes a finding from a size on that matters.
//
// What rests on more than reachability is only suspect: a type that was guessed, and slices that show little of a large array
// but could be re-sliced to show it all.
#include "detect/allocation.h"
#include "detect/explain_wait.h"
#include "detect/holder_text.h"
#include "detect/path_text.h"
#include "graph/hidden.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/** A finding is worth a reader's time from so many bytes on, and from so large a part of the heap. */
static const uint64_t bytes_min = 64 << 10, heap_part = 1000;
/** The same for arrays of which slices show little: nearly always buffers, which every server has, between two uses. */
static const uint64_t soft_bytes_min = 1 << 20, soft_heap_part = 100;

enum cause { CAUSE_SUBSTRING, CAUSE_SUBSLICE, CAUSE_LOST };

static const struct {
	const char *name, *noun, *fix;
} causes[] = {
	[CAUSE_SUBSTRING] = { "substring", "string",
			      "keep a copy of the part: strings.Clone(s[i:j])" },
	[CAUSE_SUBSLICE] = { "subslice", "array",
			     "keep a copy of the part: slices.Clone(s[i:j]), or append([]T(nil), s[i:j]...)" },
	[CAUSE_LOST] = { "lost-elements", "object",
			 "set elements to nil before the slice shrinks: clear(s[n:]) or slices.Delete, which does (Go 1.22); for a queue copy what is left, or use a ring" },
};

struct group {
	enum cause cause;
	enum seep_verdict verdict;
	bool soft; /** seen only by re-slicing */
	const char *holder;
	uint64_t count, size, waste, visible;
	struct seep_vec(struct seep_object) largest; /** first ones met, up to the limit */
	struct seep_vec(uint64_t) seen; /** their visible bytes */
};

struct detector {
	const struct seep_view *view;
	struct seep_report *report;
	struct seep_vec(struct group) groups;
	struct seep_map by_key;
	bool blind; /** what was not read, or was changing meanwhile, may see more */
	bool failed;
};

static struct group *group_of(struct detector *d, enum cause cause, enum seep_verdict verdict,
			      bool soft, const struct seep_partial *p)
{
	_cleanup_(seep_str_deinit) struct seep_str text = {};
	char variant[3] = { '0' + verdict, soft ? 's' : 'h', '\0' };
	bool added;

	seep_text_holder_of(d->view, p->holder, p->object, &text);
	uint64_t key =
		seep_detect_signature(causes[cause].name, seep_str_text(&text), variant, NULL);
	uint64_t *slot = text.failed ? NULL : seep_map_put(&d->by_key, key, &added);
	if (!slot) {
		d->failed = true;
		return NULL;
	}
	if (added) {
		*slot = d->groups.len;
		if (!seep_vec_push(&d->groups,
				   (struct group){
					   .cause = cause,
					   .verdict = verdict,
					   .soft = soft,
					   .holder = seep_report_format(d->report, "%s",
									seep_str_text(&text)),
				   })) {
			d->failed = true;
			return NULL;
		}
	}
	return &d->groups.data[*slot];
}

static void add_object(struct detector *d, struct group *group, struct seep_object object,
		       uint64_t visible)
{
	uint64_t size = d->view->runtime->heap.spans.data[object.span].elem_size;

	group->count++;
	group->size += size;
	group->waste += size - visible;
	group->visible += visible;
	if (group->largest.len < SEEP_FINDING_OBJECTS_MAX &&
	    (!seep_vec_push(&group->largest, object) || !seep_vec_push(&group->seen, visible)))
		d->failed = true;
}

// Bytes.

static bool is_pinned(const struct detector *d, const struct seep_hidden *hidden,
		      struct seep_object object)
{
	uint32_t node = seep_graph_node(d->view->graph, object);

	return node != SEEP_NODE_NONE && seep_bit_get(hidden->pinned, node);
}

/** Suspects that are lost as a whole once slices are not re-sliced count there alone. */
static void judge_bytes(struct detector *d, const struct seep_hidden *hidden,
			const struct seep_hidden *soft_hidden)
{
	const struct seep_typing *typing = d->view->typing;

	for (size_t i = 0; i < typing->partials.len; i++) {
		const struct seep_partial *p = &typing->partials.data[i];
		const struct seep_span *span = &d->view->runtime->heap.spans.data[p->object.span];
		bool hard = p->visible <= span->elem_size / 2,
		     soft = p->soft <= span->elem_size / 2;
		if ((!hard && !soft) || is_pinned(d, hidden, p->object))
			continue;
		enum cause cause = p->kind == SEEP_PART_STRING ? CAUSE_SUBSTRING : CAUSE_SUBSLICE;
		enum seep_verdict verdict = hard && !p->guessed && !d->blind ? SEEP_VERDICT_PROVEN :
									       SEEP_VERDICT_SUSPECT;
		if (verdict == SEEP_VERDICT_SUSPECT && is_pinned(d, soft_hidden, p->object))
			continue;
		struct group *group = group_of(d, cause, verdict, !hard, p);
		if (group)
			add_object(d, group, p->object, hard ? p->visible : p->soft);
	}
}

// Objects.

struct follower {
	struct detector *d;
	const struct seep_hidden *hidden;
	bool soft;
	uint64_t *taken; /** bit by node: counted in some group */
	struct seep_vec(uint32_t) todo;
};

static void take(struct follower *f, uint32_t node)
{
	if (!seep_bit_get(f->hidden->pinned, node) || seep_bit_get(f->taken, node))
		return;
	seep_bit_set(f->taken, node);
	if (!seep_vec_push(&f->todo, node))
		f->d->failed = true;
}

/** Counts the object and all that is pinned with it, each in the first group that comes by. */
static void take_all(struct follower *f, struct group *group, uint32_t first)
{
	const struct seep_graph *g = f->d->view->graph;
	const struct seep_heap *heap = &f->d->view->runtime->heap;

	take(f, first);
	while (f->todo.len) {
		uint32_t node = seep_vec_pop(&f->todo);
		struct seep_object object = seep_graph_object(g, node);
		if (node == first)
			add_object(f->d, group, object, 0);
		else
			group->waste += heap->spans.data[object.span].elem_size;
		uint32_t count;
		const uint32_t *out = seep_edges_of(&g->edges, node, &count);
		for (uint32_t e = 0; e < count; e++)
			take(f, out[e]);
	}
}

static void judge_pointer(const struct seep_partial *p, uint32_t node, void *arg)
{
	struct follower *f = arg;
	struct detector *d = f->d;

	if (!seep_bit_get(f->hidden->pinned, node) || seep_bit_get(f->taken, node) ||
	    is_pinned(d, f->hidden, p->object))
		return;
	struct group *group = group_of(d, CAUSE_LOST,
				       f->soft || p->guessed || d->blind ? SEEP_VERDICT_SUSPECT :
									   SEEP_VERDICT_PROVEN,
				       f->soft, p);
	if (group)
		take_all(f, group, node);
}

static struct seep_error *judge_objects(struct detector *d, const struct seep_hidden *hidden,
					bool soft, uint64_t *taken)
{
	struct follower f = { .d = d, .hidden = hidden, .soft = soft, .taken = taken };

	seep_hidden_each(d->view->typing, d->view->graph, soft ? SEEP_HIDDEN_SOFT : SEEP_HIDDEN,
			 judge_pointer, &f);
	seep_vec_free(&f.todo);
	return d->failed ? &seep_enomem : NULL;
}

// Words.

static void explain(const struct detector *d, struct seep_finding *f, const struct group *group)
{
	switch (group->cause) {
	case CAUSE_SUBSTRING:
		f->summary = "Short strings keep long ones alive: nothing can see the rest.";
		break;
	case CAUSE_SUBSLICE:
		f->summary =
			group->soft ?
				"Short slices keep large arrays, of which they show little." :
				"Short slices or pointers keep large arrays alive: nothing can see the rest.";
		break;
	case CAUSE_LOST:
		f->summary = group->soft ?
				     "Slices that shrank still hold what stands behind their end." :
				     "Slices that moved on still hold what they no longer show.";
		break;
	}
	if (group->cause == CAUSE_LOST)
		seep_text_why(
			d->report, f, "nothing else leads to them: %s",
			group->soft ?
				"re-slicing up to the cap would bring them back, appending would overwrite them" :
				"they stand in elements that no slice, string or pointer shows any more");
	else if (group->soft)
		seep_text_why(
			d->report, f,
			"the rest lies between len and cap: only re-slicing or appending gets there");
	else
		seep_text_why(d->report, f, "all pointers into them together show %s of %s bytes",
			      seep_path_number(d->report, group->visible),
			      seep_path_number(d->report, group->size));
	if (group->verdict == SEEP_VERDICT_SUSPECT && !group->soft)
		seep_text_why(
			d->report, f, "not proven: %s",
			d->blind ?
				"not all of the memory could be read as it was at one moment" :
				"the type of what holds them, or of the memory itself, is not known for certain, or they stand at its beginning, from where unsafe code may see all of it");
}

static bool add_texts(const struct detector *d, struct seep_finding *f, const struct group *group)
{
	for (size_t i = 0; i < group->largest.len; i++) {
		struct seep_object object = group->largest.data[i];
		struct seep_finding_object text = {
			.address = seep_heap_address(&d->view->runtime->heap, object),
			.type = seep_path_type(d->view, d->report, object),
			.size = d->view->runtime->heap.spans.data[object.span].elem_size,
			.has_visible = true,
			.visible_bytes = group->seen.data[i],
		};
		text.path = seep_path_to(d->view, d->report, SEEP_NODE_ROOT,
					 seep_graph_node(d->view->graph, object), &text.path_len);
		if (!seep_vec_push(&f->objects, text))
			return false;
		if (!f->allocated)
			seep_text_allocated(d->view, d->report, object, f);
	}
	if (!f->allocated)
		seep_text_unsampled(d->view, d->report);
	return true;
}

static struct seep_error *make_finding(const struct detector *d, const struct group *group)
{
	struct seep_finding f = {
		.cause = causes[group->cause].name,
		.verdict = group->verdict,
		.signature = seep_detect_signature(causes[group->cause].name, group->holder, NULL),
		.count = group->count,
		.noun = causes[group->cause].noun,
		.retained_bytes = group->cause == CAUSE_LOST ? group->waste : group->size,
		.wasted_bytes = group->waste,
		.holder = group->holder,
		.fix = causes[group->cause].fix,
	};

	explain(d, &f, group);
	if (!add_texts(d, &f, group) || !seep_vec_push(&d->report->findings, f)) {
		seep_vec_free(&f.why);
		seep_vec_free(&f.objects);
		return &seep_enomem;
	}
	return NULL;
}

static bool is_worth_it(const struct detector *d, const struct group *group)
{
	bool buffers = group->soft && group->cause != CAUSE_LOST;
	uint64_t least = d->view->live->reachable_bytes / (buffers ? soft_heap_part : heap_part);

	return group->waste >= least && group->waste >= (buffers ? soft_bytes_min : bytes_min);
}

static struct seep_error *make_findings(const struct detector *d)
{
	struct seep_error *err = NULL;

	for (size_t i = 0; !err && i < d->groups.len; i++) {
		const struct group *group = &d->groups.data[i];
		if (is_worth_it(d, group) &&
		    seep_detect_wanted(d->view, causes[group->cause].name, group->verdict))
			err = make_finding(d, group);
	}
	return err;
}

struct seep_error *seep_detect_unseen(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err;
	struct detector d = {
		.view = view,
		.report = report,
		.blind = seep_runtime_is_blind(view->runtime) || view->live->dangling,
	};
	_cleanup_(seep_hidden_deinit) struct seep_hidden hidden = {}, soft = {};
	_cleanup_free_ uint64_t *taken = calloc(SEEP_BITS_WORDS(view->graph->node_count) + 1, 8);

	if (!taken)
		return &seep_enomem;
	// What could not be read may show anything.
	if (view->typing->partials.len == 0 || view->runtime->heap.unread_spans ||
	    view->runtime->binary->pclntab.module.next)
		return NULL;
	err = seep_hidden_find(view->typing, view->graph, SEEP_HIDDEN, &hidden);
	if (!err)
		err = seep_hidden_find(view->typing, view->graph, SEEP_HIDDEN_SOFT, &soft);
	if (!err) {
		judge_bytes(&d, &hidden, &soft);
		err = judge_objects(&d, &hidden, false, taken);
	}
	if (!err)
		err = judge_objects(&d, &soft, true, taken);
	if (!err)
		err = make_findings(&d);
	seep_vec_foreach(group, &d.groups) {
		seep_vec_free(&group->largest);
		seep_vec_free(&group->seen);
	}
	seep_vec_free(&d.groups);
	seep_map_deinit(&d.by_key);
	return err;
}
