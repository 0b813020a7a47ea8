/** What the runtime counts of itself, read from the running process a few words at a time: nothing is stopped. */
#ifndef SEEP_RUNTIME_COUNTERS_H
#define SEEP_RUNTIME_COUNTERS_H

#include "runtime/runtime.h"

/** Where the words are; of the process as long as it runs this program. */
struct seep_counters {
	seep_addr allglen, allgptr;
	uint32_t status; /** of a runtime.g: offset of its status */
	seep_addr heap_live; /** 0 = not known */
};

/** From what binary knows, which may be closed then. */
struct seep_counters seep_counters_find(struct seep_target *target,
					const struct seep_binary *binary);
/** Errors: GONE, when the process has ended or runs another program; OS. */
struct seep_error *seep_counters_alive(struct seep_target *target,
				       const struct seep_counters *counters) _must_check_;
/**
 * Bytes of the heap as the collector counts them: what survived the last collection, and what was allocated since. Errors: MISSING_INFO
 * (heap_live is not known), as of seep_target_read().
 */
struct seep_error *seep_counters_heap(struct seep_target *target,
				      const struct seep_counters *counters, uint64_t *ret)
	_must_check_;
/**
 * Goroutines that are not dead, the runtime's own included; if there were never more than enough at a time, that most instead, which takes only
 * a word. Errors: NO_MEMORY, BAD_DATA, as of seep_target_read().
 */
struct seep_error *seep_counters_goroutines(struct seep_target *target,
					    const struct seep_counters *counters, uint64_t enough,
					    uint64_t *ret) _must_check_;

#endif
