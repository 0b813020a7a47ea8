#include "support/fake_debug.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

enum { TEXT = FAKE_DEBUG_FUNCTION, SECTION_COUNT = 10, CFA_OP = 0x9c, FBREG = 0x91, PIECE = 0x93 };

struct bytes {
	unsigned char data[4096];
	size_t len;
};

static void put(struct bytes *b, uint64_t value, unsigned len)
{
	for (unsigned i = 0; i < len; i++, value = i < 8 ? value >> 8 : 0)
		b->data[b->len++] = (unsigned char)value;
}

static void uleb(struct bytes *b, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put(b, (value & 0x7f) | 0x80, 1);
	put(b, value, 1);
}

static void sleb(struct bytes *b, int64_t value)
{
	while (value < -64 || value > 63) {
		put(b, ((uint64_t)value & 0x7f) | 0x80, 1);
		value >>= 7;
	}
	put(b, (uint64_t)value & 0x7f, 1);
}

static void text(struct bytes *b, const char *s)
{
	memcpy(b->data + b->len, s, strlen(s) + 1);
	b->len += strlen(s) + 1;
}

static void block(struct bytes *b, const struct bytes *inner)
{
	put(b, inner->len, 1);
	memcpy(b->data + b->len, inner->data, inner->len);
	b->len += inner->len;
}

/* ---- abbreviations, as Go numbers and forms them more or less ---- */

enum code {
	END,
	UNIT,
	BASE,
	POINTER,
	STRUCT,
	MEMBER,
	TYPEDEF,
	ARRAY,
	SUBRANGE,
	VARIABLE,
	FUNCTION,
	LOCAL_LIST,
	LOCAL,
	CAPTURED,
	SLICE,
	INLINED,
	KIND_TYPEDEF,
	PARAMETER,
};

// Code, tag, children, then name and form of each attribute. 0xff stands for what the version decides.
// clang-format off
static const unsigned char abbrevs[][16] = {
	{ UNIT, 0x11, 1, 0x03, 0x08, 0x13, 0x0b, 0x11, 0x01 },
	{ BASE, 0x24, 0, 0x03, 0x08, 0x0b, 0x0b },
	{ POINTER, 0x0f, 0, 0x03, 0x08, 0x49, 0x10 },
	{ STRUCT, 0x13, 1, 0x03, 0x08, 0x0b, 0x0f },
	{ MEMBER, 0x0d, 0, 0x03, 0x08, 0x38, 0x0f, 0x49, 0x10 },
	{ TYPEDEF, 0x16, 0, 0x03, 0x08, 0x49, 0x10 },
	{ ARRAY, 0x01, 1, 0x03, 0x08, 0x49, 0x10, 0x0b, 0x0f },
	{ SUBRANGE, 0x21, 0, 0x37, 0x0f },
	{ VARIABLE, 0x34, 0, 0x03, 0x08, 0x02, 0x0a, 0x49, 0x10 },
	{ FUNCTION, 0x2e, 1, 0x03, 0x08, 0x11, 0xff, 0x12, 0xff, 0x40, 0x0a },
	{ LOCAL_LIST, 0x34, 0, 0x03, 0x08, 0x49, 0x10, 0x02, 0x17 },
	{ LOCAL, 0x34, 0, 0x03, 0x08, 0x49, 0x10, 0x02, 0x0a },
	{ CAPTURED, 0x34, 0, 0x03, 0x08, 0x49, 0x10, 0xfe, 0x0f },
	{ SLICE, 0x13, 0, 0x03, 0x08, 0x0b, 0x0f, 0xfd, 0x10 },
	{ INLINED, 0x1d, 1, 0x55, 0x17 },
	{ KIND_TYPEDEF, 0x16, 0, 0x03, 0x08, 0x49, 0x10 },
	{ PARAMETER, 0x05, 0, 0x03, 0x08, 0x49, 0x10, 0x02, 0x0a },
};
// clang-format on

static void build_abbrevs(int version, struct bytes *b)
{
	for (size_t i = 0; i < sizeof(abbrevs) / sizeof(*abbrevs); i++) {
		const unsigned char *a = abbrevs[i];
		put(b, a[0], 1);
		put(b, a[1], 1);
		put(b, a[2], 1);
		for (unsigned k = 3; k < 15 && a[k]; k += 2) {
			unsigned form = a[k + 1];
			if (form == 0xff)
				form = version == 4 ? 0x01 : a[k] == 0x11 ? 0x1b : 0x0f;
			uleb(b, a[k] == 0xfe ? 0x2907 : a[k] == 0xfd ? 0x2902 : a[k]);
			uleb(b, form);
		}
		if (a[0] == UNIT && version == 5) {
			uleb(b, 0x73);
			uleb(b, 0x17);
		}
		if (a[0] == STRUCT || a[0] == SLICE || a[0] == KIND_TYPEDEF) {
			uleb(b, 0x2900);
			uleb(b, 0x0b);
		}
		put(b, 0, 2);
	}
	put(b, 0, 1);
}

/* ---- lists ---- */

struct lists {
	struct bytes locations, ranges, addresses;
	int version;
};

static void location(struct lists *l, unsigned start, unsigned end, const struct bytes *expression)
{
	if (l->version == 4) {
		put(&l->locations, start, 8);
		put(&l->locations, end, 8);
		put(&l->locations, expression->len, 2);
		memcpy(l->locations.data + l->locations.len, expression->data, expression->len);
		l->locations.len += expression->len;
		return;
	}
	put(&l->locations, 4, 1);
	uleb(&l->locations, start);
	uleb(&l->locations, end);
	block(&l->locations, expression);
}

// Every list begins with the function as its base.
static size_t begin_list(struct lists *l, struct bytes *b)
{
	size_t at = b->len;

	if (l->version == 4) {
		put(b, UINT64_MAX, 8);
		put(b, TEXT, 8);
	} else {
		put(b, 1, 1);
		uleb(b, 0);
	}
	return at;
}

static void end_list(struct lists *l, struct bytes *b)
{
	put(b, 0, l->version == 4 ? 16 : 1);
}

static void stack(struct bytes *expression, int64_t offset)
{
	put(expression, FBREG, 1);
	sleb(expression, offset);
}

static void piece(struct bytes *expression, uint64_t len)
{
	put(expression, PIECE, 1);
	uleb(expression, len);
}

/* ---- entries ---- */

static size_t named(struct bytes *b, enum code code, const char *name)
{
	size_t at = b->len;

	put(b, code, 1);
	text(b, name);
	return at;
}

static size_t pointer_to(struct bytes *b, const char *name, size_t to)
{
	size_t at = named(b, POINTER, name);

	put(b, to, 4);
	return at;
}

static void member(struct bytes *b, const char *name, unsigned offset, size_t type)
{
	named(b, MEMBER, name);
	uleb(b, offset);
	put(b, type, 4);
}

static size_t array_of(struct bytes *b, const char *name, size_t type, unsigned count,
		       unsigned size)
{
	size_t at = named(b, ARRAY, name);

	put(b, type, 4);
	uleb(b, (uint64_t)count * size);
	put(b, SUBRANGE, 1);
	uleb(b, count);
	put(b, END, 1);
	return at;
}

struct type_offsets {
	size_t integer, string, strings, table, node, to_node, to_integer, to_string, self, shaped,
		pair, any;
};

static void build_types(struct bytes *b, struct type_offsets *t)
{
	t->integer = named(b, BASE, "int");
	put(b, 8, 1);
	t->string = named(b, STRUCT, "string");
	uleb(b, 16);
	put(b, 24, 1);
	put(b, END, 1);
	t->strings = named(b, SLICE, "[]string");
	uleb(b, 24);
	put(b, t->string, 4);
	put(b, 23, 1);
	t->to_integer = pointer_to(b, "*int", t->integer);
	t->to_string = pointer_to(b, "*string", t->string);
	t->table = named(b, KIND_TYPEDEF, "map[string]int");
	put(b, t->to_integer, 4);
	put(b, 21, 1);
	size_t eface = named(b, STRUCT, "runtime.eface");
	uleb(b, 16);
	put(b, 25, 1);
	put(b, END, 1);
	t->any = named(b, KIND_TYPEDEF, "any");
	put(b, eface, 4);
	put(b, 20, 1);

	// The pointer comes first and has to know where the struct will be: behind the pointer and the array.
	size_t pointer_at = b->len;
	size_t pointer_len = 1 + strlen("*main.node") + 1 + 4;
	size_t array_len = 1 + strlen("[100]*main.node") + 1 + 4 + 2 + 3;
	t->to_node = pointer_to(b, "*main.node", pointer_at + pointer_len + array_len);
	size_t nodes = array_of(b, "[100]*main.node", t->to_node, 100, 8);
	t->node = named(b, STRUCT, "main.node");
	uleb(b, 832);
	put(b, 25, 1);
	member(b, "next", 0, t->to_node);
	member(b, "text", 8, t->string);
	member(b, "all", 24, nodes);
	put(b, END, 1);

	t->self = named(b, STRUCT, "main.self");
	uleb(b, 8);
	put(b, 25, 1);
	member(b, "self", 0, t->self);
	put(b, END, 1);
	t->shaped = pointer_to(b, "go.shape.*uint8", t->integer);
	t->pair = array_of(b, "[2]string", t->string, 2, 16);
}

static void variable(struct bytes *b, const char *name, unsigned number, size_t type)
{
	struct bytes place = {};

	named(b, VARIABLE, name);
	put(&place, 0x03, 1);
	put(&place, FAKE_DEBUG_VARIABLES + number * 0x1000, 8);
	block(b, &place);
	put(b, type, 4);
}

static void captured(struct bytes *b, const char *name, size_t type, unsigned offset)
{
	named(b, CAPTURED, name);
	put(b, type, 4);
	uleb(b, offset);
}

static void local(struct bytes *b, enum code code, const char *name, size_t type, int64_t offset)
{
	struct bytes place = {};

	named(b, code, name);
	put(b, type, 4);
	stack(&place, offset);
	block(b, &place);
}

static void build_listed(struct bytes *b, struct lists *l, const struct type_offsets *t)
{
	struct bytes whole = {}, apart = {}, together = {};

	named(b, LOCAL_LIST, "text");
	put(b, t->string, 4);
	put(b, begin_list(l, &l->locations), 4);
	stack(&whole, -40);
	location(l, 0x10, 0x20, &whole);
	end_list(l, &l->locations);

	named(b, LOCAL_LIST, "list");
	put(b, t->strings, 4);
	put(b, begin_list(l, &l->locations), 4);
	stack(&apart, -80);
	piece(&apart, 8);
	put(&apart, 0x50, 1);
	piece(&apart, 8);
	stack(&apart, -64);
	piece(&apart, 8);
	location(l, 0x20, 0x30, &apart);
	for (int i = 0; i < 3; i++) {
		stack(&together, -104 + 8 * i);
		piece(&together, 8);
	}
	location(l, 0x30, 0x40, &together);
	end_list(l, &l->locations);
}

static void build_inlined(struct bytes *b, struct lists *l, const struct type_offsets *t)
{
	put(b, INLINED, 1);
	put(b, begin_list(l, &l->ranges), 4);
	if (l->version == 5)
		put(&l->ranges, 4, 1);
	put(&l->ranges, 0x40, l->version == 4 ? 8 : 1);
	put(&l->ranges, 0x50, l->version == 4 ? 8 : 1);
	end_list(l, &l->ranges);
	local(b, LOCAL, "odd", t->to_node, -304 + 4);
	local(b, PARAMETER, "inner", t->to_node, -320);
	put(b, END, 1);
}

static void build_function(struct bytes *b, struct lists *l, const struct type_offsets *t)
{
	struct bytes base = {};

	named(b, FUNCTION, "main.f");
	if (l->version == 4) {
		put(b, TEXT, 8);
		put(b, TEXT + 0x100, 8);
	} else {
		uleb(b, 0);
		uleb(b, 0x100);
	}
	put(&base, CFA_OP, 1);
	block(b, &base);
	captured(b, "s", t->string, 8);
	captured(b, "&n", t->to_integer, 24);
	captured(b, "&node", t->to_node, 32);
	captured(b, "&last", t->to_string, 40);
	local(b, LOCAL, "p", t->to_node, -16);
	build_listed(b, l, t);
	local(b, LOCAL, "node", t->node, -1200);
	local(b, LOCAL, "i.ptr", t->to_integer, -240);
	local(b, LOCAL, "first", t->to_node, -256);
	local(b, LOCAL, "second", t->string, -256);
	build_inlined(b, l, t);
	put(b, END, 1);
}

static void build_info(struct bytes *b, struct lists *l)
{
	struct type_offsets t = {};

	put(b, 0, 4); // the length, below
	put(b, l->version, 2);
	if (l->version == 5) {
		put(b, 1, 1);
		put(b, 8, 1);
		put(b, 0, 4);
	} else {
		put(b, 0, 4);
		put(b, 8, 1);
	}
	named(b, UNIT, "main");
	put(b, 0x16, 1);
	put(b, 0, 8);
	if (l->version == 5)
		put(b, 0, 4);
	put(&l->addresses, TEXT, 8);
	build_types(b, &t);
	build_function(b, l, &t);
	variable(b, "main.one", 0, t.node);
	variable(b, "example.com/a%2eb.list", 1, t.strings);
	variable(b, "main.table", 2, t.table);
	variable(b, "main.loop", 3, t.self);
	variable(b, "main.shaped", 4, t.shaped);
	variable(b, "main.short", 5, t.pair);
	variable(b, "main.number", 6, t.integer);
	variable(b, "main.any", 7, t.any);
	put(b, END, 1);
	uint32_t len = (uint32_t)b->len - 4;
	memcpy(b->data, &len, 4);
}

/* ---- the file ---- */

static void symbol(struct bytes *table, struct bytes *names, const char *name, uint64_t addr,
		   uint64_t size, unsigned type)
{
	put(table, names->len, 4);
	put(table, ELF64_ST_INFO(STB_GLOBAL, type), 1);
	put(table, 0, 1);
	put(table, 1, 2);
	put(table, addr, 8);
	put(table, size, 8);
	text(names, name);
}

static void build_symbols(struct bytes *table, struct bytes *names)
{
	put(table, 0, sizeof(Elf64_Sym));
	put(names, 0, 1);
	symbol(table, names, "main.one", FAKE_DEBUG_VARIABLES, 832, STT_OBJECT);
	symbol(table, names, "main.over", FAKE_DEBUG_VARIABLES + 800, 64, STT_OBJECT);
	symbol(table, names, "main.loop", FAKE_DEBUG_VARIABLES + 0x3000, 8, STT_OBJECT);
	symbol(table, names, "example.com/c%2ed.more", FAKE_DEBUG_SYMBOLS, 16, STT_OBJECT);
	symbol(table, names, "main..stmp_1", FAKE_DEBUG_SYMBOLS + 8, 64, STT_OBJECT);
	symbol(table, names, "main..stmp_2", FAKE_DEBUG_SYMBOLS + 128, 64, STT_OBJECT);
	symbol(table, names, "main..inittask", FAKE_DEBUG_SYMBOLS + 256, 64, STT_OBJECT);
	symbol(table, names, "type:*", FAKE_DEBUG_SYMBOLS + 512, 64, STT_OBJECT);
	symbol(table, names, "c_variable", FAKE_DEBUG_SYMBOLS + 640, 64, STT_OBJECT);
	symbol(table, names, "main.f", TEXT, 0x100, STT_FUNC);
}

static void pack(struct bytes *b, enum fake_debug_packing packing)
{
	struct bytes packed = {};
	uLongf len = sizeof(packed.data) - 32;

	if (packing == FAKE_DEBUG_PLAIN)
		return;
	if (packing == FAKE_DEBUG_COMPRESSED) {
		put(&packed, ELFCOMPRESS_ZLIB, 8);
		put(&packed, b->len, 8);
		put(&packed, 1, 8);
	} else {
		memcpy(packed.data, "ZLIB", 4);
		packed.len = 4;
		put(&packed, __builtin_bswap64(b->len), 8);
	}
	compress(packed.data + packed.len, &len, b->data, b->len);
	packed.len += len;
	*b = packed;
}

static size_t place(struct fake_debug *fake, const void *data, size_t len)
{
	size_t at = fake->len;

	memcpy(fake->bytes + at, data, len);
	fake->len = (at + len + 7) & ~(size_t)7;
	return at;
}

struct part {
	const char *name;
	const struct bytes *bytes;
	uint32_t type, link;
};

static void build_file(struct fake_debug *fake, const struct part *parts, size_t count,
		       bool compressed)
{
	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = (uint16_t)(count + 2),
		.e_shstrndx = (uint16_t)(count + 1),
	};
	Elf64_Phdr segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_vaddr = 0x400000,
		.p_filesz = 64,
		.p_memsz = 64,
	};
	Elf64_Shdr sections[SECTION_COUNT] = {};
	struct bytes names = {};

	fake->len = 0;
	place(fake, &header, sizeof(header));
	place(fake, &segment, sizeof(segment));
	put(&names, 0, 1);
	for (size_t i = 0; i < count; i++) {
		bool debug = strstr(parts[i].name, "debug") != NULL;
		sections[i + 1] = (Elf64_Shdr){
			.sh_name = (uint32_t)names.len,
			.sh_type = parts[i].type,
			.sh_flags = compressed && debug ? SHF_COMPRESSED : 0,
			.sh_offset = place(fake, parts[i].bytes->data, parts[i].bytes->len),
			.sh_size = parts[i].bytes->len,
			.sh_link = parts[i].link,
		};
		text(&names, parts[i].name);
		if (strstr(parts[i].name, "debug_info")) {
			fake->info = sections[i + 1].sh_offset;
			fake->info_len = parts[i].bytes->len;
		}
	}
	sections[count + 1] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = place(fake, names.data, names.len),
		.sh_size = names.len,
	};
	header.e_shoff = place(fake, sections, (count + 2) * sizeof(*sections));
	memcpy(fake->bytes, &header, sizeof(header));
}

void fake_debug_build(int version, enum fake_debug_packing packing, struct fake_debug *ret)
{
	struct bytes abbrev = {}, info = {}, table = {}, names = {};
	struct lists lists = { .version = version };
	bool z = packing == FAKE_DEBUG_ZDEBUG;

	memset(ret, 0, sizeof(*ret));
	build_abbrevs(version, &abbrev);
	build_info(&info, &lists);
	build_symbols(&table, &names);
	pack(&abbrev, packing);
	pack(&info, packing);
	pack(&lists.locations, packing);
	pack(&lists.ranges, packing);
	pack(&lists.addresses, packing);
	const struct part parts[] = {
		{ z ? ".zdebug_abbrev" : ".debug_abbrev", &abbrev, SHT_PROGBITS, 0 },
		{ z ? ".zdebug_info" : ".debug_info", &info, SHT_PROGBITS, 0 },
		{ version == 5 ? ".debug_loclists" :
		  z	       ? ".zdebug_loc" :
				 ".debug_loc",
		  &lists.locations, SHT_PROGBITS, 0 },
		{ version == 5 ? ".debug_rnglists" :
		  z	       ? ".zdebug_ranges" :
				 ".debug_ranges",
		  &lists.ranges, SHT_PROGBITS, 0 },
		{ ".debug_addr", &lists.addresses, SHT_PROGBITS, 0 },
		{ ".symtab", &table, SHT_SYMTAB, 7 },
		{ ".strtab", &names, SHT_STRTAB, 0 },
	};
	build_file(ret, parts, sizeof(parts) / sizeof(*parts), packing == FAKE_DEBUG_COMPRESSED);
}
