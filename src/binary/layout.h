/**
 * Where the runtime's structs keep their fields, for the release at hand.
 *
 * Two witnesses: the type descriptors in the binary itself (they cover every struct that is ever heap-allocated or put
 * into an interface, also when stripped) and the generated table by release (layout_table.inc, made by
 * tools/gen-layouts.py from the DWARF of each release). The descriptor wins; where both speak and differ, that is
 * counted. A field that a release does not have is -1: decide by presence, not by version.
 */
#ifndef SEEP_BINARY_LAYOUT_H
#define SEEP_BINARY_LAYOUT_H

#include "base/arch.h"
#include "binary/gotype.h"

struct seep_layout {
#define SEEP_LAYOUT_SIZE(strct, name) int32_t strct##_size;
#define SEEP_LAYOUT_FIELD(strct, field, path) int32_t strct##_##field;
#define SEEP_LAYOUT_CONST(name, path) int32_t name;
#include "binary/layout_fields.h"
#undef SEEP_LAYOUT_SIZE
#undef SEEP_LAYOUT_FIELD
#undef SEEP_LAYOUT_CONST
	int table_minor; /** release of the table row that was used */
	unsigned from_types; /** fields answered by type descriptors */
	unsigned from_table; /** fields answered by the table alone */
	unsigned disagreements; /** both answered and differed (the descriptor was taken) */
};

/** Resolves every field. A release newer than the table takes the newest row for what descriptors do not tell. */
struct seep_error *seep_layout_resolve(struct seep_types *types, const struct seep_arch *arch,
				       int minor, struct seep_layout *ret) _must_check_;

#endif
