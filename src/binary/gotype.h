/**
 * Type descriptors (abi.Type): sizes, names, fields and pointer masks of every type the program kept, stripped or not.
 * abi.Type's first 48 bytes are the same from Go 1.15 to 1.27 (src/internal/abi/type.go).
 */
#ifndef SEEP_BINARY_GOTYPE_H
#define SEEP_BINARY_GOTYPE_H

#include "base/map.h"
#include "binary/pclntab.h"

enum seep_kind {
	SEEP_KIND_BOOL = 1,
	SEEP_KIND_INT = 2,
	SEEP_KIND_INT8,
	SEEP_KIND_INT16,
	SEEP_KIND_INT32,
	SEEP_KIND_INT64,
	SEEP_KIND_UINT,
	SEEP_KIND_UINT8,
	SEEP_KIND_UINT16,
	SEEP_KIND_UINT32,
	SEEP_KIND_UINT64,
	SEEP_KIND_UINTPTR,
	SEEP_KIND_FLOAT32,
	SEEP_KIND_FLOAT64,
	SEEP_KIND_COMPLEX64,
	SEEP_KIND_COMPLEX128,
	SEEP_KIND_ARRAY = 17,
	SEEP_KIND_CHAN,
	SEEP_KIND_FUNC,
	SEEP_KIND_INTERFACE,
	SEEP_KIND_MAP,
	SEEP_KIND_PTR,
	SEEP_KIND_SLICE,
	SEEP_KIND_STRING,
	SEEP_KIND_STRUCT,
	SEEP_KIND_UNSAFE_POINTER,
};

struct seep_type {
	seep_addr addr;
	uint64_t size, ptr_bytes;
	seep_addr gcdata;
	uint32_t hash;
	uint8_t tflag;
	uint8_t kind; /** enum seep_kind; 0: a mere mask that the runtime or reflect made for an object */
	bool gc_program; /** gcdata is a GC program (≤1.23) */
	bool on_demand; /** gcdata is the slot of a mask that is built on demand (1.24+) */
	bool direct; /** an interface holds the value itself, not a pointer to it */
	bool named; /** by a declaration */
	seep_addr elem; /** array, chan, pointer, slice, map value; 0 otherwise */
	seep_addr key; /** map */
	uint64_t count; /** array length, number of struct fields */
	seep_addr fields; /** struct: array of {name, type, offset} */
};

struct seep_field {
	const char *name; /** not NUL-terminated */
	size_t name_len;
	seep_addr type;
	uint64_t offset;
	bool embedded;
};

/** Reads descriptors through `memory`; caches names and masks. Not thread-safe. */
struct seep_types {
	const struct seep_memory *memory;
	const struct seep_module *module;
	int minor;
	// private
	const unsigned char *module_bytes; /** what is at module->types; NULL: not in one piece */
	struct seep_map names, masks;
	void *arena;
};

/** memory and module are borrowed. The memory may hold more than the image: types that reflect made live in the heap. */
void seep_types_init(struct seep_types *types, const struct seep_memory *memory,
		     const struct seep_module *module, int minor);
void seep_types_deinit(struct seep_types *types);

/** False if addr is no plausible descriptor (outside all memory, bad kind, size not a sane one, ptr_bytes > size, ...). */
bool seep_type_read(const struct seep_types *types, seep_addr addr, struct seep_type *ret);
/** "main.Node", "chan *main.job", "map[string]int"; "?" if unreadable. Interned: lives as long as types. */
const char *seep_type_name(struct seep_types *types, seep_addr addr);
/** Whether a named type was declared in the package of that import path ("internal/sync": its name says only "sync"). */
bool seep_type_package_is(const struct seep_types *types, const struct seep_type *type,
			  const char *path, size_t path_len);
/** Import path of the package that declared a named type, not NUL-terminated; NULL for types without a name and those of the language. */
const char *seep_type_package(const struct seep_types *types, const struct seep_type *type,
			      size_t *len_ret);
/** Parameters (results: from *in_ret on) of a function type; 0 if it is none. */
uint32_t seep_type_params(const struct seep_types *types, const struct seep_type *type,
			  uint32_t *in_ret);
/** Type of parameter or result i, 0 if unreadable. */
seep_addr seep_type_param(const struct seep_types *types, const struct seep_type *type, uint32_t i);

struct seep_method {
	const char *name; /** not NUL-terminated */
	size_t name_len;
	seep_addr func_type; /** without the receiver; 0 if the linker left it out */
	seep_addr entry; /** of the function that takes the receiver as it is; 0 if the linker left it out */
};
uint32_t seep_type_method_count(const struct seep_types *types, const struct seep_type *type);
bool seep_type_method(const struct seep_types *types, const struct seep_type *type, uint32_t i,
		      struct seep_method *ret);
/** Field i of a struct type. */
bool seep_type_field(const struct seep_types *types, const struct seep_type *type, uint64_t i,
		     struct seep_field *ret);
/**
 * The GC mask of a type: bit k of the result = word k holds a pointer, for words [0, ptr_bytes/8). Plain masks come from
 * gcdata, GC programs are run, on-demand masks are taken from their slot or computed from the type tree. Cached. NULL
 * if it cannot be had (unreadable, over the limit of 64 Mi words).
 */
const uint8_t *seep_type_mask(struct seep_types *types, const struct seep_type *type);
/**
 * Visits every descriptor that the module lists and those reached through elements, keys, fields (up to limits), each
 * once. ≤1.26 from typelinks, 1.27+ by walking the descriptor area. visit returns false to end.
 */
void seep_types_each(struct seep_types *types, bool (*visit)(const struct seep_type *, void *arg),
		     void *arg);
/**
 * Visits all that looks like a descriptor in the module's types, listed or not: the lists leave out named types that only code refers
 * to. What is visited may be none, now and then.
 */
void seep_types_each_possible(struct seep_types *types,
			      bool (*visit)(const struct seep_type *, void *arg), void *arg);

#endif
