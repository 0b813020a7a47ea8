#include "support/analysis.h"

#include "support/snapshot.h"

#include <err.h>
#include <stdlib.h>

void check(struct seep_error *err)
{
	if (err)
		errx(EXIT_FAILURE, "%s", err->message);
}

void analyse(const char *pid, struct analysis *a)
{
	*a = (struct analysis){};
	check(seep_target_open(atoi(pid), &a->target));
	check(seep_binary_open(a->target, &a->binary));
	check(take_snapshot(a->target, a->binary));
	check(seep_runtime_read(a->target, a->binary, &a->runtime));
	check(seep_locks_read(a->runtime, &a->locks));
	check(seep_live_find(a->runtime, &a->locks, SEEP_LIVE_UNNAMED, &a->live));
	check(seep_variables_read(a->binary, &a->runtime->types, &a->variables));
	check(seep_typing_find(a->runtime, &a->live, &a->variables, &a->typing));
	check(seep_graph_build(a->runtime, &a->live, &a->variables, &a->graph));
}

void analysis_end(struct analysis *a)
{
	seep_graph_deinit(&a->graph);
	seep_typing_deinit(&a->typing);
	seep_variables_deinit(&a->variables);
	seep_live_deinit(&a->live);
	seep_locks_deinit(&a->locks);
	seep_runtime_destroy(a->runtime);
	seep_binary_close(a->binary);
	seep_target_close(a->target);
}
