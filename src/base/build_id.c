// Notes of an ELF file: namesz, descsz, type: u32 each; then name and desc, each padded to 4.
#include "base/build_id.h"

#include <elf.h>
#include <stdio.h>

enum { NOTES_MAX = 64, NT_GO_BUILD_ID = 4, NAME_LEN = 4 };

void seep_build_id_find(struct seep_buffer notes, struct seep_build_id *id)
{
	uint32_t name_len, desc_len, type;

	for (unsigned i = 0; i < NOTES_MAX && !id->gnu; i++) {
		if (!seep_buffer_u32(&notes, &name_len) || !seep_buffer_u32(&notes, &desc_len) ||
		    !seep_buffer_u32(&notes, &type))
			return;
		const unsigned char *name =
			seep_buffer_bytes(&notes, ((size_t)name_len + 3) & ~(size_t)3);
		const unsigned char *desc =
			name ? seep_buffer_bytes(&notes, ((size_t)desc_len + 3) & ~(size_t)3) :
			       NULL;
		if (!desc)
			return;
		if (name_len != NAME_LEN || desc_len == 0 || desc_len > SEEP_BUILD_ID_MAX)
			continue;
		bool gnu = type == NT_GNU_BUILD_ID && !memcmp(name, "GNU", NAME_LEN);
		if (gnu || (type == NT_GO_BUILD_ID && !memcmp(name, "Go\0", NAME_LEN)))
			*id = (struct seep_build_id){ desc, desc_len, gnu };
	}
}

void seep_build_id_text(const struct seep_build_id *id, char *ret, size_t size)
{
	size_t digits = id->gnu ? 2 : 1;

	ret[0] = '\0';
	for (size_t i = 0; i < id->len && (i + 1) * digits < size; i++) {
		unsigned char byte = id->bytes[i];
		if (!id->gnu && (byte <= ' ' || byte >= 0x7f))
			byte = '?';
		snprintf(ret + i * digits, digits + 1, id->gnu ? "%02x" : "%c", byte);
	}
}
