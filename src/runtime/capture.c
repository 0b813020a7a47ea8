// What to copy while the process stands still, in three rounds, each guided by what the one before brought:
//
//	1. the list of spans and the spans themselves (runtime.mspan, outside the heap)
//	2. everything but the heap's pages, and of those the spans that hold pointers and the stacks; from spans whose objects
//	   hold no pointers ("noscan") only the mark bits that Green Tea keeps in them until they are swept
//	3. the channels and locks that goroutines wait for, wherever they lie: an unbuffered channel or a lone mutex is noscan
//
// Mappings that cannot be the runtime's (libraries' data, shared memory) are left out, and so are private mappings above
// 256 MiB in which nothing of the runtime's was found: C heaps in cgo programs.
//
// A capture keeps less (needs.c).
//
// Before the stop the list of spans is read from the running process and the second round's ranges are computed from it by
// the same function, so that seep_target_prepare() can put memory behind them. What was read then may be torn or out of date,
// and is forgotten: it only says where memory will be needed.
#include "runtime/internal.h"

#include <stdlib.h>

enum { FOREIGN_MAX = 256 << 20, WAIT_BEFORE = 64, WAIT_AFTER = 128 };
/** Reading ahead: spans lie close together, so many come with one read; a list that says otherwise is not believed. */
enum { PAGE_BYTES = 4096, SPAN_SPREAD_MAX = 8, SPAN_SLACK = 16 << 20 };
/** 8 KiB pages of 48 address bits: what spans that do not overlap cannot exceed together. */
static const uint64_t HEAP_PAGES_MAX = 1ull << (48 - SEEP_PAGE_SHIFT);

void seep_needs_deinit(struct seep_needs *needs)
{
	seep_vec_free(&needs->v);
}

bool seep_needs_add(struct seep_needs *needs, seep_addr start, seep_addr end)
{
	size_t n = needs->v.len;

	if (n && needs->v.data[n - 1].end == start) { // spans come in runs
		needs->v.data[n - 1].end = end;
		return true;
	}
	return seep_vec_push(&needs->v, (struct seep_range){ start, end });
}

static int compare_ranges(const void *a, const void *b)
{
	const struct seep_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

void seep_needs_join(struct seep_needs *needs)
{
	size_t last = 0;

	if (needs->v.len == 0)
		return;
	qsort(needs->v.data, needs->v.len, sizeof(*needs->v.data), compare_ranges);
	for (size_t i = 1; i < needs->v.len; i++) {
		if (needs->v.data[i].start > needs->v.data[last].end)
			needs->v.data[++last] = needs->v.data[i];
		else if (needs->v.data[i].end > needs->v.data[last].end)
			needs->v.data[last].end = needs->v.data[i].end;
	}
	needs->v.len = last + 1;
}

struct seep_error *seep_needs_spans(const struct seep_memory *memory,
				    const struct seep_binary *binary, seep_addr array,
				    uint64_t count, struct seep_needs *ret)
{
	for (uint64_t i = 0; i < count; i++) {
		seep_addr span;
		if (seep_memory_u64(memory, array + 8 * i, &span) &&
		    !seep_needs_add(ret, span, span + binary->layout.mspan_size))
			return &seep_enomem;
	}
	return NULL;
}

static struct seep_error *copy_spans(struct seep_target *target, const struct seep_binary *binary)
{
	struct seep_error *err;
	_cleanup_(seep_needs_deinit) struct seep_needs list = {};
	const struct seep_memory *memory = seep_target_memory(target);
	seep_addr heap = binary->globals.mheap, array;
	uint64_t count;

	err = seep_target_copy(target,
			       &(struct seep_range){ heap, heap + binary->layout.mheap_size }, 1);
	if (!err)
		err = seep_mspan_list(memory, binary, &array, &count);
	if (!err)
		err = seep_target_copy(target, &(struct seep_range){ array, array + 8 * count }, 1);
	if (!err)
		err = seep_needs_spans(memory, binary, array, count, &list);
	return err ? err : seep_target_copy(target, list.v.data, list.v.len);
}

/** Arenas (64 MiB) that hold a span, as a set of arena numbers; and whether a mapping holds something of the runtime's. */
struct places {
	struct seep_map arenas;
	const struct seep_mspans *spans;
	const struct seep_memory *memory;
	const struct seep_binary *binary;
};

/** Arenas without spans are free memory, of which nothing is needed. */
static bool is_heap(const struct places *places, seep_addr addr)
{
	return seep_map_get(&places->arenas, addr >> SEEP_ARENA_SHIFT) ||
	       seep_is_arena(places->memory, places->binary, addr);
}

static bool runtime_owns(const struct places *places, const struct seep_mapping *m)
{
	for (size_t i = 0; i < places->spans->spans.len; i++) {
		const struct seep_mspan *s = &places->spans->spans.data[i];
		if ((s->addr >= m->start && s->addr < m->end) ||
		    (s->alloc_bits >= m->start && s->alloc_bits < m->end) ||
		    (s->specials >= m->start && s->specials < m->end))
			return true;
	}
	return false;
}

/** Adds what lies outside the arenas. */
static bool add_mapping(struct seep_needs *list, const struct places *places,
			const struct seep_mapping *m)
{
	if (!m->writable || m->shared || (m->file_backed && !m->is_exe))
		return true;
	if (m->end - m->start > FOREIGN_MAX && !m->is_exe && !runtime_owns(places, m))
		return true;
	for (seep_addr at = m->start; at < m->end;) {
		seep_addr arena_end = ((at >> SEEP_ARENA_SHIFT) + 1) << SEEP_ARENA_SHIFT,
			  end = arena_end < m->end ? arena_end : m->end;
		if (!is_heap(places, at) && !seep_needs_add(list, at, end))
			return false;
		at = end;
	}
	return true;
}

/** To the page, as it is copied. */
static bool add_pages(struct seep_needs *list, const struct seep_memory *memory,
		      const struct seep_layout *layout, const struct seep_mspans *all,
		      const struct seep_mspan *s)
{
	(void)memory;
	(void)layout;
	seep_addr end = s->start + (s->npages << SEEP_PAGE_SHIFT);

	if (s->state == SEEP_MSPAN_MANUAL || !(s->spanclass & 1))
		return seep_needs_add(list, s->start, end);
	if (seep_mspan_unswept(s, all->sweepgen) &&
	    seep_mspan_has_inline_marks(s, all->inline_marks))
		return seep_needs_add(list, end - 128, end);
	return true;
}

/** The same, with spans without pointers. */
static bool add_all_pages(struct seep_needs *list, const struct seep_memory *memory,
			  const struct seep_layout *layout, const struct seep_mspans *all,
			  const struct seep_mspan *s)
{
	(void)memory;
	(void)layout;
	(void)all;
	return seep_needs_add(list, s->start, s->start + (s->npages << SEEP_PAGE_SHIFT));
}

struct seep_error *seep_needs_pointerful(const struct seep_target *target,
					 const struct seep_memory *memory,
					 const struct seep_binary *binary,
					 seep_needs_span *add_span, struct seep_needs *ret)
{
	struct seep_error *err;
	_cleanup_(seep_mspans_deinit) struct seep_mspans all = {};
	struct places places = { .spans = &all, .memory = memory, .binary = binary };
	size_t count;
	const struct seep_mapping *mappings = seep_target_mappings(target, &count);
	uint64_t pages = 0;
	bool ok = true;

	err = seep_mspans_read(memory, binary, &all);
	if (err)
		return err;
	for (size_t i = 0; ok && i < all.spans.len; i++) {
		const struct seep_mspan *s = &all.spans.data[i];
		seep_addr last = s->start + (s->npages << SEEP_PAGE_SHIFT) - 1;
		pages += s->npages;
		if (pages > HEAP_PAGES_MAX)
			break;
		for (uint64_t a = s->start >> SEEP_ARENA_SHIFT; ok && a <= last >> SEEP_ARENA_SHIFT;
		     a++)
			ok = seep_map_put(&places.arenas, a, NULL);
		ok = ok && add_span(ret, memory, &binary->layout, &all, s);
	}
	for (size_t i = 0; ok && i < count; i++)
		ok = add_mapping(ret, &places, &mappings[i]);
	seep_map_deinit(&places.arenas);
	if (pages > HEAP_PAGES_MAX)
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the heap's spans are larger than the address space");
	return ok ? NULL : &seep_enomem;
}

static struct seep_error *copy_spans_content(struct seep_target *target,
					     const struct seep_binary *binary, bool values)
{
	struct seep_error *err;
	_cleanup_(seep_needs_deinit) struct seep_needs list = {};

	err = seep_needs_pointerful(target, seep_target_memory(target), binary,
				    values ? add_all_pages : add_pages, &list);
	return err ? err : seep_target_copy(target, list.v.data, list.v.len);
}

static struct seep_error *copy_waited_for(struct seep_target *target,
					  const struct seep_binary *binary)
{
	struct seep_error *err;
	_cleanup_(seep_needs_deinit) struct seep_needs list = {};
	struct seep_blocked_list blocked = {};
	struct seep_map pages = {}; // a hundred thousand may wait for what lies in a few
	bool ok = true;

	err = seep_blocked_read(seep_target_memory(target), binary, &blocked);
	if (err)
		return err;
	for (size_t i = 0; ok && i < blocked.items.len; i++) {
		seep_addr a = blocked.items.data[i].address;
		if (a <= WAIT_BEFORE || a >= UINT64_MAX - WAIT_AFTER - PAGE_BYTES)
			continue;
		for (seep_addr page = (a - WAIT_BEFORE) / PAGE_BYTES;
		     ok && page <= (a + WAIT_AFTER) / PAGE_BYTES; page++) {
			bool added;
			ok = seep_map_put(&pages, page, &added) &&
			     (!added ||
			      seep_needs_add(&list, page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
		}
	}
	err = ok ? NULL : &seep_enomem;
	seep_map_deinit(&pages);
	seep_vec_free(&blocked.items);
	return err ? err : seep_target_copy(target, list.v.data, list.v.len);
}

// Reading ahead.

/** What was read while the process ran. */
struct ahead {
	struct seep_memory memory;
	struct seep_vec(void *) blocks; /** behind the memory's segments */
};

static void ahead_deinit(struct ahead *ahead)
{
	for (size_t i = 0; i < ahead->blocks.len; i++)
		free(ahead->blocks.data[i]);
	seep_vec_free(&ahead->blocks);
	seep_memory_deinit(&ahead->memory);
}

static struct seep_error *read_ahead(struct seep_target *target, seep_addr start, seep_addr end,
				     struct ahead *ahead)
{
	struct seep_error *err;
	void *block = malloc(end - start);

	if (!block || !seep_vec_push(&ahead->blocks, block)) {
		free(block);
		return &seep_enomem;
	}
	err = seep_target_read(target, start, block, end - start);
	return err ? err :
		     seep_memory_add(&ahead->memory, (struct seep_segment){ start, end, block });
}

/** Pages that hold the spans listed at array, in runs. */
static struct seep_error *find_span_pages(const struct ahead *ahead,
					  const struct seep_binary *binary, seep_addr array,
					  uint64_t count, struct seep_needs *ret)
{
	uint64_t size = binary->layout.mspan_size, total = 0;

	for (uint64_t i = 0; i < count; i++) {
		seep_addr span;
		if (seep_memory_u64(&ahead->memory, array + 8 * i, &span) &&
		    span < UINT64_MAX - size - PAGE_BYTES &&
		    !seep_needs_add(ret, span & -(seep_addr)PAGE_BYTES,
				    (span + size + PAGE_BYTES - 1) & -(seep_addr)PAGE_BYTES))
			return &seep_enomem;
	}
	seep_needs_join(ret);
	for (size_t i = 0; i < ret->v.len; i++)
		total += ret->v.data[i].end - ret->v.data[i].start;
	if (total > SPAN_SPREAD_MAX * size * count + SPAN_SLACK)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "the heap's spans lie too far apart");
	return NULL;
}

static struct seep_error *read_spans_ahead(struct seep_target *target,
					   const struct seep_binary *binary, struct ahead *ahead)
{
	struct seep_error *err;
	_cleanup_(seep_needs_deinit) struct seep_needs pages = {};
	seep_addr heap = binary->globals.mheap, array;
	uint64_t count;

	err = read_ahead(target, heap, heap + binary->layout.mheap_size, ahead);
	if (!err)
		err = seep_mspan_list(&ahead->memory, binary, &array, &count);
	if (!err)
		err = read_ahead(target, array, array + 8 * count, ahead);
	if (!err)
		err = find_span_pages(ahead, binary, array, count, &pages);
	for (size_t i = 0; !err && i < pages.v.len; i++)
		err = read_ahead(target, pages.v.data[i].start, pages.v.data[i].end, ahead);
	return err;
}

void seep_runtime_prepare(struct seep_target *target, const struct seep_binary *binary, bool values)
{
	struct seep_error *err;
	_cleanup_(ahead_deinit) struct ahead ahead = {};
	_cleanup_(seep_needs_deinit) struct seep_needs list = {};

	err = read_spans_ahead(target, binary, &ahead);
	if (!err)
		err = seep_needs_pointerful(target, &ahead.memory, binary,
					    values ? add_all_pages : add_pages, &list);
	if (!err && list.v.len)
		err = seep_target_prepare(target, list.v.data, list.v.len);
	seep_error_destroy(err);
}

struct seep_error *seep_runtime_capture(struct seep_target *target,
					const struct seep_binary *binary, bool values)
{
	struct seep_error *err;

	err = copy_spans(target, binary);
	if (!err)
		err = copy_spans_content(target, binary, values);
	if (!err)
		err = copy_waited_for(target, binary);
	return err ? seep_error_prefix(err, "copying the Go heap") : NULL;
}
