// See fake_go.h. Offsets in module data stand here a second time, taken from DWARF, not from the code they test.
#include "support/fake_go.h"

#include <assert.h>
#include <elf.h>
#include <stdbool.h>
#include <string.h>

enum {
	// In rodata, from its start.
	HEADER = 0,
	NAMES = 0x50,
	UNITS = 0xa0,
	FILES = 0xb0,
	PCTAB = 0xd0,
	FUNCS = 0x130,
	GOFUNC = 0x300,
	TYPES = 0x400,
	RODATA_BYTES = 0x600,
	FUNC_COUNT = 4,
	DATA_BYTES = 0x500,
};

struct offsets {
	int minor, end, types, typedesclen, etypes, rodata, gofunc, epclntab, textsectmap,
		typelinks, itablinks, inittasks, hasmain, gcdatamask, gcbssmask, next;
};

static const struct offsets all_offsets[] = {
	{ 18, 256, 280, 0, 288, 296, 304, 0, 312, 336, 360, 0, 488, 496, 512, 544 },
	{ 20, 272, 296, 0, 304, 312, 320, 0, 328, 352, 376, 0, 504, 512, 528, 560 },
	{ 21, 272, 296, 0, 304, 312, 320, 0, 328, 352, 376, 464, 528, 536, 552, 584 },
	{ 23, 272, 296, 0, 304, 312, 320, 0, 328, 352, 376, 464, 528, 536, 552, 576 },
	{ 26, 272, 296, 0, 304, 312, 320, 328, 336, 360, 384, 472, 536, 544, 560, 584 },
	{ 27, 272, 296, 304, 312, 336, 344, 352, 360, 0, 0, 448, 512, 520, 536, 560 },
};

static const char names[] = "main.outer\0main.mid\0main.inner\0main.twice\0runtime.systemstack";
enum { NAME_OUTER = 0, NAME_MID = 11, NAME_INNER = 20, NAME_TWICE = 31, NAME_SYSTEMSTACK = 42 };

void fake_go_put16(struct fake_go *fake, size_t at, uint16_t value)
{
	memcpy(fake->bytes + at, &value, sizeof(value));
}

void fake_go_put32(struct fake_go *fake, size_t at, uint32_t value)
{
	memcpy(fake->bytes + at, &value, sizeof(value));
}

void fake_go_put64(struct fake_go *fake, size_t at, uint64_t value)
{
	memcpy(fake->bytes + at, &value, sizeof(value));
}

static void put_phdr(struct fake_go *fake, int i, uint32_t type, uint32_t flags, uint64_t offset,
		     uint64_t addr, uint64_t len)
{
	Elf64_Phdr phdr = { .p_type = type,
			    .p_flags = flags,
			    .p_offset = offset,
			    .p_vaddr = addr,
			    .p_filesz = len,
			    .p_memsz = len };

	memcpy(fake->bytes + FAKE_GO_PHDRS + i * sizeof(phdr), &phdr, sizeof(phdr));
}

static void put_elf(struct fake_go *fake)
{
	static const unsigned char go_note[] = "\4\0\0\0\4\0\0\0\4\0\0\0Go\0\0a/bc";
	static const unsigned char gnu_note[] = "\4\0\0\0\4\0\0\0\3\0\0\0GNU\0\xde\xad\xbe\xef";
	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_entry = FAKE_GO_TEXT_ADDR,
		.e_phoff = FAKE_GO_PHDRS,
		.e_shoff = FAKE_GO_SECTIONS,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 5,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 2,
	};
	Elf64_Shdr symtab = { .sh_type = SHT_SYMTAB };

	memcpy(fake->bytes, &header, sizeof(header));
	put_phdr(fake, 0, PT_LOAD, PF_R | PF_X, 0x400, FAKE_GO_TEXT_ADDR, 0x100);
	put_phdr(fake, 1, PT_LOAD, PF_R, FAKE_GO_RODATA, FAKE_GO_RODATA_ADDR, RODATA_BYTES);
	put_phdr(fake, 2, PT_LOAD, PF_R | PF_W, FAKE_GO_DATA, FAKE_GO_DATA_ADDR, DATA_BYTES);
	put_phdr(fake, 3, PT_NOTE, PF_R, 0x200, 0x400200, sizeof(go_note) - 1);
	put_phdr(fake, 4, PT_NOTE, PF_R, 0x220, 0x400220, sizeof(gnu_note) - 1);
	memcpy(fake->bytes + 0x200, go_note, sizeof(go_note) - 1);
	memcpy(fake->bytes + 0x220, gnu_note, sizeof(gnu_note) - 1);
	memcpy(fake->bytes + FAKE_GO_SECTIONS + sizeof(Elf64_Shdr), &symtab, sizeof(symtab));
}

void fake_go_set_buildinfo(struct fake_go *fake, const char *version, const char *module)
{
	unsigned char *p = fake->bytes + FAKE_GO_BUILDINFO;
	size_t version_len = strlen(version), module_len = strlen(module) + 32;

	assert(version_len < 128 && module_len < 1 << 14 && version_len + module_len < 0x1c0);
	memset(p, 0, 0x200);
	memcpy(p, "\xff Go buildinf:\x08\x02", 16);
	p += 32;
	*p++ = version_len;
	memcpy(p, version, version_len);
	p += version_len;
	*p++ = (module_len & 0x7f) | 0x80;
	*p++ = module_len >> 7;
	memset(p, '<', 16);
	memcpy(p + 16, module, module_len - 32);
	memset(p + module_len - 16, '>', 16);
}

// Writes a pc-value table of pairs {value, bytes}, ended by bytes 0; returns the offset behind it.
static unsigned put_table(unsigned char *pctab, unsigned at, const int pairs[][2])
{
	int last = -1;

	for (; (*pairs)[1]; pairs++) {
		int delta = (*pairs)[0] - last;
		last = (*pairs)[0];
		pctab[at++] = delta < 0 ? -delta * 2 - 1 : delta * 2;
		pctab[at++] = (*pairs)[1];
	}
	pctab[at++] = 0;
	return at;
}

// The record of one function; returns the offset behind it.
static unsigned put_func(struct fake_go *fake, unsigned at, int minor, uint32_t entry,
			 uint32_t name, uint8_t func_id, const unsigned tables[4])
{
	size_t p = FAKE_GO_RODATA + FUNCS + at;
	size_t ids = p + (minor >= 20 ? 40 : 36);

	fake_go_put32(fake, p, entry);
	fake_go_put32(fake, p + 4, name);
	for (int i = 0; tables && i < 3; i++)
		fake_go_put32(fake, p + 16 + (size_t)4 * i, tables[i]);
	fake_go_put32(fake, p + 28, 3);
	fake->bytes[ids] = func_id;
	fake->bytes[ids + 3] = 4;
	fake_go_put32(fake, ids + 4 + 8, tables ? tables[3] : 0);
	for (size_t i = 0; i < 4; i++)
		fake_go_put32(fake, ids + 16 + 4 * i, tables && i == 3 ? 0 : UINT32_MAX);
	return at + (minor >= 20 ? 44 : 40) + 7 * 4;
}

static void put_inline_tree(struct fake_go *fake, int minor)
{
	size_t at = FAKE_GO_RODATA + GOFUNC, size = minor >= 20 ? 16 : 20,
	       name = minor >= 20 ? 4 : 12;

	fake_go_put32(fake, at + name, NAME_MID);
	fake_go_put32(fake, at + name + 4, 0x08);
	fake_go_put32(fake, at + size + name, NAME_INNER);
	fake_go_put32(fake, at + size + name + 4, 0x18);
}

static void put_functab(struct fake_go *fake, int minor)
{
	static const int stack[][2] = { { 0, 8 }, { 24, 0x30 }, { 0, 8 }, {} };
	static const int files[][2] = { { 0, 0x40 }, {} };
	static const int lines[][2] = { { 10, 0x10 }, { 20, 0x10 }, { 30, 0x10 }, { 11, 0x10 }, {} };
	static const int calls[][2] = { { -1, 0x10 }, { 0, 0x10 }, { 1, 0x10 }, { -1, 0x10 }, {} };
	static const uint32_t func_names[] = { NAME_OUTER, NAME_TWICE, NAME_TWICE,
					       NAME_SYSTEMSTACK };
	unsigned char *pctab = fake->bytes + FAKE_GO_RODATA + PCTAB;
	uint8_t wrapper = minor >= 25 ? 23 : minor >= 22 ? 22 : 21;
	const uint8_t ids[] = { 0, wrapper, 0, wrapper - 2 };
	unsigned tables[4] = { 1 }, at = 0x40;

	tables[1] = put_table(pctab, tables[0], stack);
	tables[2] = put_table(pctab, tables[1], files);
	tables[3] = put_table(pctab, tables[2], lines);
	put_table(pctab, tables[3], calls);
	for (unsigned i = 0; i < FUNC_COUNT; i++) {
		fake_go_put32(fake, FAKE_GO_RODATA + FUNCS + (size_t)8 * i, 0x40 * i);
		fake_go_put32(fake, FAKE_GO_RODATA + FUNCS + (size_t)8 * i + 4, at);
		at = put_func(fake, at, minor, 0x40 * i, func_names[i], ids[i],
			      i == 0 ? tables : NULL);
	}
	fake_go_put32(fake, FAKE_GO_RODATA + FUNCS + 8 * FUNC_COUNT, 0x100);
	put_inline_tree(fake, minor);
}

static void put_pclntab(struct fake_go *fake, int minor)
{
	static const uint64_t offsets[] = { NAMES, UNITS, FILES, PCTAB, FUNCS };
	unsigned char *rodata = fake->bytes + FAKE_GO_RODATA;

	fake_go_put32(fake, FAKE_GO_RODATA, minor >= 20 ? 0xfffffff1 : 0xfffffff0);
	fake_go_put32(fake, FAKE_GO_RODATA + 4, 0x08010000);
	fake_go_put64(fake, FAKE_GO_RODATA + 8, FUNC_COUNT);
	fake_go_put64(fake, FAKE_GO_RODATA + 24, minor >= 26 ? 0 : FAKE_GO_TEXT_ADDR);
	for (size_t i = 0; i < 5; i++)
		fake_go_put64(fake, FAKE_GO_RODATA + 32 + 8 * i, offsets[i]);
	memcpy(rodata + NAMES, names, sizeof(names));
	memcpy(rodata + FILES, "/src/main.go", 13);
	put_functab(fake, minor);
}

static void put_slice(struct fake_go *fake, size_t at, uint64_t addr, uint64_t len)
{
	fake_go_put64(fake, at, addr);
	fake_go_put64(fake, at + 8, len);
	fake_go_put64(fake, at + 16, len);
}

static void put_module(struct fake_go *fake, const struct offsets *to)
{
	static const uint64_t parts[][2] = { { NAMES, UNITS - NAMES },	{ UNITS, 4 },
					     { FILES, PCTAB - FILES },	{ PCTAB, FUNCS - PCTAB },
					     { FUNCS, GOFUNC - FUNCS }, { FUNCS, FUNC_COUNT + 1 } };
	const uint64_t rodata = FAKE_GO_RODATA_ADDR, data = FAKE_GO_DATA_ADDR;
	const uint64_t ranges[] = { FAKE_GO_TEXT_ADDR, FAKE_GO_TEXT_ADDR + 0x100,
				    FAKE_GO_TEXT_ADDR, FAKE_GO_TEXT_ADDR + 0x100,
				    data + 0x200,      data + 0x480,
				    data + 0x480,      data + 0x500,
				    data + 0x500,      data + 0x600,
				    data + 0x600,      data + 0x700 };
	const size_t at = FAKE_GO_MODULE;

	fake_go_put64(fake, at, rodata);
	for (size_t i = 0; i < 6; i++)
		put_slice(fake, at + 8 + 24 * i, rodata + parts[i][0], parts[i][1]);
	for (size_t i = 0; i < 12; i++)
		fake_go_put64(fake, at + 160 + 8 * i, ranges[i]);
	fake_go_put64(fake, at + to->end, data + 0x700);
	fake_go_put64(fake, at + to->end + 8, rodata + TYPES);
	fake_go_put64(fake, at + to->end + 16, rodata + TYPES);
	fake_go_put64(fake, at + to->types, rodata + TYPES);
	fake_go_put64(fake, at + to->etypes, rodata + TYPES + 0x100);
	fake_go_put64(fake, at + to->rodata, rodata);
	fake_go_put64(fake, at + to->gofunc, rodata + GOFUNC);
	put_slice(fake, at + to->textsectmap, rodata + TYPES, 1);
	if (to->typelinks) {
		put_slice(fake, at + to->typelinks, rodata + TYPES, 3);
		put_slice(fake, at + to->itablinks, rodata + TYPES, 2);
	}
	if (to->inittasks)
		put_slice(fake, at + to->inittasks, rodata + TYPES, 1);
	if (to->epclntab)
		fake_go_put64(fake, at + to->epclntab, rodata + GOFUNC);
	if (to->typedesclen) {
		fake_go_put64(fake, at + to->typedesclen, 0x80);
		fake_go_put64(fake, at + to->etypes + 8, 0x80);
		fake_go_put64(fake, at + to->etypes + 16, 0x40);
	}
	fake->bytes[at + to->hasmain] = 1;
	fake_go_put64(fake, at + to->gcdatamask, 16);
	fake_go_put64(fake, at + to->gcdatamask + 8, 0x700000);
	fake_go_put64(fake, at + to->gcbssmask, 32);
	fake_go_put64(fake, at + to->gcbssmask + 8, 0x700100);
	fake_go_put64(fake, at + to->next, 0);
}

void fake_go_build(int minor, struct fake_go *ret)
{
	const struct offsets *offsets = all_offsets;
	char version[] = "go1.00.1";

	for (size_t i = 0; i < sizeof(all_offsets) / sizeof(*all_offsets); i++)
		if (all_offsets[i].minor <= minor)
			offsets = &all_offsets[i];
	*ret = (struct fake_go){};
	version[4] += minor / 10;
	version[5] += minor % 10;
	put_elf(ret);
	fake_go_set_buildinfo(ret, version, "path\texample.com/fake\nbuild\tGOARCH=amd64\n");
	put_pclntab(ret, minor);
	put_module(ret, offsets);
}
