// The executable as the loader laid it out, read from program headers alone.
//
// What is used of an ELF64 file (little-endian):
//
//	header   +16 type  +18 machine  +24 entry  +32 phoff  +40 shoff  +54 phentsize  +56 phnum  +58 shentsize  +60 shnum
//	program  +0 type  +4 flags  +8 offset  +16 vaddr  +32 filesz  +40 memsz
//	section  +4 type (only to say whether there is a symbol table)
//
// Every number in it is hostile: sums are checked for overflow, ranges against the file's length as fstat tells it. The
// file is mapped, not read, so that opening a large executable costs only the pages that are looked at. A file that is cut
// short under the mapping would raise SIGBUS; the kernel refuses that (ETXTBSY) for as long as the process runs it.
//
// A live process tells the bias: its auxiliary vector holds the entry point where it really is. Its writable segments
// are copied once, in which the dynamic linker (or Go's own start-up code) has put real addresses.
#include "binary/image.h"

#include "base/build_id.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE_BYTES = 4096 };

struct elf_file {
	const unsigned char *bytes;
	uint64_t len;
	Elf64_Ehdr header;
};

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386:
		return "32-bit x86";
	case EM_X86_64:
		return "x86-64";
	case EM_AARCH64:
		return "arm64";
	case EM_ARM:
		return "arm";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390x";
	case EM_RISCV:
		return "riscv";
	case EM_MIPS:
		return "mips";
	case EM_LOONGARCH:
		return "loong64";
	default:
		return NULL;
	}
}

static struct seep_error *wrong_machine(unsigned machine, bool is_32bit)
{
	const char *name = machine_name(machine);

	if (machine == EM_X86_64 && is_32bit)
		name = "x32 (32-bit pointers on x86-64)";
	if (!name)
		return seep_error_format(
			SEEP_ERROR_UNSUPPORTED,
			"a program for another machine (ELF machine %u); seep reads 64-bit x86-64, and of arm64 cores",
			machine);
	return seep_error_format(SEEP_ERROR_UNSUPPORTED,
				 "%s %s program; seep reads 64-bit x86-64, and of arm64 cores",
				 name[0] == 'a' ? "an" : "a", name);
}

static struct seep_error *read_header(struct elf_file *file)
{
	const Elf64_Ehdr *header = &file->header;

	if (file->len < EI_NIDENT + 4 || memcmp(file->bytes, ELFMAG, SELFMAG) != 0)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED, "not an ELF executable");
	// Class-independent up to here: e_type and e_machine follow e_ident in both.
	bool is_32bit = file->bytes[EI_CLASS] == ELFCLASS32;
	uint16_t machine = seep_le16(file->bytes + EI_NIDENT + 2);
	if (file->bytes[EI_DATA] == ELFDATA2MSB)
		return wrong_machine((uint16_t)(machine << 8 | machine >> 8), is_32bit);
	if (is_32bit || !seep_arch_of(machine))
		return wrong_machine(machine, is_32bit);
	if (file->bytes[EI_CLASS] != ELFCLASS64 || file->bytes[EI_DATA] != ELFDATA2LSB ||
	    file->len < sizeof(*header))
		return seep_error_format(SEEP_ERROR_BAD_DATA, "ELF header is malformed");

	memcpy(&file->header, file->bytes, sizeof(*header));
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED,
					 "an ELF file, but no executable (type %u)",
					 header->e_type);
	if (header->e_phnum == 0 || header->e_phnum == PN_XNUM ||
	    header->e_phentsize != sizeof(Elf64_Phdr))
		return seep_error_format(SEEP_ERROR_BAD_DATA, "ELF program headers are malformed");
	uint64_t table_len = (uint64_t)header->e_phnum * sizeof(Elf64_Phdr);
	if (header->e_phoff > file->len || table_len > file->len - header->e_phoff)
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "ELF program headers lie beyond the end of the file");
	return NULL;
}

static Elf64_Phdr program_header(const struct elf_file *file, unsigned i)
{
	Elf64_Phdr phdr;

	memcpy(&phdr, file->bytes + file->header.e_phoff + i * sizeof(phdr), sizeof(phdr));
	return phdr;
}

static bool has_symbol_table(const struct elf_file *file)
{
	uint64_t at = file->header.e_shoff;
	uint64_t table_len = (uint64_t)file->header.e_shnum * sizeof(Elf64_Shdr);

	if (at == 0 || file->header.e_shentsize != sizeof(Elf64_Shdr) || at > file->len ||
	    table_len > file->len - at)
		return false;
	for (unsigned i = 0; i < file->header.e_shnum; i++) {
		const unsigned char *shdr = file->bytes + at + i * sizeof(Elf64_Shdr);
		if (seep_le32(shdr + offsetof(Elf64_Shdr, sh_type)) == SHT_SYMTAB)
			return true;
	}
	return false;
}

static struct seep_error *check_load(const struct elf_file *file, const Elf64_Phdr *phdr,
				     uint64_t bias)
{
	seep_addr end;

	if (phdr->p_offset > file->len || phdr->p_filesz > file->len - phdr->p_offset)
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "segment at %#" PRIx64
					 " lies beyond the end of the file (cut short?)",
					 phdr->p_vaddr);
	if (phdr->p_memsz < phdr->p_filesz || __builtin_add_overflow(phdr->p_vaddr, bias, &end) ||
	    __builtin_add_overflow(end, phdr->p_memsz, &end))
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "segment at %#" PRIx64 " has a malformed size",
					 phdr->p_vaddr);
	return NULL;
}

static struct seep_error *add_load(struct seep_image *image, const struct elf_file *file,
				   const Elf64_Phdr *phdr, struct seep_target *target,
				   unsigned char **copy)
{
	struct seep_error *err;
	seep_addr start = phdr->p_vaddr + image->bias;
	const unsigned char *bytes = file->bytes + phdr->p_offset;

	if (image->segment_count == sizeof(image->segments) / sizeof(*image->segments))
		return seep_error_format(SEEP_ERROR_BAD_DATA, "more than %zu loadable segments",
					 image->segment_count);
	if (target && (phdr->p_flags & PF_W)) {
		err = seep_target_read(target, start, *copy, phdr->p_filesz);
		if (err)
			return seep_error_prefix(err, "data segment at %#" PRIx64, start);
		bytes = *copy;
		*copy += phdr->p_filesz;
	}
	err = seep_memory_add(&image->memory,
			      (struct seep_segment){ start, start + phdr->p_filesz, bytes });
	if (err)
		return err;
	image->segments[image->segment_count++] = (struct seep_image_segment){
		.start = start,
		.end = start + phdr->p_filesz,
		.writable = phdr->p_flags & PF_W,
		.executable = phdr->p_flags & PF_X,
	};
	return NULL;
}

static struct seep_error *load_segments(struct seep_image *image, const struct elf_file *file,
					struct seep_target *target)
{
	struct seep_error *err;
	struct seep_build_id id = {};
	uint64_t copy_len = 0;

	for (unsigned i = 0; i < file->header.e_phnum; i++) {
		Elf64_Phdr phdr = program_header(file, i);
		if (phdr.p_type != PT_LOAD)
			continue;
		err = check_load(file, &phdr, image->bias);
		if (err)
			return err;
		if ((phdr.p_flags & PF_W) &&
		    __builtin_add_overflow(copy_len, phdr.p_filesz, &copy_len))
			return seep_error_format(SEEP_ERROR_BAD_DATA,
						 "data segments are too large");
	}
	if (target && copy_len > 0) {
		image->copies = malloc(copy_len);
		if (!image->copies)
			return &seep_enomem;
	}

	unsigned char *copy = image->copies;
	for (unsigned i = 0; i < file->header.e_phnum; i++) {
		Elf64_Phdr phdr = program_header(file, i);
		if (phdr.p_type == PT_LOAD && phdr.p_filesz > 0) {
			err = add_load(image, file, &phdr, target, &copy);
			if (err)
				return err;
		} else if (phdr.p_type == PT_NOTE && phdr.p_offset <= file->len &&
			   phdr.p_filesz <= file->len - phdr.p_offset) {
			seep_build_id_find(
				seep_buffer_of(file->bytes + phdr.p_offset, phdr.p_filesz), &id);
		}
	}
	seep_build_id_text(&id, image->build_id, sizeof(image->build_id));
	if (image->segment_count == 0)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "no loadable segments");
	return NULL;
}

static struct seep_error *find_bias(struct seep_image *image, const struct elf_file *file,
				    struct seep_target *target)
{
	uint64_t entry = seep_target_auxv(target, AT_ENTRY);

	if (entry == 0) // in the middle of an exec() the kernel has none yet
		return seep_error_format(SEEP_ERROR_GONE,
					 "the process was just starting its program; look again");
	uint64_t bias = entry - file->header.e_entry;
	if (entry < file->header.e_entry || bias % PAGE_BYTES != 0 || (!image->pie && bias != 0))
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the process's entry point %#" PRIx64
					 " does not fit the file's %#" PRIx64,
					 entry, file->header.e_entry);
	image->bias = bias;
	return NULL;
}

static struct seep_error *parse(const void *bytes, size_t len, struct seep_target *target,
				struct seep_image *image)
{
	struct seep_error *err;
	struct elf_file file = { .bytes = bytes, .len = len };

	err = read_header(&file);
	if (err)
		return err;
	image->arch = seep_arch_of(file.header.e_machine);
	if (target && seep_target_arch(target) != image->arch)
		return wrong_machine(file.header.e_machine, false);
	image->pie = file.header.e_type == ET_DYN;
	image->file = seep_buffer_of(bytes, len);
	image->stripped = !has_symbol_table(&file);
	if (target) {
		err = find_bias(image, &file, target);
		if (err)
			return err;
	}
	return load_segments(image, &file, target);
}

struct seep_error *seep_image_open(int fd, struct seep_target *target, struct seep_image *ret)
{
	struct seep_error *err;
	struct stat status;

	if (fstat(fd, &status) < 0)
		return seep_error_os(errno, "cannot examine the executable");
	if (!S_ISREG(status.st_mode) || status.st_size <= 0)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED, "not an ELF executable");
	void *map = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return seep_error_os(errno, "cannot map the executable");

	struct seep_image image = { .map = map, .map_len = status.st_size };
	err = parse(map, image.map_len, target, &image);
	if (err) {
		seep_image_deinit(&image);
		return err;
	}
	*ret = image;
	return NULL;
}

struct seep_error *seep_image_parse(const void *bytes, size_t len, struct seep_image *ret)
{
	struct seep_image image = {};
	struct seep_error *err = parse(bytes, len, NULL, &image);

	if (err) {
		seep_image_deinit(&image);
		return err;
	}
	*ret = image;
	return NULL;
}

void seep_image_deinit(struct seep_image *image)
{
	seep_memory_deinit(&image->memory);
	free(image->copies);
	if (image->map)
		munmap(image->map, image->map_len);
	*image = (struct seep_image){};
}
