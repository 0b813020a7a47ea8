/** The symbol table's data symbols (.symtab); absent in a stripped program. */
#ifndef SEEP_BINARY_SYMBOLS_H
#define SEEP_BINARY_SYMBOLS_H

#include "base/vec.h"
#include "binary/image.h"

struct seep_symbol {
	seep_addr addr; /** bias applied */
	uint64_t size;
	const char *name; /** borrowed from the image; escapes as the linker wrote them */
};

struct seep_symbols {
	struct seep_vec(
		struct seep_symbol) items; /** in the table's order; each has a name and a size */
};

/** No symbols when there is no table, or it is damaged. Errors: NO_MEMORY. */
struct seep_error *seep_symbols_read(const struct seep_image *image, struct seep_symbols *ret)
	_must_check_;
void seep_symbols_deinit(struct seep_symbols *symbols);

/** Turns the escapes of import paths back ("%2e" is a point); text has room for the name, which never gets longer. */
void seep_symbol_unescape(const char *name, char *text);

#endif
