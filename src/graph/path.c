// Shortest paths: a breadth-first search. Each node's edges are far from those of the node before, but the queue tells long before whose turn
// it will be.
#include "graph/graph.h"

enum { NOW = 4, SOON = 8, SOONER = 16 }; // how far ahead memory is asked for

void seep_shortest_paths(uint32_t *queue, uint32_t len, const struct seep_edges *edges,
			 uint32_t *parent)
{
	const uint32_t *first_out = edges->first_out, *out = edges->out;

	for (uint32_t i = 0; i < len; i++) {
		if (i + SOONER < len)
			__builtin_prefetch(&first_out[queue[i + SOONER]]);
		if (i + SOON < len)
			__builtin_prefetch(&out[first_out[queue[i + SOON]]]);
		if (i + NOW < len) {
			uint32_t first = first_out[queue[i + NOW]],
				 last = first_out[queue[i + NOW] + 1];
			for (uint32_t e = first; e < last && e < first + NOW; e++)
				__builtin_prefetch(&parent[out[e]], 1);
		}
		uint32_t node = queue[i], end = first_out[node + 1];
		for (uint32_t e = first_out[node]; e < end; e++) {
			uint32_t to = out[e];
			if (parent[to] != SEEP_NODE_NONE || to == SEEP_NODE_ROOT)
				continue;
			parent[to] = node;
			if (to < edges->inner)
				queue[len++] = to;
		}
	}
}
