/*
 * Reading a capture: all of it at once, into a mirror and a file in memory for the executable.
 *
 * Nothing is done with a chunk before its checksum has been found right (capture_chunk.c), and nothing with the whole before its end was
 * seen and its totals are right: a damaged capture gives an error and never a part of a report. That checksums are right says
 * nothing of who made them, so every number is checked all the same: lists ascend, memory lies in mappings, and no
 * more of it is taken than the capture says at its beginning, which must be less than the machine has left.
 */
#include "target/capture.h"

#include "target/capture_format.h"
#include "target/internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/** A million mappings is 15 times what the kernel allows by default. */
enum { MAPPINGS_MAX = 1 << 20, THREADS_MAX = 1 << 22, RESIDENT_MAX = 1 << 26 };
static const uint64_t exe_bytes_max = 16ull << 30;

struct file {
	struct seep_origin origin;
	struct seep_usage usage;
	struct seep_memory image; /** what the mirror lacks of the executable's data */
	struct blocks seep_vec(void *) blocks; /** behind its segments */
	uint64_t limit; /** of memory_bytes; 0 = none */
	uint64_t memory_max, exe_bytes; /** as the capture says */
	uint64_t memory_bytes, exe_written, image_written; /** so far */
	seep_addr memory_end, image_end, values_end;
};

static struct seep_error *bad(const char *what)
{
	return seep_error_format(SEEP_ERROR_BAD_DATA, "the capture is damaged: %s", what);
}

/** A text with its length in front, owned; NULL if it is not there or too long, or memory is out. */
static char *read_blob(struct seep_buffer *buf, size_t *len_ret)
{
	uint32_t len;
	const void *bytes = seep_buffer_u32(buf, &len) ? seep_buffer_bytes(buf, len) : NULL;
	char *copy = bytes ? malloc((size_t)len + 1) : NULL;

	if (!copy)
		return NULL;
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	if (len_ret)
		*len_ret = len;
	return copy;
}

/** NAME=VALUE for each variable that was set, as in /proc/PID/environ. */
static bool read_environment(struct seep_buffer *buf, struct seep_target *target)
{
	static const char *const names[] = SEEP_CAPTURE_ENV;
	size_t at = 0, room = seep_buffer_left(buf) + 64;
	char *text = calloc(1, room + 1);

	target->environ = text;
	for (size_t i = 0; text && i < sizeof(names) / sizeof(*names); i++) {
		uint32_t is_set;
		if (!seep_buffer_u32(buf, &is_set))
			return false;
		_cleanup_free_ char *value = read_blob(buf, NULL);
		if (!value)
			return false;
		if (is_set)
			at += snprintf(text + at, room - at, "%s=%s", names[i], value) + 1;
	}
	target->environ_len = at;
	return text != NULL;
}

static struct seep_error *check_size(const struct file *file)
{
	_cleanup_free_ char *text = seep_proc_read(AT_FDCWD, "/proc/meminfo", NULL);
	const char *field = text ? seep_status_field(text, "MemAvailable:") : NULL;
	uint64_t available = field ? seep_status_number(text, "MemAvailable:", 10) * 1024 : 0;

	if (file->exe_bytes > exe_bytes_max)
		return bad("its executable is too large");
	if (available && file->memory_max > available)
		return seep_error_format(
			SEEP_ERROR_BUDGET,
			"the capture holds %.1f GB of memory, and this machine has %.1f GB left",
			file->memory_max / 1e9, available / 1e9);
	return NULL;
}

static struct seep_error *read_process(struct seep_target *target, struct file *file,
				       struct seep_buffer buf)
{
	struct seep_stop_stats *stats = &target->stats;
	struct seep_usage *usage = &file->usage;
	uint64_t rounds, stops, threads, missed, left_out;
	uint64_t *const numbers[] = {
		&target->moment.monotonic_ns,
		&target->moment.realtime_ns,
		&file->memory_max,
		&file->exe_bytes,
		&stats->pause_ns,
		&stats->read_bytes,
		&stats->prepared_bytes,
		&stats->precopy_bytes,
		&rounds,
		&stops,
		&stats->max_gap_ns,
		&threads,
		&missed,
		&left_out,
		&stats->pages_unreadable,
		&usage->rss,
		&usage->swap,
		&usage->cgroup_limit,
		&usage->cgroup_usage,
	};
	uint32_t machine, pid, precopy, known;

	if (!seep_buffer_u32(&buf, &machine) || !seep_buffer_u32(&buf, &pid) ||
	    !seep_buffer_u32(&buf, &precopy) || !seep_buffer_u32(&buf, &known) || pid > INT32_MAX)
		return bad("what it says of the process");
	target->arch = seep_arch_of(machine);
	if (!target->arch)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED,
					 "a capture of another machine (ELF machine %u)", machine);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!seep_buffer_u64(&buf, numbers[i]))
			return bad("what it says of the process");
	_cleanup_free_ char *version = read_blob(&buf, NULL), *why = read_blob(&buf, NULL);
	target->exe_path = read_blob(&buf, NULL);
	target->auxv = read_blob(&buf, &target->auxv_len);
	if (!version || !why || !target->exe_path || !target->auxv ||
	    !read_environment(&buf, target))
		return bad("what it says of the process");
	target->pid = (pid_t)pid;
	stats->rounds = rounds;
	stats->stops = stops;
	stats->threads = threads;
	stats->threads_missed = missed;
	stats->spans_left_out = left_out;
	file->origin.precopy = precopy & 1;
	snprintf(file->origin.why_stopped, sizeof(file->origin.why_stopped), "%s", why);
	usage->by_mapping = known & 1;
	usage->by_page = known >> 1 & 1;
	return check_size(file);
}

static struct seep_error *read_mappings(struct seep_target *target, struct seep_buffer buf)
{
	struct seep_mapping m;
	uint32_t flags, zero;

	while (seep_buffer_left(&buf)) {
		size_t n = target->mappings.len;
		m = (struct seep_mapping){};
		if (!seep_buffer_u64(&buf, &m.start) || !seep_buffer_u64(&buf, &m.end) ||
		    !seep_buffer_u64(&buf, &m.file_offset) || !seep_buffer_u32(&buf, &flags) ||
		    !seep_buffer_u32(&buf, &zero) || m.start >= m.end || n == MAPPINGS_MAX ||
		    (m.start | m.end) % seep_page_bytes ||
		    (n && m.start < target->mappings.data[n - 1].end))
			return bad("its list of mappings");
		m.readable = flags & SEEP_RECORD_READABLE;
		m.writable = flags & SEEP_RECORD_WRITABLE;
		m.executable = flags & SEEP_RECORD_EXECUTABLE;
		m.shared = flags & SEEP_RECORD_SHARED;
		m.file_backed = flags & SEEP_RECORD_FILE_BACKED;
		m.is_exe = flags & SEEP_RECORD_IS_EXE;
		if (!seep_vec_push(&target->mappings, m))
			return &seep_enomem;
	}
	return NULL;
}

static struct seep_error *read_threads(struct seep_target *target, struct seep_buffer buf)
{
	struct seep_thread t;
	uint32_t tid, procid, stopped, regs;
	uint64_t call;

	while (seep_buffer_left(&buf)) {
		t = (struct seep_thread){};
		bool ok = seep_buffer_u32(&buf, &tid) && seep_buffer_u32(&buf, &procid) &&
			  seep_buffer_u32(&buf, &stopped) && seep_buffer_u32(&buf, &regs) &&
			  seep_buffer_u64(&buf, &call) && seep_buffer_u64(&buf, &t.pc) &&
			  seep_buffer_u64(&buf, &t.sp) && seep_buffer_u64(&buf, &t.bp) &&
			  tid <= INT32_MAX && procid <= INT32_MAX &&
			  regs == target->arch->registers && target->threads.len < THREADS_MAX;
		for (size_t i = 0; ok && i < regs; i++)
			ok = seep_buffer_u64(&buf, &t.regs[i]);
		if (!ok)
			return bad("its list of threads");
		t.tid = (pid_t)tid;
		t.procid = (pid_t)procid;
		t.stopped = stopped & 1;
		t.syscall = (int64_t)call;
		if (!seep_vec_push(&target->threads, t))
			return &seep_enomem;
	}
	return NULL;
}

static struct seep_error *read_usage(struct file *file, struct seep_buffer buf)
{
	struct seep_usage *usage = &file->usage;
	struct seep_usage_mapping m;
	uint32_t flags, zero;

	while (seep_buffer_left(&buf)) {
		size_t n = usage->mappings.len;
		m = (struct seep_usage_mapping){};
		if (!seep_buffer_u64(&buf, &m.start) || !seep_buffer_u64(&buf, &m.end) ||
		    !seep_buffer_u64(&buf, &m.rss) || !seep_buffer_u32(&buf, &flags) ||
		    !seep_buffer_u32(&buf, &zero) || m.start >= m.end || n == MAPPINGS_MAX ||
		    m.rss > m.end - m.start || (n && m.start < usage->mappings.data[n - 1].end))
			return bad("its list of what is resident");
		m.file_backed = flags & SEEP_RECORD_FILE_BACKED;
		m.shared = flags & SEEP_RECORD_SHARED;
		m.is_exe = flags & SEEP_RECORD_IS_EXE;
		m.stack = flags & SEEP_RECORD_STACK;
		m.brk = flags & SEEP_RECORD_BRK;
		m.kernel = flags & SEEP_RECORD_KERNEL;
		m.go = flags & SEEP_RECORD_GO;
		if (!seep_vec_push(&usage->mappings, m))
			return &seep_enomem;
	}
	return NULL;
}

static struct seep_error *read_resident(struct file *file, struct seep_buffer buf)
{
	struct seep_usage *usage = &file->usage;
	struct seep_range r;

	while (seep_buffer_left(&buf)) {
		size_t n = usage->resident.len;
		if (!seep_buffer_u64(&buf, &r.start) || !seep_buffer_u64(&buf, &r.end) ||
		    r.start >= r.end || n == RESIDENT_MAX ||
		    (n && r.start < usage->resident.data[n - 1].end))
			return bad("its list of resident pages");
		if (!seep_vec_push(&usage->resident, r))
			return &seep_enomem;
	}
	return NULL;
}

/** Address or offset, and the bytes that are there. */
static bool read_bytes(struct seep_buffer *buf, uint64_t *at_ret, const void **bytes_ret,
		       uint32_t *len_ret)
{
	if (!seep_buffer_u64(buf, at_ret) || !seep_buffer_u32(buf, len_ret) || !*len_ret ||
	    *at_ret > UINT64_MAX - *len_ret)
		return false;
	*bytes_ret = seep_buffer_bytes(buf, *len_ret);
	return *bytes_ret != NULL;
}

static struct seep_error *read_exe(struct seep_target *target, struct file *file,
				   struct seep_buffer buf)
{
	const void *bytes;
	uint64_t at;
	uint32_t len;

	if (target->exe_fd < 0) {
		target->exe_fd = memfd_create("executable", MFD_CLOEXEC);
		if (target->exe_fd < 0 || ftruncate(target->exe_fd, (off_t)file->exe_bytes) < 0)
			return seep_error_os(errno, "no room for the executable");
	}
	while (seep_buffer_left(&buf)) {
		if (!read_bytes(&buf, &at, &bytes, &len) || at + len > file->exe_bytes)
			return bad("its executable");
		file->exe_written += len;
		if (file->exe_written > file->exe_bytes)
			return bad("its executable");
		for (uint32_t done = 0; done < len;) {
			ssize_t n = pwrite(target->exe_fd, (const char *)bytes + done, len - done,
					   (off_t)(at + done));
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return seep_error_os(errno, "no room for the executable");
			done += n;
		}
	}
	return NULL;
}

static struct seep_error *read_image(struct file *file, struct seep_buffer buf)
{
	const void *bytes;
	uint64_t at;
	uint32_t len;

	while (seep_buffer_left(&buf)) {
		if (!read_bytes(&buf, &at, &bytes, &len) || at < file->image_end)
			return bad("its executable's data");
		file->image_end = at + len;
		file->image_written += len;
		if (file->image_written > file->exe_bytes)
			return bad("its executable's data");
		void *block = malloc(len);
		if (!block || !seep_vec_push(&file->blocks, block)) {
			free(block);
			return &seep_enomem;
		}
		memcpy(block, bytes, len);
		struct seep_error *err =
			seep_memory_add(&file->image, (struct seep_segment){ at, at + len, block });
		if (err)
			return err;
	}
	return NULL;
}

static struct seep_error *read_memory(struct seep_target *target, struct file *file,
				      struct seep_buffer buf)
{
	const void *bytes;
	uint64_t at;
	uint32_t len;

	while (seep_buffer_left(&buf)) {
		if (!read_bytes(&buf, &at, &bytes, &len) || at < file->memory_end)
			return bad("its memory");
		file->memory_end = at + len;
		file->memory_bytes += len;
		if (file->memory_bytes > file->memory_max)
			return bad("more memory than it says");
		if (file->limit && file->memory_bytes > file->limit)
			return seep_error_format(
				SEEP_ERROR_BUDGET,
				"the capture holds more memory than the limit leaves room for, which is %.1f MB (it may be %.1f)",
				file->limit / 1e6, file->memory_max / 1e6);
		// The mirror's segments are what can be written to.
		void *there = (void *)seep_memory_at(&target->mirror.memory, at, len);
		if (there)
			memcpy(there, bytes, len);
		else if (!target->stats.spans_left_out)
			return bad("memory outside of mappings");
	}
	return NULL;
}

/** What is no concern of analysis is not kept, so that it can have no influence on it. */
static struct seep_error *read_values(struct file *file, struct seep_buffer buf)
{
	const void *bytes;
	uint64_t at;
	uint32_t len;

	while (seep_buffer_left(&buf)) {
		if (!read_bytes(&buf, &at, &bytes, &len) || at < file->values_end)
			return bad("its memory without pointers");
		file->values_end = at + len;
		file->origin.values_bytes += len;
	}
	return NULL;
}

static struct seep_error *check_end(const struct seep_chunk_reader *reader, const struct file *file,
				    struct seep_buffer buf)
{
	uint64_t chunks, memory, exe, values;

	if (!seep_buffer_u64(&buf, &chunks) || !seep_buffer_u64(&buf, &memory) ||
	    !seep_buffer_u64(&buf, &exe) || !seep_buffer_u64(&buf, &values) ||
	    chunks != reader->chunks - 1 || memory != file->memory_bytes ||
	    exe != file->exe_written || values != file->origin.values_bytes)
		return bad("its totals are wrong");
	return NULL;
}

static struct seep_error *read_chunk(struct seep_target *target, struct file *file,
				     const struct seep_chunk_reader *reader)
{
	struct seep_buffer buf = seep_buffer_of(reader->records, reader->len);

	if ((reader->type == SEEP_CHUNK_PROCESS) != (reader->chunks == 1))
		return bad("it does not begin with what process it is of");
	switch (reader->type) {
	case SEEP_CHUNK_PROCESS:
		return read_process(target, file, buf);
	case SEEP_CHUNK_MAPPINGS:
		return read_mappings(target, buf);
	case SEEP_CHUNK_THREADS:
		return read_threads(target, buf);
	case SEEP_CHUNK_USAGE:
		return read_usage(file, buf);
	case SEEP_CHUNK_RESIDENT:
		return read_resident(file, buf);
	case SEEP_CHUNK_EXE:
		return read_exe(target, file, buf);
	case SEEP_CHUNK_IMAGE:
		return read_image(file, buf);
	case SEEP_CHUNK_MEMORY:
		return read_memory(target, file, buf);
	case SEEP_CHUNK_VALUES:
		return read_values(file, buf);
	default:
		return check_end(reader, file, buf);
	}
}

static struct seep_error *read_all(struct seep_target *target, struct file *file,
				   struct seep_chunk_reader *reader)
{
	struct seep_error *err = NULL;
	size_t left_out = 0;

	for (uint32_t type = 0; !err && type != SEEP_CHUNK_END;) {
		err = seep_chunk_next(reader);
		// Mappings are known when something else comes.
		if (!err && type <= SEEP_CHUNK_MAPPINGS && reader->type > SEEP_CHUNK_MAPPINGS) {
			left_out = target->stats.spans_left_out;
			target->stats.spans_left_out = 0;
			err = seep_mirror_reserve(target);
			if (target->stats.spans_left_out < left_out)
				target->stats.spans_left_out = left_out;
		}
		if (err)
			break;
		type = reader->type;
		err = read_chunk(target, file, reader);
	}
	if (err)
		return err;
	if (target->exe_fd < 0)
		return bad("it has no executable");
	return seep_chunk_expect_end(reader);
}

static struct seep_error *capture_read(struct seep_target *target, seep_addr addr, void *buf,
				       size_t len)
{
	const struct file *file = target->file;
	const struct seep_memory *parts[] = { &target->mirror.memory, &file->image };
	size_t done = 0;

	// What lies in neither is zero, if it is mapped at all: pages of zeros were left out.
	while (done < len) {
		seep_addr at = addr + done;
		size_t step = seep_page_bytes - at % seep_page_bytes;
		const struct seep_segment *s = seep_memory_find(parts[0], at);
		if (!s)
			s = seep_memory_find(parts[1], at);
		if (s && step > s->end - at)
			step = s->end - at;
		if (step > len - done)
			step = len - done;
		if (s)
			memcpy((char *)buf + done, s->bytes + (at - s->start), step);
		else
			memset((char *)buf + done, 0, step);
		done += step;
	}
	return NULL;
}

static struct seep_error *capture_copy(struct seep_target *target, const struct seep_range *ranges,
				       size_t count)
{
	(void)target;
	(void)ranges;
	(void)count;
	return NULL;
}

static void copy_setting(struct seep_target *target, const char *name, char *ret, size_t size)
{
	const char *value = seep_target_env(target, name);

	snprintf(ret, size, "%s", value ? value : "");
}

static struct seep_error *capture_usage(struct seep_target *target, struct seep_usage *ret)
{
	struct file *file = target->file;

	// The lists go to whoever asks first; nobody asks twice.
	*ret = file->usage;
	copy_setting(target, "GOGC", ret->gogc, sizeof(ret->gogc));
	copy_setting(target, "GOMEMLIMIT", ret->gomemlimit, sizeof(ret->gomemlimit));
	file->usage = (struct seep_usage){};
	return NULL;
}

static void capture_close(struct seep_target *target)
{
	struct file *file = target->file;

	seep_usage_deinit(&file->usage);
	seep_memory_deinit(&file->image);
	seep_vec_foreach(block, &file->blocks)
		free(*block);
	seep_vec_free(&file->blocks);
	free(file);
	target->file = NULL;
}

static const struct seep_file_ops ops = {
	.kind = SEEP_TARGET_CAPTURE,
	.read = capture_read,
	.copy = capture_copy,
	.usage = capture_usage,
	.close = capture_close,
};

const struct seep_origin *seep_capture_origin(const struct seep_target *target)
{
	return target->file_ops == &ops ? &((const struct file *)target->file)->origin : NULL;
}

struct seep_error *seep_capture_open(struct seep_target *target, int fd,
				     const struct seep_source *source)
{
	struct seep_chunk_reader reader;
	struct file *file = calloc(1, sizeof(*file));
	struct seep_error *err;

	if (!file)
		return &seep_enomem;
	file->limit = source->max_bytes; // no more of it: the executable is in the file
	target->file = file;
	target->file_ops = &ops;
	err = seep_chunk_reader_init(&reader, fd);
	if (!err)
		err = read_all(target, file, &reader);
	seep_chunk_reader_deinit(&reader);
	return err;
}
