// Grouping by holder needs a text that is the same for all objects of a kind and in each run: types and fields, with "[...]" for
// every index and key.
#include "detect/holder_text.h"

#include <string.h>

enum { CLIMB_MAX = 3, MAP_LEVELS = 16 };

static seep_addr seep_text_pointer_between(const struct seep_view *view, uint32_t parent,
					   struct seep_object object)
{
	const struct seep_graph *g = view->graph;
	const struct seep_heap *heap = &view->runtime->heap;
	struct seep_pointers walk;
	struct seep_object target;
	uint64_t word;
	seep_addr value;

	if (parent < g->first_object)
		return 0;
	seep_pointers_start(heap, seep_graph_object(g, parent), &walk);
	while (seep_pointers_next(&walk, &word, &value))
		if (seep_heap_find(heap, value, &target) && target.span == object.span &&
		    target.slot == object.slot)
			return walk.addr + 8 * word;
	return 0;
}

static bool is_named(const char *type)
{
	return strchr(type, '.') != NULL;
}

/**
 * The word that leads to the object on a shortest path, if it is in another object. What a map consists of, all called like the map, is
 * passed over.
 */
static seep_addr word_above(const struct seep_view *view, struct seep_object object,
			    const char *name)
{
	const struct seep_graph *g = view->graph;

	for (int i = 0; i < MAP_LEVELS; i++) {
		_cleanup_(seep_str_deinit) struct seep_str above = {};
		uint32_t node = seep_graph_node(g, object);
		uint32_t parent = node == SEEP_NODE_NONE ? SEEP_NODE_NONE : g->parent[node];
		if (parent == SEEP_NODE_NONE || parent < g->first_object)
			return 0;
		seep_addr word = seep_text_pointer_between(view, parent, object);
		object = seep_graph_object(g, parent);
		seep_typing_name(view->typing, object, &above);
		if (!seep_has_prefix(name, "map[") || strcmp(seep_str_text(&above), name) != 0)
			return word;
	}
	return 0;
}

/** The type and field that the word at addr belongs to: "map[int]main.record[...].name", "[]string[...] in main.cache.items". */
static void add_holder(const struct seep_view *view, seep_addr addr, int climb,
		       struct seep_str *text)
{
	const struct seep_runtime *rt = view->runtime;
	const struct seep_typing *typing = view->typing;
	_cleanup_(seep_str_deinit) struct seep_str name = {};
	struct seep_object object;

	if (!seep_heap_find(&rt->heap, addr, &object)) {
		const struct seep_variable *v = seep_variables_find(view->variables, addr);
		if (v && v->name) {
			seep_str_add(text, v->name);
			if (v->type)
				seep_type_path(typing->shapes.types, v->type, addr - v->addr, true,
					       text);
		} else {
			seep_str_add(text, "a package variable");
		}
		return;
	}
	if (!seep_typing_name(typing, object, &name)) {
		seep_str_add(text, "memory of unknown type");
		return;
	}
	seep_str_add(text, seep_str_text(&name));
	seep_typing_step(typing, object, addr - seep_heap_address(&rt->heap, object), true, text);
	if (is_named(seep_str_text(&name)) || climb == CLIMB_MAX)
		return;
	// A []string says little: whose is it?
	seep_addr word = word_above(view, object, seep_str_text(&name));
	if (!word)
		return;
	seep_str_add(text, " in ");
	add_holder(view, word, climb + 1, text);
}

void seep_text_holder(const struct seep_view *view, seep_addr addr, struct seep_str *text)
{
	add_holder(view, addr, 0, text);
}

void seep_text_holder_of(const struct seep_view *view, seep_addr addr, struct seep_object held,
			 struct seep_str *text)
{
	const struct seep_variable *v;
	struct seep_object object;

	if (!seep_heap_find(&view->runtime->heap, addr, &object)) {
		v = seep_variables_find(view->variables, addr);
		// "a package variable" alone says nothing.
		if ((!v || !v->name) && seep_typing_name(view->typing, held, text))
			seep_str_add(text, " in ");
	}
	add_holder(view, addr, 0, text);
}

void seep_text_held_by(const struct seep_view *view, struct seep_object object,
		       struct seep_str *text)
{
	const struct seep_graph *g = view->graph;
	uint32_t node = seep_graph_node(g, object);
	uint32_t parent = node == SEEP_NODE_NONE ? SEEP_NODE_NONE : g->parent[node];

	if (parent != SEEP_NODE_NONE && parent >= g->first_object) {
		add_holder(view, seep_text_pointer_between(view, parent, object), 0, text);
		return;
	}
	const struct seep_graph_root *root =
		parent != SEEP_NODE_NONE && parent > 0 ? &g->roots.data[parent - 1] : NULL;
	if (root && root->kind == SEEP_ROOT_GLOBAL)
		add_holder(view,
			   root->is_word ? root->id : view->variables->items.data[root->id].addr, 0,
			   text);
	else
		seep_str_add(text, root && root->kind == SEEP_ROOT_GOROUTINE ?
					   "a goroutine's stack" :
					   "the runtime");
}
