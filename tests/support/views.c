// Usage: views PID
//
// What seep thinks the running Go program PID can see of its heap. Prints lines
//
//	typed OBJECTS BYTES ALL-OBJECTS ALL-BYTES
//	partial ADDRESS SIZE VISIBLE GUESSED	an object of which a part is seen, in hexadecimal and decimal
//	range START LEN SOFT-LEN		a view of the object above, bytes from its start
//	pinned ADDRESS SIZE		an object that only hidden pointers lead to
#include "graph/hidden.h"
#include "support/analysis.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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
			struct seep_object object = seep_graph_object(graph, n);
			printf("pinned %#" PRIx64 " %" PRIu64 "\n", seep_heap_address(heap, object),
			       heap->spans.data[object.span].elem_size);
		}
	seep_hidden_deinit(&hidden);
}

int main(int argc, char **argv)
{
	struct analysis a;

	if (argc != 2)
		errx(EXIT_FAILURE, "usage: views PID");
	analyse(argv[1], &a);
	show(&a.typing);
	show_pinned(&a.typing, &a.graph);
	analysis_end(&a);
	return 0;
}
