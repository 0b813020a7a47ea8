// Opening: one pass over all entries that stand directly in a package's unit. Package variables are read at once; functions are only
// noted by their entry, their own entries are read when somebody asks. On an executable of 100 MB this is some tens of milliseconds, to
// which inflating .debug_info adds most.
#include "binary/debug.h"

#include "binary/debug_internal.h"
#include "binary/symbols.h"

enum { MAX_VARIABLES = 1 << 20, MAX_FUNCTIONS = 1 << 23, OP_ADDR = 0x03, OP_ADDRX = 0xa1 };
enum { CHUNK_BYTES = 64 << 10 };
static const uint64_t max_arena_bytes = (uint64_t)512 << 20;

struct seep_debug_chunk {
	struct seep_debug_chunk *next;
	uint64_t total; // of this chunk and those behind it
	size_t used, cap;
	_Alignas(16) unsigned char bytes[];
};

void *seep_debug_alloc(struct seep_debug *debug, size_t len)
{
	struct seep_debug_chunk *head = debug->arena;

	len = (len + 15) & ~(size_t)15;
	if (!head || len > head->cap - head->used) {
		size_t cap = len > CHUNK_BYTES ? len : CHUNK_BYTES;
		uint64_t total = (head ? head->total : 0) + cap;
		struct seep_debug_chunk *chunk =
			total > max_arena_bytes ? NULL : malloc(sizeof(*chunk) + cap);
		if (!chunk)
			return NULL;
		*chunk = (struct seep_debug_chunk){ .next = head, .total = total, .cap = cap };
		debug->arena = head = chunk;
	}
	void *p = head->bytes + head->used;
	head->used += len;
	return p;
}

static const char *unescape(struct seep_debug *debug, const char *name)
{
	char *text = strchr(name, '%') ? seep_debug_alloc(debug, strlen(name) + 1) : NULL;

	if (!text)
		return name;
	seep_symbol_unescape(name, text);
	return text;
}

static bool variable_address(const struct seep_debug *debug, const struct seep_die *die,
			     seep_addr *ret)
{
	struct seep_buffer location = die->location;
	uint64_t i;
	uint8_t op;

	if (!(die->has & SEEP_DIE_LOCATION) || !seep_buffer_u8(&location, &op))
		return false;
	if (op == OP_ADDRX) {
		if (!seep_buffer_uvarint(&location, &i) ||
		    !seep_dwarf_address(&debug->dwarf, die->unit, i, ret))
			return false;
	} else if (op != OP_ADDR || !seep_buffer_u64(&location, ret)) {
		return false;
	}
	*ret += debug->image->bias;
	return seep_buffer_left(&location) == 0;
}

static bool add_variable(struct seep_debug *debug, const struct seep_die *die)
{
	struct seep_debug_variable variable = {};

	if (!die->name || !(die->has & SEEP_DIE_TYPE) ||
	    !variable_address(debug, die, &variable.addr))
		return true;
	uint32_t i = seep_debug_shape(debug, die->type);
	const struct seep_shape *shape = &debug->shapes.data[i];
	// Also what holds no pointers has parts, none.
	static const struct seep_part none;
	if (i != 0) {
		variable.size = shape->size;
		variable.parts = shape->parts ? shape->parts : &none;
		variable.part_count = shape->part_count;
		variable.type = shape->type;
	}
	variable.name = unescape(debug, die->name);
	return debug->variables.len < MAX_VARIABLES && seep_vec_push(&debug->variables, variable);
}

static bool add_function(struct seep_debug *debug, const struct seep_die *die)
{
	struct seep_debug_function function = { .entry = die->low_pc, .die = die->offset };

	if (!(die->has & SEEP_DIE_LOW_PC))
		return true;
	return debug->functions.len < MAX_FUNCTIONS && seep_vec_push(&debug->functions, function);
}

// What is malformed ends its unit, not the reading.
static void read_unit(struct seep_debug *debug, const struct seep_dwarf_unit *unit)
{
	struct seep_die die;
	uint64_t offset, after;
	uint32_t tag;
	bool children;

	if (!seep_die_read(&debug->dwarf, unit, unit->root, &die) || !die.children)
		return;
	for (offset = die.next;; offset = after) {
		after = offset;
		if (!seep_die_pass(&debug->dwarf, unit, &after, &tag, &children) || tag == 0)
			return;
		bool wanted = tag == SEEP_TAG_VARIABLE || tag == SEEP_TAG_SUBPROGRAM;
		if (!wanted && !children)
			continue;
		if (!seep_die_read(&debug->dwarf, unit, offset, &die) ||
		    !seep_die_skip_children(&debug->dwarf, &die, &after))
			return;
		if (wanted && !(tag == SEEP_TAG_VARIABLE ? add_variable(debug, &die) :
							   add_function(debug, &die)))
			return;
	}
}

static int by_entry(const void *left, const void *right)
{
	const struct seep_debug_function *a = left, *b = right;

	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	return (a->die > b->die) - (a->die < b->die);
}

static int by_addr(const void *left, const void *right)
{
	const struct seep_debug_variable *a = left, *b = right;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return (a->size < b->size) - (a->size > b->size); // the largest first
}

struct seep_error *seep_debug_open(const struct seep_image *image, struct seep_types *types,
				   struct seep_debug **ret)
{
	struct seep_debug *debug = calloc(1, sizeof(*debug));

	if (!debug)
		return &seep_enomem;
	debug->image = image;
	debug->types = types;
	if (!seep_dwarf_open(image, &debug->dwarf)) {
		free(debug);
		*ret = NULL;
		return NULL;
	}
	struct seep_shape unknown = {};
	struct seep_debug_progress failed = {};
	struct seep_debug_parts none = {};
	if (!seep_vec_push(&debug->shapes, unknown) || !seep_vec_push(&debug->progress, failed) ||
	    !seep_vec_push(&debug->answers, none)) {
		seep_debug_close(debug);
		return &seep_enomem;
	}
	seep_vec_foreach(unit, &debug->dwarf.units)
		read_unit(debug, unit);
	if (debug->functions.len > 0)
		qsort(debug->functions.data, debug->functions.len, sizeof(*debug->functions.data),
		      by_entry);
	if (debug->variables.len > 0)
		qsort(debug->variables.data, debug->variables.len, sizeof(*debug->variables.data),
		      by_addr);
	*ret = debug;
	return NULL;
}

void seep_debug_close(struct seep_debug *debug)
{
	if (!debug)
		return;
	seep_dwarf_close(&debug->dwarf);
	seep_vec_free(&debug->functions);
	seep_vec_free(&debug->variables);
	seep_vec_free(&debug->shapes);
	seep_vec_free(&debug->progress);
	seep_vec_free(&debug->scratch);
	seep_vec_free(&debug->answers);
	seep_map_deinit(&debug->shape_by_die);
	seep_map_deinit(&debug->closures);
	seep_map_deinit(&debug->frames);
	for (struct seep_debug_chunk *chunk = debug->arena, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(debug);
}

const struct seep_debug_variable *seep_debug_variables(const struct seep_debug *debug,
						       size_t *count_ret)
{
	*count_ret = debug->variables.len;
	return debug->variables.data;
}

struct seep_shape seep_debug_inner(struct seep_debug *debug, uint32_t inner)
{
	if (inner >= debug->shapes.len)
		return (struct seep_shape){};
	seep_debug_keep_promise(debug, inner);
	return debug->shapes.data[inner];
}
