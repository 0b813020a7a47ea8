/*
 * Writing a capture.
 *
 * Of the mirror no more is kept than analysis asks for, to the byte: what was copied beside it (whole pages, and with pre-copy whatever was
 * written to late) may be contents of strings and buffers. Pages of zeros are left out; those that nobody touched are not even looked
 * at. Each megabyte is given back to the system as soon as it has been compressed, so that the memory that seep has does not grow
 * beyond the copy.
 *
 * The top of the main thread's stack holds what the kernel put there at the start of the program:
 *
 *	argc, argv, envp, auxv, (padding), 16 random bytes, platform, strings of arguments and environment, file name
 *
 * AT_RANDOM of the auxiliary vector leads to the random bytes; from there on nothing is kept.
 */
#include "target/capture.h"

#include "base/str.h"
#include "target/capture_format.h"
#include "target/internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/** Address or offset, and length, in front of bytes; and the least room worth a record of them. */
enum { BYTES_HEADER = 12, ROOM_MIN = 4096 + BYTES_HEADER, EXE_STEP_BYTES = 256 << 10 };

static void free_ranges(struct seep_ranges *ranges)
{
	seep_vec_free(ranges);
}

// Fields of a record; p is NULL after an error.

static unsigned char *put32(unsigned char *p, uint32_t value)
{
	if (p)
		memcpy(p, &value, sizeof(value));
	return p ? p + sizeof(value) : NULL;
}

static unsigned char *put64(unsigned char *p, uint64_t value)
{
	if (p)
		memcpy(p, &value, sizeof(value));
	return p ? p + sizeof(value) : NULL;
}

static void add32(struct seep_str *record, uint32_t value)
{
	seep_str_add_bytes(record, (const char *)&value, sizeof(value));
}

static void add64(struct seep_str *record, uint64_t value)
{
	seep_str_add_bytes(record, (const char *)&value, sizeof(value));
}

/** Bytes with their number in front. */
static void add_blob(struct seep_str *record, const char *bytes, size_t len)
{
	add32(record, len);
	if (len)
		seep_str_add_bytes(record, bytes, len);
}

/** Everything there is only one of. */
static struct seep_error *write_process(struct seep_chunk_writer *w, struct seep_target *target,
					const struct seep_capture *capture, uint64_t memory_bytes,
					uint64_t exe_bytes)
{
	static const char *const names[] = SEEP_CAPTURE_ENV;
	struct seep_str record _cleanup_(seep_str_deinit) = {};
	const struct seep_stop_stats *stats = &target->stats;
	const struct seep_usage *usage = capture->usage;
	const uint64_t numbers[] = {
		capture->moment.monotonic_ns,
		capture->moment.realtime_ns,
		memory_bytes,
		exe_bytes,
		stats->pause_ns,
		stats->read_bytes,
		stats->prepared_bytes,
		stats->precopy_bytes,
		stats->rounds,
		stats->stops,
		stats->max_gap_ns,
		stats->threads,
		stats->threads_missed,
		stats->spans_left_out,
		stats->pages_unreadable,
		usage->rss,
		usage->swap,
		usage->cgroup_limit,
		usage->cgroup_usage,
	};

	add32(&record, target->arch->machine);
	add32(&record, target->pid);
	add32(&record, capture->origin.precopy);
	add32(&record, usage->by_mapping | usage->by_page << 1);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		add64(&record, numbers[i]);
	add_blob(&record, SEEP_VERSION, strlen(SEEP_VERSION));
	add_blob(&record, capture->origin.why_stopped, strlen(capture->origin.why_stopped));
	add_blob(&record, target->exe_path, strlen(target->exe_path));
	add_blob(&record, target->auxv, target->auxv_len);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = seep_target_env(target, names[i]);
		add32(&record, value != NULL);
		add_blob(&record, value ? value : "", value ? strlen(value) : 0);
	}
	if (record.failed)
		return &seep_enomem;
	if (record.len > SEEP_CHUNK_BYTES_MAX)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED,
					 "the environment is too large to be kept");
	unsigned char *p = seep_chunk_record(w, SEEP_CHUNK_PROCESS, record.len);
	if (p)
		memcpy(p, record.text, record.len);
	return NULL;
}

static void write_mappings(struct seep_chunk_writer *w, const struct seep_mappings *mappings)
{
	seep_vec_foreach(m, mappings) {
		unsigned char *p = seep_chunk_record(w, SEEP_CHUNK_MAPPINGS, 32);
		p = put64(put64(put64(p, m->start), m->end), m->file_offset);
		p = put32(p, (m->readable ? SEEP_RECORD_READABLE : 0) |
				     (m->writable ? SEEP_RECORD_WRITABLE : 0) |
				     (m->executable ? SEEP_RECORD_EXECUTABLE : 0) |
				     (m->shared ? SEEP_RECORD_SHARED : 0) |
				     (m->file_backed ? SEEP_RECORD_FILE_BACKED : 0) |
				     (m->is_exe ? SEEP_RECORD_IS_EXE : 0));
		put32(p, 0);
	}
}

static void write_threads(struct seep_chunk_writer *w, const struct seep_threads *threads,
			  unsigned registers)
{
	seep_vec_foreach(t, threads) {
		unsigned char *p = seep_chunk_record(w, SEEP_CHUNK_THREADS, 48 + 8 * registers);
		p = put32(put32(p, t->tid), t->procid);
		p = put32(put32(p, t->stopped), registers);
		p = put64(put64(put64(put64(p, t->syscall), t->pc), t->sp), t->bp);
		for (size_t i = 0; i < registers; i++)
			p = put64(p, t->regs[i]);
	}
}

static void write_usage(struct seep_chunk_writer *w, const struct seep_usage *usage)
{
	seep_vec_foreach(m, &usage->mappings) {
		unsigned char *p = seep_chunk_record(w, SEEP_CHUNK_USAGE, 32);
		p = put64(put64(put64(p, m->start), m->end), m->rss);
		p = put32(p, (m->file_backed ? SEEP_RECORD_FILE_BACKED : 0) |
				     (m->shared ? SEEP_RECORD_SHARED : 0) |
				     (m->is_exe ? SEEP_RECORD_IS_EXE : 0) |
				     (m->stack ? SEEP_RECORD_STACK : 0) |
				     (m->brk ? SEEP_RECORD_BRK : 0) |
				     (m->kernel ? SEEP_RECORD_KERNEL : 0) |
				     (m->go ? SEEP_RECORD_GO : 0));
		put32(p, 0);
	}
	seep_vec_foreach(range, &usage->resident)
		put64(put64(seep_chunk_record(w, SEEP_CHUNK_RESIDENT, 16), range->start),
		      range->end);
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

/** As much of the bytes as one record takes; returns how much. */
static size_t write_bytes(struct seep_chunk_writer *w, enum seep_chunk_type type, uint64_t at,
			  const unsigned char *bytes, size_t len)
{
	size_t room = seep_chunk_room(w, type);

	room = (room < ROOM_MIN ? SEEP_CHUNK_BYTES_MAX : room) - BYTES_HEADER;
	len = len < room ? len : room;
	unsigned char *p = seep_chunk_record(w, type, BYTES_HEADER + len);
	p = put32(put64(p, at), len);
	if (p)
		memcpy(p, bytes, len);
	return len;
}

/** Bytes from i on that are zero, or are not, up to len; page by page, as they lie at address or offset `at`. */
static size_t run_of(bool zero, uint64_t at, const unsigned char *bytes, size_t i, size_t len)
{
	while (i < len) {
		size_t step = seep_page_bytes - (at + i) % seep_page_bytes;
		step = step < len - i ? step : len - i;
		if (is_zero(bytes + i, step) != zero)
			break;
		i += step;
	}
	return i;
}

/** What is not in pages of zeros, as records; returns how many bytes that are. */
static uint64_t write_filled(struct seep_chunk_writer *w, enum seep_chunk_type type, uint64_t at,
			     const unsigned char *bytes, size_t len)
{
	uint64_t written = 0;

	for (size_t i = 0, end; i < len && !w->err; i = run_of(true, at, bytes, end, len)) {
		end = run_of(false, at, bytes, i, len);
		written += end - i;
		while (i < end && !w->err)
			i += write_bytes(w, type, at + i, bytes + i, end - i);
	}
	return written;
}

// The mirror.

/** Where arguments and environment lie; empty if that is not known. */
static struct seep_range find_start_strings(const struct seep_target *target)
{
	seep_addr random = seep_target_auxv(target, AT_RANDOM);
	const struct seep_segment *s = random ? seep_memory_find(&target->mirror.memory, random) :
						NULL;

	return s ? (struct seep_range){ random, s->end } : (struct seep_range){};
}

/** Adds what has been touched of [start, end), which lies in one span. */
static struct seep_error *add_touched(const struct seep_segment *span, int pagemap_fd,
				      seep_addr start, seep_addr end, struct seep_ranges *ret)
{
	struct seep_ranges pages _cleanup_(free_ranges) = {};
	uintptr_t base = (uintptr_t)span->bytes, from = base + (start - span->start),
		  to = base + (end - span->start);
	struct seep_error *err;

	err = seep_resident_find(pagemap_fd, SEEP_HOLDS_ANYTHING, from & -seep_page_bytes,
				 (to + seep_page_bytes - 1) & -seep_page_bytes, &pages);
	if (err)
		return err;
	seep_vec_foreach(page, &pages) {
		seep_addr first = page->start > from ? page->start - base + span->start : start;
		seep_addr last = page->end < to ? page->end - base + span->start : end;
		if (!seep_vec_push(ret, (struct seep_range){ first, last }))
			return &seep_enomem;
	}
	return NULL;
}

/** Adds what has been touched of a range, span by span; *at: the first span that can hold some of it. */
static struct seep_error *add_range(const struct seep_memory *memory, int pagemap_fd,
				    struct seep_range range, size_t *at, struct seep_ranges *ret)
{
	struct seep_error *err = NULL;

	while (*at < memory->len && memory->segments[*at].end <= range.start)
		++*at;
	for (size_t i = *at; !err && i < memory->len && memory->segments[i].start < range.end;
	     i++) {
		const struct seep_segment *span = &memory->segments[i];
		seep_addr start = range.start > span->start ? range.start : span->start,
			  end = range.end < span->end ? range.end : span->end;
		if (start < end)
			err = add_touched(span, pagemap_fd, start, end, ret);
	}
	return err;
}

/** What is to be written of ranges of the mirror, and its size at most. */
static struct seep_error *find_kept(const struct seep_target *target,
				    const struct seep_range *ranges, size_t count,
				    struct seep_ranges *ret, uint64_t *bytes_ret)
{
	struct seep_error *err = NULL;
	struct seep_range out = find_start_strings(target);
	size_t at = 0;
	int pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; !err && i < count; i++) {
		struct seep_range before = ranges[i], after = before;
		before.end = before.end < out.start ? before.end : out.start;
		after.start = after.start > out.end ? after.start : out.end;
		if (before.start < before.end)
			err = add_range(&target->mirror.memory, pagemap_fd, before, &at, ret);
		if (!err && after.start < after.end)
			err = add_range(&target->mirror.memory, pagemap_fd, after, &at, ret);
	}
	if (pagemap_fd >= 0)
		close(pagemap_fd);
	*bytes_ret = 0;
	seep_vec_foreach(range, ret)
		*bytes_ret += range->end - range->start;
	return err;
}

static void give_back(const unsigned char *bytes, size_t len)
{
	uintptr_t start = ((uintptr_t)bytes + seep_page_bytes - 1) & -seep_page_bytes,
		  end = ((uintptr_t)bytes + len) & -seep_page_bytes;

	if (start < end)
		madvise((void *)start, end - start, MADV_DONTNEED);
}

static uint64_t write_memory(struct seep_chunk_writer *w, enum seep_chunk_type type,
			     const struct seep_memory *memory, const struct seep_ranges *kept)
{
	uint64_t written = 0;

	seep_vec_foreach(range, kept)
		for (seep_addr at = range->start, next; at < range->end && !w->err; at = next) {
			next = range->end - at < SEEP_CHUNK_BYTES_MAX ? range->end :
									at + SEEP_CHUNK_BYTES_MAX;
			const unsigned char *bytes = seep_memory_at(memory, at, next - at);
			written += write_filled(w, type, at, bytes, next - at);
			give_back(bytes, next - at);
		}
	return written;
}

/** What the mirror lacks of the executable's segments in the process: data that became read-only when it had been relocated. */
static void write_image(struct seep_chunk_writer *w, const struct seep_memory *mirror,
			const struct seep_memory *image)
{
	for (size_t i = 0; i < image->len; i++) {
		const struct seep_segment *s = &image->segments[i];
		seep_addr next;
		for (seep_addr at = s->start; at < s->end; at = next) {
			const struct seep_segment *there = seep_memory_find(mirror, at);
			seep_addr end = there ? there->end : s->end;
			for (size_t k = 0; !there && k < mirror->len; k++)
				if (mirror->segments[k].start > at &&
				    mirror->segments[k].start < end)
					end = mirror->segments[k].start;
			next = end < s->end ? end : s->end;
			if (!there)
				write_filled(w, SEEP_CHUNK_IMAGE, at, s->bytes + (at - s->start),
					     next - at);
		}
	}
}

// The executable.

static int compare_ranges(const void *a, const void *b)
{
	const struct seep_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static struct seep_error *write_exe(struct seep_chunk_writer *w, int fd, uint64_t size,
				    const struct seep_capture *capture, uint64_t *written)
{
	struct seep_ranges parts _cleanup_(free_ranges) = {};
	_cleanup_free_ unsigned char *bytes = malloc(EXE_STEP_BYTES);
	uint64_t at = 0;

	if (!bytes || !seep_vec_reserve(&parts, capture->exe_count))
		return &seep_enomem;
	for (size_t i = 0; i < capture->exe_count; i++)
		parts.data[parts.len++] = capture->exe[i];
	if (parts.len)
		qsort(parts.data, parts.len, sizeof(*parts.data), compare_ranges);
	seep_vec_foreach(part, &parts) {
		uint64_t end = part->end < size ? part->end : size;
		at = part->start > at ? part->start : at;
		while (at < end && !w->err) {
			ssize_t n = pread(fd, bytes,
					  end - at < EXE_STEP_BYTES ? end - at : EXE_STEP_BYTES,
					  (off_t)at);
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return seep_error_format(SEEP_ERROR_OS,
							 "the executable cannot be read: %s",
							 n ? strerror(errno) : "cut short");
			*written += write_filled(w, SEEP_CHUNK_EXE, at, bytes, n);
			at += n;
		}
	}
	return NULL;
}

static struct seep_error *write_all(struct seep_chunk_writer *w, struct seep_target *target,
				    const struct seep_capture *capture,
				    struct seep_capture_totals *totals)
{
	struct seep_ranges kept _cleanup_(free_ranges) = {}, values _cleanup_(free_ranges) = {};
	struct seep_error *err;
	struct stat exe;

	if (fstat(target->exe_fd, &exe) < 0)
		return seep_error_os(errno, "cannot examine the executable");
	err = find_kept(target, capture->memory, capture->memory_count, &kept,
			&totals->memory_bytes);
	if (!err)
		err = find_kept(target, capture->values, capture->values_count, &values,
				&totals->values_bytes);
	if (!err)
		err = write_process(w, target, capture, totals->memory_bytes, exe.st_size);
	if (err)
		return err;
	write_mappings(w, &target->mappings);
	write_threads(w, &target->threads, target->arch->registers);
	write_usage(w, capture->usage);
	err = write_exe(w, target->exe_fd, exe.st_size, capture, &totals->exe_bytes);
	if (err)
		return err;
	write_image(w, &target->mirror.memory, capture->image);
	totals->memory_bytes = write_memory(w, SEEP_CHUNK_MEMORY, &target->mirror.memory, &kept);
	totals->values_bytes = write_memory(w, SEEP_CHUNK_VALUES, &target->mirror.memory, &values);
	seep_chunk_flush(w);
	unsigned char *p = seep_chunk_record(w, SEEP_CHUNK_END, 32);
	p = put64(put64(put64(p, w->chunks), totals->memory_bytes), totals->exe_bytes);
	put64(p, totals->values_bytes);
	seep_chunk_flush(w);
	return NULL;
}

struct seep_error *seep_capture_write(struct seep_target *target,
				      const struct seep_capture *capture, int fd,
				      struct seep_capture_totals *ret)
{
	struct seep_chunk_writer writer;
	struct seep_capture_totals totals = {};
	struct seep_error *err, *sticky;

	seep_chunk_writer_init(&writer, fd);
	err = write_all(&writer, target, capture, &totals);
	totals.file_bytes = writer.file_bytes;
	sticky = seep_chunk_writer_deinit(&writer);
	if (err && sticky)
		seep_error_destroy(sticky);
	if (!err && !sticky)
		*ret = totals;
	return err ? err : sticky;
}
