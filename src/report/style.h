/**
 * How things look on a terminal: inks, human numbers, wrapping, and names cut to fit.
 *
 * Everything is added to a string. What comes from a target is escaped here, once; what is measured
 * and wrapped is escaped text. Output is ASCII but for the arrows of paths and what the target's own
 * names hold. Widths are columns, one per code point.
 */
#ifndef SEEP_REPORT_STYLE_H
#define SEEP_REPORT_STYLE_H

#include "base/str.h"

#include <stdint.h>

enum seep_ink {
	SEEP_INK_PLAIN,
	SEEP_INK_BOLD,
	SEEP_INK_DIM,
	SEEP_INK_BAD, /** what has leaked */
	SEEP_INK_WARN, /** what may have */
	SEEP_INK_GOOD,
};

/** The escape sequence that turns an ink on, "" without colour. */
const char *seep_style_on(enum seep_ink ink, bool color);
const char *seep_style_off(enum seep_ink ink, bool color);
/** Adds text in an ink. The text is as it shall appear. */
void seep_style_add(struct seep_str *str, enum seep_ink ink, bool color, const char *text);

/** 1204331 as "1,204,331". */
void seep_style_count(struct seep_str *str, uint64_t n);
/** Binary units, rounded down: "17 B", "312 MiB", "1.2 GiB". */
void seep_style_bytes(struct seep_str *str, uint64_t bytes);
/** "1 object", "2,014 objects". The noun is seep's own, in the singular. */
void seep_style_counted(struct seep_str *str, uint64_t n, const char *noun);
/** "62.1 %", rounded down; "<0.1 %" of what is there but less. Nothing of nothing is "0 %". */
void seep_style_percent(struct seep_str *str, uint64_t part, uint64_t whole);
/** Rounded down: "12.3 ms", "4.2 s", "5m03s", "3h12m", "2d04h". */
void seep_style_duration(struct seep_str *str, uint64_t ns);

/** Columns that escaped UTF-8 takes. */
size_t seep_style_width(const char *text);
/** Adds text that is escaped already, cut with "..." at the beginning to at most width columns (0 = uncut). */
void seep_style_end(struct seep_str *str, const char *text, size_t width);
/** Adds text escaped, cut with "..." at the end to at most width columns (0 = uncut). */
void seep_style_text(struct seep_str *str, const char *text, size_t width);
/**
 * A function's full name; too long, first its import path goes (".../pkg.F"), then its middle. 0 =
 * uncut.
 */
void seep_style_function(struct seep_str *str, const char *function, size_t width);
/**
 * "file:line". Paths below the module cache, GOPATH/src and goroot (may be NULL) lose that prefix,
 * as -trimpath would do; one still too long loses leading folders (".../pkg/file.go:7"). line 0 =
 * none, width 0 = uncut.
 */
void seep_style_file(struct seep_str *str, const char *file, int line, const char *goroot,
		     size_t width);
/**
 * Adds escaped text, broken between words so that no line passes columns (0 = never); later lines
 * start at indent.
 */
void seep_style_wrap(struct seep_str *str, const char *text, size_t at, size_t indent,
		     size_t columns);
void seep_style_spaces(struct seep_str *str, size_t n);

#endif
