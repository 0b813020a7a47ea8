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
	SEEP_REPORT_GROWTH, /** not a report: what grew from one to the next (report/growth.h) */
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
	const char *name; /** "text", "json", ... */
	struct seep_error *(*write)(const struct seep_report *, const struct seep_report_options *,
				    FILE *); /** NULL: this seep was built without it */
	unsigned views; /** what it can show: a bit for each enum seep_report_view */
	bool binary; /** not for a terminal */
	bool tree; /** it shows report->tree */
};
/** NULL if there is no such format of that view. */
const struct seep_report_format_ops *seep_report_format_find(const char *name,
							     enum seep_report_view view);
/** The name of the i-th format of that view, NULL behind the last. */
const char *seep_report_format_name(size_t i, enum seep_report_view view);

#endif
