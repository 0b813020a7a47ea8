// The function table in an ELF file: every question of pclntab.h, about the first functions of it.
#include "binary/pclntab.h"

#include <string.h>

enum { MAX_FUNCS = 64, MAX_POSITIONS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count_down(const struct seep_inlined *inlined, void *arg)
{
	unsigned *left = arg;

	return strlen(inlined->function) < SIZE_MAX && inlined->start < inlined->end && --*left > 0;
}

static void ask_about_pc(const struct seep_pclntab *tab, const struct seep_func *func, seep_addr pc)
{
	struct seep_position positions[MAX_POSITIONS];
	int32_t delta;

	size_t count = seep_func_positions(tab, func, pc, positions, MAX_POSITIONS);
	for (size_t i = 0; i < count; i++)
		if (strlen(positions[i].function) + strlen(positions[i].file) == SIZE_MAX)
			__builtin_trap();
	if (seep_func_spdelta(tab, func, pc, &delta) && delta < 0)
		__builtin_trap();
	for (int table = -1; table < 6; table++)
		seep_func_pcdata(tab, func, table, pc);
}

static void ask_about_func(const struct seep_pclntab *tab, const struct seep_func *func)
{
	unsigned left = 1000;
	struct seep_func found;

	if (strlen(func->name) == SIZE_MAX || func->end < func->entry)
		__builtin_trap();
	if (seep_pclntab_find(tab, func->entry, &found) &&
	    (func->entry < found.entry || func->entry >= found.end))
		__builtin_trap();
	for (int i = -1; i < 9; i++)
		seep_func_funcdata(tab, func, i);
	ask_about_pc(tab, func, func->entry - 1);
	ask_about_pc(tab, func, func->entry);
	ask_about_pc(tab, func, func->entry + (func->end - func->entry) / 2);
	ask_about_pc(tab, func, func->end);
	seep_func_each_inlined(tab, func, count_down, &left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "main.outer", "main.twice", "runtime.none" };
	struct seep_func func, by_name[3];
	struct seep_image image;
	struct seep_pclntab tab;

	struct seep_error *err = seep_image_parse(data, size, &image);
	if (err) {
		seep_error_destroy(err);
		return 0;
	}
	err = seep_pclntab_open(&image, data[size - 1] % 32, &tab);
	if (!err) {
		seep_pclntab_find_names(&tab, names, 3, by_name);
		for (uint32_t i = 0; i < tab.func_count && i < MAX_FUNCS; i++)
			if (seep_pclntab_func(&tab, i, &func))
				ask_about_func(&tab, &func);
	}
	seep_error_destroy(err);
	seep_image_deinit(&image);
	return 0;
}
