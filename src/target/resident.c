/*
 * Which pages of an anonymous mapping hold anything.
 *
 * Go reserves far more than it touches, so asking first is what makes a copy cost as much as the
 * resident memory. Three ways, the first that the kernel offers:
 *
 *	PAGEMAP_SCAN	   ioctl on /proc/PID/pagemap, Linux 6.7: regions; can tell the zero page
 *	/proc/PID/pagemap  8 bytes per page: bit 63 present, bit 62 swapped
 *	neither		   all of it
 */
#include "target/internal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

// From linux/fs.h of 6.7; the headers we build against may be older than the kernel we run on.
struct pagemap_scan {
	uint64_t size, flags, start, end, walk_end;
	uint64_t regions, regions_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN_IOCTL _IOWR('f', 16, struct pagemap_scan)

enum { REGIONS = 1024, ENTRIES = 4096 };
/** The kernel holds the lock of the address space all through one call; that much takes it a few milliseconds. */
static const uint64_t scan_bytes_max = 1 << 30;
/** When it also protects. */
static const uint64_t protect_bytes_max = 64 << 20;

bool seep_resident_can_scan(int pagemap_fd)
{
	struct pagemap_scan scan = { .size = sizeof(scan) }; // of nothing

	return ioctl(pagemap_fd, PAGEMAP_SCAN_IOCTL, &scan) == 0;
}

static bool add(struct seep_ranges *parts, seep_addr start, seep_addr end)
{
	struct seep_range *last = parts->len ? parts->data + parts->len - 1 : NULL;

	if (last && last->end == start) {
		last->end = end;
		return true;
	}
	return seep_vec_push(parts, (struct seep_range){ start, end });
}

int seep_page_scan(int pagemap_fd, const struct seep_page_query *query, seep_addr *at,
		   seep_addr end, struct seep_page_region *regions, size_t max)
{
	uint64_t most = query->flags & SEEP_SCAN_PROTECT ? protect_bytes_max : scan_bytes_max;
	struct pagemap_scan scan = {
		.size = sizeof(scan),
		.flags = query->flags,
		.start = *at,
		.end = end - *at > most ? *at + most : end,
		.regions = (uintptr_t)regions,
		.regions_len = max,
		.category_inverted = query->inverted,
		.category_mask = query->all,
		.category_anyof_mask = query->any,
		.return_mask = query->tell,
	};
	int n = ioctl(pagemap_fd, PAGEMAP_SCAN_IOCTL, &scan);

	if (n < 0)
		return -1;
	// The kernel's walk_end is not to be trusted once regions are full.
	*at = (size_t)n < max ? scan.end : regions[n - 1].end;
	return n;
}

/** *at: how far it came; the rest is for another way. */
static struct seep_error *by_scan(int pagemap_fd, enum seep_residency what, seep_addr *at,
				  seep_addr end, struct seep_ranges *parts)
{
	struct seep_page_region regions[REGIONS];
	uint64_t wanted = SEEP_PAGE_PRESENT | (what == SEEP_HOLDS_ANYTHING ? SEEP_PAGE_SWAPPED : 0);
	const struct seep_page_query query = { .inverted = SEEP_PAGE_PFNZERO,
					       .all = SEEP_PAGE_PFNZERO,
					       .any = wanted,
					       .tell = wanted };

	while (*at < end) {
		int n = seep_page_scan(pagemap_fd, &query, at, end, regions, REGIONS);
		if (n < 0)
			return NULL;
		for (int i = 0; i < n; i++)
			if (!add(parts, regions[i].start, regions[i].end))
				return &seep_enomem;
	}
	return NULL;
}

static struct seep_error *by_entries(int pagemap_fd, enum seep_residency what, seep_addr *at,
				     seep_addr end, struct seep_ranges *parts)
{
	uint64_t entries[ENTRIES];
	unsigned shift = what == SEEP_HOLDS_ANYTHING ? 62 : 63;

	while (*at < end) {
		uint64_t left = (end - *at) / seep_page_bytes,
			 want = left < ENTRIES ? left : ENTRIES;
		ssize_t n = pread(pagemap_fd, entries, want * 8, *at / seep_page_bytes * 8);
		if (n < 8)
			return NULL;
		for (ssize_t i = 0; i < n / 8; i++, *at += seep_page_bytes)
			if (entries[i] >> shift && !add(parts, *at, *at + seep_page_bytes))
				return &seep_enomem;
	}
	return NULL;
}

struct seep_error *seep_resident_find(int pagemap_fd, enum seep_residency what, seep_addr start,
				      seep_addr end, struct seep_ranges *parts)
{
	struct seep_error *err;

	err = by_scan(pagemap_fd, what, &start, end, parts);
	if (err)
		return err;
	err = by_entries(pagemap_fd, what, &start, end, parts);
	if (err)
		return err;
	return start < end && !add(parts, start, end) ? &seep_enomem : NULL;
}
