/** Copying: the mirror that is filled, what is known of its pages, and what is to be copied into it. */
#ifndef SEEP_TARGET_COPY_H
#define SEEP_TARGET_COPY_H

#include "target/pagemap.h"
#include "target/pages.h"

#include <stdatomic.h>

/** A transparent huge page; what two copying threads must not share. */
static const uint64_t seep_block_bytes = 2 << 20;

/**
 * Host address space for adjacent writable private mappings of the target; segment of the same
 * index in the memory.
 */
struct seep_mirror_span {
	seep_addr start, end;
	/**
	 * Where start lies; congruent to it modulo seep_block_bytes when the span is that large.
	 */
	unsigned char *host;
	void *map; /** what munmap() wants */
	size_t map_bytes;
	/**
	 * While the target is watched, a bit for each page from map on, else NULL. fresh: the mirror has what the page
	 * held, and nothing was written to it since as far as the last seep_target_refresh() could tell. filled: bytes were copied
	 * into the mirror here, so that it must be cleared if the page is given back.
	 */
	uint64_t *fresh, *filled;
};
struct seep_mirror {
	struct seep_mirror_spans seep_vec(struct seep_mirror_span) spans;
	struct seep_memory memory;
	bool used; /** something was copied into it */
};

/** What is known of the target's writes between pre-copy rounds (watch.c). */
struct seep_watch {
	bool on;
	bool over; /** the stop was: the mirror is of a moment in the past */
	int uffd;
	struct seep_ranges ranges; /** mappings that are watched, sorted */
	struct seep_ranges wanted; /** mappings that a plan asked for while nobody watched them */
};
/** Larger mappings are watched, and copied when they turn up in a stop, only if something in them was asked for. */
enum { SEEP_WATCH_BYTES_MAX = 256 << 20 };

/** A part of a copy: within one block. */
struct seep_piece {
	seep_addr start, end;
	unsigned char *host;
	bool failed; /** some of it could not be read */
};

/** A copy (plan.c makes it, copy.c does it). */
struct seep_copy_job {
	struct seep_target *target;
	struct seep_pieces seep_vec(struct seep_piece) pieces; /** ascending */
	struct seep_ranges stale; /** while watched: what is fresh once the pieces have been copied */
	/** Index of the first piece of each, and the number of pieces at the end. */
	struct seep_batches seep_vec(size_t) batches;
	atomic_size_t next;
	atomic_uint_fast64_t bytes, pages_unreadable;
	atomic_int errnum; /** the first failure that ends the copy */
	atomic_bool over; /** the stop has lasted as long as it may */
};

/** mirror.c: whether the mirror has room for this mapping. */
static inline bool seep_mapping_is_mirrored(const struct seep_mapping *mapping)
{
	return mapping->readable && mapping->writable && !mapping->shared;
}
/**
 * Makes the mirror of target->mappings; spans of the one before are kept, with their content, where
 * they still fit.
 */
struct seep_error *seep_mirror_reserve(struct seep_target *target) _must_check_;
void seep_mirror_deinit(struct seep_mirror *mirror);
/** The address that the beginning of the span's map stands for; stays when the span grows, at either end. */
static inline seep_addr seep_span_base(const struct seep_mirror_span *span)
{
	return span->start - (seep_addr)(span->host - (unsigned char *)span->map);
}
/** Index of the page in the span's bitmaps; and its address. */
static inline size_t seep_span_page(const struct seep_mirror_span *span, seep_addr addr)
{
	return (addr - seep_span_base(span)) / seep_page_bytes;
}
static inline seep_addr seep_span_addr(const struct seep_mirror_span *span, size_t page)
{
	return seep_span_base(span) + page * seep_page_bytes;
}
/** Makes the mirror read as zeros in [start, end), where anything was copied to; for watched targets. */
void seep_mirror_clear(struct seep_mirror_span *span, seep_addr start, seep_addr end);

/**
 * plan.c: adds to the job what ranges ask for: of what is resident in the mirrored mappings and, while watched, not fresh. What is not
 * resident is cleared in the mirror.
 */
struct seep_error *seep_plan_ranges(struct seep_copy_job *job, const struct seep_range *ranges,
				    size_t count) _must_check_;
/** The same for one mapping, of which nothing is known: all that is resident. */
struct seep_error *seep_plan_mapping(struct seep_copy_job *job, struct seep_mirror_span *span,
				     const struct seep_mapping *mapping, int pagemap_fd)
	_must_check_;
/** Adds [start, end) of span, resident. */
bool seep_plan_add(struct seep_copy_job *job, const struct seep_mirror_span *span, seep_addr start,
		   seep_addr end);
/** The span of the mirror that holds mapping, NULL if it has none. */
struct seep_mirror_span *seep_plan_span(struct seep_target *target,
					const struct seep_mapping *mapping);
void seep_plan_deinit(struct seep_copy_job *job);
/** copy.c: does the job. */
struct seep_error *seep_copy_run(struct seep_copy_job *job) _must_check_;
/** copy.c: copies batches of the job until none is left; run by every copying thread. */
void seep_copy_work(struct seep_copy_job *job);

/** watch.c: whether writes to this mapping are noticed. */
bool seep_watch_has(const struct seep_watch *watch, const struct seep_mapping *mapping);
/** In the stop: copies all that was written to since the last refresh; BUDGET if that is more than max_bytes. */
struct seep_error *seep_refresh_stopped(struct seep_target *target, uint64_t max_bytes)
	_must_check_;
/** CHANGED unless all of ranges, sorted, is in memory and was not written to since the last refresh. */
struct seep_error *seep_watch_check(const struct seep_target *target,
				    const struct seep_ranges *ranges) _must_check_;

#endif
