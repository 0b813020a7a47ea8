/**
 * Pointers that nothing can see, and what only they hold.
 *
 * A pointer is hidden when it stands in bytes of an object that no view covers; in the soft sense, also when it is seen only between the
 * len and the cap of slices. Objects that are reachable by way of hidden pointers alone are pinned: the collector keeps
 * them, the program cannot get at them.
 */
#ifndef SEEP_GRAPH_HIDDEN_H
#define SEEP_GRAPH_HIDDEN_H

#include "graph/graph.h"
#include "graph/typing.h"

enum seep_hiding { SEEP_HIDDEN, SEEP_HIDDEN_SOFT };

struct seep_hidden_pointer {
	uint32_t partial; /** index in typing->partials */
	uint32_t node; /** what it leads to */
};

struct seep_hidden {
	struct seep_vec(struct seep_hidden_pointer) pointers; /** by partial, then by place */
	uint64_t *pinned; /** bit by node */
};

/** Pointers hidden in that sense, SOFT includes the others. Cost goes with what hidden pointers lead to. */
struct seep_error *seep_hidden_find(const struct seep_typing *typing,
				    const struct seep_graph *graph, enum seep_hiding sense,
				    struct seep_hidden *ret) _must_check_;
void seep_hidden_deinit(struct seep_hidden *hidden);

#endif
