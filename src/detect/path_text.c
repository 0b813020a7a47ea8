// Paths in words.
//
// The graph knows who is before whom on a shortest path, not by which word: the parent's pointers are read once more, and the first
// that leads to the child is the step. A word in a package variable is told by the variable's type, if it has one.
#include "detect/path_text.h"

#include "base/str.h"

#include <inttypes.h>

enum { HEAD = SEEP_PATH_STEPS_MAX / 2, TAIL = SEEP_PATH_STEPS_MAX - HEAD - 1, INLINED_MAX = 16 };

static const char *own(struct seep_report *report, struct seep_str *text)
{
	const char *ret = text->failed ? NULL :
					 seep_report_format(report, "%s", seep_str_text(text));

	seep_str_deinit(text);
	return ret;
}

void seep_path_count(struct seep_str *text, uint64_t n)
{
	if (n >= 1000)
		seep_path_count(text, n / 1000);
	seep_str_addf(text, n >= 1000 ? ",%03" PRIu64 : "%" PRIu64, n % 1000);
}

const char *seep_path_number(struct seep_report *report, uint64_t n)
{
	struct seep_str text = {};
	const char *ret;

	seep_path_count(&text, n);
	ret = own(report, &text);
	return ret ? ret : "?";
}

/** Where in the program's data addr lies; false outside of it. */
static bool name_place(const struct seep_module *m, seep_addr addr, struct seep_str *text)
{
	const struct {
		const char *name;
		seep_addr start, end;
	} parts[] = { { "data", m->data, m->edata },
		      { "bss", m->bss, m->ebss },
		      { "noptrdata", m->noptrdata, m->enoptrdata },
		      { "noptrbss", m->noptrbss, m->enoptrbss } };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (addr >= parts[i].start && addr < parts[i].end) {
			seep_str_addf(text, "%s+%#" PRIx64 " (package variable, name stripped)",
				      parts[i].name, addr - parts[i].start);
			return true;
		}
	return false;
}

/** The variable that holds the word at addr, and how to get from it to the word. */
static bool name_variable(const struct seep_view *view, seep_addr addr, bool whole,
			  struct seep_str *text)
{
	const struct seep_variable *v = seep_variables_find(view->variables, addr);
	const struct seep_module *m = &view->runtime->binary->pclntab.module;

	if (!v || !v->name)
		return name_place(m, v ? v->addr : addr, text);
	seep_str_add(text, v->name);
	if (v->type && !whole)
		seep_type_path(&view->runtime->types, v->type, addr - v->addr, false, text);
	return true;
}

const char *seep_path_variable(const struct seep_view *view, struct seep_report *report,
			       seep_addr addr)
{
	struct seep_str text = {};

	if (name_variable(view, addr, true, &text))
		return own(report, &text);
	seep_str_deinit(&text);
	return NULL;
}

/**
 * `go f(x)` starts a function that the compiler made, which calls f, or has it inlined: then it is the outermost one on the stack
 * that somebody wrote.
 */
const char *seep_path_goroutine_function(const struct seep_view *view,
					 const struct seep_goroutine *g)
{
	const struct seep_pclntab *tab = &view->runtime->binary->pclntab;
	const char *name = NULL;
	struct seep_unwinder u;
	struct seep_func func;

	if (!seep_pclntab_find(tab, g->startpc, &func))
		return NULL;
	if (strcmp(func.name, "runtime.main") == 0)
		return "main.main";
	if (func.func_id != tab->wrapper_id)
		return func.name;
	for (bool more = seep_unwind_start(view->runtime, g, &u); more;
	     more = seep_unwind_next(&u)) {
		const struct seep_func *f = &u.frame.site->func;
		if (!f->raw || strcmp(f->name, "runtime.goexit") == 0)
			continue;
		struct seep_position calls[INLINED_MAX];
		size_t n = seep_frame_positions(view->runtime, &u.frame, u.depth == 0, calls,
						INLINED_MAX);
		while (n > 0 && calls[n - 1].wrapper)
			n--;
		if (n > 0)
			name = calls[n - 1].function;
	}
	return name ? name : func.name;
}

const char *seep_path_goroutine(const struct seep_view *view, struct seep_report *report,
				const struct seep_goroutine *g)
{
	const char *name = seep_path_goroutine_function(view, g);

	if (!name)
		return seep_report_format(report, "goroutine %" PRIu64, g->id);
	return seep_report_format(report, "goroutine %" PRIu64 " (%s)", g->id, name);
}

static const char *timer_name(const struct seep_view *view, struct seep_report *report,
			      const struct seep_timer *timer)
{
	struct seep_func func;

	if (!seep_pclntab_find(&view->runtime->binary->pclntab, timer->f, &func))
		return seep_report_format(report, "timer");
	return seep_report_format(report, "timer (%s)", func.name);
}

static const char *special_name(uint64_t id)
{
	switch (id) {
	case SEEP_SPECIAL_ROOT_RECORDS:
		return "finalizers and cleanups";
	case SEEP_SPECIAL_ROOT_QUEUE:
		return "finalizers and cleanups about to run";
	case SEEP_SPECIAL_ROOT_TINY:
		return "the allocator's block for tiny objects";
	default:
		return "weak pointers, the scheduler's lists and threads at work";
	}
}

/** word: in a package variable, that which leads on; 0 for the variable as a whole. */
static const char *root_text(const struct seep_view *view, struct seep_report *report,
			     uint32_t node, seep_addr word)
{
	const struct seep_runtime *rt = view->runtime;
	const struct seep_graph_root *root = &view->graph->roots.data[node - 1];
	struct seep_str text = {};

	switch (root->kind) {
	case SEEP_ROOT_GLOBAL:
		if (!root->is_word && !word)
			word = view->variables->items.data[root->id].addr;
		name_variable(view, root->is_word ? root->id : word, false, &text);
		return own(report, &text);
	case SEEP_ROOT_GOROUTINE:
		return seep_path_goroutine(view, report, &rt->goroutines.data[root->id]);
	case SEEP_ROOT_TIMER:
		return timer_name(view, report, &rt->timers.data[root->id]);
	default:
		return special_name(root->id);
	}
}

const char *seep_path_root(const struct seep_view *view, struct seep_report *report, uint32_t node)
{
	const struct seep_graph_root *root = &view->graph->roots.data[node - 1];

	if (root->kind == SEEP_ROOT_GLOBAL)
		return seep_path_variable(
			view, report,
			root->is_word ? root->id : view->variables->items.data[root->id].addr);
	return root_text(view, report, node, 0);
}

const char *seep_path_type(const struct seep_view *view, struct seep_report *report,
			   struct seep_object object)
{
	struct seep_str text = {};

	if (seep_typing_name(view->typing, object, &text))
		return own(report, &text);
	seep_str_deinit(&text);
	return NULL;
}

static bool leads_to(const struct seep_view *view, seep_addr value, uint32_t node)
{
	struct seep_object object;

	return seep_heap_find(&view->runtime->heap, value, &object) &&
	       seep_graph_node(view->graph, object) == node;
}

/** The word of a package variable that leads to node; 0 if there is none any more. */
static seep_addr word_of_variable(const struct seep_view *view, const struct seep_graph_root *root,
				  uint32_t node)
{
	const struct seep_variable *v;

	if (root->is_word)
		return root->id;
	v = &view->variables->items.data[root->id];
	for (seep_addr word = v->addr & ~7ull; word < v->addr + v->size; word += 8)
		if (leads_to(view, seep_memory_word(&view->runtime->memory, word), node))
			return word;
	return 0;
}

/** The step from parent to node; nothing if there are no words for it. */
static const char *step_text(const struct seep_view *view, struct seep_report *report,
			     uint32_t parent, uint32_t node)
{
	const struct seep_graph *graph = view->graph;
	struct seep_object object = seep_graph_object(graph, parent);
	struct seep_pointers walk;
	struct seep_str text = {};
	uint64_t word;
	seep_addr value;

	seep_pointers_start(&view->runtime->heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value))
		if (leads_to(view, value, node)) {
			// Nothing is known of the parent: at least that it is there.
			if (seep_typing_content(view->typing, object)->content ==
			    SEEP_CONTENT_UNKNOWN)
				seep_str_addf(&text, "+%" PRIu64, word * 8);
			else
				seep_typing_step(view->typing, object, word * 8, false, &text);
			break;
		}
	// " captured 2" comes with the blank that it needs behind a type.
	const char *step = own(report, &text);
	return step && *step == ' ' ? step + 1 : step;
}

/** The text of the way into nodes[i] of a path; "" if it needs none. */
static const char *text_of(const struct seep_view *view, struct seep_report *report,
			   const uint32_t *nodes, size_t len, size_t i)
{
	const struct seep_graph *graph = view->graph;

	if (i > 0) // what a root leads to is in the root's name
		return nodes[i - 1] < graph->first_object ?
			       "" :
			       step_text(view, report, nodes[i - 1], nodes[i]);
	const struct seep_graph_root *root = &graph->roots.data[nodes[0] - 1];
	seep_addr word = root->kind == SEEP_ROOT_GLOBAL && len > 1 ?
				 word_of_variable(view, root, nodes[1]) :
				 0;
	return root_text(view, report, nodes[0], word);
}

static const char *text_left_out(struct seep_report *report, size_t count)
{
	struct seep_str text = {};

	seep_str_add(&text, "... ");
	seep_path_count(&text, count);
	seep_str_add(&text, " more ...");
	return own(report, &text);
}

const char *const *seep_path_to(const struct seep_view *view, struct seep_report *report,
				uint32_t from, uint32_t node, size_t *len_ret)
{
	const uint32_t *parent = view->graph->parent;
	size_t len = 0, texts = 0;

	for (uint32_t n = node; n != SEEP_NODE_ROOT && n != SEEP_NODE_NONE; n = parent[n], len++)
		if (n == from && ++len)
			break;
	_cleanup_free_ uint32_t *nodes = malloc((len + 1) * sizeof(*nodes));
	const char **ret = seep_report_alloc(report, (SEEP_PATH_STEPS_MAX + 1) * sizeof(*ret));
	if (!nodes || !ret)
		return NULL;
	for (size_t i = len; i-- > 0; node = parent[node])
		nodes[i] = node;
	for (size_t i = from == SEEP_NODE_ROOT ? 0 : 1; i < len; i++) {
		const char *text;
		if (len > SEEP_PATH_STEPS_MAX && i == HEAD) {
			text = text_left_out(report, len - HEAD - TAIL);
			i = len - TAIL - 1;
		} else {
			text = text_of(view, report, nodes, len, i);
		}
		if (!text)
			return NULL;
		if (*text)
			ret[texts++] = text;
	}
	*len_ret = texts;
	return ret;
}
