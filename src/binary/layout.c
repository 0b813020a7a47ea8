// Layouts: the generated table gives every field by release, then the binary's own descriptors overrule it. A table that
// is one patch release off, or one release short, is so put right wherever the program itself knows better.
//
// Of runtime types a stripped program of any release describes g, m, p, sudog, hchan, mspan, timers, _defer, _panic and
// their like, because they are allocated or lie in types that are; not mheap, heapArena, finBlock, semaRoot, notifyList,
// nor the specials that end in others.
//
// A descriptor counts only if its name and the import path of its package are right: a program may have a package of its
// own called `runtime`, and internal/sync.Mutex calls itself sync.Mutex.
#include "binary/layout.h"

#include "binary/binary.h"

#include <string.h>

static const struct seep_layout table[] = {
#include "binary/layout_table.inc"
};
enum { TABLE_ROWS = sizeof(table) / sizeof(*table) };

static const struct {
	int minor;
	size_t member;
	int32_t value;
} arm64_differs[] = {
#include "binary/layout_arm64.inc"
};

// Where a number lives in struct seep_layout, and what it is. A size has no path.
struct entry {
	size_t member;
	const char *path;
};
static const struct entry entries[] = {
#define SEEP_LAYOUT_SIZE(strct, name) { offsetof(struct seep_layout, strct##_size), NULL },
#define SEEP_LAYOUT_FIELD(strct, field, path) \
	{ offsetof(struct seep_layout, strct##_##field), path },
#define SEEP_LAYOUT_CONST(name, path)
#include "binary/layout_fields.h"
#undef SEEP_LAYOUT_SIZE
#undef SEEP_LAYOUT_FIELD
};
enum { ENTRIES = sizeof(entries) / sizeof(*entries) };

// The structs, in the order in which their sizes stand among the entries.
static const char *const struct_names[] = {
#define SEEP_LAYOUT_SIZE(strct, name) name,
#define SEEP_LAYOUT_FIELD(strct, field, path)
#include "binary/layout_fields.h"
#undef SEEP_LAYOUT_SIZE
#undef SEEP_LAYOUT_FIELD
#undef SEEP_LAYOUT_CONST
};
enum { STRUCTS = sizeof(struct_names) / sizeof(*struct_names) };

enum { MAX_EMBEDDING = 4 };

const int seep_newest_minor = 27; // of the table's rows; layout_test.c compares

struct search {
	struct seep_types *types;
	struct seep_type found[STRUCTS]; // addr 0: no descriptor
};

// Cuts the first alternative off "a|b".
static const char *alternative(const char **rest, size_t *len)
{
	const char *start = *rest;

	*len = strcspn(start, "|");
	*rest = start[*len] ? start + *len + 1 : NULL;
	return start;
}

// Whether the type, of the package at that path, is the one given as "internal/sync.Mutex".
static bool is_named(struct seep_types *types, const struct seep_type *type, const char *path,
		     size_t path_len, const char *wanted, size_t len)
{
	const char *dot = memrchr(wanted, '.', len), *slash = memrchr(wanted, '/', len);
	const char *shown = slash ? slash + 1 : wanted;
	size_t shown_len = len - (size_t)(shown - wanted);

	if (path_len != (size_t)(dot - wanted) || memcmp(path, wanted, path_len) != 0)
		return false;
	const char *name = seep_type_name(types, type->addr);
	return strncmp(name, shown, shown_len) == 0 && name[shown_len] == 0;
}

// Packages tell most types apart from those that are looked for, and are few; names have to be made.
static bool match_struct(const struct seep_type *type, void *arg)
{
	struct search *search = arg;
	size_t path_len;
	const char *path = type->kind == SEEP_KIND_STRUCT && type->named ?
				   seep_type_package(search->types, type, &path_len) :
				   NULL;

	if (!path || path_len == 0 || !strchr("irs", path[0])) // internal/..., runtime, sync
		return true;
	for (size_t i = 0; i < STRUCTS; i++) {
		const char *rest = struct_names[i];
		while (rest) {
			size_t len;
			const char *wanted = alternative(&rest, &len);
			if (is_named(search->types, type, path, path_len, wanted, len))
				search->found[i] = *type;
		}
	}
	return true;
}

// Looks a field up by name, also in the structs that are embedded.
static bool find_field(const struct seep_types *types, const struct seep_type *type,
		       const char *name, size_t len, int depth, struct seep_field *ret)
{
	struct seep_field field, inner;
	struct seep_type embedded;

	for (uint64_t i = 0; i < type->count; i++) {
		if (seep_type_field(types, type, i, &field) && field.name_len == len &&
		    memcmp(field.name, name, len) == 0) {
			*ret = field;
			return true;
		}
	}
	for (uint64_t i = 0; i < type->count && depth < MAX_EMBEDDING; i++) {
		if (seep_type_field(types, type, i, &field) && field.embedded &&
		    seep_type_read(types, field.type, &embedded) &&
		    embedded.kind == SEEP_KIND_STRUCT &&
		    find_field(types, &embedded, name, len, depth + 1, &inner)) {
			inner.offset += field.offset;
			*ret = inner;
			return true;
		}
	}
	return false;
}

// The offset at the end of one path "a.b.c"; -1 if the struct has no such field.
static int32_t follow(const struct seep_types *types, struct seep_type type, const char *path,
		      size_t len)
{
	uint64_t offset = 0;
	struct seep_field field;

	for (const char *end = path + len;;) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		size_t part = (size_t)((dot ? dot : end) - path);
		if (type.kind != SEEP_KIND_STRUCT ||
		    !find_field(types, &type, path, part, 0, &field))
			return -1;
		offset += field.offset;
		if (!dot)
			return offset <= INT32_MAX ? (int32_t)offset : -1;
		if (!seep_type_read(types, field.type, &type))
			return -1;
		path = dot + 1;
	}
}

static int32_t from_type(const struct seep_types *types, const struct seep_type *type,
			 const char *path)
{
	if (!path)
		return type->size <= INT32_MAX ? (int32_t)type->size : -1;
	for (const char *rest = path; rest;) {
		size_t len;
		const char *one = alternative(&rest, &len);
		int32_t offset = follow(types, *type, one, len);
		if (offset >= 0)
			return offset;
	}
	return -1;
}

// The row of the release; the nearest one for a release that has none.
static struct seep_layout table_row(const struct seep_arch *arch, int minor)
{
	struct seep_layout row = table[0];

	for (size_t i = 0; i < TABLE_ROWS && table[i].table_minor <= minor; i++)
		row = table[i];
	for (size_t i = 0;
	     arch == &seep_arm64 && i < sizeof(arm64_differs) / sizeof(*arm64_differs); i++)
		if (arm64_differs[i].minor == row.table_minor)
			*(int32_t *)((char *)&row + arm64_differs[i].member) =
				arm64_differs[i].value;
	return row;
}

struct seep_error *seep_layout_resolve(struct seep_types *types, const struct seep_arch *arch,
				       int minor, struct seep_layout *ret)
{
	struct search search = { .types = types };
	struct seep_layout layout = table_row(arch, minor);
	size_t current = 0;

	seep_types_each(types, match_struct, &search);
	for (size_t i = 0; i < ENTRIES; i++) {
		current += !entries[i].path && i > 0;
		int32_t *value = (int32_t *)((char *)&layout + entries[i].member);
		if (search.found[current].addr == 0) {
			layout.from_table += *value >= 0;
			continue;
		}
		int32_t told = from_type(types, &search.found[current], entries[i].path);
		layout.from_types += told >= 0;
		layout.disagreements += told != *value;
		*value = told;
	}
	if (layout.g_size <= 0 || layout.g_atomicstatus < 0 || layout.mspan_size <= 0)
		return seep_error_format(
			SEEP_ERROR_BAD_DATA,
			"the binary's descriptors of runtime.g or runtime.mspan make no sense");
	*ret = layout;
	return NULL;
}
