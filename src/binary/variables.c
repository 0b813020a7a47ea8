// Joins the witnesses: variables of DWARF first, then symbols where nothing else stands. What the compiler made for itself comes last: it may
// lie over real variables (markers of whole regions), or where nothing else has a name (composite literals, embedded bytes).
//
// Symbols that only the runtime and the linker use (types, itabs, init tasks, pointer masks) are left out: they lead to nothing
// that anybody would look for.
#include "binary/variables.h"

#include "binary/binary.h"
#include "binary/symbols.h"

// In the order in which they win.
enum rank { RANK_DEBUG, RANK_SYMBOL, RANK_COMPILER };

struct candidate {
	struct seep_variable variable;
	enum rank rank;
};

typedef struct seep_vec(struct candidate) candidate_vec;

// Names of symbols, unescaped; freed together.
struct name_chunk {
	struct name_chunk *next;
	char text[];
};

static bool in_module(const struct seep_module *m, seep_addr addr, uint64_t size)
{
	const seep_addr bounds[][2] = {
		{ m->noptrdata, m->enoptrdata },
		{ m->data, m->edata },
		{ m->bss, m->ebss },
		{ m->noptrbss, m->enoptrbss },
	};

	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		if (addr >= bounds[i][0] && addr < bounds[i][1])
			return size <= bounds[i][1] - addr;
	}
	return false;
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), suffix_len = strlen(suffix);

	return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

// The linker's and the runtime's own; up to 1.19 with a point in the place of the colon.
static bool is_internal(const char *name)
{
	static const char *const prefixes[] = {
		"go:",	 "go.",	  "type:", "type.", "runtime.gcbits.", "runtime.itablink",
		"$f32.", "$f64.",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		if (seep_has_prefix(name, prefixes[i]))
			return true;
	}
	return has_suffix(name, "..inittask") || strstr(name, "..gobytes.") != NULL;
}

// "path/pkg.name". C's names, which a linked-in object brings along, have no point, or one before a number.
static bool is_go_name(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *point = strchr(slash ? slash : name, '.');

	return point && point != name && !strchr(name, '(') &&
	       !(point[1] >= '0' && point[1] <= '9');
}

static bool is_compiler_made(const char *name)
{
	return strstr(name, "..") != NULL;
}

/* ---- candidates ---- */

static struct seep_error *add_debug(const struct seep_module *module, struct seep_variables *ret,
				    candidate_vec *candidates)
{
	size_t count = 0;
	const struct seep_debug_variable *found =
		ret->debug ? seep_debug_variables(ret->debug, &count) : NULL;

	for (size_t i = 0; i < count; i++) {
		const struct seep_debug_variable *v = &found[i];
		// One of a type that is not understood is left to the symbol table, which has its size.
		if (v->size == 0 || !in_module(module, v->addr, v->size))
			continue;
		struct candidate candidate = {
			.rank = RANK_DEBUG,
			.variable = {
				.addr = v->addr,
				.size = v->size,
				.name = v->name,
				.parts = v->parts,
				.part_count = v->part_count,
				.type = v->type,
				.compiler_made = is_compiler_made(v->name),
			},
		};
		if (!seep_vec_push(candidates, candidate))
			return &seep_enomem;
	}
	ret->has_types = candidates->len > 0;
	return NULL;
}

static const char *unescape(struct seep_variables *ret, const char *name)
{
	if (!strchr(name, '%'))
		return name;
	struct name_chunk *chunk = malloc(sizeof(*chunk) + strlen(name) + 1);
	if (!chunk)
		return name;
	chunk->next = ret->arena;
	ret->arena = chunk;
	seep_symbol_unescape(name, chunk->text);
	return chunk->text;
}

static struct seep_error *add_symbols(const struct seep_module *module,
				      const struct seep_symbols *symbols,
				      struct seep_variables *ret, candidate_vec *candidates)
{
	for (size_t i = 0; i < symbols->items.len; i++) {
		const struct seep_symbol *symbol = &symbols->items.data[i];
		if (!in_module(module, symbol->addr, symbol->size) || is_internal(symbol->name) ||
		    !is_go_name(symbol->name))
			continue;
		bool made = is_compiler_made(symbol->name);
		struct candidate candidate = {
			.rank = made ? RANK_COMPILER : RANK_SYMBOL,
			.variable = {
				.addr = symbol->addr,
				.size = symbol->size,
				.name = unescape(ret, symbol->name),
				.compiler_made = made,
			},
		};
		if (!seep_vec_push(candidates, candidate))
			return &seep_enomem;
	}
	return NULL;
}

/* ---- without overlaps ---- */

static int by_rank(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->variable.addr != b->variable.addr)
		return a->variable.addr < b->variable.addr ? -1 : 1;
	if (a->variable.size != b->variable.size) // the largest first
		return a->variable.size > b->variable.size ? -1 : 1;
	return strcmp(a->variable.name, b->variable.name);
}

// Merges a rank's candidates, sorted by address, into the variables taken so far, as far as they fit between them.
static bool merge(struct seep_variables *ret, const struct candidate *items, size_t count)
{
	struct seep_vec(struct seep_variable) merged = {};
	size_t taken = 0;
	seep_addr end = 0;

	if (!seep_vec_reserve(&merged, ret->items.len + count + 1))
		return false;
	for (size_t i = 0; i < count || taken < ret->items.len;) {
		const struct seep_variable *old = taken < ret->items.len ? &ret->items.data[taken] :
									   NULL;
		const struct seep_variable *new = i < count ? &items[i].variable : NULL;
		if (old && (!new || old->addr < new->addr + new->size)) {
			// What is taken already wins over a new one that reaches into it or begins with it.
			if (new &&new->addr < old->addr + old->size) {
				i++;
				continue;
			}
			merged.data[merged.len++] = *old;
			end = old->addr + old->size;
			taken++;
			continue;
		}
		if (new->addr >= end) {
			merged.data[merged.len++] = *new;
			end = new->addr + new->size;
		}
		i++;
	}
	seep_vec_free(&ret->items);
	memcpy(&ret->items, &merged, sizeof(merged));
	return true;
}

static bool take_all(struct seep_variables *ret, candidate_vec *candidates)
{
	size_t first = 0;

	if (candidates->len == 0)
		return true;
	qsort(candidates->data, candidates->len, sizeof(*candidates->data), by_rank);
	while (first < candidates->len) {
		size_t end = first;
		while (end < candidates->len &&
		       candidates->data[end].rank == candidates->data[first].rank)
			end++;
		if (!merge(ret, candidates->data + first, end - first))
			return false;
		first = end;
	}
	return true;
}

struct seep_error *seep_variables_read(const struct seep_binary *binary, struct seep_types *types,
				       struct seep_variables *ret)
{
	struct seep_error *err;
	struct seep_variables variables = {};
	struct seep_symbols symbols = {};
	candidate_vec candidates = {};
	const struct seep_module *module = &binary->pclntab.module;

	err = seep_debug_open(&binary->image, types, &variables.debug);
	if (!err)
		err = add_debug(module, &variables, &candidates);
	if (!err)
		err = seep_symbols_read(&binary->image, &symbols);
	if (!err)
		err = add_symbols(module, &symbols, &variables, &candidates);
	if (!err && !take_all(&variables, &candidates))
		err = &seep_enomem;
	seep_symbols_deinit(&symbols);
	seep_vec_free(&candidates);
	if (err) {
		seep_variables_deinit(&variables);
		return err;
	}
	variables.has_names = variables.items.len > 0;
	*ret = variables;
	return NULL;
}

void seep_variables_deinit(struct seep_variables *variables)
{
	for (struct name_chunk *chunk = variables->arena, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	seep_vec_free(&variables->items);
	seep_debug_close(variables->debug);
	*variables = (struct seep_variables){};
}

const struct seep_variable *seep_variables_find(const struct seep_variables *variables,
						seep_addr addr)
{
	size_t low = 0, high = variables->items.len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct seep_variable *variable = &variables->items.data[mid];
		if (addr >= variable->addr + variable->size)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == variables->items.len || addr < variables->items.data[low].addr)
		return NULL;
	return &variables->items.data[low];
}
