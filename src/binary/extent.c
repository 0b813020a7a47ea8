// Which parts of the executable's file are read, by whoever reads them:
//
//	image.c, section.c	ELF header, program and section headers, names of sections, loaded segments, notes
//	symbols.c		the symbol table and its strings
//	dwarf*.c		the sections of debug information below; each also as .zdebug_*
#include "binary/extent.h"

#include <elf.h>
#include <string.h>

static const char *const debug_sections[] = {
	"abbrev", "addr", "info", "loc", "loclists", "ranges", "rnglists",
};

static struct seep_error *add(struct seep_file_ranges *ret, uint64_t start, uint64_t len)
{
	uint64_t end;

	if (!len || __builtin_add_overflow(start, len, &end))
		return NULL;
	return seep_vec_push(ret, (struct seep_range){ start, end }) ? NULL : &seep_enomem;
}

/** Header number i of a table; false beyond the end of the file. */
static bool header_at(struct seep_buffer file, uint64_t table, unsigned i, void *ret, size_t size)
{
	const void *bytes = seep_buffer_bytes(&file, table) ? seep_buffer_bytes(&file, i * size) :
							      NULL;

	bytes = bytes ? seep_buffer_bytes(&file, size) : NULL;
	if (bytes)
		memcpy(ret, bytes, size);
	return bytes != NULL;
}

static bool is_debug_section(struct seep_buffer names, uint64_t at)
{
	const char *name = seep_buffer_bytes(&names, at) ? seep_buffer_cstring(&names, 64) : NULL;

	size_t prefix = !name			      ? 0 :
			!strncmp(name, ".debug_", 7)  ? 7 :
			!strncmp(name, ".zdebug_", 8) ? 8 :
							0;

	for (size_t i = 0; prefix && i < sizeof(debug_sections) / sizeof(*debug_sections); i++)
		if (strcmp(name + prefix, debug_sections[i]) == 0)
			return true;
	return false;
}

static struct seep_error *add_sections(struct seep_buffer file, const Elf64_Ehdr *header,
				       struct seep_file_ranges *ret)
{
	struct seep_error *err;
	struct seep_buffer names = file;
	Elf64_Shdr shdr, other;

	if (header->e_shentsize != sizeof(shdr) ||
	    !header_at(file, header->e_shoff, header->e_shstrndx, &shdr, sizeof(shdr)) ||
	    !seep_buffer_bytes(&names, shdr.sh_offset))
		return NULL;
	err = add(ret, header->e_shoff, header->e_shnum * sizeof(shdr));
	if (!err)
		err = add(ret, shdr.sh_offset, shdr.sh_size);
	for (unsigned i = 0; !err && i < header->e_shnum; i++) {
		if (!header_at(file, header->e_shoff, i, &shdr, sizeof(shdr)))
			break;
		if (shdr.sh_type == SHT_NOBITS)
			continue;
		if (shdr.sh_type == SHT_SYMTAB || is_debug_section(names, shdr.sh_name))
			err = add(ret, shdr.sh_offset, shdr.sh_size);
		if (!err && shdr.sh_type == SHT_SYMTAB && shdr.sh_link < header->e_shnum &&
		    header_at(file, header->e_shoff, shdr.sh_link, &other, sizeof(other)))
			err = add(ret, other.sh_offset, other.sh_size);
	}
	return err;
}

struct seep_error *seep_image_extent(const struct seep_image *image, struct seep_file_ranges *ret)
{
	struct seep_error *err;
	Elf64_Ehdr header;
	Elf64_Phdr phdr;

	if (!header_at(image->file, 0, 0, &header, sizeof(header)))
		return NULL;
	err = add(ret, 0, sizeof(header));
	if (!err)
		err = add(ret, header.e_phoff, header.e_phnum * sizeof(phdr));
	for (unsigned i = 0; !err && i < header.e_phnum; i++)
		if (header_at(image->file, header.e_phoff, i, &phdr, sizeof(phdr)) &&
		    (phdr.p_type == PT_LOAD || phdr.p_type == PT_NOTE))
			err = add(ret, phdr.p_offset, phdr.p_filesz);
	return err ? err : add_sections(image->file, &header, ret);
}
