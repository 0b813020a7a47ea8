/**
 * Package variables: where they lie, what they are called and of which type they are, as far as the program still says.
 *
 * Three witnesses, the strongest first: DWARF (names and types), the symbol table (names and sizes), machine code (types: a
 * function that is called with the variable's value as receiver or with a type descriptor next to it). A stripped program
 * has the last one only.
 */
#ifndef SEEP_BINARY_VARIABLES_H
#define SEEP_BINARY_VARIABLES_H

#include "binary/shape.h"

struct seep_binary;

struct seep_variable {
	seep_addr addr; /** in the target, bias applied */
	uint64_t size; /** bytes; up to the next variable if no witness says */
	const char *name; /** "main.cache", import path unescaped; NULL = stripped */
	const struct seep_part
		*parts; /** what its value consists of; NULL = unknown. offsets from addr */
	uint32_t part_count;
	seep_addr type; /** abi.Type of the variable, 0 if there is none */
};

struct seep_variables {
	struct seep_vec(struct seep_variable) items; /** by address, without overlaps */
	bool has_names, has_types;
	void *arena; /** private */
};

/** Never fails for want of information: what is not there is not told. Errors: NO_MEMORY. */
struct seep_error *seep_variables_read(const struct seep_binary *binary, struct seep_types *types,
				       struct seep_variables *ret) _must_check_;
void seep_variables_deinit(struct seep_variables *variables);
/** The variable that holds addr, or NULL. */
const struct seep_variable *seep_variables_find(const struct seep_variables *variables,
						seep_addr addr);

#endif
