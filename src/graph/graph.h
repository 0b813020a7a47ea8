/**
 * The reachable heap as a graph: nodes with the edges between them as flat arrays, the dominator tree, and shortest paths.
 *
 * node 0 is the root of everything. After it come the roots one by one (package variables, goroutines, threads, timers,
 * specials), then every reachable object in address order. An object's dominator is the last node that every path from node 0 to
 * it goes through; what a node dominates is what becomes free with it: its retained bytes.
 */
#ifndef SEEP_GRAPH_GRAPH_H
#define SEEP_GRAPH_GRAPH_H

#include "binary/variables.h"
#include "graph/live.h"

enum { SEEP_NODE_ROOT = 0, SEEP_NODE_NONE = UINT32_MAX };

/** A node that is no object. */
struct seep_graph_root {
	enum seep_root_kind kind;
	uint64_t id; /** GLOBAL: index in variables, or the word's address if no variable is known there; GOROUTINE, TIMER, SPECIAL: index; THREAD: 0 */
	bool is_word; /** GLOBAL: id is an address */
};

struct seep_graph {
	const struct seep_runtime *runtime;
	const struct seep_variables *variables;
	struct seep_vec(struct seep_graph_root) roots; /** node 1 + i */
	uint32_t node_count, first_object; /** first_object = 1 + roots.len */
	struct seep_object *objects; /** by node - first_object */
	uint64_t *reachable_rank; /** private: object number → node */
	uint64_t *first_out; /** by node, node_count + 1 entries: where its edges begin in `out` */
	uint32_t *out;
	uint64_t *first_in; /** the same backwards */
	uint32_t *in;
	// seep_graph_dominators():
	uint32_t *dominator; /** by node; of node 0: NONE */
	uint64_t *retained; /** by node: bytes of the objects in its subtree, itself included */
	// seep_graph_paths():
	uint32_t *parent; /** by node: the node before it on a shortest path from node 0 */
};

/** Edges of all reachable objects, as live->reachable has them (the collector's set), and of all roots. */
struct seep_error *seep_graph_build(struct seep_runtime *runtime, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_graph *ret)
	_must_check_;
void seep_graph_deinit(struct seep_graph *graph);
struct seep_error *seep_graph_dominators(struct seep_graph *graph) _must_check_;
struct seep_error *seep_graph_paths(struct seep_graph *graph) _must_check_;
/** The node of an object, NONE if it is not reachable. */
uint32_t seep_graph_node(const struct seep_graph *graph, struct seep_object object);

#endif
