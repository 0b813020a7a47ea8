/** A running process, analysed as seep does it, for programs that show what a stage found. */
#ifndef SEEP_TESTS_SUPPORT_ANALYSIS_H
#define SEEP_TESTS_SUPPORT_ANALYSIS_H

#include "graph/graph.h"
#include "graph/typing.h"
#include "target/target.h"

struct analysis {
	struct seep_target *target;
	struct seep_binary *binary;
	struct seep_runtime *runtime;
	struct seep_locks locks;
	struct seep_live live;
	struct seep_variables variables;
	struct seep_typing typing;
	struct seep_graph graph;
};

/** Looks at the process; ends the program with a message on any error. */
void analyse(const char *pid, struct analysis *ret);
void analysis_end(struct analysis *analysis);
/** Ends the program with the error's message, if there is one. */
void check(struct seep_error *err);

#endif
