// Units, abbreviations and entries of DWARF 4 and 5; dwarf_ranges.c has the lists of addresses.
//
//	unit 4   length u32, version u16, abbreviations u32, address size u8, entries
//	unit 5   length u32, version u16, unit type u8, address size u8, abbreviations u32, entries
//	entry    uvarint code of its abbreviation, then its attributes; code 0 ends a list of children
//	abbreviation  uvarint code, uvarint tag, children u8, pairs of uvarint (name, form), 0 0; code 0 ends the table
//
// (64-bit DWARF: ffffffff and u64 in the place of a u32 length, u64 for offsets.)
//
// libdw would do all this, but it inflates every section that there is, does not stand up to damaged files, and is a large
// thing to link into a small static program; of DWARF's many ways Go uses few. Every read here is bounds-checked. Units
// of C code are stepped over, so only their first entry has to be understood.
#include "binary/dwarf.h"

enum {
	FORM_ADDR = 0x01,
	FORM_BLOCK2 = 0x03,
	FORM_BLOCK4 = 0x04,
	FORM_DATA2 = 0x05,
	FORM_DATA4 = 0x06,
	FORM_DATA8 = 0x07,
	FORM_STRING = 0x08,
	FORM_BLOCK = 0x09,
	FORM_BLOCK1 = 0x0a,
	FORM_DATA1 = 0x0b,
	FORM_FLAG = 0x0c,
	FORM_SDATA = 0x0d,
	FORM_STRP = 0x0e,
	FORM_UDATA = 0x0f,
	FORM_REF_ADDR = 0x10,
	FORM_REF1 = 0x11,
	FORM_REF2 = 0x12,
	FORM_REF4 = 0x13,
	FORM_REF8 = 0x14,
	FORM_REF_UDATA = 0x15,
	FORM_INDIRECT = 0x16, // not supported: the form itself stands in the entry
	FORM_SEC_OFFSET = 0x17,
	FORM_EXPRLOC = 0x18,
	FORM_FLAG_PRESENT = 0x19,
	FORM_STRX = 0x1a,
	FORM_ADDRX = 0x1b,
	FORM_REF_SUP4 = 0x1c,
	FORM_STRP_SUP = 0x1d,
	FORM_DATA16 = 0x1e,
	FORM_LINE_STRP = 0x1f,
	FORM_REF_SIG8 = 0x20,
	FORM_IMPLICIT_CONST = 0x21,
	FORM_LOCLISTX = 0x22,
	FORM_RNGLISTX = 0x23,
	FORM_REF_SUP8 = 0x24,
	FORM_STRX1 = 0x25,
	FORM_STRX2 = 0x26,
	FORM_STRX3 = 0x27,
	FORM_STRX4 = 0x28,
	FORM_ADDRX1 = 0x29,
	FORM_ADDRX2 = 0x2a,
	FORM_ADDRX3 = 0x2b,
	FORM_ADDRX4 = 0x2c,
};

enum {
	AT_LOCATION = 0x02,
	AT_NAME = 0x03,
	AT_BYTE_SIZE = 0x0b,
	AT_LOW_PC = 0x11,
	AT_HIGH_PC = 0x12,
	AT_LANGUAGE = 0x13,
	AT_ABSTRACT_ORIGIN = 0x31,
	AT_COUNT = 0x37,
	AT_DATA_MEMBER_LOCATION = 0x38,
	AT_FRAME_BASE = 0x40,
	AT_TYPE = 0x49,
	AT_RANGES = 0x55,
	AT_ADDR_BASE = 0x73,
	AT_GO_KIND = 0x2900,
	AT_GO_ELEM = 0x2902,
	AT_GO_RUNTIME_TYPE = 0x2904,
	AT_GO_DICT_INDEX = 0x2906,
	AT_GO_CLOSURE_OFFSET = 0x2907,
};

enum { UNIT_TYPE_COMPILE = 1, LANGUAGE_GO = 0x16, ADDRESS_BYTES = 8 };
enum { MAX_ABBREVS = 1 << 20, MAX_ATTRIBUTES = 1 << 22, MAX_UNITS = 1 << 20, MAX_TAG = 0xffff };
enum { MAX_NAME = 1 << 20 };

bool seep_buffer_svarint(struct seep_buffer *buf, int64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 10 && i < seep_buffer_left(buf); i++) {
		unsigned char b = buf->pos[i];
		unsigned shift = 7 * i;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b >= 0x80)
			continue;
		if (b & 0x40 && shift + 7 < 64)
			v |= ~(uint64_t)0 << (shift + 7);
		buf->pos += i + 1;
		*ret = (int64_t)v;
		return true;
	}
	return false;
}

/* ---- forms ---- */

// Bytes of a form that always takes as many; -1 of others.
static int fixed_bytes(unsigned form, const struct seep_dwarf_unit *unit)
{
	switch (form) {
	case FORM_FLAG_PRESENT:
		return 0;
	case FORM_DATA1:
	case FORM_FLAG:
	case FORM_REF1:
	case FORM_STRX1:
	case FORM_ADDRX1:
		return 1;
	case FORM_DATA2:
	case FORM_REF2:
	case FORM_STRX2:
	case FORM_ADDRX2:
		return 2;
	case FORM_STRX3:
	case FORM_ADDRX3:
		return 3;
	case FORM_DATA4:
	case FORM_REF4:
	case FORM_REF_SUP4:
	case FORM_STRX4:
	case FORM_ADDRX4:
		return 4;
	case FORM_ADDR:
	case FORM_DATA8:
	case FORM_REF8:
	case FORM_REF_SIG8:
	case FORM_REF_SUP8:
		return 8;
	case FORM_DATA16:
		return 16;
	case FORM_STRP:
	case FORM_REF_ADDR:
	case FORM_SEC_OFFSET:
	case FORM_STRP_SUP:
	case FORM_LINE_STRP:
		return unit->offset_size;
	default:
		return -1;
	}
}

// What an attribute holds: a number (address, reference, constant, ...), a string or a block.
struct value {
	uint64_t number;
	const char *string;
	struct seep_buffer block;
	bool is_block;
};

static bool little_endian(struct seep_buffer *buf, unsigned len, uint64_t *ret)
{
	const unsigned char *bytes = seep_buffer_bytes(buf, len);
	uint64_t v = 0;

	if (!bytes)
		return false;
	for (unsigned i = 0; i < len && i < 8; i++)
		v |= (uint64_t)bytes[i] << (8 * i);
	*ret = v;
	return true;
}

static bool read_block(struct seep_buffer *buf, unsigned len_bytes, struct value *ret)
{
	uint64_t len;

	if (len_bytes ? !little_endian(buf, len_bytes, &len) : !seep_buffer_uvarint(buf, &len))
		return false;
	const unsigned char *bytes = seep_buffer_bytes(buf, len);
	if (!bytes)
		return false;
	ret->block = seep_buffer_of(bytes, len);
	ret->is_block = true;
	return true;
}

static bool read_variable_form(unsigned form, struct seep_buffer *buf, struct value *ret)
{
	int64_t number;

	switch (form) {
	case FORM_STRING:
		ret->string = seep_buffer_cstring(buf, MAX_NAME);
		return ret->string != NULL;
	case FORM_UDATA:
	case FORM_REF_UDATA:
	case FORM_STRX:
	case FORM_ADDRX:
	case FORM_LOCLISTX:
	case FORM_RNGLISTX:
		return seep_buffer_uvarint(buf, &ret->number);
	case FORM_SDATA:
		if (!seep_buffer_svarint(buf, &number))
			return false;
		ret->number = (uint64_t)number;
		return true;
	case FORM_BLOCK1:
		return read_block(buf, 1, ret);
	case FORM_BLOCK2:
		return read_block(buf, 2, ret);
	case FORM_BLOCK4:
		return read_block(buf, 4, ret);
	case FORM_BLOCK:
	case FORM_EXPRLOC:
		return read_block(buf, 0, ret);
	default: // FORM_INDIRECT and what is not known: there is no telling where it ends
		return false;
	}
}

static bool read_form(const struct seep_dwarf_unit *unit, unsigned form, struct seep_buffer *buf,
		      struct value *ret)
{
	int fixed = fixed_bytes(form, unit);

	*ret = (struct value){};
	if (form ==
	    FORM_IMPLICIT_CONST) // its value stands in the abbreviation; none that matters has this form
		return true;
	if (fixed < 0)
		return read_variable_form(form, buf, ret);
	if (!little_endian(buf, fixed, &ret->number))
		return false;
	if (form == FORM_FLAG_PRESENT)
		ret->number = 1;
	// References within a unit count from its header.
	if (form >= FORM_REF1 && form <= FORM_REF8)
		ret->number += unit->offset;
	return true;
}

/* ---- abbreviations ---- */

static bool read_attributes(struct seep_dwarf *dwarf, struct seep_buffer *buf,
			    const struct seep_dwarf_unit *unit)
{
	uint64_t name, form;
	int64_t implicit;

	for (;;) {
		if (!seep_buffer_uvarint(buf, &name) || !seep_buffer_uvarint(buf, &form) ||
		    name > UINT16_MAX || form > UINT16_MAX)
			return false;
		if (name == 0 && form == 0)
			return true;
		if (form == FORM_IMPLICIT_CONST && !seep_buffer_svarint(buf, &implicit))
			return false;
		if (dwarf->attributes.len >= MAX_ATTRIBUTES ||
		    !seep_vec_push(&dwarf->attributes,
				   (struct seep_dwarf_attribute){
					   .name = name,
					   .form = form,
					   .fixed_len = form == FORM_IMPLICIT_CONST ?
								0 :
								fixed_bytes(form, unit),
				   }))
			return false;
	}
}

static int32_t fixed_len(const struct seep_dwarf *dwarf, const struct seep_dwarf_abbrev *abbrev)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < abbrev->count; i++) {
		int len = dwarf->attributes.data[abbrev->first + i].fixed_len;
		if (len < 0)
			return -1;
		sum += len;
	}
	return sum > INT32_MAX ? -1 : (int32_t)sum;
}

// Codes have to count from 1, as everybody numbers them.
static bool parse_table(struct seep_dwarf *dwarf, uint64_t offset,
			const struct seep_dwarf_unit *unit, struct seep_dwarf_table *ret)
{
	struct seep_buffer buf = seep_buffer_of(dwarf->abbrev.bytes, dwarf->abbrev.len);
	struct seep_dwarf_table table = { .first = dwarf->abbrevs.len };
	uint64_t code, tag;
	uint8_t children;

	if (!seep_buffer_bytes(&buf, offset))
		return false;
	for (;;) {
		if (!seep_buffer_uvarint(&buf, &code))
			return false;
		if (code == 0)
			break;
		if (code != table.count + 1 || !seep_buffer_uvarint(&buf, &tag) || tag == 0 ||
		    tag > MAX_TAG || !seep_buffer_u8(&buf, &children))
			return false;
		struct seep_dwarf_abbrev abbrev = {
			.tag = tag,
			.children = children,
			.first = dwarf->attributes.len,
		};
		if (!read_attributes(dwarf, &buf, unit))
			return false;
		abbrev.count = dwarf->attributes.len - abbrev.first;
		abbrev.fixed_len = fixed_len(dwarf, &abbrev);
		if (dwarf->abbrevs.len >= MAX_ABBREVS || !seep_vec_push(&dwarf->abbrevs, abbrev))
			return false;
		table.count++;
	}
	*ret = table;
	return true;
}

// An empty table when it cannot be read: no entry can be read with it then. Kept as well, so that many units
// that share a bad one cost no more.
static bool find_table(struct seep_dwarf *dwarf, uint64_t offset, struct seep_dwarf_unit *unit)
{
	bool added;
	uint64_t key = offset * 2 + (unit->offset_size == 8);
	uint64_t *index = seep_map_put(&dwarf->table_by_offset, key, &added);

	if (!index)
		return false;
	if (added) {
		struct seep_dwarf_table table = {};
		*index = 0;
		if (!parse_table(dwarf, offset, unit, &table))
			table = (struct seep_dwarf_table){};
		if (!seep_vec_push(&dwarf->tables, table))
			return false;
		*index = dwarf->tables.len;
	}
	if (*index == 0)
		return false;
	unit->table = dwarf->tables.data[*index - 1];
	return true;
}

static const struct seep_dwarf_abbrev *
find_abbrev(const struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit, uint64_t code)
{
	if (code - 1 >= unit->table.count)
		return NULL;
	return &dwarf->abbrevs.data[unit->table.first + code - 1];
}

/* ---- entries ---- */

static void keep_name(struct seep_die *die, const struct value *value)
{
	if (value->string)
		die->name = value->string;
}

static void keep_location(struct seep_die *die, const struct value *value)
{
	die->has |= value->is_block ? SEEP_DIE_LOCATION : SEEP_DIE_LOCATION_LIST;
	die->location = value->block;
	die->location_list = value->number;
}

static bool is_addrx(unsigned form)
{
	return form == FORM_ADDRX || (form >= FORM_ADDRX1 && form <= FORM_ADDRX4);
}

static void keep_pc(const struct seep_dwarf *dwarf, struct seep_die *die, unsigned name,
		    unsigned form, uint64_t number)
{
	if (is_addrx(form) && !seep_dwarf_address(dwarf, die->unit, number, &number))
		return;
	if (name == AT_LOW_PC) {
		die->low_pc = number;
		die->has |= SEEP_DIE_LOW_PC;
		return;
	}
	// As a constant it counts from low_pc, which every producer puts first.
	die->high_pc = form == FORM_ADDR || is_addrx(form) ? number : die->low_pc + number;
	die->has |= SEEP_DIE_HIGH_PC;
}

struct number_field {
	uint16_t name;
	uint16_t has;
	uint16_t at; // in struct seep_die
};

#define FIELD(attribute, bit, member)                                                      \
	{                                                                                  \
		.name = (attribute), .has = (bit), .at = offsetof(struct seep_die, member) \
	}
static const struct number_field number_fields[] = {
	FIELD(AT_TYPE, SEEP_DIE_TYPE, type),
	FIELD(AT_ABSTRACT_ORIGIN, SEEP_DIE_ORIGIN, origin),
	FIELD(AT_BYTE_SIZE, SEEP_DIE_SIZE, size),
	FIELD(AT_GO_KIND, SEEP_DIE_KIND, kind),
	FIELD(AT_GO_RUNTIME_TYPE, SEEP_DIE_RUNTIME_TYPE, runtime_type),
	FIELD(AT_DATA_MEMBER_LOCATION, SEEP_DIE_MEMBER_OFFSET, member_offset),
	FIELD(AT_COUNT, SEEP_DIE_COUNT, count),
	FIELD(AT_GO_ELEM, SEEP_DIE_ELEM, elem),
	FIELD(AT_GO_CLOSURE_OFFSET, SEEP_DIE_CLOSURE_OFFSET, closure_offset),
	FIELD(AT_GO_DICT_INDEX, SEEP_DIE_DICT_INDEX, count),
	FIELD(AT_RANGES, SEEP_DIE_RANGES, ranges),
	FIELD(AT_LANGUAGE, 0, language),
	FIELD(AT_ADDR_BASE, 0, addr_base),
};

static void keep_number(struct seep_die *die, unsigned name, uint64_t number)
{
	for (size_t i = 0; i < sizeof(number_fields) / sizeof(*number_fields); i++) {
		const struct number_field *field = &number_fields[i];
		if (field->name != name)
			continue;
		memcpy((char *)die + field->at, &number, sizeof(number));
		die->has |= field->has;
		return;
	}
}

static void keep(const struct seep_dwarf *dwarf, struct seep_die *die, unsigned name, unsigned form,
		 const struct value *value)
{
	switch (name) {
	case AT_NAME:
		keep_name(die, value);
		return;
	case AT_LOCATION:
		keep_location(die, value);
		return;
	case AT_LOW_PC:
	case AT_HIGH_PC:
		keep_pc(dwarf, die, name, form, value->number);
		return;
	case AT_FRAME_BASE:
		if (value->is_block) {
			die->frame_base = value->block;
			die->has |= SEEP_DIE_FRAME_BASE;
		}
		return;
	default:
		if (!value->is_block && !value->string && form != FORM_RNGLISTX)
			keep_number(die, name, value->number);
		return;
	}
}

static bool entry_buffer(const struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit,
			 uint64_t offset, struct seep_buffer *ret)
{
	if (offset < unit->root || offset >= unit->end)
		return false;
	*ret = seep_buffer_of(dwarf->info.bytes + offset, unit->end - offset);
	return true;
}

bool seep_die_read(const struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit,
		   uint64_t offset, struct seep_die *ret)
{
	struct seep_buffer buf;
	struct value value;
	uint64_t code;

	if (!entry_buffer(dwarf, unit, offset, &buf) || !seep_buffer_uvarint(&buf, &code))
		return false;
	struct seep_die die = { .unit = unit, .offset = offset };
	if (code != 0) {
		const struct seep_dwarf_abbrev *abbrev = find_abbrev(dwarf, unit, code);
		if (!abbrev)
			return false;
		die.tag = abbrev->tag;
		die.children = abbrev->children;
		for (uint32_t i = 0; i < abbrev->count; i++) {
			const struct seep_dwarf_attribute *attribute =
				&dwarf->attributes.data[abbrev->first + i];
			if (!read_form(unit, attribute->form, &buf, &value))
				return false;
			keep(dwarf, &die, attribute->name, attribute->form, &value);
		}
	}
	die.next = buf.pos - dwarf->info.bytes;
	*ret = die;
	return true;
}

static bool pass_attributes(const struct seep_dwarf *dwarf, const struct seep_dwarf_abbrev *abbrev,
			    struct seep_buffer *buf)
{
	const struct seep_dwarf_attribute *attribute = &dwarf->attributes.data[abbrev->first];
	struct value value;

	if (abbrev->fixed_len >= 0)
		return seep_buffer_bytes(buf, abbrev->fixed_len) != NULL;
	for (uint32_t i = 0; i < abbrev->count; i++, attribute++) {
		if (attribute->fixed_len >= 0 ? !seep_buffer_bytes(buf, attribute->fixed_len) :
						!read_variable_form(attribute->form, buf, &value))
			return false;
	}
	return true;
}

bool seep_die_pass(const struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit,
		   uint64_t *offset, uint32_t *tag_ret, bool *children_ret)
{
	struct seep_buffer buf;
	uint64_t code;

	if (!entry_buffer(dwarf, unit, *offset, &buf) || !seep_buffer_uvarint(&buf, &code))
		return false;
	*tag_ret = 0;
	*children_ret = false;
	if (code != 0) {
		const struct seep_dwarf_abbrev *abbrev = find_abbrev(dwarf, unit, code);
		if (!abbrev)
			return false;
		*tag_ret = abbrev->tag;
		*children_ret = abbrev->children;
		if (!pass_attributes(dwarf, abbrev, &buf))
			return false;
	}
	*offset = buf.pos - dwarf->info.bytes;
	return true;
}

bool seep_die_skip_children(const struct seep_dwarf *dwarf, const struct seep_die *die,
			    uint64_t *ret)
{
	uint64_t offset = die->next, depth = die->children;
	uint32_t tag;
	bool children;

	while (depth > 0) {
		if (!seep_die_pass(dwarf, die->unit, &offset, &tag, &children))
			return false;
		if (tag == 0)
			depth--;
		else
			depth += children;
	}
	*ret = offset;
	return true;
}

bool seep_dwarf_address(const struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit,
			uint64_t i, seep_addr *ret)
{
	struct seep_buffer buf = seep_buffer_of(dwarf->addr.bytes, dwarf->addr.len);
	uint64_t at;

	return !__builtin_mul_overflow(i, (uint64_t)ADDRESS_BYTES, &at) &&
	       !__builtin_add_overflow(at, unit->addr_base, &at) && seep_buffer_bytes(&buf, at) &&
	       seep_buffer_u64(&buf, ret);
}

/* ---- units ---- */

static bool read_offset(struct seep_buffer *buf, unsigned size, uint64_t *ret)
{
	return little_endian(buf, size, ret);
}

// A unit's header; end is known once its length is, whatever follows. go stays false where the rest is not for us.
static bool read_unit(struct seep_dwarf *dwarf, uint64_t offset, struct seep_dwarf_unit *ret)
{
	struct seep_buffer buf =
		seep_buffer_of(dwarf->info.bytes + offset, dwarf->info.len - offset);
	struct seep_dwarf_unit unit = { .offset = offset, .offset_size = 4 };
	uint8_t unit_type = UNIT_TYPE_COMPILE, address_size = 0;
	uint64_t len, abbrevs;
	uint16_t version;
	struct seep_die root;

	if (!read_offset(&buf, 4, &len))
		return false;
	if (len == UINT32_MAX) {
		unit.offset_size = 8;
		if (!read_offset(&buf, 8, &len))
			return false;
	}
	if (len > seep_buffer_left(&buf))
		return false;
	buf.end = buf.pos + len;
	unit.end = buf.end - dwarf->info.bytes;
	*ret = unit;
	if (!seep_buffer_u16(&buf, &version) || (version != 4 && version != 5))
		return true;
	unit.version = version;
	if (version >= 5 &&
	    (!seep_buffer_u8(&buf, &unit_type) || !seep_buffer_u8(&buf, &address_size)))
		return true;
	if (!read_offset(&buf, unit.offset_size, &abbrevs) ||
	    (version == 4 && !seep_buffer_u8(&buf, &address_size)) ||
	    unit_type != UNIT_TYPE_COMPILE || address_size != ADDRESS_BYTES)
		return true;
	unit.root = buf.pos - dwarf->info.bytes;
	if (!find_table(dwarf, abbrevs, &unit) || !seep_die_read(dwarf, &unit, unit.root, &root) ||
	    root.tag != SEEP_TAG_UNIT)
		return true;
	unit.low_pc = root.low_pc;
	unit.addr_base = root.addr_base;
	unit.go = root.language == LANGUAGE_GO;
	*ret = unit;
	return true;
}

bool seep_dwarf_open(const struct seep_image *image, struct seep_dwarf *ret)
{
	struct seep_dwarf dwarf = { .image = image, .addr = seep_section_empty() };
	struct seep_dwarf_unit unit;
	bool any_go = false, any_5 = false;
	unsigned count = 0;

	if (!seep_section_named(image, ".debug_abbrev", &dwarf.abbrev) ||
	    !seep_section_named(image, ".debug_info", &dwarf.info)) {
		seep_dwarf_close(&dwarf);
		return false;
	}
	for (uint64_t offset = 0; offset < dwarf.info.len; offset = unit.end) {
		if (count++ == MAX_UNITS || !read_unit(&dwarf, offset, &unit))
			break;
		any_go |= unit.go;
		any_5 |= unit.go && unit.version == 5;
		if (unit.go && !seep_vec_push(&dwarf.units, unit))
			break;
	}
	if (any_5 && !seep_section_named(image, ".debug_addr", &dwarf.addr))
		dwarf.addr = seep_section_empty();
	if (!any_go) {
		seep_dwarf_close(&dwarf);
		return false;
	}
	*ret = dwarf;
	return true;
}

void seep_dwarf_close(struct seep_dwarf *dwarf)
{
	seep_section_deinit(&dwarf->info);
	seep_section_deinit(&dwarf->abbrev);
	seep_section_deinit(&dwarf->addr);
	seep_section_deinit(&dwarf->lists);
	seep_section_deinit(&dwarf->ranges);
	seep_vec_free(&dwarf->units);
	seep_vec_free(&dwarf->abbrevs);
	seep_vec_free(&dwarf->attributes);
	seep_vec_free(&dwarf->tables);
	seep_map_deinit(&dwarf->table_by_offset);
	*dwarf = (struct seep_dwarf){};
}

const struct seep_dwarf_unit *seep_dwarf_unit_at(const struct seep_dwarf *dwarf, uint64_t offset)
{
	size_t low = 0, high = dwarf->units.len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (dwarf->units.data[mid].end <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == dwarf->units.len || dwarf->units.data[low].offset > offset)
		return NULL;
	return &dwarf->units.data[low];
}
