/*
 * Rss, mapping by mapping and page by page.
 *
 * The Rss of smaps_rollup is the number of present pages, without the one page of zeros that
 * untouched memory shares when it is read, and without what has no page behind it (devices). Where
 * the kernel can scan pagemap for that (6.7), asking takes a few milliseconds per GiB.
 *
 * Elsewhere /proc/PID/smaps tells it by mapping, in the lines of maps each followed by counters:
 *
 *	c000000000-c000400000 rw-p 00000000 00:00 0    [anon: Go: heap]
 *	Size:               4096 kB
 *	Rss:                1840 kB
 *	...
 *	Swap:                  0 kB
 *
 * That takes ten times as long, with the lock of the address space held for each mapping; and
 * pagemap, which then says which pages they are, counts the page of zeros, too. The sum by mapping
 * is what holds.
 *
 * Which of the two was right is checked by the counter in statm, which lags behind by some pages per
 * processor.
 */
#include "target/usage.h"

#include "target/internal.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** How far statm may be off: 64 pages and more for each processor, and what happened meanwhile. */
enum { STATM_SLACK = 8 << 20, STATM_SHARE = 50 };

/** A million mappings is 15 times what the kernel allows by default. */
static const size_t mappings_max = 1 << 20;

static uint64_t kilobytes(const char *value)
{
	uint64_t kb = strtoull(value, NULL, 10);

	return kb < UINT64_MAX / 1024 ? kb * 1024 : 0;
}

static bool add_mapping(struct seep_usage *usage, const struct seep_mapping *m, const char *name)
{
	// [vsyscall], in the kernel's half, is in no count.
	if (m->start >> 63)
		return true;
	return usage->mappings.len < mappings_max &&
	       seep_vec_push(&usage->mappings, (struct seep_usage_mapping){
						       .start = m->start,
						       .end = m->end,
						       .file_backed = m->file_backed,
						       .shared = m->shared,
						       .is_exe = m->is_exe,
						       .stack = seep_has_prefix(name, "[stack"),
						       .brk = seep_has_prefix(name, "[heap]"),
						       .kernel = seep_has_prefix(name, "[v"),
						       .go = seep_has_prefix(name, "[anon: Go: "),
					       });
}

/**
 * Reads maps or smaps; the counters of smaps are lines that begin with a capital letter.
 */
static struct seep_error *read_mappings(struct seep_target *target, const char *file,
					struct seep_usage *usage)
{
	struct stat exe = {};
	_cleanup_free_ char *text = seep_proc_read(target->dir_fd, file, NULL);

	if (!text || !*text || fstat(target->exe_fd, &exe) < 0)
		return NULL;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		struct seep_mapping mapping;
		const char *name;
		*end = '\0';
		if (line[0] >= 'A' && line[0] <= 'Z') {
			if (usage->mappings.len && seep_has_prefix(line, "Rss:"))
				usage->mappings.data[usage->mappings.len - 1].rss =
					kilobytes(line + 4);
		} else if (seep_mapping_parse(target, &exe, line, end - line, &mapping, &name) &&
			   !add_mapping(usage, &mapping, name)) {
			return &seep_enomem;
		}
	}
	return NULL;
}

static void add_up(struct seep_usage *usage)
{
	usage->rss = 0;
	seep_vec_foreach(m, &usage->mappings)
		usage->rss += m->rss;
	usage->by_mapping = usage->rss > 0;
}

/** Whether pagemap answers; where it does not, seep_resident_find() would call everything resident. */
static bool can_read_pages(int pagemap_fd, const struct seep_usage *usage)
{
	uint64_t entry;

	return pagemap_fd >= 0 && usage->mappings.len &&
	       pread(pagemap_fd, &entry, sizeof(entry),
		     (off_t)(usage->mappings.data[0].start / seep_page_bytes * sizeof(entry))) ==
		       sizeof(entry);
}

/** The resident pages of each mapping; kept for anonymous private ones. count: they are its rss, too. */
static struct seep_error *read_pages(int pagemap_fd, bool count, struct seep_usage *usage)
{
	struct seep_error *err = NULL;
	struct seep_ranges parts = {};

	for (size_t i = 0; !err && i < usage->mappings.len; i++) {
		struct seep_usage_mapping *m = &usage->mappings.data[i];
		bool keep = !m->file_backed && !m->shared;
		size_t before = parts.len;
		if (!count && !keep)
			continue;
		// A part that would grow out of the mapping before is to be one of its own.
		seep_addr joint = before ? parts.data[before - 1].end : 0;
		if (before)
			parts.data[before - 1].end = 0;
		err = seep_resident_find(pagemap_fd, SEEP_IN_MEMORY, m->start, m->end, &parts);
		if (before)
			parts.data[before - 1].end = joint;
		for (size_t k = before; count && k < parts.len; k++)
			m->rss += parts.data[k].end - parts.data[k].start;
		if (!keep)
			parts.len = before;
	}
	usage->resident.data = parts.data;
	usage->resident.len = parts.len;
	usage->resident.cap = parts.cap;
	usage->by_page = !err;
	return err;
}

static bool agrees_with(const struct seep_usage *usage, uint64_t counter)
{
	uint64_t off = usage->rss > counter ? usage->rss - counter : counter - usage->rss;

	return off <= counter / STATM_SHARE + STATM_SLACK;
}

static struct seep_error *read_resident(struct seep_target *target, uint64_t counter,
					struct seep_usage *ret)
{
	struct seep_error *err = NULL;
	int fd = openat(target->dir_fd, "pagemap", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && seep_resident_can_scan(fd)) {
		err = read_mappings(target, "maps", ret);
		if (!err)
			err = read_pages(fd, true, ret);
		add_up(ret);
	}
	if (!err && !(ret->by_mapping && agrees_with(ret, counter))) {
		seep_usage_deinit(ret);
		*ret = (struct seep_usage){};
		err = read_mappings(target, "smaps", ret);
		add_up(ret);
		if (!err && can_read_pages(fd, ret))
			err = read_pages(fd, false, ret);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static uint64_t swapped(struct seep_target *target)
{
	_cleanup_free_ char *status = seep_proc_read(target->dir_fd, "status", NULL);

	return status ? seep_status_number(status, "VmSwap:", 10) * 1024 : 0;
}

static void copy_setting(struct seep_target *target, const char *name, char *ret, size_t size)
{
	const char *value = seep_target_env(target, name);

	snprintf(ret, size, "%s", value ? value : "");
}

struct seep_error *seep_usage_read(struct seep_target *target, struct seep_usage *ret)
{
	struct seep_error *err;
	*ret = (struct seep_usage){};
	if (target->file_ops)
		return target->file_ops->usage(target, ret);
	uint64_t counter = seep_target_rss(target);
	err = read_resident(target, counter, ret);
	if (err) {
		seep_usage_deinit(ret);
		return err;
	}
	if (!ret->rss)
		ret->rss = counter;
	ret->swap = swapped(target);
	seep_cgroup_read(target->dir_fd, &ret->cgroup_limit, &ret->cgroup_usage);
	copy_setting(target, "GOGC", ret->gogc, sizeof(ret->gogc));
	copy_setting(target, "GOMEMLIMIT", ret->gomemlimit, sizeof(ret->gomemlimit));
	return NULL;
}

void seep_usage_deinit(struct seep_usage *usage)
{
	seep_vec_free(&usage->mappings);
	seep_vec_free(&usage->resident);
}

uint64_t seep_usage_resident(const struct seep_usage *usage, seep_addr start, seep_addr end)
{
	size_t lo = 0, hi = usage->resident.len;
	uint64_t bytes = 0;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (usage->resident.data[mid].end <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < usage->resident.len && usage->resident.data[lo].start < end; lo++) {
		const struct seep_range *r = &usage->resident.data[lo];
		bytes += (r->end < end ? r->end : end) - (r->start > start ? r->start : start);
	}
	return bytes;
}
