/** How the collector is set, and which memory the runtime took for itself. */
#ifndef SEEP_RUNTIME_MEMORY_STATS_H
#define SEEP_RUNTIME_MEMORY_STATS_H

#include "runtime/runtime.h"

struct seep_gc_settings {
	int64_t percent; /** GOGC; -1 = off, INT64_MIN = not known */
	uint64_t memory_limit; /** UINT64_MAX = none (or a release without), 0 = not known */
	uint64_t next; /** runtime.MemStats.NextGC; UINT64_MAX = never, 0 = not known */
	uint64_t cycles; /** runtime.MemStats.NumGC, 0 = none yet or not known */
	uint64_t last_ns; /** when the last one ended, ns since 1970; 0 = none yet or not known */
	uint64_t last_nanotime; /** the same by the clock of seep_runtime.now */
};

/** Whether the bytes look like a runtime.gcControllerState of this layout, whose size and fields are known. */
bool seep_is_gc_controller(const struct seep_layout *layout, const unsigned char *bytes);
void seep_gc_settings_read(const struct seep_runtime *runtime, struct seep_gc_settings *ret);

typedef bool seep_range_visit(struct seep_range range, void *arg);
/**
 * Visits the arenas (64 MiB, where heap, goroutine stacks and work buffers lie) that overlap [start, end). visit returns
 * false to end; so does the whole then.
 */
bool seep_arenas_each(const struct seep_runtime *runtime, seep_addr start, seep_addr end,
		      seep_range_visit *visit, void *arg);
/** What the runtime keeps about the arena that begins at start, 0, 0 if there is none. */
struct seep_range seep_arena_metadata(const struct seep_runtime *runtime, seep_addr start);
/**
 * Visits the other memory that the runtime took from the kernel for itself, as far as it can be told from C's and from
 * what the program mapped. The ranges may overlap, and lie where nothing is.
 */
bool seep_metadata_each(const struct seep_runtime *runtime, seep_range_visit *visit, void *arg);

#endif
