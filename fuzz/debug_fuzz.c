// An ELF file's symbol table and DWARF: package variables, and closures and frames of its first functions.
#include "binary/binary.h"
#include "binary/debug_internal.h"
#include "binary/variables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ASKED = 64, FRAME_STEP = 13 };

static void ask(struct seep_debug *debug, seep_addr entry)
{
	struct seep_debug_parts parts;

	seep_debug_closure(debug, entry, 0, &parts);
	seep_debug_closure(debug, entry, 48, &parts);
	for (seep_addr pc = entry + 1; pc < entry + 256; pc += FRAME_STEP)
		seep_debug_frame(debug, entry, pc, &parts);
}

static void ask_inner(struct seep_debug *debug, const struct seep_variable *variable)
{
	for (uint32_t i = 0; i < variable->part_count && i < MAX_ASKED; i++)
		seep_debug_inner(debug, variable->parts[i].inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seep_binary binary = {};
	struct seep_variables variables;

	struct seep_error *err = seep_image_parse(data, size, &binary.image);
	if (err) {
		seep_error_destroy(err);
		return 0;
	}
	binary.pclntab.module.edata = UINT64_MAX;
	binary.pclntab.module.etypes = UINT64_MAX;
	seep_types_init(&binary.types, &binary.image.memory, &binary.pclntab.module,
			18 + data[size - 1] % 10);
	err = seep_variables_read(&binary, &binary.types, &variables);
	if (!err) {
		for (size_t i = 0; i < variables.items.len; i++) {
			const struct seep_variable *v = &variables.items.data[i];
			if (seep_variables_find(&variables, v->addr) != v)
				__builtin_trap();
			ask_inner(variables.debug, v);
		}
		for (size_t i = 0;
		     variables.debug && i < variables.debug->functions.len && i < MAX_ASKED; i++)
			ask(variables.debug, variables.debug->functions.data[i].entry);
		seep_variables_deinit(&variables);
	}
	seep_error_destroy(err);
	seep_types_deinit(&binary.types);
	seep_image_deinit(&binary.image);
	return 0;
}
