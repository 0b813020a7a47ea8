/** What pending deferred calls hold. */
#ifndef SEEP_GRAPH_DEFERRED_H
#define SEEP_GRAPH_DEFERRED_H

#include "graph/live.h"

/** A defer record (runtime/defer.h), and the group that it is counted for. */
struct seep_deferred {
	seep_addr addr, fn;
	uint32_t group;
};

/** Bytes that become free if all records of a group were gone; whole slots of the heap. */
struct seep_deferred_bytes {
	uint64_t records, functions; /** the records; their func values */
	uint64_t captured; /** what else only these func values lead to */
};

/**
 * ret and families have an entry for each of the groups, of which there are `groups`. What several groups of one family lead to and nothing
 * else does is counted for the first of these: a family's bytes add up. No record is listed twice.
 */
struct seep_error *seep_deferred_retained(struct seep_runtime *runtime,
					  const struct seep_live *live,
					  const struct seep_deferred *deferred, size_t count,
					  const uint32_t *families, uint32_t groups,
					  struct seep_deferred_bytes *ret) _must_check_;

#endif
