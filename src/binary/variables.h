/**
 * Package variables: where they lie, what they are called and of which type they are, as far as the program still says.
 *
 * Two witnesses, the stronger first: DWARF (names and types), the symbol table (names and sizes). A stripped program has neither.
 */
#ifndef SEEP_BINARY_VARIABLES_H
#define SEEP_BINARY_VARIABLES_H

#include "binary/debug.h"

struct seep_binary;

struct seep_variable {
	seep_addr addr; /** in the target, bias applied */
	uint64_t size; /** bytes */
	const char *name; /** "main.cache", "example.com/x/y.pool": import path unescaped */
	/** What its value consists of, as debug.h says; offsets from addr. NULL = unknown (part_count 0 alone: no pointers). */
	const struct seep_part *parts;
	uint32_t part_count;
	seep_addr type; /** abi.Type of the variable, 0 if there is none */
	bool compiler_made; /** no variable of the source: what a composite literal was made of, and the like */
};

struct seep_variables {
	struct seep_vec(struct seep_variable) items; /** by address, without overlaps */
	bool has_names, has_types;
	struct seep_debug *
		debug; /** for closures and frames; NULL without DWARF. Owned; names and parts are in it */
	void *arena; /** private */
};

/** Never fails for want of information: what is not there is not told. Errors: NO_MEMORY. The binary and types are borrowed. */
struct seep_error *seep_variables_read(const struct seep_binary *binary, struct seep_types *types,
				       struct seep_variables *ret) _must_check_;
void seep_variables_deinit(struct seep_variables *variables);
/** The variable that holds addr, or NULL. */
const struct seep_variable *seep_variables_find(const struct seep_variables *variables,
						seep_addr addr);

#endif
