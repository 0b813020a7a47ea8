// Usage: ledger PID
//
// What seep says of a process's memory and of its threads, one "key<TAB>value" a line, for the tests that compare it with what the kernel
// and the process itself say.
#include "detect/inspect.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct seep_inspect_options options = {};
	struct seep_report report;

	if (argc != 2)
		errx(2, "usage: ledger PID");
	seep_report_init(&report);
	struct seep_error *error =
		seep_inspect(&(struct seep_source){ .pid = atoi(argv[1]) }, &options, &report);
	if (error)
		errx(error->code == SEEP_ERROR_NOT_PERMITTED ? 77 : EXIT_FAILURE, "%s",
		     error->message);
	printf("rss\t%" PRIu64 "\n", report.memory.rss);
	seep_vec_foreach(part, &report.memory.parts)
		printf("part %s\t%" PRIu64 "\n", part->name, part->bytes);
	if (report.memory.gogc != INT64_MIN)
		printf("gogc\t%" PRId64 "\n", report.memory.gogc);
	printf("memory_limit\t%" PRIu64 "\n", report.memory.memory_limit);
	printf("next_gc\t%" PRIu64 "\n", report.memory.next_gc);
	printf("gc_cycles\t%" PRIu64 "\n", report.memory.gc_cycles);
	printf("last_gc_age_ns\t%" PRIu64 "\n", report.memory.last_gc_age_ns);
	printf("cgroup_limit\t%" PRIu64 "\n", report.memory.cgroup_limit);
	printf("cgroup_usage\t%" PRIu64 "\n", report.memory.cgroup_usage);
	printf("heap_bytes\t%" PRIu64 "\n", report.heap.bytes);
	printf("pause_ns\t%" PRIu64 "\n", report.capture.pause_ns);
	seep_vec_foreach(caveat, &report.caveats)
		printf("caveat\t%s\n", *caveat);
	seep_report_deinit(&report);
	return 0;
}
