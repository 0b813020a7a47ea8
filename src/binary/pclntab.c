// The function table. moduledata.c finds it and checks that its parts lie in the image; here they are read.
//
//	functab  nfunc × { entry - text u32, offset of _func in pclntable u32 }, then the end of the last function
//
//	_func    +0 entry - text  +4 name in funcnametab  +8 args  +12 deferreturn  +16 pcsp  +20 pcfile  +24 pcln
//	         +28 npcdata  +32 cuOffset  (u32 each; then, 1.20 on, +36 startLine u32)
//	         funcID u8, flag u8, pad, nfuncdata u8, then npcdata × u32 offsets in pctab (0: none),
//	         nfuncdata × u32 offsets from moduledata.gofunc (ffffffff: none)
//
//	pctab    tables of pairs: zigzag uvarint change of value, uvarint length of the code it holds for (in arch->code_unit). The value before the
//	         first pair is -1; a change of 0 ends the table, except in the first pair.
//
//	inlining PCDATA 2 holds the index of the innermost inlined call at a pc, or -1, in the array that is FUNCDATA 3:
//	         ≤1.19  20 bytes: parent i16, funcID u8, pad, file, line, name i32, parentPc i32
//	         1.20+  16 bytes: funcID u8, pad 3, name i32, parentPc i32, startLine i32
//	         parentPc is code at the place of the call: the index there is the enclosing call, the line there is the
//	         call's. 1.18 and 1.19 have it too, and their runtime goes by it rather than by `parent`.
//
// (src/runtime/symtab.go, src/runtime/symtabinl.go, src/cmd/link/internal/ld/pcln.go)
#include "binary/internal.h"

#include "base/str.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_PCDATA = 64,
	MAX_INLINE_DEPTH = 256,
	NEWEST_WITH_KNOWN_FUNC_IDS = 27,
};

// The fields of _func that follow cuOffset moved with startLine.
static unsigned func_ids_at(const struct seep_pclntab *tab)
{
	return tab->min_minor >= 20 ? 40 : 36;
}

static uint32_t func_field(const struct seep_func *func, unsigned offset)
{
	return seep_le32(func->raw + offset);
}

bool seep_pclntab_func(const struct seep_pclntab *tab, uint32_t i, struct seep_func *ret)
{
	unsigned ids_at = func_ids_at(tab);

	if (i >= tab->func_count)
		return false;
	const unsigned char *slot = tab->functab + (uint64_t)8 * i;
	uint64_t offset = seep_le32(slot + 4);
	if (offset > tab->pclntable_len || tab->pclntable_len - offset < ids_at + 4)
		return false;
	const unsigned char *raw = tab->pclntable + offset;
	uint64_t tables = (uint64_t)seep_le32(raw + 28) + raw[ids_at + 3];
	uint32_t name = seep_le32(raw + 4);
	if (seep_le32(raw + 28) > MAX_PCDATA ||
	    tables * 4 > tab->pclntable_len - offset - ids_at - 4 || name >= tab->funcnametab_len ||
	    seep_le32(slot) > seep_le32(slot + 8))
		return false;

	*ret = (struct seep_func){
		.raw = raw,
		.index = i,
		.entry = tab->module.text + seep_le32(slot),
		.end = tab->module.text + seep_le32(slot + 8),
		.name = (const char *)tab->funcnametab + name,
		.args = seep_le32(raw + 8),
		.deferreturn = seep_le32(raw + 12),
		.func_id = raw[ids_at],
		.flags = raw[ids_at + 1],
	};
	return true;
}

bool seep_pclntab_find(const struct seep_pclntab *tab, seep_addr pc, struct seep_func *ret)
{
	uint32_t low = 0, high = tab->func_count;
	struct seep_func func;

	if (pc < tab->module.minpc || pc >= tab->module.maxpc)
		return false;
	// The last function whose entry is not above pc.
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;
		if (pc - tab->module.text >= seep_le32(tab->functab + (uint64_t)8 * mid))
			low = mid;
		else
			high = mid;
	}
	if (!seep_pclntab_func(tab, low, &func) || pc < func.entry || pc >= func.end)
		return false;
	*ret = func;
	return true;
}

// Names in order, each with its place among the results.
struct wanted_name {
	const char *name;
	size_t index;
};

static int by_name(const void *a, const void *b)
{
	const struct wanted_name *x = a, *y = b;

	return strcmp(x->name, y->name);
}

// How long all of them are alike.
static size_t common_prefix(const struct wanted_name *sorted, size_t count)
{
	const char *first = sorted[0].name, *last = sorted[count - 1].name;
	size_t len = 0;

	while (first[len] && first[len] == last[len])
		len++;
	return len;
}

static void note_func(const struct seep_pclntab *tab, const struct wanted_name *sorted,
		      size_t count, const struct seep_func *func, struct seep_func *ret)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(sorted[mid].name, func->name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < count && strcmp(sorted[low].name, func->name) == 0; low++) {
		struct seep_func *known = &ret[sorted[low].index];
		if (!known->raw ||
		    (known->func_id == tab->wrapper_id && func->func_id != tab->wrapper_id))
			*known = *func;
	}
}

void seep_pclntab_find_names(const struct seep_pclntab *tab, const char *const *names, size_t count,
			     struct seep_func *ret)
{
	struct wanted_name sorted[SEEP_PCLNTAB_MAX_NAMES];
	struct seep_func func;

	assert(count > 0 && count <= SEEP_PCLNTAB_MAX_NAMES);
	for (size_t k = 0; k < count; k++) {
		sorted[k] = (struct wanted_name){ names[k], k };
		ret[k] = (struct seep_func){};
	}
	qsort(sorted, count, sizeof(*sorted), by_name);
	size_t prefix = common_prefix(sorted, count);
	bool listed = tab->runtime_count <= SEEP_PCLNTAB_MAX_RUNTIME &&
		      seep_has_prefix(sorted[0].name, "runtime.") && prefix >= strlen("runtime.");
	uint32_t last = listed ? tab->runtime_count : tab->func_count;
	for (uint32_t i = 0; i < last; i++)
		if (seep_pclntab_func(tab, listed ? tab->runtime_funcs[i] : i, &func) &&
		    strncmp(func.name, sorted[0].name, prefix) == 0)
			note_func(tab, sorted, count, &func, ret);
}

// Most names that are looked for are the runtime's, and most functions of a large program are not.
static void list_runtime(struct seep_pclntab *tab)
{
	struct seep_func func;

	for (uint32_t i = 0; i < tab->func_count; i++) {
		if (!seep_pclntab_func(tab, i, &func) || !seep_has_prefix(func.name, "runtime."))
			continue;
		if (tab->runtime_count++ >= SEEP_PCLNTAB_MAX_RUNTIME)
			return;
		tab->runtime_funcs[tab->runtime_count - 1] = i;
	}
}

// Steps through a table of pctab: after a step, `value` holds for [start, pc).
struct pcvalue {
	struct seep_buffer buf;
	seep_addr start, pc, end;
	unsigned unit;
	int32_t value;
	bool first;
};

static struct pcvalue pcvalue_of(const struct seep_pclntab *tab, const struct seep_func *func,
				 uint32_t offset)
{
	struct pcvalue it = { .pc = func->entry,
			      .end = func->end,
			      .unit = tab->image->arch->code_unit,
			      .value = -1,
			      .first = true };

	// No table lies at offset 0; an empty buffer ends at once.
	if (offset > 0 && offset < tab->pctab_len)
		it.buf = seep_buffer_of(tab->pctab + offset, tab->pctab_len - offset);
	return it;
}

// False at the end. A step goes ahead by a byte of code at least and ends with the function, so there is a bound.
static bool pcvalue_step(struct pcvalue *it)
{
	uint64_t change, bytes;

	if (it->pc >= it->end || seep_buffer_left(&it->buf) == 0 ||
	    !seep_buffer_uvarint(&it->buf, &change) || (change == 0 && !it->first) ||
	    !seep_buffer_uvarint(&it->buf, &bytes) || bytes == 0 || bytes > UINT32_MAX)
		return false;
	uint32_t delta = (uint32_t)change >> 1;
	it->value = (int32_t)((uint32_t)it->value + (change & 1 ? ~delta : delta));
	it->start = it->pc;
	it->pc += bytes * it->unit;
	it->first = false;
	return true;
}

static int32_t pcvalue_at(const struct seep_pclntab *tab, const struct seep_func *func,
			  uint32_t offset, seep_addr pc)
{
	struct pcvalue it = pcvalue_of(tab, func, offset);

	if (pc < func->entry)
		return -1;
	while (pcvalue_step(&it))
		if (pc < it.pc)
			return it.value;
	return -1;
}

bool seep_func_spdelta(const struct seep_pclntab *tab, const struct seep_func *func, seep_addr pc,
		       int32_t *ret)
{
	int32_t delta = pcvalue_at(tab, func, func_field(func, 16), pc);

	if (delta < 0)
		return false;
	*ret = delta;
	return true;
}

// Offset in pctab of a PCDATA table, 0 if the function has none.
static uint32_t pcdata_table(const struct seep_pclntab *tab, const struct seep_func *func,
			     int table)
{
	if (table < 0 || (uint32_t)table >= func_field(func, 28))
		return 0;
	return func_field(func, func_ids_at(tab) + 4 + 4 * (unsigned)table);
}

int32_t seep_func_pcdata(const struct seep_pclntab *tab, const struct seep_func *func, int table,
			 seep_addr pc)
{
	return pcvalue_at(tab, func, pcdata_table(tab, func, table), pc);
}

seep_addr seep_func_funcdata(const struct seep_pclntab *tab, const struct seep_func *func, int i)
{
	unsigned at = func_ids_at(tab) + 4;

	if (i < 0 || i >= func->raw[at - 1])
		return 0;
	uint32_t offset = func_field(func, at + 4 * func_field(func, 28) + 4 * (unsigned)i);
	return offset == UINT32_MAX ? 0 : tab->module.gofunc + offset;
}

static void source_line(const struct seep_pclntab *tab, const struct seep_func *func, seep_addr pc,
			struct seep_position *ret)
{
	int32_t file = pcvalue_at(tab, func, func_field(func, 20), pc);
	int32_t line = pcvalue_at(tab, func, func_field(func, 24), pc);

	ret->file = "?";
	ret->line = 0;
	if (file < 0 || line < 0)
		return;
	uint64_t at = ((uint64_t)func_field(func, 32) + (uint32_t)file) * 4;
	if (at + 4 > tab->cutab_len)
		return;
	uint32_t name = seep_le32(tab->cutab + at);
	if (name >= tab->filetab_len)
		return;
	ret->file = (const char *)tab->filetab + name;
	ret->line = line;
}

// An entry of a function's inline tree.
struct inlined_call {
	const char *function;
	uint32_t parent_pc; // offset from the function's entry
	uint8_t func_id;
};

static bool inlined_call(const struct seep_pclntab *tab, const struct seep_func *func,
			 int32_t index, struct inlined_call *ret)
{
	bool is_old = tab->min_minor < 20;
	unsigned size = is_old ? 20 : 16;
	seep_addr tree = seep_func_funcdata(tab, func, SEEP_FUNCDATA_INL_TREE);

	if (index < 0 || tree == 0)
		return false;
	const unsigned char *raw =
		seep_memory_at(&tab->image->memory, tree + (uint64_t)size * (uint32_t)index, size);
	if (!raw)
		return false;
	uint32_t name = seep_le32(raw + (is_old ? 12 : 4));
	uint32_t parent_pc = seep_le32(raw + (is_old ? 16 : 8));
	if (name >= tab->funcnametab_len || parent_pc >= func->end - func->entry)
		return false;
	*ret = (struct inlined_call){ (const char *)tab->funcnametab + name, parent_pc,
				      raw[is_old ? 2 : 0] };
	return true;
}

size_t seep_func_positions(const struct seep_pclntab *tab, const struct seep_func *func,
			   seep_addr pc, struct seep_position *ret, size_t max)
{
	size_t count = 0;
	bool is_inlined = true;

	while (is_inlined && count < max) {
		struct inlined_call call;
		struct seep_position *position = &ret[count++];
		is_inlined = inlined_call(
			tab, func, seep_func_pcdata(tab, func, SEEP_PCDATA_INL_TREE, pc), &call);
		*position = (struct seep_position){
			.function = is_inlined ? call.function : func->name,
			.inlined = is_inlined,
			.func_id = is_inlined ? call.func_id : func->func_id,
		};
		position->wrapper = position->func_id == tab->wrapper_id;
		source_line(tab, func, pc, position);
		if (is_inlined)
			pc = func->entry + call.parent_pc;
	}
	return count;
}

void seep_func_each_inlined(const struct seep_pclntab *tab, const struct seep_func *func,
			    bool (*visit)(const struct seep_inlined *, void *arg), void *arg)
{
	struct pcvalue it = pcvalue_of(tab, func, pcdata_table(tab, func, SEEP_PCDATA_INL_TREE));

	while (pcvalue_step(&it)) {
		int32_t index = it.value;
		for (unsigned depth = 0; depth < MAX_INLINE_DEPTH; depth++) {
			struct inlined_call call;
			if (!inlined_call(tab, func, index, &call))
				break;
			struct seep_inlined inlined = {
				.start = it.start,
				.end = it.pc < func->end ? it.pc : func->end,
				.function = call.function,
				.parent_pc = func->entry + call.parent_pc,
			};
			if (!visit(&inlined, arg))
				return;
			index = seep_func_pcdata(tab, func, SEEP_PCDATA_INL_TREE,
						 inlined.parent_pc);
		}
	}
}

// The numbers of src/internal/abi/symtab.go (1.18 to 1.20: src/runtime/symtab.go). They are in order of name, so every
// new one moved those behind it, but systemstack, systemstack_switch, wrapper have been the last three all the time: a
// release that is not known tells by its systemstack.
static uint8_t wrapper_id(const struct seep_pclntab *tab, int minor)
{
	static const char *const names[] = { "runtime.systemstack" };
	struct seep_func systemstack;

	if (minor >= 18 && minor <= 21)
		return 21;
	if (minor >= 22 && minor <= 24)
		return 22;
	if (minor >= 25 && minor <= NEWEST_WITH_KNOWN_FUNC_IDS)
		return 23;
	seep_pclntab_find_names(tab, names, 1, &systemstack);
	return systemstack.raw && systemstack.func_id > 0 ? systemstack.func_id + 2 : 23;
}

struct seep_error *seep_pclntab_open(const struct seep_image *image, int minor,
				     struct seep_pclntab *ret)
{
	struct seep_error *err;
	struct seep_module_tables tables;
	struct seep_pclntab tab = { .image = image };

	err = seep_moduledata_find(image, minor, &tab.module, &tables);
	if (err)
		return err;
	tab.min_minor = tables.min_minor;
	tab.max_minor = tables.max_minor;
	tab.func_count = tables.func_count;
	tab.functab = tables.functab;
	tab.funcnametab = tables.funcnametab;
	tab.funcnametab_len = tables.funcnametab_len;
	tab.cutab = tables.cutab;
	tab.cutab_len = tables.cutab_len;
	tab.filetab = tables.filetab;
	tab.filetab_len = tables.filetab_len;
	tab.pctab = tables.pctab;
	tab.pctab_len = tables.pctab_len;
	tab.pclntable = tables.pclntable;
	tab.pclntable_len = tables.pclntable_len;
	list_runtime(&tab);
	tab.wrapper_id = wrapper_id(&tab, minor);
	*ret = tab;
	return NULL;
}
