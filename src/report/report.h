/** Findings to bytes. Nothing here decides what is a leak. */
#ifndef SEEP_REPORT_REPORT_H
#define SEEP_REPORT_REPORT_H

#include "detect/findings.h"

#include <stdio.h>

/** What a report was made for, and what of it is written. */
enum seep_report_view {
	SEEP_REPORT_ALL,
	SEEP_REPORT_TOP, /** report->top */
	SEEP_REPORT_PATHS, /** report->paths */
};

struct seep_report_options {
	enum seep_report_view view;
	bool color; /** ANSI colours */
	bool verbose; /** every listed goroutine's stack and object, all evidence, all of the memory */
	bool all; /** all parts of the memory */
	const char *only; /** the causes that the report is limited to; NULL = none */
	size_t top; /** findings in full; 0 = the format's default (text: 5, the rest one line each; JSON: all) */
	int columns; /** of the terminal, 0 = no terminal: do not wrap */
};

/** A way to write a report down; one table entry each in report.c. */
struct seep_report_format_ops {
	const char *name; /** "text", "json" */
	struct seep_error *(*write)(const struct seep_report *, const struct seep_report_options *,
				    FILE *);
};
/** NULL if there is no such format. */
const struct seep_report_format_ops *seep_report_format_find(const char *name);
/** The name of format i, NULL behind the last. */
const char *seep_report_format_name(size_t i);

#endif
