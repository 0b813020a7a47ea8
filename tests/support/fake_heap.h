/**
 * A Go process made up in memory: heap, package variables, goroutines and what they wait for, for tests of what reads the model.
 *
 * The heap goes the whole way: mspans, bitmaps and mheap are written as the runtime would write them and read by seep_heap_read(). The rest is
 * entered into the model directly; stacks are plain words of which each counts. Layouts are the fake's own.
 *
 *	fake_heap_init, fake_heap_span ..., fake_heap_allocate ..., fake_heap_read, then goroutines and the like
 */
#ifndef SEEP_TESTS_SUPPORT_FAKE_HEAP_H
#define SEEP_TESTS_SUPPORT_FAKE_HEAP_H

#include "runtime/lock.h"

enum {
	FAKE_HEAP_GLOBALS = 64, /** words of package variables, all of them pointers */
	FAKE_HEAP_SPANS = 160,
	FAKE_HEAP_STACK_WORDS = 64,
	FAKE_HEAP_G_DEFER = 8, /** offsets in the fake's runtime.g */
	FAKE_HEAP_G_PARAM = 16,
	FAKE_HEAP_DEFER_FN = 0, /** in its runtime._defer */
	FAKE_HEAP_DEFER_LINK = 8,
	FAKE_HEAP_CHANNEL_BYTES = 96,
	FAKE_HEAP_CHANNEL_TIMER = 40, /** in its runtime.hchan */
	FAKE_HEAP_TIMER_WHEN = 8, /** in its runtime.timer */
};
/** An arena that most spans lie in, and package variables. */
static const seep_addr FAKE_HEAP_ARENA = 0xc000000000, FAKE_HEAP_DATA = 0x7f0000000000;

/** A runtime.mspan. Zero: elem_size as large as the span, nelems as many as fit, sweepgen that of the heap. */
struct fake_span {
	seep_addr base;
	uint64_t pages, elem_size, nelems, freeindex;
	uint8_t spanclass; /** size class * 2 + noscan */
	bool user_arena;
	bool no_bytes; /** its contents were not copied */
	bool manual; /** a stack's */
	int sweepgen; /** less the heap's */
	int count_error; /** added to allocCount */
	seep_addr large_type;
	seep_addr mspan, alloc_bits, mark_bits; /** set by fake_heap_span() */
};

struct fake_heap {
	struct seep_runtime *rt; /** owned; made by fake_heap_read() */
	struct seep_binary binary;
	struct seep_memory memory; /** handed to rt at fake_heap_read() */
	struct fake_span spans[FAKE_HEAP_SPANS];
	size_t span_count;
	struct seep_vec(void *) blocks;
	seep_addr next; /** free addresses for what takes any */
	struct seep_locks locks;
};

/** Release 1.minor's kind of pointer maps; inline_marks as a 1.26 with Green Tea. */
void fake_heap_init(struct fake_heap *heap, int minor);
void fake_heap_deinit(struct fake_heap *heap);

/** Zeroed bytes at addr, readable in the fake; the host's copy of them. */
unsigned char *fake_heap_map(struct fake_heap *heap, seep_addr addr, size_t len);
/** The same at any address. */
seep_addr fake_heap_take(struct fake_heap *heap, size_t len);
/** The host's copy of the byte at addr, writable. */
unsigned char *fake_heap_at(const struct fake_heap *heap, seep_addr addr, size_t len);
void fake_heap_put(struct fake_heap *heap, seep_addr addr, uint64_t value);

struct fake_span *fake_heap_span(struct fake_heap *heap, struct fake_span span);
/** The slot's allocBits; and, if there are pointer bits at the span's end, the bit of a word. */
void fake_heap_allocate(struct fake_heap *heap, const struct fake_span *span, uint64_t slot);
void fake_heap_pointer_word(struct fake_heap *heap, const struct fake_span *span, seep_addr word);
/** A type descriptor of size bytes whose mask has the bits of mask; ptr_bytes as the mask has. */
seep_addr fake_heap_type(struct fake_heap *heap, uint64_t size, const unsigned char *mask,
			 uint64_t mask_words);

/** Reads the heap and makes the runtime. */
struct seep_error *fake_heap_try_read(struct fake_heap *heap) _must_check_;
void fake_heap_read(struct fake_heap *heap);

void fake_heap_global(struct fake_heap *heap, unsigned i, seep_addr value);
/** A goroutine blocked (or not) in a wait, with an empty stack; addr: of its runtime.g, 0 for one outside the heap. */
uint32_t fake_heap_goroutine(struct fake_heap *heap, enum seep_wait_kind wait, seep_addr addr);
/** Something more that the newest goroutine waits for. */
void fake_heap_wait(struct fake_heap *heap, seep_addr address, uint32_t size);
void fake_heap_stack_put(struct fake_heap *heap, uint32_t goroutine, unsigned word,
			 seep_addr value);
/** A lock with the goroutines that wait for its address; holders are added by fake_heap_holder(). */
size_t fake_heap_lock(struct fake_heap *heap, seep_addr address, enum seep_lock_state state);
void fake_heap_holder(struct fake_heap *heap, size_t lock, uint32_t goroutine, bool as_writer);

/** A small generator: the same numbers everywhere for the same seed. */
struct fake_random {
	uint64_t state;
};
uint64_t fake_random(struct fake_random *random);
/** 0 <= result < n */
static inline uint64_t fake_below(struct fake_random *random, uint64_t n)
{
	return fake_random(random) % n;
}

#endif
