/** Files that a person names: read whole, up to a limit. */
#ifndef SEEP_SIFT_FILE_H
#define SEEP_SIFT_FILE_H

#include "base/error.h"

#include <stddef.h>

/** The bytes of a file of at most `limit` bytes, NUL behind the last; the caller frees *text_ret. Errors: USAGE, naming the path. */
struct seep_error *seep_sift_read_file(const char *path, size_t limit, char **text_ret,
				       size_t *len_ret) _must_check_;

#endif
