/** What grew, to bytes: for people, and as JSON of schema seep-diff/1. */
#ifndef SEEP_REPORT_GROWTH_H
#define SEEP_REPORT_GROWTH_H

#include "detect/growth.h"
#include "report/report.h"

/** top: lines of each kind, 0 = 10. Errors: OS, NO_MEMORY. */
struct seep_error *seep_growth_write_text(const struct seep_growth *growth,
					  const struct seep_report_options *options, FILE *file)
	_must_check_;
/** top: lines of each kind, 0 = all. */
struct seep_error *seep_growth_write_json(const struct seep_growth *growth,
					  const struct seep_report_options *options, FILE *file)
	_must_check_;

#endif
