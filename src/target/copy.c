/*
 * Copying from the stopped target into the mirror.
 *
 * The ranges asked for are rounded to pages, sorted and joined, cut to the mappings that are
 * mirrored, and cut again to what is resident there. (File-backed private mappings are copied
 * without asking: a page of .data that nobody touched is not resident, yet not zero.) The pieces
 * that remain are cut where a 2 MB block ends and bundled into batches; two threads take the next
 * batch from a shared counter until there is none. A block is never split between batches: two
 * threads faulting in one huge page would both zero it, and one of them for nothing.
 *
 * process_vm_readv() stops at the first page that it cannot read (guard page, device memory,
 * poisoned). That page is counted and left as zeros, and the copy goes on behind it. Where a
 * seccomp filter forbids the call, /proc/PID/mem does the same more slowly.
 *
 * The only state that two threads share is the counters: `next` hands out batches, each to one
 * thread, and the others are sums. All are relaxed: what the threads wrote is published by the
 * tracer's lock, which ends every copy.
 */
#include "target/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BATCH_PIECES = 512 };
static const uint64_t batch_bytes = 2 << 20;
/** MADV_POPULATE_WRITE of Linux 5.14; not in the headers of bookworm's glibc. */
enum { MADVISE_POPULATE_WRITE = 23 };
/** Gaps in the ranges that are cheaper to look through than to make a system call for. */
static const uint64_t scan_gap_bytes = 8 << 20;
/** Of a block, to be worth a huge page: memory is then at most a seventh more than what is copied. */
static const uint64_t dense_bytes = (2 << 20) / 8 * 7;
/** Each run of them splits a mapping, and the kernel allows a process 65,530. */
enum { DENSE_RUNS_MAX = 4096 };

struct piece {
	seep_addr start, end;
	unsigned char *host;
};
struct pieces seep_vec(struct piece);

struct seep_copy_job {
	struct seep_target *target;
	struct pieces pieces;
	/** Index of the first piece of each, and the number of pieces at the end. */
	struct batches seep_vec(size_t) batches;
	atomic_size_t next;
	atomic_uint_fast64_t bytes, pages_unreadable;
	atomic_int errnum; /** the first failure that ends the copy */
	atomic_bool over; /** the stop has lasted as long as it may */
};

/** What is left to read in a batch. */
struct vector {
	struct iovec local[BATCH_PIECES], remote[BATCH_PIECES];
	size_t at, len;
};

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

/** Adds [start, end) as pieces that keep to one block each. */
static bool add_pieces(struct seep_copy_job *job, const struct seep_mirror_span *span,
		       seep_addr start, seep_addr end)
{
	while (start < end) {
		seep_addr block_end = (start | (seep_block_bytes - 1)) + 1;
		struct piece piece = { start, block_end < end ? block_end : end,
				       span->host + (start - span->start) };
		if (!seep_vec_push(&job->pieces, piece))
			return false;
		start = piece.end;
	}
	return true;
}

/**
 * The resident parts within [start, end) that are asked for by ranges, which all lie in or across
 * [start, end).
 */
static struct seep_error *add_resident(struct seep_copy_job *job,
				       const struct seep_mirror_span *span, int pagemap_fd,
				       const struct seep_range *ranges, size_t count)
{
	struct seep_ranges parts _cleanup_(free_ranges) = {};
	struct seep_error *err;

	err = seep_resident_find(pagemap_fd, SEEP_HOLDS_ANYTHING, ranges[0].start,
				 ranges[count - 1].end, &parts);
	if (err)
		return err;
	for (size_t i = 0, k = 0; i < parts.len && k < count;) {
		const struct seep_range *part = parts.data + i, *range = ranges + k;
		seep_addr start = part->start > range->start ? part->start : range->start;
		seep_addr end = part->end < range->end ? part->end : range->end;
		if (start < end && !add_pieces(job, span, start, end))
			return &seep_enomem;
		if (part->end < range->end)
			i++;
		else
			k++;
	}
	return NULL;
}

/** What ranges, cut to one mapping, ask of it. */
static struct seep_error *add_mapping(struct seep_copy_job *job,
				      const struct seep_mirror_span *span,
				      const struct seep_mapping *mapping, int pagemap_fd,
				      const struct seep_ranges *cut)
{
	struct seep_error *err;

	if (mapping->file_backed) {
		for (size_t i = 0; i < cut->len; i++)
			if (!add_pieces(job, span, cut->data[i].start, cut->data[i].end))
				return &seep_enomem;
		return NULL;
	}
	for (size_t first = 0, next; first < cut->len; first = next) {
		for (next = first + 1; next < cut->len; next++)
			if (cut->data[next].start - cut->data[next - 1].end > scan_gap_bytes)
				break;
		err = add_resident(job, span, pagemap_fd, cut->data + first, next - first);
		if (err)
			return err;
	}
	return NULL;
}

/** All pieces to copy: sorted ranges met with the mirrored mappings. */
static struct seep_error *add_all(struct seep_copy_job *job, const struct seep_ranges *ranges,
				  int pagemap_fd)
{
	struct seep_target *target = job->target;
	const struct seep_mirror_span *span = target->mirror.spans.data,
				      *spans_end = span + target->mirror.spans.len;
	struct seep_ranges cut _cleanup_(free_ranges) = {};
	struct seep_error *err = NULL;
	size_t k = 0;

	seep_vec_foreach(mapping, &target->mappings) {
		while (span < spans_end && span->end <= mapping->start)
			span++;
		if (!seep_mapping_is_mirrored(mapping) || span == spans_end ||
		    mapping->start < span->start)
			continue;
		while (k < ranges->len && ranges->data[k].end <= mapping->start)
			k++;
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

static struct seep_error *plan(struct seep_copy_job *job, const struct seep_range *ranges,
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

/** Bundles pieces into batches of some 2 MB or 512 pieces that share no block. */
static struct seep_error *bundle(struct seep_copy_job *job)
{
	uint64_t bytes = 0;
	size_t first = 0;

	for (size_t i = 0; i < job->pieces.len; i++) {
		const struct piece *piece = job->pieces.data + i;
		bool same_block = i && piece->start / seep_block_bytes ==
					       (piece[-1].end - 1) / seep_block_bytes;
		bool full = bytes >= batch_bytes || i - first >= BATCH_PIECES / 2;
		if (!i || (full && !same_block) || i - first == BATCH_PIECES) {
			if (!seep_vec_push(&job->batches, i))
				return &seep_enomem;
			first = i;
			bytes = 0;
		}
		bytes += piece->end - piece->start;
	}
	return seep_vec_push(&job->batches, job->pieces.len) ? NULL : &seep_enomem;
}

/** Passes over n bytes of what is left. */
static void advance(struct vector *vector, size_t n)
{
	while (n && vector->at < vector->len) {
		struct iovec *local = vector->local + vector->at,
			     *remote = vector->remote + vector->at;
		size_t step = n < local->iov_len ? n : local->iov_len;
		local->iov_base = (char *)local->iov_base + step;
		remote->iov_base = (char *)remote->iov_base + step;
		local->iov_len = remote->iov_len -= step;
		n -= step;
		if (!local->iov_len)
			vector->at++;
	}
}

/**
 * Reads from the front of what is left; bytes read, or -1 with errno: EFAULT when the first page
 * cannot be read.
 */
static ssize_t read_some(struct seep_target *target, struct vector *vector)
{
	struct iovec *local = vector->local + vector->at, *remote = vector->remote + vector->at;
	size_t count = vector->len - vector->at;

	if (!atomic_load_explicit(&target->no_readv, memory_order_relaxed)) {
		ssize_t n = process_vm_readv(target->pid, local, count, remote, count, 0);
		if (n >= 0 || (errno != EPERM && errno != ENOSYS))
			return n;
		atomic_store_explicit(&target->no_readv, true, memory_order_relaxed);
	}
	ssize_t n = pread(target->mem_fd, local->iov_base, local->iov_len,
			  (off_t)(uintptr_t)remote->iov_base);
	if (n == 0)
		errno = ESRCH;
	else if (n < 0 && errno == EIO)
		errno = EFAULT;
	return n > 0 ? n : -1;
}

static void copy_batch(struct seep_copy_job *job, const struct piece *pieces, size_t count)
{
	struct vector vector = { .len = count };

	for (size_t i = 0; i < count; i++) {
		size_t len = pieces[i].end - pieces[i].start;
		vector.local[i] = (struct iovec){ pieces[i].host, len };
		vector.remote[i] = (struct iovec){ (void *)(uintptr_t)pieces[i].start, len };
	}
	while (vector.at < vector.len) {
		ssize_t n = read_some(job->target, &vector);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0) {
			atomic_fetch_add_explicit(&job->bytes, n, memory_order_relaxed);
			advance(&vector, n);
			continue;
		}
		if (n < 0 && errno != EFAULT) {
			atomic_store_explicit(&job->errnum, errno, memory_order_relaxed);
			return;
		}
		atomic_fetch_add_explicit(&job->pages_unreadable, 1, memory_order_relaxed);
		uintptr_t at = (uintptr_t)vector.remote[vector.at].iov_base;
		size_t page_left = seep_page_bytes - at % seep_page_bytes,
		       left = vector.remote[vector.at].iov_len;
		advance(&vector, page_left < left ? page_left : left);
	}
}

void seep_copy_work(struct seep_copy_job *job)
{
	for (;;) {
		size_t i = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
		if (i + 1 >= job->batches.len ||
		    atomic_load_explicit(&job->errnum, memory_order_relaxed))
			return;
		if (seep_pause_is_over(job->target)) {
			atomic_store_explicit(&job->over, true, memory_order_relaxed);
			return;
		}
		size_t first = job->batches.data[i];
		copy_batch(job, job->pieces.data + first, job->batches.data[i + 1] - first);
	}
}

static void job_deinit(struct seep_copy_job *job)
{
	seep_vec_free(&job->pieces);
	seep_vec_free(&job->batches);
}

bool seep_pause_is_over(const struct seep_target *target)
{
	return target->max_pause_ns &&
	       seep_now_ns() - target->pause_start_ns >= target->max_pause_ns;
}

struct seep_error *seep_pause_error(const struct seep_target *target)
{
	return seep_error_format(
		SEEP_ERROR_BUDGET,
		"process %d was let go when the pause had reached its limit of %g ms and only %.1f MB were copied",
		(int)target->pid, target->max_pause_ns / 1e6, target->stats.read_bytes / 1e6);
}

void seep_target_limit_pause(struct seep_target *target, uint64_t max_ns)
{
	target->max_pause_ns = max_ns;
}

/** Runs the batches on this thread and the tracer's. */
static struct seep_error *run(struct seep_copy_job *job)
{
	struct seep_target *target = job->target;

	if (job->batches.len > 2)
		seep_tracer_order(&target->tracer, SEEP_ORDER_COPY, job);
	seep_copy_work(job);
	if (job->batches.len > 2)
		seep_tracer_wait(&target->tracer);
	target->stats.read_bytes += atomic_load_explicit(&job->bytes, memory_order_relaxed);
	uint64_t unreadable = atomic_load_explicit(&job->pages_unreadable, memory_order_relaxed);
	target->stats.pages_unreadable += unreadable;
	int errnum = atomic_load_explicit(&job->errnum, memory_order_relaxed);
	// A process that dies under the copy shows as unreadable pages or as gone, depending on how
	// far it got.
	if (errnum == ESRCH || (unreadable && seep_proc_ended(target->dir_fd)))
		return seep_error_format(SEEP_ERROR_GONE,
					 "process %d ended while it was being read",
					 (int)target->pid);
	if (errnum)
		return seep_error_os(errnum, "read memory of process %d", (int)target->pid);
	return atomic_load_explicit(&job->over, memory_order_relaxed) ? seep_pause_error(target) :
									NULL;
}

struct seep_error *seep_target_copy(struct seep_target *target, const struct seep_range *ranges,
				    size_t count)
{
	struct seep_copy_job job _cleanup_(job_deinit) = { .target = target };
	struct seep_error *err;

	if (!target->stopped)
		return seep_error_format(SEEP_ERROR_USAGE, "process %d is not stopped",
					 (int)target->pid);
	if (seep_pause_is_over(target))
		return seep_pause_error(target);
	target->mirror.used = true;
	err = plan(&job, ranges, count);
	if (!err)
		err = bundle(&job);
	return err ? err : run(&job);
}

/**
 * Has the kernel put memory behind [host, host + len). Best effort: what is missing is made up for
 * in the copy.
 */
static void touch(unsigned char *host, size_t len)
{
	if (!madvise(host, len, MADVISE_POPULATE_WRITE) || errno != EINVAL)
		return;
	for (size_t i = 0; i < len; i += seep_page_bytes)
		((volatile unsigned char *)host)[i] = 0;
}

/**
 * Asks for huge pages where nearly all of a block will be copied: they are made faster, and what
 * is read from all over the copy later waits less for translations of addresses. Best effort.
 */
static void advise_dense(const struct pieces *pieces)
{
	unsigned char *run = NULL, *run_end = NULL;
	unsigned runs = 0;

	for (size_t i = 0, next; i < pieces->len && runs < DENSE_RUNS_MAX; i = next) {
		const struct piece *first = pieces->data + i;
		seep_addr block = first->start & -seep_block_bytes;
		uint64_t bytes = 0;
		for (next = i;
		     next < pieces->len && pieces->data[next].start - block < seep_block_bytes;
		     next++)
			bytes += pieces->data[next].end - pieces->data[next].start;
		unsigned char *host = first->host - (first->start - block);
		if (bytes < dense_bytes || (uintptr_t)host % seep_block_bytes)
			continue;
		if (host != run_end) {
			if (run)
				madvise(run, run_end - run, MADV_HUGEPAGE);
			run = host;
			runs++;
		}
		run_end = host + seep_block_bytes;
	}
	if (run)
		madvise(run, run_end - run, MADV_HUGEPAGE);
}

struct seep_error *seep_target_prepare(struct seep_target *target, const struct seep_range *ranges,
				       size_t count)
{
	static const struct seep_range everything = { 0, UINT64_MAX };
	struct seep_copy_job job _cleanup_(job_deinit) = { .target = target };
	struct seep_error *err;

	if (target->stopped)
		return seep_error_format(SEEP_ERROR_USAGE, "process %d is stopped already",
					 (int)target->pid);
	seep_mirror_deinit(&target->mirror);
	err = seep_mappings_read(target);
	if (!err)
		err = seep_mirror_reserve(target);
	if (!err)
		err = count ? plan(&job, ranges, count) : plan(&job, &everything, 1);
	if (err)
		return err;
	advise_dense(&job.pieces);
	for (size_t i = 0, next; i < job.pieces.len; i = next) {
		const struct piece *first = job.pieces.data + i;
		for (next = i + 1;
		     next < job.pieces.len && first[next - i].start == first[next - i - 1].end;
		     next++)
			;
		touch(first->host, first[next - i - 1].end - first->start);
	}
	return NULL;
}
