// What each stage needs, from the number of objects (all; those with pointers), of pointers and of slots. The arrays are those of graph/graph.c,
// graph/dominator.c and graph/typing.h; what has no fixed size there is small beside them in heaps that are large.
#include "detect/detail.h"

#include "base/pool.h"

enum { MB = 1 << 20 };
/** For what does not grow with the heap: worklists that are short, goroutines, names, text. */
static const uint64_t SLACK = 8 * MB;
/** Beside a copy: spans, bitmaps, the worklist of marking, and pages that are copied whole for a part. */
enum { COPY_SHARE = 6 };

/** Peaks include what stays. */
struct need {
	uint64_t peak, stays;
};

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static struct need graph_need(const struct seep_live *live)
{
	uint64_t slots = live->runtime->heap.slots, objects = live->reachable_objects,
		 inner = live->reachable_pointerful;
	struct need n;

	// Ranks and the way back; first_out and out; parents.
	n.stays = slots / 2 + objects / 8 + 4 * inner + 4 * live->pointers + 4 * objects;
	// A chunk for each reader; or the queue of the search.
	n.peak = n.stays + max(4 * inner, seep_pool_threads() * (uint64_t)(4 * MB));
	return n;
}

static struct need dominators_need(const struct seep_live *live)
{
	uint64_t objects = live->reachable_objects, inner = live->reachable_pointerful;

	return (struct need){ .peak = 4 * objects + 24 * inner, .stays = 4 * objects + 8 * inner };
}

static struct need typing_need(const struct seep_live *live)
{
	uint64_t slots = live->runtime->heap.slots;

	// Contents and what is guessed; what is seen, meanwhile.
	return (struct need){ .peak = 6 * slots, .stays = 5 * slots };
}

/** Labels of objects by number; edges backwards, all of them if there are timers; `seep top` lists children, types and its way. */
static uint64_t detectors_need(const struct seep_live *live, bool top)
{
	uint64_t slots = live->runtime->heap.slots, objects = live->reachable_objects,
		 in = live->runtime->timers.len ? live->pointers : 0;

	return max(5 * slots, top ? 20 * objects : 4 * objects + 4 * in);
}

struct seep_memory_plan seep_plan_memory(const struct seep_live *live,
					 const struct seep_inspect_options *options, uint64_t read,
					 uint64_t now)
{
	struct need graph = graph_need(live), typing = typing_need(live),
		    dominators = dominators_need(live);
	uint64_t limit = options->max_mem_bytes,
		 promised = read + 24 * live->reachable_objects + 5 * live->pointers + SLACK;
	uint64_t stays = now + graph.stays, types = max(now + graph.peak, stays + typing.peak),
		 // Dominators first, then types.
		all = max(types,
			  max(stays + dominators.peak, stays + dominators.stays + typing.peak));
	struct seep_memory_plan plan = { .detail = SEEP_DETAIL_GOROUTINES };

	types = max(types, stays + typing.stays + detectors_need(live, false)) + SLACK;
	all = max(all,
		  stays + typing.stays + dominators.stays + detectors_need(live, options->top)) +
	      SLACK;
	plan.needed = all;
	if (!limit || all <= limit)
		plan.detail = SEEP_DETAIL_ALL;
	else if (types <= limit)
		plan.detail = SEEP_DETAIL_TYPES;
	if (!limit || limit > promised)
		limit = promised;
	plan.together = plan.detail == SEEP_DETAIL_ALL &&
			stays + typing.peak + dominators.peak <= limit;
	return plan;
}

uint64_t seep_plan_copy(uint64_t limit, uint64_t now)
{
	uint64_t left = limit > now + SLACK ? limit - now - SLACK : 0;

	return left - left / (COPY_SHARE + 1);
}

uint64_t seep_plan_limit(uint64_t copy, uint64_t now)
{
	return now + SLACK + copy + copy / COPY_SHARE + 1;
}
