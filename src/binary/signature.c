// A method table (abi.Method) names the function that takes the receiver as it is, and the method's type: so the types of all that it
// takes and returns. Methods that no interface asks for have lost both; their names still say the receiver's type: "net/http.(*conn).serve".
//
// Arguments are assigned to registers as cmd/compile/abi-internal.md says, the same from Go 1.18 to 1.27: receiver and parameters in
// order, each in its flat form, or on the stack as a whole when it does not fit any more.
#include "binary/signature.h"

#include "base/str.h"

enum { TFLAG_NAMED = 4, FLOAT_REGS = 15, MAX_DEPTH = 32, MAX_PARTS = 4096, SEVERAL = 1 };

const uint8_t seep_argument_regs[SEEP_ARGUMENT_REGS] = { SEEP_RAX, SEEP_RBX, SEEP_RCX,
							 SEEP_RDI, SEEP_RSI, SEEP_R8,
							 SEEP_R9,  SEEP_R10, SEEP_R11 };

static struct seep_fact value_fact(uint8_t part, seep_addr type)
{
	return (struct seep_fact){ .kind = SEEP_FACT_VALUE, .part = part, .type = type };
}

// The part that a type is, NONE for what holds no pointers, is made of others, or says nothing.
static struct seep_fact fact_of_type(const struct seep_types *types, const struct seep_type *type)
{
	switch (type->kind) {
	case SEEP_KIND_PTR: // one with a name may see more than its type says; see shape.c
		return type->named ? (struct seep_fact){} :
				     value_fact(SEEP_PART_POINTER, type->elem);
	case SEEP_KIND_STRING:
		return value_fact(SEEP_PART_STRING, 0);
	case SEEP_KIND_SLICE:
		return value_fact(SEEP_PART_SLICE, type->elem);
	case SEEP_KIND_MAP:
		return value_fact(SEEP_PART_MAP, type->addr);
	case SEEP_KIND_CHAN:
		return value_fact(SEEP_PART_CHANNEL, type->addr);
	case SEEP_KIND_FUNC:
		return value_fact(SEEP_PART_FUNC, 0);
	case SEEP_KIND_INTERFACE: {
		uint64_t methods = seep_memory_word(types->memory, type->addr + 64);
		return methods ? value_fact(SEEP_PART_IFACE, type->addr) :
				 value_fact(SEEP_PART_EFACE, 0);
	}
	default:
		return (struct seep_fact){};
	}
}

struct word_walk {
	const struct seep_types *types;
	bool (*visit)(uint64_t offset, struct seep_fact fact, void *arg);
	void *arg;
	unsigned left;
};

static bool walk_words(struct word_walk *walk, seep_addr addr, uint64_t offset, int depth)
{
	struct seep_type type, elem;
	struct seep_field field;

	if (depth > MAX_DEPTH || walk->left == 0 || !seep_type_read(walk->types, addr, &type))
		return false;
	walk->left--;
	if (type.ptr_bytes == 0)
		return true;
	if (type.kind == SEEP_KIND_ARRAY) {
		if (type.count > walk->left || !seep_type_read(walk->types, type.elem, &elem))
			return false;
		for (uint64_t i = 0; i < type.count; i++)
			if (!walk_words(walk, type.elem, offset + i * elem.size, depth + 1))
				return false;
		return true;
	}
	if (type.kind == SEEP_KIND_STRUCT) {
		for (uint64_t i = 0; i < type.count; i++)
			if (!seep_type_field(walk->types, &type, i, &field) ||
			    !walk_words(walk, field.type, offset + field.offset, depth + 1))
				return false;
		return true;
	}
	struct seep_fact fact = fact_of_type(walk->types, &type);
	return fact.kind == SEEP_FACT_NONE || walk->visit(offset, fact, walk->arg);
}

bool seep_type_each_word(const struct seep_types *types, seep_addr type,
			 bool (*visit)(uint64_t offset, struct seep_fact fact, void *arg),
			 void *arg)
{
	struct word_walk walk = { .types = types, .visit = visit, .arg = arg, .left = MAX_PARTS };

	return walk_words(&walk, type, 0, 0);
}

// The word at an offset of a value.
static struct seep_fact word_of_type(const struct seep_types *types, seep_addr addr,
				     uint64_t offset)
{
	struct seep_fact none = {};
	struct seep_type type, elem;
	struct seep_field field;

	for (int depth = 0; depth < MAX_DEPTH && seep_type_read(types, addr, &type); depth++) {
		if (offset >= type.ptr_bytes)
			return none;
		if (type.kind == SEEP_KIND_ARRAY) {
			if (!seep_type_read(types, type.elem, &elem) || elem.size == 0)
				return none;
			offset %= elem.size;
			addr = type.elem;
			continue;
		}
		if (type.kind != SEEP_KIND_STRUCT)
			return offset == 0 ? fact_of_type(types, &type) : none;
		addr = 0;
		for (uint64_t i = 0; i < type.count && seep_type_field(types, &type, i, &field) &&
				     field.offset <= offset;
		     i++)
			if (seep_type_read(types, field.type, &elem) &&
			    offset < field.offset + elem.size) {
				addr = field.type;
				offset -= field.offset;
				break;
			}
		if (addr == 0)
			return none;
	}
	return none;
}

// Whether a value holds an array: an index may then be that array's, and not the slice's whose element it is.
static bool holds_array(const struct seep_types *types, seep_addr addr, int depth, unsigned *left)
{
	struct seep_type type;
	struct seep_field field;

	if (depth > MAX_DEPTH || *left == 0 || !seep_type_read(types, addr, &type))
		return true;
	--*left;
	for (uint64_t i = 0; type.kind == SEEP_KIND_STRUCT && i < type.count; i++)
		if (!seep_type_field(types, &type, i, &field) ||
		    holds_array(types, field.type, depth + 1, left))
			return true;
	return type.kind == SEEP_KIND_ARRAY;
}

struct seep_fact seep_fact_load(const struct seep_types *types, struct seep_fact base,
				int64_t offset)
{
	struct seep_fact none = {};
	struct seep_type type;
	unsigned left = MAX_PARTS;
	bool slice = base.kind == SEEP_FACT_VALUE && base.part == SEEP_PART_SLICE;

	if (base.kind == SEEP_FACT_VALUE && base.part != SEEP_PART_POINTER && !slice)
		return none;
	if (base.kind < SEEP_FACT_VALUE || !seep_type_read(types, base.type, &type) ||
	    type.size == 0)
		return none;
	if (base.kind == SEEP_FACT_ELEMENT || slice) {
		if (base.kind == SEEP_FACT_ELEMENT && holds_array(types, base.type, 0, &left))
			return none;
		offset %= (int64_t)type.size;
		if (offset < 0)
			offset += (int64_t)type.size;
	}
	return offset < 0 ? none : word_of_type(types, base.type, (uint64_t)offset);
}

bool seep_type_begins_with(const struct seep_types *types, seep_addr outer, seep_addr inner)
{
	struct seep_type type;
	struct seep_field field;

	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		if (outer == inner)
			return true;
		if (!seep_type_read(types, outer, &type))
			return false;
		if (type.kind == SEEP_KIND_ARRAY) {
			outer = type.elem;
			continue;
		}
		if (type.kind != SEEP_KIND_STRUCT)
			return false;
		seep_addr next = 0;
		// Of those at offset 0 all but the last have no size.
		for (uint64_t i = 0; i < type.count && seep_type_field(types, &type, i, &field) &&
				     field.offset == 0;
		     i++) {
			if (field.type == inner)
				return true;
			next = field.type;
		}
		outer = next;
	}
	return false;
}

bool seep_type_is_closure(const struct seep_types *types, seep_addr addr)
{
	struct seep_type type, first;
	struct seep_field field;

	return seep_type_read(types, addr, &type) && type.kind == SEEP_KIND_STRUCT &&
	       !(type.tflag & TFLAG_NAMED) && seep_type_field(types, &type, 0, &field) &&
	       field.name_len >= 1 && field.name_len <= 2 &&
	       field.name[field.name_len - 1] == 'F' && seep_type_read(types, field.type, &first) &&
	       first.kind == SEEP_KIND_UINTPTR;
}

bool seep_type_is_form(struct seep_types *types, seep_addr type)
{
	return strstr(seep_type_name(types, type), "go.shape.") != NULL;
}

bool seep_type_is_first(const struct seep_signatures *sig, seep_addr type)
{
	return seep_map_get(&sig->first, type) != NULL;
}

static uint64_t add_hash(uint64_t hash, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
	return hash;
}

// Of "import/path" and "T"; seep_type_name() says "path.T".
static uint64_t name_hash(const char *path, size_t path_len, const char *name, size_t name_len)
{
	uint64_t hash = add_hash(14695981039346656037u, path, path_len);

	return add_hash(add_hash(hash, "\n", 1), name, name_len);
}

static void put(struct seep_signatures *sig, struct seep_map *map, uint64_t key, uint64_t value,
		uint64_t several)
{
	bool added;
	uint64_t *slot = seep_map_put(map, key, &added);

	if (!slot)
		sig->failed = true;
	else
		*slot = added || *slot == value ? value : several;
}

// The part of a named type's name behind the package; NULL for instances of generic types.
static const char *short_name(struct seep_types *types, const struct seep_type *type)
{
	const char *name = seep_type_name(types, type->addr);
	const char *dot = strrchr(name, '.');

	return dot && !strchr(name, '[') ? dot + 1 : NULL;
}

static void add_name(struct seep_signatures *sig, const struct seep_type *type)
{
	size_t len;
	const char *path = seep_type_package(sig->types, type, &len);
	const char *name = path && type->kind != SEEP_KIND_PTR ? short_name(sig->types, type) :
								 NULL;

	if (name)
		put(sig, &sig->named, name_hash(path, len, name, strlen(name)), type->addr,
		    SEVERAL);
}

static void add_methods(struct seep_signatures *sig, const struct seep_type *type)
{
	uint32_t count = seep_type_method_count(sig->types, type);
	struct seep_method method;

	if (type->kind == SEEP_KIND_INTERFACE)
		return;
	if (count > 0 && type->kind == SEEP_KIND_PTR)
		put(sig, &sig->pointers, type->elem, type->addr, SEVERAL);
	for (uint32_t i = 0; i < count && seep_type_method(sig->types, type, i, &method); i++) {
		bool added;
		if (method.entry == 0 || method.func_type == 0)
			continue;
		uint64_t *slot = seep_map_put(&sig->by_entry, method.entry, &added);
		struct seep_signature one = { type->addr, method.func_type };
		if (!slot || (added && !seep_vec_push(&sig->methods, one))) {
			sig->failed = true;
			return;
		}
		*slot = added ? sig->methods.len : 0;
	}
}

static void add_first(struct seep_signatures *sig, const struct seep_type *type)
{
	struct seep_field field;

	if (type->kind == SEEP_KIND_ARRAY)
		put(sig, &sig->first, type->elem, 1, 1);
	for (uint64_t i = 0; type->kind == SEEP_KIND_STRUCT && i < type->count; i++) {
		if (!seep_type_field(sig->types, type, i, &field) || field.offset != 0)
			break;
		put(sig, &sig->first, field.type, 1, 1);
	}
}

static bool add_type(const struct seep_type *type, void *arg)
{
	struct seep_signatures *sig = arg;

	add_name(sig, type);
	add_methods(sig, type);
	add_first(sig, type);
	return !sig->failed;
}

void seep_signatures_close(struct seep_signatures *sig)
{
	seep_map_deinit(&sig->by_entry);
	seep_map_deinit(&sig->named);
	seep_map_deinit(&sig->pointers);
	seep_map_deinit(&sig->first);
	seep_vec_free(&sig->methods);
}

struct seep_error *seep_signatures_open(struct seep_signatures *sig, const struct seep_pclntab *tab,
					struct seep_types *types)
{
	*sig = (struct seep_signatures){ .tab = tab, .types = types };
	seep_types_each_possible(types, add_type, sig);
	if (!sig->failed)
		return NULL;
	seep_signatures_close(sig);
	return &seep_enomem;
}

// Import paths stand in function names with %2e for dots behind the last slash, and the like.
static size_t unescape(char *to, const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned value;
		char hex[3] = {};
		if (from[i] == '%' && i + 2 < len && memcpy(hex, from + i + 1, 2) &&
		    strspn(hex, "0123456789abcdefABCDEF") == 2) {
			value = (unsigned)strtoul(hex, NULL, 16);
			to[n++] = (char)value;
			i += 2;
		} else {
			to[n++] = from[i];
		}
	}
	return n;
}

static bool has_method(const struct seep_signatures *sig, seep_addr pointer, const char *name)
{
	struct seep_method method;
	struct seep_type type;

	if (!seep_type_read(sig->types, pointer, &type))
		return false;
	for (uint32_t i = 0; seep_type_method(sig->types, &type, i, &method); i++)
		if (method.name_len == strlen(name) &&
		    memcmp(method.name, name, method.name_len) == 0)
			return true;
	return false;
}

// The T of a method "path.(*T).m"; 0 if it is none, or T is not known for sure.
static seep_addr receiver_by_name(const struct seep_signatures *sig, const char *function)
{
	char path[512];
	const char *open = strstr(function, ".(*"), *close = open ? strchr(open, ')') : NULL;

	if (!close || close[1] != '.' || (size_t)(open - function) > sizeof(path))
		return 0;
	const char *name = open + 3, *method = close + 2;
	size_t name_len = (size_t)(close - name);
	// Not instances of generic types (their methods take a dictionary), closures, method values.
	if (memchr(name, '[', name_len) || strpbrk(method, ".-[") || *method == '\0')
		return 0;
	size_t path_len = unescape(path, function, (size_t)(open - function));
	const uint64_t *type = seep_map_get(&sig->named, name_hash(path, path_len, name, name_len));
	if (!type || *type == SEVERAL)
		return 0;
	// A type of that name that is another's: declared within a function.
	const uint64_t *pointer = seep_map_get(&sig->pointers, *type);
	if (pointer && (*pointer == SEVERAL || !has_method(sig, *pointer, method)))
		return 0;
	return *type;
}

struct assignment {
	const struct seep_types *types;
	struct seep_fact regs[SEEP_ARGUMENT_REGS];
	unsigned ints, floats, left;
};

static bool take_ints(struct assignment *a, unsigned count, struct seep_fact fact)
{
	if (a->ints + count > SEEP_ARGUMENT_REGS)
		return false;
	a->regs[a->ints] = fact;
	a->ints += count;
	return true;
}

static bool assign_parts(struct assignment *a, seep_addr addr, int depth)
{
	struct seep_type type;
	struct seep_field field;

	if (depth > MAX_DEPTH || a->left == 0 || !seep_type_read(a->types, addr, &type))
		return false;
	a->left--;
	switch (type.kind) {
	case SEEP_KIND_FLOAT32:
	case SEEP_KIND_FLOAT64:
		return ++a->floats <= FLOAT_REGS;
	case SEEP_KIND_COMPLEX64:
	case SEEP_KIND_COMPLEX128:
		a->floats += 2;
		return a->floats <= FLOAT_REGS;
	case SEEP_KIND_ARRAY:
		return type.count == 0 ||
		       (type.count == 1 && assign_parts(a, type.elem, depth + 1));
	case SEEP_KIND_STRUCT:
		for (uint64_t i = 0; i < type.count; i++)
			if (!seep_type_field(a->types, &type, i, &field) ||
			    !assign_parts(a, field.type, depth + 1))
				return false;
		return true;
	case SEEP_KIND_STRING:
	case SEEP_KIND_INTERFACE:
		return take_ints(a, 2, fact_of_type(a->types, &type));
	case SEEP_KIND_SLICE:
		return take_ints(a, 3, fact_of_type(a->types, &type));
	default:
		return take_ints(a, 1, fact_of_type(a->types, &type));
	}
}

static void assign(struct assignment *a, seep_addr type)
{
	struct assignment tried = *a;

	if (assign_parts(&tried, type, 0))
		*a = tried;
}

static void hand_out(const struct assignment *a, struct seep_fact *regs)
{
	for (unsigned i = 0; i < SEEP_ARGUMENT_REGS; i++)
		regs[seep_argument_regs[i]] = a->regs[i];
}

static const struct seep_signature *signature_of(const struct seep_signatures *sig,
						 const struct seep_func *func)
{
	const uint64_t *slot = seep_map_get(&sig->by_entry, func->entry);

	return slot && *slot != 0 ? &sig->methods.data[*slot - 1] : NULL;
}

// Functions in assembly take their arguments on the stack; wrappers of them have the same names.
static bool by_registers(const struct seep_signatures *sig, const struct seep_func *func)
{
	return !(func->flags & SEEP_FUNC_ASM) && func->func_id != sig->tab->wrapper_id;
}

bool seep_signature_params(const struct seep_signatures *sig, const struct seep_func *func,
			   struct seep_fact *regs)
{
	const struct seep_signature *known = signature_of(sig, func);
	struct assignment a = { .types = sig->types, .left = MAX_PARTS };
	struct seep_type type;
	uint32_t in = 0;

	if (func->flags & SEEP_FUNC_ASM)
		return false;
	if (known && seep_type_read(sig->types, known->func_type, &type)) {
		(void)seep_type_params(sig->types, &type, &in);
		assign(&a, known->receiver);
		for (uint32_t i = 0; i < in; i++)
			assign(&a, seep_type_param(sig->types, &type, i));
		hand_out(&a, regs);
		return true;
	}
	seep_addr receiver = by_registers(sig, func) ? receiver_by_name(sig, func->name) : 0;
	if (receiver == 0)
		return false;
	regs[SEEP_RAX] = value_fact(SEEP_PART_POINTER, receiver);
	return true;
}

bool seep_signature_results(const struct seep_signatures *sig, const struct seep_func *func,
			    struct seep_fact *regs)
{
	const struct seep_signature *known = signature_of(sig, func);
	struct assignment a = { .types = sig->types, .left = MAX_PARTS };
	struct seep_type type;
	uint32_t in = 0;

	if (!known || func->flags & SEEP_FUNC_ASM ||
	    !seep_type_read(sig->types, known->func_type, &type))
		return false;
	uint32_t count = seep_type_params(sig->types, &type, &in);
	for (uint32_t i = in; i < count; i++)
		assign(&a, seep_type_param(sig->types, &type, i));
	hand_out(&a, regs);
	return true;
}
