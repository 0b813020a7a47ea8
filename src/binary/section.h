/**
 * Sections of the executable's file: what tools need and the loader does not, so any of them may be missing, and none is
 * vouched for. Compressed ones (SHF_COMPRESSED, and .zdebug_* of Go 1.18) are inflated.
 */
#ifndef SEEP_BINARY_SECTION_H
#define SEEP_BINARY_SECTION_H

#include "binary/image.h"

struct seep_section {
	const unsigned char *bytes;
	uint64_t len;
	uint32_t link; /** number of the section that it refers to */
	unsigned char *inflated; /** private */
};

/**
 * The section of that name; for ".debug_x" also one named ".zdebug_x". False if there is none, or it lies beyond the end of the
 * file, is compressed in another way than with zlib, damaged, or inflates to more than 1 GiB.
 */
bool seep_section_named(const struct seep_image *image, const char *name, struct seep_section *ret);
/** The first section of that type (SHT_*); or section number `number`. Not inflated. */
bool seep_section_of_type(const struct seep_image *image, uint32_t type, struct seep_section *ret);
bool seep_section_numbered(const struct seep_image *image, uint32_t number,
			   struct seep_section *ret);
/** One without bytes, to stand for one that is not there. */
struct seep_section seep_section_empty(void);
void seep_section_deinit(struct seep_section *section);

#endif
