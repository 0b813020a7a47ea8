/*
 * Noticing writes: what makes a short stop possible.
 *
 * A userfaultfd of the target's in write-protect mode marks pages; the kernel takes the mark off by itself when a page is written to
 * (UFFD_FEATURE_WP_ASYNC), and PAGEMAP_SCAN tells which pages have none and marks them anew in one step. So what was copied while the
 * target ran need not be copied again in the stop, unless it was written to since. Both are in Linux 6.7.
 *
 * What holds, of every page of a watched mapping:
 *
 *	fresh	    the mirror has what the page held at some moment after it was last marked. If it still has its mark, the
 *		    mirror has what it holds.
 *	a refresh while the target runs
 *		    takes freshness from all that was written to, marks it, and copies again what had been fresh, or all of it. What
 *		    the program has begun to use is only in the latter.
 *	a refresh in the stop
 *		    copies all that was written to since, whatever it is: what the target has begun to use meanwhile it has written
 *		    to, so that nothing needs to be worked out in the stop. What is not in memory becomes zeros in the mirror.
 *	a copy after the stop
 *		    finds nearly all that is asked for fresh. The rest was neither written to before the stop nor absent in it, so
 *		    if that is still so when it has been copied, it was copied right: a page that was unmapped, and mapped anew, has
 *		    no mark. Else the copy fails with CHANGED, and takes another stop.
 *
 * A page that is not present carries a mark only within page tables that exist; a larger hole has none, is not reported by a scan for
 * writes, and may have held something before (MADV_DONTNEED of a huge page, or of 2 MB since Linux 6.14). Therefore the scan in the stop
 * asks for "written or not present".
 *
 * Of huge pages (2 MB) the first write splits the mapping, not the page.
 */
#include "target/hindrance.h"
#include "target/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/** Of Linux 5.19 and 6.7. */
enum { FEATURE_WP_UNPOPULATED = 1 << 13, FEATURE_WP_ASYNC = 1 << 15 };
enum { REGIONS = 16384 };
/** The kernel works under the lock of the address space all through one call: some 100 us. */
static const uint64_t unregister_bytes = 4 << 20;

static const struct seep_page_query written_or_absent = {
	.flags = SEEP_SCAN_CHECK,
	.inverted = SEEP_PAGE_PRESENT,
	.any = SEEP_PAGE_WRITTEN | SEEP_PAGE_PRESENT,
	.tell = SEEP_PAGE_WRITTEN | SEEP_PAGE_PRESENT | SEEP_PAGE_SWAPPED,
};
static const struct seep_page_query not_written = {
	.flags = SEEP_SCAN_CHECK,
	.inverted = SEEP_PAGE_WRITTEN,
	.all = SEEP_PAGE_WRITTEN,
	.any = SEEP_PAGE_PRESENT | SEEP_PAGE_SWAPPED,
	.tell = SEEP_PAGE_WRITTEN,
};
static const struct seep_page_query written_protect = {
	.flags = SEEP_SCAN_CHECK | SEEP_SCAN_PROTECT,
	.all = SEEP_PAGE_WRITTEN,
	.tell = SEEP_PAGE_WRITTEN,
};

/** True for what a write-or-absent scan reports of a page that was swapped out and not written to. */
static bool is_unchanged(const struct seep_page_region *region)
{
	return (region->categories & (SEEP_PAGE_SWAPPED | SEEP_PAGE_WRITTEN)) == SEEP_PAGE_SWAPPED;
}

/** What scanning needs. */
struct scan {
	int pagemap_fd;
	struct seep_page_region *regions;
};

static void scan_deinit(struct scan *scan)
{
	if (scan->regions)
		close(scan->pagemap_fd);
	free(scan->regions);
}

static struct seep_error *scan_init(const struct seep_target *target, struct scan *scan)
{
	int fd = openat(target->dir_fd, "pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return seep_error_os(errno, "/proc/%d/pagemap", (int)target->pid);
	scan->regions = malloc(REGIONS * sizeof(*scan->regions));
	if (!scan->regions) {
		close(fd);
		return &seep_enomem;
	}
	scan->pagemap_fd = fd;
	return NULL;
}

struct seep_error *seep_uffd_set_up(int uffd)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED };

	return ioctl(uffd, UFFDIO_API, &api) ? seep_hindrance_error(SEEP_HINDRANCE_NO_WATCH, 0) :
					       NULL;
}

struct seep_error *seep_target_watch(struct seep_target *target)
{
	struct seep_watch *watch = &target->watch;
	struct scan scan _cleanup_(scan_deinit) = {};
	struct seep_error *err;
	uint64_t gap_ns;
	int uffd;

	if (target->child)
		return seep_hindrance_error(SEEP_HINDRANCE_CHILD, 0);
	err = scan_init(target, &scan);
	if (err)
		return err;
	if (!seep_resident_can_scan(scan.pagemap_fd))
		return seep_hindrance_error(SEEP_HINDRANCE_NO_SCAN, 0);
	err = seep_uffd_obtain(target, &uffd, &gap_ns);
	if (err)
		return err;
	err = seep_uffd_set_up(uffd);
	if (err) {
		close(uffd);
		return err;
	}
	watch->on = true;
	watch->uffd = uffd;
	target->stats = (struct seep_stop_stats){ .max_gap_ns = gap_ns };
	return NULL;
}

void seep_target_unwatch(struct seep_target *target)
{
	struct seep_watch *watch = &target->watch;

	seep_vec_foreach(range, &watch->ranges)
		for (seep_addr at = range->start; at < range->end; at += unregister_bytes) {
			uint64_t left = range->end - at;
			struct uffdio_range piece = { at, left < unregister_bytes ?
								  left :
								  unregister_bytes };
			// What is not mapped any more needs nothing.
			ioctl(watch->uffd, UFFDIO_UNREGISTER, &piece);
		}
	if (watch->on)
		close(watch->uffd);
	seep_vec_free(&watch->ranges);
	seep_vec_free(&watch->wanted);
	*watch = (struct seep_watch){};
}

bool seep_watch_has(const struct seep_watch *watch, const struct seep_mapping *mapping)
{
	size_t low = 0, high = watch->ranges.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct seep_range *range = watch->ranges.data + middle;
		if (mapping->start >= range->end)
			low = middle + 1;
		else if (mapping->start < range->start)
			high = middle;
		else
			return mapping->end <= range->end;
	}
	return false;
}

static bool overlaps(const struct seep_ranges *ranges, const struct seep_mapping *mapping)
{
	seep_vec_foreach(range, ranges)
		if (range->start < mapping->end && mapping->start < range->end)
			return true;
	return false;
}

static bool is_of_interest(const struct seep_watch *watch, const struct seep_mapping *mapping)
{
	return seep_mapping_is_mirrored(mapping) &&
	       (mapping->end - mapping->start <= SEEP_WATCH_BYTES_MAX ||
		overlaps(&watch->ranges, mapping) || overlaps(&watch->wanted, mapping));
}

/** Registers what is mapped now. A mapping that the kernel refuses, or that is gone already, stays unwatched. */
static struct seep_error *register_mappings(struct seep_target *target)
{
	struct seep_watch *watch = &target->watch;
	struct seep_ranges now = {};

	seep_vec_foreach(mapping, &target->mappings) {
		struct uffdio_register request = {
			.range = { mapping->start, mapping->end - mapping->start },
			.mode = UFFDIO_REGISTER_MODE_WP,
		};
		if (!is_of_interest(watch, mapping) ||
		    ioctl(watch->uffd, UFFDIO_REGISTER, &request))
			continue;
		struct seep_range *last = now.len ? now.data + now.len - 1 : NULL;
		if (last && last->end == mapping->start) {
			last->end = mapping->end;
		} else if (!seep_vec_push(&now,
					  (struct seep_range){ mapping->start, mapping->end })) {
			seep_vec_free(&now);
			return &seep_enomem;
		}
	}
	seep_vec_free(&watch->ranges);
	watch->ranges = now;
	watch->wanted.len = 0;
	return NULL;
}

/** What of the pages that were written to a refresh copies again. */
struct again {
	enum seep_refresh what;
	struct seep_ranges ranges;
};

/** Takes freshness from a region. */
static bool forget(struct seep_mirror_span *span, const struct seep_page_region *region,
		   struct again *again)
{
	size_t end = seep_span_page(span, region->end);

	if (again->what == SEEP_REFRESH_ALL) {
		seep_pages_put(span->fresh, seep_span_page(span, region->start), end, false);
		return seep_vec_push(&again->ranges,
				     (struct seep_range){ region->start, region->end });
	}
	for (size_t page = seep_span_page(span, region->start), next; page < end; page = next) {
		page = seep_pages_next(span->fresh, page, end, true);
		next = seep_pages_next(span->fresh, page, end, false);
		if (page < next &&
		    !seep_vec_push(&again->ranges,
				   (struct seep_range){ seep_span_addr(span, page),
							seep_span_addr(span, next) }))
			return false;
		seep_pages_put(span->fresh, page, next, false);
	}
	return true;
}

/** Marks anew what was written to in a watched mapping. */
static struct seep_error *protect(struct seep_target *target, const struct seep_mapping *mapping,
				  const struct scan *scan, struct again *again)
{
	struct seep_mirror_span *span = seep_plan_span(target, mapping);
	struct seep_page_region all = { mapping->start, mapping->end, 0 };

	if (!span || !seep_watch_has(&target->watch, mapping))
		return NULL;
	for (seep_addr at = mapping->start; at < mapping->end;) {
		seep_addr from = at;
		int n = seep_page_scan(scan->pagemap_fd, &written_protect, &at, mapping->end,
				       scan->regions, REGIONS);
		if (n < 0) { // unmapped, or mapped anew: the next round sees it
			all.start = from;
			return forget(span, &all, again) ? NULL : &seep_enomem;
		}
		for (int i = 0; i < n; i++)
			if (!forget(span, scan->regions + i, again))
				return &seep_enomem;
	}
	return NULL;
}

/** In the stop: everything in a region that is in memory; the rest becomes zeros. */
static bool plan_region(struct seep_copy_job *job, struct seep_mirror_span *span,
			const struct seep_page_region *region)
{
	if (is_unchanged(region))
		return true;
	seep_pages_put(span->fresh, seep_span_page(span, region->start),
		       seep_span_page(span, region->end), false);
	if (!seep_vec_push(&job->stale, (struct seep_range){ region->start, region->end }))
		return false;
	if (region->categories & (SEEP_PAGE_PRESENT | SEEP_PAGE_SWAPPED))
		return seep_plan_add(job, span, region->start, region->end);
	seep_mirror_clear(span, region->start, region->end);
	return true;
}

static struct seep_error *plan_written(struct seep_copy_job *job,
				       const struct seep_mapping *mapping, const struct scan *scan)
{
	struct seep_target *target = job->target;
	struct seep_mirror_span *span = seep_plan_span(target, mapping);
	size_t pieces = job->pieces.len, stale = job->stale.len;

	if (!span)
		return NULL;
	if (seep_watch_has(&target->watch, mapping)) {
		seep_addr at = mapping->start;
		int n = 0;
		while (at < mapping->end && n >= 0) {
			n = seep_page_scan(scan->pagemap_fd, &written_or_absent, &at, mapping->end,
					   scan->regions, REGIONS);
			for (int i = 0; i < n; i++)
				if (!plan_region(job, span, scan->regions + i))
					return &seep_enomem;
		}
		if (n >= 0)
			return NULL;
	}
	// New, or mapped anew since the last round.
	job->pieces.len = pieces;
	job->stale.len = stale;
	if (mapping->end - mapping->start <= SEEP_WATCH_BYTES_MAX)
		return seep_plan_mapping(job, span, mapping, scan->pagemap_fd);
	if (overlaps(&target->watch.ranges, mapping)) // else nothing of it was ever fresh
		seep_pages_put(span->fresh, seep_span_page(span, mapping->start),
			       seep_span_page(span, mapping->end), false);
	return NULL;
}

struct seep_error *seep_refresh_stopped(struct seep_target *target, uint64_t max_bytes)
{
	struct seep_copy_job job _cleanup_(seep_plan_deinit) = { .target = target };
	struct scan scan _cleanup_(scan_deinit) = {};
	struct seep_error *err;
	uint64_t bytes = 0;

	err = scan_init(target, &scan);
	for (size_t i = 0; !err && i < target->mappings.len; i++)
		err = plan_written(&job, target->mappings.data + i, &scan);
	if (err)
		return err;
	seep_vec_foreach(piece, &job.pieces)
		bytes += piece->end - piece->start;
	if (bytes > max_bytes)
		return seep_error_format(
			SEEP_ERROR_BUDGET,
			"process %d writes too fast: %.1f MB were still to be copied in the stop",
			(int)target->pid, bytes / 1e6);
	return seep_copy_run(&job);
}

struct seep_error *seep_target_refresh(struct seep_target *target, enum seep_refresh what)
{
	struct seep_copy_job job _cleanup_(seep_plan_deinit) = { .target = target };
	struct scan scan _cleanup_(scan_deinit) = {};
	struct again again = { .what = what };
	struct seep_error *err;

	if (!target->watch.on || target->stopped)
		return seep_error_format(SEEP_ERROR_USAGE, "process %d is not watched",
					 (int)target->pid);
	target->watch.over = false;
	target->stats.rounds++;
	err = scan_init(target, &scan);
	if (!err)
		err = seep_mappings_read(target);
	if (!err)
		err = seep_mirror_reserve(target);
	if (!err)
		err = register_mappings(target);
	for (size_t i = 0; !err && i < target->mappings.len; i++)
		err = protect(target, target->mappings.data + i, &scan, &again);
	if (!err)
		err = seep_plan_ranges(&job, again.ranges.data, again.ranges.len);
	seep_vec_free(&again.ranges);
	return err ? err : seep_copy_run(&job);
}

struct seep_error *seep_watch_check(const struct seep_target *target,
				    const struct seep_ranges *ranges)
{
	struct scan scan _cleanup_(scan_deinit) = {};
	struct seep_error *err;
	bool changed = false;

	err = scan_init(target, &scan);
	if (err)
		return err;
	// Asked for what has changed, a scan would say nothing of what is not mapped any more.
	seep_vec_foreach(range, ranges)
		for (seep_addr at = range->start, same = at; !changed && at < range->end;) {
			int n = seep_page_scan(scan.pagemap_fd, &not_written, &at, range->end,
					       scan.regions, REGIONS);
			for (int i = 0; i < n && scan.regions[i].start == same; i++)
				same = scan.regions[i].end;
			changed = n < 0 || same != at;
		}
	return changed ? seep_error_format(SEEP_ERROR_CHANGED,
					   "memory that is needed was written to meanwhile") :
			 NULL;
}
