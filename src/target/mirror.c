/*
 * The mirror: host address space of the size of the target's writable private mappings.
 *
 * Such mappings are all that a Go program can keep pointers in: heap, stacks, data, bss, C heaps.
 * Read-only ones are the executable's and come from its file; shared ones belong to others too.
 * Mappings that touch share one span, since an object may lie across the border (the kernel splits
 * a heap arena wherever madvise() differed). Reserved space costs nothing until it is written to,
 * so an untouched 64 MB arena is free here as it is in the target.
 *
 * Most of what a copy costs is the first touch of the host's pages, several times the reading
 * itself. Hence the mirror can be made while the target runs, and its pages touched then; the stop
 * keeps each span that still begins where it did, with slack behind it so that a heap that grows
 * meanwhile does not lose what was prepared.
 *
 * Spans are placed congruent to their target addresses modulo 2 MB, so that a huge page there meets
 * a huge page here.
 */
#include "target/internal.h"

#include <string.h>
#include <sys/mman.h>

/**
 * Room for a heap to grow between seep_target_prepare() and the stop; address space, no memory, but where that is limited
 * (RLIMIT_AS) there should be some left. Go maps heap in steps of 4 MB to 64 MB.
 */
static uint64_t slack_of(const struct seep_mirror_span *span)
{
	static const uint64_t least = 16 << 20, most = 256 << 20;
	uint64_t len = span->end - span->start;

	return len < least ? least : len > most ? most : len;
}

/** Room for span on the host, with slack before and behind; false when the kernel does not give it. */
static bool reserve(struct seep_mirror_span *span, uint64_t slack)
{
	uint64_t len = span->end - span->start;
	uint64_t skew = len >= seep_block_bytes ? seep_block_bytes : 0;
	size_t map_bytes;

	if (__builtin_add_overflow(len, skew + 2 * slack, &map_bytes))
		return false;
	void *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return false;
	// What we copy is somebody's data: it has no business in a core file of seep.
	madvise(map, map_bytes, MADV_DONTDUMP);
	span->map = map;
	span->map_bytes = map_bytes;
	span->host = (unsigned char *)map + slack;
	if (skew)
		span->host += (span->start - (uintptr_t)span->host) % seep_block_bytes;
	return true;
}

static void release(struct seep_mirror_span *span)
{
	if (span->map)
		munmap(span->map, span->map_bytes);
	free(span->fresh);
	free(span->filled);
}

/** Bitmaps for a span that has none yet. */
static bool add_bitmaps(struct seep_mirror_span *span)
{
	size_t words = span->map_bytes / seep_page_bytes / 64 + 1;

	if (!span->fresh)
		span->fresh = calloc(words, sizeof(*span->fresh));
	if (!span->filled)
		span->filled = calloc(words, sizeof(*span->filled));
	return span->fresh && span->filled;
}

void seep_mirror_clear(struct seep_mirror_span *span, seep_addr start, seep_addr end)
{
	size_t last = seep_span_page(span, end);

	for (size_t page = seep_span_page(span, start), next; page < last; page = next) {
		page = seep_pages_next(span->filled, page, last, true);
		next = seep_pages_next(span->filled, page, last, false);
		memset((unsigned char *)span->map + page * seep_page_bytes, 0,
		       (next - page) * seep_page_bytes);
		seep_pages_put(span->filled, page, next, false);
	}
}

/** The largest of the old spans that lie, in part, where span does. */
static struct seep_mirror_span *find_old(const struct seep_mirror_span *span,
					 struct seep_mirror *old)
{
	struct seep_mirror_span *found = NULL;

	seep_vec_foreach(before, &old->spans) {
		if (!before->map || before->end <= span->start)
			continue;
		if (before->start >= span->end)
			break;
		if (!found || before->end - before->start > found->end - found->start)
			found = before;
	}
	return found;
}

/** Takes the room of an old span, if it reaches far enough at both ends. */
static bool take_over(struct seep_mirror_span *span, struct seep_mirror *old)
{
	struct seep_mirror_span *before = find_old(span, old);

	if (!before)
		return false;
	struct seep_mirror_span now = *before;
	uint64_t at = span->start - seep_span_base(before); // wraps around below the base
	if (at > before->map_bytes || span->end - span->start > before->map_bytes - at)
		return false;
	now.start = span->start;
	now.end = span->end;
	now.host = (unsigned char *)before->map + at;
	// What is unmapped now may be mapped again, as something else.
	if (now.fresh && now.start > before->start)
		seep_pages_put(now.fresh, seep_span_page(&now, before->start),
			       seep_span_page(&now, now.start), false);
	if (now.fresh && now.end < before->end)
		seep_pages_put(now.fresh, seep_span_page(&now, now.end),
			       seep_span_page(&now, before->end), false);
	*span = now;
	before->map = NULL;
	before->fresh = before->filled = NULL;
	return true;
}

/**
 * Makes span known, with room from old or new; one for which there is none is left out and counted.
 */
static struct seep_error *add_span(struct seep_target *target, struct seep_mirror_span span,
				   struct seep_mirror *old)
{
	struct seep_mirror *mirror = &target->mirror;

	if (!take_over(&span, old) && !reserve(&span, slack_of(&span)) && !reserve(&span, 0)) {
		target->stats.spans_left_out++;
		return NULL;
	}
	if ((target->watch.on && !add_bitmaps(&span)) || !seep_vec_push(&mirror->spans, span)) {
		release(&span);
		return &seep_enomem;
	}
	return seep_memory_add(&mirror->memory,
			       (struct seep_segment){ span.start, span.end, span.host });
}

struct seep_error *seep_mirror_reserve(struct seep_target *target)
{
	struct seep_mirror old _cleanup_(seep_mirror_deinit) = target->mirror;
	struct seep_mirror_span span = {};
	struct seep_error *err;

	target->mirror = (struct seep_mirror){};
	seep_vec_foreach(mapping, &target->mappings) {
		if (!seep_mapping_is_mirrored(mapping))
			continue;
		if (span.end != mapping->start) {
			err = span.end ? add_span(target, span, &old) : NULL;
			if (err)
				return err;
			span.start = mapping->start;
		}
		span.end = mapping->end;
	}
	return span.end ? add_span(target, span, &old) : NULL;
}

void seep_mirror_deinit(struct seep_mirror *mirror)
{
	seep_vec_foreach(span, &mirror->spans)
		release(span);
	seep_vec_free(&mirror->spans);
	seep_memory_deinit(&mirror->memory);
}
