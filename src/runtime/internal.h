/** What the files of runtime/ share with each other only. */
#ifndef SEEP_RUNTIME_INTERNAL_H
#define SEEP_RUNTIME_INTERNAL_H

#include "runtime/runtime.h"

enum { SEEP_MSPAN_DEAD = 0, SEEP_MSPAN_IN_USE = 1, SEEP_MSPAN_MANUAL = 2 };
enum { SEEP_TINY_SPANCLASS = 2 << 1 | 1 };

/** A runtime.mspan as read. */
struct seep_mspan {
	seep_addr addr, start, alloc_bits, gcmark_bits, specials, large_type;
	uint64_t npages, freeindex, nelems, elem_size;
	uint32_t sweepgen;
	uint16_t alloc_count;
	uint8_t spanclass, state;
	bool user_arena;
};

struct seep_mspans {
	struct seep_vec(struct seep_mspan) spans; /** in use or manual (stacks), in allspans order */
	uint32_t sweepgen;
	bool inline_marks; /** Green Tea: small spans end in their mark bits */
	uint64_t bad; /** entries that could not be believed */
};

/** Address and length of mheap_.allspans. */
struct seep_error *seep_mspan_list(const struct seep_memory *memory,
				   const struct seep_binary *binary, seep_addr *array_ret,
				   uint64_t *count_ret) _must_check_;
/** False if the span at addr cannot be read or contradicts itself. */
bool seep_mspan_parse(const struct seep_memory *memory, const struct seep_layout *layout,
		      seep_addr addr, struct seep_mspan *ret);
struct seep_error *seep_mspans_read(const struct seep_memory *memory,
				    const struct seep_binary *binary, struct seep_mspans *ret)
	_must_check_;
void seep_mspans_deinit(struct seep_mspans *spans);
bool seep_mspan_unswept(const struct seep_mspan *span, uint32_t heap_sweepgen);
bool seep_mspan_has_inline_marks(const struct seep_mspan *span, bool inline_marks);

enum { SEEP_GOROUTINES_MAX = 1 << 26, SEEP_STATUS_SCAN = 0x1000 };

/** Whether there is no goroutine in a runtime.g of this status, with or without SEEP_STATUS_SCAN: dead, or not made yet. */
static inline bool seep_status_is_dead(uint32_t status)
{
	status &= ~(uint32_t)SEEP_STATUS_SCAN;
	return status == SEEP_STATUS_DEAD || status == SEEP_STATUS_IDLE ||
	       status > SEEP_STATUS_LEAKED;
}

/** runtime.allgs as atomically published. */
bool seep_allgs(const struct seep_memory *memory, const struct seep_globals *globals,
		seep_addr *array_ret, uint64_t *count_ret);

/** A goroutine in a wait queue: which sudog, and the channel or semaphore that it waits for. */
struct seep_blocked {
	seep_addr g, sudog, address;
	bool channel;
};
struct seep_blocked_list {
	struct seep_vec(struct seep_blocked) items;
};
/** All sudogs of blocked goroutines: from g.waiting and from the semaphore table. */
struct seep_error *seep_blocked_read(const struct seep_memory *memory,
				     const struct seep_binary *binary,
				     struct seep_blocked_list *ret) _must_check_;

/** A copy of len bytes of text with a NUL behind, owned by the runtime. NULL when memory is out. */
const char *seep_intern(struct seep_runtime *runtime, const char *text, size_t len);

// The parts of seep_runtime_read(), in its order.
struct seep_error *seep_goroutines_read(struct seep_runtime *runtime) _must_check_;
struct seep_error *seep_sites_init(struct seep_runtime *runtime) _must_check_;
void seep_sites_destroy(struct seep_sites *sites);
struct seep_error *seep_waits_read(struct seep_runtime *runtime) _must_check_;
struct seep_error *seep_timers_read(struct seep_runtime *runtime) _must_check_;
struct seep_error *seep_specials_read(struct seep_runtime *runtime) _must_check_;
/** clock.c: now and wall_now of a core: the newest times that the runtime itself wrote down; 0 = none. Needs the goroutines. */
void seep_clock_read(struct seep_runtime *runtime);

/** Whether addr lies in an arena of the heap, used or not, as far as the runtime's list of them is in memory. memory_stats.c */
bool seep_is_arena(const struct seep_memory *memory, const struct seep_binary *binary,
		   seep_addr addr);

// capture.c

/**
 * Makes ready, while the process runs, for what seep_runtime_capture() will copy: the stop is shorter then. Best effort:
 * whatever goes wrong costs no more than that.
 */
void seep_runtime_prepare(struct seep_target *target, const struct seep_binary *binary,
			  bool values);
/** Copies what analysis needs, and, if asked for, memory without pointers, too; while seep_target_copy() may be called. */
struct seep_error *seep_runtime_capture(struct seep_target *target,
					const struct seep_binary *binary, bool values) _must_check_;

/** Parts of the target's memory. */
struct seep_needs {
	struct seep_vec(struct seep_range) v;
};
void seep_needs_deinit(struct seep_needs *needs);
bool seep_needs_add(struct seep_needs *needs, seep_addr start, seep_addr end);
/** Makes them ascending and disjoint. */
void seep_needs_join(struct seep_needs *needs);
/** Adds the spans that are listed at array, as far as memory has the list. */
struct seep_error *seep_needs_spans(const struct seep_memory *memory,
				    const struct seep_binary *binary, seep_addr array,
				    uint64_t count, struct seep_needs *ret) _must_check_;
/** Adds what is needed of a span's pages; false when memory is out. */
typedef bool seep_needs_span(struct seep_needs *needs, const struct seep_memory *memory,
			     const struct seep_layout *layout, const struct seep_mspans *all,
			     const struct seep_mspan *span);
/** Adds what can hold pointers, as far as the spans in memory tell: of the arenas what add_span says, and what lies elsewhere. */
struct seep_error *seep_needs_pointerful(const struct seep_target *target,
					 const struct seep_memory *memory,
					 const struct seep_binary *binary,
					 seep_needs_span *add_span, struct seep_needs *ret)
	_must_check_;

/** needs.c: what of a complete copy analysis reads, to the byte; joined. */
struct seep_error *seep_needs_find(const struct seep_target *target,
				   const struct seep_binary *binary, struct seep_needs *ret)
	_must_check_;
/** needs.c: the objects without pointers that are in use, of a copy that has them; joined. */
struct seep_error *seep_values_find(const struct seep_memory *memory,
				    const struct seep_binary *binary, struct seep_needs *ret)
	_must_check_;

#endif
