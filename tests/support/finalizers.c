// Usage: finalizers PID
//
// Looks at a running Go program once and prints the address of each object with a finalizer or cleanup that can never run, one on a line.
#include "binary/binary.h"
#include "graph/cycle.h"
#include "support/snapshot.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>

static void check(struct seep_error *err, const char *doing)
{
	if (err)
		errx(EXIT_FAILURE, "%s: %s", doing, err->message);
}

int main(int argc, char **argv)
{
	struct seep_target *target = NULL;
	struct seep_binary *binary = NULL;
	struct seep_runtime *rt = NULL;
	struct seep_cycles cycles = {};

	if (argc != 2)
		return 2;
	check(seep_target_open(atoi(argv[1]), &target), "opening");
	check(seep_binary_open(target, &binary), "reading the executable");
	check(take_snapshot(target, binary), "copying");
	check(seep_runtime_read(target, binary, &rt), "reading the heap");
	check(seep_cycles_find(rt, &cycles), "looking for cycles");
	for (size_t i = 0; i < rt->specials.len; i++)
		if (rt->specials.data[i].kind != SEEP_SPECIAL_WEAK_HANDLE &&
		    seep_cycles_hold(&cycles, rt->specials.data[i].object))
			printf("%#" PRIx64 "\n",
			       seep_heap_address(&rt->heap, rt->specials.data[i].object));
	seep_cycles_deinit(&cycles);
	seep_runtime_destroy(rt);
	seep_binary_close(binary);
	seep_target_close(target);
	return EXIT_SUCCESS;
}
