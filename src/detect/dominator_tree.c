// The dominator tree, with objects of one type that hang on the same node taken together.
//
// Each node of the graph belongs to one group: that of its type (or variable, or function) below its dominator's group. A node of the same
// type as its dominator belongs to the dominator's group, so that a linked list is one group and not a tree as deep as it is long. What
// lies too deep nevertheless, and what comes when there are too many groups already, is "(the rest)" of its dominator's group.
//
// Groups are made along the way up from each node to the first whose group is known; so a group is always behind the one that it hangs on,
// and sums go up in one pass from the last to the first. Then the largest groups are kept: a group is never larger than what
// it hangs on, so the kept ones are a tree. What is cut off below a kept group becomes its rest, too.
#include "base/large.h"
#include "detect/detect.h"
#include "detect/object_types.h"
#include "detect/path_text.h"

enum {
	GROUPS_MAX = 1 << 21,
	// As many again can be rests.
	KEPT_MAX = SEEP_TREE_NODES_MAX / 2,
	// The tree's depth is a byte in the reports that carry it; one level of rests may come below.
	DEPTH_MAX = 60,
};
static const uint32_t NONE = UINT32_MAX, REST = UINT32_MAX;

enum category { VARIABLES, GOROUTINES, TIMERS, RUNTIME, SHARED };
static const char *const category_names[] = {
	[VARIABLES] = "package variables",
	[GOROUTINES] = "goroutines",
	[TIMERS] = "timers",
	[RUNTIME] = "the runtime",
	[SHARED] = "held from several places",
};

struct group {
	uint32_t parent; // group; NONE for the whole heap
	uint32_t label; // of objects their type; of roots one node for all; else enum category; or REST
	uint32_t first; // the first node that came to it; 0 for the whole heap and categories
	uint32_t depth;
	uint64_t count, bytes; // its own nodes
	uint64_t objects, retained; // of the subtree
	uint64_t rest_objects, rest_bytes; // of the groups below that are cut off
};

struct grouping {
	const struct seep_view *view;
	struct seep_report *report;
	const struct seep_graph *graph;
	struct seep_object_types types;
	struct seep_vec(struct group) groups;
	struct seep_map by_label; // group << 32 | label: group below it
	struct seep_map
		by_function; // start of a goroutine's function, or a timer's: node that stands for all
	struct seep_map name_of_type; // number of the type: number of the name in the report, + 1
	uint32_t *group_of; // by node
	uint32_t *order, *first_child, *next; // by group; order: the largest first
	bool failed;
};

static uint32_t add_group(struct grouping *t, uint32_t parent, uint32_t label, uint32_t first)
{
	struct group group = { .parent = parent, .label = label, .first = first };

	if (parent != NONE)
		group.depth = t->groups.data[parent].depth + 1;
	if (!seep_vec_push(&t->groups, group)) {
		t->failed = true;
		return 0;
	}
	return t->groups.len - 1;
}

static uint32_t group_below(struct grouping *t, uint32_t parent, uint32_t label, uint32_t first)
{
	bool added = false;
	uint64_t *slot = seep_map_put(&t->by_label, (uint64_t)parent << 32 | label, &added);

	if (!slot) {
		t->failed = true;
		return 0;
	}
	if (added)
		*slot = add_group(t, parent, label, first);
	return *slot;
}

static enum category category_of(const struct grouping *t, uint32_t node)
{
	if (node >= t->graph->first_object)
		return SHARED;
	switch (t->graph->roots.data[node - 1].kind) {
	case SEEP_ROOT_GLOBAL:
		return VARIABLES;
	case SEEP_ROOT_GOROUTINE:
		return GOROUTINES;
	case SEEP_ROOT_TIMER:
		return TIMERS;
	default:
		return RUNTIME;
	}
}

static const struct seep_goroutine *goroutine_of(const struct grouping *t, uint32_t node)
{
	const struct seep_graph_root *root = &t->graph->roots.data[node - 1];

	return root->kind == SEEP_ROOT_GOROUTINE ? &t->view->runtime->goroutines.data[root->id] :
						   NULL;
}

/** Goroutines and timers go by their function, other roots are one by one. */
static uint32_t root_label(struct grouping *t, uint32_t node)
{
	const struct seep_graph_root *root = &t->graph->roots.data[node - 1];
	const struct seep_goroutine *g = goroutine_of(t, node);
	bool added = false;

	if (!g && root->kind != SEEP_ROOT_TIMER)
		return node;
	seep_addr pc = g ? g->startpc : t->view->runtime->timers.data[root->id].f;
	// The top bit, which no address of a program has, tells the two kinds apart.
	uint64_t *slot = seep_map_put(&t->by_function, pc | (uint64_t)!g << 63, &added);
	if (!slot) {
		t->failed = true;
		return node;
	}
	if (added)
		*slot = node;
	return *slot;
}

static uint32_t label_of(struct grouping *t, uint32_t node, uint32_t parent)
{
	if (t->groups.data[parent].depth >= DEPTH_MAX || t->groups.len >= GROUPS_MAX)
		return REST;
	if (node < t->graph->first_object)
		return root_label(t, node);
	return seep_object_type(&t->types, seep_graph_object(t->graph, node));
}

/** The group of a node whose dominator's is parent. */
static uint32_t enter(struct grouping *t, uint32_t node, uint32_t parent)
{
	const struct seep_goroutine *g = NULL;

	if (parent == 0)
		parent = group_below(t, 0, category_of(t, node), 0);
	uint32_t label = label_of(t, node, parent);
	const struct group *above = &t->groups.data[parent];
	bool same = above->label == label &&
		    (label == REST || above->first >= t->graph->first_object);
	uint32_t index = same ? parent : group_below(t, parent, label, node);
	struct group *group = &t->groups.data[index];
	if (node < t->graph->first_object)
		g = goroutine_of(t, node);
	group->count++;
	group->bytes += g ? g->stack_hi - g->stack_lo : seep_graph_bytes(t->graph, node);
	return index;
}

static bool find_groups(struct grouping *t)
{
	const uint32_t *dominator = t->graph->dominator;
	uint32_t count = t->graph->node_count;
	_cleanup_free_ uint32_t *way = seep_large_alloc(count, sizeof(*way));

	t->group_of = seep_large_alloc(count, sizeof(*t->group_of));
	if (!way || !t->group_of)
		return false;
	memset(t->group_of, 0xff, count * sizeof(*t->group_of));
	t->group_of[SEEP_NODE_ROOT] = add_group(t, NONE, 0, 0);
	for (uint32_t n = 1; n < count && !t->failed; n++) {
		uint32_t len = 0, above = n;
		for (; t->group_of[above] == NONE; above = dominator[above])
			way[len++] = above;
		while (len-- > 0 && !t->failed) {
			t->group_of[way[len]] = enter(t, way[len], t->group_of[above]);
			above = way[len];
		}
	}
	return !t->failed && !t->types.failed;
}

static void add_up(struct grouping *t)
{
	for (size_t i = t->groups.len; i-- > 0;) {
		struct group *group = &t->groups.data[i];
		group->objects += group->count;
		group->retained += group->bytes;
		if (i == 0)
			break;
		t->groups.data[group->parent].objects += group->objects;
		t->groups.data[group->parent].retained += group->retained;
	}
}

static int compare_groups(const void *a, const void *b, void *arg)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct group *groups = arg;

	if (groups[x].retained != groups[y].retained)
		return groups[x].retained > groups[y].retained ? -1 : 1;
	return x < y ? -1 : x > y;
}

/** Links the largest groups to a tree, children by size; of the others the groups that they hang on keep the sums. */
static bool cut(struct grouping *t)
{
	size_t len = t->groups.len, kept = 0;
	struct group *groups = t->groups.data;

	t->order = malloc(len * sizeof(*t->order));
	t->first_child = malloc(len * sizeof(*t->first_child));
	t->next = malloc(len * sizeof(*t->next));
	if (!t->order || !t->first_child || !t->next)
		return false;
	for (size_t i = 0; i < len; i++)
		t->order[i] = i;
	qsort_r(t->order, len, sizeof(*t->order), compare_groups, groups);
	memset(t->first_child, 0xff, len * sizeof(*t->first_child));
	while (kept < len && kept < KEPT_MAX && groups[t->order[kept]].retained > 0)
		kept++;
	for (size_t i = len; i-- > 1;) {
		uint32_t g = t->order[i], parent = groups[g].parent;
		if (i < kept) {
			t->next[g] = t->first_child[parent];
			t->first_child[parent] = g;
		} else {
			groups[parent].rest_objects += groups[g].objects;
			groups[parent].rest_bytes += groups[g].retained;
		}
	}
	t->next[0] = NONE;
	return true;
}

static uint32_t add_name(struct grouping *t, const char *name)
{
	if (!name || !seep_vec_push(&t->report->tree.names, name)) {
		t->failed = true;
		return 0;
	}
	return t->report->tree.names.len - 1;
}

static const char *root_name(struct grouping *t, uint32_t node)
{
	const struct seep_goroutine *g = goroutine_of(t, node);
	const char *name;

	if (!g)
		return seep_path_root(t->view, t->report, node);
	name = seep_path_goroutine_function(t->view, g);
	return seep_report_format(t->report, "%s", name ? name : "(unknown function)");
}

// The first names, in this order; reports go by it.
enum { NAME_WHOLE, NAME_REST, NAME_CATEGORY };

static bool add_fixed_names(struct grouping *t)
{
	add_name(t, "the whole heap and all stacks");
	add_name(t, "(the rest)");
	for (size_t i = 0; i < sizeof(category_names) / sizeof(*category_names); i++)
		add_name(t, category_names[i]);
	return !t->failed;
}

static uint32_t name_of(struct grouping *t, const struct group *group)
{
	if (group->parent == NONE)
		return NAME_WHOLE;
	if (group->label == REST)
		return NAME_REST;
	if (group->first == 0)
		return NAME_CATEGORY + group->label;
	if (group->first < t->graph->first_object)
		return add_name(t, root_name(t, group->first));
	uint64_t *slot = seep_map_put(&t->name_of_type, group->label, NULL);
	if (!slot) {
		t->failed = true;
		return 0;
	}
	if (*slot == 0)
		*slot = 1 + (uint64_t)add_name(t, t->types.names.data[group->label]);
	return *slot - 1;
}

static void add_node(struct grouping *t, uint32_t depth, uint32_t name, uint64_t count,
		     uint64_t bytes)
{
	struct seep_tree_node node = { depth, name, count, bytes };

	if (!seep_vec_push(&t->report->tree.nodes, node))
		t->failed = true;
}

static void add_rest(struct grouping *t, const struct group *group)
{
	if (group->rest_bytes)
		add_node(t, group->depth + 1, NAME_REST, group->rest_objects, group->rest_bytes);
}

/** Down first, then to the next beside it; what is left of a group comes when all below it is done. */
static bool write_nodes(struct grouping *t)
{
	for (uint32_t g = 0; !t->failed;) {
		const struct group *group = &t->groups.data[g];
		add_node(t, group->depth, name_of(t, group), group->count, group->bytes);
		if (t->first_child[g] != NONE) {
			g = t->first_child[g];
			continue;
		}
		add_rest(t, group);
		while (g != 0 && t->next[g] == NONE) {
			g = t->groups.data[g].parent;
			add_rest(t, &t->groups.data[g]);
		}
		if (g == 0)
			break;
		g = t->next[g];
	}
	return !t->failed;
}

struct seep_error *seep_describe_tree(const struct seep_view *view, struct seep_report *report)
{
	struct grouping t = { .view = view, .report = report, .graph = view->graph };
	bool ok;

	if (!view->options->tree || view->graph->node_count == 0)
		return NULL;
	seep_object_types_init(&t.types, view, report);
	ok = find_groups(&t);
	if (ok)
		add_up(&t);
	ok = ok && cut(&t) && add_fixed_names(&t) && write_nodes(&t);
	seep_object_types_deinit(&t.types);
	seep_map_deinit(&t.by_label);
	seep_map_deinit(&t.by_function);
	seep_map_deinit(&t.name_of_type);
	seep_vec_free(&t.groups);
	free(t.group_of);
	free(t.order);
	free(t.first_child);
	free(t.next);
	return ok ? NULL : &seep_enomem;
}
