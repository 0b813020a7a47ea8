// Usage: exact PID [COUNT [MAXIMUM-MILLISECONDS]]
//
// Looks at a running Go program COUNT times (default 1), after a random while each time, and compares the objects reached
// as the collector would reach them with the slots that are allocated. Prints, for each look, `look N` and then lines of
// a name and a number:
//
//	allocated, reached	objects
//	bytes, stacks		bytes of the slots allocated; goroutines that are not dead
//	dangling		precise pointers to slots that are free
//	not_unwound		stacks that could not be unwound to their start
//	count_mismatches	spans whose slots do not add up to mspan.allocCount
//	marking			1 if the collector was marking
//	unswept			spans that the last collection's sweep had not come to
//	stuck			goroutines that seep thinks cannot go on
//	young, old		objects allocated and not reached: allocated since the last sweep, or before
//
// After a sweep the bitmap of allocated slots is the last collection's mark bits, and from then on slots are taken in
// order, up to freeindex, without setting bits. So a slot below freeindex whose bit is clear holds an object younger than the
// collection; one whose bit is set was found alive by it. Of both kinds up to 20 are described in lines of their own.
#include "binary/binary.h"
#include "graph/live.h"
#include "runtime/internal.h"
#include "support/snapshot.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SHOWN_MAX = 20 };

static void check(struct seep_error *err, const char *doing)
{
	if (err)
		errx(EXIT_FAILURE, "%s: %s", doing, err->message);
}

static const struct seep_mspan *mspan_of(const struct seep_mspans *spans, seep_addr start)
{
	for (size_t i = 0; i < spans->spans.len; i++)
		if (spans->spans.data[i].start == start &&
		    spans->spans.data[i].state == SEEP_MSPAN_IN_USE)
			return &spans->spans.data[i];
	return NULL;
}

static bool is_young(const struct seep_runtime *rt, const struct seep_mspan *s, uint32_t slot)
{
	const unsigned char *bits = seep_memory_at(&rt->memory, s->alloc_bits, (s->nelems + 7) / 8);

	return bits && slot < s->freeindex && !(bits[slot / 8] >> slot % 8 & 1);
}

static void show(struct seep_runtime *rt, struct seep_object object, bool young)
{
	const struct seep_span *span = &rt->heap.spans.data[object.span];
	seep_addr addr = seep_heap_address(&rt->heap, object),
		  type = span->map == SEEP_MAP_LARGE ? span->large_type : 0;
	const char *name = "";

	if (span->map == SEEP_MAP_HEADER && span->bytes)
		type = seep_le64(span->bytes + object.slot * span->elem_size);
	if (type)
		name = seep_type_name(&rt->types, type);
	printf("%s object %#" PRIx64 " size %" PRIu64 "%s%s %s", young ? "young" : "old", addr,
	       span->elem_size, span->noscan ? " noscan" : " scan", span->tiny ? " tiny" : "",
	       name);
	struct seep_func func;
	if (span->bytes && span->map != SEEP_MAP_HEADER &&
	    seep_pclntab_find(&rt->binary->pclntab,
			      seep_le64(span->bytes + object.slot * span->elem_size), &func))
		printf(" closure of %s", func.name);
	for (uint64_t i = 0; span->bytes && i < 6 && i * 8 < span->elem_size; i++)
		printf(" %#" PRIx64,
		       seep_le64(span->bytes + object.slot * span->elem_size + 8 * i));
	putchar('\n');
}

static void compare(struct seep_runtime *rt, const struct seep_live *live)
{
	struct seep_mspans all;
	uint64_t counts[2] = {}, unswept = 0;

	check(seep_mspans_read(&rt->memory, rt->binary, &all), "reading spans");
	for (uint32_t i = 0; i < rt->heap.spans.len; i++) {
		const struct seep_span *span = &rt->heap.spans.data[i];
		const struct seep_mspan *s = NULL;
		unswept += span->unswept;
		for (uint32_t slot = 0; slot < span->nelems; slot++) {
			uint64_t n = span->first + (uint64_t)slot;
			if (!seep_bit_get(rt->heap.allocated, n) ||
			    seep_bit_get(live->reachable, n))
				continue;
			if (!s)
				s = mspan_of(&all, span->base);
			bool young = s && is_young(rt, s, slot);
			if (++counts[young] <= SHOWN_MAX)
				show(rt, (struct seep_object){ i, slot }, young);
		}
	}
	seep_mspans_deinit(&all);
	printf("unswept %" PRIu64 "\nyoung %" PRIu64 "\nold %" PRIu64 "\n", unswept, counts[1],
	       counts[0]);
}

static void show_lost(struct seep_runtime *rt)
{
	for (size_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		struct seep_unwinder u;
		if (g->unwound)
			continue;
		printf("lost goroutine %" PRIu64 " status %d %s%s pc %#" PRIx64 " sp %#" PRIx64
		       " stack %#" PRIx64 "-%#" PRIx64,
		       g->id, g->status, g->reason, g->conservative ? " conservative" : "", g->pc,
		       g->sp, g->stack_lo, g->stack_hi);
		if (g->thread)
			printf(" thread pc %#" PRIx64 " sp %#" PRIx64, g->thread->pc,
			       g->thread->sp);
		for (bool more = seep_unwind_start(rt, g, &u); more; more = seep_unwind_next(&u))
			if (u.depth < 8)
				printf(" %s", u.frame.site->func.name);
		putchar('\n');
	}
}

static void show_stuck(struct seep_runtime *rt, const struct seep_live *live)
{
	uint64_t count = 0;

	for (size_t i = 0; i < rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &rt->goroutines.data[i];
		struct seep_unwinder u;
		if (live->phase[i] == SEEP_LIVE)
			continue;
		if (++count > SHOWN_MAX)
			continue;
		printf("stuck goroutine %" PRIu64 " %s", g->id, g->reason);
		for (uint32_t k = 0; k < g->wait_count; k++)
			printf(" %#" PRIx64, rt->waits.data[g->first_wait + k].address);
		for (bool more = seep_unwind_start(rt, g, &u); more; more = seep_unwind_next(&u))
			printf(" %s", u.frame.site->func.name);
		putchar('\n');
	}
	printf("stuck %" PRIu64 "\n", count);
}

static void look(struct seep_target *target, const struct seep_binary *binary, unsigned number)
{
	struct seep_runtime *rt;
	struct seep_locks locks = {};
	struct seep_live live = {};

	check(take_snapshot(target, binary), "copying");
	check(seep_runtime_read(target, binary, &rt), "reading");
	check(seep_locks_read(rt, &locks), "reading locks");
	check(seep_live_find(rt, &locks, SEEP_LIVE_UNNAMED, &live), "following pointers");
	printf("look %u\n", number);
	printf("allocated %" PRIu64 "\nreached %" PRIu64 "\nbytes %" PRIu64 "\nstacks %zu\n",
	       rt->heap.objects, live.reachable_objects, rt->heap.bytes, rt->goroutines.len);
	printf("dangling %" PRIu64 "\n", live.dangling);
	if (live.dangling)
		printf("dangling pointer %#" PRIx64 "\n", live.dangling_example);
	printf("not_unwound %" PRIu64 "\ncount_mismatches %" PRIu64 "\nmarking %d\n",
	       rt->not_unwound, rt->heap.count_mismatches, rt->heap.marking);
	show_lost(rt);
	show_stuck(rt, &live);
	compare(rt, &live);
	fflush(stdout);
	seep_live_deinit(&live);
	seep_locks_deinit(&locks);
	seep_runtime_destroy(rt);
}

int main(int argc, char **argv)
{
	struct seep_target *target;
	struct seep_binary *binary;

	if (argc < 2 || argc > 4)
		errx(2, "usage: exact PID [COUNT [MAXIMUM-MILLISECONDS]]");
	unsigned count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1,
		 most_ms = argc > 3 ? strtoul(argv[3], NULL, 10) : 20;
	check(seep_target_open(strtol(argv[1], NULL, 10), &target), "opening the process");
	check(seep_binary_open(target, &binary), "reading the executable");
	srandom(getpid());
	for (unsigned i = 1; i <= count; i++) {
		uint64_t wait_ns = random() % (most_ms * 1000000ull + 1);
		if (count > 1)
			nanosleep(&(struct timespec){ wait_ns / 1000000000, wait_ns % 1000000000 },
				  NULL);
		look(target, binary, i);
	}
	seep_binary_close(binary);
	seep_target_close(target);
	return EXIT_SUCCESS;
}
