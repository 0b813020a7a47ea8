/** What debug.c (opening), debug_type.c (types to parts) and debug_frame.c (closures, frames) share. */
#ifndef SEEP_BINARY_DEBUG_INTERNAL_H
#define SEEP_BINARY_DEBUG_INTERNAL_H

#include "binary/debug.h"
#include "binary/dwarf.h"

struct seep_debug_function {
	seep_addr entry; /** bias not applied, as everything in DWARF */
	uint64_t die;
};

enum seep_debug_state {
	SEEP_DEBUG_FAILED, /** not understood */
	SEEP_DEBUG_LATER, /** promised to a pointer's part, made when somebody asks */
	SEEP_DEBUG_MAKING,
	SEEP_DEBUG_DONE,
};

/** How far the shape of that number is. */
struct seep_debug_progress {
	uint64_t die;
	enum seep_debug_state state;
};

struct seep_debug_chunk;

struct seep_debug {
	const struct seep_image *image;
	struct seep_types *types;
	struct seep_dwarf dwarf;
	struct seep_vec(struct seep_debug_function) functions; /** by entry */
	struct seep_vec(struct seep_debug_variable) variables; /** by address */
	struct seep_vec(struct seep_shape) shapes; /** [0]: not understood */
	struct seep_vec(struct seep_debug_progress) progress; /** of each shape */
	struct seep_map shape_by_die; /** index in shapes */
	struct seep_vec(struct seep_part) scratch; /** a stack of unfinished shapes' parts */
	struct seep_map closures, frames; /** address → index in answers */
	struct seep_vec(struct seep_debug_parts) answers;
	struct seep_debug_chunk *arena;
	uint64_t part_total;
};

/** Memory that lives as long as debug; NULL when it is out, or too much of it is asked for. */
void *seep_debug_alloc(struct seep_debug *debug, size_t len);
/** The entry at an offset in any of Go's units. */
bool seep_debug_die(const struct seep_debug *debug, uint64_t offset, struct seep_die *ret);
/** Index of the shape of the type at that offset; 0 if it is not understood. Cached. */
uint32_t seep_debug_shape(struct seep_debug *debug, uint64_t offset);
/** Makes a shape that was promised. */
void seep_debug_keep_promise(struct seep_debug *debug, uint32_t shape);
/** The type that a pointer type leads to. */
bool seep_debug_pointee(const struct seep_debug *debug, uint64_t offset, uint64_t *ret);

#endif
