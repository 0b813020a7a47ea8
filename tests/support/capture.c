// Usage: capture METHOD PID, with METHOD precopy or stop
//
// Makes of the running Go program PID the copy that seep would, and prints what that took: longest gap and pause (ns), rounds, stops,
// bytes read while it ran and while it stood. No analysis, and so no memory but for the copy.
#include "runtime/runtime.h"

#include "support/analysis.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct seep_target *target;
	struct seep_binary *binary;
	struct seep_snapshot_options options = { .method = SEEP_SNAPSHOT_PRECOPY };
	struct seep_snapshot snapshot;

	if (argc == 3 && strcmp(argv[1], "stop") == 0)
		options.method = SEEP_SNAPSHOT_STOP;
	else if (argc != 3 || strcmp(argv[1], "precopy") != 0)
		errx(EXIT_FAILURE, "usage: capture precopy|stop PID");
	check(seep_target_open(atoi(argv[2]), &target));
	check(seep_binary_open(target, &binary));
	check(seep_runtime_snapshot(target, binary, &options, &snapshot));
	struct seep_stop_stats stats = seep_target_stats(target);
	printf("%" PRIu64 " %" PRIu64 " %zu %zu %" PRIu64 " %" PRIu64 "\n", stats.max_gap_ns,
	       stats.pause_ns, stats.rounds, stats.stops, stats.precopy_bytes, stats.read_bytes);
	seep_binary_close(binary);
	seep_target_close(target);
	return 0;
}
