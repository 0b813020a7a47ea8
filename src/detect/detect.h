/** The detectors: the model in, findings out. Each reads the finished model, never the target, and never prints. */
#ifndef SEEP_DETECT_DETECT_H
#define SEEP_DETECT_DETECT_H

#include "detect/findings.h"
#include "detect/inspect.h"
#include "graph/graph.h"
#include "graph/typing.h"
#include "target/usage.h"

/** Everything a detector may look at. */
struct seep_view {
	struct seep_runtime *runtime;
	const struct seep_locks *locks;
	const struct seep_live *live;
	const struct seep_variables *variables;
	const struct seep_typing *typing;
	const struct seep_graph *graph; /** with dominators and paths */
	const struct seep_inspect_options *options;
	const struct seep_usage *usage; /** right after the stop; NULL = was not asked */
};

/** A detector: adds its findings to the report. */
typedef struct seep_error *seep_detect(const struct seep_view *view, struct seep_report *report)
	_must_check_;

/** Goroutines that can never run on, grouped by cause and site; and, if options ask for all, those that wait or are meant to. */
seep_detect seep_detect_blocked;
/** substring, subslice, lost-elements: memory that is held and that nothing can see. */
seep_detect seep_detect_unseen;
/** ticker: running timers that nobody waits for, and pile-ups of them. */
seep_detect seep_detect_tickers;
/** finalizer-cycle, finalizer-stuck. */
seep_detect seep_detect_finalizers;
/** defer-pileup. */
seep_detect seep_detect_defers;
/** array-by-value. */
seep_detect seep_detect_arrays;
/** thread-pileup. */
seep_detect seep_detect_threads;
/** map-bloat, pool-bloat. */
seep_detect seep_detect_bloat;

/** report->memory: what the process's resident memory consists of. */
seep_detect seep_describe_memory;
/** report->types: how much of the heap is of known type. */
seep_detect seep_describe_types;
/**
 * report->tree, if the options ask for it: what each object keeps alive. Objects of one type that hang on the same node are one node. Below
 * the whole heap come five kinds of holders: package variables, goroutines by the function that they run, with their stacks, timers, the
 * runtime, and what several of these lead to, so that no single one keeps it.
 */
seep_detect seep_describe_tree;
/** report->holders, report->top, report->paths: who retains how much. */
seep_detect seep_describe_holders;

/** Whether the options ask for findings of that cause and verdict. */
bool seep_detect_wanted(const struct seep_view *view, const char *cause, enum seep_verdict verdict);
/** Whether the cause is one of a list separated by commas; NULL lists all. */
bool seep_detect_is_listed(const char *list, const char *cause);
/** The signature of a finding: a hash of its cause and of texts that are the same in each run and build of the same code. NULL ends the texts. */
uint64_t seep_detect_signature(const char *cause, ...) __attribute__((sentinel));

/** The causes that seep_detect_blocked() knows, in the order of the enum in blocked.c. */
bool seep_detect_cause_known(const char *name, size_t len);

#endif
