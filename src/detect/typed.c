// report->types: how much of the heap is of known type, and what keeps the rest from being so.
//
// An object of unknown type gets its reason from what leads to it on a shortest path from a root, or, if that is of unknown
// type as well, the same reason as that.
#include "detect/detect.h"

#include <stdlib.h>
#include <string.h>

enum reason {
	REASON_NONE,
	REASON_VARIABLE,
	REASON_STACK,
	REASON_CLOSURE,
	REASON_RUNTIME,
	REASON_UNSAFE,
	REASONS,
};

static const char *const names[] = {
	[REASON_VARIABLE] = "held by package variables of unknown type",
	[REASON_STACK] = "held by stacks",
	[REASON_CLOSURE] = "captured by closures",
	[REASON_RUNTIME] = "of the runtime's own",
	[REASON_UNSAFE] = "held by unsafe pointers, or allocated in a way that types do not tell",
};

static bool is_typed(const struct seep_view *view, struct seep_object object)
{
	const struct seep_typing *typing = view->typing;

	return seep_typing_content(typing, object)->content != SEEP_CONTENT_UNKNOWN ||
	       view->runtime->heap.spans.data[object.span].tiny;
}

static enum reason reason_of_root(const struct seep_graph_root *root)
{
	switch (root->kind) {
	case SEEP_ROOT_GLOBAL:
		return REASON_VARIABLE;
	case SEEP_ROOT_GOROUTINE:
		return REASON_STACK;
	default:
		return REASON_RUNTIME;
	}
}

/** Why what the node leads to has no type; NONE if that node has none itself. */
static enum reason reason_of_parent(const struct seep_view *view, uint32_t node)
{
	const struct seep_graph *g = view->graph;

	if (node == SEEP_NODE_NONE || node == SEEP_NODE_ROOT)
		return REASON_RUNTIME;
	if (node < g->first_object)
		return reason_of_root(&g->roots.data[node - 1]);
	struct seep_object object = seep_graph_object(g, node);
	if (seep_bit_get(view->live->opaque, seep_heap_number(&view->runtime->heap, object)))
		return REASON_RUNTIME;
	if (!is_typed(view, object))
		return REASON_NONE;
	return seep_typing_content(view->typing, object)->content == SEEP_CONTENT_CLOSURE ?
		       REASON_CLOSURE :
		       REASON_UNSAFE;
}

/** reasons: by node, filled along the way. */
static enum reason reason_of(const struct seep_view *view, uint8_t *reasons, uint32_t node)
{
	const struct seep_graph *g = view->graph;
	enum reason reason = REASON_NONE;
	uint32_t end = node;

	for (; !reason; end = g->parent[end])
		reason = reasons[end] ? reasons[end] : reason_of_parent(view, g->parent[end]);
	for (uint32_t n = node; n != end && !reasons[n]; n = g->parent[n])
		reasons[n] = reason;
	return reason;
}

static int compare_parts(const void *a, const void *b)
{
	const struct seep_ledger_part *x = a, *y = b;

	return x->bytes != y->bytes ? (x->bytes > y->bytes ? -1 : 1) : strcmp(x->name, y->name);
}

struct seep_error *seep_describe_types(const struct seep_view *view, struct seep_report *report)
{
	const struct seep_graph *g = view->graph;
	const struct seep_typing *typing = view->typing;
	uint64_t bytes[REASONS] = {};
	_cleanup_free_ uint8_t *reasons = calloc(g->node_count + 1ul, 1);

	if (!reasons)
		return &seep_enomem;
	report->types.objects = typing->all.objects;
	report->types.bytes = typing->all.bytes;
	report->types.typed_objects = typing->typed.objects;
	report->types.typed_bytes = typing->typed.bytes;
	for (uint32_t node = g->first_object; node < g->node_count; node++) {
		struct seep_object object = seep_graph_object(g, node);
		if (!is_typed(view, object))
			bytes[reason_of(view, reasons, node)] +=
				view->runtime->heap.spans.data[object.span].elem_size;
	}
	for (int i = 1; i < REASONS; i++)
		if (bytes[i] && !seep_vec_push(&report->types.untyped,
					       (struct seep_ledger_part){ names[i], bytes[i] }))
			return &seep_enomem;
	if (report->types.untyped.len)
		qsort(report->types.untyped.data, report->types.untyped.len,
		      sizeof(struct seep_ledger_part), compare_parts);
	return NULL;
}
