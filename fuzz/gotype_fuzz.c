// Type descriptors and the layouts read from them: the first two bytes choose release and the place of the typelinks, the
// rest is the module's types, read-only data and variables at once.
#include "binary/layout.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool use_type(const struct seep_type *type, void *arg)
{
	struct seep_types *types = arg;
	struct seep_field field;
	volatile uint8_t sink = 0;
	uint64_t words = type->ptr_bytes / 8;

	const uint8_t *mask = seep_type_mask(types, type);
	if (mask && words > 0)
		sink = mask[0] ^ mask[(words - 1) / 8];
	sink ^= (uint8_t)seep_type_name(types, type->addr)[0];
	for (uint64_t i = 0; i < type->count && i < 64; i++)
		if (seep_type_field(types, type, i, &field) && field.name_len > 0)
			sink ^= (uint8_t)field.name[field.name_len - 1];
	sink ^= seep_type_package_is(types, type, "runtime", 7);
	(void)sink;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { BASE = 0x400000 };
	struct seep_memory memory = {};
	struct seep_types types;
	struct seep_layout layout;
	struct seep_type type;

	if (size < 2)
		return 0;
	int minor = 18 + data[0] % 11;
	seep_addr end = BASE + size - 2, links = BASE + 8 * (uint64_t)data[1];
	struct seep_module module = { .types = BASE, .etypes = end, .noptrdata = end, .end = end };
	if (minor >= 27) {
		module.typedesc_len = size - 2;
	} else {
		module.typelinks = links;
		module.typelinks_len = 16;
	}
	struct seep_error *err =
		seep_memory_add(&memory, (struct seep_segment){ BASE, end, data + 2 });
	if (err)
		return 0;
	seep_types_init(&types, &memory, &module, minor);
	seep_types_each(&types, use_type, &types);
	for (seep_addr addr = BASE; addr < end && addr < BASE + 4096; addr += 8)
		if (seep_type_read(&types, addr, &type))
			use_type(&type, &types);
	err = seep_layout_resolve(&types, &seep_amd64, minor, &layout);
	if (err)
		seep_error_destroy(err);
	seep_types_deinit(&types);
	seep_memory_deinit(&memory);
	return 0;
}
