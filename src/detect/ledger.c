// What the resident memory consists of: every byte that the kernel counts goes to one part.
//
// Mappings that are not anonymous, and those with a purpose of their own (the main thread's stack, .bss, the C heap, thread
// stacks of C's), are a part each, as a whole. In the others pages are told apart by address:
//
//	in an arena	a span in use: its slots are live, garbage, or free; a stack span: goroutines', threads' and unused
//			stacks; a work buffer: metadata; no span: free memory that was not returned to the kernel
//	elsewhere	what the runtime took for itself; and the rest
//
// The kernel joins mappings that lie side by side, so one may hold the runtime's memory, C's, and what the program mapped; only what is
// known to be the runtime's counts as such. Smaller tables of its own, some dozen KiB, pass for other memory.
//
// Copy and counts are of two moments: what was allocated or given back between them is off by that much. Where more pages
// are resident than the kernel counts (resident.c), the parts found by page are cut in proportion; where fewer are, the
// difference is a part of its own.
#include "detect/detect.h"

#include "runtime/memory_stats.h"
#include "runtime/thread.h"

#include <inttypes.h>
#include <string.h>

enum part {
	LIVE,
	GARBAGE,
	FREE_SLOTS,
	FREE_PAGES,
	STACKS,
	SPARE_STACKS,
	METADATA,
	OTHER, /** up to here they are told apart by page */
	THREAD_STACKS,
	BINARY,
	LIBRARIES,
	SHARED,
	UNEXPLAINED,
	PARTS
};
static const char *const names[PARTS] = {
	[LIVE] = "live heap",
	[GARBAGE] = "garbage",
	[FREE_SLOTS] = "free slots in heap spans",
	[FREE_PAGES] = "free heap, not returned",
	[STACKS] = "goroutine stacks",
	[SPARE_STACKS] = "stacks kept for reuse",
	[METADATA] = "runtime metadata",
	[OTHER] = "C and other anonymous memory",
	[THREAD_STACKS] = "thread stacks",
	[BINARY] = "binary",
	[LIBRARIES] = "libraries and private files",
	[SHARED] = "shared memory and mapped files",
	[UNEXPLAINED] = "not explained",
};

/** A pthread's stack is taken for one up to this size; 8 MiB are usual. */
static const uint64_t THREAD_STACK_MAX = 64 << 20;

struct ranges {
	struct seep_vec(struct seep_range) v;
};
struct ledger {
	const struct seep_view *view;
	const struct seep_usage *usage;
	struct ranges arenas, metadata; /** sorted, without overlaps */
	struct ranges goroutine_stacks, thread_stacks; /** the same */
	uint64_t by_page[PARTS], whole[PARTS];
	uint64_t paged_rss; /** rss of the mappings that were looked at page by page */
};

static void ledger_deinit(struct ledger *l)
{
	seep_vec_free(&l->arenas.v);
	seep_vec_free(&l->metadata.v);
	seep_vec_free(&l->goroutine_stacks.v);
	seep_vec_free(&l->thread_stacks.v);
}

// Sets of ranges.

static bool add(struct seep_range range, void *arg)
{
	struct ranges *r = arg;

	return range.start >= range.end || seep_vec_push(&r->v, range);
}

/** To whole pages: the kernel gives no less. */
static bool add_pages(struct seep_range range, void *arg)
{
	const uint64_t page = 4096;

	if (range.end > UINT64_MAX - page)
		return true;
	return add((struct seep_range){ range.start & -page, (range.end + page - 1) & -page }, arg);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct seep_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void normalise(struct ranges *r)
{
	size_t kept = 0;

	if (r->v.len)
		qsort(r->v.data, r->v.len, sizeof(*r->v.data), compare_ranges);
	for (size_t i = 0; i < r->v.len; i++) {
		struct seep_range *last = kept ? &r->v.data[kept - 1] : NULL;
		if (!last || r->v.data[i].start > last->end)
			r->v.data[kept++] = r->v.data[i];
		else if (r->v.data[i].end > last->end)
			last->end = r->v.data[i].end;
	}
	r->v.len = kept;
}

/** First range that ends behind addr. */
static size_t first_behind(const struct ranges *r, seep_addr addr)
{
	size_t lo = 0, hi = r->v.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (r->v.data[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/** Resident bytes of [start, end) that are in the set. */
static uint64_t resident_in(const struct ledger *l, const struct ranges *r, seep_addr start,
			    seep_addr end)
{
	uint64_t bytes = 0;

	for (size_t i = first_behind(r, start); i < r->v.len && r->v.data[i].start < end; i++)
		bytes += seep_usage_resident(
			l->usage, r->v.data[i].start > start ? r->v.data[i].start : start,
			r->v.data[i].end < end ? r->v.data[i].end : end);
	return bytes;
}

static bool overlaps(const struct ranges *r, seep_addr start, seep_addr end)
{
	size_t i = first_behind(r, start);

	return i < r->v.len && r->v.data[i].start < end;
}

// The heap's arenas.

/** Bits of [first, first + count) in a, and of them those in b (b may be NULL: none). */
static uint64_t count_bits(const uint64_t *bits, uint64_t first, uint64_t count)
{
	uint64_t n = 0;

	for (uint64_t i = first, end = first + count; bits && i < end;) {
		uint64_t word = bits[i / 64] >> (i % 64), left = 64 - i % 64;
		if (left > end - i) {
			left = end - i;
			word &= (1ull << left) - 1;
		}
		n += __builtin_popcountll(word);
		i += left;
	}
	return n;
}

static enum part part_of_slot(const struct ledger *l, uint64_t number)
{
	const struct seep_heap *heap = &l->view->runtime->heap;

	if (seep_bit_get(l->view->live->reachable, number))
		return LIVE;
	if (seep_bit_get(heap->allocated, number) ||
	    (heap->condemned && seep_bit_get(heap->condemned, number)))
		return GARBAGE;
	return FREE_SLOTS;
}

/** Slot by slot what is resident of a span; [start, end) is a resident part of it. */
static void add_slots(struct ledger *l, const struct seep_span *span, seep_addr start,
		      seep_addr end)
{
	while (start < end) {
		uint64_t slot = (start - span->base) / span->elem_size;
		seep_addr slot_end = span->base + (slot + 1) * span->elem_size;
		if (slot >= span->nelems) { // what is left over at the end
			l->by_page[FREE_SLOTS] += end - start;
			return;
		}
		if (slot_end > end)
			slot_end = end;
		l->by_page[part_of_slot(l, span->first + slot)] += slot_end - start;
		start = slot_end;
	}
}

/** Adds a span in use; returns how much of it is resident. */
static uint64_t add_span(struct ledger *l, const struct seep_span *span)
{
	const struct seep_heap *heap = &l->view->runtime->heap;
	const struct seep_usage *usage = l->usage;
	uint64_t bytes = span->end - span->base,
		 resident = seep_usage_resident(usage, span->base, span->end);

	if (resident < bytes) {
		struct ranges in = { .v = { usage->resident.data, usage->resident.len,
					    usage->resident.cap } };
		for (size_t i = first_behind(&in, span->base);
		     i < in.v.len && in.v.data[i].start < span->end; i++)
			add_slots(l, span,
				  in.v.data[i].start > span->base ? in.v.data[i].start : span->base,
				  in.v.data[i].end < span->end ? in.v.data[i].end : span->end);
		return resident;
	}
	uint64_t live = count_bits(l->view->live->reachable, span->first, span->nelems),
		 used = count_bits(heap->allocated, span->first, span->nelems) +
			count_bits(heap->condemned, span->first, span->nelems);
	if (used < live)
		used = live;
	l->by_page[LIVE] += live * span->elem_size;
	l->by_page[GARBAGE] += (used - live) * span->elem_size;
	l->by_page[FREE_SLOTS] += bytes - used * span->elem_size;
	return resident;
}

/** The same for a span of stacks or work buffers. */
static uint64_t add_manual(struct ledger *l, const struct seep_manual_span *span)
{
	uint64_t resident = seep_usage_resident(l->usage, span->start, span->end);

	if (!span->stacks) {
		l->by_page[METADATA] += resident;
		return resident;
	}
	uint64_t goroutines = resident_in(l, &l->goroutine_stacks, span->start, span->end),
		 threads = resident_in(l, &l->thread_stacks, span->start, span->end);
	if (threads > resident - goroutines)
		threads = resident - goroutines;
	l->by_page[STACKS] += goroutines;
	l->by_page[THREAD_STACKS] += threads;
	l->by_page[SPARE_STACKS] += resident - goroutines - threads;
	return resident;
}

static void add_arenas(struct ledger *l)
{
	const struct seep_heap *heap = &l->view->runtime->heap;
	uint64_t resident = 0, in_spans = 0;
	seep_addr end = 0;

	seep_vec_foreach(arena, &l->arenas.v)
		resident += seep_usage_resident(l->usage, arena->start, arena->end);
	seep_vec_foreach(span, &heap->spans)
		in_spans += add_span(l, span);
	seep_vec_foreach(span, &heap->manual) {
		// Spans do not overlap, unless they were caught in a change.
		struct seep_object object;
		if (span->start < end || seep_heap_find(heap, span->start, &object))
			continue;
		in_spans += add_manual(l, span);
		end = span->end;
	}
	if (in_spans < resident)
		l->by_page[FREE_PAGES] += resident - in_spans;
}

// Everything else.

static bool read_stacks(struct ledger *l, const struct seep_ms *ms)
{
	const struct seep_runtime *rt = l->view->runtime;
	bool ok = true;

	for (size_t i = 0; ok && i < rt->goroutines.len; i++)
		ok = add((struct seep_range){ rt->goroutines.data[i].stack_lo,
					      rt->goroutines.data[i].stack_hi },
			 &l->goroutine_stacks);
	for (size_t i = 0; ok && i < ms->v.len; i++)
		ok = add(ms->v.data[i].g0, &l->thread_stacks) &&
		     add(ms->v.data[i].signal, &l->thread_stacks);
	// Threads that the runtime does not know are C's.
	for (size_t i = 0; ok && i < rt->thread_count; i++)
		if (rt->threads[i].stopped &&
		    !overlaps(&l->arenas, rt->threads[i].sp, rt->threads[i].sp + 1))
			ok = add((struct seep_range){ rt->threads[i].sp, rt->threads[i].sp + 1 },
				 &l->thread_stacks);
	normalise(&l->goroutine_stacks);
	normalise(&l->thread_stacks);
	return ok;
}

static bool is_paged(const struct seep_usage_mapping *m)
{
	return !m->file_backed && !m->shared && !m->stack && !m->brk && !m->kernel;
}

static bool add_arena(struct seep_range range, void *arg)
{
	struct ledger *l = arg;

	return add(range, &l->arenas) &&
	       add_pages(seep_arena_metadata(l->view->runtime, range.start), &l->metadata);
}

static bool find_places(struct ledger *l, const struct seep_ms *ms)
{
	const struct seep_runtime *rt = l->view->runtime;
	bool ok = true;

	for (size_t i = 0; ok && i < l->usage->mappings.len; i++) {
		const struct seep_usage_mapping *m = &l->usage->mappings.data[i];
		if (is_paged(m))
			ok = seep_arenas_each(rt, m->start, m->end, add_arena, l);
	}
	ok = ok && seep_metadata_each(rt, add_pages, &l->metadata);
	normalise(&l->arenas);
	normalise(&l->metadata);
	return ok && read_stacks(l, ms);
}

/** Of an anonymous private mapping what lies in no arena. */
static void add_outside(struct ledger *l, const struct seep_usage_mapping *m)
{
	uint64_t arenas = resident_in(l, &l->arenas, m->start, m->end),
		 outside = seep_usage_resident(l->usage, m->start, m->end) - arenas,
		 metadata = resident_in(l, &l->metadata, m->start, m->end);

	if (!arenas && m->end - m->start <= THREAD_STACK_MAX &&
	    overlaps(&l->thread_stacks, m->start, m->end)) {
		l->by_page[THREAD_STACKS] += outside;
		return;
	}
	if (metadata > outside || m->go)
		metadata = outside;
	l->by_page[METADATA] += metadata;
	l->by_page[OTHER] += outside - metadata;
}

static void add_mappings(struct ledger *l)
{
	seep_addr exe_end = 0;

	seep_vec_foreach(m, &l->usage->mappings) {
		bool is_exe = m->is_exe || (is_paged(m) && m->start == exe_end); // .bss
		if (is_exe)
			exe_end = m->end;
		if (is_exe)
			l->whole[BINARY] += m->rss;
		else if (m->shared)
			l->whole[SHARED] += m->rss;
		else if (m->file_backed || m->kernel)
			l->whole[LIBRARIES] += m->rss;
		else if (m->stack)
			l->whole[THREAD_STACKS] += m->rss;
		else if (m->brk || !l->usage->by_page)
			l->whole[OTHER] += m->rss;
		else {
			l->paged_rss += m->rss;
			add_outside(l, m);
		}
	}
}

static uint64_t scale(uint64_t value, uint64_t by, uint64_t of)
{
	return of ? (uint64_t)((unsigned __int128)value * by / of) : 0;
}

static int compare_parts(const void *a, const void *b)
{
	const struct seep_ledger_part *x = a, *y = b;

	return x->bytes != y->bytes ? (x->bytes < y->bytes) - (x->bytes > y->bytes) :
				      strcmp(x->name, y->name);
}

static struct seep_error *write_parts(const struct ledger *l, struct seep_report *report)
{
	uint64_t found = 0, told = 0;

	for (size_t i = 0; i < PARTS; i++)
		found += l->by_page[i];
	for (size_t i = 0; i < PARTS; i++) {
		uint64_t bytes = l->by_page[i];
		if (found > l->paged_rss)
			bytes = scale(bytes, l->paged_rss, found);
		bytes += l->whole[i];
		told += bytes;
		if (i == UNEXPLAINED && report->memory.rss > told)
			bytes = report->memory.rss - told;
		if (bytes && !seep_vec_push(&report->memory.parts,
					    (struct seep_ledger_part){ names[i], bytes }))
			return &seep_enomem;
	}
	if (report->memory.parts.len)
		qsort(report->memory.parts.data, report->memory.parts.len,
		      sizeof(struct seep_ledger_part), compare_parts);
	return NULL;
}

static struct seep_error *describe_parts(const struct seep_view *view, struct seep_report *report)
{
	struct seep_error *err;
	_cleanup_(ledger_deinit) struct ledger l = { .view = view, .usage = view->usage };
	_cleanup_(seep_ms_deinit) struct seep_ms ms = {};

	report->memory.rss = l.usage->rss;
	if (!l.usage->by_mapping && report->target.kind == SEEP_TARGET_CORE) {
		seep_report_caveat(
			report,
			"a core file does not say what was resident: the memory is not added up");
		return NULL;
	}
	if (!l.usage->by_mapping) {
		seep_report_caveat(
			report,
			"neither /proc/%d/pagemap nor smaps can be read: what the resident memory consists of is not known",
			(int)report->target.pid);
		return NULL;
	}
	if (!l.usage->by_page)
		seep_report_caveat(
			report,
			"/proc/%d/pagemap cannot be read: the parts of the Go heap's resident memory are not known",
			(int)report->target.pid);
	if (l.usage->swap)
		seep_report_caveat(
			report,
			"%" PRIu64
			" MiB of the process are swapped out; its resident memory and the parts of it are without them",
			(l.usage->swap + (1 << 20) - 1) >> 20);
	err = seep_ms_read(view->runtime, &ms);
	if (err)
		return err;
	if (l.usage->by_page) {
		if (!find_places(&l, &ms))
			return &seep_enomem;
		add_arenas(&l);
	}
	add_mappings(&l);
	return write_parts(&l, report);
}

// The settings.

/** As runtime/mgcpacer.go reads GOGC: "off" or a number, anything else is 100. */
static int64_t parse_gogc(const char *text)
{
	char *end;

	if (strcmp(text, "off") == 0)
		return -1;
	long long n = strtoll(text, &end, 10);
	if (*end || n > INT32_MAX || n < INT32_MIN)
		return 100;
	return n < 0 ? -1 : n;
}

/** As runtime/string.go reads GOMEMLIMIT: "off", or a number with B, KiB, MiB, GiB or TiB. 0: cannot be read. */
static uint64_t parse_limit(const char *text)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	char *end;

	if (strcmp(text, "off") == 0)
		return UINT64_MAX;
	if (*text < '0' || *text > '9')
		return 0;
	uint64_t n = strtoull(text, &end, 10);
	if (!*end)
		return n;
	for (unsigned i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(end, units[i]) == 0 && n <= UINT64_MAX >> (10 * i))
			return n << (10 * i);
	return 0;
}

static void describe_settings(const struct seep_view *view, struct seep_report *report)
{
	const struct seep_usage *usage = view->usage;
	struct seep_gc_settings settings;

	seep_gc_settings_read(view->runtime, &settings);
	report->memory.gogc = settings.percent;
	report->memory.memory_limit = settings.memory_limit;
	// Switched off and without a limit, the goal is a number beyond all memory.
	bool never = settings.percent == -1 && settings.memory_limit == UINT64_MAX;
	report->memory.next_gc = never ? 0 : settings.next;
	report->memory.gc_cycles = settings.cycles;
	uint64_t now_ns = view->runtime->wall_now;
	if (settings.last_ns && settings.last_ns < now_ns)
		report->memory.last_gc_age_ns = now_ns - settings.last_ns;
	if (!usage)
		return;
	report->memory.cgroup_limit = usage->cgroup_limit;
	report->memory.cgroup_usage = usage->cgroup_usage;
	if (settings.percent != INT64_MIN || !(usage->gogc[0] || usage->gomemlimit[0]))
		return;
	if (usage->gogc[0])
		report->memory.gogc = parse_gogc(usage->gogc);
	if (usage->gomemlimit[0])
		report->memory.memory_limit = parse_limit(usage->gomemlimit);
	seep_report_caveat(
		report,
		"GOGC and GOMEMLIMIT are those of the environment at the start; whether the program has set them since is not known");
}

struct seep_error *seep_describe_memory(const struct seep_view *view, struct seep_report *report)
{
	describe_settings(view, report);
	return view->usage && view->usage->rss ? describe_parts(view, report) : NULL;
}
