// What a capture keeps of a copy: what analysis reads, to the byte.
//
// A copy has whole pages, and free memory beside what is in use: what was in a string yesterday may be there today. So of spans only
// slots in use are kept (with the bits at the end of small spans), of spans with stacks the stacks of goroutines that are not dead, from
// the stack pointer on if they wait, and those of threads; of spans without pointers the channels and locks that somebody waits
// for. Arenas without spans are left out anyway.
#include "runtime/internal.h"

#include <stdlib.h>

/** Around the word that somebody waits for there are a sync.Mutex, RWMutex (24 bytes), WaitGroup or Once. */
enum { LOCK_BEFORE = 16, LOCK_AFTER = 24 };
/** Pointer bits (since Go 1.22), and inline marks, at the end of small spans. */
enum { BITS_BYTES = 128, SMALL_MAX = 512 };
enum { ALLM_MAX = 1 << 20 };

static int compare_spans(const void *a, const void *b)
{
	const struct seep_mspan *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/** The span that holds addr, among spans sorted by start; NULL if none does. */
static const struct seep_mspan *span_of(const struct seep_mspans *all, seep_addr addr)
{
	size_t low = 0, high = all->spans.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct seep_mspan *s = &all->spans.data[middle];
		if (addr < s->start)
			high = middle;
		else if (addr - s->start >= s->npages << SEEP_PAGE_SHIFT)
			low = middle + 1;
		else
			return s;
	}
	return NULL;
}

/** The slots in use of a span. */
static bool add_slots(struct seep_needs *needs, const struct seep_memory *memory,
		      const struct seep_mspan *s)
{
	const unsigned char *bits = seep_memory_at(memory, s->alloc_bits, (s->nelems + 7) / 8);

	for (uint64_t i = 0; i < s->nelems; i++) {
		bool in_use = i < s->freeindex || (bits && bits[i / 8] >> i % 8 & 1);
		seep_addr at = s->start + i * s->elem_size;
		if (in_use && !seep_needs_add(needs, at, at + s->elem_size))
			return false;
	}
	return true;
}

static bool add_span(struct seep_needs *needs, const struct seep_memory *memory,
		     const struct seep_layout *l, const struct seep_mspans *all,
		     const struct seep_mspan *s)
{
	bool marks = seep_mspan_has_inline_marks(s, all->inline_marks),
	     bits = l->mspan_large_type >= 0 && l->heap_arena_bitmap < 0 &&
		    s->elem_size <= SMALL_MAX;
	seep_addr end = s->start + (s->npages << SEEP_PAGE_SHIFT);

	// Manual spans that hold stacks have the size of these; others are the collector's buffers.
	if (s->state == SEEP_MSPAN_MANUAL)
		return s->elem_size || seep_needs_add(needs, s->start, end);
	if (s->spanclass & 1)
		return !marks || !seep_mspan_unswept(s, all->sweepgen) ||
		       seep_needs_add(needs, end - BITS_BYTES, end);
	if (s->user_arena || !(s->spanclass >> 1))
		return seep_needs_add(needs, s->start, end);
	return add_slots(needs, memory, s) &&
	       seep_needs_add(needs, end - (marks + bits) * (seep_addr)BITS_BYTES, end);
}

// Stacks.

/**
 * The stack of a goroutine: from the stack pointer on, below which there is what was, if that is saved in the runtime.g. A running one's
 * is kept whole, as is that of one which the collector has in hand.
 */
static bool add_goroutine(struct seep_needs *needs, const struct seep_memory *memory,
			  const struct seep_layout *l, seep_addr g)
{
	const unsigned char *p = g ? seep_memory_at(memory, g, l->g_size) : NULL;

	if (!p)
		return true;
	uint32_t status = seep_le32(p + l->g_atomicstatus);
	seep_addr lo = seep_le64(p + l->g_stack_lo), hi = seep_le64(p + l->g_stack_hi),
		  sp = seep_le64(p + l->g_sched_sp), call = seep_le64(p + l->g_syscallsp);
	if (status == SEEP_STATUS_DEAD || status == SEEP_STATUS_DEADEXTRA ||
	    status == SEEP_STATUS_IDLE)
		return true;
	if (call && call < sp)
		sp = call;
	if ((status == SEEP_STATUS_WAITING || status == SEEP_STATUS_LEAKED ||
	     status == SEEP_STATUS_RUNNABLE || status == SEEP_STATUS_SYSCALL) &&
	    sp >= lo && sp < hi)
		lo = sp;
	return lo >= hi || seep_needs_add(needs, lo, hi);
}

/** The lowest stack pointer of a thread in [lo, hi); hi if there is none. */
static seep_addr used_from(const struct seep_thread *threads, size_t count, seep_addr lo,
			   seep_addr hi)
{
	seep_addr from = hi;

	for (size_t i = 0; i < count; i++)
		if (threads[i].stopped && threads[i].sp >= lo && threads[i].sp < from)
			from = threads[i].sp & ~7ull;
	return from;
}

/** The stacks of an m: what threads use of its g0's and of that for signals; from a signal on there is no saying where the former begins. */
static bool add_m(struct seep_needs *needs, const struct seep_target *target,
		  const struct seep_layout *l, seep_addr m)
{
	const struct seep_memory *memory = seep_target_memory(target);
	seep_addr g0 = seep_memory_word(memory, m + l->m_g0),
		  gsignal = seep_memory_word(memory, m + l->m_gsignal),
		  lo = seep_memory_word(memory, g0 + l->g_stack_lo),
		  hi = seep_memory_word(memory, g0 + l->g_stack_hi),
		  signal_lo = seep_memory_word(memory, gsignal + l->g_stack_lo),
		  signal_hi = seep_memory_word(memory, gsignal + l->g_stack_hi);
	size_t count;
	const struct seep_thread *threads = seep_target_threads(target, &count);
	seep_addr signal_from = used_from(threads, count, signal_lo, signal_hi);
	bool in_vdso = l->m_vdso_sp >= 0 && seep_memory_word(memory, m + l->m_vdso_sp);

	if (signal_from >= signal_hi && !in_vdso)
		lo = used_from(threads, count, lo, hi);
	return (lo >= hi || seep_needs_add(needs, lo, hi)) &&
	       (signal_from >= signal_hi || seep_needs_add(needs, signal_from, signal_hi));
}

static struct seep_error *add_stacks(const struct seep_target *target,
				     const struct seep_binary *binary, struct seep_needs *ret)
{
	const struct seep_memory *memory = seep_target_memory(target);
	const struct seep_layout *l = &binary->layout;
	seep_addr array, m = seep_memory_word(memory, binary->globals.allm);
	uint64_t count;
	bool ok = true;

	if (!seep_allgs(memory, &binary->globals, &array, &count))
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the list of goroutines cannot be read");
	for (uint64_t i = 0; ok && i < count; i++)
		ok = add_goroutine(ret, memory, l, seep_memory_word(memory, array + 8 * i));
	for (size_t n = 0; ok && m && n < ALLM_MAX;
	     n++, m = seep_memory_word(memory, m + l->m_alllink))
		ok = add_m(ret, target, l, m);
	return ok ? NULL : &seep_enomem;
}

// What goroutines wait for.

/** Of the object that it is part of no more than the channel or lock. What lies elsewhere than in noscan spans is kept anyway. */
static bool add_waited_for(struct seep_needs *needs, const struct seep_mspans *all,
			   const struct seep_blocked *blocked, uint64_t channel_bytes)
{
	seep_addr at = blocked->address;
	const struct seep_mspan *s = span_of(all, at);

	if (!s || s->state != SEEP_MSPAN_IN_USE || !(s->spanclass & 1))
		return true;
	seep_addr start = s->start + (at - s->start) / s->elem_size * s->elem_size,
		  end = start + s->elem_size;
	uint64_t before = blocked->channel ? 0 : LOCK_BEFORE,
		 after = blocked->channel ? channel_bytes : LOCK_AFTER;
	if (at - start > before)
		start = at - before;
	if (end - at > after)
		end = at + after;
	return seep_needs_add(needs, start, end);
}

static struct seep_error *add_all_waited_for(const struct seep_memory *memory,
					     const struct seep_binary *binary,
					     struct seep_needs *ret)
{
	struct seep_error *err;
	_cleanup_(seep_mspans_deinit) struct seep_mspans all = {};
	struct seep_blocked_list blocked = {};
	bool ok = true;

	err = seep_mspans_read(memory, binary, &all);
	if (!err)
		err = seep_blocked_read(memory, binary, &blocked);
	if (err)
		return err;
	qsort(all.spans.data, all.spans.len, sizeof(*all.spans.data), compare_spans);
	for (size_t i = 0; ok && i < blocked.items.len; i++)
		ok = add_waited_for(ret, &all, &blocked.items.data[i], binary->layout.hchan_size);
	seep_vec_free(&blocked.items);
	return ok ? NULL : &seep_enomem;
}

struct seep_error *seep_needs_find(const struct seep_target *target,
				   const struct seep_binary *binary, struct seep_needs *ret)
{
	struct seep_error *err;
	const struct seep_memory *memory = seep_target_memory(target);
	seep_addr heap = binary->globals.mheap, array;
	uint64_t count;

	err = seep_mspan_list(memory, binary, &array, &count);
	if (!err && (!seep_needs_add(ret, heap, heap + binary->layout.mheap_size) ||
		     !seep_needs_add(ret, array, array + 8 * count)))
		err = &seep_enomem;
	if (!err)
		err = seep_needs_spans(memory, binary, array, count, ret);
	if (!err)
		err = seep_needs_pointerful(target, memory, binary, add_span, ret);
	if (!err)
		err = add_stacks(target, binary, ret);
	if (!err)
		err = add_all_waited_for(memory, binary, ret);
	if (err)
		return seep_error_prefix(err, "choosing what to keep");
	seep_needs_join(ret);
	return NULL;
}

struct seep_error *seep_values_find(const struct seep_memory *memory,
				    const struct seep_binary *binary, struct seep_needs *ret)
{
	_cleanup_(seep_mspans_deinit) struct seep_mspans all = {};
	struct seep_error *err = seep_mspans_read(memory, binary, &all);

	for (size_t i = 0; !err && i < all.spans.len; i++) {
		const struct seep_mspan *s = &all.spans.data[i];
		if (s->state == SEEP_MSPAN_IN_USE && s->spanclass & 1 && !add_slots(ret, memory, s))
			err = &seep_enomem;
	}
	if (err)
		return seep_error_prefix(err, "choosing what to keep of memory without pointers");
	seep_needs_join(ret);
	return NULL;
}
