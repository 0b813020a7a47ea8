/** Writing captures: files from which a process can be looked at later, elsewhere. docs/capture-format.md describes them. */
#ifndef SEEP_TARGET_CAPTURE_H
#define SEEP_TARGET_CAPTURE_H

#include "target/usage.h"

/** How a copy came about; for reports. */
struct seep_origin {
	bool precopy; /** else everything was copied in the stop */
	uint64_t values_bytes; /** contents of memory without pointers that the file has; of one that is read */
	char why_stopped[200]; /** why it is not pre-copy, though that was tried; "" otherwise */
};

/** What is to be kept. Everything is borrowed. */
struct seep_capture {
	struct seep_origin origin;
	struct seep_moment moment; /** that the copy is of */
	const struct seep_usage *usage;
	/** Of the mirror: to the byte; ascending and disjoint. What lies outside of mappings or is zero is left out. */
	const struct seep_range *memory;
	size_t memory_count;
	/** The same of the contents that analysis does not read: readers check them, and do not keep them. */
	const struct seep_range *values;
	size_t values_count;
	/** Of the executable's file: any order, overlaps allowed; what lies beyond its end is left out. */
	const struct seep_range *exe;
	size_t exe_count;
	/** What of the executable's segments was read from the process; parts that are mirrored are left out. */
	const struct seep_memory *image;
};

struct seep_capture_totals {
	uint64_t file_bytes, memory_bytes, values_bytes,
		exe_bytes; /** as written; the others before compression */
};

/**
 * Writes a capture of a live target, whose copy is complete, to fd from where it stands on; fd need not be able to seek. The mirror is
 * used up: memory is given back as it is written, and reads as zeros afterwards. Arguments and environment of the process, which
 * lie at the top of its stack, are left out. Errors: OS, NO_MEMORY.
 */
struct seep_error *seep_capture_write(struct seep_target *target,
				      const struct seep_capture *capture, int fd,
				      struct seep_capture_totals *ret) _must_check_;

/** How the copy in a capture came about; NULL for other targets. */
const struct seep_origin *seep_capture_origin(const struct seep_target *target);

#endif
