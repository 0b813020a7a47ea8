// Who holds an object: paths for an address, or for the objects of a type.
//
// An address that is no live object gets an answer, too: what is there instead.
#include "detect/holders.h"

#include "base/str.h"
#include "detect/object_types.h"
#include "detect/path_text.h"

#include <inttypes.h>
#include <string.h>

enum { OBJECTS = SEEP_FINDING_OBJECTS_MAX, SIMILAR = 3 };

static struct seep_error *add_path(const struct seep_view *view, struct seep_report *report,
				   uint32_t node)
{
	struct seep_object object = seep_graph_object(view->graph, node);
	struct seep_object_path path = {
		.object = { .address = seep_heap_address(&view->runtime->heap, object),
			    .type = seep_path_type(view, report, object),
			    .size = seep_graph_bytes(view->graph, node) },
		.retained_bytes = seep_graph_retained(view->graph, node),
	};

	path.object.path = seep_path_to(view, report, SEEP_NODE_ROOT, node, &path.object.path_len);
	return path.object.path && seep_vec_push(&report->paths, path) ? NULL : &seep_enomem;
}

/** "0x" and up to 16 hexadecimal digits. */
static bool parse_address(const char *text, seep_addr *ret)
{
	seep_addr addr = 0;
	size_t len = strlen(text);

	if (!seep_has_prefix(text, "0x") || len < 3 || len > 18 ||
	    strspn(text + 2, "0123456789abcdefABCDEF") != len - 2)
		return false;
	for (const char *p = text + 2; *p; p++)
		addr = addr << 4 | (*p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10);
	*ret = addr;
	return true;
}

static bool is_executable(const struct seep_view *view, seep_addr addr)
{
	return seep_memory_find(&view->runtime->binary->image.memory, addr) != NULL;
}

/** What is at an address outside the heap. Owned by the report. */
static const char *name_outside(const struct seep_view *view, struct seep_report *report,
				seep_addr addr)
{
	const struct seep_runtime *rt = view->runtime;
	const struct seep_binary *b = rt->binary;
	const char *variable = seep_path_variable(view, report, addr);
	struct seep_func func;

	if (variable)
		return seep_report_format(report, "in package variable %s", variable);
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		if (addr >= g->stack_lo && addr < g->stack_hi)
			return seep_report_format(report, "on the stack of %s",
						  seep_path_goroutine(view, report, g));
	}
	if (seep_pclntab_find(&b->pclntab, addr, &func))
		return seep_report_format(report, "in the code of %s", func.name);
	if (is_executable(view, addr))
		return seep_report_format(report, "in the executable's own data");
	if (addr >> SEEP_ARENA_SHIFT >= rt->heap.arena_first &&
	    (addr >> SEEP_ARENA_SHIFT) - rt->heap.arena_first < rt->heap.arena_count &&
	    rt->heap.arenas[(addr >> SEEP_ARENA_SHIFT) - rt->heap.arena_first])
		return seep_report_format(report, "in a part of the heap that no object is in");
	return seep_report_format(
		report,
		"outside the Go heap: memory of the runtime or of C, another mapping, or nothing at all");
}

static struct seep_error *find_address(const struct seep_view *view, struct seep_report *report,
				       seep_addr addr)
{
	const struct seep_heap *heap = &view->runtime->heap;
	struct seep_object object;

	if (!seep_heap_find(heap, addr, &object)) {
		const char *place = name_outside(view, report, addr);
		return place ? seep_error_format(SEEP_ERROR_USAGE,
						 "%#" PRIx64 " is no object: it is %s", addr,
						 place) :
			       &seep_enomem;
	}
	uint32_t node = seep_graph_node(view->graph, object);
	if (node != SEEP_NODE_NONE)
		return add_path(view, report, node);
	uint64_t size = heap->spans.data[object.span].elem_size;
	if (!seep_heap_allocated(heap, object))
		return seep_error_format(SEEP_ERROR_USAGE,
					 "%#" PRIx64
					 " is no object: it is in a free slot of %" PRIu64 " bytes",
					 addr, size);
	return seep_error_format(SEEP_ERROR_USAGE,
				 "nothing leads to the object of %" PRIu64 " bytes at %#" PRIx64
				 ": it is garbage that the next collection frees",
				 size, seep_heap_address(heap, object));
}

struct search {
	const struct seep_graph *graph;
	uint32_t found[OBJECTS]; // the largest retained first
	size_t len;
};

static bool goes_before(const struct seep_graph *graph, uint32_t a, uint32_t b)
{
	return seep_graph_retained(graph, a) != seep_graph_retained(graph, b) ?
		       seep_graph_retained(graph, a) > seep_graph_retained(graph, b) :
		       a < b;
}

static void insert(struct search *s, uint32_t node)
{
	size_t i = s->len;

	if (i == OBJECTS) {
		if (!goes_before(s->graph, node, s->found[--i]))
			return;
	} else {
		s->len++;
	}
	for (; i > 0 && goes_before(s->graph, node, s->found[i - 1]); i--)
		s->found[i] = s->found[i - 1];
	s->found[i] = node;
}

/** Names of types that end like what was asked for, or contain it. */
static struct seep_error *no_such_type(const struct seep_object_types *types, const char *name)
{
	_cleanup_(seep_str_deinit) struct seep_str similar = {};
	unsigned count = 0;

	for (size_t i = SEEP_OBJECT_TYPES_KNOWN; i < types->names.len && count < SIMILAR; i++)
		if (*name && strstr(types->names.data[i], name))
			seep_str_addf(&similar, "%s%s", count++ ? ", " : "", types->names.data[i]);
	if (similar.failed)
		return &seep_enomem;
	if (count)
		return seep_error_format(SEEP_ERROR_USAGE,
					 "no reachable object is of type '%s', but there are %s",
					 name, seep_str_text(&similar));
	return seep_error_format(
		SEEP_ERROR_USAGE,
		"no reachable object is of type '%s'; types are written as in 'main.node', '[]string' or 'map[string]int', and `seep top` lists the largest",
		name);
}

static struct seep_error *find_type(const struct seep_view *view, struct seep_report *report,
				    const char *name)
{
	struct seep_error *err = NULL;
	const struct seep_graph *graph = view->graph;
	struct search search = { .graph = graph };
	struct seep_object_types types;

	seep_object_types_init(&types, view, report);
	for (uint32_t n = graph->first_object; n < graph->node_count && !types.failed; n++) {
		uint32_t type = seep_object_type(&types, seep_graph_object(graph, n));
		if (type >= SEEP_OBJECT_TYPES_KNOWN && !types.failed &&
		    strcmp(types.names.data[type], name) == 0)
			insert(&search, n);
	}
	if (types.failed)
		err = &seep_enomem;
	else if (search.len == 0)
		err = no_such_type(&types, name);
	for (size_t i = 0; !err && i < search.len; i++)
		err = add_path(view, report, search.found[i]);
	seep_object_types_deinit(&types);
	return err;
}

struct seep_error *seep_describe_paths(const struct seep_view *view, struct seep_report *report)
{
	const char *why = view->options->why;
	seep_addr addr;

	if (parse_address(why, &addr))
		return find_address(view, report, addr);
	return find_type(view, report, why);
}
