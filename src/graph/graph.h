/**
 * The reachable heap as a graph: nodes with the edges between them as flat arrays, the dominator tree, and shortest paths.
 *
 * node 0 is the root of everything. After it come the roots one by one (package variables, goroutines, timers, specials), then
 * every reachable object: first those in spans with pointers, in address order, then the others, from first_leaf on, again in
 * address order. What leads nowhere is most of a heap, and takes no room in arrays that are about leading on. An object's dominator
 * is the last node that every path from node 0 to it goes through; what a node dominates is what becomes free with it: its
 * retained bytes.
 *
 * Every node hangs in the tree. Objects that only the scheduler's own lists lead to (opaque ones: a goroutine's runtime.g, what waits in a
 * semaphore table), only a weak pointer, or only what a thread has in hand for a moment, hang on a root of kind SPECIAL instead.
 */
#ifndef SEEP_GRAPH_GRAPH_H
#define SEEP_GRAPH_GRAPH_H

#include "binary/variables.h"
#include "graph/live.h"

enum { SEEP_NODE_ROOT = 0, SEEP_NODE_NONE = UINT32_MAX };

/** What a root of kind SPECIAL stands for; a root's id. */
enum seep_special_root {
	SEEP_SPECIAL_ROOT_RECORDS, /** functions and arguments of finalizers and cleanups, weak handles */
	SEEP_SPECIAL_ROOT_QUEUE, /** finalizers and cleanups about to run */
	SEEP_SPECIAL_ROOT_TINY, /** the blocks for tiny objects that are being filled */
	SEEP_SPECIAL_ROOT_LATE, /** weak pointers, threads at work, objects about to be finalized, the scheduler's lists: what nothing else holds */
};

/** A node that is no object. */
struct seep_graph_root {
	enum seep_root_kind kind;
	uint64_t id; /** GLOBAL: index in variables, or the word's address if no variable is known there; GOROUTINE, TIMER: index; SPECIAL: enum seep_special_root */
	bool is_word; /** GLOBAL: id is an address */
};

/** Edges out of nodes 0 to inner - 1: of node n from first_out[n] to first_out[n + 1]. Nodes from inner to count - 1 have none. */
struct seep_edges {
	uint32_t count, inner;
	const uint32_t *first_out, *out;
};

/** The nodes that edges of a node lead to. */
static inline const uint32_t *seep_edges_of(const struct seep_edges *edges, uint32_t node,
					    uint32_t *count_ret)
{
	bool has = node < edges->inner;

	*count_ret = has ? edges->first_out[node + 1] - edges->first_out[node] : 0;
	return has ? edges->out + edges->first_out[node] : NULL;
}

/** 64 objects by number; [0] those with pointers, [1] those without: which are nodes, and the node of the first of these. */
struct seep_graph_rank {
	uint64_t bits[2];
	uint32_t node[2];
	uint32_t span; /** the first that has one of the 64 numbers */
};

struct seep_graph {
	const struct seep_runtime *runtime;
	const struct seep_variables *variables;
	struct seep_vec(struct seep_graph_root) roots; /** node 1 + i */
	uint32_t node_count;
	uint32_t first_object, first_leaf; /** first_object = 1 + roots.len */
	struct seep_edges edges; /** no edge leads from a node to itself; inner = first_leaf */
	uint32_t *parent; /** by node: the node before it on a shortest path from node 0; of node 0: NONE */
	uint32_t *dominator; /** by node; of node 0: NONE. NULL before seep_graph_dominators() */
	// private
	uint32_t *first_out, *out; /** those of edges */
	uint64_t *retained; /** by node below first_leaf */
	struct seep_graph_rank *ranks; /** by object number / 64 */
	uint32_t *blocks; /** indices of those ranks that have nodes [0], then of those that have nodes [1] */
	uint32_t leaf_block; /** where these begin */
	uint32_t *block_of; /** by node / 64: index in blocks of where it is, or the first object behind it */
};

/**
 * Edges of all reachable objects, as live->reachable has them (the collector's set), and of all roots; and shortest paths.
 * Errors: NO_MEMORY; UNSUPPORTED: more pointers than 32 bits count.
 */
struct seep_error *seep_graph_build(struct seep_runtime *runtime, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_graph *ret)
	_must_check_;
void seep_graph_deinit(struct seep_graph *graph);
/** Dominators and retained bytes. */
struct seep_error *seep_graph_dominators(struct seep_graph *graph) _must_check_;
/** The node of an object, NONE if it is not reachable. */
uint32_t seep_graph_node(const struct seep_graph *graph, struct seep_object object);
/** The object of a node that is one. */
struct seep_object seep_graph_object(const struct seep_graph *graph, uint32_t node);
/** The bytes of a node's own; 0 for a root. */
uint64_t seep_graph_bytes(const struct seep_graph *graph, uint32_t node);
/** Bytes of the objects in a node's subtree, itself included; its own as long as there are no dominators. */
uint64_t seep_graph_retained(const struct seep_graph *graph, uint32_t node);

/** Edges backwards: those into node n, if it is wanted, come from from[first[n]] to from[first[n + 1] - 1], in ascending order. */
struct seep_graph_in {
	uint32_t *first, *from;
};
/** wanted: bit by node, NULL = all. Takes memory and time, so only who has questions makes it. False when memory is out. */
bool seep_graph_in_init(const struct seep_edges *edges, const uint64_t *wanted,
			struct seep_graph_in *ret) _must_check_;
void seep_graph_in_deinit(struct seep_graph_in *in);

/**
 * Dominators in any graph, from node 0; NONE for node 0 and for what it does not reach. *order_ret, for free(): the nodes with edges that
 * are reached, each behind its dominator. O(m log n) in the worst case, no recursion. False when memory is out.
 */
bool seep_dominators(const struct seep_edges *edges, uint32_t *dominator_ret, uint32_t **order_ret,
		     uint32_t *order_len_ret) _must_check_;
/**
 * Goes on with a breadth-first search from the nodes of the queue, whose parents are set; parent: NONE = not reached yet.
 * The queue has room for every node with edges.
 */
void seep_shortest_paths(uint32_t *queue, uint32_t queue_len, const struct seep_edges *edges,
			 uint32_t *parent);

#endif
