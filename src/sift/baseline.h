/** What a former report found: a file of the schema seep/1 (docs/json.md), for --baseline. */
#ifndef SEEP_SIFT_BASELINE_H
#define SEEP_SIFT_BASELINE_H

#include "base/error.h"
#include "base/vec.h"
#include "detect/findings.h"

struct seep_baseline_entry {
	uint64_t signature;
	const char *cause;
	enum seep_verdict verdict;
	uint64_t count, bytes; /** as seep_finding_bytes() */
};

/** Zero-initialised is none. Strings as JSON has them: escaped. */
struct seep_baseline {
	const char *path; /** NULL = no baseline */
	const char *main_path, *exe; /** of the program; NULL = the report does not say */
	uint64_t left_out; /** findings that --top cut off when it was written */
	struct seep_vec(struct seep_baseline_entry)
		entries; /** findings, and what a baseline of its own knew */
	struct seep_vec(char *) strings; /** private */
};

enum { SEEP_BASELINE_BYTES_MAX = 32 << 20 };

/**
 * Reads a report from its text; path is what messages call it. Errors: USAGE if it is none, with what is wrong with it; the baseline is
 * then to be deinited all the same.
 */
struct seep_error *seep_baseline_parse(struct seep_baseline *baseline, const char *path,
				       const char *text, size_t len) _must_check_;
/** The same from a file. */
struct seep_error *seep_baseline_read(struct seep_baseline *baseline, const char *path)
	_must_check_;
void seep_baseline_deinit(struct seep_baseline *baseline);

#endif
