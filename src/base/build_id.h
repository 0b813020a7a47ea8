/** What tells one build of a program from every other: a note of the linker's. */
#ifndef SEEP_BASE_BUILD_ID_H
#define SEEP_BASE_BUILD_ID_H

#include "base/buffer.h"

enum { SEEP_BUILD_ID_MAX = 128 };

struct seep_build_id {
	const unsigned char *bytes; /** NULL: none; borrowed from the notes */
	size_t len; /** 1 to SEEP_BUILD_ID_MAX */
	bool gnu; /** any bytes; else Go's (cmd/link: ELF_NOTE_GOBUILDID_TAG), which is text */
};

/** Looks for it in the notes of one segment: GNU's wins over Go's, also over one that was found in a segment before. */
void seep_build_id_find(struct seep_buffer notes, struct seep_build_id *id);
/** In hexadecimal digits if it is GNU's; what is not printable in Go's becomes '?'. As much as fits into size >= 1 bytes; "" if there is none. */
void seep_build_id_text(const struct seep_build_id *id, char *ret, size_t size);

#endif
