// The phases of typing (see typing.c) and what comes out of them.
#include "graph/typing_internal.h"

#include "base/large.h"
#include "runtime/pool.h"

#include <endian.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

/** Words of data and bss. */
static void init_globals(struct typer *t)
{
	const struct seep_module *m = &t->rt->binary->pclntab.module;
	const seep_addr bounds[2][2] = { { m->data, m->edata }, { m->bss, m->ebss } };

	for (int i = 0; i < 2; i++) {
		uint64_t len = bounds[i][1] > bounds[i][0] ? bounds[i][1] - bounds[i][0] : 0;
		t->globals[i].start = bounds[i][0];
		t->globals[i].bytes = seep_memory_at(&t->rt->memory, bounds[i][0], len);
		t->globals[i].words = t->globals[i].bytes ? len / 8 : 0;
		t->globals[i].typed = calloc(SEEP_BITS_WORDS(len / 8) + 1, 8);
		if (!t->globals[i].typed)
			t->failed = true;
	}
}

/** Which of the two, or -1; *word_ret is the word's number in it. */
static int global_at(const struct typer *t, seep_addr addr, uint64_t *word_ret)
{
	for (int i = 0; i < 2; i++)
		if (addr >= t->globals[i].start &&
		    (addr - t->globals[i].start) / 8 < t->globals[i].words && addr % 8 == 0) {
			*word_ret = (addr - t->globals[i].start) / 8;
			return i;
		}
	return -1;
}

/** Are all of the parts package variables? */
static bool are_global(const struct typer *t, seep_addr addr, const struct seep_part *parts,
		       uint32_t count)
{
	uint64_t word;

	for (uint32_t i = 0; i < count; i++) {
		seep_addr at = addr + parts[i].offset;
		int k = global_at(t, at, &word);
		uint64_t words = seep_part_bytes(parts[i].kind) / 8;
		if (parts[i].kind == SEEP_PART_ARRAY &&
		    __builtin_mul_overflow(parts[i].count, parts[i].stride / 8, &words))
			return false;
		if (k < 0 || words > t->globals[k].words - word)
			return false;
	}
	return true;
}

/** Whether the first word was followed before. */
static bool is_followed(const struct typer *t, seep_addr addr, const struct seep_part *parts)
{
	uint64_t word;

	for (int depth = 0; depth < DEPTH_MAX && parts->kind == SEEP_PART_ARRAY; depth++) {
		const struct seep_shape *inner = &t->typing->shapes.shapes.data[parts->inner];
		addr += parts->offset;
		if (!inner->part_count || !parts->count)
			return false;
		parts = inner->parts;
	}
	int k = global_at(t, addr + parts->offset, &word);
	return k >= 0 && seep_bit_get(t->globals[k].typed, word);
}

static void mark_followed(struct typer *t, seep_addr addr, const struct seep_part *parts,
			  uint32_t count, int depth)
{
	uint64_t word;

	for (uint32_t i = 0; i < count; i++) {
		seep_addr at = addr + parts[i].offset;
		if (parts[i].kind == SEEP_PART_ARRAY) {
			const struct seep_shape *inner =
				&t->typing->shapes.shapes.data[parts[i].inner];
			for (uint64_t e = 0;
			     depth < DEPTH_MAX && inner->part_count && e < parts[i].count; e++)
				mark_followed(t, at + e * parts[i].stride, inner->parts,
					      inner->part_count, depth + 1);
			continue;
		}
		int k = global_at(t, at, &word);
		if (k < 0)
			continue;
		seep_bit_set(t->globals[k].typed, word);
		if (parts[i].kind == SEEP_PART_EFACE || parts[i].kind == SEEP_PART_IFACE)
			seep_bit_set(t->globals[k].typed, word + 1);
	}
}

/**
 * Marks the words of parts as followed. False, and nothing marked, if the first one was already or they leave the variables: what is
 * marked here has to be followed, or nothing would see what it leads to.
 */
static bool claim_parts(struct typer *t, seep_addr addr, const struct seep_part *parts,
			uint32_t count)
{
	if (count == 0 || !are_global(t, addr, parts, count) || is_followed(t, addr, parts))
		return false;
	mark_followed(t, addr, parts, count, 0);
	return true;
}

static const unsigned char *global_bytes(const struct typer *t, seep_addr addr, uint64_t len)
{
	uint64_t word;
	int k = global_at(t, addr, &word);

	return k >= 0 && len <= (t->globals[k].words - word) * 8 ? t->globals[k].bytes + word * 8 :
								   NULL;
}

bool seep_typer_global(struct typer *t, seep_addr addr, uint32_t shape)
{
	const struct seep_shape *s = &t->typing->shapes.shapes.data[shape];

	const unsigned char *bytes = global_bytes(t, addr, s->size);

	if (!bytes || !claim_parts(t, addr, s->parts, s->part_count))
		return false;
	seep_typer_push(t, (struct work){ bytes, addr, s->size, shape });
	return true;
}

bool seep_typer_set_header(struct typer *t, struct seep_object object)
{
	const struct seep_span *span = &t->heap->spans.data[object.span];
	seep_addr type;

	if (!span->bytes)
		return false;
	if (span->map == SEEP_MAP_HEADER)
		type = seep_le64(span->bytes + object.slot * span->elem_size);
	else if (span->map == SEEP_MAP_LARGE)
		type = span->large_type;
	else
		return false;
	if (type != t->header_type) {
		uint32_t shape = seep_shape_of(&t->typing->shapes, type);
		t->header_content = shape ? seep_typer_content(t, SEEP_CONTENT_SHAPE, type, shape) :
					    0;
		t->header_type = type;
	}
	return seep_typer_set(t, span->first + (uint64_t)object.slot, t->header_content);
}

/** Objects whose allocation left their type: malloc headers and large objects. */
static void follow_headers(struct typer *t)
{
	for (uint32_t i = 0; i < t->heap->spans.len; i++) {
		const struct seep_span *span = &t->heap->spans.data[i];
		if (span->map != SEEP_MAP_HEADER && span->map != SEEP_MAP_LARGE)
			continue;
		for (uint32_t slot = 0; slot < span->nelems; slot++) {
			struct seep_object object = { i, slot };
			if (seep_bit_get(t->live->reachable, span->first + (uint64_t)slot) &&
			    seep_typer_set_header(t, object))
				seep_typer_push_object(t, object);
		}
	}
	seep_typer_drain(t);
}

void seep_typer_global_parts(struct typer *t, seep_addr addr, uint64_t size,
			     const struct seep_part *parts, uint32_t count)
{
	const unsigned char *bytes = global_bytes(t, addr, size);

	if (bytes && claim_parts(t, addr, parts, count))
		seep_typer_parts(t, bytes, addr, parts, count);
}

// Guesses.

bool seep_typer_looks_like_type(struct typer *t, seep_addr value, bool *is_itab)
{
	const struct seep_module *m = &t->rt->binary->pclntab.module;
	struct seep_type type;

	if (value % 8)
		return false;
	if (value >= m->types && value < m->etypes &&
	    seep_type_read(t->typing->shapes.types, value, &type) && type.kind) {
		*is_itab = false;
		return true;
	}
	struct seep_object object;
	if (seep_heap_find(t->heap, value, &object))
		return false;
	// abi.ITab: interface type, type, hash of the type
	seep_addr inter = seep_memory_word(&t->rt->memory, value),
		  dynamic = seep_memory_word(&t->rt->memory, value + 8);
	uint32_t hash;
	struct seep_type interface;
	if (inter < m->types || inter >= m->etypes ||
	    !seep_type_read(t->typing->shapes.types, inter, &interface) ||
	    interface.kind != SEEP_KIND_INTERFACE ||
	    !seep_type_read(t->typing->shapes.types, dynamic, &type) ||
	    !seep_memory_u32(&t->rt->memory, value + 16, &hash) || hash != type.hash)
		return false;
	*is_itab = true;
	return true;
}

/** at: the word before one that holds a pointer. */
static void guess_pair(struct typer *t, const unsigned char *at, seep_addr addr)
{
	bool is_itab;
	struct seep_part part = {};

	if (!seep_le64(at) || !seep_le64(at + 8) ||
	    !seep_typer_looks_like_type(t, seep_le64(at), &is_itab))
		return;
	part.kind = is_itab ? SEEP_PART_IFACE : SEEP_PART_EFACE;
	seep_typer_parts(t, at, addr, &part, 1);
	seep_typer_drain(t);
}

/**
 * Interfaces in objects of unknown type: a pointer behind a word that is none by the pointer map, and a type or itab by its
 * value. What they lead to is seen whole in the end: only what stands in it gets a type.
 */
static void guess_in_object(struct typer *t, struct seep_object object)
{
	struct seep_pointers walk;
	uint64_t word, before = UINT64_MAX;
	seep_addr value;

	// An interface's first word is none of the collector's pointers.
	seep_pointers_start(t->heap, object, &walk);
	while (!walk.guess && seep_pointers_next(&walk, &word, &value)) {
		if (word > 0 && word != before + 1)
			guess_pair(t, walk.object + 8 * (word - 1), walk.addr + 8 * (word - 1));
		before = word;
	}
}

/** What stands in sync.Pools: their memory hangs on an unsafe.Pointer, and both words of its interfaces are in its pointer map. */
static struct seep_error *guess_in_pools(struct typer *t)
{
	struct seep_error *err;
	_cleanup_(seep_pools_deinit) struct seep_pools pools = {};
	const struct seep_part part = { .kind = SEEP_PART_EFACE };

	err = seep_pools_read(t->rt, &pools);
	if (err)
		return err;
	seep_vec_foreach(pool, &pools.pools)
		seep_vec_foreach(item, &pool->items) {
			const uint64_t words[2] = { htole64(item->type), htole64(item->data) };
			seep_typer_parts(t, (const unsigned char *)words, 0, &part, 1);
			seep_typer_drain(t);
		}
	return NULL;
}

/** The reachable objects of spans with pointers that lack the mark. */
static void each_without(struct typer *t, bool known,
			 void (*visit)(struct typer *, struct seep_object))
{
	for (uint32_t i = 0; i < t->heap->spans.len; i++) {
		const struct seep_span *span = &t->heap->spans.data[i];
		uint64_t n = span->first, end = n + span->nelems;
		while (!span->noscan && n < end) {
			const struct object_marks *marks = &t->marks[n / 64];
			uint64_t bits = (t->live->reachable[n / 64] &
					 ~(known ? marks->known : marks->followed)) >>
					n % 64;
			n = bits ? n + __builtin_ctzll(bits) : (n / 64 + 1) * 64;
			if (bits && n < end)
				visit(t, (struct seep_object){ i, n++ - span->first });
		}
	}
}

void seep_typer_each_unknown(struct typer *t, void (*visit)(struct typer *, struct seep_object))
{
	each_without(t, true, visit);
}

static void guess_global(seep_addr word, seep_addr value, void *arg)
{
	struct typer *t = arg;
	uint64_t n;
	int k = global_at(t, word, &n);

	(void)value;
	if (k >= 0 && n > 0 && !seep_bit_get(t->globals[k].typed, n))
		guess_pair(t, t->globals[k].bytes + 8 * (n - 1), word - 8);
}

// Pointers of unknown type.

static int compare_ranges(const void *a, const void *b)
{
	const struct seep_view_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->len > y->len) - (x->len < y->len);
}

/** The values that slices show in an object, where those were followed by the slice's type; by start. */
static void find_regions(struct typer *t, uint64_t n)
{
	const uint64_t *slot = seep_map_get(&t->partial_of, n);

	t->typed_ranges.len = 0;
	for (uint32_t r = slot ? t->typing->partials.data[*slot].first_range : 0; r;) {
		const struct seep_view_range *range = &t->typing->ranges.data[r - 1];
		if (range->shape && !seep_vec_push(&t->typed_ranges, *range))
			t->failed = true;
		r = range->next;
	}
	if (t->typed_ranges.len)
		qsort(t->typed_ranges.data, t->typed_ranges.len, sizeof(*t->typed_ranges.data),
		      compare_ranges);
}

static void see_all_from(struct typer *t, struct seep_object object)
{
	uint64_t n = seep_heap_number(t->heap, object), word, end = 0;
	struct seep_pointers walk;
	seep_addr value;
	size_t next = 0;

	t->typed_ranges.len = 0;
	if (!seep_typer_is_seen(t, n))
		find_regions(t, n);
	seep_pointers_start(t->heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value)) {
		for (; next < t->typed_ranges.len && t->typed_ranges.data[next].start <= word * 8;
		     next++) {
			const struct seep_view_range *range = &t->typed_ranges.data[next];
			if (range->start + (uint64_t)range->len > end)
				end = range->start + (uint64_t)range->len;
		}
		if (value && word * 8 >= end)
			seep_typer_see_all(t, value);
	}
}

static void see_all_global(seep_addr word, seep_addr value, void *arg)
{
	struct typer *t = arg;
	uint64_t n;
	int k = global_at(t, word, &n);

	if (k < 0 || !seep_bit_get(t->globals[k].typed, n))
		seep_typer_see_all(t, value);
}

static void see_all_stack(seep_addr value, bool precise, void *arg)
{
	(void)precise;
	seep_typer_see_all(arg, value);
}

static void see_all_roots(struct typer *t)
{
	struct seep_runtime *rt = t->rt;

	seep_roots_globals(rt, see_all_global, t);
	for (size_t i = 0; i < rt->goroutines.len; i++)
		seep_stack_roots(rt, &rt->goroutines.data[i], see_all_stack, t);
	for (size_t i = 0; i < rt->thread_words.len; i++)
		seep_typer_see_all(t, rt->thread_words.data[i]);
	for (size_t i = 0; i < rt->tiny_blocks.len; i++)
		seep_typer_see_all(t, rt->tiny_blocks.data[i]);
	for (size_t i = 0; i < rt->queued.len; i++)
		seep_typer_see_all(t, rt->queued.data[i]);
	for (size_t i = 0; i < rt->timers.len; i++) {
		seep_typer_see_all(t, rt->timers.data[i].addr);
		seep_typer_see_all(t, rt->timers.data[i].arg);
	}
	for (size_t i = 0; i < rt->specials.len; i++) {
		seep_typer_see_all(t, seep_heap_address(t->heap, rt->specials.data[i].object));
		for (int k = 0; k < 3; k++)
			seep_typer_see_all(t, rt->specials.data[i].words[k]);
	}
}

// What is left uncovered.

/** Bytes that sorted ranges cover; soft: their soft parts. */
static uint64_t covered(const struct seep_view_range *ranges, uint32_t count, bool soft)
{
	uint64_t bytes = 0, end = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t start = ranges[i].start,
			 stop = start + (soft ? ranges[i].soft_len : ranges[i].len);
		if (start < end)
			start = end;
		if (stop > start) {
			bytes += stop - start;
			end = stop;
		}
	}
	return bytes;
}

static int compare_partials(const void *a, const void *b)
{
	const struct seep_partial *x = a, *y = b;

	if (x->object.span != y->object.span)
		return x->object.span < y->object.span ? -1 : 1;
	return (x->object.slot > y->object.slot) - (x->object.slot < y->object.slot);
}

/** Keeps the objects of which something is not seen, with their ranges in a row and sorted. */
static bool keep_partials(struct typer *t)
{
	struct seep_typing *typing = t->typing;
	struct seep_vec(struct seep_view_range) sorted = {};
	size_t kept = 0;

	for (size_t i = 0; i < typing->partials.len; i++) {
		struct seep_partial p = typing->partials.data[i];
		const struct seep_span *span = &t->heap->spans.data[p.object.span];
		if (seep_typer_is_seen(t, seep_heap_number(t->heap, p.object)))
			continue;
		size_t first = sorted.len;
		for (uint32_t r = p.first_range; r; r = typing->ranges.data[r - 1].next)
			if (!seep_vec_push(&sorted, typing->ranges.data[r - 1])) {
				seep_vec_free(&sorted);
				return false;
			}
		p.first_range = first;
		p.range_count = sorted.len - first;
		qsort(sorted.data + first, p.range_count, sizeof(*sorted.data), compare_ranges);
		p.visible = covered(sorted.data + first, p.range_count, false);
		p.soft = covered(sorted.data + first, p.range_count, true);
		if (p.visible + seep_content_start(span) >= t->least[p.object.span] &&
		    p.soft == p.visible) {
			sorted.len = first;
			continue;
		}
		typing->partials.data[kept++] = p;
	}
	typing->partials.len = kept;
	free(typing->ranges.data);
	typing->ranges.data = sorted.data;
	typing->ranges.len = sorted.len;
	typing->ranges.cap = sorted.cap;
	if (kept)
		qsort(typing->partials.data, kept, sizeof(*typing->partials.data),
		      compare_partials);
	return true;
}

static void count_typed(struct typer *t)
{
	struct seep_typing *typing = t->typing;

	seep_vec_foreach(span, &t->heap->spans) {
		uint64_t all = 0, typed = 0;
		for (uint64_t n = span->first, end = n + span->nelems, next; n < end; n = next) {
			next = (n / 64 + 1) * 64;
			uint64_t in_span = ~0ull << n % 64;
			if (next > end)
				in_span &= ~0ull >> (next - end);
			uint64_t bits = t->live->reachable[n / 64] & in_span;
			all += __builtin_popcountll(bits);
			typed += __builtin_popcountll(bits & t->marks[n / 64].known);
		}
		if (span->tiny)
			typed = all;
		typing->all.objects += all;
		typing->all.bytes += all * span->elem_size;
		typing->typed.objects += typed;
		typing->typed.bytes += typed * span->elem_size;
	}
}

static struct seep_error *run(struct typer *t)
{
	follow_headers(t);
	struct seep_error *err = seep_typer_roots(t);
	if (err)
		return err;
	seep_typer_each_unknown(t, seep_typer_try_head);
	seep_typer_drain(t);
	t->guessing = true;
	err = guess_in_pools(t);
	if (err)
		return err;
	seep_typer_each_unknown(t, guess_in_object);
	seep_roots_globals(t->rt, guess_global, t);
	seep_typer_drain(t);
	seep_typer_fit(t);
	each_without(t, false, see_all_from);
	see_all_roots(t);
	count_typed(t);
	return NULL;
}

static bool init(struct typer *t)
{
	const struct seep_heap *heap = t->heap;
	struct seep_typing *typing = t->typing;
	size_t spans = heap->spans.len + 1, words = SEEP_BITS_WORDS(heap->slots) + 1;

	typing->content = seep_large_alloc(heap->slots + 1, sizeof(*typing->content));
	typing->guessed = calloc(words, 8);
	t->marks = seep_large_alloc(words, sizeof(*t->marks));
	t->least = calloc(spans, sizeof(*t->least));
	t->spans.ring = calloc(spans, sizeof(*t->spans.ring));
	t->spans.waiting = calloc(SEEP_BITS_WORDS(spans), 8);
	init_globals(t);
	if (t->failed || !typing->content || !typing->guessed || !t->marks || !t->least ||
	    !t->spans.ring || !t->spans.waiting ||
	    !seep_vec_push(&typing->contents, (struct seep_content_type){}))
		return false;
	memset(typing->content, 0, (heap->slots + 1) * sizeof(*typing->content));
	for (size_t i = 0; i < words; i++) {
		uint64_t of_no_concern = ~(i < words - 1 ? t->live->reachable[i] : 0);
		t->marks[i] = (struct object_marks){ of_no_concern, of_no_concern, 0, 0 };
	}
	for (size_t i = 0; i < heap->spans.len; i++)
		t->least[i] = seep_least_in_slot(heap->spans.data[i].elem_size);
	return true;
}

static void deinit(struct typer *t)
{
	free(t->marks);
	free(t->least);
	free(t->spans.ring);
	free(t->spans.waiting);
	free(t->globals[0].typed);
	free(t->globals[1].typed);
	seep_map_deinit(&t->partial_of);
	seep_map_deinit(&t->regions);
	seep_map_deinit(&t->followed);
	seep_map_deinit(&t->content_ids);
	seep_evidence_close(t->evidence);
	seep_map_deinit(&t->imported);
	seep_map_deinit(&t->trie_shapes);
	seep_vec_free(&t->trie_types);
	seep_vec_free(&t->notes);
	seep_vec_free(&t->work);
	seep_vec_free(&t->typed_ranges);
}

struct seep_error *seep_typing_find(struct seep_runtime *rt, const struct seep_live *live,
				    const struct seep_variables *variables, struct seep_typing *ret)
{
	struct seep_error *err;
	struct typer t = { .rt = rt,
			   .heap = &rt->heap,
			   .live = live,
			   .variables = variables,
			   .typing = ret,
			   .spare_words = SPARE_WORDS };

	*ret = (struct seep_typing){ .runtime = rt };
	err = seep_shapes_init(&ret->shapes, &rt->types);
	if (err)
		return err;
	t.failed = !init(&t);
	if (!t.failed)
		err = seep_evidence_open(&rt->binary->pclntab, &rt->types, &t.evidence);
	if (!t.failed && !err)
		err = run(&t);
	if (!t.failed && !err && !keep_partials(&t))
		t.failed = true;
	deinit(&t);
	if (t.failed) {
		seep_error_destroy(err);
		err = &seep_enomem;
	}
	return err;
}

void seep_typing_deinit(struct seep_typing *typing)
{
	seep_shapes_deinit(&typing->shapes);
	seep_vec_free(&typing->contents);
	free(typing->content);
	free(typing->wide_content);
	free(typing->guessed);
	seep_vec_free(&typing->partials);
	seep_vec_free(&typing->ranges);
	seep_vec_free(&typing->maps);
}
