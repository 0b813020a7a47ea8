/*
 * What to copy.
 *
 * The ranges asked for are rounded to pages, sorted and joined, cut to the mappings that are
 * mirrored, and cut again to what is resident there. (File-backed private mappings are copied
 * without asking: a page of .data that nobody touched is not resident, yet not zero.) The pieces
 * that remain are cut where a 2 MB block ends.
 *
 * Of a watched target only those pages count that are not fresh; what of them is not resident is zero, and becomes so in the
 * mirror. Nothing is fresh before the copy has succeeded.
 */
#include "target/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/** Gaps in the ranges that are cheaper to look through than to make a system call for. */
static const uint64_t scan_gap_bytes = 512 << 10;

static void free_ranges(struct seep_ranges *ranges)
{
	seep_vec_free(ranges);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct seep_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/** Ranges to whole pages, sorted, disjoint. */
static struct seep_error *normalise(const struct seep_range *ranges, size_t count,
				    struct seep_ranges *ret)
{
	if (!seep_vec_reserve(ret, count))
		return &seep_enomem;
	for (size_t i = 0; i < count; i++) {
		seep_addr start = ranges[i].start & -seep_page_bytes, end;
		if (__builtin_add_overflow(ranges[i].end, seep_page_bytes - 1, &end))
			end = UINT64_MAX;
		if (ranges[i].start < ranges[i].end)
			ret->data[ret->len++] =
				(struct seep_range){ start, end & -seep_page_bytes };
	}
	if (!ret->len)
		return NULL;
	qsort(ret->data, ret->len, sizeof(*ret->data), compare_ranges);
	size_t last = 0;
	for (size_t i = 1; i < ret->len; i++) {
		if (ret->data[i].start > ret->data[last].end)
			ret->data[++last] = ret->data[i];
		else if (ret->data[i].end > ret->data[last].end)
			ret->data[last].end = ret->data[i].end;
	}
	ret->len = last + 1;
	return NULL;
}

bool seep_plan_add(struct seep_copy_job *job, const struct seep_mirror_span *span, seep_addr start,
		   seep_addr end)
{
	while (start < end) {
		seep_addr block_end = (start | (seep_block_bytes - 1)) + 1;
		struct seep_piece piece = { start, block_end < end ? block_end : end,
					    span->host + (start - span->start), false };
		if (!seep_vec_push(&job->pieces, piece))
			return false;
		start = piece.end;
	}
	return true;
}

/** The parts of [start, end) that are not fresh are added to the job's stale ranges. */
static bool add_stale(struct seep_copy_job *job, const struct seep_mirror_span *span,
		      seep_addr start, seep_addr end)
{
	size_t last = seep_span_page(span, end);

	for (size_t page = seep_span_page(span, start), next; page < last; page = next) {
		page = seep_pages_next(span->fresh, page, last, false);
		next = seep_pages_next(span->fresh, page, last, true);
		if (page < next &&
		    !seep_vec_push(&job->stale, (struct seep_range){ seep_span_addr(span, page),
								     seep_span_addr(span, next) }))
			return false;
	}
	return true;
}

/** The resident parts of ranges, which lie close together in one mapping; the rest is cleared. */
static struct seep_error *add_resident(struct seep_copy_job *job, struct seep_mirror_span *span,
				       int pagemap_fd, const struct seep_range *ranges,
				       size_t count)
{
	struct seep_ranges parts _cleanup_(free_ranges) = {};
	struct seep_error *err;

	err = seep_resident_find(pagemap_fd, SEEP_HOLDS_ANYTHING, ranges[0].start,
				 ranges[count - 1].end, &parts);
	if (err)
		return err;
	for (size_t k = 0, i = 0; k < count; k++) {
		seep_addr at = ranges[k].start;
		while (i < parts.len && parts.data[i].end <= at)
			i++;
		for (size_t p = i; p < parts.len && parts.data[p].start < ranges[k].end; p++) {
			const struct seep_range *part = parts.data + p;
			seep_addr start = part->start > at ? part->start : at;
			seep_addr end = part->end < ranges[k].end ? part->end : ranges[k].end;
			if (span->filled)
				seep_mirror_clear(span, at, start);
			if (!seep_plan_add(job, span, start, end))
				return &seep_enomem;
			at = end;
		}
		if (span->filled)
			seep_mirror_clear(span, at, ranges[k].end);
	}
	return NULL;
}

/** Pieces for ranges of one mapping, all of which is wanted. */
static struct seep_error *add_pieces(struct seep_copy_job *job, struct seep_mirror_span *span,
				     const struct seep_mapping *mapping, int pagemap_fd,
				     const struct seep_range *ranges, size_t count)
{
	struct seep_error *err;

	// What is stale after the stop was in memory then.
	if (mapping->file_backed || job->target->watch.over) {
		for (size_t i = 0; i < count; i++)
			if (!seep_plan_add(job, span, ranges[i].start, ranges[i].end))
				return &seep_enomem;
		return NULL;
	}
	for (size_t first = 0, next; first < count; first = next) {
		for (next = first + 1; next < count; next++)
			if (ranges[next].start - ranges[next - 1].end > scan_gap_bytes)
				break;
		err = add_resident(job, span, pagemap_fd, ranges + first, next - first);
		if (err)
			return err;
	}
	return NULL;
}

/** What ranges, cut to one mapping, ask of it. */
static struct seep_error *add_mapping(struct seep_copy_job *job, struct seep_mirror_span *span,
				      const struct seep_mapping *mapping, int pagemap_fd,
				      const struct seep_ranges *cut)
{
	struct seep_watch *watch = &job->target->watch;
	struct seep_range whole = { mapping->start, mapping->end };
	bool unwatched = !job->target->stopped && !seep_watch_has(watch, mapping);
	size_t first = job->stale.len;

	if (span->fresh)
		seep_vec_foreach(range, cut)
			if (!add_stale(job, span, range->start, range->end))
				return &seep_enomem;
	if (span->fresh && job->stale.len == first)
		return NULL;
	if (unwatched && !seep_vec_push(&watch->wanted, whole))
		return &seep_enomem;
	if (!span->fresh)
		return add_pieces(job, span, mapping, pagemap_fd, cut->data, cut->len);
	if (unwatched) {
		// Nobody would notice that the copy gets old.
		job->stale.len = first;
		return watch->over ? seep_error_format(SEEP_ERROR_CHANGED,
						       "memory that was not watched is needed") :
				     NULL;
	}
	return add_pieces(job, span, mapping, pagemap_fd, job->stale.data + first,
			  job->stale.len - first);
}

struct seep_mirror_span *seep_plan_span(struct seep_target *target,
					const struct seep_mapping *mapping)
{
	const struct seep_segment *segment =
		seep_mapping_is_mirrored(mapping) ?
			seep_memory_find(&target->mirror.memory, mapping->start) :
			NULL;

	return segment ? target->mirror.spans.data + (segment - target->mirror.memory.segments) :
			 NULL;
}

/** All pieces to copy: sorted ranges met with the mirrored mappings. */
static struct seep_error *add_all(struct seep_copy_job *job, const struct seep_ranges *ranges,
				  int pagemap_fd)
{
	struct seep_ranges cut _cleanup_(free_ranges) = {};
	struct seep_error *err = NULL;
	size_t k = 0;

	seep_vec_foreach(mapping, &job->target->mappings) {
		while (k < ranges->len && ranges->data[k].end <= mapping->start)
			k++;
		if (k == ranges->len)
			break;
		struct seep_mirror_span *span = ranges->data[k].start < mapping->end ?
							seep_plan_span(job->target, mapping) :
							NULL;
		if (!span)
			continue;
		cut.len = 0;
		for (size_t i = k; !err && i < ranges->len && ranges->data[i].start < mapping->end;
		     i++) {
			struct seep_range range = ranges->data[i];
			range.start = range.start > mapping->start ? range.start : mapping->start;
			range.end = range.end < mapping->end ? range.end : mapping->end;
			err = seep_vec_push(&cut, range) ? NULL : &seep_enomem;
		}
		if (!err && cut.len)
			err = add_mapping(job, span, mapping, pagemap_fd, &cut);
		if (err)
			return err;
	}
	return NULL;
}

struct seep_error *seep_plan_ranges(struct seep_copy_job *job, const struct seep_range *ranges,
				    size_t count)
{
	struct seep_ranges sorted _cleanup_(free_ranges) = {};
	struct seep_error *err;

	err = normalise(ranges, count, &sorted);
	if (err)
		return err;
	int pagemap_fd = openat(job->target->dir_fd, "pagemap", O_RDONLY | O_CLOEXEC);
	err = add_all(job, &sorted, pagemap_fd);
	if (pagemap_fd >= 0)
		close(pagemap_fd);
	return err;
}

struct seep_error *seep_plan_mapping(struct seep_copy_job *job, struct seep_mirror_span *span,
				     const struct seep_mapping *mapping, int pagemap_fd)
{
	struct seep_range whole = { mapping->start, mapping->end };

	seep_pages_put(span->fresh, seep_span_page(span, whole.start),
		       seep_span_page(span, whole.end), false);
	if (!seep_vec_push(&job->stale, whole))
		return &seep_enomem;
	return add_pieces(job, span, mapping, pagemap_fd, &whole, 1);
}

void seep_plan_deinit(struct seep_copy_job *job)
{
	seep_vec_free(&job->pieces);
	seep_vec_free(&job->stale);
	seep_vec_free(&job->batches);
}
