/**
 * Input that may be compressed or a pipe, as a file that can be read anywhere.
 *
 * What cannot be read in place is written to a file without a name in $TMPDIR, or else /var/tmp: a core is as large as the
 * process was, and memory is what the machine may be short of. Pages of zeros become holes.
 */
#ifndef SEEP_TARGET_SPOOL_H
#define SEEP_TARGET_SPOOL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/** Whether a file that begins with these bytes is of a kind that is read; fewer than SEEP_SPOOL_START if it is shorter. */
typedef bool seep_spool_accept(const void *start, size_t len);
enum { SEEP_SPOOL_START = 16 };

/**
 * Opens path ("-": standard input); the descriptor is the caller's, can be read anywhere, and has the file's time of change (0 of a pipe).
 * Input that ends in the middle of compressed data gives what came until then. Errors: USAGE (cannot be opened, a folder),
 * UNSUPPORTED (not accepted, another compression: how to undo it), BAD_DATA (compressed data is damaged), OS (no room: what to do).
 */
struct seep_error *seep_spool_open(const char *path, seep_spool_accept *accept, int *fd_ret)
	_must_check_;

/** A new file without a name, for reading and writing. */
struct seep_error *seep_spool_create(int *fd_ret) _must_check_;

#endif
