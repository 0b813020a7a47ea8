/** The detectors: the model in, findings out. Each reads the finished model, never the target, and never prints. */
#ifndef SEEP_DETECT_DETECT_H
#define SEEP_DETECT_DETECT_H

#include "detect/findings.h"
#include "detect/inspect.h"
#include "graph/live.h"

/** Everything a detector may look at. */
struct seep_view {
	struct seep_runtime *runtime;
	const struct seep_locks *locks;
	const struct seep_live *live;
	const struct seep_inspect_options *options;
};

/** Goroutines that can never run on, grouped by cause and site; and, if options ask for all, those that wait or are meant to. */
struct seep_error *seep_detect_blocked(const struct seep_view *view, struct seep_report *report)
	_must_check_;

/** The causes that seep_detect_blocked() knows, in the order of the enum in blocked.c. */
bool seep_detect_cause_known(const char *name, size_t len);

#endif
