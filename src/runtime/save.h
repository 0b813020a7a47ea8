/** From a copy to a capture file. */
#ifndef SEEP_RUNTIME_SAVE_H
#define SEEP_RUNTIME_SAVE_H

#include "runtime/runtime.h"
#include "target/capture.h"

/**
 * Writes a capture of a process that was copied with seep_runtime_snapshot(), at that moment, to fd. The copy is used up. Errors: as of
 * seep_capture_write().
 */
struct seep_error *seep_runtime_save(struct seep_target *target, const struct seep_binary *binary,
				     const struct seep_snapshot *snapshot,
				     const struct seep_usage *usage, struct seep_moment moment,
				     int fd, struct seep_capture_totals *ret) _must_check_;

#endif
