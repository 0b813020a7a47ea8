// What objects are and who sees what of them.
//
// Types flow from where they are exact to what is pointed to, and each typed pointer adds its view:
//
//	1. what says its own type: malloc headers and large objects (Go 1.22+), package variables of known type
//	2. along typed pointers, until nothing new gets a type
//	3. guesses: in objects still untyped, a word that leads to a type or itab followed by a pointer looks like an interface.
//	   What is typed from there on is marked as guessed
//	   Then objects that only one type fits (typing_fit.c): guessed as well, and of no consequence for views
//	4. every pointer that has not been followed by its type so far is of unknown type: it sees all of what it leads to
//
// So each pointer word of the reachable heap adds a view: what is left uncovered nothing can see. Two simplifications err on the side of
// seeing too much: views are added from objects that are themselves only held by what nothing can see, and a *T sees only
// its T only where the type of the memory around is known to hold one there; casting by way of unsafe is common.
//
// An object that is seen whole needs one bit; ranges are kept only for the others.
#include "graph/typing.h"

#include "graph/typing_internal.h"

#include "base/large.h"

#include <string.h>

enum { REGION_COUNT_BITS = 40, REGION_REPEATS_MAX = 256 };
enum { RANGES_MAX = 1 << 26, OBJECT_RANGES_MAX = 1 << 16 };
enum { SMALL_MAX = 32 }; // slots in which a range is not worth its bookkeeping
enum {
	SOFT_MIN = 1024
}; // below, a slice without pointers that is shorter than its cap is of no concern

/** Slot sizes of runtime/sizeclasses.go, Go 1.16 to 1.27. */
static const uint16_t slot_sizes[] = {
	8,     16,    24,    32,    48,	   64,	  80,	 96,	112,   128,   144,   160,
	176,   192,   208,   224,   240,   256,	  288,	 320,	352,   384,   416,   448,
	480,   512,   576,   640,   704,   768,	  896,	 1024,	1152,  1280,  1408,  1536,
	1792,  2048,  2304,  2688,  3072,  3200,  3456,	 4096,	4864,  5376,  6144,  6528,
	6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384, 18432,
	19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

uint64_t seep_least_in_slot(uint64_t slot_size)
{
	size_t n = sizeof(slot_sizes) / sizeof(*slot_sizes);

	if (slot_size > slot_sizes[n - 1])
		return slot_size - (1 << SEEP_PAGE_SHIFT) + 1;
	for (size_t i = 1; i < n; i++)
		if (slot_sizes[i] == slot_size)
			return slot_sizes[i - 1] + 1u;
	return slot_size /
	       2; // a size class that is not known: no more than half of a slot is ever lost
}

bool seep_is_slot_size(uint64_t size)
{
	for (size_t i = 0; i < sizeof(slot_sizes) / sizeof(*slot_sizes); i++)
		if (slot_sizes[i] == size)
			return true;
	return false;
}

uint32_t seep_typer_content(struct typer *t, enum seep_content content, seep_addr type,
			    uint32_t shape)
{
	bool added;
	uint64_t *slot = seep_map_put(
		&t->content_ids,
		type ^ (uint64_t)content << 58 ^ (type ? 0 : (uint64_t)shape << 32), &added);

	if (!slot ||
	    (added && !seep_vec_push(&t->typing->contents,
				     (struct seep_content_type){ content, type, shape }))) {
		t->failed = true;
		return 0;
	}
	if (added)
		*slot = t->typing->contents.len - 1;
	return *slot;
}

/** More contents than 16 bits count: from now on they take 32. */
static bool widen(struct seep_typing *typing)
{
	uint64_t slots = typing->runtime->heap.slots;

	typing->wide_content = seep_large_alloc(slots + 1, sizeof(*typing->wide_content));
	if (!typing->wide_content)
		return false;
	for (uint64_t i = 0; i <= slots; i++)
		typing->wide_content[i] = typing->content[i];
	free(typing->content);
	typing->content = NULL;
	return true;
}

void seep_typer_replace(struct typer *t, uint64_t n, uint32_t content)
{
	struct seep_typing *typing = t->typing;

	if (content > UINT16_MAX && !typing->wide_content && !widen(typing))
		t->failed = true;
	else if (typing->wide_content)
		typing->wide_content[n] = content;
	else
		typing->content[n] = content;
	t->marks[n / 64].known |= 1ull << n % 64;
}

/** Of an object whose content is not known. */
static inline void put_content(struct typer *t, uint64_t n, uint32_t content)
{
	if (!content)
		return;
	seep_typer_replace(t, n, content);
	if (t->guessing)
		seep_bit_set(t->typing->guessed, n);
}

bool seep_typer_set(struct typer *t, uint64_t n, uint32_t content)
{
	if (seep_typer_is_known(t, n) || !content)
		return false;
	put_content(t, n, content);
	return true;
}

bool seep_typer_find(const struct typer *t, seep_addr pointer, struct found *ret)
{
	if (!seep_heap_find(t->heap, pointer, &ret->object))
		return false;
	ret->span = &t->heap->spans.data[ret->object.span];
	ret->n = ret->span->first + (uint64_t)ret->object.slot;
	ret->offset = pointer - ret->span->base - ret->object.slot * ret->span->elem_size;
	return seep_bit_get(t->live->reachable, ret->n);
}

void seep_typer_see_all(struct typer *t, seep_addr pointer)
{
	struct found f;

	if (seep_typer_find(t, pointer, &f))
		seep_typer_see(t, f.n);
}

/** Whether bytes from there on are the whole of what was allocated. */
static bool is_whole(const struct typer *t, const struct found *f, uint64_t bytes)
{
	uint64_t start = seep_content_start(f->span);

	return f->offset == start && bytes + start >= t->least[f->object.span];
}

/** A view of part of an object, in bytes from the start of its slot. */
struct part_view {
	uint64_t len, soft_len;
	uint32_t shape;
	seep_addr holder;
	uint8_t kind;
	bool guessed;
};

static void see_part(struct typer *t, const struct found *f, struct part_view view)
{
	struct seep_typing *typing = t->typing;
	bool added;

	if (seep_typer_is_seen(t, f->n))
		return;
	if (f->span->tiny || f->span->elem_size <= SMALL_MAX || f->span->elem_size > UINT32_MAX ||
	    typing->ranges.len >= RANGES_MAX) {
		seep_typer_see(t, f->n);
		return;
	}
	uint64_t *slot = seep_map_put(&t->partial_of, f->n, &added);
	if (!slot) {
		t->failed = true;
		return;
	}
	if (added) {
		*slot = typing->partials.len;
		if (!seep_vec_push(&typing->partials, (struct seep_partial){
							      .object = f->object,
							      .holder = view.holder,
							      .kind = view.kind,
						      }))
			t->failed = true;
	}
	if (t->failed)
		return;
	struct seep_partial *p = &typing->partials.data[*slot];
	struct seep_view_range range = { f->offset, view.len, view.soft_len, view.shape,
					 p->first_range };
	p->guessed |= view.guessed || t->guessing;
	if (p->range_count) {
		const struct seep_view_range *last = &typing->ranges.data[p->first_range - 1];
		if (last->start == range.start && last->len == range.len &&
		    last->soft_len == range.soft_len)
			return;
	}
	if (p->range_count >= OBJECT_RANGES_MAX || !seep_vec_push(&typing->ranges, range)) {
		seep_typer_see(t, f->n);
		return;
	}
	p->first_range = typing->ranges.len; // index + 1, newest first
	p->range_count++;
}

/** The same by the parts alone: no word holds a pointer that is not one's. first: the value's first word. */
static uint64_t mask_of_parts(const struct typer *t, const struct seep_shape *s, uint64_t first)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < s->part_count && first + s->parts[i].offset / 8 < 64; i++) {
		const struct seep_part *part = &s->parts[i];
		uint64_t word = first + part->offset / 8;
		if (part->kind == SEEP_PART_ARRAY) {
			const struct seep_shape *inner =
				&t->typing->shapes.shapes.data[part->inner];
			for (uint64_t e = 0; e < part->count && word + e * part->stride / 8 < 64;
			     e++)
				bits |= mask_of_parts(t, inner, word + e * part->stride / 8);
			continue;
		}
		bool pair = part->kind == SEEP_PART_EFACE || part->kind == SEEP_PART_IFACE;
		bits |= (pair ? 2ull : 1ull)
			<< word; // what an interface's first word leads to is not the collector's
	}
	return bits;
}

/** Which of the first 64 words of a value of the shape hold pointers. */
static uint64_t first_mask(struct typer *t, uint32_t shape)
{
	const struct seep_shape *s = &t->typing->shapes.shapes.data[shape];
	struct seep_type type;
	uint64_t bits = 0;

	if (!s->type)
		return mask_of_parts(t, s, 0);
	if (!seep_type_read(t->typing->shapes.types, s->type, &type))
		return 0;
	const uint8_t *mask = seep_type_mask(t->typing->shapes.types, &type);
	for (uint64_t i = 0; mask && i < 64 && i < type.ptr_bytes / 8; i++)
		bits |= (uint64_t)(mask[i / 8] >> (i % 8) & 1) << i;
	return bits;
}

static struct shape_notes *make_notes(struct typer *t, uint32_t shape)
{
	while (t->notes.len <= shape)
		if (!seep_vec_push(&t->notes, (struct shape_notes){})) {
			t->failed = true;
			return NULL;
		}
	struct shape_notes *notes = &t->notes.data[shape];
	const struct seep_shape *s = &t->typing->shapes.shapes.data[shape];
	notes->content = seep_typer_content(t, SEEP_CONTENT_SHAPE, s->type, shape);
	notes->mask = first_mask(t, shape);
	notes->channel =
		s->type && s->opaque &&
		strcmp(seep_type_name(t->typing->shapes.types, s->type), "runtime.hchan") == 0;
	return notes;
}

/** What is kept of a shape beside it; NULL when memory is out. */
static inline struct shape_notes *notes_of(struct typer *t, uint32_t shape)
{
	return shape < t->notes.len && t->notes.data[shape].content ? &t->notes.data[shape] :
								      make_notes(t, shape);
}

uint64_t seep_typer_mask(struct typer *t, uint32_t shape)
{
	struct shape_notes *notes = notes_of(t, shape);

	return notes ? notes->mask : 0;
}

bool seep_typer_pointers(const struct typer *t, struct seep_object object, uint64_t *ret)
{
	struct seep_pointers walk;
	uint64_t bits = 0;

	seep_pointers_start(t->heap, object, &walk);
	if (walk.guess)
		return false;
	// Up to Go 1.21 an object's bits may begin in the middle of a word of the bitmap.
	while (walk.next_word < 64 && seep_pointers_refill(&walk) && walk.chunk_word < 64) {
		bits |= walk.chunk << walk.chunk_word;
		walk.chunk = 0;
	}
	*ret = bits;
	return true;
}

/** The lowest n bits. */
static uint64_t low_bits(uint64_t n)
{
	return n < 64 ? (1ull << n) - 1 : ~0ull;
}

/** mask_agrees() for what has more pointer words than 64 bits tell of. */
static bool long_mask_agrees(const struct typer *t, const struct found *f, uint64_t mask,
			     uint64_t words, uint64_t limit)
{
	uint64_t have = 0, first = seep_content_start(f->span) / 8;
	struct seep_pointers walk;

	seep_pointers_start(t->heap, f->object, &walk);
	if (walk.guess)
		return true; // the runtime's own way out; there is nothing to compare with
	for (; seep_pointers_refill(&walk); walk.chunk = 0) {
		if (walk.chunk_word >= limit || walk.chunk & ~low_bits(limit - walk.chunk_word))
			return false;
		if (walk.chunk_word < first + words)
			have |= walk.chunk_word < first ? walk.chunk >> (first - walk.chunk_word) :
							  walk.chunk << (walk.chunk_word - first);
		else if (limit * 8 >= f->span->elem_size)
			break;
	}
	return ((have ^ mask) & low_bits(words)) == 0;
}

/**
 * Does the object's own pointer map agree that so many bytes of values of the shape stand there from its first one on, and no pointers
 * behind them? An object that only begins with such values may end in something else.
 */
static inline bool mask_agrees(const struct typer *t, const struct found *f,
			       const struct seep_shape *s, uint64_t mask, uint64_t bytes)
{
	const unsigned char *object;
	uint64_t have, first = seep_content_start(f->span) / 8;
	uint64_t words = f->span->elem_size / 8 - first, limit = first + bytes / 8;

	if (f->span->noscan)
		return s->ptr_bytes == 0;
	if (s->ptr_bytes == 0 || !f->span->bytes || !mask)
		return false;
	if (words > 64)
		words = 64;
	if (s->size / 8 < words)
		words = s->size / 8; // one value is enough
	if (seep_pointers_small(f->span, f->object.slot, &object, &have))
		return !(have & ~low_bits(limit)) && ((have ^ mask) & low_bits(words)) == 0;
	return long_mask_agrees(t, f, mask, words, limit);
}

/** Takes the type that the object's allocation left with it, if it did. */
static void take_header(struct typer *t, const struct found *f)
{
	if ((f->span->map == SEEP_MAP_HEADER || f->span->map == SEEP_MAP_LARGE) &&
	    !seep_typer_is_known(t, f->n) && seep_typer_set_header(t, f->object))
		seep_typer_push_object(t, f->object);
}

/** The object holds so many bytes of values of the shape, if nothing else is known of it (take_header) and its pointer map agrees. */
static bool take_shape(struct typer *t, const struct found *f, uint32_t shape, uint64_t bytes)
{
	const struct seep_shape *s = &t->typing->shapes.shapes.data[shape];

	if (seep_typer_is_known(t, f->n))
		return true;
	struct shape_notes *notes = notes_of(t, shape);
	if (f->span->tiny || s->size == 0 || !notes || !mask_agrees(t, f, s, notes->mask, bytes))
		return false;
	if (notes->channel) {
		seep_typer_see_channel(t, seep_heap_address(t->heap, f->object), 0);
		return true;
	}
	put_content(t, f->n, notes->content);
	if (s->part_count)
		seep_typer_push_object(t, f->object);
	return true;
}

void seep_typer_adopt(struct typer *t, seep_addr pointer, uint32_t shape)
{
	struct found f;

	if (!seep_typer_find(t, pointer, &f))
		return;
	seep_typer_see(t, f.n);
	if (!shape || f.offset != seep_content_start(f.span))
		return;
	take_header(t, &f);
	take_shape(t, &f, shape, f.span->elem_size - f.offset);
}

/** At the first byte of memory of unknown type a struct is likely to be the head of something that is read by casting: a page, a record. */
static bool is_struct(const struct typer *t, const struct seep_shape *s)
{
	struct seep_type type;

	return !s->type || !seep_type_read(t->typing->shapes.types, s->type, &type) ||
	       type.kind == SEEP_KIND_STRUCT;
}

/** A pointer that sees a value of the shape; f: what it leads to, NULL = no object. */
static void see_value(struct typer *t, seep_addr pointer, const struct found *f, uint32_t shape,
		      seep_addr holder)
{
	const struct seep_shape s = t->typing->shapes.shapes.data[shape];

	if (!f) {
		if (s.part_count)
			seep_typer_global(t, pointer, shape);
		return;
	}
	take_header(t, f);
	uint64_t start = seep_content_start(f->span);
	if (!shape || s.size == 0 || s.opaque || f->offset < start ||
	    s.size > f->span->elem_size - f->offset) {
		seep_typer_see(t, f->n);
		if (s.opaque && shape && is_whole(t, f, s.size))
			take_shape(t, f, shape, s.size);
		return;
	}
	if (is_whole(t, f, s.size)) {
		seep_typer_see(t, f->n);
		take_shape(t, f, shape, s.size);
		return;
	}
	const struct seep_content_type *content = seep_typing_content_of(t->typing, f->n);
	// Where code casts with unsafe, the first field stands for the whole struct, the first element for the array.
	struct part_view view = {
		.len = s.size,
		.soft_len = s.size,
		.holder = holder,
		.kind = SEEP_PART_POINTER,
		.guessed = f->offset == start,
	};
	if (content->content == SEEP_CONTENT_SHAPE && content->type) {
		uint64_t outer = t->typing->shapes.shapes.data[content->shape].size;
		enum seep_inside inside =
			outer ? seep_type_contains(t->typing->shapes.types, content->type,
						   (f->offset - start) % outer, s.type) :
				SEEP_INSIDE_NOT; // a header that lies
		// Who casts goes by way of what the whole begins with: a header, or the first element of an array.
		view.guessed = inside == SEEP_INSIDE_BEGINS ||
			       (inside == SEEP_INSIDE_IS && f->offset == start);
		if (inside == SEEP_INSIDE_NOT)
			seep_typer_see(t, f->n); // a cast
		else
			see_part(t, f, view);
		return;
	}
	if (f->span->noscan && s.ptr_bytes == 0 && !(f->offset == start && is_struct(t, &s))) {
		view.guessed = true;
		see_part(t, f, view);
		return;
	}
	seep_typer_see(t, f->n);
}

static void see_string(struct typer *t, const struct found *f, uint64_t len, seep_addr holder)
{
	if (!f->span->noscan || f->span->tiny || len > f->span->elem_size - f->offset) {
		seep_typer_see(t, f->n);
		return;
	}
	if (!seep_typer_is_known(t, f->n))
		put_content(t, f->n, seep_typer_content(t, SEEP_CONTENT_BYTES, 0, 0));
	if (is_whole(t, f, len))
		seep_typer_see(t, f->n);
	else
		see_part(t, f,
			 (struct part_view){ .len = len,
					     .soft_len = len,
					     .holder = holder,
					     .kind = SEEP_PART_STRING });
}

bool seep_typer_spend(struct typer *t, uint64_t words)
{
	if (words > t->spare_words)
		return false;
	t->spare_words -= words;
	return true;
}

/** Whether one of count values has a pointer, as far as words may still be looked at. */
static bool any_pointer(struct typer *t, const unsigned char *bytes, uint64_t count,
			const struct seep_shape *s)
{
	for (uint64_t i = 0; i < count && t->spare_words; i++)
		for (uint32_t k = 0; k < s->part_count; k++)
			if (s->parts[k].kind == SEEP_PART_ARRAY) {
				const struct seep_shape *inner =
					&t->typing->shapes.shapes.data[s->parts[k].inner];
				if (any_pointer(t, bytes + i * s->size + s->parts[k].offset,
						s->parts[k].count, inner))
					return true;
			} else if (!seep_typer_spend(t, 1)) {
				return false;
			} else if (seep_le64(bytes + i * s->size + s->parts[k].offset)) {
				return true;
			}
	return false;
}

/** What the slice shows of the object when nobody re-slices it: all of its cap, where the rest is of no concern. */
static uint64_t soft_bytes(struct typer *t, const struct found *f, const struct seep_shape *s,
			   uint64_t len, uint64_t cap)
{
	uint64_t bytes = cap * s->size, soft = len * s->size;

	if (len == cap)
		return bytes;
	if (!f->span->noscan) {
		const unsigned char *object = f->span->bytes + f->object.slot * f->span->elem_size;
		return any_pointer(t, object + f->offset + soft, cap - len, s) ? soft : bytes;
	}
	return f->span->elem_size >= SOFT_MIN && len && soft < f->span->elem_size / 4 ? soft :
											bytes;
}

/**
 * Values that a slice shows in an object of unknown content are followed, once however many slices show them. Where slices begin in so
 * many places that following takes too long, or differ about the type, the object counts as seen: then each of its words is as well.
 */
static void follow_region(struct typer *t, const struct found *f, uint64_t bytes, uint32_t shape)
{
	uint64_t size = t->typing->shapes.shapes.data[shape].size, count = bytes / size, start = 0;
	bool added;
	uint64_t *done = seep_map_put(
		&t->regions, f->span->base + f->object.slot * f->span->elem_size + f->offset,
		&added);

	if (!done) {
		t->failed = true;
		return;
	}
	if (!added) {
		if (*done >> REGION_COUNT_BITS != shape) {
			seep_typer_see(t, f->n);
			return;
		}
		start = *done & ((1ull << REGION_COUNT_BITS) - 1);
		if (count <= start)
			return;
	}
	*done = (uint64_t)shape << REGION_COUNT_BITS | count;
	uint64_t *followed = seep_map_put(&t->followed, f->n, NULL);
	if (!followed) {
		t->failed = true;
		return;
	}
	*followed += (count - start) * size;
	if (*followed / REGION_REPEATS_MAX > f->span->elem_size) {
		seep_typer_see(t, f->n);
		return;
	}
	uint64_t at = f->offset + start * size, slot = f->object.slot * f->span->elem_size;
	seep_typer_push(t, (struct work){ .bytes = f->span->bytes + slot + at,
					  .addr = f->span->base + slot + at,
					  .len = (count - start) * size,
					  .shape = shape });
}

/** f: what the pointer leads to, NULL = no object. */
static void see_slice(struct typer *t, seep_addr pointer, const struct found *f, uint64_t len,
		      uint64_t cap, uint32_t shape, seep_addr holder)
{
	const struct seep_shape s = t->typing->shapes.shapes.data[shape];
	uint64_t bytes;

	if (!f) {
		if (s.part_count && len <= cap && len < 1 << 24)
			for (uint64_t i = 0;
			     i < len && seep_typer_global(t, pointer + i * s.size, shape); i++)
				;
		return;
	}
	take_header(t, f);
	if (!shape || s.size == 0 || s.opaque || len > cap ||
	    f->offset < seep_content_start(f->span) ||
	    __builtin_mul_overflow(cap, s.size, &bytes) || bytes > f->span->elem_size - f->offset ||
	    (!f->span->noscan && !f->span->bytes) ||
	    (f->span->noscan ? s.part_count != 0 : s.part_count == 0)) {
		seep_typer_see(t, f->n);
		return;
	}
	bool whole = is_whole(t, f, bytes);
	if (whole && !take_shape(t, f, shape, bytes)) {
		seep_typer_see(t, f->n);
		return;
	}
	uint64_t soft = soft_bytes(t, f, &s, len, cap);
	if (whole && soft == bytes) {
		seep_typer_see(t, f->n);
		return;
	}
	if (f->span->noscan && !seep_typer_is_known(t, f->n))
		seep_typer_set(t, f->n, seep_typer_content(t, SEEP_CONTENT_SHAPE, s.type, shape));
	bool region = !f->span->noscan && !seep_typer_is_known(t, f->n);
	see_part(t, f,
		 (struct part_view){ .len = whole ? f->span->elem_size - f->offset : bytes,
				     .soft_len = soft,
				     .shape = region ? shape : 0,
				     .holder = holder,
				     .kind = SEEP_PART_SLICE });
	if (region)
		follow_region(t, f, bytes, shape);
}

static void see_interface(struct typer *t, seep_addr type, const unsigned char *data,
			  const struct found *f, seep_addr holder)
{
	uint32_t shape = seep_shape_of(&t->typing->shapes, type);

	if (!shape)
		seep_typer_see_all(t, seep_le64(data));
	else if (t->typing->shapes.shapes.data[shape].direct)
		seep_typer_values(t, data, holder, 8, shape);
	else
		see_value(t, seep_le64(data), f, shape, holder);
}

void seep_typer_see_channel(struct typer *t, seep_addr pointer, seep_addr elem)
{
	const struct seep_layout *l = &t->rt->binary->layout;
	struct seep_type type;
	struct found f;

	if (!seep_typer_find(t, pointer, &f))
		return;
	seep_typer_see(t, f.n);
	if (!elem && f.span->bytes && l->hchan_elemtype >= 0)
		elem = seep_memory_word(&t->rt->memory, pointer + l->hchan_elemtype);
	if (elem && !seep_type_read(t->typing->shapes.types, elem, &type))
		elem = 0;
	if (f.offset ||
	    !seep_typer_set(t, f.n, seep_typer_content(t, SEEP_CONTENT_CHANNEL, elem, 0)) ||
	    !f.span->bytes || f.span->elem_size < (uint64_t)l->hchan_size)
		return;
	const unsigned char *c = f.span->bytes + f.object.slot * f.span->elem_size;
	uint64_t count = seep_le64(c + l->hchan_dataqsiz);
	uint32_t shape = seep_shape_of(&t->typing->shapes, elem);
	seep_addr buffer = seep_le64(c + l->hchan_buf);
	see_slice(t, buffer, seep_typer_find(t, buffer, &f) ? &f : NULL, count, count, shape,
		  pointer + l->hchan_buf);
}

static void see_channel_of(struct typer *t, seep_addr pointer, seep_addr chan_type)
{
	struct seep_type type;
	bool known = seep_type_read(t->typing->shapes.types, chan_type, &type);

	seep_typer_see_channel(t, pointer, known ? type.elem : 0);
}

void seep_typer_see_func(struct typer *t, seep_addr pointer)
{
	struct found f;

	if (!seep_typer_find(t, pointer, &f))
		return;
	seep_typer_see(t, f.n);
	if (f.offset || !f.span->bytes)
		return; // without pointers: not copied
	seep_addr pc = seep_le64(f.span->bytes + f.object.slot * f.span->elem_size);
	if (seep_typer_set(t, f.n, seep_typer_content(t, SEEP_CONTENT_CLOSURE, pc, 0)))
		seep_typer_push_object(t, f.object);
}

/** A pointer to the first of a number of values, or to a string's bytes: how many is not known, so it sees the whole object. */
static void see_elements(struct typer *t, seep_addr pointer, const struct seep_part *part)
{
	struct found f;

	if (part->type || part->inner) {
		seep_typer_adopt(t, pointer, seep_shape_target(&t->typing->shapes, part));
	} else if (seep_typer_find(t, pointer, &f)) {
		seep_typer_see(t, f.n);
		if (f.span->noscan && !f.span->tiny && f.offset == 0)
			seep_typer_set(t, f.n, seep_typer_content(t, SEEP_CONTENT_BYTES, 0, 0));
	}
}

void seep_typer_part(struct typer *t, const unsigned char *at, seep_addr addr,
		     const struct seep_part *part, const struct found *f)
{
	seep_addr value = seep_le64(at);

	switch (part->kind) {
	case SEEP_PART_POINTER:
		see_value(t, value, f, seep_shape_target(&t->typing->shapes, part), addr);
		return;
	case SEEP_PART_STRING:
		if (f)
			see_string(t, f, seep_le64(at + 8), addr);
		return;
	case SEEP_PART_SLICE:
		see_slice(t, value, f, seep_le64(at + 8), seep_le64(at + 16),
			  seep_shape_target(&t->typing->shapes, part), addr);
		return;
	case SEEP_PART_MAP:
		seep_typer_see_map(t, value, part->type);
		return;
	case SEEP_PART_CHANNEL:
		see_channel_of(t, value, part->type);
		return;
	case SEEP_PART_FUNC:
		seep_typer_see_func(t, value);
		return;
	case SEEP_PART_IFACE:
		value = seep_memory_word(&t->rt->memory, value + 8);
		// fallthrough
	case SEEP_PART_EFACE:
		see_interface(t, value, at + 8, f, addr + 8);
		return;
	case SEEP_PART_ELEMENTS:
		see_elements(t, value, part);
		return;
	default: // also a pointer of whose type is known that it sees more than its value
		seep_typer_see_all(t, value);
		if (part->type && !seep_typer_see_node(t, value, part->type))
			see_value(t, value, f, seep_shape_target(&t->typing->shapes, part), addr);
	}
}

void seep_typer_parts(struct typer *t, const unsigned char *bytes, seep_addr addr,
		      const struct seep_part *parts, uint32_t count)
{
	struct found f;

	for (uint32_t i = 0; i < count; i++) {
		const struct seep_part *part = &parts[i];
		const unsigned char *at = bytes + part->offset;
		if (part->kind == SEEP_PART_ARRAY)
			seep_typer_values(t, at, addr + part->offset, part->count * part->stride,
					  part->inner);
		else if (seep_le64(at))
			seep_typer_part(t, at, addr + part->offset, part,
					seep_typer_find(t, seep_part_pointer(part->kind, at), &f) ?
						&f :
						NULL);
	}
}

void seep_typer_values(struct typer *t, const unsigned char *bytes, seep_addr addr, uint64_t len,
		       uint32_t shape)
{
	const struct seep_shape s = t->typing->shapes.shapes.data[shape]; // the vector may move

	if (s.part_count == 0)
		return;
	for (uint64_t at = 0; at + s.size <= len; at += s.size)
		seep_typer_parts(t, bytes + at, addr + at, s.parts, s.part_count);
}
