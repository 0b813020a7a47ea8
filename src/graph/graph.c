// TODO
#include "graph/graph.h"

struct seep_error *seep_graph_build(struct seep_runtime *runtime, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_graph *ret)
{
	(void)live;
	*ret = (struct seep_graph){ .runtime = runtime, .variables = variables };
	return NULL;
}

void seep_graph_deinit(struct seep_graph *graph)
{
	seep_vec_free(&graph->roots);
}

uint32_t seep_graph_node(const struct seep_graph *graph, struct seep_object object)
{
	(void)graph;
	(void)object;
	return SEEP_NODE_NONE;
}
