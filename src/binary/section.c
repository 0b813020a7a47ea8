// Section headers of an ELF64 file, and inflating.
//
// Two forms of compression are read: SHF_COMPRESSED with {type u32, 0 u32, size u64, alignment u64} in front (Go 1.19 on and other
// linkers), and sections named .zdebug_* with "ZLIB" and the size as big-endian u64 in front (Go 1.18). Both are zlib. The
// size claimed is believed only as far as so many bytes can come of so few.
#include "binary/section.h"

#include <elf.h>
#include <stdio.h>
#include <zlib.h>

enum { MAX_NAME = 64, ZDEBUG_HEADER_BYTES = 12, DEFLATE_RATIO = 1032 };
static const uint64_t max_inflated_bytes = (uint64_t)1 << 30;

static bool read_header(const struct seep_image *image, Elf64_Ehdr *ret)
{
	struct seep_buffer file = image->file;
	const void *bytes = file.pos ? seep_buffer_bytes(&file, sizeof(*ret)) : NULL;

	if (!bytes)
		return false;
	memcpy(ret, bytes, sizeof(*ret));
	return ret->e_shoff != 0 && ret->e_shentsize == sizeof(Elf64_Shdr);
}

static bool section_header(const struct seep_image *image, const Elf64_Ehdr *header,
			   uint32_t number, Elf64_Shdr *ret)
{
	struct seep_buffer file = image->file;

	if (number >= header->e_shnum || !seep_buffer_bytes(&file, header->e_shoff) ||
	    !seep_buffer_bytes(&file, number * sizeof(*ret)))
		return false;
	const void *bytes = seep_buffer_bytes(&file, sizeof(*ret));
	if (!bytes)
		return false;
	memcpy(ret, bytes, sizeof(*ret));
	return true;
}

static bool contents(const struct seep_image *image, const Elf64_Shdr *shdr,
		     struct seep_section *ret)
{
	struct seep_buffer file = image->file;

	if (shdr->sh_type == SHT_NOBITS || !seep_buffer_bytes(&file, shdr->sh_offset))
		return false;
	*ret = (struct seep_section){ .len = shdr->sh_size, .link = shdr->sh_link };
	ret->bytes = seep_buffer_bytes(&file, shdr->sh_size);
	return ret->bytes != NULL;
}

static bool inflate_all(struct seep_section *section, size_t skip, uint64_t size)
{
	uint64_t packed = section->len - skip;

	if (size == 0 || size > max_inflated_bytes || packed > max_inflated_bytes ||
	    size / DEFLATE_RATIO > packed)
		return false;
	// One byte more, so that a string at the very end ends.
	unsigned char *bytes = malloc(size + 1);
	uLongf len = size;
	if (!bytes || uncompress(bytes, &len, section->bytes + skip, packed) != Z_OK ||
	    len != size) {
		free(bytes);
		return false;
	}
	bytes[size] = '\0';
	section->bytes = section->inflated = bytes;
	section->len = size;
	return true;
}

static bool unpack(struct seep_section *section, const Elf64_Shdr *shdr, bool zdebug)
{
	Elf64_Chdr chdr;

	if (shdr->sh_flags & SHF_COMPRESSED) {
		if (section->len < sizeof(chdr))
			return false;
		memcpy(&chdr, section->bytes, sizeof(chdr));
		return chdr.ch_type == ELFCOMPRESS_ZLIB &&
		       inflate_all(section, sizeof(chdr), chdr.ch_size);
	}
	if (!zdebug)
		return true;
	if (section->len < ZDEBUG_HEADER_BYTES || memcmp(section->bytes, "ZLIB", 4) != 0)
		return false;
	return inflate_all(section, ZDEBUG_HEADER_BYTES,
			   __builtin_bswap64(seep_le64(section->bytes + 4)));
}

bool seep_section_named(const struct seep_image *image, const char *name, struct seep_section *ret)
{
	struct seep_section names, found;
	Elf64_Ehdr header;
	Elf64_Shdr shdr;
	char z_name[MAX_NAME];

	if (!read_header(image, &header) ||
	    !section_header(image, &header, header.e_shstrndx, &shdr) ||
	    !contents(image, &shdr, &names))
		return false;
	snprintf(z_name, sizeof(z_name), ".z%s", name + 1);
	for (uint32_t i = 0; section_header(image, &header, i, &shdr); i++) {
		if (shdr.sh_name >= names.len)
			continue;
		struct seep_buffer buf =
			seep_buffer_of(names.bytes + shdr.sh_name, names.len - shdr.sh_name);
		const char *this_name = seep_buffer_cstring(&buf, MAX_NAME);
		bool zdebug = this_name && strcmp(this_name, z_name) == 0;
		if (!this_name || (!zdebug && strcmp(this_name, name) != 0))
			continue;
		if (!contents(image, &shdr, &found) || !unpack(&found, &shdr, zdebug))
			return false;
		*ret = found;
		return true;
	}
	return false;
}

bool seep_section_of_type(const struct seep_image *image, uint32_t type, struct seep_section *ret)
{
	Elf64_Ehdr header;
	Elf64_Shdr shdr;

	if (!read_header(image, &header))
		return false;
	for (uint32_t i = 0; section_header(image, &header, i, &shdr); i++) {
		if (shdr.sh_type == type)
			return contents(image, &shdr, ret);
	}
	return false;
}

bool seep_section_numbered(const struct seep_image *image, uint32_t number,
			   struct seep_section *ret)
{
	Elf64_Ehdr header;
	Elf64_Shdr shdr;

	return read_header(image, &header) && section_header(image, &header, number, &shdr) &&
	       contents(image, &shdr, ret);
}

struct seep_section seep_section_empty(void)
{
	static const unsigned char nothing[1];

	return (struct seep_section){ .bytes = nothing };
}

void seep_section_deinit(struct seep_section *section)
{
	free(section->inflated);
	*section = (struct seep_section){};
}
