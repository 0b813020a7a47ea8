// Usage: allocations PID <addresses, one a line
//
// Looks at a running Go program once and prints `sampling N RATE` (enum seep_sampling; runtime.MemProfileRate), then for each address
// `object ADDRESS` and the object's allocation stack as findings show it, ` FUNCTION FILE:LINE`, in the form of
// tests/exact/allocations/main.go.
#include "detect/allocation.h"
#include "runtime/profile.h"
#include "support/snapshot.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>

static void check(struct seep_error *err, const char *doing)
{
	if (err)
		errx(EXIT_FAILURE, "%s: %s", doing, err->message);
}

static void show(struct seep_runtime *rt, seep_addr address)
{
	struct seep_view view = { .runtime = rt };
	struct seep_finding finding = {};
	struct seep_report report;
	struct seep_object object;

	seep_report_init(&report);
	printf("object %#" PRIx64 "\n", address);
	if (seep_heap_find(&rt->heap, address, &object) && seep_heap_allocated(&rt->heap, object))
		seep_text_allocated(&view, &report, object, &finding);
	for (size_t i = 0; i < finding.allocated_count; i++)
		printf(" %s %s:%d\n", finding.allocated[i].function, finding.allocated[i].file,
		       finding.allocated[i].line);
	seep_report_deinit(&report);
}

int main(int argc, char **argv)
{
	struct seep_target *target = NULL;
	struct seep_binary *binary = NULL;
	struct seep_runtime *rt = NULL;
	unsigned long long address;
	uint64_t rate;

	if (argc != 2)
		return 2;
	check(seep_target_open(atoi(argv[1]), &target), "opening");
	check(seep_binary_open(target, &binary), "reading the executable");
	check(take_snapshot(target, binary), "copying");
	check(seep_runtime_read(target, binary, &rt), "reading the heap");
	enum seep_sampling sampling = seep_sampling(rt, &rate);
	printf("sampling %d %" PRIu64 "\n", (int)sampling, rate);
	while (scanf("%llx", &address) == 1)
		show(rt, address);
	seep_runtime_destroy(rt);
	seep_binary_close(binary);
	seep_target_close(target);
	return EXIT_SUCCESS;
}
