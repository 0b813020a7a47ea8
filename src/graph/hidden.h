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

struct seep_hidden {
	uint64_t *pinned; /** bit by node */
};

/**
 * Visits the pointers that are hidden in that sense, SOFT includes the others: the object that holds one, and the node it leads to. By
 * object, then by place. They are not kept, for there may be as many as there are words in the heap.
 */
void seep_hidden_each(const struct seep_typing *typing, const struct seep_graph *graph,
		      enum seep_hiding sense,
		      void (*visit)(const struct seep_partial *holder, uint32_t node, void *arg),
		      void *arg);
/** What is pinned by pointers hidden in that sense. If there are any, it looks at every edge once. */
struct seep_error *seep_hidden_find(const struct seep_typing *typing,
				    const struct seep_graph *graph, enum seep_hiding sense,
				    struct seep_hidden *ret) _must_check_;
void seep_hidden_deinit(struct seep_hidden *hidden);

#endif
