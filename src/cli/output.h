/** Where a command's product goes: standard output or a file that appears whole or not at all. */
#ifndef SEEP_CLI_OUTPUT_H
#define SEEP_CLI_OUTPUT_H

#include "base/error.h"

#include <stdio.h>

/**
 * A product is written to `file`, in memory, and only seep_output_finish() brings it to its place:
 * path, or standard output where path is NULL or "-". A regular file is replaced by renaming a
 * synced temporary file beside it; on error nothing of it is left and an older file stays as it
 * was. Devices and pipes are written to directly.
 */
struct seep_output {
	FILE *file;
	// private
	char *text;
	size_t len;
	const char *path;
};

/** path is borrowed until the end. */
struct seep_error *seep_output_open(const char *path, struct seep_output *ret) _must_check_;
/** Errors: OS when the bytes do not all arrive (disk full, broken pipe, ...). */
struct seep_error *seep_output_finish(struct seep_output *output) _must_check_;
/** Accepts a zeroed or finished output; what was not finished is dropped. */
void seep_output_deinit(struct seep_output *output);

#endif
