// What closures captured and what stands in frames.
//
// A variable of a function has its place as an expression, good for all of the function, or as a list of expressions by pc. Those that Go
// writes: the frame's address (DW_OP_call_frame_cfa), or an offset from it (DW_OP_fbreg; the base is the same address), a register, or
// pieces of these (DW_OP_piece). Registers are not followed: at a return address they belong to somebody else. The 1.27 form
// `fbreg, deref` of variables that moved to the heap is not believed, because the pointer's slot need not exist.
//
// From 1.23 on the compiler lets local variables above three words share a slot when they are not live at the same time, and DWARF does
// not say which of them has it (liveness/mergelocals.go): what is that large is left out. Parameters and results of the function itself
// never share, nor do smaller ones: where such a slot is no longer live, it still holds an earlier value of the same variable.
//
// A closure's captured variable has 0x2907 (1.23 on): its offset in the closure object. When it was captured by reference
// the variable is "&x", a pointer, and that is what stands in the object. But when x was captured by value and the function's code needs
// its address, the variable is "&x" as well, and x itself stands in the object (ssagen/ssa.go, setHeapaddr). Only room and pointer
// maps tell which.
#include "binary/debug_internal.h"

enum {
	OP_CONSTS = 0x11,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_REG0 = 0x50,
	OP_REG31 = 0x6f,
	OP_REGX = 0x90,
	OP_FBREG = 0x91,
	OP_PIECE = 0x93,
	OP_CALL_FRAME_CFA = 0x9c,
};

enum {
	WORD = 8,
	MAX_ENTRIES = 1 << 18,
	MAX_BLOCKS = 256,
	MAX_PIECES = 64,
	LIST_BUDGET = 1 << 20,
	MERGED_ABOVE_BYTES = 3 * WORD,
	FIRST_MERGING_MINOR = 23,
};
static const int64_t max_frame_bytes = (int64_t)1 << 32;

typedef struct seep_vec(struct seep_part) part_vec;
typedef struct seep_vec(struct seep_debug_name) name_vec;

struct found {
	part_vec parts;
	name_vec names;
};

static void found_free(struct found *found)
{
	seep_vec_free(&found->parts);
	seep_vec_free(&found->names);
}
#define _cleanup_found_ _cleanup_(found_free)

/* ---- the variables of a function ---- */

struct visit {
	struct seep_debug *debug;
	struct found *found;
	bool closure;
	seep_addr pc; // of the call, bias not applied
	uint64_t object_size;
	struct seep_vec(struct seep_die) captures;
};

static bool find_function(const struct seep_debug *debug, seep_addr entry, struct seep_die *ret)
{
	size_t low = 0, high = debug->functions.len;
	seep_addr at = entry - debug->image->bias;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (debug->functions.data[mid].entry < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < debug->functions.len && debug->functions.data[low].entry == at &&
	       seep_debug_die(debug, debug->functions.data[low].die, ret);
}

// Name and type of a variable whose inlined or concrete entry only refers to the abstract one. What has a point in its name is none of
// the source's: words.ptr (1.25 on) is the first word of a slice by the type of a pointer to one element, .dict is of generic code.
static bool complete(const struct seep_debug *debug, struct seep_die *die)
{
	struct seep_die origin;

	if (!(die->has & SEEP_DIE_TYPE)) {
		if (!(die->has & SEEP_DIE_ORIGIN) || !seep_debug_die(debug, die->origin, &origin) ||
		    !(origin.has & SEEP_DIE_TYPE))
			return false;
		die->type = origin.type;
		die->has |= SEEP_DIE_TYPE;
		if (!die->name)
			die->name = origin.name;
	}
	return die->name && !strchr(die->name, '.');
}

static bool frame_variable(struct visit *visit, struct seep_die *die, bool inlined);

// In a closure only the function's own variables count; at a pc, those of the scopes that hold it.
static bool descends(struct visit *visit, const struct seep_die *die)
{
	if (die->tag == SEEP_TAG_BLOCK)
		return visit->closure || seep_die_holds(&visit->debug->dwarf, die, visit->pc);
	return die->tag == SEEP_TAG_INLINED && !visit->closure &&
	       seep_die_holds(&visit->debug->dwarf, die, visit->pc);
}

static bool each_variable(struct visit *visit, const struct seep_die *function)
{
	bool inlined[MAX_BLOCKS] = {};
	unsigned depth = 0; // of scopes entered below the function
	uint64_t at = function->next;
	struct seep_die die;

	if (!function->children)
		return true;
	for (unsigned i = 0; i < MAX_ENTRIES; i++) {
		if (!seep_die_read(&visit->debug->dwarf, function->unit, at, &die))
			return false;
		at = die.next;
		if (die.tag == 0) {
			if (depth == 0)
				return true;
			depth--;
			continue;
		}
		if (die.children && depth + 1 < MAX_BLOCKS && descends(visit, &die)) {
			depth++;
			inlined[depth] = inlined[depth - 1] || die.tag == SEEP_TAG_INLINED;
			continue;
		}
		if (!seep_die_skip_children(&visit->debug->dwarf, &die, &at))
			return false;
		if (die.tag != SEEP_TAG_VARIABLE && die.tag != SEEP_TAG_PARAMETER)
			continue;
		if (!complete(visit->debug, &die))
			continue;
		if (visit->closure ? (die.has & SEEP_DIE_CLOSURE_OFFSET) &&
					     !seep_vec_push(&visit->captures, die) :
				     !frame_variable(visit, &die, inlined[depth]))
			return false;
	}
	return false;
}

/* ---- answers ---- */

static uint64_t part_bytes(const struct seep_part *part)
{
	switch (part->kind) {
	case SEEP_PART_STRING:
	case SEEP_PART_EFACE:
	case SEEP_PART_IFACE:
		return 2 * WORD;
	case SEEP_PART_SLICE:
		return 3 * WORD;
	case SEEP_PART_ARRAY:
		return part->count * part->stride;
	default:
		return WORD;
	}
}

static int by_offset(const void *left, const void *right)
{
	const struct seep_part *a = left, *b = right;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (part_bytes(a) > part_bytes(b)) - (part_bytes(a) < part_bytes(b));
}

static int name_by_offset(const void *left, const void *right)
{
	const struct seep_debug_name *a = left, *b = right;

	return (a->offset > b->offset) - (a->offset < b->offset);
}

static bool same_part(const struct seep_part *a, const struct seep_part *b)
{
	return a->offset == b->offset && a->kind == b->kind && a->type == b->type &&
	       a->inner == b->inner && a->count == b->count && a->stride == b->stride;
}

// Two variables that are said to stand in one place: if they agree, one is enough; if not, none is to be believed.
static void settle(part_vec *parts)
{
	size_t kept = 0;

	if (parts->len > 0)
		qsort(parts->data, parts->len, sizeof(*parts->data), by_offset);
	for (size_t i = 0, next; i < parts->len; i = next) {
		const struct seep_part *part = &parts->data[i];
		int64_t end = part->offset + (int64_t)part_bytes(part);
		bool agree = true;
		for (next = i + 1; next < parts->len && parts->data[next].offset < end; next++) {
			const struct seep_part *other = &parts->data[next];
			int64_t other_end = other->offset + (int64_t)part_bytes(other);
			agree &= same_part(part, other);
			end = other_end > end ? other_end : end;
		}
		if (agree)
			parts->data[kept++] = *part;
	}
	parts->len = kept;
}

// Keeps what was found as the answer for key, and gives it. Names that memory is out for are left out.
static bool answer(struct seep_debug *debug, struct seep_map *map, uint64_t key,
		   struct found *found, struct seep_debug_parts *ret)
{
	struct seep_debug_parts parts = {};
	size_t part_len = found->parts.len * sizeof(struct seep_part);
	size_t name_len = found->names.len * sizeof(struct seep_debug_name);

	if (found->names.len > 0)
		qsort(found->names.data, found->names.len, sizeof(*found->names.data),
		      name_by_offset);
	struct seep_part *part_copy = part_len ? seep_debug_alloc(debug, part_len) : NULL;
	struct seep_debug_name *name_copy = name_len ? seep_debug_alloc(debug, name_len) : NULL;
	if (part_copy) {
		memcpy(part_copy, found->parts.data, part_len);
		parts.parts = part_copy;
		parts.part_count = found->parts.len;
	}
	if (name_copy) {
		memcpy(name_copy, found->names.data, name_len);
		parts.names = name_copy;
		parts.name_count = found->names.len;
	}
	uint64_t *index = seep_map_put(map, key, NULL);
	if (index && seep_vec_push(&debug->answers, parts))
		*index = debug->answers.len - 1;
	*ret = parts;
	return parts.part_count > 0 || parts.name_count > 0;
}

static bool answered(const struct seep_debug *debug, const struct seep_map *map, uint64_t key,
		     struct seep_debug_parts *ret)
{
	const uint64_t *index = seep_map_get(map, key);

	if (!index)
		return false;
	*ret = debug->answers.data[*index];
	return true;
}

/* ---- closures ---- */

static bool add_capture(struct visit *visit, uint64_t offset, const struct seep_part *part,
			uint64_t size, const char *name)
{
	struct seep_debug_name named = { .offset = (int64_t)offset, .size = size, .name = name };

	if (part && !seep_vec_push(&visit->found->parts, *part))
		return false;
	return seep_vec_push(&visit->found->names, named);
}

static bool captured_value(struct visit *visit, const struct seep_die *die)
{
	uint32_t i = seep_debug_shape(visit->debug, die->type);
	struct seep_shape shape = visit->debug->shapes.data[i];

	for (uint32_t k = 0; k < shape.part_count; k++) {
		struct seep_part part = shape.parts[k];
		part.offset += (int64_t)die->closure_offset;
		if (!seep_vec_push(&visit->found->parts, part))
			return false;
	}
	return i == 0 || add_capture(visit, die->closure_offset, NULL, shape.size, die->name);
}

// "&x": a pointer to x, unless x itself fits. next: where the next capture stands, or the object ends; 0 if unknown.
static bool captured_variable(struct visit *visit, const struct seep_die *die, uint64_t next)
{
	struct seep_debug *debug = visit->debug;
	uint64_t to, offset = die->closure_offset;

	if (!seep_debug_pointee(debug, die->type, &to))
		return true;
	uint32_t own = seep_debug_shape(debug, die->type), i = seep_debug_shape(debug, to);
	struct seep_shape shape = debug->shapes.data[i], pointer = debug->shapes.data[own];
	if (i == 0 || pointer.part_count != 1 || pointer.size != WORD)
		return true;
	bool no_room = next != 0 && next < offset + shape.size;
	bool told_by_map = shape.part_count == 0 || shape.parts[0].offset > 0 || shape.size == 0;
	if (!no_room && !told_by_map)
		return true;
	struct seep_part part = pointer.parts[0];
	part.offset = (int64_t)offset;
	return add_capture(visit, offset, &part, WORD, die->name + 1);
}

static int by_closure_offset(const void *left, const void *right)
{
	const struct seep_die *a = left, *b = right;

	return (a->closure_offset > b->closure_offset) - (a->closure_offset < b->closure_offset);
}

static bool read_captures(struct visit *visit)
{
	struct seep_die *captures = visit->captures.data;
	size_t count = visit->captures.len;

	if (count > 0)
		qsort(captures, count, sizeof(*captures), by_closure_offset);
	for (size_t i = 0; i < count; i++) {
		const struct seep_die *die = &captures[i];
		uint64_t next = visit->object_size;
		if (die->closure_offset < WORD || die->closure_offset > (uint64_t)max_frame_bytes)
			continue;
		// An inlined copy of the function's code may name a capture twice.
		if (i > 0 && captures[i - 1].closure_offset == die->closure_offset)
			continue;
		for (size_t k = i + 1; k < count; k++) {
			if (captures[k].closure_offset > die->closure_offset) {
				next = captures[k].closure_offset;
				break;
			}
		}
		if (die->name[0] == '&' ? !captured_variable(visit, die, next) :
					  !captured_value(visit, die))
			return false;
	}
	return true;
}

bool seep_debug_closure(struct seep_debug *debug, seep_addr entry, uint64_t object_size,
			struct seep_debug_parts *ret)
{
	struct seep_die function;
	_cleanup_found_ struct found found = {};
	uint64_t key = entry + (object_size << 48);
	struct visit visit = {
		.debug = debug,
		.found = &found,
		.closure = true,
		.object_size = object_size,
	};

	if (answered(debug, &debug->closures, key, ret))
		return ret->name_count > 0;
	if (!find_function(debug, entry, &function))
		return false;
	debug->dwarf.list_budget = LIST_BUDGET;
	bool ok = each_variable(&visit, &function) && read_captures(&visit);
	seep_vec_free(&visit.captures);
	if (!ok)
		return false;
	settle(&found.parts);
	return answer(debug, &debug->closures, key, &found, ret);
}

/* ---- frames ---- */

struct piece {
	uint64_t at, len; // in the variable
	int64_t offset; // on the stack
};

struct pieces {
	struct piece items[MAX_PIECES];
	unsigned count;
};

// One place: on the stack at an offset, or (on_stack false) elsewhere or nowhere.
static bool read_place(struct seep_buffer *buf, bool *on_stack, int64_t *offset)
{
	uint64_t number;
	int64_t more;
	uint8_t op;

	*on_stack = false;
	*offset = 0;
	while (seep_buffer_left(buf) > 0 && *buf->pos != OP_PIECE) {
		if (!seep_buffer_u8(buf, &op))
			return false;
		if (op == OP_CALL_FRAME_CFA) {
			*on_stack = true;
		} else if (op == OP_FBREG && seep_buffer_svarint(buf, offset)) {
			*on_stack = true;
		} else if (op == OP_CONSTS && *on_stack && seep_buffer_svarint(buf, &more) &&
			   seep_buffer_left(buf) > 0 && *buf->pos == OP_PLUS) {
			buf->pos++;
			if (__builtin_add_overflow(*offset, more, offset))
				return false;
		} else if (op == OP_PLUS_UCONST && *on_stack && seep_buffer_uvarint(buf, &number) &&
			   number < (uint64_t)max_frame_bytes) {
			if (__builtin_add_overflow(*offset, (int64_t)number, offset))
				return false;
		} else if (op >= OP_REG0 && op <= OP_REG31 && !*on_stack) {
			continue;
		} else if (op != OP_REGX || *on_stack || !seep_buffer_uvarint(buf, &number)) {
			return false;
		}
	}
	return true;
}

static bool add_piece(struct pieces *pieces, struct piece piece)
{
	struct piece *last = pieces->count ? &pieces->items[pieces->count - 1] : NULL;

	if (piece.len == 0)
		return true;
	if (last && last->at + last->len == piece.at &&
	    last->offset + (int64_t)last->len == piece.offset) {
		last->len += piece.len;
		return true;
	}
	if (pieces->count == MAX_PIECES)
		return false;
	pieces->items[pieces->count++] = piece;
	return true;
}

static bool read_pieces(struct seep_buffer buf, uint64_t size, struct pieces *ret)
{
	struct piece piece = {};
	bool on_stack;
	uint8_t op;

	ret->count = 0;
	while (seep_buffer_left(&buf) > 0) {
		if (!read_place(&buf, &on_stack, &piece.offset))
			return false;
		if (seep_buffer_left(&buf) == 0) { // no pieces: the variable as a whole
			piece.len = size;
			if (piece.at > 0)
				return false;
		} else if (!seep_buffer_u8(&buf, &op) || !seep_buffer_uvarint(&buf, &piece.len)) {
			return false;
		}
		if (piece.len > size - piece.at || piece.offset > max_frame_bytes ||
		    piece.offset < -max_frame_bytes)
			return false;
		if (on_stack && !add_piece(ret, piece))
			return false;
		piece.at += piece.len;
	}
	return true;
}

static bool add_in_piece(struct found *found, const struct seep_shape *shape,
			 const struct piece *piece)
{
	for (uint32_t i = 0; i < shape->part_count; i++) {
		struct seep_part part = shape->parts[i];
		uint64_t start = part.offset, len = part_bytes(&part);
		// The compiler keeps the words of a slice or string apart where it likes, and drops those that it needs no more.
		if ((part.kind == SEEP_PART_SLICE || part.kind == SEEP_PART_STRING) &&
		    start >= piece->at && start - piece->at + WORD <= piece->len &&
		    start - piece->at + len > piece->len) {
			if (part.kind == SEEP_PART_STRING)
				part.type = part.inner = 0;
			else if (!part.type && !part.inner)
				continue;
			part.kind = SEEP_PART_ELEMENTS;
			len = WORD;
		}
		if (start < piece->at || len > piece->len || start - piece->at > piece->len - len)
			continue;
		part.offset = piece->offset + (int64_t)(start - piece->at);
		if (part.offset % WORD == 0 && !seep_vec_push(&found->parts, part))
			return false;
	}
	return true;
}

static bool may_share(const struct seep_debug *debug, const struct seep_die *die, bool inlined,
		      const struct piece *piece)
{
	return debug->types->minor >= FIRST_MERGING_MINOR && piece->len > MERGED_ABOVE_BYTES &&
	       (inlined || die->tag == SEEP_TAG_VARIABLE);
}

static bool frame_variable(struct visit *visit, struct seep_die *die, bool inlined)
{
	struct seep_debug *debug = visit->debug;
	struct seep_buffer location = die->location;
	struct pieces pieces;

	uint32_t i = seep_debug_shape(debug, die->type);
	struct seep_shape shape = debug->shapes.data[i];
	if (i == 0 || shape.size == 0 || shape.size > (uint64_t)max_frame_bytes)
		return true;
	if (die->has & SEEP_DIE_LOCATION_LIST) {
		if (!seep_die_location_at(&debug->dwarf, die, visit->pc, &location))
			return true;
	} else if (!(die->has & SEEP_DIE_LOCATION)) {
		return true;
	}
	if (!read_pieces(location, shape.size, &pieces))
		return true;
	for (unsigned k = 0; k < pieces.count; k++) {
		const struct piece *piece = &pieces.items[k];
		struct seep_debug_name named = { piece->offset, piece->len, die->name };
		if (may_share(debug, die, inlined, piece))
			continue;
		if (!add_in_piece(visit->found, &shape, piece) ||
		    !seep_vec_push(&visit->found->names, named))
			return false;
	}
	return true;
}

static bool has_cfa_base(const struct seep_die *function)
{
	const struct seep_buffer *base = &function->frame_base;

	return (function->has & SEEP_DIE_FRAME_BASE) && seep_buffer_left(base) == 1 &&
	       base->pos[0] == OP_CALL_FRAME_CFA;
}

bool seep_debug_frame(struct seep_debug *debug, seep_addr entry, seep_addr pc,
		      struct seep_debug_parts *ret)
{
	struct seep_die function;
	_cleanup_found_ struct found found = {};
	struct visit visit = {
		.debug = debug,
		.found = &found,
		.pc = pc - 1 - debug->image->bias,
	};

	if (answered(debug, &debug->frames, pc, ret))
		return ret->part_count > 0 || ret->name_count > 0;
	if (!find_function(debug, entry, &function) || !has_cfa_base(&function) ||
	    !seep_die_holds(&debug->dwarf, &function, visit.pc))
		return false;
	debug->dwarf.list_budget = LIST_BUDGET;
	if (!each_variable(&visit, &function))
		return false;
	settle(&found.parts);
	return answer(debug, &debug->frames, pc, &found, ret);
}
