// Usage: stages PID
//
// Looks at the running Go program PID and prints how long each stage of the analysis takes, all on one thread after the other: processor
// time and time passed, in milliseconds.
#include "graph/hidden.h"
#include "support/snapshot.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double ms_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static double cpu, wall;

static void begin(void)
{
	cpu = ms_of(CLOCK_PROCESS_CPUTIME_ID);
	wall = ms_of(CLOCK_MONOTONIC);
}

static void end(const char *stage, struct seep_error *err)
{
	if (err)
		errx(EXIT_FAILURE, "%s: %s", stage, err->message);
	printf("%-22s %8.1f %8.1f\n", stage, ms_of(CLOCK_PROCESS_CPUTIME_ID) - cpu,
	       ms_of(CLOCK_MONOTONIC) - wall);
	begin();
}

int main(int argc, char **argv)
{
	struct seep_target *target;
	struct seep_binary *binary;
	struct seep_runtime *rt;
	struct seep_locks locks = {};
	struct seep_live live = {};
	struct seep_variables variables = {};
	struct seep_typing typing = {};
	struct seep_graph graph = {};
	struct seep_hidden hidden = {};

	if (argc != 2)
		errx(EXIT_FAILURE, "usage: stages PID");
	begin();
	end("open", seep_target_open(atoi(argv[1]), &target));
	end("executable", seep_binary_open(target, &binary));
	end("copy", take_snapshot(target, binary));
	end("runtime", seep_runtime_read(target, binary, &rt));
	end("locks", seep_locks_read(rt, &locks));
	end("reach", seep_live_find(rt, &locks, &live));
	end("variables", seep_variables_read(binary, &rt->types, &variables));
	end("graph", seep_graph_build(rt, &live, &variables, &graph));
	end("dominators", seep_graph_dominators(&graph));
	end("types and views", seep_typing_find(rt, &live, &variables, &typing));
	end("hidden pointers", seep_hidden_find(&typing, &graph, SEEP_HIDDEN, &hidden));
	seep_hidden_deinit(&hidden);
	seep_graph_deinit(&graph);
	seep_typing_deinit(&typing);
	seep_variables_deinit(&variables);
	seep_live_deinit(&live);
	seep_locks_deinit(&locks);
	seep_runtime_destroy(rt);
	seep_binary_close(binary);
	seep_target_close(target);
	return 0;
}
