// Suspects: who retains at least a tenth of the heap, and where it accumulates; after Eclipse MAT's leak suspects.
//
// From each child of node 0 in the dominator tree that retains so much, the way goes down to the largest child as long as that retains almost all of
// what the node did. Where it does not, the memory fans out: the point of accumulation. A list loses little from node to node but
// everything in the end, so going from node to node of one type does not move the point: it stays at the list's first. If what hangs on the
// way is large itself, it is looked at in the same way, and the point counts only if enough is left without it. Several large ones of one type,
// such as the shards of a table, are no suspects each: what holds them is.
//
// Children of node 0 that are small, but many of one type (or goroutines with one function), are a suspect together.
#include "detect/holders.h"

#include "base/str.h"
#include "detect/object_types.h"
#include "detect/path_text.h"

#include <inttypes.h>
#include <string.h>

enum { SHARE = 10 }; // a suspect retains at least a SHAREth of the heap
enum { KEPT = 7, OF = 10 }; // a child that retains KEPT OFths goes on; what has less fans out

struct heavy {
	uint32_t dominator, node;
	uint64_t retained;
};

struct suspect {
	uint32_t top, point; // top: child of node 0 that it is below
	bool run; // the way went on from the point to others of its type
	// What the point dominates at once:
	uint64_t objects, main_count, main_retained;
	uint32_t main_type;
};

struct group {
	uint64_t count, bytes, retained, largest_retained;
	uint32_t largest; // node
};

struct finder {
	const struct seep_view *view;
	const struct seep_graph *graph;
	struct seep_report *report;
	struct seep_object_types types;
	uint64_t enough; // bytes
	struct seep_vec(struct heavy) heavy; // by dominator, then the largest first
	struct seep_vec(struct suspect) todo; // tops to be looked at; point: where to start
	struct seep_vec(struct suspect) suspects;
	bool failed;
};

static int compare_heavy(const void *a, const void *b)
{
	const struct heavy *x = a, *y = b;

	if (x->dominator != y->dominator)
		return x->dominator < y->dominator ? -1 : 1;
	if (x->retained != y->retained)
		return x->retained > y->retained ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static void find_heavy(struct finder *f)
{
	const struct seep_graph *graph = f->graph;
	uint64_t least = f->enough / OF * KEPT;

	for (uint32_t n = 1; n < graph->node_count; n++)
		if (seep_graph_retained(graph, n) >= least &&
		    !seep_vec_push(&f->heavy, (struct heavy){ graph->dominator[n], n,
							      seep_graph_retained(graph, n) }))
			f->failed = true;
	if (f->heavy.len)
		qsort(f->heavy.data, f->heavy.len, sizeof(*f->heavy.data), compare_heavy);
}

/** The children of a node that are heavy, the largest first. */
static const struct heavy *children(const struct finder *f, uint32_t node, size_t *len_ret)
{
	size_t lo = 0, hi = f->heavy.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (f->heavy.data[mid].dominator < node)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (*len_ret = 0;
	     lo + *len_ret < f->heavy.len && f->heavy.data[lo + *len_ret].dominator == node;)
		++*len_ret;
	return f->heavy.data + lo;
}

static bool same_kind(struct finder *f, uint32_t a, uint32_t b)
{
	const struct seep_graph *graph = f->graph;

	if (a < graph->first_object || b < graph->first_object)
		return false;
	uint32_t type = seep_object_type(&f->types, seep_graph_object(graph, a));
	return seep_graph_bytes(graph, a) == seep_graph_bytes(graph, b) &&
	       type == seep_object_type(&f->types, seep_graph_object(graph, b));
}

/** Has one of the heavy children brothers among them? Then it is a part of what they are together. */
static bool has_brother(struct finder *f, const struct heavy *children, size_t len, size_t i)
{
	for (size_t k = 0; k < len && children[k].retained >= f->enough; k++)
		if (k != i && same_kind(f, children[k].node, children[i].node))
			return true;
	return false;
}

/** Heavy children of node that do not go on with what the point is; the sum of what they retain. */
static uint64_t branch_off(struct finder *f, const struct suspect *s, uint32_t node, uint32_t next)
{
	size_t len;
	const struct heavy *c = children(f, node, &len);
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		if (c[i].retained < f->enough || c[i].node == next ||
		    same_kind(f, c[i].node, s->point) || has_brother(f, c, len, i))
			continue;
		sum += c[i].retained;
		if (!seep_vec_push(&f->todo, (struct suspect){ .top = s->top, .point = c[i].node }))
			f->failed = true;
	}
	return sum;
}

/** Goes down from s.point to where it fans out. */
static void follow(struct finder *f, struct suspect s)
{
	uint64_t elsewhere = 0;
	size_t len;

	for (uint32_t node = s.point;;) {
		const struct heavy *c = children(f, node, &len);
		bool on = len > 0 &&
			  c->retained >= seep_graph_retained(f->graph, s.point) / OF * KEPT;
		elsewhere += branch_off(f, &s, node, on ? c->node : SEEP_NODE_NONE);
		if (!on)
			break;
		node = c->node;
		if (same_kind(f, node, s.point)) {
			s.run = true;
		} else {
			s.point = node;
			s.run = false;
			elsewhere = 0;
		}
	}
	if (seep_graph_retained(f->graph, s.point) - elsewhere >= f->enough &&
	    !seep_vec_push(&f->suspects, s))
		f->failed = true;
}

static void find_suspects(struct finder *f)
{
	size_t len;

	find_heavy(f);
	const struct heavy *tops = children(f, SEEP_NODE_ROOT, &len);
	for (size_t i = 0; i < len; i++)
		if (tops[i].retained >= f->enough &&
		    !seep_vec_push(&f->todo,
				   (struct suspect){ .top = tops[i].node, .point = tops[i].node }))
			f->failed = true;
	while (f->todo.len && !f->failed)
		follow(f, seep_vec_pop(&f->todo));
}

/** What the suspects' points dominate at once, by type. */
static bool count_children(struct finder *f)
{
	const struct seep_graph *graph = f->graph;
	struct seep_map points = {}, counts = {}, sums = {};
	bool ok = true;

	for (size_t i = 0; ok && i < f->suspects.len; i++) {
		uint64_t *slot = seep_map_put(&points, f->suspects.data[i].point, NULL);
		if (slot)
			*slot = i + 1;
		ok = slot != NULL;
	}
	for (uint32_t n = graph->first_object; ok && n < graph->node_count; n++) {
		const uint64_t *slot = seep_map_get(&points, graph->dominator[n]);
		if (!slot)
			continue;
		struct suspect *s = &f->suspects.data[*slot - 1];
		uint32_t type = seep_object_type(&f->types, seep_graph_object(graph, n));
		uint64_t *count = seep_map_put(&counts, *slot << 32 | type, NULL);
		uint64_t *sum = seep_map_put(&sums, *slot << 32 | type, NULL);
		ok = count && sum;
		if (!ok)
			break;
		s->objects++;
		++*count;
		*sum += seep_graph_retained(graph, n);
		if (*sum >= s->main_retained) {
			s->main_retained = *sum;
			s->main_count = *count;
			s->main_type = type;
		}
	}
	seep_map_deinit(&points);
	seep_map_deinit(&counts);
	seep_map_deinit(&sums);
	return ok;
}

static const char *root_kind(const struct seep_graph_root *root)
{
	return root->kind == SEEP_ROOT_GLOBAL	 ? "variable" :
	       root->kind == SEEP_ROOT_GOROUTINE ? "goroutine" :
	       root->kind == SEEP_ROOT_TIMER	 ? "timer" :
						   "runtime";
}

/** Whether the point is a map that holds nothing but its own tables or buckets. */
static bool is_of_parts(struct finder *f, const struct suspect *s)
{
	const struct seep_graph *graph = f->graph;

	return s->point >= graph->first_object && s->main_type >= SEEP_OBJECT_TYPES_KNOWN &&
	       s->main_count == s->objects &&
	       s->main_type == seep_object_type(&f->types, seep_graph_object(graph, s->point));
}

/** "map[string]*main.session, holding 20,000 objects of type main.session and 2 others". */
static const char *describe_point(struct finder *f, const struct suspect *s)
{
	const struct seep_graph *graph = f->graph;
	_cleanup_(seep_str_deinit) struct seep_str text = {};

	if (s->point >= graph->first_object) {
		// Asking for a type may move the names.
		uint32_t type = seep_object_type(&f->types, seep_graph_object(graph, s->point));
		seep_str_add(&text, f->types.names.data[type]);
	}
	if (s->run) {
		seep_str_add(&text, ", the first of many that hold each other");
	} else if (s->objects && !is_of_parts(f, s)) {
		bool known = s->main_type >= SEEP_OBJECT_TYPES_KNOWN;
		uint64_t count = known ? s->main_count : s->objects;
		seep_str_add(&text, text.len ? ", holding " : "holds ");
		seep_path_count(&text, count);
		seep_str_add(&text, count == 1 ? " object" : " objects");
		if (known)
			seep_str_addf(&text, " of type %s", f->types.names.data[s->main_type]);
		if (known && s->objects > s->main_count) {
			seep_str_add(&text, " and ");
			seep_path_count(&text, s->objects - s->main_count);
			seep_str_add(&text, s->objects - s->main_count == 1 ? " other" : " others");
		}
	}
	return text.failed ? NULL : seep_report_format(f->report, "%s", seep_str_text(&text));
}

static bool add_suspect(struct finder *f, const struct suspect *s)
{
	const struct seep_graph *graph = f->graph;
	bool root = s->top < graph->first_object;
	struct seep_holder h = {
		.kind = root ? root_kind(&graph->roots.data[s->top - 1]) : "object",
		.count = 1,
		.bytes = seep_graph_bytes(graph, s->point),
		.retained_bytes = seep_graph_retained(graph, s->point),
		.point = describe_point(f, s),
	};
	const char *const *path = seep_path_to(f->view, f->report, root ? SEEP_NODE_ROOT : s->top,
					       s->point, &h.path_len);

	if (!path || !h.point)
		return false;
	h.path = path;
	if (root && h.path_len > 0) {
		h.name = path[0];
		h.path++;
		h.path_len--;
	} else {
		struct seep_object object = seep_graph_object(graph, s->top);
		seep_addr addr = seep_heap_address(&f->view->runtime->heap, object);
		uint32_t type = seep_object_type(&f->types, object);
		h.name = type < SEEP_OBJECT_TYPES_KNOWN ?
				 seep_report_format(f->report, "%#" PRIx64, addr) :
				 seep_report_format(f->report, "%#" PRIx64 " (%s)", addr,
						    f->types.names.data[type]);
	}
	return h.name && seep_vec_push(&f->report->holders, h);
}

// --- many small ones ---

/** What a child of node 0 is counted with: a type's number, or a function's address; 0 = nothing. */
static uint64_t group_of(struct finder *f, uint32_t node, bool *goroutine_ret)
{
	const struct seep_graph *graph = f->graph;

	*goroutine_ret = false;
	if (node < graph->first_object) {
		const struct seep_graph_root *root = &graph->roots.data[node - 1];
		if (root->kind != SEEP_ROOT_GOROUTINE)
			return 0;
		*goroutine_ret = true;
		return f->view->runtime->goroutines.data[root->id].startpc;
	}
	uint32_t type = seep_object_type(&f->types, seep_graph_object(graph, node));
	return type < SEEP_OBJECT_TYPES_KNOWN ? 0 : type;
}

static bool add_group(struct finder *f, const struct group *group, uint64_t key, bool goroutines)
{
	struct seep_holder h = {
		.kind = goroutines ? "goroutine" : "type",
		.count = group->count,
		.bytes = group->bytes,
		.retained_bytes = group->retained,
	};

	if (goroutines) {
		struct seep_func func;
		bool known = seep_pclntab_find(&f->view->runtime->binary->pclntab, key, &func);
		h.name = seep_report_format(f->report, "goroutines (%s)", known ? func.name : "?");
	} else {
		h.name = f->types.names.data[key];
		h.path = seep_path_to(f->view, f->report, SEEP_NODE_ROOT, group->largest,
				      &h.path_len);
		if (!h.path)
			return false;
	}
	return h.name && seep_vec_push(&f->report->holders, h);
}

static bool find_groups(struct finder *f)
{
	const struct seep_graph *graph = f->graph;
	struct seep_map by_key[2] = {};
	struct seep_vec(struct group) groups = {};
	bool ok = true, goroutine;

	for (uint32_t n = 1; ok && n < graph->node_count; n++) {
		if (graph->dominator[n] != SEEP_NODE_ROOT ||
		    seep_graph_retained(graph, n) >= f->enough)
			continue;
		uint64_t key = group_of(f, n, &goroutine);
		uint64_t *slot = key ? seep_map_put(&by_key[goroutine], key, NULL) : NULL;
		if (!key)
			continue;
		ok = slot && (*slot || seep_vec_push(&groups, (struct group){}));
		if (!ok)
			break;
		if (!*slot)
			*slot = groups.len;
		struct group *g = &groups.data[*slot - 1];
		g->count++;
		g->bytes += seep_graph_bytes(graph, n);
		g->retained += seep_graph_retained(graph, n);
		if (g->count > 1 && seep_graph_retained(graph, n) <= g->largest_retained)
			continue;
		g->largest = n;
		g->largest_retained = seep_graph_retained(graph, n);
	}
	for (size_t i = 0; ok && i < groups.len; i++)
		if (groups.data[i].retained >= f->enough) {
			uint64_t key = group_of(f, groups.data[i].largest, &goroutine);
			ok = add_group(f, &groups.data[i], key, goroutine);
		}
	seep_map_deinit(&by_key[0]);
	seep_map_deinit(&by_key[1]);
	seep_vec_free(&groups);
	return ok;
}

struct seep_error *seep_describe_suspects(const struct seep_view *view, struct seep_report *report)
{
	struct finder f = { .view = view, .graph = view->graph, .report = report };
	bool ok;

	f.enough = seep_graph_retained(f.graph, SEEP_NODE_ROOT) / SHARE;
	if (f.enough == 0)
		return NULL;
	seep_object_types_init(&f.types, view, report);
	find_suspects(&f);
	ok = !f.failed && count_children(&f);
	for (size_t i = 0; ok && i < f.suspects.len; i++)
		ok = add_suspect(&f, &f.suspects.data[i]);
	ok = ok && find_groups(&f) && !f.types.failed;
	if (ok && report->holders.len)
		qsort(report->holders.data, report->holders.len, sizeof(struct seep_holder),
		      seep_holder_compare);
	seep_object_types_deinit(&f.types);
	seep_vec_free(&f.heavy);
	seep_vec_free(&f.todo);
	seep_vec_free(&f.suspects);
	return ok ? NULL : &seep_enomem;
}

struct seep_error *seep_describe_holders(const struct seep_view *view, struct seep_report *report)
{
	const struct seep_inspect_options *options = view->options;

	if (view->graph->node_count == 0)
		return NULL;
	if (options->why)
		return seep_describe_paths(view, report);
	return options->top || options->census ? seep_describe_top(view, report) :
						 seep_describe_suspects(view, report);
}
