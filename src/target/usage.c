/*
 * /proc/PID/smaps: the lines of maps, each followed by what the kernel counts in it:
 *
 *	c000000000-c000400000 rw-p 00000000 00:00 0    [anon: Go: heap]
 *	Size:               4096 kB
 *	Rss:                1840 kB
 *	...
 *	Swap:                  0 kB
 *
 * smaps_rollup is the sum of these, so their Rss is what the report calls rss. The counters of
 * status and statm lag behind by some pages per thread.
 *
 * Which pages of a mapping are resident is asked of pagemap afterwards. Before Linux 6.7 it cannot
 * tell pages that were only read and share the one page of zeros, which Rss leaves out; then, and
 * when the process took more memory between the two looks, there are more pages than rss says, and
 * the rss of the mapping is what counts.
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

/** A million mappings is 15 times what the kernel allows by default. */
static const size_t mappings_max = 1 << 20;

static uint64_t kilobytes(const char *value)
{
	uint64_t kb = strtoull(value, NULL, 10);

	return kb < UINT64_MAX / 1024 ? kb * 1024 : 0;
}

/** A mapping stays in the list only if something of it is resident. */
static bool drop_empty(struct seep_usage *usage)
{
	if (usage->mappings.len && usage->mappings.data[usage->mappings.len - 1].rss == 0)
		usage->mappings.len--;
	return usage->mappings.len < mappings_max;
}

static bool add_mapping(struct seep_usage *usage, const struct seep_mapping *m, const char *name)
{
	return drop_empty(usage) &&
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

static struct seep_error *read_mappings(struct seep_target *target, struct seep_usage *usage)
{
	struct stat exe = {};
	_cleanup_free_ char *text = seep_proc_read(target->dir_fd, "smaps", NULL);

	if (!text || !*text || fstat(target->exe_fd, &exe) < 0)
		return NULL;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		struct seep_mapping mapping;
		const char *name;
		*end = '\0';
		if (line[0] >= 'A' && line[0] <= 'Z') {
			if (!usage->mappings.len)
				continue;
			if (seep_has_prefix(line, "Rss:"))
				usage->mappings.data[usage->mappings.len - 1].rss =
					kilobytes(line + 4);
			else if (seep_has_prefix(line, "Swap:"))
				usage->swap += kilobytes(line + 5);
		} else if (seep_mapping_parse(target, &exe, line, end - line, &mapping, &name) &&
			   !add_mapping(usage, &mapping, name)) {
			return &seep_enomem;
		}
	}
	if (!drop_empty(usage))
		return &seep_enomem;
	seep_vec_foreach(m, &usage->mappings)
		usage->rss += m->rss;
	usage->by_mapping = usage->rss > 0;
	return NULL;
}

static struct seep_error *read_pages(struct seep_target *target, struct seep_usage *usage)
{
	struct seep_error *err = NULL;
	struct seep_ranges parts = {};
	int fd = openat(target->dir_fd, "pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t probe;

	// Without it, or where it may not be read, everything would count as resident.
	if (fd < 0)
		return NULL;
	usage->by_page = usage->mappings.len &&
			 pread(fd, &probe, sizeof(probe),
			       usage->mappings.data[0].start / seep_page_bytes * 8) == 8;
	for (size_t i = 0; usage->by_page && !err && i < usage->mappings.len; i++) {
		struct seep_usage_mapping *m = &usage->mappings.data[i];
		if (m->file_backed || m->shared)
			continue;
		size_t before = parts.len;
		err = seep_resident_find(fd, SEEP_IN_MEMORY, m->start, m->end, &parts);
		// The last part of the mapping before may have grown into this one.
		m->first_resident = before && parts.data[before - 1].end > m->start ? before - 1 :
										      before;
		m->resident_count = parts.len - m->first_resident;
	}
	close(fd);
	usage->resident.data = parts.data;
	usage->resident.len = parts.len;
	usage->resident.cap = parts.cap;
	return err;
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
	err = read_mappings(target, ret);
	if (!err && ret->by_mapping)
		err = read_pages(target, ret);
	if (err) {
		seep_usage_deinit(ret);
		return err;
	}
	if (!ret->rss)
		ret->rss = seep_target_rss(target);
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
