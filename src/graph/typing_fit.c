// What only fits: objects that nothing tells the type of, by their size, their pointer map, and what stands in them.
//
// Of all types that the program has, those come into question whose values take such a slot and have their pointers where the object has
// them. Each is tried on what stands there: strings and slices must lie within what they lead to, a *T must lead to where a T can be, an
// interface must have a type or an itab that implements it, and so on. If exactly one type stands the trial, and at least one pointer
// was there to be tried, the object is guessed to be that; what it leads to gets types by it, guessed as well.
//
// Such a guess is for reports only. Its pointers go on seeing all of what they lead to: nothing is ever called unseen because of it.
#include "graph/typing_internal.h"

#include <string.h>

enum { WORDS_MAX = 64, CANDIDATES_MAX = 1 << 20, TRIED_MAX = 64, GIVE_UP = 64 };
static const uint64_t length_max = (uint64_t)1 << 40;

/** A type that objects of that slot size and pointer map may be of. */
struct candidate {
	uint64_t slot, mask;
	seep_addr type;
};

struct fitter {
	struct typer *t;
	struct seep_vec(struct candidate) candidates; /** by slot, mask, type */
	struct seep_map misses; /** by first candidate: how often none or several did fit */
};

/** The slot that the allocator takes for that many bytes; 0 if it is larger than what is looked at here. */
static uint64_t slot_of(uint64_t bytes)
{
	uint64_t slot = 0;

	for (uint64_t size = 8; size <= WORDS_MAX * 8ul && !slot; size += 8)
		if (size >= bytes && seep_is_slot_size(size))
			slot = size;
	return slot;
}

static bool enter_type(const struct seep_type *type, void *arg)
{
	struct fitter *fitter = arg;
	struct seep_types *types = fitter->t->typing->shapes.types;
	uint64_t mask = 0, slot = slot_of(type->size);

	if (type->kind != SEEP_KIND_STRUCT && type->kind != SEEP_KIND_ARRAY &&
	    type->kind != SEEP_KIND_SLICE && type->kind != SEEP_KIND_STRING)
		return true;
	if (type->size <= 8 || type->ptr_bytes == 0 || !slot)
		return true;
	const uint8_t *bits = seep_type_mask(types, type);
	const char *name = seep_type_name(types, type->addr);
	// Storage of maps is known by the map's head; generic code's own types are those of others.
	if (!bits || strncmp(name, "map.", 4) == 0 || strstr(name, "go.shape."))
		return true;
	for (uint64_t i = 0; i < type->ptr_bytes / 8; i++)
		mask |= (uint64_t)(bits[i / 8] >> (i % 8) & 1) << i;
	struct candidate candidate = { slot, mask, type->addr };
	return fitter->candidates.len < CANDIDATES_MAX &&
	       seep_vec_push(&fitter->candidates, candidate);
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	if (x->mask != y->mask)
		return x->mask < y->mask ? -1 : 1;
	return (x->type > y->type) - (x->type < y->type);
}

/** The first candidate with that slot and mask, or where it would stand. */
static size_t first_candidate(const struct fitter *fitter, uint64_t slot, uint64_t mask)
{
	struct candidate key = { slot, mask, 0 };
	size_t lo = 0, hi = fitter->candidates.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (compare_candidates(&fitter->candidates.data[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

enum trial { WRONG, EMPTY, GOOD };

/** Outside the heap: may such a pointer be there? Not into what is nothing at all. */
static enum trial try_outside(const struct typer *t, seep_addr pointer)
{
	return seep_memory_at(&t->rt->memory, pointer, 1) ? GOOD : WRONG;
}

/** count values of the shape at a pointer. */
static enum trial try_pointer(const struct typer *t, seep_addr pointer, uint64_t count,
			      uint32_t shape, bool single)
{
	const struct seep_shape *s = &t->typing->shapes.shapes.data[shape];
	struct found f;
	uint64_t bytes, mask, want = 0;

	if (!seep_typer_find(t, pointer, &f))
		return seep_heap_find(t->heap, pointer, &f.object) ? WRONG :
								     try_outside(t, pointer);
	uint64_t start = seep_content_start(f.span);
	if (!shape || s->size == 0 || f.offset < start)
		return shape && s->size ? WRONG : GOOD;
	if (__builtin_mul_overflow(count, s->size, &bytes) || bytes > f.span->elem_size - f.offset)
		return WRONG;
	if (f.span->noscan)
		return s->ptr_bytes == 0 ? GOOD : WRONG;
	const struct seep_content_type *c = seep_typing_content_of(t->typing, f.n);
	if (c->content == SEEP_CONTENT_SHAPE && c->type && s->type) {
		uint64_t outer = t->typing->shapes.shapes.data[c->shape].size;
		return seep_type_contains(t->typing->shapes.types, c->type,
					  (f.offset - start) % outer, s->type) ?
			       GOOD :
			       WRONG;
	}
	if (c->content != SEEP_CONTENT_UNKNOWN)
		return WRONG;
	if (s->ptr_bytes == 0) // part of something with pointers, but not the whole
		return f.offset == 0 ? WRONG : GOOD;
	if (single && f.offset == 0 && bytes < t->least[f.object.span])
		return WRONG;
	if (f.span->elem_size > WORDS_MAX * 8ul || s->size > WORDS_MAX * 8ul ||
	    !seep_typer_pointers(t, f.object, &mask))
		return GOOD;
	want = seep_typer_mask((struct typer *)t, shape);
	uint64_t words = s->size / 8;
	return (((mask >> f.offset / 8) ^ want) & (words < 64 ? (1ull << words) - 1 : ~0ull)) == 0 ?
		       GOOD :
		       WRONG;
}

static enum trial try_string(const struct typer *t, seep_addr pointer, uint64_t len)
{
	struct found f;

	if (len == 0 || len > length_max)
		return len ? WRONG : EMPTY;
	if (!pointer)
		return WRONG;
	if (seep_typer_find(t, pointer, &f))
		return f.span->noscan && len <= f.span->elem_size - f.offset ? GOOD : WRONG;
	return seep_heap_find(t->heap, pointer, &f.object) ? WRONG : try_outside(t, pointer);
}

/** The head of a map, channel or func value: an object from its beginning on. */
static enum trial try_head(const struct typer *t, const struct seep_part *part, seep_addr pointer)
{
	struct seep_type type;
	struct found f;
	seep_addr pc;

	if (part->kind == SEEP_PART_FUNC) {
		pc = seep_memory_word(&t->rt->memory, pointer);
		struct seep_func func;
		return pc && seep_pclntab_find(&t->rt->binary->pclntab, pc, &func) &&
				       func.entry == pc ?
			       GOOD :
			       WRONG;
	}
	if (!seep_typer_find(t, pointer, &f))
		return seep_heap_find(t->heap, pointer, &f.object) ? WRONG :
								     try_outside(t, pointer);
	const struct seep_content_type *c = seep_typing_content_of(t->typing, f.n);
	if (f.offset)
		return WRONG;
	if (part->kind == SEEP_PART_CHANNEL) {
		if (c->content == SEEP_CONTENT_CHANNEL && c->type)
			return seep_type_read(t->typing->shapes.types, part->type, &type) &&
					       type.elem == c->type ?
				       GOOD :
				       WRONG;
		return c->content == SEEP_CONTENT_UNKNOWN &&
				       f.span->elem_size >=
					       (uint64_t)t->rt->binary->layout.hchan_size ?
			       GOOD :
			       WRONG;
	}
	if (c->content == SEEP_CONTENT_MAP) {
		uint32_t storage =
			seep_shape_of_buckets((struct seep_shapes *)&t->typing->shapes, part->type);
		return storage && t->typing->shapes.shapes.data[storage].type == c->type ? GOOD :
											   WRONG;
	}
	return c->content == SEEP_CONTENT_UNKNOWN && f.span->elem_size == 48 && !f.span->noscan ?
		       GOOD :
		       WRONG;
}

static enum trial try_interface(struct typer *t, const struct seep_part *part,
				const unsigned char *at)
{
	seep_addr tab = seep_le64(at), pointer = seep_le64(at + 8);
	bool is_itab;

	if (!tab)
		return pointer ? WRONG : EMPTY;
	if (!seep_typer_looks_like_type(t, tab, &is_itab) ||
	    is_itab != (part->kind == SEEP_PART_IFACE))
		return WRONG;
	if (is_itab && seep_memory_word(&t->rt->memory, tab) != part->type)
		return WRONG;
	uint32_t shape = seep_shape_of(&t->typing->shapes,
				       is_itab ? seep_memory_word(&t->rt->memory, tab + 8) : tab);
	if (!shape)
		return WRONG;
	return t->typing->shapes.shapes.data[shape].direct || !pointer ?
		       GOOD :
		       try_pointer(t, pointer, 1, shape, false);
}

static enum trial try_parts(struct typer *t, const unsigned char *bytes, uint32_t shape, int depth);

static enum trial try_part(struct typer *t, const struct seep_part *part, const unsigned char *at,
			   int depth)
{
	seep_addr value = seep_le64(at);
	enum trial result = EMPTY;

	switch (part->kind) {
	case SEEP_PART_ARRAY:
		for (uint64_t i = 0; i < part->count && result != WRONG; i++) {
			enum trial one =
				try_parts(t, at + i * part->stride, part->inner, depth + 1);
			result = one == EMPTY ? result : one;
		}
		return result;
	case SEEP_PART_STRING:
		return try_string(t, value, seep_le64(at + 8));
	case SEEP_PART_SLICE:
		if (seep_le64(at + 8) > seep_le64(at + 16) || seep_le64(at + 16) > length_max)
			return WRONG;
		if (!value || seep_le64(at + 16) == 0)
			return value || seep_le64(at + 16) == 0 ? EMPTY : WRONG;
		return try_pointer(t, value, seep_le64(at + 16),
				   seep_shape_target(&t->typing->shapes, part), false);
	case SEEP_PART_EFACE:
	case SEEP_PART_IFACE:
		return try_interface(t, part, at);
	case SEEP_PART_MAP:
	case SEEP_PART_CHANNEL:
	case SEEP_PART_FUNC:
		return value ? try_head(t, part, value) : EMPTY;
	case SEEP_PART_POINTER:
		return value ? try_pointer(t, value, 1, seep_shape_target(&t->typing->shapes, part),
					   true) :
			       EMPTY;
	default:
		return value ? try_outside(t, value) == WRONG ? WRONG : EMPTY : EMPTY;
	}
}

/** WRONG if one part is; EMPTY if none says anything. */
static enum trial try_parts(struct typer *t, const unsigned char *bytes, uint32_t shape, int depth)
{
	const struct seep_shape s = t->typing->shapes.shapes.data[shape];
	enum trial result = EMPTY;

	for (uint32_t i = 0; depth < 8 && i < s.part_count && result != WRONG; i++) {
		enum trial one = try_part(t, &s.parts[i], bytes + s.parts[i].offset, depth);
		result = one == EMPTY ? result : one;
	}
	return result;
}

/** Closures begin with the address of their code, which is no pointer for the collector. */
static bool fit_closure(struct typer *t, const unsigned char *bytes, seep_addr addr, uint64_t mask)
{
	const struct seep_module *m = &t->rt->binary->pclntab.module;
	seep_addr pc = seep_le64(bytes);
	struct seep_func func;

	if ((mask & 1) || pc < m->text || pc >= m->etext ||
	    !seep_pclntab_find(&t->rt->binary->pclntab, pc, &func) || func.entry != pc)
		return false;
	seep_typer_see_func(t, addr);
	return true;
}

static void fit_object(struct typer *t, struct seep_object object)
{
	struct fitter *fitter = t->fitter;
	const struct seep_span *span = &t->heap->spans.data[object.span];
	uint64_t n = seep_heap_number(t->heap, object), mask;
	bool added;

	if (!span->bytes || span->elem_size > WORDS_MAX * 8ul || seep_bit_get(t->live->opaque, n) ||
	    !seep_typer_pointers(t, object, &mask) || !mask)
		return;
	const unsigned char *bytes = span->bytes + object.slot * span->elem_size;
	if (fit_closure(t, bytes, seep_heap_address(t->heap, object), mask)) {
		seep_typer_drain(t);
		return;
	}
	size_t first = first_candidate(fitter, span->elem_size, mask), i = first;
	uint64_t *misses = seep_map_put(&fitter->misses, first, &added);
	if (!misses || *misses >= GIVE_UP)
		return;
	uint32_t fits = 0, only = 0;
	for (; i < fitter->candidates.len && fits < 2; i++) {
		const struct candidate *c = &fitter->candidates.data[i];
		if (c->slot != span->elem_size || c->mask != mask || i - first > TRIED_MAX)
			break;
		uint32_t shape = seep_shape_of(&t->typing->shapes, c->type);
		if (!shape || t->typing->shapes.shapes.data[shape].opaque)
			continue;
		enum trial result = try_parts(t, bytes, shape, 0);
		if (result == WRONG)
			continue;
		fits++;
		only = result == GOOD ? shape : 0;
	}
	if (fits != 1 || !only || i - first > TRIED_MAX) {
		(*seep_map_get(&fitter->misses, first))++;
		return;
	}
	*seep_map_get(&fitter->misses, first) = 0;
	seep_typer_adopt(t, seep_heap_address(t->heap, object), only);
	seep_typer_drain(t);
}

void seep_typer_fit(struct typer *t)
{
	struct fitter fitter = { .t = t };

	seep_types_each_possible(t->typing->shapes.types, enter_type, &fitter);
	if (fitter.candidates.len)
		qsort(fitter.candidates.data, fitter.candidates.len,
		      sizeof(*fitter.candidates.data), compare_candidates);
	t->fitter = &fitter;
	t->fitting = true;
	seep_typer_each_unknown(t, fit_object);
	t->fitting = false;
	t->fitter = NULL;
	seep_vec_free(&fitter.candidates);
	seep_map_deinit(&fitter.misses);
}
