/**
 * DWARF, when the executable has it: names and types of package variables, of what stands on stacks, of what closures captured.
 *
 * Parts are as in shape.h, with two differences. The inner shape of an ARRAY is one of seep_debug_inner(), and its `type` is the
 * element's descriptor, 0 if there is none. A POINTER or SLICE whose type is 0 leads to what no descriptor describes; then `inner`, if not
 * 0, is its shape or its element's (seep_debug_inner()). Both 0: not known, as in generic code, where every pointer is a *uint8; or a pointer of
 * a kind that does not stop at one value, as those of the runtime.
 */
#ifndef SEEP_BINARY_DEBUG_H
#define SEEP_BINARY_DEBUG_H

#include "binary/shape.h"

struct seep_debug;

struct seep_debug_variable {
	seep_addr addr; /** bias applied */
	uint64_t size;
	const char *name;
	const struct seep_part *parts; /** NULL: its type is not understood */
	uint32_t part_count;
	seep_addr type; /** abi.Type, 0 if there is none */
};

/** What is called how, of what stands in a closure or a frame. */
struct seep_debug_name {
	int64_t offset;
	uint64_t size;
	const char *name;
};

struct seep_debug_parts {
	const struct seep_part *parts; /** by offset, without overlaps */
	const struct seep_debug_name *names; /** by offset; of a variable in pieces, each piece */
	uint32_t part_count, name_count;
};

/** *ret is NULL when there is no (readable) DWARF; that is no error. Image and types are borrowed for its life. Not thread-safe. */
struct seep_error *seep_debug_open(const struct seep_image *image, struct seep_types *types,
				   struct seep_debug **ret) _must_check_;
void seep_debug_close(struct seep_debug *debug);
/** All package variables, by address. Borrowed. */
const struct seep_debug_variable *seep_debug_variables(const struct seep_debug *debug,
						       size_t *count_ret);
/** The shape `inner` of a part; size 0 if it is not understood. Its parts are like those that it came with. */
struct seep_shape seep_debug_inner(struct seep_debug *debug, uint32_t inner);
/**
 * What the closure object of the function at entry captured: offsets in the object (the pc is at 0). False if not known:
 * before Go 1.23, or not a closure. object_size: bytes that were allocated for one, 0 if unknown; it settles whether the last
 * capture is a variable or a pointer to it. To be believed only of words that hold pointers by the object's own pointer map. Captures
 * that are not certain are left out.
 */
bool seep_debug_closure(struct seep_debug *debug, seep_addr entry, uint64_t object_size,
			struct seep_debug_parts *ret);
/**
 * Parameters and locals, also of calls that were inlined, that certainly stand on the stack where the function at entry will go on at pc (a
 * return address; of an interrupted frame, its pc + 1). Offsets from the canonical frame address: the stack pointer before the call, Go's
 * frame.argp. To be believed only of words that the stack map at pc, or a stack object that is live, says to hold pointers. Good for what such a
 * word leads to and is called; not a proof that the code will use no more of it: a pointer to a struct and one to its first field are
 * one value to the compiler, which may have kept only one of their names.
 */
bool seep_debug_frame(struct seep_debug *debug, seep_addr entry, seep_addr pc,
		      struct seep_debug_parts *ret);

#endif
