// Shapes of types that claim anything: the first two bytes choose release and offsets to ask for, the rest is the module's types, read-only data
// and variables at once. Whoever follows parts relies on their standing in order and within the value.
#include "binary/shape.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_shape(const struct seep_shapes *shapes, uint32_t index)
{
	const struct seep_shape *s = &shapes->shapes.data[index];
	uint64_t end = 0;

	for (uint32_t i = 0; i < s->part_count; i++) {
		const struct seep_part *part = &s->parts[i];
		uint64_t bytes = part->kind == SEEP_PART_ARRAY ? part->count * part->stride :
								 seep_part_bytes(part->kind);
		if (part->offset < 0 || (uint64_t)part->offset < end)
			abort();
		end = part->offset + bytes;
		if (end > s->size || (part->kind == SEEP_PART_ARRAY && part->inner >= index))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { BASE = 0x400000, TYPES_MAX = 4096 };
	struct seep_memory memory = {};
	struct seep_types types;
	struct seep_shapes shapes;
	struct seep_type type;
	struct seep_str text = {};

	if (size < 2)
		return 0;
	int minor = 18 + data[0] % 11;
	seep_addr end = BASE + size - 2, last = 0;
	struct seep_module module = { .types = BASE, .etypes = end, .noptrdata = end, .end = end };
	struct seep_error *err =
		seep_memory_add(&memory, (struct seep_segment){ BASE, end, data + 2 });
	if (err)
		return 0;
	seep_types_init(&types, &memory, &module, minor);
	err = seep_shapes_init(&shapes, &types);
	if (err)
		abort();
	for (seep_addr addr = BASE; addr < end && addr < BASE + 8 * TYPES_MAX; addr += 8) {
		if (!seep_type_read(&types, addr, &type))
			continue;
		uint32_t shape = seep_shape_of(&shapes, addr);
		if (shape)
			check_shape(&shapes, shape);
		(void)seep_shape_of_buckets(&shapes, addr);
		(void)seep_type_contains(&types, addr, data[1], last);
		seep_type_path(&types, addr, data[1], data[1] & 1, &text);
		last = addr;
	}
	seep_str_deinit(&text);
	seep_shapes_deinit(&shapes);
	seep_types_deinit(&types);
	seep_memory_deinit(&memory);
	return 0;
}
