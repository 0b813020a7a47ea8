// DWARF's types as parts. How Go's linker writes them (src/cmd/link/internal/ld/dwarf.go):
//
//	base type     numbers and bool
//	pointer       with a type; without one: unsafe.Pointer
//	structure     by kind (0x2900): a struct, a string, or a slice with its element (0x2902)
//	typedef       with kind: map, channel, interface. Without: a name for the type it leads to, and (0x2906) a type parameter
//	array         its child, a subrange, has the count
//	function type
//
// 0x2904 is the type's descriptor, as offset from the start of the types in all releases from 1.18 to 1.27 (R_ADDROFF, from the
// section's start, which is where moduledata.types points), 0 when the program has none.
//
// Code of generic functions is made for shapes: all pointers are *uint8 there, under names like go.shape.*uint8. Of anything with such a name
// only the kind is true, not what it leads to.
#include "binary/debug_internal.h"

enum { MAX_DEPTH = 64, MAX_TYPEDEFS = 16, MAX_MEMBERS = 1 << 16 };
enum { MAX_PARTS = 1 << 14, MAX_PARTS_TOTAL = 1 << 22, UNROLL_PARTS = 64, WORD = 8 };

bool seep_debug_die(const struct seep_debug *debug, uint64_t offset, struct seep_die *ret)
{
	const struct seep_dwarf_unit *unit = seep_dwarf_unit_at(&debug->dwarf, offset);

	return unit && seep_die_read(&debug->dwarf, unit, offset, ret) && ret->tag != 0;
}

// Names lead to the type they name.
static bool read_type(const struct seep_debug *debug, uint64_t offset, struct seep_die *ret)
{
	for (unsigned i = 0; i < MAX_TYPEDEFS; i++) {
		if (!seep_debug_die(debug, offset, ret))
			return false;
		if (ret->tag != SEEP_TAG_TYPEDEF || (ret->has & SEEP_DIE_KIND))
			return true;
		if (!(ret->has & SEEP_DIE_TYPE))
			return false;
		offset = ret->type;
	}
	return false;
}

static bool is_shaped(const struct seep_die *die)
{
	return die->name && strstr(die->name, "go.shape.");
}

static seep_addr descriptor(const struct seep_debug *debug, const struct seep_die *die)
{
	const struct seep_module *module = debug->types->module;
	struct seep_type type;

	if (!(die->has & SEEP_DIE_RUNTIME_TYPE) || die->runtime_type == 0 || is_shaped(die) ||
	    die->runtime_type >= module->etypes - module->types ||
	    !seep_type_read(debug->types, module->types + die->runtime_type, &type))
		return 0;
	if ((die->has & SEEP_DIE_KIND) && die->kind != type.kind)
		return 0;
	if ((die->has & SEEP_DIE_SIZE) && die->size != type.size)
		return 0;
	return type.addr;
}

static seep_addr descriptor_at(const struct seep_debug *debug, uint64_t offset)
{
	struct seep_die die;

	return read_type(debug, offset, &die) ? descriptor(debug, &die) : 0;
}

bool seep_debug_pointee(const struct seep_debug *debug, uint64_t offset, uint64_t *ret)
{
	struct seep_die die;

	if (!read_type(debug, offset, &die) || die.tag != SEEP_TAG_POINTER ||
	    !(die.has & SEEP_DIE_TYPE))
		return false;
	*ret = die.type;
	return true;
}

/* ---- one type after the other; its parts are collected at the end of scratch ---- */

static uint32_t shape_at(struct seep_debug *debug, uint64_t offset, unsigned depth);

static bool add(struct seep_debug *debug, struct seep_part part)
{
	return debug->scratch.len < MAX_PARTS && seep_vec_push(&debug->scratch, part);
}

static bool leaf(struct seep_debug *debug, enum seep_part_kind kind, seep_addr type, uint64_t words,
		 uint64_t *size_ret)
{
	*size_ret = words * WORD;
	return add(debug, (struct seep_part){ .kind = kind, .type = type });
}

// The number that a type's shape has or will have. Pointers go round in circles, so what they lead to is made when somebody asks.
static uint32_t shape_number(struct seep_debug *debug, uint64_t die)
{
	bool added;
	uint64_t *number = seep_map_put(&debug->shape_by_die, die, &added);

	if (!number)
		return 0;
	if (added) {
		struct seep_debug_progress progress = { .die = die, .state = SEEP_DEBUG_LATER };
		struct seep_shape shape = {};
		*number = 0;
		if (debug->shapes.len == UINT32_MAX ||
		    !seep_vec_reserve(&debug->shapes, debug->shapes.len + 1) ||
		    !seep_vec_push(&debug->progress, progress))
			return 0;
		*number = debug->shapes.len;
		(void)seep_vec_push(&debug->shapes, shape); // has room
	}
	return (uint32_t)*number;
}

// Types whose pointers do not stop at a value of theirs: bytes, and what the runtime and its like build (shape.c has the same for types with
// a descriptor).
static bool is_plain(const struct seep_die *die)
{
	static const char *const packages[] = {
		"runtime.",
		"internal/",
		"runtime/internal/",
	};

	if (die->tag == SEEP_TAG_BASE)
		return die->kind != SEEP_KIND_UINT8 && die->kind != SEEP_KIND_INT8;
	for (size_t i = 0; die->name && i < sizeof(packages) / sizeof(*packages); i++) {
		if (seep_has_prefix(die->name, packages[i]))
			return false;
	}
	return true;
}

// A pointer or slice: by its descriptor what it leads to, or else by its shape.
static bool leading(struct seep_debug *debug, enum seep_part_kind kind, const struct seep_die *die,
		    uint64_t to)
{
	struct seep_part part = { .kind = kind };
	struct seep_die to_die;

	if (!is_shaped(die) && read_type(debug, to, &to_die) && !is_shaped(&to_die)) {
		part.type = descriptor(debug, &to_die);
		if (part.type == 0 && (kind != SEEP_PART_POINTER || is_plain(&to_die)))
			part.inner = shape_number(debug, to_die.offset);
	}
	return add(debug, part);
}

static bool pointer_parts(struct seep_debug *debug, const struct seep_die *die, uint64_t *size_ret)
{
	bool named = die->name && die->name[0] != '*' && !is_shaped(die);

	if (!(die->has & SEEP_DIE_TYPE) || die->kind == SEEP_KIND_UNSAFE_POINTER || named)
		return leaf(debug, SEEP_PART_UNSAFE, 0, 1, size_ret);
	*size_ret = WORD;
	return leading(debug, SEEP_PART_POINTER, die, die->type);
}

static bool is_eface(const struct seep_debug *debug, const struct seep_die *die, bool *ret)
{
	struct seep_die to;

	if (!(die->has & SEEP_DIE_TYPE) || !read_type(debug, die->type, &to) || !to.name)
		return false;
	*ret = strcmp(to.name, "runtime.eface") == 0;
	return *ret || strcmp(to.name, "runtime.iface") == 0;
}

static bool typedef_parts(struct seep_debug *debug, const struct seep_die *die, uint64_t *size_ret)
{
	seep_addr type = descriptor(debug, die);
	bool eface;

	switch (die->kind) {
	case SEEP_KIND_MAP:
		return leaf(debug, SEEP_PART_MAP, type, 1, size_ret);
	case SEEP_KIND_CHAN:
		return leaf(debug, SEEP_PART_CHANNEL, type, 1, size_ret);
	case SEEP_KIND_INTERFACE:
		return is_eface(debug, die, &eface) &&
		       leaf(debug, eface ? SEEP_PART_EFACE : SEEP_PART_IFACE, type, 2, size_ret);
	default:
		return false;
	}
}

static bool subrange_count(const struct seep_debug *debug, const struct seep_die *array,
			   uint64_t *ret)
{
	struct seep_die child;

	if (!array->children || !seep_die_read(&debug->dwarf, array->unit, array->next, &child) ||
	    child.tag != SEEP_TAG_SUBRANGE || !(child.has & SEEP_DIE_COUNT))
		return false;
	*ret = child.count;
	return true;
}

static bool unroll(struct seep_debug *debug, uint32_t inner, uint64_t offset)
{
	struct seep_shape shape = debug->shapes.data[inner];

	for (uint32_t i = 0; i < shape.part_count; i++) {
		struct seep_part part = shape.parts[i];
		part.offset += (int64_t)offset;
		if (!add(debug, part))
			return false;
	}
	return true;
}

static bool array_parts(struct seep_debug *debug, const struct seep_die *die, unsigned depth,
			uint64_t *size_ret)
{
	uint64_t count;

	if (!(die->has & SEEP_DIE_TYPE) || !subrange_count(debug, die, &count))
		return false;
	uint32_t inner = shape_at(debug, die->type, depth + 1);
	if (inner == 0)
		return false;
	const struct seep_shape shape = debug->shapes.data[inner];
	if (__builtin_mul_overflow(count, shape.size, size_ret))
		return false;
	if (shape.part_count == 0 || count == 0)
		return true;
	if (count > UNROLL_PARTS / shape.part_count)
		return add(debug, (struct seep_part){
					  .kind = SEEP_PART_ARRAY,
					  .inner = inner,
					  .type = shape.type,
					  .count = count,
					  .stride = shape.size,
				  });
	for (uint64_t i = 0; i < count; i++) {
		if (!unroll(debug, inner, i * shape.size))
			return false;
	}
	return true;
}

// atomic.Pointer[T] tells T by a field of no size: _ [0]*T.
static void note_atomic(const struct seep_debug *debug, uint64_t member_type, seep_addr *ret)
{
	struct seep_die array;
	uint64_t count, to;

	if (read_type(debug, member_type, &array) && array.tag == SEEP_TAG_ARRAY &&
	    (array.has & SEEP_DIE_TYPE) && subrange_count(debug, &array, &count) && count == 0 &&
	    seep_debug_pointee(debug, array.type, &to))
		*ret = descriptor_at(debug, to);
}

static bool is_atomic_pointer(const struct seep_die *die)
{
	return die->name && (seep_has_prefix(die->name, "sync/atomic.Pointer[") ||
			     seep_has_prefix(die->name, "internal/runtime/atomic.Pointer[") ||
			     seep_has_prefix(die->name, "runtime/internal/atomic.Pointer["));
}

static bool struct_parts(struct seep_debug *debug, const struct seep_die *die, unsigned depth)
{
	uint64_t at = die->next, reached = 0;
	size_t first = debug->scratch.len;
	seep_addr atomic = 0;
	struct seep_die member;

	for (unsigned i = 0; die->children; i++) {
		if (i == MAX_MEMBERS || !seep_die_read(&debug->dwarf, die->unit, at, &member))
			return false;
		if (member.tag == 0)
			break;
		if (!seep_die_skip_children(&debug->dwarf, &member, &at))
			return false;
		if (member.tag != SEEP_TAG_MEMBER)
			continue;
		uint32_t inner =
			member.has & SEEP_DIE_TYPE ? shape_at(debug, member.type, depth + 1) : 0;
		uint64_t end;
		// In order and within the struct, or it is none of Go's.
		if (inner == 0 || member.member_offset < reached ||
		    __builtin_add_overflow(member.member_offset, debug->shapes.data[inner].size,
					   &end) ||
		    end > die->size)
			return false;
		reached = end;
		if (!unroll(debug, inner, member.member_offset))
			return false;
		note_atomic(debug, member.type, &atomic);
	}
	if (is_atomic_pointer(die) && debug->scratch.len == first + 1 &&
	    debug->scratch.data[first].kind == SEEP_PART_UNSAFE) {
		debug->scratch.data[first].kind = SEEP_PART_POINTER;
		debug->scratch.data[first].type = atomic;
	}
	return true;
}

static bool structure_parts(struct seep_debug *debug, const struct seep_die *die, unsigned depth,
			    uint64_t *size_ret)
{
	*size_ret = die->size;
	switch (die->kind) {
	case SEEP_KIND_STRING:
		return leaf(debug, SEEP_PART_STRING, 0, 2, size_ret);
	case SEEP_KIND_SLICE:
		if (!(die->has & SEEP_DIE_ELEM))
			return false;
		*size_ret = 3 * WORD;
		return leading(debug, SEEP_PART_SLICE, die, die->elem);
	default:
		return struct_parts(debug, die, depth);
	}
}

static bool parts_of(struct seep_debug *debug, const struct seep_die *die, unsigned depth,
		     uint64_t *size_ret)
{
	switch (die->tag) {
	case SEEP_TAG_BASE:
		*size_ret = die->size;
		return true;
	case SEEP_TAG_POINTER:
		return pointer_parts(debug, die, size_ret);
	case SEEP_TAG_FUNC_TYPE:
		return leaf(debug, SEEP_PART_FUNC, descriptor(debug, die), 1, size_ret);
	case SEEP_TAG_TYPEDEF:
		return typedef_parts(debug, die, size_ret);
	case SEEP_TAG_ARRAY:
		return array_parts(debug, die, depth, size_ret);
	case SEEP_TAG_STRUCT:
		return structure_parts(debug, die, depth, size_ret);
	default:
		return false;
	}
}

static uint64_t pointer_end(const struct seep_debug *debug, const struct seep_part *part)
{
	switch (part->kind) {
	case SEEP_PART_EFACE:
	case SEEP_PART_IFACE:
		return part->offset + 2 * WORD;
	case SEEP_PART_ARRAY:
		return part->offset + (part->count - 1) * part->stride +
		       debug->shapes.data[part->inner].ptr_bytes;
	default:
		return part->offset + WORD;
	}
}

static bool finish(struct seep_debug *debug, size_t first, struct seep_shape *shape)
{
	size_t count = debug->scratch.len - first, bytes = count * sizeof(struct seep_part);

	if (count > 0) {
		if (count > MAX_PARTS_TOTAL - debug->part_total)
			return false;
		struct seep_part *parts = seep_debug_alloc(debug, bytes);
		if (!parts)
			return false;
		memcpy(parts, debug->scratch.data + first, bytes);
		shape->parts = parts;
		shape->part_count = count;
		shape->ptr_bytes = pointer_end(debug, &parts[count - 1]);
		debug->part_total += count;
	}
	return true;
}

static bool make(struct seep_debug *debug, const struct seep_die *die, unsigned depth,
		 struct seep_shape *ret)
{
	size_t first = debug->scratch.len;
	bool ok = parts_of(debug, die, depth, &ret->size);

	if ((die->has & SEEP_DIE_SIZE) && ret->size != die->size)
		ok = false;
	ret->type = descriptor(debug, die);
	ret->name = die->name;
	ok = ok && finish(debug, first, ret);
	debug->scratch.len = first;
	return ok;
}

static uint32_t shape_at(struct seep_debug *debug, uint64_t offset, unsigned depth)
{
	struct seep_shape shape = {};
	struct seep_die die;

	uint32_t number = read_type(debug, offset, &die) ? shape_number(debug, die.offset) : 0;
	if (debug->progress.data[number].state == SEEP_DEBUG_DONE)
		return number;
	// In the making: a type that holds itself. One that is too deep now may be met less deep later.
	if (debug->progress.data[number].state != SEEP_DEBUG_LATER || depth > MAX_DEPTH)
		return 0;
	debug->progress.data[number].state = SEEP_DEBUG_MAKING;
	bool ok = make(debug, &die, depth, &shape);
	debug->progress.data[number].state = ok ? SEEP_DEBUG_DONE : SEEP_DEBUG_FAILED;
	if (!ok)
		return 0;
	debug->shapes.data[number] = shape;
	return number;
}

uint32_t seep_debug_shape(struct seep_debug *debug, uint64_t offset)
{
	return shape_at(debug, offset, 0);
}

void seep_debug_keep_promise(struct seep_debug *debug, uint32_t shape)
{
	if (debug->progress.data[shape].state == SEEP_DEBUG_LATER)
		shape_at(debug, debug->progress.data[shape].die, 0);
}
