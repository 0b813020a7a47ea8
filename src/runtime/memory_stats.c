// The collector's settings are in runtime.gcController (runtime/mgcpacer.go), its count and time in runtime.memstats.
//
// NextGC up to Go 1.18 is a field. Since 1.19 it is computed whenever it is asked for, from the goal by percentage and the
// one by memory limit; the world stood still when these were copied, so the result is what the runtime would say.
//
// The runtime's own memory (runtime/malloc.go): chunks of 256 KiB that persistentalloc cuts up, linked from
// persistentChunks; what is larger than 64 KiB has a mapping of its own. Of those the largest are known: the chunks of 64 KiB with the
// spans' mark bits, a heapArena for each arena, the map of arenas, the bitmaps and summaries of the page allocator
// (mheap_.pages), the list of spans, and the hash table of profile records.
#include "runtime/memory_stats.h"

#include "runtime/internal.h"

enum { CHUNK_BYTES = 256 << 10, CHUNKS_MAX = 1 << 20, SUMMARY_LEVELS = 5 };
/** runtime/mheap.go gcBitsArena: {free, next, bits}; runtime/mprof.go buckHashSize pointers. */
enum { BITS_LISTS = 4, BITS_CHUNK_BYTES = 64 << 10, BUCKET_TABLE_BYTES = 179999 * 8 };
/** pageAlloc.chunks: 8,192 pointers to blocks of 8,192 bitmaps of two times 512 bits. */
enum { BITMAP_BLOCKS = 8192, BITMAP_BLOCK_BYTES = 8192 * 128 };
/** mheap_.arenas[0]: pointers by arena number, of 48 address bits. */
enum { ARENAS_MAX = 1 << (48 - SEEP_ARENA_SHIFT) };
/** Headroom below the memory limit (runtime/mgcpacer.go): 1.19, 1.20 always 1 MiB, then 3 per cent and at least that. */
enum { HEADROOM_MIN = 1 << 20, HEADROOM_PERCENT = 3, RUNWAY_MIN = 64 << 10 };
/** runtime/mgcpacer.go defaultHeapMinimum: heapMinimum is that times GOGC in per cent, by which the variable is known again. */
static const uint64_t HEAP_MINIMUM = 4 << 20;

struct controller {
	const unsigned char *p;
	const struct seep_layout *l;
	int minor;
};

static uint64_t word(const struct controller *c, int32_t field)
{
	return field >= 0 ? seep_le64(c->p + field) : 0;
}

/** gcControllerState.memoryLimitHeapGoal. */
static uint64_t goal_by_limit(const struct controller *c)
{
	const struct seep_layout *l = c->l;
	uint64_t limit = word(c, l->gc_controller_memory_limit),
		 marked = word(c, l->gc_controller_heap_marked),
		 mapped = word(c, l->gc_controller_mapped_ready),
		 used = word(c, l->gc_controller_heap_free) +
			word(c, l->gc_controller_total_alloc) -
			word(c, l->gc_controller_total_free);

	if (used > mapped) // caught in the middle of a change; the runtime would look again
		used = mapped;
	uint64_t other = mapped - used, over = mapped > limit ? mapped - limit : 0;
	if (other + over >= limit)
		return marked;
	uint64_t goal = limit - (other + over),
		 headroom = c->minor >= 21 ? goal / 100 * HEADROOM_PERCENT : HEADROOM_MIN;
	if (headroom < HEADROOM_MIN)
		headroom = HEADROOM_MIN;
	goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
	return goal < marked ? marked : goal;
}

/** gcControllerState.heapGoalInternal. */
static uint64_t goal(const struct controller *c)
{
	const struct seep_layout *l = c->l;

	if (l->gc_controller_heap_goal >= 0)
		return word(c, l->gc_controller_heap_goal);
	if (l->gc_controller_gc_percent_heap_goal < 0 || l->gc_controller_mapped_ready < 0)
		return 0;
	uint64_t ret = word(c, l->gc_controller_gc_percent_heap_goal), by_limit = goal_by_limit(c),
		 sweep = word(c, l->gc_controller_sweep_dist_min_trigger),
		 triggered = word(c, l->gc_controller_triggered);
	if (by_limit < ret)
		return by_limit;
	if (sweep > ret)
		ret = sweep;
	if (triggered != UINT64_MAX && ret < triggered + RUNWAY_MIN)
		ret = triggered + RUNWAY_MIN;
	return ret;
}

bool seep_is_gc_controller(const struct seep_layout *l, const unsigned char *bytes)
{
	int64_t percent = (int32_t)seep_le32(bytes + l->gc_controller_gc_percent);

	return percent >= -1 && seep_le64(bytes + l->gc_controller_heap_minimum) ==
					HEAP_MINIMUM * (uint64_t)percent / 100;
}

static void read_controller(const struct seep_runtime *rt, struct seep_gc_settings *ret)
{
	const struct seep_layout *l = &rt->binary->layout;
	seep_addr at = rt->binary->globals.gc_controller;
	struct controller c = { at && l->gc_controller_size > 0 ?
					seep_memory_at(&rt->memory, at, l->gc_controller_size) :
					NULL,
				l, rt->binary->minor };

	if (!c.p || !seep_is_gc_controller(l, c.p))
		return;
	ret->percent = (int32_t)seep_le32(c.p + l->gc_controller_gc_percent);
	ret->memory_limit = l->gc_controller_memory_limit >= 0 ?
				    word(&c, l->gc_controller_memory_limit) :
				    UINT64_MAX;
	if (ret->memory_limit == INT64_MAX)
		ret->memory_limit = UINT64_MAX;
	ret->next = goal(&c);
}

void seep_gc_settings_read(const struct seep_runtime *rt, struct seep_gc_settings *ret)
{
	const struct seep_layout *l = &rt->binary->layout;
	const struct seep_globals *g = &rt->binary->globals;

	*ret = (struct seep_gc_settings){ .percent = INT64_MIN };
	read_controller(rt, ret);
	seep_addr stats = g->memstats_enablegc - l->mstats_enablegc;
	uint32_t cycles;
	if (!g->memstats_enablegc || stats != g->memstats_other_sys - l->mstats_other_sys ||
	    !seep_memory_u32(&rt->memory, stats + l->mstats_numgc, &cycles))
		return;
	ret->cycles = cycles;
	ret->last_ns = seep_memory_word(&rt->memory, stats + l->mstats_last_gc_unix);
	ret->last_nanotime = seep_memory_word(&rt->memory, stats + l->mstats_last_gc_nanotime);
}

/** The map of arenas by number; 0 if there is none yet. */
static seep_addr find_arena_map(const struct seep_memory *memory, const struct seep_binary *binary)
{
	return seep_memory_word(memory, binary->globals.mheap + binary->layout.mheap_arenas);
}

static seep_addr arena_map(const struct seep_runtime *rt)
{
	return find_arena_map(&rt->memory, rt->binary);
}

bool seep_is_arena(const struct seep_memory *memory, const struct seep_binary *binary,
		   seep_addr addr)
{
	uint64_t number = (addr - binary->image.arch->arena_base) >> SEEP_ARENA_SHIFT;
	seep_addr map = find_arena_map(memory, binary);

	return map && number < ARENAS_MAX && seep_memory_word(memory, map + 8 * number);
}

bool seep_arenas_each(const struct seep_runtime *rt, seep_addr start, seep_addr end,
		      seep_range_visit *visit, void *arg)
{
	const uint64_t arena_bytes = 1ull << SEEP_ARENA_SHIFT,
		       first = rt->binary->image.arch->arena_base;
	seep_addr map = arena_map(rt);

	if (!map || start >= end)
		return true;
	for (uint64_t i = (start - first) >> SEEP_ARENA_SHIFT;
	     i < ARENAS_MAX && i <= (end - 1 - first) >> SEEP_ARENA_SHIFT; i++) {
		seep_addr base = (i << SEEP_ARENA_SHIFT) + first;
		if (seep_memory_word(&rt->memory, map + 8 * i) &&
		    !visit((struct seep_range){ base, base + arena_bytes }, arg))
			return false;
	}
	return true;
}

struct seep_range seep_arena_metadata(const struct seep_runtime *rt, seep_addr start)
{
	uint64_t number = (start - rt->binary->image.arch->arena_base) >> SEEP_ARENA_SHIFT;
	seep_addr map = arena_map(rt), a = map && number < ARENAS_MAX ?
						   seep_memory_word(&rt->memory, map + 8 * number) :
						   0;

	return a ? (struct seep_range){ a, a + rt->binary->layout.heap_arena_size } :
		   (struct seep_range){};
}

/** The array behind a slice of 8-byte elements. */
static bool visit_slice(const struct seep_runtime *rt, seep_addr header, seep_range_visit *visit,
			void *arg)
{
	seep_addr array = seep_memory_word(&rt->memory, header);
	uint64_t cap = seep_memory_word(&rt->memory, header + 16);

	return !array || cap >= 1ull << 40 || array > UINT64_MAX - 8 * cap ||
	       visit((struct seep_range){ array, array + 8 * cap }, arg);
}

static bool visit_page_allocator(const struct seep_runtime *rt, seep_range_visit *visit, void *arg)
{
	const struct seep_layout *l = &rt->binary->layout;
	seep_addr mheap = rt->binary->globals.mheap, at;

	for (unsigned i = 0; l->mheap_pages_summary >= 0 && i < SUMMARY_LEVELS; i++)
		if (!visit_slice(rt, mheap + l->mheap_pages_summary + 24 * i, visit, arg))
			return false;
	for (unsigned i = 0; l->mheap_pages_chunks >= 0 && i < BITMAP_BLOCKS; i++) {
		at = seep_memory_word(&rt->memory, mheap + l->mheap_pages_chunks + 8 * i);
		if (at && !visit((struct seep_range){ at, at + BITMAP_BLOCK_BYTES }, arg))
			return false;
	}
	return true;
}

/** A list of chunks of one size whose head is at `head`, linked by the word at offset `next`. */
static bool visit_chunks(const struct seep_runtime *rt, seep_addr head, uint64_t next,
			 uint64_t bytes, seep_range_visit *visit, void *arg)
{
	seep_addr chunk = seep_memory_word(&rt->memory, head);

	for (unsigned n = 0; chunk && n < CHUNKS_MAX;
	     n++, chunk = seep_memory_word(&rt->memory, chunk + next))
		if (!visit((struct seep_range){ chunk, chunk + bytes }, arg))
			return false;
	return true;
}

bool seep_metadata_each(const struct seep_runtime *rt, seep_range_visit *visit, void *arg)
{
	const struct seep_globals *g = &rt->binary->globals;
	seep_addr table = g->buckhash ? seep_memory_word(&rt->memory, g->buckhash) : 0;

	if (!visit_slice(rt, g->mheap + rt->binary->layout.mheap_allspans, visit, arg) ||
	    (table && !visit((struct seep_range){ table, table + BUCKET_TABLE_BYTES }, arg)) ||
	    (g->persistent_chunks &&
	     !visit_chunks(rt, g->persistent_chunks, 0, CHUNK_BYTES, visit, arg)))
		return false;
	for (unsigned i = 1; g->gc_bits_arenas && i <= BITS_LISTS; i++)
		if (!visit_chunks(rt, g->gc_bits_arenas + 8 * i, 8, BITS_CHUNK_BYTES, visit, arg))
			return false;
	seep_addr map = arena_map(rt);
	if (map && !visit((struct seep_range){ map, map + 8ull * ARENAS_MAX }, arg))
		return false;
	return visit_page_allocator(rt, visit, arg);
}
