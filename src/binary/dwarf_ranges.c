// Where an entry is valid: address ranges, and location lists. Up to DWARF 4 (.debug_ranges, .debug_loc) a list is of pairs of
// addresses that count from a base, ended by 0, 0; (ones, x) makes x the base. From 5 on (.debug_rnglists,
// .debug_loclists) each entry begins with its kind. In a location list an expression with its length follows the pair.
//
//	0 end   1 base by index   2 start, end by index   3 start by index, length   4 start, end from the base
//	ranges:      5 base   6 start, end   7 start, length
//	locations:   5 everywhere else   6 base   7 start, end   8 start, length
#include "binary/dwarf.h"

enum step { STEP_END, STEP_OTHER, STEP_RANGE };

struct list {
	struct seep_dwarf *dwarf;
	const struct seep_dwarf_unit *unit;
	struct seep_buffer buf;
	seep_addr base;
	bool locations;
};

static enum step next_4(struct list *list, seep_addr *start, seep_addr *end)
{
	if (!seep_buffer_u64(&list->buf, start) || !seep_buffer_u64(&list->buf, end) ||
	    (*start == 0 && *end == 0))
		return STEP_END;
	if (*start == UINT64_MAX) {
		list->base = *end;
		return STEP_OTHER;
	}
	*start += list->base;
	*end += list->base;
	return STEP_RANGE;
}

static bool indexed(const struct list *list, uint64_t *value)
{
	return seep_dwarf_address(list->dwarf, list->unit, *value, value);
}

static enum step with_length(bool known, seep_addr start, uint64_t *end)
{
	*end += start;
	return known ? STEP_RANGE : STEP_END;
}

static enum step next_plain_5(struct list *list, unsigned kind, seep_addr *start, seep_addr *end)
{
	struct seep_buffer *buf = &list->buf;

	switch (list->locations ? kind : kind + 1) {
	case 5: // everywhere else: says nothing for certain, but its expression is passed over
		*start = *end = 0;
		return STEP_RANGE;
	case 6:
		return seep_buffer_u64(buf, &list->base) ? STEP_OTHER : STEP_END;
	case 7:
		return seep_buffer_u64(buf, start) && seep_buffer_u64(buf, end) ? STEP_RANGE :
										  STEP_END;
	case 8:
		return with_length(seep_buffer_u64(buf, start) && seep_buffer_uvarint(buf, end),
				   *start, end);
	default:
		return STEP_END;
	}
}

static enum step next_5(struct list *list, seep_addr *start, seep_addr *end)
{
	struct seep_buffer *buf = &list->buf;
	uint8_t kind;

	*start = *end = 0;
	if (!seep_buffer_u8(buf, &kind))
		return STEP_END;
	switch (kind) {
	case 0:
		return STEP_END;
	case 1:
		return seep_buffer_uvarint(buf, &list->base) && indexed(list, &list->base) ?
			       STEP_OTHER :
			       STEP_END;
	case 2:
		return seep_buffer_uvarint(buf, start) && seep_buffer_uvarint(buf, end) &&
				       indexed(list, start) && indexed(list, end) ?
			       STEP_RANGE :
			       STEP_END;
	case 3:
		return with_length(seep_buffer_uvarint(buf, start) &&
					   seep_buffer_uvarint(buf, end) && indexed(list, start),
				   *start, end);
	case 4:
		if (!seep_buffer_uvarint(buf, start) || !seep_buffer_uvarint(buf, end))
			return STEP_END;
		*start += list->base;
		*end += list->base;
		return STEP_RANGE;
	default:
		return next_plain_5(list, kind, start, end);
	}
}

static enum step next(struct list *list, seep_addr *start, seep_addr *end)
{
	if (list->dwarf->list_budget == 0)
		return STEP_END;
	list->dwarf->list_budget--;
	return list->unit->version >= 5 ? next_5(list, start, end) : next_4(list, start, end);
}

static bool open_list(struct seep_dwarf *dwarf, const struct seep_dwarf_unit *unit,
		      const struct seep_section *section, uint64_t offset, struct list *ret)
{
	*ret = (struct list){
		.dwarf = dwarf,
		.unit = unit,
		.buf = seep_buffer_of(section->bytes, section->len),
		.base = unit->low_pc,
	};
	return seep_buffer_bytes(&ret->buf, offset) != NULL;
}

// A file's units are all of one release's making, so one section is enough for all of them.
static const struct seep_section *section_once(struct seep_dwarf *dwarf, bool *read, bool is_5,
					       const char *name_5, const char *name_4,
					       struct seep_section *section)
{
	if (!*read && !seep_section_named(dwarf->image, is_5 ? name_5 : name_4, section))
		*section = seep_section_empty();
	*read = true;
	return section;
}

bool seep_die_holds(struct seep_dwarf *dwarf, const struct seep_die *die, seep_addr pc)
{
	struct list list;
	seep_addr start, end;
	enum step step;

	if ((die->has & SEEP_DIE_LOW_PC) && (die->has & SEEP_DIE_HIGH_PC))
		return pc >= die->low_pc && pc < die->high_pc;
	if (!(die->has & SEEP_DIE_RANGES))
		return false;
	const struct seep_section *section =
		section_once(dwarf, &dwarf->ranges_read, die->unit->version >= 5, ".debug_rnglists",
			     ".debug_ranges", &dwarf->ranges);
	if (!open_list(dwarf, die->unit, section, die->ranges, &list))
		return false;
	while ((step = next(&list, &start, &end)) != STEP_END) {
		if (step == STEP_RANGE && pc >= start && pc < end)
			return true;
	}
	return false;
}

bool seep_die_location_at(struct seep_dwarf *dwarf, const struct seep_die *die, seep_addr pc,
			  struct seep_buffer *ret)
{
	struct list list;
	seep_addr start, end;
	enum step step;
	uint16_t len_4;
	uint64_t len;

	if (!(die->has & SEEP_DIE_LOCATION_LIST))
		return false;
	bool is_5 = die->unit->version >= 5;
	const struct seep_section *section = section_once(
		dwarf, &dwarf->lists_read, is_5, ".debug_loclists", ".debug_loc", &dwarf->lists);
	if (!open_list(dwarf, die->unit, section, die->location_list, &list))
		return false;
	list.locations = true;
	while ((step = next(&list, &start, &end)) != STEP_END) {
		if (step != STEP_RANGE)
			continue;
		if (is_5 ? !seep_buffer_uvarint(&list.buf, &len) :
			   !seep_buffer_u16(&list.buf, &len_4))
			return false;
		len = is_5 ? len : len_4;
		const unsigned char *bytes = seep_buffer_bytes(&list.buf, len);
		if (!bytes)
			return false;
		if (pc >= start && pc < end) {
			*ret = seep_buffer_of(bytes, len);
			return true;
		}
	}
	return false;
}
