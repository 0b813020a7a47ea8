// Shapes out of type descriptors: structs are unrolled, arrays become a part of their own unless they are short.
//
// Some pointers see more than their type says, because the code that owns them computes with addresses: those to the runtime's own
// structs, to single bytes (what unsafe.StringData and the like give), to values of no size, and those whose type has a name of its own:
// log/slog keeps a group as a groupptr, a pointer to its first attribute, with the number beside it. They count as unsafe.Pointer. On
// the other hand sync/atomic.Pointer[T] holds an unsafe.Pointer that is always a *T; it says so in its first field, a [0]*T.
#include "binary/shape.h"

#include <string.h>

enum { DEPTH_MAX = 64, PARTS_MAX = 1 << 16, UNROLLED_MAX = 16, SHAPES_MAX = 1 << 24 };
// Types may claim to be made of others without end: descriptors looked at for one shape and for all; parts of all shapes.
enum { STEPS_MAX = 1 << 20, ALL_STEPS_MAX = 1 << 26, ALL_PARTS_MAX = 1 << 24 };
enum { FIELDS_BACK_MAX = 16 }; // fields of no size behind one another
enum {
	INTERFACE_METHODS_LEN = 64
}; // abi.InterfaceType: Type 48, PkgPath 8, Methods {ptr, len, cap}
enum { MAP_BUCKET = 64 }; // abi.MapType: Type 48, Key 8, Elem 8, Bucket or Group

struct builder {
	struct seep_shapes *shapes;
	struct seep_vec(struct seep_part) parts;
	uint64_t size; /** of the whole */
	uint64_t end; /** of the last part */
	uint32_t steps;
	bool failed;
};

struct chunk {
	struct chunk *next;
	struct seep_part parts[];
};

struct seep_error *seep_shapes_init(struct seep_shapes *shapes, struct seep_types *types)
{
	*shapes = (struct seep_shapes){ .types = types };
	return seep_vec_push(&shapes->shapes, (struct seep_shape){}) ? NULL : &seep_enomem;
}

void seep_shapes_deinit(struct seep_shapes *shapes)
{
	for (struct chunk *c = shapes->arena, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	shapes->arena = NULL;
	seep_vec_free(&shapes->shapes);
	seep_map_deinit(&shapes->by_type);
}

static bool in_package(const struct seep_types *types, const struct seep_type *type,
		       const char *const *packages)
{
	for (; *packages; packages++)
		if (seep_type_package_is(types, type, *packages, strlen(*packages)))
			return true;
	return false;
}

/** Types of the runtime's whose pointers lead to more than a value of the type. */
static bool is_opaque(struct seep_types *types, const struct seep_type *type)
{
	static const char *const packages[] = {
		"runtime",	"internal/runtime/maps", "internal/sync",   "internal/concurrent",
		"internal/abi", "internal/reflectlite",	 "internal/bisect", "internal/poll",
		NULL,
	};
	static const char *const maps[] = { "unique", NULL }; // see typing_trie.c

	if (type->kind != SEEP_KIND_STRUCT)
		return false;
	return in_package(types, type, packages) ||
	       (in_package(types, type, maps) &&
		strncmp(seep_type_name(types, type->addr), "unique.Handle[", 14) != 0);
}

bool seep_pointer_is_plain(struct seep_types *types, seep_addr pointee)
{
	struct seep_type type;

	if (!seep_type_read(types, pointee, &type))
		return false;
	return type.size > 0 && type.kind != SEEP_KIND_UINT8 && type.kind != SEEP_KIND_INT8 &&
	       !is_opaque(types, &type);
}

/** Where a part ends; 0 if there is no such place. */
static uint64_t end_of(const struct seep_part *part)
{
	uint64_t bytes = seep_part_bytes(part->kind), end;

	if (part->kind == SEEP_PART_ARRAY &&
	    __builtin_mul_overflow(part->count, part->stride, &bytes))
		return 0;
	return part->offset < 0 || __builtin_add_overflow((uint64_t)part->offset, bytes, &end) ?
		       0 :
		       end;
}

/** Parts come in their order, do not overlap and do not leave the value: who follows them counts on it. */
static void push(struct builder *b, struct seep_part part)
{
	uint64_t end = end_of(&part);

	if (part.offset < 0 || (uint64_t)part.offset < b->end || end == 0 || end > b->size ||
	    b->parts.len >= PARTS_MAX || !seep_vec_push(&b->parts, part))
		b->failed = true;
	b->end = end;
}

/** named: by a type of its own, `type first *T`. */
static void push_pointer(struct builder *b, seep_addr pointee, bool named, uint64_t offset)
{
	bool plain = !named && seep_pointer_is_plain(b->shapes->types, pointee);

	push(b, (struct seep_part){
			.offset = offset,
			.kind = plain ? SEEP_PART_POINTER : SEEP_PART_UNSAFE,
			.type = pointee,
		});
}

static void add_type(struct builder *b, seep_addr addr, uint64_t offset, int depth);

/** sync/atomic.Pointer[T]: struct { _ [0]*T; _ noCopy; v unsafe.Pointer } since Go 1.19. */
static bool add_atomic_pointer(struct builder *b, const struct seep_type *type, uint64_t offset)
{
	static const char *const package[] = { "sync/atomic", NULL };
	struct seep_type array, pointer;
	struct seep_field field;

	if (type->size != 8 || !in_package(b->shapes->types, type, package) ||
	    strncmp(seep_type_name(b->shapes->types, type->addr), "atomic.Pointer[", 15) != 0 ||
	    !seep_type_field(b->shapes->types, type, 0, &field) ||
	    !seep_type_read(b->shapes->types, field.type, &array) ||
	    array.kind != SEEP_KIND_ARRAY || array.count != 0 ||
	    !seep_type_read(b->shapes->types, array.elem, &pointer) ||
	    pointer.kind != SEEP_KIND_PTR)
		return false;
	push_pointer(b, pointer.elem, false, offset);
	return true;
}

/** sync.entry up to Go 1.23: struct { p unsafe.Pointer }, later an atomic.Pointer; it is always a *interface {}. */
static bool add_map_entry(struct builder *b, const struct seep_type *type, uint64_t offset)
{
	static const char *const package[] = { "sync", NULL };
	static const struct seep_part eface = { .kind = SEEP_PART_EFACE };

	if (type->size != 8 || type->count != 1 || !in_package(b->shapes->types, type, package) ||
	    strcmp(seep_type_name(b->shapes->types, type->addr), "sync.entry") != 0)
		return false;
	if (!b->shapes->any)
		b->shapes->any = seep_shape_add(b->shapes, "interface {}", 16, &eface, 1);
	push(b, (struct seep_part){
			.offset = offset, .kind = SEEP_PART_POINTER, .inner = b->shapes->any });
	return true;
}

static void add_struct(struct builder *b, const struct seep_type *type, uint64_t offset, int depth)
{
	// A bucket of a map up to Go 1.23 ends in a pointer to one like it.
	bool bucket = strncmp(seep_type_name(b->shapes->types, type->addr), "map.bucket[", 11) == 0;
	struct seep_field field;

	if (add_atomic_pointer(b, type, offset) || add_map_entry(b, type, offset))
		return;
	for (uint64_t i = 0; i < type->count && !b->failed; i++) {
		if (!seep_type_field(b->shapes->types, type, i, &field)) {
			b->failed = true;
			return;
		}
		size_t before = b->parts.len;
		add_type(b, field.type, offset + field.offset, depth);
		if (bucket && i == type->count - 1 && b->parts.len == before + 1 &&
		    b->parts.data[before].kind == SEEP_PART_UNSAFE)
			b->parts.data[before] = (struct seep_part){
				.offset = (int64_t)(offset + field.offset),
				.kind = SEEP_PART_POINTER,
				.type = type->addr,
			};
	}
}

static void add_array(struct builder *b, const struct seep_type *type, uint64_t offset, int depth)
{
	struct seep_type elem;

	if (!seep_type_read(b->shapes->types, type->elem, &elem) || elem.size == 0 ||
	    type->count == 0 || type->count > type->size / elem.size) {
		b->failed = true;
		return;
	}
	size_t before = b->parts.len;
	uint64_t end_before = b->end;
	add_type(b, type->elem, offset, depth);
	size_t each = b->parts.len - before;
	if (b->failed || each == 0) {
		b->failed = true; // the array's descriptor says that there are pointers
		return;
	}
	if (type->count <= UNROLLED_MAX / each) {
		for (uint64_t i = 1; i < type->count; i++)
			add_type(b, type->elem, offset + i * elem.size, depth);
		return;
	}
	b->parts.len = before;
	b->end = end_before;
	uint32_t inner = seep_shape_of(b->shapes, type->elem);
	if (!inner)
		b->failed = true;
	push(b, (struct seep_part){
			.offset = (int64_t)offset,
			.kind = SEEP_PART_ARRAY,
			.inner = inner,
			.count = type->count,
			.stride = elem.size,
		});
}

static void add_type(struct builder *b, seep_addr addr, uint64_t offset, int depth)
{
	struct seep_type type;
	struct seep_part part = { .offset = (int64_t)offset, .type = addr };

	if (depth > DEPTH_MAX || b->failed || b->steps++ >= STEPS_MAX ||
	    b->shapes->steps++ >= ALL_STEPS_MAX || !seep_type_read(b->shapes->types, addr, &type)) {
		b->failed = true;
		return;
	}
	if (type.ptr_bytes == 0)
		return;
	switch (type.kind) {
	case SEEP_KIND_PTR:
		push_pointer(b, type.elem, type.named, offset);
		return;
	case SEEP_KIND_STRING:
		part.kind = SEEP_PART_STRING;
		break;
	case SEEP_KIND_SLICE:
		part.kind = SEEP_PART_SLICE;
		part.type = type.elem;
		break;
	case SEEP_KIND_MAP:
		part.kind = SEEP_PART_MAP;
		break;
	case SEEP_KIND_CHAN:
		part.kind = SEEP_PART_CHANNEL;
		break;
	case SEEP_KIND_FUNC:
		part.kind = SEEP_PART_FUNC;
		break;
	case SEEP_KIND_INTERFACE:
		part.kind =
			seep_memory_word(b->shapes->types->memory, addr + INTERFACE_METHODS_LEN) ?
				SEEP_PART_IFACE :
				SEEP_PART_EFACE;
		break;
	case SEEP_KIND_UNSAFE_POINTER:
		part.kind = SEEP_PART_UNSAFE;
		part.type = 0;
		break;
	case SEEP_KIND_STRUCT:
		add_struct(b, &type, offset, depth + 1);
		return;
	case SEEP_KIND_ARRAY:
		add_array(b, &type, offset, depth + 1);
		return;
	default:
		b->failed = true;
		return;
	}
	push(b, part);
}

static const struct seep_part *keep(struct seep_shapes *shapes, const struct seep_part *parts,
				    size_t count)
{
	struct chunk *c = malloc(sizeof(*c) + count * sizeof(*parts));

	if (!c)
		return NULL;
	if (count)
		memcpy(c->parts, parts, count * sizeof(*parts));
	c->next = shapes->arena;
	shapes->arena = c;
	return c->parts;
}

/** The byte behind the last pointer of the parts, as abi.Type.PtrBytes counts. */
static uint64_t pointers_end(const struct seep_shapes *shapes, const struct builder *b)
{
	if (b->parts.len == 0)
		return 0;
	const struct seep_part *last = &b->parts.data[b->parts.len - 1];
	uint64_t offset = (uint64_t)last->offset;

	switch (last->kind) {
	case SEEP_PART_ARRAY:
		return offset + (last->count - 1) * last->stride +
		       shapes->shapes.data[last->inner].ptr_bytes;
	case SEEP_PART_EFACE:
	case SEEP_PART_IFACE:
		return offset + 16;
	default:
		return offset + 8;
	}
}

static uint32_t add_shape(struct seep_shapes *shapes, struct seep_shape shape,
			  const struct seep_part *parts, size_t count)
{
	if (count > ALL_PARTS_MAX - shapes->part_count)
		return 0;
	shapes->part_count += count;
	shape.parts = keep(shapes, parts, count);
	shape.part_count = count;
	if (!shape.parts || shapes->shapes.len >= SHAPES_MAX ||
	    !seep_vec_push(&shapes->shapes, shape))
		return 0;
	return shapes->shapes.len - 1;
}

uint32_t seep_shape_of(struct seep_shapes *shapes, seep_addr addr)
{
	struct builder b = { .shapes = shapes };
	struct seep_type type;
	uint32_t index = 0;
	bool added;
	uint64_t *slot = seep_map_put(&shapes->by_type, addr, &added);

	if (!slot)
		return 0;
	if (!added) // 0 meanwhile: a type that claims to contain itself finds that
		return *slot;
	if (seep_type_read(shapes->types, addr, &type) && type.kind != 0) {
		b.size = type.size;
		add_type(&b, addr, 0, 0);
		// reflect makes the buckets of its maps (up to Go 1.23) with a mask but without fields: what they hold is not known.
		if (!b.failed && pointers_end(shapes, &b) == type.ptr_bytes)
			index = add_shape(shapes,
					  (struct seep_shape){
						  .type = addr,
						  .size = type.size,
						  .ptr_bytes = type.ptr_bytes,
						  .direct = type.direct,
						  .opaque = is_opaque(shapes->types, &type),
					  },
					  b.parts.data, b.parts.len);
	}
	seep_vec_free(&b.parts);
	*seep_map_get(&shapes->by_type, addr) = index;
	return index;
}

uint32_t seep_shape_add(struct seep_shapes *shapes, const char *name, uint64_t size,
			const struct seep_part *parts, uint32_t count)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (parts[i].offset < 0 || (uint64_t)parts[i].offset < end)
			return 0;
		end = end_of(&parts[i]);
		if (end == 0 || end > size)
			return 0;
	}
	return add_shape(
		shapes,
		(struct seep_shape){ .name = name, .size = size, .ptr_bytes = count ? size : 0 },
		parts, count);
}

uint32_t seep_shape_target(struct seep_shapes *shapes, const struct seep_part *part)
{
	if (part->inner || !part->type)
		return part->inner;
	// The parts are the shapes' own; only they hand them out as constants.
	uint32_t target = seep_shape_of(shapes, part->type);
	((struct seep_part *)part)->inner = target;
	return target;
}

uint32_t seep_shape_of_buckets(struct seep_shapes *shapes, seep_addr map_type)
{
	return seep_shape_of(shapes,
			     seep_memory_word(shapes->types->memory, map_type + MAP_BUCKET));
}

/** The field that the byte at offset is in, and what its type is; fields stand by their offsets. */
static bool field_at(const struct seep_types *types, const struct seep_type *type, uint64_t offset,
		     struct seep_field *ret, struct seep_type *type_ret)
{
	uint64_t lo = 0, hi = type->kind == SEEP_KIND_STRUCT ? type->count : 0;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (!seep_type_field(types, type, mid, ret))
			return false;
		if (ret->offset <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (int back = 0; lo-- > 0 && back < FIELDS_BACK_MAX; back++)
		if (seep_type_field(types, type, lo, ret) && ret->offset <= offset &&
		    seep_type_read(types, ret->type, type_ret) &&
		    offset - ret->offset < type_ret->size)
			return true;
	return false;
}

enum seep_inside seep_type_contains(const struct seep_types *types, seep_addr outer,
				    uint64_t offset, seep_addr inner)
{
	enum seep_inside inside = SEEP_INSIDE_IS;
	struct seep_type type, elem;
	struct seep_field field;

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (outer == inner && offset == 0)
			return inside;
		if (!seep_type_read(types, outer, &type) || offset >= type.size)
			return SEEP_INSIDE_NOT;
		inside = offset == 0 ? SEEP_INSIDE_BEGINS : SEEP_INSIDE_WITHIN;
		if (type.kind == SEEP_KIND_ARRAY) {
			if (!seep_type_read(types, type.elem, &elem) || elem.size == 0)
				return SEEP_INSIDE_NOT;
			outer = type.elem;
			offset %= elem.size;
			continue;
		}
		if (!field_at(types, &type, offset, &field, &elem))
			return SEEP_INSIDE_NOT;
		outer = field.type;
		offset -= field.offset;
	}
	return SEEP_INSIDE_NOT;
}

void seep_type_path(struct seep_types *types, seep_addr addr, uint64_t offset, bool any_index,
		    struct seep_str *text)
{
	struct seep_type type, elem;
	struct seep_field field;

	for (int depth = 0; depth < DEPTH_MAX && seep_type_read(types, addr, &type); depth++) {
		if (type.kind == SEEP_KIND_ARRAY) {
			if (!seep_type_read(types, type.elem, &elem) || elem.size == 0 ||
			    offset >= type.size)
				return;
			if (any_index)
				seep_str_add(text, "[...]");
			else
				seep_str_addf(text, "[%llu]",
					      (unsigned long long)(offset / elem.size));
			addr = type.elem;
			offset %= elem.size;
			continue;
		}
		if (!field_at(types, &type, offset, &field, &elem))
			return;
		seep_str_add(text, ".");
		seep_str_addf(text, "%.*s", (int)(field.name_len < 200 ? field.name_len : 200),
			      field.name);
		addr = field.type;
		offset -= field.offset;
	}
}
