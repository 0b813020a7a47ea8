/** What the files of binary/ share with each other only. */
#ifndef SEEP_BINARY_INTERNAL_H
#define SEEP_BINARY_INTERNAL_H

#include "binary/pclntab.h"

/** What module data says of the function table, checked: every view lies within the image. */
struct seep_module_tables {
	const unsigned char *functab, *funcnametab, *cutab, *filetab, *pctab, *pclntable;
	uint64_t funcnametab_len, cutab_len, filetab_len, pctab_len, pclntable_len; /** bytes */
	uint32_t func_count;
	int min_minor, max_minor; /** releases that have the layout found */
};

/** Finds runtime.firstmoduledata. minor: 0 if unknown; contracts and errors as seep_pclntab_open(). */
struct seep_error *seep_moduledata_find(const struct seep_image *image, int minor,
					struct seep_module *ret,
					struct seep_module_tables *tables_ret) _must_check_;

#endif
