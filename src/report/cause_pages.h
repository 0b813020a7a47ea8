#pragma once

#include <stddef.h>

/**
 * A page of `docs/causes/`, embedded into the program for `seep explain CAUSE`.
 *
 * @name is the cause's code (`send-blocked`), @text the page in Markdown, UTF-8.
 */
struct seep_cause_page {
	const char *name;
	const char *text;
};

/** All pages, sorted by name (`strcmp`). One entry with null pointers follows the last. */
extern const struct seep_cause_page seep_cause_pages[];

/** How many pages there are, without the entry at the end. */
extern const size_t seep_cause_page_count;
