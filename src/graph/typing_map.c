// Maps: from the head to the storage of keys and values. The head has no type of its own; the pointer to it says which map it is.
//
// Up to Go 1.23, and with GOEXPERIMENT=noswissmap (runtime/map.go):
//
//	hmap   0 count, 8 flags, 9 B, 10 noverflow u16, 12 hash0 u32, 16 buckets, 24 oldbuckets, 32 nevacuate, 40 extra
//	       buckets: 1 << B buckets; each ends in a pointer to an overflow bucket
//
// Since Go 1.24 (internal/runtime/maps):
//
//	Map    0 used, 8 seed, 16 dirPtr, 24 dirLen; dirLen 0: dirPtr is one group of 8 slots, else an array of dirLen *table
//	table  0 used u16, 2 capacity u16, 4 growthLeft u16, 6 localDepth, 8 index, 16 groups, 24 lengthMask
//
// Which of the two is told by the name of the map type's storage, map.bucket[K]V or map.group[K]V. From Go 1.22 on storage above 512 bytes
// has a malloc header with that type: so the head of a map can also be known by where it leads.
#include "graph/typing_internal.h"

#include <string.h>

enum { HMAP_B = 9, HMAP_B_MAX = 48, HMAP_BUCKETS = 16, HMAP_OLD_BUCKETS = 24, HMAP_BYTES = 48 };
enum {
	MAP_DIR_PTR = 16,
	MAP_DIR_LEN = 24,
	MAP_BYTES = 32,
	TABLE_CAPACITY = 2,
	TABLE_GROUPS = 16,
	TABLE_BYTES = 32
};
enum { DIRECTORY_MAX = 1 << 26 };
enum { MAP_TYPE_SIZE = 80 }; // abi.MapType: Type 48, Key 8, Elem 8, Bucket or Group 8, Hasher 8
static const uint64_t MAP_GROUP_SLOTS = 8;

static const unsigned char *bytes_of(const struct found *f, uint64_t size)
{
	if (!f->span->bytes || f->offset + size > f->span->elem_size)
		return NULL;
	return f->span->bytes + f->object.slot * f->span->elem_size + f->offset;
}

static bool is_swiss(const struct seep_shapes *shapes, uint32_t storage)
{
	const char *name = seep_type_name(shapes->types, shapes->shapes.data[storage].type);

	return strncmp(name, "map.group[", 10) == 0;
}

/**
 * Sets the content of what a map's head leads to. Large directories have a malloc header that says []*maps.table, and so the tables are
 * known too; whose they are says more.
 */
static void set_part(struct typer *t, const struct found *f, enum seep_content kind,
		     seep_addr map_type)
{
	const struct seep_content_type *c = seep_typing_content_of(t->typing, f->n);
	const char *name = c->content == SEEP_CONTENT_SHAPE && c->type ?
				   seep_type_name(t->typing->shapes.types, c->type) :
				   NULL;
	uint32_t content = seep_typer_content(t, kind, map_type, 0);

	if (name && content &&
	    (strcmp(name, "maps.table") == 0 || strcmp(name, "*maps.table") == 0)) {
		seep_typer_replace(t, f->n, content);
		t->marks[f->n / 64].followed &= ~(1ull << f->n % 64);
	} else {
		seep_typer_set(t, f->n, content);
	}
}

/**
 * By the map's type: storage of a type that reflection made has no name of that kind. abi.MapType goes on with Hasher and then, for
 * swiss maps, the size of a group in a word; for the others KeySize u8, ValueSize u8, BucketSize u16, Flags u32.
 */
static bool is_swiss_type(const struct typer *t, seep_addr map_type, uint32_t storage)
{
	const struct seep_shape *s = &t->typing->shapes.shapes.data[storage];
	const char *name = seep_type_name(t->typing->shapes.types, s->type);

	if (strncmp(name, "map.", 4) == 0)
		return is_swiss(&t->typing->shapes, storage);
	return seep_memory_word(&t->rt->memory, map_type + MAP_TYPE_SIZE) == s->size;
}

static void see_table(struct typer *t, seep_addr pointer, seep_addr map_type, uint32_t groups)
{
	struct found f;

	if (!seep_typer_find(t, pointer, &f) || f.offset)
		return;
	seep_typer_see(t, f.n);
	set_part(t, &f, SEEP_CONTENT_MAP_TABLE, map_type);
	const unsigned char *table = bytes_of(&f, TABLE_BYTES);
	if (table)
		seep_typer_adopt(t, seep_le64(table + TABLE_GROUPS), groups);
}

static void see_directory(struct typer *t, seep_addr pointer, uint64_t len, seep_addr map_type,
			  uint32_t groups)
{
	struct found f;
	seep_addr last = 0;

	if (!seep_typer_find(t, pointer, &f))
		return;
	seep_typer_see(t, f.n);
	set_part(t, &f, SEEP_CONTENT_MAP_DIRECTORY, map_type);
	const unsigned char *tables = len < DIRECTORY_MAX ? bytes_of(&f, len * 8) : NULL;
	// Without types they are seen all the same: as of every directory, all that its words lead to.
	if (tables && !seep_typer_spend(t, len))
		return;
	for (uint64_t i = 0; tables && i < len; i++) {
		seep_addr table = seep_le64(tables + 8 * i);
		if (table != last) // a table stands in a row of entries
			see_table(t, table, map_type, groups);
		last = table;
	}
}

/** The head of a map whose buckets or groups are of that shape; type: theirs, or if that has no name the map's. */
static void see_head(struct typer *t, const struct found *f, uint32_t storage, seep_addr type,
		     bool swiss)
{
	const unsigned char *head = bytes_of(f, swiss ? MAP_BYTES : HMAP_BYTES);

	if (!head || f->offset ||
	    !seep_typer_set(t, f->n, seep_typer_content(t, SEEP_CONTENT_MAP, type, storage)))
		return;
	if (!t->fitting &&
	    !seep_vec_push(&t->typing->maps, (struct seep_map_head){ f->object, storage, swiss }))
		t->failed = true;
	if (!swiss) {
		seep_typer_adopt(t, seep_le64(head + HMAP_BUCKETS), storage);
		seep_typer_adopt(t, seep_le64(head + HMAP_OLD_BUCKETS), storage);
	} else if (seep_le64(head + MAP_DIR_LEN) == 0) {
		seep_typer_adopt(t, seep_le64(head + MAP_DIR_PTR), storage);
	} else {
		see_directory(t, seep_le64(head + MAP_DIR_PTR), seep_le64(head + MAP_DIR_LEN), type,
			      storage);
	}
}

void seep_typer_see_map(struct typer *t, seep_addr pointer, seep_addr map_type)
{
	struct found f;

	if (!seep_typer_find(t, pointer, &f))
		return;
	seep_typer_see(t, f.n);
	uint32_t storage = map_type ? seep_shape_of_buckets(&t->typing->shapes, map_type) : 0;
	if (!storage)
		return;
	seep_addr type = t->typing->shapes.shapes.data[storage].type;
	bool named = strncmp(seep_type_name(t->typing->shapes.types, type), "map.", 4) == 0;
	see_head(t, &f, storage, named ? type : map_type, is_swiss_type(t, map_type, storage));
}

/** The shape of a map's storage if the pointer leads to the beginning of one, which it is by its own type; else 0. */
static uint32_t storage_at(const struct typer *t, seep_addr pointer, uint64_t *bytes_ret)
{
	struct found f;

	if (!seep_typer_find(t, pointer, &f) || f.offset != seep_content_start(f.span))
		return 0;
	const struct seep_content_type *c = seep_typing_content_of(t->typing, f.n);
	if (c->content != SEEP_CONTENT_SHAPE || !c->type ||
	    strncmp(seep_type_name(t->typing->shapes.types, c->type), "map.", 4) != 0)
		return 0;
	*bytes_ret = f.span->elem_size - f.offset;
	return c->shape;
}

void seep_typer_try_head(struct typer *t, struct seep_object object)
{
	const struct seep_memory *memory = &t->rt->memory;
	struct found f;
	uint64_t bytes;

	if (!seep_typer_find(t, seep_heap_address(t->heap, object), &f))
		return;
	const unsigned char *head = bytes_of(&f, HMAP_BYTES);
	if (!head || f.span->elem_size != HMAP_BYTES)
		return;
	// An hmap with an array of buckets
	uint32_t storage = storage_at(t, seep_le64(head + HMAP_BUCKETS), &bytes);
	if (storage && !is_swiss(&t->typing->shapes, storage)) {
		if (head[HMAP_B] < HMAP_B_MAX &&
		    t->typing->shapes.shapes.data[storage].size <= bytes >> head[HMAP_B])
			see_head(t, &f, storage, t->typing->shapes.shapes.data[storage].type,
				 false);
		return;
	}
	// A Map with a directory, whose first table has an array of groups
	uint64_t len = seep_le64(head + MAP_DIR_LEN);
	if (len == 0 || len > DIRECTORY_MAX || (len & (len - 1)))
		return;
	const unsigned char *table = seep_memory_at(
		memory, seep_memory_word(memory, seep_le64(head + MAP_DIR_PTR)), TABLE_BYTES);
	storage = table ? storage_at(t, seep_le64(table + TABLE_GROUPS), &bytes) : 0;
	if (storage && is_swiss(&t->typing->shapes, storage) &&
	    seep_le16(table + TABLE_CAPACITY) ==
		    (seep_le64(table + TABLE_GROUPS + 8) + 1) * MAP_GROUP_SLOTS)
		see_head(t, &f, storage, t->typing->shapes.shapes.data[storage].type, true);
}

static void add_storage(const struct seep_typing *typing, seep_addr pointer,
			struct seep_map_size *size)
{
	const struct seep_heap *heap = &typing->runtime->heap;
	struct seep_object object;

	if (seep_heap_find(heap, pointer, &object))
		size->storage += heap->spans.data[object.span].elem_size;
}

/** Of a swiss map with tables: each stands in a row of the directory's entries. */
static void add_tables(const struct seep_typing *typing, const unsigned char *head, uint64_t *words,
		       struct seep_map_size *size)
{
	const struct seep_memory *memory = &typing->runtime->memory;
	uint64_t len = seep_le64(head + MAP_DIR_LEN);
	const unsigned char *tables =
		len < DIRECTORY_MAX ?
			seep_memory_at(memory, seep_le64(head + MAP_DIR_PTR), len * 8) :
			NULL;
	seep_addr last = 0;

	if (tables && len > *words) {
		*words = 0;
		return;
	}
	if (tables)
		*words -= len;
	for (uint64_t i = 0; tables && i < len; i++) {
		seep_addr addr = seep_le64(tables + 8 * i);
		const unsigned char *table =
			addr != last ? seep_memory_at(memory, addr, TABLE_BYTES) : NULL;
		last = addr;
		if (!table)
			continue;
		size->slots += seep_le16(table + TABLE_CAPACITY);
		add_storage(typing, seep_le64(table + TABLE_GROUPS), size);
	}
}

bool seep_map_size(const struct seep_typing *typing, const struct seep_map_head *map,
		   uint64_t *words, struct seep_map_size *ret)
{
	const struct seep_heap *heap = &typing->runtime->heap;
	const struct seep_span *span = &heap->spans.data[map->object.span];
	struct found f = { .object = map->object, .span = span };
	const unsigned char *head = bytes_of(&f, MAP_BYTES);

	*ret = (struct seep_map_size){};
	if (!head)
		return false;
	ret->entries = seep_le64(head);
	if (map->swiss) {
		if (seep_le64(head + MAP_DIR_LEN)) {
			add_tables(typing, head, words, ret);
		} else {
			ret->slots = MAP_GROUP_SLOTS;
			add_storage(typing, seep_le64(head + MAP_DIR_PTR), ret);
		}
	} else if (span->elem_size >= HMAP_BYTES && head[HMAP_B] < HMAP_B_MAX) {
		ret->slots = 8ull << head[HMAP_B];
		add_storage(typing, seep_le64(head + HMAP_BUCKETS), ret);
		add_storage(typing, seep_le64(head + HMAP_OLD_BUCKETS), ret);
	}
	return ret->slots && ret->entries <= ret->slots * 64;
}
