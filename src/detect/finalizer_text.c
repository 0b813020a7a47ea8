// Finalizers in words: which function, and what it is for.
//
// A record has a func value: a pointer to an object (or to read-only data) whose first word is the pc. What runtime.AddCleanup hands on is,
// up to Go 1.25, a closure of its own around the user's function; since 1.26 that function stands in the record as the second word.
#include "detect/explain_wait.h"
#include "detect/finalizer.h"

#include <inttypes.h>
#include <string.h>

enum { CAPTURED_MAX = 6, POSITIONS_MAX = 16, NAME_MAX_LEN = 512 };

/** The function of a func value; false if it is none. */
static bool function_at(const struct seep_view *view, seep_addr value, struct seep_func *ret)
{
	uint64_t pc;

	return value && seep_memory_u64(&view->runtime->memory, value, &pc) &&
	       seep_pclntab_find(&view->runtime->binary->pclntab, pc, ret) && ret->entry == pc;
}

/** Where the function begins; of a method value ("T.Close-fm") the method, which has lines of its own. */
static struct seep_frame_text position_of(const struct seep_view *view, struct seep_func func)
{
	const struct seep_pclntab *tab = &view->runtime->binary->pclntab;
	struct seep_position p[POSITIONS_MAX];
	size_t len = strlen(func.name);

	if (len > 3 && len < NAME_MAX_LEN && strcmp(func.name + len - 3, "-fm") == 0) {
		char method[NAME_MAX_LEN];
		const char *name = method;
		struct seep_func found;
		memcpy(method, func.name, len - 3);
		method[len - 3] = 0;
		seep_pclntab_find_names(tab, &name, 1, &found);
		if (found.raw)
			func = found;
	}
	size_t n = seep_func_positions(tab, &func, func.entry, p, POSITIONS_MAX);
	if (n == 0)
		return (struct seep_frame_text){ .function = func.name };
	return (struct seep_frame_text){ p[n - 1].function, p[n - 1].file, p[n - 1].line };
}

struct seep_frame_text seep_text_finalizer(const struct seep_view *view, const seep_addr *words,
					   bool cleanup)
{
	const struct seep_layout *l = &view->runtime->binary->layout;
	struct seep_func func, captured;

	if (!function_at(view, words[cleanup && l->special_cleanup_fn > l->special_size], &func))
		return (struct seep_frame_text){};
	if (!cleanup || l->special_cleanup_fn > l->special_size)
		return position_of(view, func);
	for (unsigned i = 1; i < CAPTURED_MAX; i++) {
		seep_addr word = seep_memory_word(&view->runtime->memory, words[0] + 8 * i);
		// Captured as a value or, in 1.25, as a variable.
		if ((function_at(view, word, &captured) ||
		     function_at(view, seep_memory_word(&view->runtime->memory, word),
				 &captured)) &&
		    !seep_has_prefix(captured.name, "runtime."))
			return position_of(view, captured);
	}
	return position_of(view, func);
}

const char *seep_text_finalized(const struct seep_view *view, struct seep_report *report,
				struct seep_object object, seep_addr type)
{
	struct seep_runtime *rt = view->runtime;
	struct seep_func func;
	_cleanup_(seep_str_deinit) struct seep_str name = {};

	if (type)
		return seep_report_format(report, "%s", seep_type_name(&rt->types, type));
	if (view->typing && seep_typing_name(view->typing, object, &name)) {
		const char *text = seep_str_text(&name);
		// The others are references already.
		bool value = seep_typing_content(view->typing, object)->content ==
				     SEEP_CONTENT_SHAPE &&
			     text[0] != '[' && strncmp(text, "map[", 4) != 0;
		return seep_report_format(report, "%s%s", value ? "*" : "", text);
	}
	if (function_at(view, seep_heap_address(&rt->heap, object), &func))
		return seep_report_format(report, "func %s", func.name);
	return seep_report_format(report, "object of %" PRIu64 " bytes",
				  rt->heap.spans.data[object.span].elem_size);
}
