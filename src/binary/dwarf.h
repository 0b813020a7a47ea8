/**
 * DWARF 4 and 5 as bytes: units, abbreviations, entries (DIEs) with the attributes that debug.h needs, address ranges and
 * location lists. Nothing here knows what they mean.
 *
 * unit   the entries of one package, or of one C file
 * entry  tag and attributes at an offset in .debug_info; references between entries are such offsets
 */
#ifndef SEEP_BINARY_DWARF_H
#define SEEP_BINARY_DWARF_H

#include "base/map.h"
#include "base/vec.h"
#include "binary/section.h"

enum seep_dwarf_tag {
	SEEP_TAG_ARRAY = 0x01,
	SEEP_TAG_PARAMETER = 0x05,
	SEEP_TAG_BLOCK = 0x0b,
	SEEP_TAG_MEMBER = 0x0d,
	SEEP_TAG_POINTER = 0x0f,
	SEEP_TAG_UNIT = 0x11,
	SEEP_TAG_STRUCT = 0x13,
	SEEP_TAG_FUNC_TYPE = 0x15,
	SEEP_TAG_TYPEDEF = 0x16,
	SEEP_TAG_INLINED = 0x1d,
	SEEP_TAG_SUBRANGE = 0x21,
	SEEP_TAG_BASE = 0x24,
	SEEP_TAG_SUBPROGRAM = 0x2e,
	SEEP_TAG_VARIABLE = 0x34,
};

struct seep_dwarf_abbrev {
	uint32_t tag; /** 0: no such abbreviation */
	bool children;
	int32_t fixed_len; /** of all attributes together; -1: to be read one by one */
	uint32_t first, count; /** in seep_dwarf.attributes */
};

struct seep_dwarf_attribute {
	uint16_t name, form;
	int8_t fixed_len; /** bytes of its form; -1: it tells itself */
};

/** The abbreviations of a table, by code - 1. Of one size of offsets: lengths depend on it. */
struct seep_dwarf_table {
	uint32_t first, count; /** in seep_dwarf.abbrevs */
};

struct seep_dwarf_unit {
	uint64_t offset, end; /** in .debug_info, header included */
	uint64_t root; /** of its first entry */
	struct seep_dwarf_table table;
	uint64_t low_pc, addr_base;
	uint8_t version, offset_size;
	bool go; /** made by Go's compiler */
};

struct seep_dwarf {
	const struct seep_image *image;
	struct seep_section info, abbrev, addr, lists,
		ranges; /** the last two are read once they are needed */
	bool lists_read, ranges_read;
	struct seep_vec(struct seep_dwarf_unit) units; /** by offset */
	struct seep_vec(struct seep_dwarf_abbrev) abbrevs;
	struct seep_vec(struct seep_dwarf_attribute) attributes;
	struct seep_vec(struct seep_dwarf_table) tables;
	struct seep_map table_by_offset; /** → index in tables, + 1 */
	/** Entries of lists that may still be looked at: whoever asks for a function sets it anew. A list that runs out ends. */
	uint64_t list_budget;
};

/** Which attributes an entry has. */
enum {
	SEEP_DIE_TYPE = 1 << 0,
	SEEP_DIE_RUNTIME_TYPE = 1 << 1,
	SEEP_DIE_KIND = 1 << 2,
	SEEP_DIE_LOW_PC = 1 << 3,
	SEEP_DIE_HIGH_PC = 1 << 4,
	SEEP_DIE_RANGES = 1 << 5,
	SEEP_DIE_LOCATION = 1 << 6, /** an expression */
	SEEP_DIE_LOCATION_LIST = 1 << 7,
	SEEP_DIE_FRAME_BASE = 1 << 8,
	SEEP_DIE_CLOSURE_OFFSET = 1 << 9,
	SEEP_DIE_DICT_INDEX = 1 << 10,
	SEEP_DIE_COUNT = 1 << 11,
	SEEP_DIE_ORIGIN = 1 << 12,
	SEEP_DIE_SIZE = 1 << 13,
	SEEP_DIE_ELEM = 1 << 14,
	SEEP_DIE_MEMBER_OFFSET = 1 << 15,
};

struct seep_die {
	const struct seep_dwarf_unit *unit;
	uint64_t offset,
		next; /** next: what follows its attributes: its children, or its sibling */
	uint32_t tag, has;
	bool children;
	const char *name; /** NULL if it has none */
	uint64_t type, elem, origin; /** offsets of entries */
	uint64_t size, count, member_offset, runtime_type, closure_offset, kind, language;
	seep_addr low_pc, high_pc; /** bias not applied */
	uint64_t ranges, location_list; /** offsets in their sections */
	uint64_t addr_base;
	struct seep_buffer location, frame_base;
};

/** False if the file has no DWARF that can be read. */
bool seep_dwarf_open(const struct seep_image *image, struct seep_dwarf *ret);
void seep_dwarf_close(struct seep_dwarf *dwarf);

/** The unit that holds an offset in .debug_info, or NULL. */
const struct seep_dwarf_unit *seep_dwarf_unit_at(const struct seep_dwarf *dwarf, uint64_t offset);
/** The entry at an offset in the unit; tag 0 ends a list of children. False if it is malformed. */
bool seep_die_read(const struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit,
		   uint64_t offset, struct seep_die *ret);
/** Passes over the children of an entry and theirs: where its sibling is. False if they are malformed. */
bool seep_die_skip_children(const struct seep_dwarf *dwarf, const struct seep_die *die,
			    uint64_t *ret);
/**
 * Only the tag of the entry at *offset, which moves to what follows its attributes. Many times faster than reading them.
 */
bool seep_die_pass(const struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit,
		   uint64_t *offset, uint32_t *tag_ret, bool *children_ret);

/** Address number i of the unit (DW_FORM_addrx). */
bool seep_dwarf_address(const struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit,
			uint64_t i, seep_addr *ret);
/** Whether the entry's low_pc and high_pc, or its ranges, hold pc (bias not applied). */
bool seep_die_holds(struct seep_dwarf *dwarf, const struct seep_die *die, seep_addr pc);
/** The expression for pc in the entry's location list. */
bool seep_die_location_at(struct seep_dwarf *dwarf, const struct seep_die *die, seep_addr pc,
			  struct seep_buffer *ret);

/** Signed LEB128 of at most 64 bits. */
bool seep_buffer_svarint(struct seep_buffer *buf, int64_t *ret);

#endif
