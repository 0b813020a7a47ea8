// runtime.firstmoduledata: where it is, and which of its layouts it has.
//
// It opens with a pointer to the function table's header and goes on with slices of the table's parts, at the same
// offsets from Go 1.18 to 1.27 (src/runtime/symtab.go):
//
//	+0   pcHeader *                +80  pctab []byte        +160 minpc, maxpc
//	+8   funcnametab []byte        +104 pclntable []byte    +176 text, etext
//	+32  cutab []uint32            +128 ftab []functab      +192 noptrdata, data, bss, noptrbss: start and end each
//	+56  filetab []byte            +152 findfunctab
//
//	header  +0 magic u32: fffffff0 (1.18, 1.19), fffffff1 (1.20 on)  +4 0, 0, minLC (arch->code_unit), ptrSize = 8
//	        +8 nfunc  +16 nfiles  +24 textStart (unused since 1.26)  +32 offsets of funcnametab, cutab, filetab, pctab,
//	        pclntable from the header
//
// So it is found by its own redundancy, in the data alone and without reading through code and constants: five slices
// in ascending order whose lengths equal their capacities, whose starts are what the header says, and a function table
// whose ends are minpc and maxpc. In every program tried this was true of one place.
//
// What follows differs by release. The layout is not taken on the release's word: each is tried, the release's own
// first, then the newest, until one passes its checks; so a release newer than known is read for as long as it looks
// like one that is known.
#include "binary/internal.h"

#include <inttypes.h>

enum {
	MAX_FUNCS = 1 << 26,
	HEADER_BYTES = 72,
	SLICE_BYTES = 24,
	NOT_THERE = -1,
};

// Offsets in module data that are the same in all releases.
enum {
	PC_HEADER = 0,
	FUNCNAMETAB = 8,
	CUTAB = 32,
	FILETAB = 56,
	PCTAB = 80,
	PCLNTABLE = 104,
	FTAB = 128,
	MINPC = 160,
	MAXPC = 168,
	TEXT = 176,
	ETEXT = 184,
	NOPTRDATA = 192, // four pairs of start and end
	COMMON_BYTES = 256,
};

// What moved. The columns are the fields of each release's moduledata in src/runtime/symtab.go: 1.20 put covctrs in,
// 1.21 inittasks, 1.23 moved bad, 1.26 put epclntab in, 1.27 put typedesclen and the itab range in the place of
// typelinks and itablinks.
struct module_layout {
	int min_minor, max_minor;
	uint32_t magic;
	int16_t end, gcdata, gcbss, types, typedesclen, etypes, itaboffset, itabsize, rodata,
		gofunc, epclntab, textsectmap, typelinks, itablinks, inittasks, hasmain, gcdatamask,
		gcbssmask, next;
};

// clang-format off
static const struct module_layout layouts[] = {
	// releases  magic     end gcdat gcbss types tdlen etyp itabo itabs rodat gofun epcln textm tylnk itlnk init hasm gcdm gcbm next
	{ 18, 19, 0xfffffff0, 256, 264, 272, 280,  -1, 288,  -1,  -1, 296, 304,  -1, 312, 336, 360,  -1, 488, 496, 512, 544 },
	{ 20, 20, 0xfffffff1, 272, 280, 288, 296,  -1, 304,  -1,  -1, 312, 320,  -1, 328, 352, 376,  -1, 504, 512, 528, 560 },
	{ 21, 22, 0xfffffff1, 272, 280, 288, 296,  -1, 304,  -1,  -1, 312, 320,  -1, 328, 352, 376, 464, 528, 536, 552, 584 },
	{ 23, 25, 0xfffffff1, 272, 280, 288, 296,  -1, 304,  -1,  -1, 312, 320,  -1, 328, 352, 376, 464, 528, 536, 552, 576 },
	{ 26, 26, 0xfffffff1, 272, 280, 288, 296,  -1, 304,  -1,  -1, 312, 320, 328, 336, 360, 384, 472, 536, 544, 560, 584 },
	{ 27, 27, 0xfffffff1, 272, 280, 288, 296, 304, 312, 320, 328, 336, 344, 352, 360,  -1,  -1, 448, 512, 520, 536, 560 },
};
// clang-format on

enum { LAYOUT_COUNT = sizeof(layouts) / sizeof(*layouts) };

// Module data at hand: its bytes, of which at least COMMON_BYTES are there.
struct candidate {
	const struct seep_memory *memory;
	const struct seep_arch *arch;
	seep_addr addr;
	const unsigned char *bytes;
	uint64_t len;
	uint32_t magic;
};

struct slice {
	seep_addr start;
	uint64_t len;
};

static uint64_t word(const struct candidate *candidate, int offset)
{
	return offset == NOT_THERE ? 0 : seep_le64(candidate->bytes + offset);
}

static struct slice slice(const struct candidate *candidate, int offset)
{
	if (offset == NOT_THERE)
		return (struct slice){};
	return (struct slice){ word(candidate, offset), word(candidate, offset + 8) };
}

static bool is_mapped(const struct candidate *candidate, seep_addr addr)
{
	return seep_memory_find(candidate->memory, addr) != NULL;
}

// A list of len equal to cap that lies in the image.
static bool slice_fits(const struct candidate *candidate, int offset, uint64_t elem_bytes)
{
	uint64_t len = word(candidate, offset + 8), bytes;

	return len == word(candidate, offset + 16) &&
	       (len == 0 || (!__builtin_mul_overflow(len, elem_bytes, &bytes) &&
			     seep_memory_at(candidate->memory, word(candidate, offset), bytes)));
}

// Cheap, as it is asked of every word of the data: five slices in ascending order behind the header, each full.
static bool looks_like_tables(const unsigned char *bytes)
{
	seep_addr last = seep_le64(bytes + PC_HEADER);

	if (last == 0 || last % 8 != 0)
		return false;
	for (int at = FUNCNAMETAB; at <= PCLNTABLE; at += SLICE_BYTES) {
		seep_addr start = seep_le64(bytes + at);
		if (start <= last || seep_le64(bytes + at + 8) != seep_le64(bytes + at + 16))
			return false;
		last = start;
	}
	return seep_le64(bytes + FTAB) == last &&
	       seep_le64(bytes + FTAB + 8) == seep_le64(bytes + FTAB + 16);
}

// The view that the slice at `offset` and the header's word at `header_offset` agree on; NULL if they do not.
static const unsigned char *table_view(const struct candidate *candidate,
				       const unsigned char *header, int offset, int header_offset,
				       uint64_t elem_bytes, uint64_t *len_ret)
{
	struct slice table = slice(candidate, offset);
	uint64_t bytes;

	if (table.start - word(candidate, PC_HEADER) != seep_le64(header + header_offset) ||
	    __builtin_mul_overflow(table.len, elem_bytes, &bytes))
		return NULL;
	*len_ret = bytes;
	return seep_memory_at(candidate->memory, table.start, bytes);
}

// Cuts a table of strings behind its last NUL, so that every offset into it leads to a string that ends.
static void end_with_nul(const unsigned char *table, uint64_t *len)
{
	while (*len > 0 && table[*len - 1] != 0)
		--*len;
}

static bool read_tables(struct candidate *candidate, struct seep_module_tables *ret)
{
	struct seep_module_tables tables = {};
	const unsigned char *header =
		seep_memory_at(candidate->memory, word(candidate, PC_HEADER), HEADER_BYTES);

	if (!header ||
	    seep_le32(header + 4) != (0x08000000u | (uint32_t)candidate->arch->code_unit << 16))
		return false;
	candidate->magic = seep_le32(header);
	tables.funcnametab =
		table_view(candidate, header, FUNCNAMETAB, 32, 1, &tables.funcnametab_len);
	tables.cutab = table_view(candidate, header, CUTAB, 40, 4, &tables.cutab_len);
	tables.filetab = table_view(candidate, header, FILETAB, 48, 1, &tables.filetab_len);
	tables.pctab = table_view(candidate, header, PCTAB, 56, 1, &tables.pctab_len);
	tables.pclntable = table_view(candidate, header, PCLNTABLE, 64, 1, &tables.pclntable_len);
	if (!tables.funcnametab || !tables.cutab || !tables.filetab || !tables.pctab ||
	    !tables.pclntable)
		return false;

	// The last entry of the function table is only the end of the last function: four bytes.
	uint64_t func_count = seep_le64(header + 8);
	if (func_count == 0 || func_count > MAX_FUNCS ||
	    word(candidate, FTAB + 8) != func_count + 1 ||
	    tables.pclntable_len < 8 * func_count + 4)
		return false;
	tables.functab = tables.pclntable;
	tables.func_count = func_count;
	end_with_nul(tables.funcnametab, &tables.funcnametab_len);
	end_with_nul(tables.filetab, &tables.filetab_len);
	*ret = tables;
	return tables.funcnametab_len > 0;
}

static bool common_part_fits(const struct candidate *candidate,
			     const struct seep_module_tables *tables)
{
	seep_addr minpc = word(candidate, MINPC), maxpc = word(candidate, MAXPC);
	seep_addr text = word(candidate, TEXT);

	for (int at = MINPC; at < COMMON_BYTES; at += 16)
		if (word(candidate, at) > word(candidate, at + 8))
			return false;
	return minpc < maxpc && text <= minpc && text <= UINT64_MAX - UINT32_MAX &&
	       is_mapped(candidate, minpc) && minpc == text + seep_le32(tables->functab) &&
	       maxpc == text + seep_le32(tables->functab + (uint64_t)8 * tables->func_count);
}

static bool layout_fits(const struct candidate *candidate, const struct module_layout *layout)
{
	if (layout->magic != candidate->magic || candidate->len < (uint64_t)layout->next + 8)
		return false;
	seep_addr types = word(candidate, layout->types), etypes = word(candidate, layout->etypes);
	if (word(candidate, layout->end) < word(candidate, COMMON_BYTES - 8) || types > etypes ||
	    !is_mapped(candidate, types) ||
	    !is_mapped(candidate, word(candidate, layout->rodata)) ||
	    !is_mapped(candidate, word(candidate, layout->gofunc)) ||
	    !is_mapped(candidate, word(candidate, layout->gcdata)) ||
	    !is_mapped(candidate, word(candidate, layout->gcbss)))
		return false;
	if (!slice_fits(candidate, layout->textsectmap, 24) ||
	    (layout->typelinks != NOT_THERE && (!slice_fits(candidate, layout->typelinks, 4) ||
						!slice_fits(candidate, layout->itablinks, 8))))
		return false;
	if (layout->inittasks != NOT_THERE && (!slice_fits(candidate, layout->inittasks, 8) ||
					       slice(candidate, layout->inittasks).len == 0))
		return false;
	if (layout->epclntab != NOT_THERE &&
	    word(candidate, layout->epclntab) < word(candidate, PCLNTABLE))
		return false;
	if (layout->typedesclen != NOT_THERE &&
	    (word(candidate, layout->typedesclen) > etypes - types ||
	     word(candidate, layout->itaboffset) > etypes - types ||
	     word(candidate, layout->itabsize) >
		     etypes - types - word(candidate, layout->itaboffset)))
		return false;
	return candidate->bytes[layout->hasmain] <= 1 && word(candidate, layout->next) % 8 == 0;
}

static const struct module_layout *find_layout(const struct candidate *candidate, int minor)
{
	for (size_t i = 0; i < LAYOUT_COUNT; i++)
		if (layouts[i].min_minor <= minor && minor <= layouts[i].max_minor &&
		    layout_fits(candidate, &layouts[i]))
			return &layouts[i];
	for (size_t i = LAYOUT_COUNT; i-- > 0;)
		if (layout_fits(candidate, &layouts[i]))
			return &layouts[i];
	return NULL;
}

static uint64_t mask_bits(const struct candidate *candidate, int offset)
{
	int32_t bits = (int32_t)(uint32_t)word(candidate, offset);

	return bits > 0 ? bits : 0;
}

static void read_module(const struct candidate *candidate, const struct module_layout *layout,
			struct seep_module *ret)
{
	struct slice typelinks = slice(candidate, layout->typelinks);
	struct slice itablinks = slice(candidate, layout->itablinks);

	*ret = (struct seep_module){
		.addr = candidate->addr,
		.minpc = word(candidate, MINPC),
		.maxpc = word(candidate, MAXPC),
		.text = word(candidate, TEXT),
		.etext = word(candidate, ETEXT),
		.noptrdata = word(candidate, NOPTRDATA),
		.enoptrdata = word(candidate, NOPTRDATA + 8),
		.data = word(candidate, NOPTRDATA + 16),
		.edata = word(candidate, NOPTRDATA + 24),
		.bss = word(candidate, NOPTRDATA + 32),
		.ebss = word(candidate, NOPTRDATA + 40),
		.noptrbss = word(candidate, NOPTRDATA + 48),
		.enoptrbss = word(candidate, NOPTRDATA + 56),
		.end = word(candidate, layout->end),
		.gcdata = word(candidate, layout->gcdata),
		.gcbss = word(candidate, layout->gcbss),
		.types = word(candidate, layout->types),
		.etypes = word(candidate, layout->etypes),
		.rodata = word(candidate, layout->rodata),
		.gofunc = word(candidate, layout->gofunc),
		.typedesc_len = word(candidate, layout->typedesclen),
		.itab_offset = word(candidate, layout->itaboffset),
		.itab_size = word(candidate, layout->itabsize),
		.typelinks = typelinks.start,
		.typelinks_len = typelinks.len,
		.itablinks = itablinks.start,
		.itablinks_len = itablinks.len,
		.gcdatamask = word(candidate, layout->gcdatamask + 8),
		.gcbssmask = word(candidate, layout->gcbssmask + 8),
		.gcdatamask_bits = mask_bits(candidate, layout->gcdatamask),
		.gcbssmask_bits = mask_bits(candidate, layout->gcbssmask),
		.next = word(candidate, layout->next),
	};
}

// What came nearest, to say why nothing was found.
struct near_miss {
	seep_addr addr;
	uint32_t magic;
	uint64_t text_sections;
};

static bool try_candidate(struct candidate *candidate, int minor, struct seep_module *ret,
			  struct seep_module_tables *tables_ret, struct near_miss *miss)
{
	struct seep_module_tables tables;

	if (!read_tables(candidate, &tables) || !common_part_fits(candidate, &tables))
		return false;
	*miss = (struct near_miss){ .addr = candidate->addr, .magic = candidate->magic };
	const struct module_layout *layout = find_layout(candidate, minor);
	if (!layout)
		return false;
	// With several text sections offsets are no longer counted from one start. No linker does so here.
	miss->text_sections = slice(candidate, layout->textsectmap).len;
	if (miss->text_sections > 1)
		return false;
	tables.min_minor = layout->min_minor;
	tables.max_minor = layout->max_minor;
	read_module(candidate, layout, ret);
	*tables_ret = tables;
	return true;
}

static struct seep_error *why_not(const struct near_miss *miss)
{
	if (miss->addr == 0)
		return seep_error_format(
			SEEP_ERROR_MISSING_INFO,
			"no Go function table: not a Go executable, or obfuscated (e.g. by garble)");
	if (miss->text_sections > 1)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED,
					 "code in %" PRIu64 " text sections", miss->text_sections);
	if (miss->magic != layouts[0].magic && miss->magic != layouts[LAYOUT_COUNT - 1].magic)
		return seep_error_format(
			SEEP_ERROR_UNSUPPORTED,
			"function table of an unknown format (magic %#" PRIx32
			"): obfuscated, or of a Go release newer than this seep knows",
			miss->magic);
	return seep_error_format(SEEP_ERROR_UNSUPPORTED,
				 "module data at %#" PRIx64 " has no layout that this seep knows",
				 miss->addr);
}

struct seep_error *seep_moduledata_find(const struct seep_image *image, int minor,
					struct seep_module *ret,
					struct seep_module_tables *tables_ret)
{
	struct near_miss miss = {};

	for (size_t i = 0; i < image->segment_count; i++) {
		const struct seep_image_segment *segment = &image->segments[i];
		if (!segment->writable)
			continue;
		seep_addr addr = segment->start + -segment->start % 8;
		if (addr >= segment->end)
			continue;
		struct seep_buffer buf =
			seep_memory_buffer(&image->memory, addr, segment->end - addr);
		for (; seep_buffer_left(&buf) >= COMMON_BYTES; buf.pos += 8, addr += 8) {
			if (!looks_like_tables(buf.pos))
				continue;
			struct candidate candidate = {
				.memory = &image->memory,
				.arch = image->arch,
				.addr = addr,
				.bytes = buf.pos,
				.len = seep_buffer_left(&buf),
			};
			if (try_candidate(&candidate, minor, ret, tables_ret, &miss))
				return NULL;
		}
	}
	return why_not(&miss);
}
