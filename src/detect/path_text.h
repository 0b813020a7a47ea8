/** Objects, roots and the paths between them in the words of a Go program. No decisions. */
#ifndef SEEP_DETECT_PATH_TEXT_H
#define SEEP_DETECT_PATH_TEXT_H

#include "detect/detect.h"

struct seep_str;

enum {
	SEEP_PATH_STEPS_MAX = 24
}; /** texts of a path, the root and what stands for those left out included */

/**
 * The name of a root, or of what a word outside the heap belongs to: "main.cache", "bss+0x1f40 (package variable, name stripped)",
 * "goroutine 7 (main.serve)", "timer (main.poll)". Owned by the report; NULL when memory is out.
 */
const char *seep_path_root(const struct seep_view *view, struct seep_report *report, uint32_t node);
/** The package variable that holds addr, by name, or by where it lies; NULL if none does. */
const char *seep_path_variable(const struct seep_view *view, struct seep_report *report,
			       seep_addr addr);
/** The function that g runs, for people; NULL if unknown. Borrowed from the executable. */
const char *seep_path_goroutine_function(const struct seep_view *view,
					 const struct seep_goroutine *g);
/** "goroutine 7 (main.serve)", with the function that it was started with. */
const char *seep_path_goroutine(const struct seep_view *view, struct seep_report *report,
				const struct seep_goroutine *g);
/** The type of an object; NULL if unknown, or memory is out. */
const char *seep_path_type(const struct seep_view *view, struct seep_report *report,
			   struct seep_object object);
/**
 * A shortest path to a node, in texts. From node 0: the root's name, then what has to be written behind it in Go to get to the node:
 * "main.cache", "[key]", ".session", ".buf". From a node that dominates it: only what has to be written behind that. The
 * middle of a long path is told by one text, "... 9,990 more ...". NULL when memory is out; texts and list are the report's.
 */
const char *const *seep_path_to(const struct seep_view *view, struct seep_report *report,
				uint32_t from, uint32_t node, size_t *len_ret);
/** 1234567 as "1,234,567". */
void seep_path_count(struct seep_str *text, uint64_t n);
/** The same as a text of the report's; "?" when memory is out. */
const char *seep_path_number(struct seep_report *report, uint64_t n);

#endif
