// Core files.
//
// A core has what the process had but read-only pages of files, which its executable has. Writable mappings go through the
// mirror as a process's do: what analysis asks for is read from the core, and no more. So the same plan decides what is there.
//
// What a core lacks is no memory at all: a mapping of which the end is missing (the core is cut short, or memory that the
// program or the filter kept from being dumped) is two here, and the second cannot be read. Whoever asks for it gets nothing, and
// it is counted, so that nothing rests on it.
#include "target/core.h"
#include "target/usage.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Of mappings that lack something, this many are named. */
enum { NOTES_MAPPINGS = 6 };
/** Arguments and environment: the kernel allows a quarter of the stack, 6 MiB at most. */
static const uint64_t START_MAX = 8 << 20;

static bool is_private(const struct seep_core_segment *s)
{
	return (s->flags & PF_R) && (s->flags & PF_W);
}

/** Of the executable's, and never written to: the core has nothing of it, the file has it all. */
static bool is_untouched(const struct seep_core_segment *s)
{
	return s->is_exe && s->dumped == 0;
}

/** Where what can be read of it ends. */
static seep_addr end_of(const struct seep_core_segment *s)
{
	return !is_private(s) || is_untouched(s) ? s->end : s->start + s->present;
}

static bool add_mapping(struct seep_target *target, const struct seep_core_segment *s)
{
	struct seep_mapping m = { .start = s->start,
				  .end = end_of(s),
				  .file_offset = s->file_offset,
				  .readable = s->flags & PF_R,
				  .writable = s->flags & PF_W,
				  .executable = s->flags & PF_X,
				  .file_backed = s->path != NULL,
				  .is_exe = s->is_exe };

	if (m.start < m.end && !seep_vec_push(&target->mappings, m))
		return false;
	if (m.end == s->end)
		return true;
	m.start = m.end;
	m.end = s->end;
	m.readable = false;
	return seep_vec_push(&target->mappings, m);
}

static uint64_t missing(const struct seep_core_segment *s)
{
	return s->end - end_of(s);
}

/** What is not there, for people. */
static struct seep_error *note_missing(struct seep_target *target, const struct seep_core *core)
{
	struct seep_error *err = NULL;
	uint64_t total = 0;
	size_t count = 0, named = 0;
	bool cut = core->bytes_end > core->size;

	seep_vec_foreach(s, &core->segments) {
		// What maps a file is asked of nobody but the executable.
		if (missing(s) && (s->is_exe || !s->path)) {
			total += missing(s);
			count++;
		}
	}
	if (cut)
		err = seep_target_add_note(target,
					   "the core file is cut short: %" PRIu64 " of its %" PRIu64
					   " bytes are missing",
					   core->bytes_end - core->size, core->bytes_end);
	if (!err && count)
		err = seep_target_add_note(
			target, "of %zu mappings %" PRIu64 " bytes are not in the core%s", count,
			total,
			cut ? "" :
			      " (kept from it by its filter, /proc/PID/coredump_filter, or by madvise())");
	for (size_t i = 0; !err && i < core->segments.len && named < NOTES_MAPPINGS; i++) {
		const struct seep_core_segment *s = &core->segments.data[i];
		if (!missing(s) || (s->path && !s->is_exe))
			continue;
		named++;
		err = seep_target_add_note(target,
					   "%#" PRIx64 "-%#" PRIx64 "%s: %" PRIu64 " of %" PRIu64
					   " bytes are missing",
					   s->start, s->end,
					   s->is_exe ? " (the program's variables)" : "",
					   missing(s), s->end - s->start);
	}
	return err;
}

/** Reads from a mapping of the executable that the core has nothing of; what is beyond the end of the file is zero. */
static bool read_exe(const struct seep_target *target, const struct seep_core_segment *s,
		     seep_addr addr, void *buf, size_t len)
{
	uint64_t at;

	if (addr < s->start || len > s->end - addr ||
	    __builtin_add_overflow(s->file_offset, addr - s->start, &at) || at > INT64_MAX - len)
		return false;
	memset(buf, 0, len);
	return pread(target->exe_fd, buf, len, (off_t)at) >= 0;
}

static struct seep_error *core_read(struct seep_target *target, seep_addr addr, void *buf,
				    size_t len)
{
	const struct seep_core *core = target->file;

	for (size_t done = 0, step; done < len; done += step) {
		const struct seep_core_segment *s = seep_core_find(core, addr + done);
		uint64_t left = s ? s->end - (addr + done) : 0;
		step = len - done < left ? len - done : left;
		if (!s || !(is_untouched(s) ?
				    read_exe(target, s, addr + done, (char *)buf + done, step) :
				    seep_core_pread(core, addr + done, (char *)buf + done, step)))
			return seep_error_format(SEEP_ERROR_FAULT,
						 "%#" PRIx64 " is not in the core", addr + done);
	}
	return NULL;
}

/** Pages of ranges that the process had and the core has not. */
static uint64_t count_missing(const struct seep_core *core, const struct seep_range *ranges,
			      size_t count)
{
	uint64_t pages = 0;

	seep_vec_foreach(s, &core->segments) {
		seep_addr from = end_of(s);
		for (size_t i = 0; from < s->end && i < count; i++) {
			seep_addr start = ranges[i].start > from ? ranges[i].start : from;
			seep_addr end = ranges[i].end < s->end ? ranges[i].end : s->end;
			if (start < end)
				pages += (end - start + seep_page_bytes - 1) / seep_page_bytes;
		}
	}
	return pages;
}

/** Pages of zeros are left alone: the mirror has them, without memory behind. Returns how many bytes were not zero pages. */
static uint64_t copy_pages(unsigned char *host, const unsigned char *bytes, size_t len)
{
	static const unsigned char zeros[4096];
	uint64_t copied = 0;

	for (size_t at = 0; at < len; at += sizeof(zeros))
		if (memcmp(bytes + at, zeros, sizeof(zeros)) != 0) {
			memcpy(host + at, bytes + at, sizeof(zeros));
			copied += sizeof(zeros);
		}
	return copied;
}

static struct seep_error *core_copy(struct seep_target *target, const struct seep_range *ranges,
				    size_t count)
{
	struct seep_copy_job job _cleanup_(seep_plan_deinit) = { .target = target };
	struct seep_core *core = target->file;
	_cleanup_free_ unsigned char *buf = malloc(seep_block_bytes);
	struct seep_error *err = buf ? seep_plan_ranges(&job, ranges, count) : &seep_enomem;

	if (err)
		return err;
	target->stats.pages_unreadable += count_missing(core, ranges, count);
	seep_vec_foreach(piece, &job.pieces) {
		uint64_t len = piece->end - piece->start;
		err = core_read(target, piece->start, buf, len);
		if (err) {
			seep_error_destroy(err);
			target->stats.pages_unreadable += len / seep_page_bytes;
			continue;
		}
		core->copied += copy_pages(piece->host, buf, len);
		target->stats.read_bytes += len;
		if (core->limit && core->copied > core->limit)
			return seep_error_format(
				SEEP_ERROR_BUDGET,
				"the core holds more memory that can hold pointers than the limit leaves room for, which is %.1f MB",
				core->limit / 1e6);
	}
	return NULL;
}

static struct seep_error *core_usage(struct seep_target *target, struct seep_usage *ret)
{
	const char *gogc = seep_target_env(target, "GOGC");
	const char *limit = seep_target_env(target, "GOMEMLIMIT");

	snprintf(ret->gogc, sizeof(ret->gogc), "%s", gogc ? gogc : "");
	snprintf(ret->gomemlimit, sizeof(ret->gomemlimit), "%s", limit ? limit : "");
	return NULL;
}

static void core_close(struct seep_target *target)
{
	seep_core_deinit(target->file);
	free(target->file);
	target->file = NULL;
}

static const struct seep_file_ops ops = {
	SEEP_TARGET_CORE, core_read, core_copy, core_usage, core_close,
};

/**
 * The environment at the start. On the stack lie, upwards: argc, pointers to the arguments, 0, pointers to the environment, 0, the
 * auxiliary vector, and, above, the strings, those of the environment last. The vector is known, so it is looked for.
 */
static struct seep_error *find_environment(struct seep_target *target, const struct seep_core *core)
{
	seep_addr top = seep_core_auxv(core, AT_EXECFN);
	const struct seep_core_segment *s = top ? seep_core_find(core, top) : NULL;

	if (!s || s->start + s->present < top || core->auxv_len < 32)
		return NULL;
	seep_addr base = top - s->start > START_MAX ? (top - START_MAX) & ~7ull : s->start;
	uint64_t len = top - base;
	_cleanup_free_ unsigned char *stack = malloc(len + 1);
	if (!stack)
		return &seep_enomem;
	if (!seep_core_pread(core, base, stack, len))
		return NULL;
	// From the top down, at words of the stack; the vector's first two entries are enough to know it by.
	uint64_t at = len & ~7ull;
	while (at >= 8 && (len - at < 32 || memcmp(stack + at, core->auxv, 32) != 0))
		at -= 8;
	seep_addr first = 0;
	for (uint64_t p = at; at >= 8 && p >= 16 && seep_le64(stack + p - 16) != 0; p -= 8)
		first = seep_le64(stack + p - 16);
	if (first < base || first >= top)
		return NULL;
	target->environ_len = top - first;
	target->environ = malloc(target->environ_len + 1);
	if (!target->environ)
		return &seep_enomem;
	memcpy(target->environ, stack + (first - base), target->environ_len);
	target->environ[target->environ_len] = '\0';
	return NULL;
}

static struct seep_error *fill(struct seep_target *target, struct seep_core *core,
			       const struct seep_source *source)
{
	struct seep_error *err;
	struct stat status;
	bool checked;

	target->pid = core->pid;
	target->arch = core->arch;
	if (fstat(core->fd, &status) == 0 && status.st_mtim.tv_sec > 0)
		target->moment.realtime_ns =
			status.st_mtim.tv_sec * 1000000000ull + status.st_mtim.tv_nsec;
	err = find_environment(target, core);
	if (!err)
		err = seep_core_find_exe(target, core, source, &checked);
	target->stats.threads = core->threads.len;
	target->threads = core->threads;
	target->auxv = core->auxv;
	target->auxv_len = core->auxv_len;
	core->auxv = NULL;
	core->threads = (struct seep_threads){};
	if (!err && !checked)
		err = seep_target_add_note(
			target,
			"nothing in the core shows that this is the executable it is of: the first page of it was kept from the core by its filter");
	seep_vec_foreach(s, &core->segments)
		if (!err && !add_mapping(target, s))
			err = &seep_enomem;
	if (!err)
		err = note_missing(target, core);
	return err ? err : seep_mirror_reserve(target);
}

struct seep_error *seep_core_open(struct seep_target *target, int fd,
				  const struct seep_source *source)
{
	struct seep_error *err;
	struct seep_core *core = calloc(1, sizeof(*core));

	if (!core)
		return &seep_enomem;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	err = own < 0 ? seep_error_os(errno, "cannot be opened twice") : seep_core_read(own, core);
	if (err) {
		free(core);
		return err;
	}
	core->limit = source->max_bytes;
	target->file = core;
	target->file_ops = &ops;
	return fill(target, core, source);
}
