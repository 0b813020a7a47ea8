/**
 * The reachable heap as a graph: nodes with the edges between them as flat arrays, the dominator tree, and shortest paths.
 *
 * node 0 is the root of everything. After it come the roots one by one (package variables, goroutines, threads, timers,
 * specials), then every reachable object in address order. An object's dominator is the last node that every path from node 0 to
 * it goes through; what a node dominates is what becomes free with it: its retained bytes.
 *
 * Every node hangs in the tree. Objects that only the scheduler's own lists lead to (opaque ones: a goroutine's runtime.g, what waits in a
 * semaphore table), or only a weak pointer, hang on a root of kind SPECIAL instead.
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
	SEEP_SPECIAL_ROOT_LATE, /** weak pointers, objects about to be finalized, the scheduler's lists: what nothing else holds */
};

/** A node that is no object. */
struct seep_graph_root {
	enum seep_root_kind kind;
	uint64_t id; /** GLOBAL: index in variables, or the word's address if no variable is known there; GOROUTINE, TIMER: index; SPECIAL: enum seep_special_root; THREAD: 0 */
	bool is_word; /** GLOBAL: id is an address */
};

/** Edges of nodes 0 to count - 1, out of them and into them; of node n from first[n] to first[n + 1]. */
struct seep_edges {
	uint32_t count;
	const uint32_t *first_out, *out, *first_in, *in;
};

/** Which of 64 objects by number are nodes, and the node of the first of them. */
struct seep_graph_rank {
	uint64_t bits;
	uint64_t node;
};

struct seep_graph {
	const struct seep_runtime *runtime;
	const struct seep_variables *variables;
	struct seep_vec(struct seep_graph_root) roots; /** node 1 + i */
	uint32_t node_count, first_object; /** first_object = 1 + roots.len */
	struct seep_object *objects; /** by node - first_object */
	struct seep_graph_rank *ranks; /** private: by object number / 64 */
	uint32_t *first_out; /** by node, node_count + 1 entries: where its edges begin in `out`. No edge leads from a node to itself */
	uint32_t *out;
	uint32_t *first_in; /** the same backwards */
	uint32_t *in;
	uint32_t *parent; /** by node: the node before it on a shortest path from node 0; of node 0: NONE */
	// seep_graph_dominators():
	uint32_t *dominator; /** by node; of node 0: NONE */
	uint64_t *retained; /** by node: bytes of the objects in its subtree, itself included; before, its own */
};

/**
 * Edges of all reachable objects, as live->reachable has them (the collector's set), and of all roots; and shortest paths.
 * Errors: NO_MEMORY; UNSUPPORTED: more pointers than 32 bits count.
 */
struct seep_error *seep_graph_build(struct seep_runtime *runtime, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_graph *ret)
	_must_check_;
void seep_graph_deinit(struct seep_graph *graph);
struct seep_error *seep_graph_dominators(struct seep_graph *graph) _must_check_;
/** The node of an object, NONE if it is not reachable. */
uint32_t seep_graph_node(const struct seep_graph *graph, struct seep_object object);
/** The bytes of a node's own; 0 for a root. */
uint64_t seep_graph_bytes(const struct seep_graph *graph, uint32_t node);

/**
 * Dominators in any graph, from node 0; NONE for node 0 and for what it does not reach. weights: each node's own on entry, afterwards
 * the sum over its subtree, for what is reached. O(m log n) in the worst case, no recursion. False when memory is out.
 */
bool seep_dominators(const struct seep_edges *edges, uint32_t *dominator_ret, uint64_t *weights)
	_must_check_;
/**
 * Goes on with a breadth-first search from the nodes of the queue, whose parents are set; parent: NONE = not reached yet.
 * The queue has room for every node.
 */
void seep_shortest_paths(uint32_t *queue, uint32_t queue_len, const uint32_t *first_out,
			 const uint32_t *out, uint32_t *parent);

#endif
