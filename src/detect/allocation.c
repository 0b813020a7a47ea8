// Allocation stacks as frames. Each pc of a sample is one line of a traceback already, but for the last one of a stack that
// was cut off: its inlined calls are still to be expanded.
#include "detect/allocation.h"

#include "base/str.h"
#include "detect/explain_wait.h"
#include "runtime/profile.h"

#include <string.h>

enum { FRAMES_MAX = 64, POSITIONS_MAX = 16 };

/**
 * mallocgc, newobject, growslice, mapassign, ...; maps have a package of their own since Go 1.24, and some of the runtime's functions carry
 * the names of the packages that they were written for.
 */
static bool is_allocator(const char *function)
{
	static const char *const prefixes[] = { "runtime.", "internal/runtime/",
						"internal/bytealg.MakeNoZero", "reflect.unsafe_New",
						"internal/reflectlite.unsafe_New" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (seep_has_prefix(function, prefixes[i]))
			return true;
	return false;
}

/** Positions of a stack, as borrowed strings; the number of them. */
static size_t expand(const struct seep_pclntab *tab, const seep_addr *pcs, size_t count,
		     struct seep_frame_text *ret, size_t max)
{
	struct seep_position p[POSITIONS_MAX];
	struct seep_func func;
	size_t n = 0;

	for (size_t i = 0; i < count && n < max; i++) {
		if (!pcs[i] || !seep_pclntab_find(tab, pcs[i] - 1, &func))
			continue;
		size_t found = seep_func_positions(tab, &func, pcs[i] - 1, p, POSITIONS_MAX);
		if (found > 1 && i + 1 < count)
			found = 1;
		for (size_t k = 0; k < found && n < max; k++)
			if (strcmp(p[k].function, "runtime.goexit") != 0)
				ret[n++] = (struct seep_frame_text){ p[k].function, p[k].file,
								     p[k].line };
	}
	return n;
}

bool seep_text_allocated(const struct seep_view *view, struct seep_report *report,
			 struct seep_object object, struct seep_finding *finding)
{
	seep_addr pcs[FRAMES_MAX];
	struct seep_frame_text frames[FRAMES_MAX];
	size_t count, first = 0;

	if (finding->allocated_count)
		return true;
	if (!seep_allocation_stack(view->runtime, object, pcs, FRAMES_MAX, &count))
		return false;
	count = expand(&view->runtime->binary->pclntab, pcs, count, frames, FRAMES_MAX);
	while (first < count && is_allocator(frames[first].function))
		first++;
	if (first == count) // the runtime's own objects
		first = 0;
	finding->allocated = seep_report_alloc(report, (count - first) * sizeof(*frames) + 1);
	if (!finding->allocated)
		return false;
	for (size_t i = first; i < count; i++)
		finding->allocated[finding->allocated_count++] = seep_text_own(report, frames[i]);
	return finding->allocated_count > 0;
}

void seep_text_unsampled(const struct seep_view *view, struct seep_report *report)
{
	if (seep_sampling(view->runtime, NULL) == SEEP_SAMPLING_OFF)
		seep_report_note(
			report,
			"where memory was allocated is not known: the program samples no allocations (MemProfileRate is 0, as in all programs that never use the memory profile)");
}
