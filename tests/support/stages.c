// Usage: stages PID
//
// Looks at the running Go program PID and prints what each stage of the analysis takes, one after the other: processor time and time
// passed in milliseconds; resident memory at its end and at its peak in MB. Then how many objects and pointers there are.
#include "base/large.h"
#include "graph/hidden.h"
#include "support/snapshot.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double ms_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static double cpu, wall;

/** A line of /proc/self/status, in MB. */
static double memory(const char *name)
{
	char line[256];
	double kb = 0;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtod(line + strlen(name), NULL);
	if (file)
		fclose(file);
	return kb * 1024 / 1e6;
}

/** Peaks begin anew. */
static void reset_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");

	if (file) {
		fputs("5", file);
		fclose(file);
	}
}

static void begin(void)
{
	reset_peak();
	cpu = ms_of(CLOCK_PROCESS_CPUTIME_ID);
	wall = ms_of(CLOCK_MONOTONIC);
}

static void end(const char *stage, struct seep_error *err)
{
	if (err)
		errx(EXIT_FAILURE, "%s: %s", stage, err->message);
	printf("%-22s %8.1f %8.1f %8.1f %8.1f\n", stage, ms_of(CLOCK_PROCESS_CPUTIME_ID) - cpu,
	       ms_of(CLOCK_MONOTONIC) - wall, memory("VmRSS:"), memory("VmHWM:"));
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
	seep_large_give_back();
	begin();
	end("open", seep_target_open(atoi(argv[1]), &target));
	end("executable", seep_binary_open(target, &binary));
	end("copy", take_snapshot(target, binary));
	end("runtime", seep_runtime_read(target, binary, &rt));
	end("locks", seep_locks_read(rt, &locks));
	end("reach", seep_live_find(rt, &locks, SEEP_LIVE_UNNAMED, &live));
	end("variables", seep_variables_read(binary, &rt->types, &variables));
	end("graph", seep_graph_build(rt, &live, &variables, &graph));
	end("dominators", seep_graph_dominators(&graph));
	end("types and views", seep_typing_find(rt, &live, &variables, &typing));
	end("hidden pointers", seep_hidden_find(&typing, &graph, SEEP_HIDDEN, &hidden));
	printf("%" PRIu64 " slots, %" PRIu64 " reachable, %u with pointers; %u pointers\n",
	       rt->heap.slots, live.reachable_objects, graph.first_leaf - graph.first_object,
	       graph.edges.first_out[graph.edges.inner]);
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
