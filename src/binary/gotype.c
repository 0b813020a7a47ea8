// Type descriptors. Everything is read from memory that nobody vouches for: sizes, counts and depths are bounded, and a
// descriptor that makes no sense is refused instead of half understood.
//
// abi.Type (src/internal/abi/type.go; before 1.21 src/runtime/type.go), the same from 1.15 to 1.27:
//
//	offset size
//	 0      8  size of a value
//	 8      8  ptrBytes: the part of a value that may hold pointers
//	16      4  hash
//	20      1  tflag: 1 uncommon, 2 extra star, 4 named, 8 regular memory, 16 see below, 32 direct (1.26+)
//	21      1  alignment
//	22      1  alignment as a field
//	23      1  kind: 5 bits; 32 direct (≤1.25), 64 gcdata is a GC program (≤1.23)
//	24      8  equality function
//	32      8  gcdata
//	40      4  str: name, offset from moduledata.types
//	44      4  ptrToThis
//	48         by kind: array {elem, slice, len}; chan {elem, dir}; func {in u16, out u16}; interface {pkgPath, methods};
//	           map {key, elem, group or bucket, ...}; pointer {elem}; slice {elem}; struct {pkgPath, fields}
//
// then, with tflag 1, {pkgPath i32, mcount u16, xcount u16, moff u32, unused u32}; then parameters of a function.
// A name is {flags u8, length uvarint, bytes}. A field is {name *, type *, offset}.
//
// gcdata is one of three things. A mask, one bit per word. A GC program (kind 64, ≤1.23): u32 length, then
//	0nnnnnnn + ⌈n/8⌉ bytes		n literal bits
//	1nnnnnnn [uvarint n if 0] uvarint c	repeat the last n bits c times
//	00000000				end
// Or, with tflag 16 (1.24+), the address of a slot where the runtime puts the mask once it has needed one: nil before,
// the address of runtime.inProgress meanwhile. Whoever finds no mask there adds it up from elements and fields.
// In 1.22 and 1.23 tflag 16 marks a nameless descriptor without kind whose gcdata is the mask that the runtime unrolled
// from a program, for one large heap object. reflect makes such kindless ones, too, for the frames of its calls.
#include "binary/gotype.h"

#include "base/bits.h"
#include "base/vec.h"

#include <stdio.h>

enum {
	TFLAG_UNCOMMON = 1,
	TFLAG_EXTRA_STAR = 2,
	TFLAG_NAMED = 4,
	TFLAG_16 = 16,
	TFLAG_DIRECT = 32
};
enum { KIND_MASK = 31, KIND_DIRECT = 32, KIND_GC_PROGRAM = 64 };
enum { NAME_EMBEDDED = 8 };
enum { TYPE_BYTES = 48, FIELD_BYTES = 24, UNCOMMON_BYTES = 16, METHOD_BYTES = 16 };
enum { MAX_NAME = 1 << 16, MAX_FIELDS = 1 << 16, MAX_TYPES = 1 << 22, MAX_DEPTH = 64 };
static const uint64_t max_size_bytes = (uint64_t)1 << 47;
static const uint64_t max_mask_words = (uint64_t)64 << 20;
static const uint64_t max_arena_bytes = (uint64_t)128 << 20;

// Names and computed masks; freed together.
struct chunk {
	struct chunk *next;
	uint64_t total; // of this chunk and those behind it
	unsigned char bytes[];
};

static void *arena_alloc(struct seep_types *types, size_t len)
{
	struct chunk *head = types->arena;
	uint64_t total = (head ? head->total : 0) + len;
	struct chunk *chunk = total > max_arena_bytes ? NULL : calloc(1, sizeof(*chunk) + len);

	if (!chunk)
		return NULL;
	chunk->next = head;
	chunk->total = total;
	types->arena = chunk;
	return chunk->bytes;
}

void seep_types_init(struct seep_types *types, const struct seep_memory *memory,
		     const struct seep_module *module, int minor)
{
	*types = (struct seep_types){ .memory = memory, .module = module, .minor = minor };
	if (module->types < module->etypes)
		types->module_bytes =
			seep_memory_at(memory, module->types, module->etypes - module->types);
}

void seep_types_deinit(struct seep_types *types)
{
	for (struct chunk *chunk = types->arena, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	seep_map_deinit(&types->names);
	seep_map_deinit(&types->masks);
	types->arena = NULL;
}

// len bytes at addr. Nearly all descriptors lie in the module's.
static const unsigned char *bytes_at(const struct seep_types *types, seep_addr addr, uint64_t len)
{
	uint64_t off = addr - types->module->types,
		 all = types->module->etypes - types->module->types;

	if (types->module_bytes && off < all && len <= all - off)
		return types->module_bytes + off;
	return seep_memory_at(types->memory, addr, len);
}

static uint64_t word_at(const struct seep_types *types, seep_addr addr)
{
	const unsigned char *raw = bytes_at(types, addr, 8);

	return raw ? seep_le64(raw) : 0;
}

static bool in_module(const struct seep_types *types, seep_addr addr)
{
	return addr >= types->module->types && addr < types->module->etypes;
}

// Bytes of a value of the kinds that have but one size; 0 for the others.
static uint64_t fixed_size(uint8_t kind)
{
	static const uint8_t sizes[] = {
		[SEEP_KIND_BOOL] = 1,	    [SEEP_KIND_INT] = 8,
		[SEEP_KIND_INT8] = 1,	    [SEEP_KIND_INT16] = 2,
		[SEEP_KIND_INT32] = 4,	    [SEEP_KIND_INT64] = 8,
		[SEEP_KIND_UINT] = 8,	    [SEEP_KIND_UINT8] = 1,
		[SEEP_KIND_UINT16] = 2,	    [SEEP_KIND_UINT32] = 4,
		[SEEP_KIND_UINT64] = 8,	    [SEEP_KIND_UINTPTR] = 8,
		[SEEP_KIND_FLOAT32] = 4,    [SEEP_KIND_FLOAT64] = 8,
		[SEEP_KIND_COMPLEX64] = 8,  [SEEP_KIND_COMPLEX128] = 16,
		[SEEP_KIND_CHAN] = 8,	    [SEEP_KIND_FUNC] = 8,
		[SEEP_KIND_INTERFACE] = 16, [SEEP_KIND_MAP] = 8,
		[SEEP_KIND_PTR] = 8,	    [SEEP_KIND_SLICE] = 24,
		[SEEP_KIND_STRING] = 16,    [SEEP_KIND_UNSAFE_POINTER] = 8,
	};
	return kind < sizeof(sizes) ? sizes[kind] : 0;
}

// Bytes of the descriptor up to the uncommon part.
static uint64_t base_bytes(const struct seep_types *types, uint8_t kind)
{
	switch (kind) {
	case SEEP_KIND_ARRAY:
		return TYPE_BYTES + 24;
	case SEEP_KIND_CHAN:
		return TYPE_BYTES + 16;
	case SEEP_KIND_FUNC:
	case SEEP_KIND_PTR:
	case SEEP_KIND_SLICE:
		return TYPE_BYTES + 8;
	case SEEP_KIND_INTERFACE:
	case SEEP_KIND_STRUCT:
		return TYPE_BYTES + 32;
	case SEEP_KIND_MAP:
		return types->minor >= 27 ? 136 : types->minor >= 24 ? 112 : 88;
	default:
		return TYPE_BYTES;
	}
}

// The part behind the first 48 bytes. Where it cannot be had, the type is left without elements: descriptors that the
// runtime and reflect make for their own use end before it.
static void read_by_kind(const struct seep_types *types, struct seep_type *type)
{
	const unsigned char *more = bytes_at(types, type->addr + TYPE_BYTES, 24);

	switch (type->kind) {
	case SEEP_KIND_CHAN:
	case SEEP_KIND_PTR:
	case SEEP_KIND_SLICE:
		type->elem = word_at(types, type->addr + TYPE_BYTES);
		return;
	case SEEP_KIND_ARRAY:
		type->elem = more ? seep_le64(more) : 0;
		type->count = more ? seep_le64(more + 16) : 0;
		return;
	case SEEP_KIND_MAP:
		type->key = more ? seep_le64(more) : 0;
		type->elem = more ? seep_le64(more + 8) : 0;
		return;
	case SEEP_KIND_STRUCT:
		type->fields = more ? seep_le64(more + 8) : 0;
		type->count = more ? seep_le64(more + 16) : 0;
		if (type->count > MAX_FIELDS || type->count == 0 ||
		    !bytes_at(types, type->fields, type->count * FIELD_BYTES))
			type->fields = type->count = 0;
	}
}

static bool plausible(const struct seep_types *types, const struct seep_type *type,
		      uint8_t raw_kind, const unsigned char *align)
{
	uint8_t known = types->minor <= 23 ? KIND_MASK | KIND_DIRECT | KIND_GC_PROGRAM :
			types->minor <= 25 ? KIND_MASK | KIND_DIRECT :
					     KIND_MASK;

	if (raw_kind & ~known || type->kind > SEEP_KIND_UNSAFE_POINTER)
		return false;
	if (type->size > max_size_bytes || type->ptr_bytes > type->size || type->ptr_bytes % 8 != 0)
		return false;
	if (type->ptr_bytes != 0 && type->gcdata == 0)
		return false;
	if (type->kind == 0) // no type of the program's, but an object's mask
		return !in_module(types, type->addr) && type->ptr_bytes != 0;
	for (int i = 0; i < 2; i++)
		if (align[i] == 0 || align[i] > 64 || (align[i] & (align[i] - 1)) != 0)
			return false;
	uint64_t fixed = fixed_size(type->kind);
	return fixed == 0 || fixed == type->size;
}

bool seep_type_read(const struct seep_types *types, seep_addr addr, struct seep_type *ret)
{
	const unsigned char *raw = addr % 8 == 0 ? bytes_at(types, addr, TYPE_BYTES) : NULL;

	if (!raw)
		return false;
	struct seep_type type = {
		.addr = addr,
		.size = seep_le64(raw),
		.ptr_bytes = seep_le64(raw + 8),
		.gcdata = seep_le64(raw + 32),
		.hash = seep_le32(raw + 16),
		.tflag = raw[20],
		.kind = raw[23] & KIND_MASK,
		.gc_program = types->minor <= 23 && raw[23] & KIND_GC_PROGRAM,
		.on_demand = types->minor >= 24 && raw[20] & TFLAG_16,
		.named = raw[20] & TFLAG_NAMED,
		.direct = types->minor >= 26 ? raw[20] & TFLAG_DIRECT : raw[23] & KIND_DIRECT,
	};
	if (!plausible(types, &type, raw[23], raw + 21))
		return false;
	read_by_kind(types, &type);
	*ret = type;
	return true;
}

// The name at addr: {flags, length, bytes}. NULL if unreadable.
static const char *name_at(const struct seep_types *types, seep_addr addr, uint8_t *flags,
			   size_t *len)
{
	struct seep_buffer buf = seep_memory_buffer(types->memory, addr, MAX_NAME);
	uint64_t length;

	if (!seep_buffer_u8(&buf, flags) || !seep_buffer_uvarint(&buf, &length) ||
	    length > MAX_NAME)
		return NULL;
	*len = length;
	return seep_buffer_bytes(&buf, length);
}

// The name at an offset that a descriptor of the module holds. Those that reflect made hold offsets into a map of its own.
static const char *name_off(const struct seep_types *types, seep_addr descriptor, uint32_t off,
			    uint8_t *flags, size_t *len)
{
	const struct seep_module *module = types->module;

	if (!in_module(types, descriptor) || off == 0 || off >= module->etypes - module->types)
		return NULL;
	return name_at(types, module->types + off, flags, len);
}

static const char *make_name(struct seep_types *types, const struct seep_type *type, int depth);

static const char *name_of(struct seep_types *types, seep_addr addr, int depth)
{
	struct seep_type type;

	if (depth > MAX_DEPTH)
		return "?";
	const uint64_t *known = seep_map_get(&types->names, addr);
	if (known)
		return (const char *)(uintptr_t)*known;
	uint64_t *slot =
		seep_type_read(types, addr, &type) ? seep_map_put(&types->names, addr, NULL) : NULL;
	if (!slot)
		return "?";
	// Meanwhile it is "?": a type that claims to be made of itself finds that.
	*slot = (uintptr_t) "?";
	const char *name = make_name(types, &type, depth);
	*seep_map_get(&types->names, addr) = (uintptr_t)name;
	return name;
}

// What reflect calls a type that it made, out of what it is made of.
static const char *compose_name(struct seep_types *types, const struct seep_type *type, int depth)
{
	const char *elem = type->elem ? name_of(types, type->elem, depth + 1) : "?";
	const char *key = type->key ? name_of(types, type->key, depth + 1) : "?";
	_cleanup_free_ char *text = NULL;
	int len = -1;

	switch (type->kind) {
	case SEEP_KIND_PTR:
		len = asprintf(&text, "*%s", elem);
		break;
	case SEEP_KIND_SLICE:
		len = asprintf(&text, "[]%s", elem);
		break;
	case SEEP_KIND_ARRAY:
		len = asprintf(&text, "[%llu]%s", (unsigned long long)type->count, elem);
		break;
	case SEEP_KIND_CHAN:
		len = asprintf(&text, "chan %s", elem);
		break;
	case SEEP_KIND_MAP:
		len = asprintf(&text, "map[%s]%s", key, elem);
		break;
	case SEEP_KIND_FUNC:
		return "func(...)";
	case SEEP_KIND_STRUCT:
		return "struct {...}";
	}
	if (len < 0)
		text = NULL; // undefined after a failure
	char *name = len >= 0 && len <= MAX_NAME ? arena_alloc(types, (size_t)len + 1) : NULL;
	if (!name)
		return "?";
	memcpy(name, text, (size_t)len + 1);
	return name;
}

static const char *make_name(struct seep_types *types, const struct seep_type *type, int depth)
{
	uint32_t off = 0;
	uint8_t flags;
	size_t len;

	const char *bytes = seep_memory_u32(types->memory, type->addr + 40, &off) ?
				    name_off(types, type->addr, off, &flags, &len) :
				    NULL;
	if (!bytes)
		return compose_name(types, type, depth);
	if (type->tflag & TFLAG_EXTRA_STAR && len > 0) {
		bytes++;
		len--;
	}
	char *name = arena_alloc(types, len + 1);
	if (!name)
		return "?";
	for (size_t i = 0; i < len; i++) // C strings from here on
		name[i] = bytes[i] ? bytes[i] : '?';
	return name;
}

const char *seep_type_name(struct seep_types *types, seep_addr addr)
{
	return name_of(types, addr, 0);
}

const char *seep_type_package(const struct seep_types *types, const struct seep_type *type,
			      size_t *len_ret)
{
	uint8_t flags;
	uint32_t off;

	if (!(type->tflag & TFLAG_UNCOMMON) ||
	    !seep_memory_u32(types->memory, type->addr + base_bytes(types, type->kind), &off))
		return NULL;
	return name_off(types, type->addr, off, &flags, len_ret);
}

bool seep_type_package_is(const struct seep_types *types, const struct seep_type *type,
			  const char *path, size_t path_len)
{
	size_t len;
	const char *bytes = seep_type_package(types, type, &len);

	return bytes && len == path_len && memcmp(bytes, path, len) == 0;
}

uint32_t seep_type_method_count(const struct seep_types *types, const struct seep_type *type)
{
	uint32_t counts = 0; // exported ones in the upper half

	if (!(type->tflag & TFLAG_UNCOMMON))
		return 0;
	return seep_memory_u32(types->memory, type->addr + base_bytes(types, type->kind) + 4,
			       &counts) ?
		       counts & 0xffff :
		       0;
}

// abi.Method: name, type, function for interfaces, function; offsets, 0 or -1 for what the linker left out.
bool seep_type_method(const struct seep_types *types, const struct seep_type *type, uint32_t i,
		      struct seep_method *ret)
{
	const struct seep_module *module = types->module;
	seep_addr uncommon = type->addr + base_bytes(types, type->kind);
	struct seep_method method = {};
	uint32_t off;
	uint8_t flags;

	if (i >= seep_type_method_count(types, type) ||
	    !seep_memory_u32(types->memory, uncommon + 8, &off))
		return false;
	const unsigned char *raw =
		seep_memory_at(types->memory, uncommon + off + METHOD_BYTES * (uint64_t)i, 16);
	if (!raw)
		return false;
	method.name = name_off(types, type->addr, seep_le32(raw), &flags, &method.name_len);
	if (!method.name)
		return false;
	uint32_t func_type = seep_le32(raw + 4), entry = seep_le32(raw + 12);
	if (func_type != 0 && func_type < module->etypes - module->types)
		method.func_type = module->types + func_type;
	if (entry != 0 && entry < module->etext - module->text)
		method.entry = module->text + entry;
	*ret = method;
	return true;
}

bool seep_type_field(const struct seep_types *types, const struct seep_type *type, uint64_t i,
		     struct seep_field *ret)
{
	const unsigned char *raw;
	uint8_t flags;

	if (type->kind != SEEP_KIND_STRUCT || i >= type->count)
		return false;
	raw = bytes_at(types, type->fields + i * FIELD_BYTES, FIELD_BYTES);
	if (!raw)
		return false;
	struct seep_field field = { .type = seep_le64(raw + 8), .offset = seep_le64(raw + 16) };
	field.name = name_at(types, seep_le64(raw), &flags, &field.name_len);
	if (!field.name)
		return false;
	field.embedded = flags & NAME_EMBEDDED;
	// go1.18 src/runtime/type.go structfield.offsetAnon: the lowest bit says "embedded". Since go1.19 the name says it.
	if (types->minor <= 18) {
		field.embedded = field.offset & 1;
		field.offset >>= 1;
	}
	if (field.offset > type->size)
		return false;
	*ret = field;
	return true;
}

// Copies bits [from, from + n) to [to, to + n). The ranges may lie in one array if from < to and no bit is in both.
// The destination's bits from `to` on must be 0.
static void copy_bits(uint8_t *dst, uint64_t to, const uint8_t *src, uint64_t from, uint64_t n)
{
	while (n > 0) {
		unsigned take = 8 - from % 8;
		if (take > 8 - to % 8)
			take = 8 - to % 8;
		if (take > n)
			take = (unsigned)n;
		unsigned bits = src[from / 8] >> from % 8 & ((1u << take) - 1);
		dst[to / 8] |= (uint8_t)(bits << to % 8);
		from += take;
		to += take;
		n -= take;
	}
}

// Repeats bits [start, end) until `limit`: each round doubles what there is to copy.
static void repeat_bits(uint8_t *mask, uint64_t start, uint64_t end, uint64_t limit)
{
	while (end < limit) {
		uint64_t n = end - start < limit - end ? end - start : limit - end;
		copy_bits(mask, end, mask, start, n);
		end += n;
	}
}

// Runs the GC program at addr into the first `words` bits of mask; what it has beyond is of no use.
static bool run_program(const struct seep_types *types, seep_addr addr, uint8_t *mask,
			uint64_t words)
{
	struct seep_buffer prog = seep_memory_buffer(types->memory, addr, max_mask_words);
	uint64_t done = 0;
	uint32_t length;
	uint8_t op;

	if (!seep_buffer_u32(&prog, &length))
		return false;
	if (length < seep_buffer_left(&prog))
		prog.end = prog.pos + length;
	while (done < words && seep_buffer_u8(&prog, &op) && op != 0) {
		uint64_t n = op & 0x7f, count;
		if (!(op & 0x80)) {
			const uint8_t *bits = seep_buffer_bytes(&prog, (n + 7) / 8);
			if (!bits)
				return false;
			n = n < words - done ? n : words - done;
			copy_bits(mask, done, bits, 0, n);
			done += n;
			continue;
		}
		if (n == 0 && !seep_buffer_uvarint(&prog, &n))
			return false;
		if (!seep_buffer_uvarint(&prog, &count) || n == 0 || n > done)
			return false;
		if (__builtin_mul_overflow(n, count, &count) || count > words - done)
			count = words - done;
		repeat_bits(mask, done - n, done, done + count);
		done += count;
	}
	return done == words;
}

static const uint8_t *mask_of(struct seep_types *types, const struct seep_type *type, int depth);

// Adds the mask of the value of type `addr` at byte `offset` of one that is being added up.
static bool add_part(struct seep_types *types, seep_addr addr, uint64_t offset, uint8_t *mask,
		     uint64_t words, int depth, struct seep_type *part)
{
	if (!seep_type_read(types, addr, part))
		return false;
	if (part->ptr_bytes == 0)
		return true;
	uint64_t part_words = part->ptr_bytes / 8;
	if (offset % 8 != 0 || offset / 8 > words || part_words > words - offset / 8)
		return false;
	const uint8_t *bits = mask_of(types, part, depth + 1);
	if (bits)
		copy_bits(mask, offset / 8, bits, 0, part_words);
	return bits != NULL;
}

// The mask of an array or struct out of its parts, as runtime.buildGCMask does.
static bool compute_mask(struct seep_types *types, const struct seep_type *type, uint8_t *mask,
			 int depth)
{
	uint64_t words = type->ptr_bytes / 8;
	uint64_t end = 0; // of the field before
	struct seep_type part;

	if (type->kind == SEEP_KIND_ARRAY) {
		if (type->count == 0 || !add_part(types, type->elem, 0, mask, words, depth, &part))
			return false;
		if (part.size == 0 || part.size % 8 != 0 || part.ptr_bytes == 0)
			return false;
		repeat_bits(mask, 0, part.size / 8, words);
		return true;
	}
	if (type->kind != SEEP_KIND_STRUCT || type->count == 0)
		return false;
	for (uint64_t i = 0; i < type->count; i++) {
		struct seep_field field;
		if (!seep_type_field(types, type, i, &field) || field.offset < end ||
		    !add_part(types, field.type, field.offset, mask, words, depth, &part))
			return false;
		end = field.offset + part.size;
	}
	return true;
}

// The mask that the runtime has built, if it has. runtime.inProgress is a variable; masks are not among those.
static const uint8_t *mask_in_slot(const struct seep_types *types, const struct seep_type *type,
				   uint64_t len)
{
	const struct seep_module *module = types->module;
	seep_addr built = word_at(types, type->gcdata);

	if (built == 0 || (built >= module->noptrdata && built < module->end))
		return NULL;
	return seep_memory_at(types->memory, built, len);
}

static const uint8_t *make_mask(struct seep_types *types, const struct seep_type *type, int depth)
{
	static const uint8_t no_pointers;
	uint64_t words = type->ptr_bytes / 8, len = (words + 7) / 8;

	if (words == 0)
		return &no_pointers;
	if (words > max_mask_words)
		return NULL;
	if (!type->gc_program && !type->on_demand)
		return seep_memory_at(types->memory, type->gcdata, len);
	const uint8_t *built = type->on_demand ? mask_in_slot(types, type, len) : NULL;
	if (built)
		return built;
	uint8_t *mask = arena_alloc(types, len);
	if (!mask)
		return NULL;
	bool good = type->gc_program ? run_program(types, type->gcdata, mask, words) :
				       compute_mask(types, type, mask, depth);
	return good ? mask : NULL;
}

static const uint8_t *mask_of(struct seep_types *types, const struct seep_type *type, int depth)
{
	if (depth > MAX_DEPTH)
		return NULL;
	bool added;
	uint64_t *slot = seep_map_put(&types->masks, type->addr, &added);
	if (!slot)
		return NULL;
	if (!added)
		return (const uint8_t *)(uintptr_t)*slot;
	// Until the mask is there the entry holds NULL: a type that claims to contain itself finds that.
	const uint8_t *mask = make_mask(types, type, depth);
	slot = seep_map_get(&types->masks, type->addr);
	*slot = (uintptr_t)mask;
	return mask;
}

const uint8_t *seep_type_mask(struct seep_types *types, const struct seep_type *type)
{
	return mask_of(types, type, 0);
}

struct walk {
	struct seep_types *types;
	uint64_t *seen; // in the module; bit by word
	struct seep_map seen_elsewhere;
	struct seep_vec(seep_addr) queue;
};

static bool is_new(struct walk *walk, seep_addr addr)
{
	uint64_t word = (addr - walk->types->module->types) / 8;
	bool added = false;

	if (!walk->seen || !in_module(walk->types, addr))
		return seep_map_put(&walk->seen_elsewhere, addr, &added) && added;
	added = !seep_bit_get(walk->seen, word);
	seep_bit_set(walk->seen, word);
	return added;
}

static void walk_add(struct walk *walk, seep_addr addr)
{
	if (addr != 0 && addr % 8 == 0 && walk->queue.len < MAX_TYPES && is_new(walk, addr))
		(void)seep_vec_push(&walk->queue, addr);
}

static uint64_t uncommon_bytes(const struct seep_type *type)
{
	return type->tflag & TFLAG_UNCOMMON ? UNCOMMON_BYTES : 0;
}

// Parameters and results: pointers to descriptors behind the uncommon part. The count's top bit says "variadic".
uint32_t seep_type_params(const struct seep_types *types, const struct seep_type *type,
			  uint32_t *in_ret)
{
	uint32_t in_out = 0;

	if (type->kind != SEEP_KIND_FUNC ||
	    !seep_memory_u32(types->memory, type->addr + TYPE_BYTES, &in_out))
		return 0;
	if (in_ret)
		*in_ret = in_out & 0xffff;
	return (in_out & 0xffff) + (in_out >> 16 & 0x7fff);
}

seep_addr seep_type_param(const struct seep_types *types, const struct seep_type *type, uint32_t i)
{
	return word_at(types, type->addr + base_bytes(types, type->kind) + uncommon_bytes(type) +
				      8 * (uint64_t)i);
}

static void walk_parts(struct walk *walk, const struct seep_type *type)
{
	struct seep_types *types = walk->types;

	walk_add(walk, type->elem);
	walk_add(walk, type->key);
	for (uint64_t i = 0; i < type->count && type->kind == SEEP_KIND_STRUCT; i++)
		walk_add(walk, word_at(types, type->fields + i * FIELD_BYTES + 8));
	if (type->kind == SEEP_KIND_MAP) // its groups or buckets
		walk_add(walk, word_at(types, type->addr + TYPE_BYTES + 16));
	for (uint32_t i = seep_type_params(types, type, NULL); i-- > 0;)
		walk_add(walk, seep_type_param(types, type, i));
}

// abi.Type.DescriptorSize of 1.27.
static uint64_t descriptor_bytes(const struct seep_types *types, const struct seep_type *type)
{
	uint64_t bytes = base_bytes(types, type->kind);
	uint32_t methods = 0;

	if (type->tflag & TFLAG_UNCOMMON) {
		if (!seep_memory_u32(types->memory, type->addr + bytes + 4, &methods))
			return 0;
		methods &= 0xffff;
		bytes += UNCOMMON_BYTES;
	}
	switch (type->kind) {
	case SEEP_KIND_FUNC:
		bytes += 8 * (uint64_t)seep_type_params(types, type, NULL);
		break;
	case SEEP_KIND_INTERFACE: {
		uint64_t count = word_at(types, type->addr + TYPE_BYTES + 16);
		if (count > MAX_FIELDS)
			return 0;
		bytes += 8 * count;
		break;
	}
	case SEEP_KIND_STRUCT:
		bytes += FIELD_BYTES * type->count;
		break;
	}
	return bytes + 16 * (uint64_t)methods;
}

// Since go1.27 there are no typelinks: the descriptors to be found by name stand first, in a row.
static void walk_area(struct walk *walk)
{
	const struct seep_module *module = walk->types->module;
	seep_addr addr = module->types + 8, end = module->types + module->typedesc_len;
	struct seep_type type;

	while (addr < end && walk->queue.len < MAX_TYPES &&
	       seep_type_read(walk->types, addr, &type)) {
		walk_add(walk, addr);
		uint64_t bytes = descriptor_bytes(walk->types, &type);
		if (bytes == 0)
			break;
		addr = (addr + bytes + 7) & ~(uint64_t)7;
	}
}

static void walk_roots(struct walk *walk)
{
	const struct seep_module *module = walk->types->module;
	uint32_t off;

	if (module->typelinks_len == 0) {
		walk_area(walk);
		return;
	}
	for (uint64_t i = 0; i < module->typelinks_len && i < MAX_TYPES; i++) {
		if (!seep_memory_u32(walk->types->memory, module->typelinks + 4 * i, &off))
			break;
		if (off < module->etypes - module->types)
			walk_add(walk, module->types + off);
	}
}

void seep_types_each(struct seep_types *types, bool (*visit)(const struct seep_type *, void *arg),
		     void *arg)
{
	const struct seep_module *module = types->module;
	struct walk walk = { .types = types };
	struct seep_type type;

	if (types->module_bytes) // else all are looked up
		walk.seen = calloc(SEEP_BITS_WORDS((module->etypes - module->types) / 8 + 1),
				   sizeof(*walk.seen));
	walk_roots(&walk);
	for (size_t i = 0; i < walk.queue.len; i++) {
		if (!seep_type_read(types, walk.queue.data[i], &type))
			continue;
		if (!visit(&type, arg))
			break;
		walk_parts(&walk, &type);
	}
	seep_vec_free(&walk.queue);
	seep_map_deinit(&walk.seen_elsewhere);
	free(walk.seen);
}

// Most words are none: they have no kind or no alignment.
static bool may_be_type(const struct seep_types *types, seep_addr addr)
{
	const unsigned char *raw = bytes_at(types, addr, TYPE_BYTES);

	return raw && (raw[23] & KIND_MASK) != 0 && raw[21] != 0 && raw[21] <= 64 && raw[22] != 0 &&
	       raw[22] <= 64;
}

void seep_types_each_possible(struct seep_types *types,
			      bool (*visit)(const struct seep_type *, void *arg), void *arg)
{
	const struct seep_module *module = types->module;
	struct seep_type type;
	uint8_t flags;
	uint32_t off;
	size_t len;

	for (seep_addr addr = (module->types + 7) & ~(uint64_t)7;
	     addr + TYPE_BYTES < module->etypes; addr += 8)
		if (may_be_type(types, addr) && seep_type_read(types, addr, &type) &&
		    type.kind != 0 && seep_memory_u32(types->memory, addr + 40, &off) &&
		    name_off(types, addr, off, &flags, &len) && len > 0 && !visit(&type, arg))
			break;
}
