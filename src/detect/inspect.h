/** The whole way from a process or file to a report: attach, pause, copy, resume, analyse. */
#ifndef SEEP_DETECT_INSPECT_H
#define SEEP_DETECT_INSPECT_H

#include "detect/findings.h"
#include "runtime/runtime.h"

struct seep_inspect_options {
	/** How it is copied. A pause that reaches max_pause_ns ends with BUDGET, unless it may exceed: half a heap proves nothing. */
	struct seep_snapshot_options snapshot;
	/**
	 * Bytes that seep itself may take, 0 = no limit. It is kept by leaving out detail, the most costly first (detail.h), which
	 * ends with BUDGET and a report with caveats; if there is no room for a copy, the process is not touched.
	 */
	uint64_t max_mem_bytes;
	bool all; /** also what is `waiting` or `intended` becomes a finding */
	size_t top; /** fill report->top with so many lines of each kind, and look for nothing else; 0 = not wanted */
	const char *
		why; /** fill report->paths for this address (0x...) or type name, and look for nothing else; NULL = not wanted */
	bool census; /** besides the findings, all types, variables and goroutine sites, in report->top; top is left alone */
	bool tree; /** besides the findings, report->tree */
	const char *only; /** causes to look for, separated by commas, names valid; NULL = all */
	/**
	 * Called as each stage begins, on the calling thread, never during the pause; NULL = nobody
	 * listens.
	 */
	void (*progress)(const char *stage, void *arg);
	void *progress_arg;
};

/**
 * Looks at a process, or at a file that keeps one, and fills report, which is initialised and, whatever is returned, the
 * caller's to deinit.
 *
 * On success the report is finished: findings sorted, caveats added. On SEEP_ERROR_BUDGET a limit
 * of the options was hit, and the report holds what could be seen until then, with caveats; with
 * goroutines.total 0, as after snapshot.max_pause_ns or without room for a copy, it says nothing. After any other error its content is undefined. The process
 * runs on in every case. Errors: USAGE if what `why` asks for is no object; those of seep_target_open(), seep_target_open_file() and seep_target_stop(), and BAD_DATA,
 * MISSING_INFO, UNSUPPORTED of the executable and its runtime.
 */
struct seep_error *seep_inspect(const struct seep_source *source,
				const struct seep_inspect_options *options,
				struct seep_report *report) _must_check_;

#endif
