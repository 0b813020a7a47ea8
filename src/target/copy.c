/*
 * Copying from the target into the mirror.
 *
 * The pieces of a plan (plan.c) are bundled into batches; two threads take the next
 * batch from a shared counter until there is none. While the target runs it is one thread, a nice one if there is much to copy. A block is never split between batches: two
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
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BATCH_PIECES = 512 };
static const uint64_t batch_bytes = 2 << 20;
/** MADV_POPULATE_WRITE of Linux 5.14; not in the headers of bookworm's glibc. */
enum { MADVISE_POPULATE_WRITE = 23 };
/** Of a block, to be worth a huge page: memory is then at most a seventh more than what is copied. */
static const uint64_t dense_bytes = (2 << 20) / 8 * 7;
/** Niceness of the thread that copies while the target runs, and the size of a copy that gets one. */
enum { NICENESS = 5, NICE_BATCHES = 32 };
/** Each run of them splits a mapping, and the kernel allows a process 65,530. */
enum { DENSE_RUNS_MAX = 4096 };

/** What is left to read in a batch. */
struct vector {
	struct iovec local[BATCH_PIECES], remote[BATCH_PIECES];
	size_t at, len;
};

/** Bundles pieces into batches of some 2 MB or 512 pieces that share no block. */
static struct seep_error *bundle(struct seep_copy_job *job)
{
	uint64_t bytes = 0;
	size_t first = 0;

	for (size_t i = 0; i < job->pieces.len; i++) {
		const struct seep_piece *piece = job->pieces.data + i;
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

static void copy_batch(struct seep_copy_job *job, struct seep_piece *pieces, size_t count)
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
		pieces[vector.at].failed = true;
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
		if (job->target->stopped && seep_pause_is_over(job->target)) {
			atomic_store_explicit(&job->over, true, memory_order_relaxed);
			return;
		}
		size_t first = job->batches.data[i];
		copy_batch(job, job->pieces.data + first, job->batches.data[i + 1] - first);
	}
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

/**
 * Asks for huge pages where nearly all of a block will be copied: they are made faster, and what
 * is read from all over the copy later waits less for translations of addresses. Best effort.
 */
static void advise_dense(const struct seep_pieces *pieces)
{
	unsigned char *run = NULL, *run_end = NULL;
	unsigned runs = 0;

	for (size_t i = 0, next; i < pieces->len && runs < DENSE_RUNS_MAX; i = next) {
		const struct seep_piece *first = pieces->data + i;
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

/** A thread that lets the target go first: an own one, since niceness cannot be taken back without privileges. */
static void *work_nicely(void *arg)
{
	setpriority(PRIO_PROCESS, gettid(), NICENESS);
	seep_copy_work(arg);
	return NULL;
}

/** Runs the batches; in the stop also on the tracer's thread. */
static void work(struct seep_copy_job *job)
{
	struct seep_tracer *tracer = &job->target->tracer;
	pthread_t thread;

	if (job->target->stopped && !job->target->watch.on && !job->target->child) {
		if (job->batches.len > 2)
			seep_tracer_order(tracer, SEEP_ORDER_COPY, job);
		seep_copy_work(job);
		if (job->batches.len > 2)
			seep_tracer_wait(tracer);
	} else if (!job->target->stopped && job->batches.len > NICE_BATCHES &&
		   !pthread_create(&thread, NULL, work_nicely, job)) {
		pthread_join(thread, NULL);
	} else {
		seep_copy_work(job);
	}
}

/** What was copied is fresh now. */
static void note_fresh(struct seep_copy_job *job)
{
	struct seep_mirror *mirror = &job->target->mirror;
	struct seep_mirror_span *span = mirror->spans.data;

	seep_vec_foreach(range, &job->stale) {
		while (span->end <= range->start)
			span++;
		seep_pages_put(span->fresh, seep_span_page(span, range->start),
			       seep_span_page(span, range->end), true);
	}
	span = mirror->spans.data;
	seep_vec_foreach(piece, &job->pieces) {
		while (span->end <= piece->start)
			span++;
		size_t first = seep_span_page(span, piece->start),
		       end = seep_span_page(span, piece->end);
		seep_pages_put(span->filled, first, end, true);
		if (piece->failed)
			seep_pages_put(span->fresh, first, end, false);
	}
}

struct seep_error *seep_copy_run(struct seep_copy_job *job)
{
	struct seep_target *target = job->target;
	struct seep_error *err;

	err = bundle(job);
	if (err)
		return err;
	work(job);
	uint64_t bytes = atomic_load_explicit(&job->bytes, memory_order_relaxed),
		 unreadable = atomic_load_explicit(&job->pages_unreadable, memory_order_relaxed);
	// While the target runs, memory that has just been unmapped is no loss.
	if (target->stopped)
		target->stats.pages_unreadable += unreadable;
	*(target->stopped ? &target->stats.read_bytes : &target->stats.precopy_bytes) += bytes;
	int errnum = atomic_load_explicit(&job->errnum, memory_order_relaxed);
	// A process that dies under the copy shows as unreadable pages or as gone, depending on how
	// far it got.
	if (errnum == ESRCH || (unreadable && seep_proc_ended(target->dir_fd)))
		return seep_error_format(SEEP_ERROR_GONE,
					 "process %d ended while it was being read",
					 (int)target->pid);
	if (errnum)
		return seep_error_os(errnum, "read memory of process %d", (int)target->pid);
	if (atomic_load_explicit(&job->over, memory_order_relaxed))
		return seep_pause_error(target);
	if (target->watch.on)
		note_fresh(job);
	return NULL;
}

struct seep_error *seep_target_copy(struct seep_target *target, const struct seep_range *ranges,
				    size_t count)
{
	struct seep_copy_job job _cleanup_(seep_plan_deinit) = { .target = target };
	bool late = target->watch.over;
	struct seep_error *err;

	if (target->file_ops)
		return target->file_ops->copy(target, ranges, count);
	if (!target->stopped && !target->watch.on)
		return seep_error_format(SEEP_ERROR_USAGE, "process %d is not stopped",
					 (int)target->pid);
	if (target->stopped && seep_pause_is_over(target))
		return seep_pause_error(target);
	target->mirror.used = true;
	err = seep_plan_ranges(&job, ranges, count);
	if (err)
		return err;
	if (!target->stopped && !late)
		advise_dense(&job.pieces);
	err = seep_copy_run(&job);
	if (err || !late || !job.stale.len)
		return err;
	return job.pages_unreadable ?
		       seep_error_format(SEEP_ERROR_CHANGED,
					 "memory that is needed was unmapped meanwhile") :
		       seep_watch_check(target, &job.stale);
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

void seep_target_limit_copy(struct seep_target *target, uint64_t max_bytes)
{
	target->max_copy_bytes = max_bytes;
}

struct seep_error *seep_target_prepare(struct seep_target *target, const struct seep_range *ranges,
				       size_t count)
{
	static const struct seep_range everything = { 0, UINT64_MAX };
	struct seep_copy_job job _cleanup_(seep_plan_deinit) = { .target = target };
	struct seep_error *err;

	if (target->stopped)
		return seep_error_format(SEEP_ERROR_USAGE, "process %d is stopped already",
					 (int)target->pid);
	seep_mirror_deinit(&target->mirror);
	err = seep_mappings_read(target);
	if (!err)
		err = seep_mirror_reserve(target);
	if (!err)
		err = count ? seep_plan_ranges(&job, ranges, count) :
			      seep_plan_ranges(&job, &everything, 1);
	if (err)
		return err;
	target->stats.prepared_bytes = 0;
	seep_vec_foreach(piece, &job.pieces)
		target->stats.prepared_bytes += piece->end - piece->start;
	if (target->max_copy_bytes && target->stats.prepared_bytes > target->max_copy_bytes)
		return seep_error_format(SEEP_ERROR_BUDGET,
					 "a copy would take %.1f MB, and may take %.1f",
					 target->stats.prepared_bytes / 1e6,
					 target->max_copy_bytes / 1e6);
	advise_dense(&job.pieces);
	for (size_t i = 0, next; i < job.pieces.len; i = next) {
		const struct seep_piece *first = job.pieces.data + i;
		for (next = i + 1;
		     next < job.pieces.len && first[next - i].start == first[next - i - 1].end;
		     next++)
			;
		touch(first->host, first[next - i - 1].end - first->start);
	}
	return NULL;
}
