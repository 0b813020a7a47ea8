/** Growable string and the escaping that every string from a target passes before a terminal sees it. */
#ifndef SEEP_BASE_STR_H
#define SEEP_BASE_STR_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool seep_has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/** Zero-initialised is empty. text is NULL or NUL-terminated. `failed` sticks once memory ran out. */
struct seep_str {
	char *text;
	size_t len, cap;
	bool failed;
};

void seep_str_add(struct seep_str *str, const char *text);
void seep_str_add_bytes(struct seep_str *str, const char *bytes, size_t len);
void seep_str_addf(struct seep_str *str, const char *format, ...) _printf_(2, 3);
/** Adds bytes with control characters and invalid UTF-8 as \xNN, so that they are inert on a terminal. */
void seep_str_add_escaped(struct seep_str *str, const char *bytes, size_t len);
/** The text ("" when empty), still owned by str. */
const char *seep_str_text(const struct seep_str *str);
void seep_str_deinit(struct seep_str *str);

#endif
