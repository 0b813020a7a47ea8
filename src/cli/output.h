/** Where a command's product goes: standard output or a file that appears whole or not at all. */
#ifndef SEEP_CLI_OUTPUT_H
#define SEEP_CLI_OUTPUT_H

#include "base/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/**
 * Where bytes go as they come: fd is to be written to until seep_place_commit(). A regular file then takes its name, in place of an
 * older one; until then, and after an error, there is nothing of it. Devices, pipes and standard output get the bytes at once.
 */
struct seep_place {
	int fd;
	// private
	const char *path; /** NULL: standard output */
	char *name, *temporary;
	mode_t mode;
	bool holds_signals;
	sigset_t signals;
};
/** path is borrowed until the end; NULL or "-" is standard output. Errors: OS. */
struct seep_error *seep_place_open(const char *path, struct seep_place *ret) _must_check_;
/** Errors: OS; the place is deinitialised in every case. */
struct seep_error *seep_place_commit(struct seep_place *place) _must_check_;
/** Drops what was not committed. Accepts what is committed. */
void seep_place_deinit(struct seep_place *place);

/**
 * A product is written to `file`, in memory, and only seep_output_finish() brings it to its place:
 * path, or standard output where path is NULL or "-"; as a place (above) of which everything is there at once.
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
