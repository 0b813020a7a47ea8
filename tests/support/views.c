// Usage: views PID
//
// What seep thinks the running Go program PID can see of its heap. Prints lines
//
//	typed OBJECTS BYTES ALL-OBJECTS ALL-BYTES
//	partial ADDRESS SIZE VISIBLE GUESSED	an object of which a part is seen, in hexadecimal and decimal
//	range START LEN SOFT-LEN		a view of the object above, bytes from its start
//	pinned ADDRESS SIZE		an object that only hidden pointers lead to
#include "graph/hidden.h"
#include "target/target.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void check(struct seep_error *err)
{
	if (err)
		errx(EXIT_FAILURE, "%s", err->message);
}

static void show(const struct seep_typing *typing)
{
	const struct seep_heap *heap = &typing->runtime->heap;

	printf("typed %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", typing->typed.objects,
	       typing->typed.bytes, typing->all.objects, typing->all.bytes);
	for (size_t i = 0; i < typing->partials.len; i++) {
		const struct seep_partial *p = &typing->partials.data[i];
		printf("partial %#" PRIx64 " %" PRIu64 " %" PRIu64 " %d\n",
		       seep_heap_address(heap, p->object),
		       heap->spans.data[p->object.span].elem_size, p->visible, p->guessed);
		for (uint32_t r = 0; r < p->range_count; r++) {
			const struct seep_view_range *range =
				&typing->ranges.data[p->first_range + r];
			printf("range %u %u %u\n", range->start, range->len, range->soft_len);
		}
	}
}

static void show_pinned(const struct seep_typing *typing, const struct seep_graph *graph)
{
	const struct seep_heap *heap = &typing->runtime->heap;
	struct seep_hidden hidden;

	check(seep_hidden_find(typing, graph, SEEP_HIDDEN, &hidden));
	for (uint32_t n = graph->first_object; n < graph->node_count; n++)
		if (seep_bit_get(hidden.pinned, n)) {
			struct seep_object object = graph->objects[n - graph->first_object];
			printf("pinned %#" PRIx64 " %" PRIu64 "\n", seep_heap_address(heap, object),
			       heap->spans.data[object.span].elem_size);
		}
	seep_hidden_deinit(&hidden);
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

	if (argc != 2)
		errx(EXIT_FAILURE, "usage: views PID");
	check(seep_target_open(atoi(argv[1]), &target));
	check(seep_binary_open(target, &binary));
	check(seep_target_stop(target));
	check(seep_runtime_capture(target, binary));
	seep_target_resume(target);
	check(seep_runtime_read(target, binary, &rt));
	check(seep_locks_read(rt, &locks));
	check(seep_live_find(rt, &locks, &live));
	check(seep_variables_read(binary, &rt->types, &variables));
	check(seep_typing_find(rt, &live, &variables, &typing));
	check(seep_graph_build(rt, &live, &variables, &graph));
	show(&typing);
	show_pinned(&typing, &graph);
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
