/**
 * Marking: which objects can be reached, by the collector's own edges and roots.
 *
 * The set only grows. Objects can be made opaque (reached, but not followed) and watched (reported when reached).
 */
#ifndef SEEP_GRAPH_MARK_H
#define SEEP_GRAPH_MARK_H

#include "runtime/runtime.h"

struct seep_marker {
	const struct seep_heap *heap;
	uint64_t *marked; /** bit per object number */
	uint64_t *opaque; /** bit per object number: its pointers are not followed */
	uint64_t *watched; /** bit per object number */
	struct seep_vec(seep_addr)
		hits; /** pointers that led to watched objects, in no order: at least the first one, for tiny blocks each; the caller empties it */
	uint64_t objects, bytes; /** marked */
	uint64_t pointerful; /** of the objects: in spans with pointers */
	uint64_t pointers; /** followed, to objects marked or not */
	uint64_t dangling; /** precise pointers to slots that are free: should be 0 */
	seep_addr dangling_example; /** the lowest */
	bool failed; /** memory ran out */
	// private
	struct seep_vec(struct seep_object) todo;
	struct seep_vec(struct seep_object)
		guessed; /** to be marked and followed as well, but reached by a guess: their contents may be stale */
	uint64_t *maybe; /** bit per object number: has been in `guessed` */
	bool guessing; /** what is followed now was guessed */
	struct seep_mark_crew
		*crew; /** while several threads mark, each with a copy of this struct */
};

struct seep_error *seep_marker_init(struct seep_marker *marker, const struct seep_heap *heap)
	_must_check_;
void seep_marker_deinit(struct seep_marker *marker);

/** Takes a pointer into the heap; anything else is ignored. A guess (not precise) counts only if its slot is allocated. */
void seep_mark_pointer(struct seep_marker *marker, seep_addr pointer, bool precise);
/**
 * Follows everything that is still to be followed, by several threads if it is much. Only the order of the hits depends on how
 * many there are.
 */
void seep_mark_drain(struct seep_marker *marker);
/** Lifts opacity from every object and follows those that had been reached. */
void seep_mark_opaque(struct seep_marker *marker);

/** Words of data and bss that hold pointers, in address order; then what the runtime's own threads have in hand. */
void seep_roots_globals(const struct seep_runtime *runtime,
			void (*visit)(seep_addr word, seep_addr value, void *arg), void *arg);

#endif
