/**
 * Shapes: what of a type matters for following pointers. Which words of a value lead on, and what each of them can see there.
 *
 * part   a pointer-holding piece of a value: a pointer, a string, a slice, ...; or an array of equal pieces
 * shape  the parts of a type, by offset; nested structs and short arrays are unrolled
 */
#ifndef SEEP_BINARY_SHAPE_H
#define SEEP_BINARY_SHAPE_H

#include "base/str.h"
#include "base/vec.h"
#include "binary/gotype.h"

enum seep_part_kind {
	SEEP_PART_POINTER, /** *T; also sync/atomic.Pointer[T], which says T in a field of no size */
	SEEP_PART_STRING, /** 2 words */
	SEEP_PART_SLICE, /** 3 words */
	SEEP_PART_MAP,
	SEEP_PART_CHANNEL,
	SEEP_PART_FUNC,
	SEEP_PART_EFACE, /** 2 words: type, data */
	SEEP_PART_IFACE, /** 2 words: itab, data */
	SEEP_PART_UNSAFE, /** unsafe.Pointer, and pointers that the runtime does arithmetic with: sees all of what it leads to */
	SEEP_PART_ARRAY, /** `count` values of shape `inner`, `stride` bytes apart */
	SEEP_PART_ELEMENTS, /** on stacks: the first word of a slice whose rest is elsewhere; of a string if it has neither type nor inner */
};

struct seep_part {
	int64_t offset; /** negative only in what debug.h says of frames */
	uint8_t kind; /** enum seep_part_kind */
	uint32_t inner; /** ARRAY: shape; POINTER, SLICE, ELEMENTS: the shape of what it leads to, once known, else 0 (private) */
	seep_addr type; /** POINTER: T; SLICE, ELEMENTS: the element; MAP, CHANNEL, FUNC, IFACE: the type itself; 0 = unknown */
	uint64_t count, stride; /** ARRAY */
};

struct seep_shape {
	seep_addr type; /** 0: made from something else than a descriptor */
	const char *name; /** of a shape without a descriptor, if it has one; borrowed */
	uint64_t size, ptr_bytes;
	const struct seep_part *parts;
	uint32_t part_count;
	bool direct; /** an interface holds the value itself, not a pointer to it */
	bool opaque; /** its pointers are used in ways that types do not tell (package runtime and the like): whoever sees the value sees all it leads to */
};

struct seep_shapes {
	struct seep_types *types;
	struct seep_vec(struct seep_shape) shapes; /** [0] is "unknown" */
	struct seep_map by_type; /** descriptor → index */
	uint32_t any; /** private: of an interface {} */
	void *arena; /** private: the parts */
	uint64_t part_count, steps; /** private: of all shapes; descriptors looked at */
};

struct seep_error *seep_shapes_init(struct seep_shapes *shapes, struct seep_types *types)
	_must_check_;
void seep_shapes_deinit(struct seep_shapes *shapes);
/** Index of the shape of the type at that address; 0 if the type cannot be read or memory is out. Cached. */
uint32_t seep_shape_of(struct seep_shapes *shapes, seep_addr type);
/** A shape without a descriptor; copies the parts, which are sorted by offset. The name may be NULL. 0 when memory is out, or parts overlap or leave it. */
uint32_t seep_shape_add(struct seep_shapes *shapes, const char *name, uint64_t size,
			const struct seep_part *parts, uint32_t count);
/** Whether a pointer to that type sees a value of it and no more; see shape.c. */
bool seep_pointer_is_plain(struct seep_types *types, seep_addr pointee);
/** Bytes of a part of that kind; 0 for ARRAY. */
static inline uint64_t seep_part_bytes(uint8_t kind)
{
	switch (kind) {
	case SEEP_PART_STRING:
	case SEEP_PART_EFACE:
	case SEEP_PART_IFACE:
		return 16;
	case SEEP_PART_SLICE:
		return 24;
	case SEEP_PART_ARRAY:
		return 0;
	default:
		return 8;
	}
}
/** The shape of what a POINTER or SLICE part leads to (one element); 0 if unknown. Cached. */
uint32_t seep_shape_target(struct seep_shapes *shapes, const struct seep_part *part);
/** The shape of the buckets (Go 1.24 and later: groups) of a map type. */
uint32_t seep_shape_of_buckets(struct seep_shapes *shapes, seep_addr map_type);
enum seep_inside {
	SEEP_INSIDE_NOT,
	SEEP_INSIDE_IS, /** it is itself one */
	SEEP_INSIDE_BEGINS, /** the struct or array around it begins with it */
	SEEP_INSIDE_WITHIN, /** a later field or element */
};
/** Where a value of type outer has one of type inner at that byte, as itself, a field or an element. */
enum seep_inside seep_type_contains(const struct seep_types *types, seep_addr outer,
				    uint64_t offset, seep_addr inner);
/**
 * Adds to text how Go code would reach the byte at offset in a value of that type: ".sessions[3].name"; with any_index
 * "[...]" stands for every index. "" when the type has no parts with names.
 */
void seep_type_path(struct seep_types *types, seep_addr type, uint64_t offset, bool any_index,
		    struct seep_str *text);

#endif
