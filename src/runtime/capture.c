// What to copy while the process stands still, in three rounds, each guided by what the one before brought:
//
//	1. the list of spans and the spans themselves (runtime.mspan, outside the heap)
//	2. everything but the heap's pages, and of those the spans that hold pointers and the stacks; from spans whose objects
//	   hold no pointers ("noscan") only the mark bits that Green Tea keeps in them until they are swept
//	3. the channels and locks that goroutines wait for, wherever they lie: an unbuffered channel or a lone mutex is noscan
//
// Mappings that cannot be the runtime's (libraries' data, shared memory) are left out, and so are private mappings above
// 256 MiB in which nothing of the runtime's was found: C heaps in cgo programs.
#include "runtime/internal.h"

#include <stdlib.h>

enum { FOREIGN_MAX = 256 << 20, WAIT_BEFORE = 64, WAIT_AFTER = 128 };

struct ranges {
	struct seep_vec(struct seep_range) v;
};

static void ranges_deinit(struct ranges *r)
{
	seep_vec_free(&r->v);
}

static bool add(struct ranges *r, seep_addr start, seep_addr end)
{
	size_t n = r->v.len;

	if (n && r->v.data[n - 1].end == start) { // spans come in runs
		r->v.data[n - 1].end = end;
		return true;
	}
	return seep_vec_push(&r->v, (struct seep_range){ start, end });
}

static struct seep_error *copy_spans(struct seep_target *target, const struct seep_binary *binary)
{
	struct seep_error *err;
	_cleanup_(ranges_deinit) struct ranges list = {};
	const struct seep_memory *memory = seep_target_memory(target);
	seep_addr heap = binary->globals.mheap, array;
	uint64_t count;

	err = seep_target_copy(target,
			       &(struct seep_range){ heap, heap + binary->layout.mheap_size }, 1);
	if (!err)
		err = seep_mspan_list(memory, binary, &array, &count);
	if (!err)
		err = seep_target_copy(target, &(struct seep_range){ array, array + 8 * count }, 1);
	if (err)
		return err;
	for (uint64_t i = 0; i < count; i++) {
		seep_addr span;
		if (seep_memory_u64(memory, array + 8 * i, &span) &&
		    !add(&list, span, span + binary->layout.mspan_size))
			return &seep_enomem;
	}
	return seep_target_copy(target, list.v.data, list.v.len);
}

/** Arenas (64 MiB) that hold a span, as a set of arena numbers; and whether a mapping holds something of the runtime's. */
struct places {
	struct seep_map arenas;
	const struct seep_mspans *spans;
};

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
static bool add_mapping(struct ranges *list, const struct places *places,
			const struct seep_mapping *m)
{
	if (!m->writable || m->shared || (m->file_backed && !m->is_exe))
		return true;
	if (m->end - m->start > FOREIGN_MAX && !m->is_exe && !runtime_owns(places, m))
		return true;
	for (seep_addr at = m->start; at < m->end;) {
		seep_addr arena_end = ((at >> SEEP_ARENA_SHIFT) + 1) << SEEP_ARENA_SHIFT,
			  end = arena_end < m->end ? arena_end : m->end;
		if (!seep_map_get(&places->arenas, at >> SEEP_ARENA_SHIFT) && !add(list, at, end))
			return false;
		at = end;
	}
	return true;
}

static bool add_span(struct ranges *list, const struct seep_mspans *all, const struct seep_mspan *s)
{
	seep_addr end = s->start + (s->npages << SEEP_PAGE_SHIFT);

	if (s->state == SEEP_MSPAN_MANUAL || !(s->spanclass & 1))
		return add(list, s->start, end);
	if (seep_mspan_unswept(s, all->sweepgen) &&
	    seep_mspan_has_inline_marks(s, all->inline_marks))
		return add(list, end - 128, end);
	return true;
}

static struct seep_error *copy_pointerful(struct seep_target *target,
					  const struct seep_binary *binary)
{
	struct seep_error *err;
	_cleanup_(ranges_deinit) struct ranges list = {};
	_cleanup_(seep_mspans_deinit) struct seep_mspans all = {};
	struct places places = { .spans = &all };
	size_t count;
	const struct seep_mapping *mappings = seep_target_mappings(target, &count);
	bool ok = true;

	err = seep_mspans_read(seep_target_memory(target), binary, &all);
	if (err)
		return err;
	for (size_t i = 0; ok && i < all.spans.len; i++) {
		const struct seep_mspan *s = &all.spans.data[i];
		seep_addr last = s->start + (s->npages << SEEP_PAGE_SHIFT) - 1;
		for (uint64_t a = s->start >> SEEP_ARENA_SHIFT; ok && a <= last >> SEEP_ARENA_SHIFT;
		     a++)
			ok = seep_map_put(&places.arenas, a, NULL);
		ok = ok && add_span(&list, &all, s);
	}
	for (size_t i = 0; ok && i < count; i++)
		ok = add_mapping(&list, &places, &mappings[i]);
	seep_map_deinit(&places.arenas);
	return ok ? seep_target_copy(target, list.v.data, list.v.len) : &seep_enomem;
}

static struct seep_error *copy_waited_for(struct seep_target *target,
					  const struct seep_binary *binary)
{
	struct seep_error *err;
	_cleanup_(ranges_deinit) struct ranges list = {};
	struct seep_blocked_list blocked = {};

	err = seep_blocked_read(seep_target_memory(target), binary, &blocked);
	if (err)
		return err;
	for (size_t i = 0; i < blocked.items.len; i++) {
		seep_addr a = blocked.items.data[i].address;
		if (a > WAIT_BEFORE && a < UINT64_MAX - WAIT_AFTER &&
		    !seep_vec_push(&list.v,
				   (struct seep_range){ a - WAIT_BEFORE, a + WAIT_AFTER })) {
			err = &seep_enomem;
			break;
		}
	}
	seep_vec_free(&blocked.items);
	return err ? err : seep_target_copy(target, list.v.data, list.v.len);
}

struct seep_error *seep_runtime_capture(struct seep_target *target,
					const struct seep_binary *binary)
{
	struct seep_error *err;

	err = copy_spans(target, binary);
	if (!err)
		err = copy_pointerful(target, binary);
	if (!err)
		err = copy_waited_for(target, binary);
	return err ? seep_error_prefix(err, "copying the Go heap") : NULL;
}
