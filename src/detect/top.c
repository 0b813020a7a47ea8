// Who retains most: types, package variables, goroutines.
//
// A variable or goroutine retains its subtree of the dominator tree. A type retains what the subtrees of its objects hold
// together, each byte once: an object in the subtree of another one of its type adds nothing. So the tree is walked down with a count
// of how many objects of each type the walk is inside of.
#include "detect/holders.h"

#include "base/large.h"
#include "detect/explain_wait.h"
#include "detect/object_types.h"
#include "detect/path_text.h"

struct walk {
	const struct seep_graph *graph;
	uint32_t *first_child, *child; // by node, as edges
	struct seep_object_types types;
	uint32_t *type; // by node - first_object: number
	struct seep_vec(struct seep_holder) by_type; // by number
	struct seep_vec(
		uint32_t) inside; // by number: objects of the type that the walk is inside of
	uint64_t objects; // so far
	uint64_t *root_objects; // by root: objects in its subtree
};

static bool list_children(struct walk *w)
{
	uint32_t count = w->graph->node_count;
	const uint32_t *dominator = w->graph->dominator;

	w->first_child = seep_large_alloc((size_t)count + 1, sizeof(*w->first_child));
	w->child = seep_large_alloc(count, sizeof(*w->child));
	if (!w->first_child || !w->child)
		return false;
	memset(w->first_child, 0, ((size_t)count + 1) * sizeof(*w->first_child));
	for (uint32_t n = 1; n < count; n++)
		if (dominator[n] != SEEP_NODE_NONE)
			w->first_child[dominator[n]]++;
	for (uint32_t n = 0, sum = 0; n <= count; n++)
		w->first_child[n] = sum += w->first_child[n];
	for (uint32_t n = count; n-- > 1;)
		if (dominator[n] != SEEP_NODE_NONE)
			w->child[--w->first_child[dominator[n]]] = n;
	return true;
}

/** In the order of addresses, where neighbours are of one type more often than in the order of the tree. */
static bool find_types(struct walk *w)
{
	uint32_t count = w->graph->node_count - w->graph->first_object;

	w->type = seep_large_alloc(count, sizeof(*w->type));
	for (uint32_t i = 0; w->type && i < count; i++)
		w->type[i] = seep_object_type(
			&w->types, seep_graph_object(w->graph, w->graph->first_object + i));
	while (w->by_type.len < w->types.names.len)
		if (!seep_vec_push(&w->by_type, (struct seep_holder){ .kind = "type" }) ||
		    !seep_vec_push(&w->inside, 0))
			return false;
	return w->type && !w->types.failed;
}

static void enter(struct walk *w, uint32_t node)
{
	if (node < w->graph->first_object) {
		w->root_objects[node] = w->objects;
		return;
	}
	uint32_t type = w->type[node - w->graph->first_object];
	struct seep_holder *h = &w->by_type.data[type];
	h->count++;
	h->bytes += seep_graph_bytes(w->graph, node);
	if (w->inside.data[type]++ == 0)
		h->retained_bytes += seep_graph_retained(w->graph, node);
	w->objects++;
}

static void leave(struct walk *w, uint32_t node)
{
	if (node < w->graph->first_object)
		w->root_objects[node] = w->objects - w->root_objects[node];
	else
		w->inside.data[w->type[node - w->graph->first_object]]--;
}

/** Down the tree; next: by node, the child that is to be entered next. */
static void walk_down(struct walk *w, uint32_t *next, uint32_t *stack)
{
	uint32_t depth = 0;

	stack[depth++] = SEEP_NODE_ROOT;
	while (depth > 0) {
		uint32_t node = stack[depth - 1];
		if (next[node] == w->first_child[node])
			enter(w, node);
		if (next[node] < w->first_child[node + 1]) {
			stack[depth++] = w->child[next[node]++];
			continue;
		}
		leave(w, node);
		depth--;
	}
}

static bool walk_tree(struct walk *w)
{
	uint32_t count = w->graph->node_count;
	_cleanup_free_ uint32_t *stack = seep_large_alloc(count, sizeof(*stack)),
				*next = seep_large_alloc(count, sizeof(*next));

	w->root_objects = calloc(w->graph->first_object, sizeof(*w->root_objects));
	if (!stack || !next || !w->root_objects || !find_types(w) || !list_children(w))
		return false;
	memcpy(next, w->first_child, count * sizeof(*next));
	walk_down(w, next, stack);
	return true;
}

int seep_holder_compare(const void *a, const void *b)
{
	const struct seep_holder *x = a, *y = b;

	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes > y->retained_bytes ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return strcmp(x->name ? x->name : "", y->name ? y->name : "");
}

/** By node for variables and by index for goroutines, so that only those that are shown get a name. */
struct candidate {
	uint64_t retained, key;
};
struct candidates seep_vec(struct candidate);

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->retained != y->retained)
		return x->retained > y->retained ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/** The type of what the word at addr leads to; NULL if it is not known. */
static const char *type_at(const struct seep_view *view, struct seep_report *report, seep_addr addr)
{
	struct seep_object object;

	return seep_heap_find(&view->runtime->heap, seep_memory_word(&view->runtime->memory, addr),
			      &object) ?
		       seep_path_type(view, report, object) :
		       NULL;
}

static struct seep_error *list_variables(struct walk *w, const struct seep_view *view,
					 struct seep_report *report, size_t top)
{
	const struct seep_graph *graph = w->graph;
	struct candidates all = {};
	bool ok = true;

	for (uint32_t n = 1; ok && n < graph->first_object; n++)
		if (graph->roots.data[n - 1].kind == SEEP_ROOT_GLOBAL &&
		    seep_graph_retained(graph, n))
			ok = seep_vec_push(&all,
					   (struct candidate){ seep_graph_retained(graph, n), n });
	if (all.len)
		qsort(all.data, all.len, sizeof(*all.data), compare_candidates);
	for (size_t i = 0; ok && i < all.len && i < top; i++) {
		uint32_t n = all.data[i].key;
		const struct seep_graph_root *root = &graph->roots.data[n - 1];
		struct seep_holder h = {
			.kind = "variable",
			.name = seep_path_root(view, report, n),
			.count = w->root_objects[n],
			.bytes = root->is_word ? 8 : view->variables->items.data[root->id].size,
			.retained_bytes = seep_graph_retained(graph, n),
		};
		if (h.name && root->is_word)
			h.point = type_at(view, report, root->id);
		ok = h.name && seep_vec_push(&report->top.variables, h);
	}
	seep_vec_free(&all);
	return ok ? NULL : &seep_enomem;
}

/** The node of each goroutine, by its index; 0 = none. */
static uint32_t *goroutine_nodes(const struct walk *w, const struct seep_runtime *rt)
{
	uint32_t *nodes = calloc(rt->goroutines.len + 1, sizeof(*nodes));

	for (uint32_t n = 1; nodes && n < w->graph->first_object; n++)
		if (w->graph->roots.data[n - 1].kind == SEEP_ROOT_GOROUTINE)
			nodes[w->graph->roots.data[n - 1].id] = n;
	return nodes;
}

static struct seep_error *list_goroutines(struct walk *w, const struct seep_view *view,
					  struct seep_report *report, size_t top)
{
	const struct seep_graph *graph = w->graph;
	const struct seep_runtime *rt = view->runtime;
	_cleanup_free_ uint32_t *nodes = goroutine_nodes(w, rt);
	struct candidates all = {};
	bool ok = nodes != NULL;

	for (size_t i = 0; ok && i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		uint64_t retained = nodes[i] ? seep_graph_retained(graph, nodes[i]) : 0;
		ok = seep_vec_push(&all,
				   (struct candidate){ retained + (g->stack_hi - g->stack_lo), i });
	}
	if (all.len)
		qsort(all.data, all.len, sizeof(*all.data), compare_candidates);
	for (size_t i = 0; ok && i < all.len && i < top; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[all.data[i].key];
		struct seep_holder h = {
			.kind = "goroutine",
			.name = seep_path_goroutine(view, report, g),
			.count = w->root_objects[nodes[all.data[i].key]],
			.bytes = g->stack_hi - g->stack_lo,
			.retained_bytes = all.data[i].retained,
		};
		if (!nodes[all.data[i].key])
			h.count = 0;
		ok = h.name && seep_vec_push(&report->top.goroutines, h);
	}
	seep_vec_free(&all);
	return ok ? NULL : &seep_enomem;
}

static const char *site_name(const struct seep_view *view, struct seep_report *report,
			     const struct seep_goroutine *g)
{
	const char *creator = seep_text_created_at(view, g).function;
	const char *function = seep_path_goroutine_function(view, g);

	return seep_report_format(report, "%s%s%s", function ? function : "(unknown function)",
				  creator ? ", started by " : "", creator ? creator : "");
}

/** One line for all goroutines that were started at the same place in the code; places may share a name. */
static struct seep_error *list_sites(struct walk *w, const struct seep_view *view,
				     struct seep_report *report)
{
	const struct seep_runtime *rt = view->runtime;
	_cleanup_(seep_map_deinit) struct seep_map sites = {};
	_cleanup_free_ uint32_t *nodes = goroutine_nodes(w, rt);
	bool ok = nodes != NULL;

	for (size_t i = 0; ok && i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		bool added = false;
		uint64_t *site = seep_map_put(&sites, g->startpc * 31 + g->gopc, &added);
		ok = site != NULL;
		if (ok && added) {
			struct seep_holder h = { .kind = "goroutine",
						 .name = site_name(view, report, g) };
			*site = report->top.sites.len;
			ok = h.name && seep_vec_push(&report->top.sites, h);
		}
		if (!ok)
			break;
		struct seep_holder *h = &report->top.sites.data[*site];
		uint64_t stack = g->stack_hi - g->stack_lo;
		h->count++;
		h->bytes += stack;
		h->retained_bytes +=
			stack + (nodes[i] ? seep_graph_retained(w->graph, nodes[i]) : 0);
	}
	return ok ? NULL : &seep_enomem;
}

static struct seep_error *list_types(struct walk *w, struct seep_report *report, size_t top)
{
	struct seep_holder *all = w->by_type.data;
	size_t len = 0;

	for (size_t i = 0; i < w->by_type.len; i++) {
		struct seep_holder h = all[i];
		h.name = w->types.names.data[i];
		if (h.count)
			all[len++] = h;
	}
	if (len)
		qsort(all, len, sizeof(*all), seep_holder_compare);
	for (size_t i = 0; i < len && i < top; i++)
		if (!seep_vec_push(&report->top.types, all[i]))
			return &seep_enomem;
	return NULL;
}

struct seep_error *seep_describe_top(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err;
	struct walk w = { .graph = view->graph };
	bool census = view->options->census;
	size_t top = census ? SIZE_MAX : view->options->top;

	seep_object_types_init(&w.types, view, report);
	err = walk_tree(&w) ? NULL : &seep_enomem;
	if (!err)
		err = list_types(&w, report, top);
	if (!err)
		err = list_variables(&w, view, report, top);
	if (!err)
		err = census ? list_sites(&w, view, report) :
			       list_goroutines(&w, view, report, top);
	seep_object_types_deinit(&w.types);
	seep_vec_free(&w.by_type);
	seep_vec_free(&w.inside);
	free(w.type);
	free(w.root_objects);
	free(w.first_child);
	free(w.child);
	return err;
}
