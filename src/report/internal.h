/** What the report formats share with report.c, and with nobody else. */
#ifndef SEEP_REPORT_INTERNAL_H
#define SEEP_REPORT_INTERNAL_H

#include "report/report.h"

struct seep_error *seep_report_write_text(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
	_must_check_;
struct seep_error *seep_report_write_json(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
	_must_check_;
struct seep_error *seep_report_write_pprof(const struct seep_report *report,
					   const struct seep_report_options *options, FILE *file)
	_must_check_;
struct seep_error *seep_report_write_prom(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
	_must_check_;
struct seep_error *seep_report_write_junit(const struct seep_report *report,
					   const struct seep_report_options *options, FILE *file)
	_must_check_;
struct seep_error *seep_report_write_sarif(const struct seep_report *report,
					   const struct seep_report_options *options, FILE *file)
	_must_check_;

/** One page for a browser, with report->tree. */
struct seep_error *seep_report_write_html(const struct seep_report *report,
					  const struct seep_report_options *options, FILE *file)
	_must_check_;

/** Hands a finished text to file; OS if the file does not take it. */
struct seep_error *seep_report_put(FILE *file, const char *text, size_t len) _must_check_;
/** The same compressed, as gzip with neither a name nor a time in its header. */
struct seep_error *seep_report_put_gzip(const char *text, size_t len, FILE *file) _must_check_;

#endif
