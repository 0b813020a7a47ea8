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

struct seep_evidence; /** what was found so far; functions are looked at on demand and remembered. Not thread-safe */

/** Of which kind and type a word is: the first word of a part; see enum seep_part_kind. type 0 = unknown. */
struct seep_evidence_word {
	seep_addr addr; /** package variables: of the word */
	int64_t offset; /** stacks: bytes from the frame's stack pointer at calls */
	uint8_t kind; /** enum seep_part_kind; on stacks POINTER, MAP, CHANNEL, FUNC and ELEMENTS only */
	seep_addr type; /** as in struct seep_part */
};

/** A frame, and the one that called it. */
struct seep_evidence_frame {
	const struct seep_func *func, *caller; /** caller: NULL = not known */
	seep_addr pc, caller_pc;
};

/** What it cost. */
struct seep_evidence_stats {
	uint64_t scanned_bytes; /** of code, searched for references */
	uint32_t functions, functions_left_out; /** looked at; not looked at because of the limit */
	uint64_t code_bytes; /** of those looked at */
	uint32_t words, conflicts; /** told; about which witnesses differed */
};

/** tab and types are borrowed. */
struct seep_error *seep_evidence_open(const struct seep_pclntab *tab, struct seep_types *types,
				      struct seep_evidence **ret) _must_check_;
void seep_evidence_close(struct seep_evidence *evidence);
const struct seep_evidence_stats *seep_evidence_stats(const struct seep_evidence *evidence);

/**
 * What is known of package variables. pointers: the sorted addresses of all words in [data, edata) and [bss, ebss) that hold pointers
 * (by the collector's masks); the type word of an interface is none of them, and is told all the same: it is the part's first
 * word. wanted: bit by word of that list: something is to be gained from its type; NULL: all are. Looks only at functions that refer
 * to what lies within a KiB before a wanted word, up to a limit (see the stats). Two witnesses that differ make a word unknown. The result is sorted and lives as long as the evidence; who asks again gets it again.
 *
 * Where a type converted from another one of the same form is declared (type B A), A may be told. Of a variable declared unsafe.Pointer
 * or as a pointer to what a T begins with, *T may be told when every store that is seen stores a *T.
 */
struct seep_error *seep_evidence_globals(struct seep_evidence *evidence, const seep_addr *pointers,
					 size_t count, const uint64_t *wanted,
					 const struct seep_evidence_word **ret, size_t *count_ret)
	_must_check_;
/**
 * What is known of the stack words of a frame of func that stands at pc (a return address). The same rules. The caller adds
 * what it passes, when its frame, which stands at caller_pc, called func itself. It holds for words
 * that the stack maps call live there; others may have got other contents. Sorted; lives as long as the evidence.
 */
struct seep_error *seep_evidence_frame(struct seep_evidence *evidence,
				       const struct seep_evidence_frame *frame,
				       const struct seep_evidence_word **ret, size_t *count_ret)
	_must_check_;
/**
 * The type of the objects that func, a closure, gets its captured variables in: a struct whose first field is the code's address. 0 if not
 * known: it captures nothing, or its objects are made in a way that is not understood, or never on the heap.
 */
seep_addr seep_evidence_closure(struct seep_evidence *evidence, const struct seep_func *func);

#endif
