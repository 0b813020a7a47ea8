// Usage: types PID <ADDRESSES
//
// What seep knows of the types in the heap of the running Go program PID. Prints lines
//
//	heap OBJECTS BYTES			allocated, as runtime.MemStats counts them
//	typed OBJECTS BYTES ALL-OBJECTS ALL-BYTES	of the reachable ones
//	guessed OBJECTS BYTES			of the typed ones, those whose type is no more than likely
//	untyped BYTES REASON
//	at ADDRESS OFFSET told|guessed|unknown|tiny|unreachable|free TYPE
//
// the last for each address, in hexadecimal, of the standard input; OFFSET is that of the address in its object.
#include "detect/detect.h"
#include "detect/findings.h"
#include "support/analysis.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void show_shares(const struct seep_view *view)
{
	const struct seep_heap *heap = &view->runtime->heap;
	const struct seep_typing *typing = view->typing;
	struct seep_report report = {};
	uint64_t objects = 0, bytes = 0;

	for (size_t i = 0; i < heap->spans.len; i++) {
		const struct seep_span *span = &heap->spans.data[i];
		for (uint64_t n = span->first; n < span->first + (uint64_t)span->nelems; n++)
			if (seep_bit_get(typing->guessed, n)) {
				objects++;
				bytes += span->elem_size;
			}
	}
	check(seep_describe_types(view, &report));
	printf("heap %" PRIu64 " %" PRIu64 "\n", heap->objects, heap->bytes);
	printf("typed %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
	       report.types.typed_objects, report.types.typed_bytes, report.types.objects,
	       report.types.bytes);
	printf("guessed %" PRIu64 " %" PRIu64 "\n", objects, bytes);
	for (size_t i = 0; i < report.types.untyped.len; i++)
		printf("untyped %" PRIu64 " %s\n", report.types.untyped.data[i].bytes,
		       report.types.untyped.data[i].name);
	seep_vec_free(&report.types.untyped);
}

static void show_object(const struct seep_view *view, seep_addr addr)
{
	const struct seep_heap *heap = &view->runtime->heap;
	_cleanup_(seep_str_deinit) struct seep_str name = {};
	struct seep_object object;
	const char *how = "unknown";
	uint64_t offset = 0;

	if (!seep_heap_find(heap, addr, &object)) {
		how = "free";
	} else {
		uint64_t n = seep_heap_number(heap, object);
		offset = addr - seep_heap_address(heap, object);
		if (!seep_bit_get(view->live->reachable, n))
			how = "unreachable";
		else if (heap->spans.data[object.span].tiny)
			how = "tiny";
		else if (seep_typing_content(view->typing, object)->content != SEEP_CONTENT_UNKNOWN)
			how = seep_bit_get(view->typing->guessed, n) ? "guessed" : "told";
		seep_typing_name(view->typing, object, &name);
	}
	printf("at %#" PRIx64 " %" PRIu64 " %s %s\n", addr, offset, how, seep_str_text(&name));
}

int main(int argc, char **argv)
{
	struct analysis a;
	uint64_t addr;

	if (argc != 2)
		errx(EXIT_FAILURE, "usage: types PID <ADDRESSES");
	analyse(argv[1], &a);
	const struct seep_view view = { .runtime = a.runtime,
					.locks = &a.locks,
					.live = &a.live,
					.variables = &a.variables,
					.typing = &a.typing,
					.graph = &a.graph };
	show_shares(&view);
	while (scanf("%" SCNx64, &addr) == 1)
		show_object(&view, addr);
	analysis_end(&a);
	return 0;
}
