// Where types begin that the heap itself does not tell: package variables, stacks, closures.
//
// With DWARF the debugger's view of them is asked, without it the machine code's (binary/evidence.h). What DWARF knows no
// descriptor for is turned into shapes here.
//
// Words on stacks only give types: they see all of what they lead to. A slot may be live and its variable only in part there.
#include "graph/typing_internal.h"

#include <string.h>

enum { CLOSURE_WORDS = 64, STATIC_BYTES = 512 };
enum { WORTH_BYTES = 2048, WORTH_PART = 4096, WORTH_OBJECTS = 256 };

/** Parts in terms of the typer's own shapes. */
struct parts {
	struct seep_vec(struct seep_part) v;
};

static void parts_deinit(struct parts *parts)
{
	seep_vec_free(&parts->v);
}

static bool import_parts(struct typer *t, const struct seep_part *parts, uint32_t count,
			 struct parts *ret);

/** The shape that stands for one of the debugger's inner shapes; 0 if it is not understood, or contains itself. */
static uint32_t import_inner(struct typer *t, uint32_t inner)
{
	_cleanup_(parts_deinit) struct parts parts = {};
	bool added;
	uint64_t *slot = seep_map_put(&t->imported, inner, &added);

	if (!slot)
		t->failed = true;
	if (!slot || !added)
		return slot ? *slot : 0;
	struct seep_shape shape = seep_debug_inner(t->variables->debug, inner);
	uint32_t index = shape.size && import_parts(t, shape.parts, shape.part_count, &parts) ?
				 seep_shape_add(&t->typing->shapes, shape.name, shape.size,
						parts.v.data, parts.v.len) :
				 0;
	*seep_map_get(&t->imported, inner) = index;
	return index;
}

static bool import_parts(struct typer *t, const struct seep_part *parts, uint32_t count,
			 struct parts *ret)
{
	for (uint32_t i = 0; i < count; i++) {
		struct seep_part part = parts[i];
		uint32_t inner = part.inner;
		part.inner = 0;
		if (part.kind == SEEP_PART_ARRAY) {
			part.inner = part.type ? seep_shape_of(&t->typing->shapes, part.type) :
						 import_inner(t, inner);
			if (!part.inner)
				return false;
		} else if (part.kind == SEEP_PART_POINTER) {
			if (!part.type && inner)
				part.inner = import_inner(t, inner);
			if (part.type ? !seep_pointer_is_plain(t->typing->shapes.types, part.type) :
					!part.inner)
				part.kind = SEEP_PART_UNSAFE;
		} else if ((part.kind == SEEP_PART_SLICE || part.kind == SEEP_PART_ELEMENTS) &&
			   !part.type && inner) {
			part.inner = import_inner(t, inner);
			if (!part.inner)
				part.kind = SEEP_PART_UNSAFE;
		}
		if (!seep_vec_push(&ret->v, part)) {
			t->failed = true;
			return false;
		}
	}
	return true;
}

// Package variables.

static void follow_variable(struct typer *t, const struct seep_variable *v)
{
	_cleanup_(parts_deinit) struct parts parts = {};
	uint32_t shape = v->type ? seep_shape_of(&t->typing->shapes, v->type) : 0;

	if (shape) {
		const struct seep_shape s = t->typing->shapes.shapes.data[shape];
		if (s.size <= v->size)
			seep_typer_global_parts(t, v->addr, v->size, s.parts, s.part_count);
	} else if (v->parts && import_parts(t, v->parts, v->part_count, &parts)) {
		seep_typer_global_parts(t, v->addr, v->size, parts.v.data, parts.v.len);
	}
	seep_typer_drain(t);
}

/** Addresses of words of package variables. */
struct words {
	struct seep_vec(seep_addr) v;
};

static void words_deinit(struct words *words)
{
	seep_vec_free(&words->v);
}

static void add_masked(const struct typer *t, seep_addr start, seep_addr end, seep_addr mask,
		       uint64_t bits, struct words *ret)
{
	uint64_t words = end > start ? (end - start) / 8 : 0;

	if (words > bits)
		words = bits;
	const uint8_t *m = seep_memory_at(&t->rt->memory, mask, (words + 7) / 8);
	for (uint64_t i = 0; m && i < words; i++)
		if (m[i / 8] >> (i % 8) & 1 && !seep_vec_push(&ret->v, start + 8 * i))
			return;
}

/** What a pointer leads to by way of objects of unknown content, as far as one has to look to see that it is worth a type. */
struct worth {
	const struct typer *t;
	uint64_t least; /** bytes */
	struct seep_vec(struct seep_object) todo;
	struct seep_map seen;
	uint64_t bytes;
};

/** Whether types do not tell what all of the object's pointers lead to. */
static bool leads_to_unknown(const struct typer *t, const struct found *f)
{
	const struct seep_content_type *c = seep_typing_content_of(t->typing, f->n);
	const struct seep_shape *s = &t->typing->shapes.shapes.data[c->shape];

	if (c->content != SEEP_CONTENT_SHAPE)
		return c->content == SEEP_CONTENT_UNKNOWN;
	for (uint32_t i = 0; i < s->part_count; i++)
		if (s->parts[i].kind == SEEP_PART_UNSAFE)
			return true;
	return false;
}

static void add_worth(struct worth *w, const struct found *f)
{
	bool added = false;

	if (f->span->tiny || !seep_map_put(&w->seen, f->n, &added) || !added)
		return;
	w->bytes +=
		f->span->elem_size; // also of known content: a type may show that little of it is seen
	if (!f->span->noscan && leads_to_unknown(w->t, f) && !seep_vec_push(&w->todo, f->object))
		w->bytes = w->least;
}

static bool is_worth_a_type(struct worth *w, seep_addr value)
{
	struct seep_pointers walk;
	struct found f;
	uint64_t word;

	if (!value || !seep_typer_find(w->t, value, &f))
		return false;
	if (seep_typer_is_known(w->t, f.n)) // a slice may show little of it
		return f.span->elem_size >= w->least;
	w->bytes = w->todo.len = 0;
	seep_map_deinit(&w->seen);
	add_worth(w, &f);
	while (w->todo.len && w->bytes < w->least && w->seen.len < WORTH_OBJECTS) {
		seep_pointers_start(w->t->heap, seep_vec_pop(&w->todo), &walk);
		while (seep_pointers_next(&walk, &word, &value) && w->bytes < w->least)
			if (value && seep_typer_find(w->t, value, &f))
				add_worth(w, &f);
	}
	return w->bytes >= w->least || w->todo.len;
}

/** The first of the sorted addresses that is not below addr. */
static size_t first_from(const struct words *words, seep_addr addr)
{
	size_t lo = 0, hi = words->v.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (words->v.data[mid] < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/**
 * The words whose types are wanting: they lead to enough memory of unknown content, or to package variables that do, such as what a
 * composite literal was made of. Without the others the code of a large program takes seconds.
 */
static void choose_words(const struct typer *t, const struct words *words, uint64_t *ret)
{
	const struct seep_module *m = &t->rt->binary->pclntab.module;
	_cleanup_free_ uint64_t *first = calloc(SEEP_BITS_WORDS(words->v.len) + 1, 8);

	struct worth worth = { .t = t, .least = WORTH_BYTES };

	if (t->live->reachable_bytes / WORTH_PART > worth.least)
		worth.least = t->live->reachable_bytes / WORTH_PART;
	for (size_t i = 0; first && i < words->v.len; i++)
		if (is_worth_a_type(&worth, seep_memory_word(&t->rt->memory, words->v.data[i]))) {
			seep_bit_set(first, i);
			seep_bit_set(ret, i);
		}
	for (size_t i = 0; first && i < words->v.len; i++) {
		seep_addr value = seep_memory_word(&t->rt->memory, words->v.data[i]);
		if ((value < m->data || value >= m->edata) && (value < m->bss || value >= m->ebss))
			continue;
		for (size_t k = first_from(words, value);
		     k < words->v.len && words->v.data[k] < value + STATIC_BYTES; k++)
			if (seep_bit_get(first, k)) {
				seep_bit_set(ret, i);
				break;
			}
	}
	seep_vec_free(&worth.todo);
	seep_map_deinit(&worth.seen);
}

/** What the code tells of package variables that nothing else has told. */
static struct seep_error *follow_evidence(struct typer *t)
{
	struct seep_error *err;
	const struct seep_module *m = &t->rt->binary->pclntab.module;
	_cleanup_(words_deinit) struct words words = {};
	const struct seep_evidence_word *found;
	size_t count = 0;

	if (m->data < m->bss)
		add_masked(t, m->data, m->edata, m->gcdatamask, m->gcdatamask_bits, &words);
	add_masked(t, m->bss, m->ebss, m->gcbssmask, m->gcbssmask_bits, &words);
	_cleanup_free_ uint64_t *wanted = calloc(SEEP_BITS_WORDS(words.v.len) + 1, 8);
	if (!wanted)
		return &seep_enomem;
	choose_words(t, &words, wanted);
	err = seep_evidence_globals(t->evidence, words.v.data, words.v.len, wanted, &found, &count);
	for (size_t i = 0; !err && i < count; i++) {
		struct seep_part part = { .kind = found[i].kind, .type = found[i].type };
		if (part.kind == SEEP_PART_POINTER &&
		    !seep_pointer_is_plain(t->typing->shapes.types, part.type))
			part.kind = SEEP_PART_UNSAFE;
		seep_typer_global_parts(t, found[i].addr, seep_part_bytes(part.kind), &part, 1);
		seep_typer_drain(t);
	}
	return err;
}

// Closures.

/** Bit by word of the object's first words: it holds a pointer. */
static uint64_t pointer_bits(const struct typer *t, struct seep_object object)
{
	struct seep_pointers walk;
	uint64_t word, bits = 0;
	seep_addr value;

	seep_pointers_start(t->heap, object, &walk);
	if (walk.guess)
		return 0;
	while (seep_pointers_next(&walk, &word, &value))
		if (word < CLOSURE_WORDS)
			bits |= 1ull << word;
	return bits;
}

/** Offset of a part's word that the collector follows: of an interface's two it is the second. */
static int64_t pointer_of(const struct seep_part *part)
{
	return part->offset +
	       (part->kind == SEEP_PART_IFACE || part->kind == SEEP_PART_EFACE ? 8 : 0);
}

/** What the closure captured, offsets in its object; false if nothing is known. */
static bool captures_of(struct typer *t, seep_addr pc, uint64_t object_size, struct parts *ret)
{
	const struct seep_pclntab *tab = &t->rt->binary->pclntab;
	struct seep_debug_parts debug;
	struct seep_func func;

	if (!seep_pclntab_find(tab, pc, &func) || func.entry != pc)
		return false;
	if (t->variables->debug &&
	    seep_debug_closure(t->variables->debug, func.entry, object_size, &debug))
		return import_parts(t, debug.parts, debug.part_count, ret);
	seep_addr type = seep_evidence_closure(t->evidence, &func);
	uint32_t shape = type ? seep_shape_of(&t->typing->shapes, type) : 0;
	const struct seep_shape s = t->typing->shapes.shapes.data[shape];
	for (uint32_t i = 0; shape && s.size <= object_size && i < s.part_count; i++)
		if (!seep_vec_push(&ret->v, s.parts[i]))
			t->failed = true;
	return ret->v.len > 0;
}

void seep_typer_closure(struct typer *t, struct seep_object object, seep_addr pc)
{
	const struct seep_span *span = &t->heap->spans.data[object.span];
	const unsigned char *bytes = span->bytes + object.slot * span->elem_size;
	seep_addr addr = seep_heap_address(t->heap, object);
	_cleanup_(parts_deinit) struct parts parts = {};
	uint64_t left = pointer_bits(t, object);

	if (left && captures_of(t, pc, span->elem_size, &parts))
		for (size_t i = 0; i < parts.v.len; i++) {
			const struct seep_part *part = &parts.v.data[i];
			uint64_t word = pointer_of(part) / 8;
			if (part->kind == SEEP_PART_ARRAY || part->offset < 8 || part->offset % 8 ||
			    word >= CLOSURE_WORDS ||
			    part->offset + seep_part_bytes(part->kind) > span->elem_size ||
			    !(left >> word & 1))
				continue;
			left &= ~(1ull << word);
			seep_typer_parts(t, bytes, addr, part, 1);
		}
	struct seep_pointers walk;
	uint64_t word;
	seep_addr value;
	seep_pointers_start(t->heap, object, &walk);
	while (seep_pointers_next(&walk, &word, &value))
		if (word >= CLOSURE_WORDS || walk.guess || left >> word & 1)
			seep_typer_see_all(t, value);
}

// Stacks.

/** A typed word of the stack at hand. */
struct slot {
	seep_addr addr; /** of the word that the collector follows */
	struct seep_part part; /** from there */
};

struct stack {
	struct typer *t;
	const struct seep_goroutine *g;
	struct seep_vec(struct slot) slots; /** by address */
};

static void add_slot(struct stack *s, seep_addr base, struct seep_part part)
{
	seep_addr addr = base + pointer_of(&part);

	if (s->slots.len && addr <= s->slots.data[s->slots.len - 1].addr)
		return; // another variable in the same place
	part.offset = part.offset - pointer_of(&part);
	if (!seep_vec_push(&s->slots, (struct slot){ addr, part }))
		s->t->failed = true;
}

/** caller: NULL for a goroutine's first frame. */
static void add_frame(struct stack *s, const struct seep_frame *f, const struct seep_frame *caller,
		      bool innermost)
{
	struct typer *t = s->t;
	const struct seep_func *func = &f->site->func;
	_cleanup_(parts_deinit) struct parts parts = {};
	const struct seep_evidence_word *words;
	struct seep_debug_parts debug;
	size_t count = 0;

	if (f->site->runtime)
		return;
	if (t->variables->debug) {
		if (seep_debug_frame(t->variables->debug, func->entry,
				     innermost ? f->pc + 1 : f->pc, &debug) &&
		    import_parts(t, debug.parts, debug.part_count, &parts))
			for (size_t i = 0; i < parts.v.len; i++)
				add_slot(s, f->fp, parts.v.data[i]);
		return;
	}
	struct seep_error *err =
		innermost ?
			NULL :
			seep_evidence_frame(t->evidence,
					    &(struct seep_evidence_frame){
						    .func = func,
						    .caller = caller ? &caller->site->func : NULL,
						    .pc = f->pc,
						    .caller_pc = caller ? caller->pc : 0,
					    },
					    &words, &count);
	if (err)
		count = 0;
	seep_error_destroy(err);
	for (size_t i = 0; i < count; i++) {
		struct seep_part part = { .offset = words[i].offset,
					  .kind = words[i].kind,
					  .type = words[i].type };
		if (part.kind == SEEP_PART_POINTER &&
		    !seep_pointer_is_plain(t->typing->shapes.types, part.type))
			part.kind = SEEP_PART_UNSAFE;
		add_slot(s, f->sp, part);
	}
}

static void follow_slot(seep_addr word, seep_addr value, bool precise, void *arg)
{
	struct stack *s = arg;
	size_t lo = 0, hi = s->slots.len;

	(void)value;
	while (precise && word && lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct slot *slot = &s->slots.data[mid];
		if (slot->addr == word) {
			seep_addr start = word + slot->part.offset;
			uint64_t size = seep_part_bytes(slot->part.kind);
			if (slot->part.kind != SEEP_PART_ARRAY && start >= s->g->stack_lo &&
			    size <= s->g->stack_hi - start)
				seep_typer_parts(s->t, s->g->stack + (word - s->g->stack_lo), word,
						 &slot->part, 1);
			return;
		}
		if (slot->addr < word)
			lo = mid + 1;
		else
			hi = mid;
	}
}

static void follow_stack(struct typer *t, const struct seep_goroutine *g)
{
	struct stack s = { .t = t, .g = g };
	struct seep_unwinder u;

	// What a running goroutine's frames hold is not known to the map.
	if (!g->stack || g->conservative || g->thread || !seep_unwind_start(t->rt, g, &u))
		return;
	for (bool more = true; more;) {
		struct seep_frame frame = u.frame;
		bool innermost = u.depth == 0;
		more = seep_unwind_next(&u);
		add_frame(&s, &frame, more && u.frame.site->func.raw ? &u.frame : NULL, innermost);
	}
	if (s.slots.len)
		seep_stack_words(t->rt, g, follow_slot, &s);
	seep_typer_drain(t);
	seep_vec_free(&s.slots);
}

// What the runtime knows.

static void follow_waits(struct typer *t)
{
	for (size_t i = 0; i < t->rt->goroutines.len; i++) {
		const struct seep_goroutine *g = &t->rt->goroutines.data[i];
		if (g->wait != SEEP_WAIT_SEND && g->wait != SEEP_WAIT_RECEIVE &&
		    g->wait != SEEP_WAIT_SELECT)
			continue;
		for (uint32_t k = 0; k < g->wait_count; k++)
			seep_typer_see_channel(t, t->rt->waits.data[g->first_wait + k].address, 0);
		seep_typer_drain(t);
	}
}

/** A word that may be a func value: it is one if it leads to an object that begins with the address of a function. */
static void try_func(struct typer *t, seep_addr pointer)
{
	seep_addr pc = seep_memory_word(&t->rt->memory, pointer);
	struct seep_func func;

	if (pc && seep_pclntab_find(&t->rt->binary->pclntab, pc, &func) && func.entry == pc)
		seep_typer_see_func(t, pointer);
}

/** Functions of finalizers and cleanups, and what the former are called with. */
static void follow_specials(struct typer *t)
{
	for (size_t i = 0; i < t->rt->specials.len; i++) {
		const struct seep_special *special = &t->rt->specials.data[i];
		struct seep_type type;
		if (special->kind == SEEP_SPECIAL_WEAK_HANDLE)
			continue;
		for (int k = 0; k < 3; k++)
			try_func(t, special->words[k]);
		if (special->type &&
		    seep_type_read(t->typing->shapes.types, special->type, &type) &&
		    type.kind == SEEP_KIND_PTR)
			seep_typer_adopt(
				t,
				seep_heap_address(t->heap, special->object) +
					seep_content_start(
						&t->heap->spans.data[special->object.span]),
				seep_shape_of(&t->typing->shapes, type.elem));
		seep_typer_drain(t);
	}
}

struct seep_error *seep_typer_roots(struct typer *t)
{
	struct seep_error *err = NULL;

	follow_waits(t);
	follow_specials(t);

	for (size_t i = 0; i < t->variables->items.len; i++)
		follow_variable(t, &t->variables->items.data[i]);
	if (!t->variables->has_types)
		err = follow_evidence(t);
	for (size_t i = 0; !err && i < t->rt->goroutines.len; i++)
		follow_stack(t, &t->rt->goroutines.data[i]);
	return err;
}
