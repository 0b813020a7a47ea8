/**
 * How much detail fits into memory. What takes most of it, and is least of what a look is for, is left out first: who holds what, then
 * what objects are. The verdicts on goroutines come last.
 */
#ifndef SEEP_DETECT_DETAIL_H
#define SEEP_DETECT_DETAIL_H

#include "detect/inspect.h"
#include "graph/live.h"

enum seep_detail {
	SEEP_DETAIL_GOROUTINES, /** what is reachable and who can run; no graph */
	SEEP_DETAIL_TYPES, /** and types, views, paths; nothing dominates anything */
	SEEP_DETAIL_ALL,
};

/** Bytes of seep's own. */
struct seep_memory_plan {
	enum seep_detail detail; /** the most that fits */
	bool together; /** types and dominators can be looked for at the same time */
	uint64_t needed; /** for ALL */
};

/**
 * Plans the stages after the reachable objects are known. read: memory in use when the runtime was read; now: in use at this moment; limit: 0 =
 * none, and then only `together` depends on it: README promises 24 bytes for an object and 5 for a pointer on top of `read`.
 */
struct seep_memory_plan seep_plan_memory(const struct seep_live *live,
					 const struct seep_inspect_options *options, uint64_t read,
					 uint64_t now);

/** Bytes that a copy may have, so that at least goroutines can be judged; 0 if none fits. now: in use before it. */
uint64_t seep_plan_copy(uint64_t limit, uint64_t now);
/** And the other way round: the limit that a copy of so many bytes needs. */
uint64_t seep_plan_limit(uint64_t copy, uint64_t now);

#endif
