/**
 * Types of package variables and of words on stacks, as the machine code gives them away.
 *
 * A stripped program does not say what its variables are, but its code does: it calls (*T).m with one as the receiver,
 * mapassign with a map's type next to it, stores what newobject(T) returned. Only what follows without doubt is told.
 */
#ifndef SEEP_BINARY_EVIDENCE_H
#define SEEP_BINARY_EVIDENCE_H

#include "binary/code.h"
#include "binary/shape.h"

struct seep_evidence; /** what was found so far; functions are looked at on demand and remembered */

/** Of which kind and type a word is: the first word of a part; see enum seep_part_kind. type 0 = unknown. */
struct seep_evidence_word {
	seep_addr addr; /** package variables: of the word */
	int64_t offset; /** stacks: bytes from the frame's stack pointer at calls */
	uint8_t kind; /** enum seep_part_kind */
	seep_addr type; /** as in struct seep_part */
};

/** tab and types are borrowed. */
struct seep_error *seep_evidence_open(const struct seep_pclntab *tab, struct seep_types *types,
				      struct seep_evidence **ret) _must_check_;
void seep_evidence_close(struct seep_evidence *evidence);

/**
 * What is known of the package variables' words at `wanted` (sorted addresses in data and bss). Looks only at functions
 * that refer to them. Two witnesses that differ make a word unknown. The result is sorted and lives as long as the evidence.
 */
struct seep_error *seep_evidence_globals(struct seep_evidence *evidence, const seep_addr *wanted,
					 size_t count, const struct seep_evidence_word **ret,
					 size_t *count_ret) _must_check_;
/** What is known of the stack words of a frame of func that stands at pc (a return address). The same rules. */
struct seep_error *seep_evidence_frame(struct seep_evidence *evidence, const struct seep_func *func,
				       seep_addr pc, const struct seep_evidence_word **ret,
				       size_t *count_ret) _must_check_;

#endif
