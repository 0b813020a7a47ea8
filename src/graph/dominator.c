// TODO
#include "graph/graph.h"

struct seep_error *seep_graph_dominators(struct seep_graph *graph)
{
	(void)graph;
	return NULL;
}
