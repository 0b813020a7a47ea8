/** Who holds how much: parts of a report, see findings.h. */
#ifndef SEEP_DETECT_HOLDING_H
#define SEEP_DETECT_HOLDING_H

#include "base/vec.h"

#include <stdint.h>

/** Who holds how much: a line of `seep top`, or a suspect of the report. */
struct seep_holder {
	const char *kind; /** "type", "variable", "goroutine", "object" */
	const char *name;
	uint64_t count; /** objects */
	uint64_t bytes; /** their own */
	uint64_t retained_bytes; /** what would become free with them */
	const char *const *path; /** from the holder down to where it fans out; may be empty */
	size_t path_len;
	const char *
		point; /** type of the object where the path ends and what it holds: "map[string]*main.session, 20,000 entries"; NULL = none */
};

enum { SEEP_TREE_NODES_MAX = 100000 };

/** Objects of one type that the same node dominates, or a holder that is no object. */
struct seep_tree_node {
	uint32_t depth; /** 0 = the whole heap; at most 255 */
	uint32_t name; /** index in names */
	uint64_t count; /** objects, or goroutines, ... */
	uint64_t bytes; /** their own; with those of all nodes below, what they retain */
};

/** The dominator tree (seep_describe_tree()); empty = not asked for, or not known. */
struct seep_tree {
	struct seep_vec(struct seep_tree_node)
		nodes; /** depth first: above a node is the last one before it with a smaller depth */
	struct seep_vec(const char *) names;
};

#endif
