/** What /proc/PID/pagemap tells of pages (resident.c). */
#ifndef SEEP_TARGET_PAGEMAP_H
#define SEEP_TARGET_PAGEMAP_H

#include "base/vec.h"
#include "target/target.h"

static const uint64_t seep_page_bytes = 4096;

struct seep_ranges seep_vec(struct seep_range);

/** What counts as holding anything: also what was swapped out, or only what is in memory. */
enum seep_residency { SEEP_HOLDS_ANYTHING, SEEP_IN_MEMORY };
/**
 * Appends the parts of [start, end), an anonymous mapping, that hold anything; sorted, adjacent ones joined.
 * Where nothing tells, that is all of it.
 */
struct seep_error *seep_resident_find(int pagemap_fd, enum seep_residency what, seep_addr start,
				      seep_addr end, struct seep_ranges *parts) _must_check_;

/** Whether the kernel has the first of the ways in resident.c: only it counts pages as Rss does. */
bool seep_resident_can_scan(int pagemap_fd);

/** What PAGEMAP_SCAN knows of a page; PAGE_IS_* of linux/fs.h, Linux 6.7. */
enum {
	SEEP_PAGE_WRITTEN = 1 << 1,
	SEEP_PAGE_PRESENT = 1 << 3,
	SEEP_PAGE_SWAPPED = 1 << 4,
	SEEP_PAGE_PFNZERO = 1 << 5, /** the page of zeros that all share */
};
/** PM_SCAN_WP_MATCHING, PM_SCAN_CHECK_WPASYNC: protect what matches; EPERM where writes are not watched. */
enum { SEEP_SCAN_PROTECT = 1 << 0, SEEP_SCAN_CHECK = 1 << 1 };
struct seep_page_region {
	uint64_t start, end, categories;
};
/** Which pages: (categories ^ inverted) has all of `all`, and one of `any` unless that is 0. */
struct seep_page_query {
	uint64_t flags, inverted, all, any,
		tell; /** tell: the categories to be told of each region */
};
/**
 * One step of a scan from *at on, of at most a limit that keeps the kernel's lock short; the number of regions
 * found, *at behind what was looked at; or -1 with errno.
 */
int seep_page_scan(int pagemap_fd, const struct seep_page_query *query, seep_addr *at,
		   seep_addr end, struct seep_page_region *regions, size_t max);

#endif
