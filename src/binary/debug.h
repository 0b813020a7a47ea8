/**
 * DWARF, when the executable has it: names and types of package variables, of what stands on stacks, of what closures captured. Only
 * debug.c sees libdw; it copies out what others need.
 */
#ifndef SEEP_BINARY_DEBUG_H
#define SEEP_BINARY_DEBUG_H

#include "binary/image.h"
#include "binary/shape.h"

struct seep_debug;

/** A part at a place that DWARF gives: offset is from the start of the variable, the closure, or the frame (see each function). */
struct seep_debug_variable {
	seep_addr addr; /** bias applied */
	uint64_t size;
	const char *name;
	const struct seep_part *parts;
	uint32_t part_count;
	seep_addr type; /** abi.Type, 0 if there is none */
};

/** *ret is NULL when there is no (readable) DWARF; that is no error. fd is borrowed for the call; types for its life. */
struct seep_error *seep_debug_open(int fd, const struct seep_image *image, struct seep_types *types,
				   struct seep_debug **ret) _must_check_;
void seep_debug_close(struct seep_debug *debug);
/** All package variables, by address. Borrowed. */
const struct seep_debug_variable *seep_debug_variables(const struct seep_debug *debug,
						       size_t *count_ret);
/** What the closure object of the function at entry captured: offsets in the object (the pc is at 0). False if not known (before Go 1.23, or not a closure). */
bool seep_debug_closure(struct seep_debug *debug, seep_addr entry, const struct seep_part **ret,
			uint32_t *count_ret);
/** Parts of parameters and locals that stand on the stack at pc, offsets from the canonical frame address (Go's frame.fp). Borrowed until the next call. */
bool seep_debug_frame(struct seep_debug *debug, seep_addr entry, seep_addr pc,
		      const struct seep_part **ret, uint32_t *count_ret);

#endif
