// Finds package variables of the runtime by what its functions refer to. A recipe says: of all references of one kind and
// size in that function, the n-th (from the end when negative) is to the variable. The functions are small, old, and kept
// in every program; their names are in the function table of stripped binaries, too.
//
// Each recipe was compared with the symbol table on Go 1.18 to 1.27 (tests/binary/globals.py does so again). Where two
// functions tell of one variable they must agree: a changed runtime is then noticed instead of misread. One of the two
// may be missing: inlining depends on how the program was built (with -gcflags=all=-l there is none).
#include "binary/globals.h"

#include "base/vec.h"
#include "binary/code.h"

// Not a count, but: some reference is to the variable that the recipe before found; the first one behind those.
enum { CONFIRM = 100, BEHIND = 101 };
enum { MAX_WAIT_REASONS = 255, MAX_REASON_LEN = 128 };

struct recipe {
	const char *variable; // the first of a variable's recipes names it
	size_t member;
	const struct seep_arch *only; // NULL: for all
	const char *function;
	enum seep_ref_kind kind;
	uint8_t size;
	int8_t nth;
};
#define VARIABLE(name) #name, offsetof(struct seep_globals, name), NULL
#define ONLY(arch, name) #name, offsetof(struct seep_globals, name), &seep_##arch

static const struct recipe recipes[] = {
	{ VARIABLE(allglen), "runtime.forEachGRace", SEEP_REF_LOAD, 8, 0 },
	{ VARIABLE(allglen), "runtime.allgadd", SEEP_REF_LEA, 8,
	  -3 }, // atomic.Storeuintptr(&allglen, …); unlock
	{ VARIABLE(allgptr), "runtime.forEachGRace", SEEP_REF_LOAD, 8, 1 },
	{ ONLY(amd64, allgptr), "runtime.allgadd", SEEP_REF_CMP, 8, -1 }, // if &allgs[0] != allgptr
	{ ONLY(arm64, allgptr), "runtime.allgadd", SEEP_REF_LOAD, 8,
	  -2 }, // the same; then allgs.len
	{ VARIABLE(allp), "runtime.preemptall", SEEP_REF_LOAD, 8, 0 },
	{ VARIABLE(allp), "runtime.gcMarkTinyAllocs", SEEP_REF_LOAD, 8, 0 },
	{ VARIABLE(allm), "runtime.mcommoninit", SEEP_REF_LOAD, 8, -1 }, // mp.alllink = allm
	{ ONLY(amd64, allm), "runtime.mexit", SEEP_REF_LEA, 8, 2 }, // after m0 and sched.lock
	{ ONLY(arm64, allm), "runtime.mexit", SEEP_REF_LEA, 8, CONFIRM },
	{ VARIABLE(mheap), "runtime.getempty.func1", SEEP_REF_LEA, 8, 0 },
	{ VARIABLE(mheap), "runtime.stackpoolalloc", SEEP_REF_LEA, 8, 1 },
	{ VARIABLE(gcphase), "runtime.freeSomeWbufs", SEEP_REF_CMP, 4, 0 },
	{ VARIABLE(gcphase), "runtime.gcSweep", SEEP_REF_CMP, 4, 0 },
	{ VARIABLE(semtable), "runtime.semroot", SEEP_REF_LEA, 8, 0 }, // 1.18, where not inlined
	{ VARIABLE(semtable), "runtime.semrelease1", SEEP_REF_LEA, 8, 0 },
	{ VARIABLE(semtable), "runtime.semacquire1", SEEP_REF_LEA, 8, 0 },
	{ VARIABLE(wait_reasons), "runtime.waitReason.String", SEEP_REF_LEA, 8, 1 },
	{ VARIABLE(finq), "runtime.queuefinalizer", SEEP_REF_LOAD, 8, 0 },
	{ ONLY(amd64, finq), "runtime.queuefinalizer", SEEP_REF_LOAD, 8, -1 },
	{ ONLY(arm64, finq), "runtime.queuefinalizer", SEEP_REF_LOAD, 8, CONFIRM },
	{ ONLY(amd64, allfin), "runtime.queuefinalizer", SEEP_REF_LOAD, 8, 1 },
	{ ONLY(arm64, allfin), "runtime.queuefinalizer", SEEP_REF_STORE, 8, 1 }, // allfin = finc
	{ VARIABLE(allfin), "runtime.markroot", SEEP_REF_LOAD, 8, CONFIRM },
	{ VARIABLE(cleanups), "runtime.markroot", SEEP_REF_LOAD, 8,
	  BEHIND }, // gcCleanups.all, after allfin
};

// Variables that only say how the runtime is set, or which memory is its own. What cannot be told of them stays unknown, and
// that is all.
static const struct recipe optional[] = {
	{ VARIABLE(mem_profile_rate), "runtime.allocmcache", SEEP_REF_LOAD, 8, 0 },
	{ VARIABLE(mem_profile_rate), "runtime.profilealloc", SEEP_REF_LOAD, 8, -1 },
	{ ONLY(amd64, gc_controller), "runtime.gcinit", SEEP_REF_LEA, 8, 1 },
	{ ONLY(amd64, gc_controller), "runtime.gcControllerCommit", SEEP_REF_LEA, 8, 0 }, // 1.19+
	{ ONLY(arm64, gc_controller), "runtime.gcControllerCommit", SEEP_REF_LEA, 8, 1 },
	{ VARIABLE(gc_controller), "runtime.gcMark", SEEP_REF_LEA, 8, CONFIRM },
	{ VARIABLE(memstats_enablegc), "runtime.gcenable", SEEP_REF_STORE, 1, 0 },
	{ VARIABLE(memstats_other_sys), "runtime.persistentalloc1", SEEP_REF_LEA, 8, 2 },
	{ ONLY(amd64, persistent_chunks), "runtime.persistentalloc1", SEEP_REF_LOAD, 8, 0 },
	{ ONLY(arm64, persistent_chunks), "runtime.persistentalloc1", SEEP_REF_LOAD, 8, -1 },
	{ ONLY(amd64, persistent_chunks), "runtime.persistentalloc1", SEEP_REF_LEA, 8, CONFIRM },
	{ ONLY(arm64, persistent_chunks), "runtime.persistentalloc1", SEEP_REF_OTHER, 8, CONFIRM },
	{ VARIABLE(gc_bits_arenas), "runtime.newArenaMayUnlock", SEEP_REF_LEA, 8, 0 },
	{ VARIABLE(gc_bits_arenas), "runtime.nextMarkBitArenaEpoch", SEEP_REF_LEA, 8, 0 },
	{ VARIABLE(buckhash), "runtime.stkbucket", SEEP_REF_LOAD, 8, 0 },
	{ VARIABLE(buckhash), "runtime.stkbucket", SEEP_REF_LEA, 8, CONFIRM },
};

enum {
	RECIPES = sizeof(recipes) / sizeof(*recipes),
	OPTIONAL = sizeof(optional) / sizeof(*optional)
};

// The references that a recipe counts.
struct hits {
	const struct recipe *recipe;
	enum seep_ref_kind kind;
	struct seep_vec(seep_addr) addrs;
	bool failed;
};

static bool collect(const struct seep_ref *ref, void *arg)
{
	struct hits *hits = arg;
	const struct recipe *recipe = hits->recipe;

	// Where a method is not inlined, its receiver's address is taken instead of the value.
	if (ref->size == recipe->size &&
	    (ref->kind == hits->kind || (recipe->nth == BEHIND && ref->kind == SEEP_REF_LEA)))
		hits->failed |= !seep_vec_push(&hits->addrs, ref->addr);
	return !hits->failed;
}

// Go's linker lays the four out in this order, that of C does not.
static bool is_variable(const struct seep_module *m, seep_addr addr)
{
	return (addr >= m->noptrdata && addr < m->enoptrdata) ||
	       (addr >= m->data && addr < m->edata) || (addr >= m->bss && addr < m->ebss) ||
	       (addr >= m->noptrbss && addr < m->enoptrbss);
}

// Which of the references the recipe means; 0 if there is none. `before` is what the recipe before this one found.
static seep_addr choose(const struct recipe *recipe, const struct hits *hits, seep_addr before)
{
	ptrdiff_t len = (ptrdiff_t)hits->addrs.len,
		  i = recipe->nth < 0 ? len + recipe->nth : recipe->nth;

	if (recipe->nth == CONFIRM || recipe->nth == BEHIND) {
		for (i = 0; i < len && hits->addrs.data[i] != before; i++)
			;
		while (recipe->nth == BEHIND && i < len && hits->addrs.data[i] == before)
			i++;
	}
	return i >= 0 && i < len ? hits->addrs.data[i] : 0;
}

static bool is_for_others(const struct seep_pclntab *tab, const struct recipe *recipe)
{
	return recipe->only && recipe->only != tab->image->arch;
}

// What one recipe finds; 0 if there is no such reference, or it leads elsewhere than to variables.
static struct seep_error *follow(const struct seep_pclntab *tab, const struct recipe *recipe,
				 const struct seep_func *func, seep_addr before, seep_addr *ret)
{
	bool loaded = recipe->kind == SEEP_REF_CMP && tab->image->arch->load_store;
	struct hits hits = { .recipe = recipe, .kind = loaded ? SEEP_REF_LOAD : recipe->kind };

	*ret = 0;
	if (!func->raw || is_for_others(tab, recipe))
		return NULL;
	struct seep_error *err = seep_code_each_ref(tab, func, collect, &hits);
	if (!err && hits.failed)
		err = &seep_enomem;
	seep_addr addr = err ? 0 : choose(recipe, &hits, before);
	if (is_variable(&tab->module, addr))
		*ret = addr;
	seep_vec_free(&hits.addrs);
	return err;
}

static struct seep_error *find_variables(const struct seep_pclntab *tab, bool with_cleanups,
					 struct seep_globals *globals)
{
	const char *names[RECIPES];
	struct seep_func funcs[RECIPES];
	seep_addr before = 0;

	for (int i = 0; i < RECIPES; i++)
		names[i] = recipes[i].function;
	seep_pclntab_find_names(tab, names, RECIPES, funcs);
	for (int i = 0; i < RECIPES; i++) {
		const struct recipe *recipe = &recipes[i];
		seep_addr *value = (seep_addr *)((char *)globals + recipe->member), found;
		bool last = i + 1 == RECIPES || recipe[1].member != recipe->member;
		if (recipe->member == offsetof(struct seep_globals, cleanups) && !with_cleanups)
			continue;
		struct seep_error *err = follow(tab, recipe, &funcs[i], before, &found);
		if (err)
			return seep_error_prefix(err, "looking for runtime.%s", recipe->variable);
		if (found && *value && found != *value)
			return seep_error_format(
				SEEP_ERROR_MISSING_INFO,
				"runtime.%s cannot be told: %s and %s refer to different variables",
				recipe->variable, recipe[-1].function, recipe->function);
		if (found)
			before = *value = found;
		if (last && *value == 0)
			return seep_error_format(SEEP_ERROR_MISSING_INFO,
						 "runtime.%s not found in the code of %s",
						 recipe->variable, recipe->function);
	}
	return NULL;
}

// Each of a variable's functions that the program has must tell the same, or it is unknown.
static void find_optional(const struct seep_pclntab *tab, struct seep_globals *globals)
{
	const char *names[OPTIONAL];
	struct seep_func funcs[OPTIONAL];
	bool contradicted = false;

	for (int i = 0; i < OPTIONAL; i++)
		names[i] = optional[i].function;
	seep_pclntab_find_names(tab, names, OPTIONAL, funcs);
	for (int i = 0; i < OPTIONAL; i++) {
		seep_addr *value = (seep_addr *)((char *)globals + optional[i].member), found;
		bool first = i == 0 || optional[i - 1].member != optional[i].member;
		contradicted = contradicted && !first;
		if (!funcs[i].raw || is_for_others(tab, &optional[i]))
			continue;
		struct seep_error *err = follow(tab, &optional[i], &funcs[i], *value, &found);
		contradicted = contradicted || err || !found || (*value && *value != found);
		*value = contradicted ? 0 : found;
		seep_error_destroy(err);
	}
}

// Counts the strings of [255]string at addr that look like names of wait reasons.
static uint32_t count_reasons(const struct seep_memory *memory, seep_addr addr, uint32_t max)
{
	uint32_t count = 0;
	uint64_t text, len;

	for (; count < max; count++) {
		if (!seep_memory_u64(memory, addr + 16 * (uint64_t)count, &text) ||
		    !seep_memory_u64(memory, addr + 16 * (uint64_t)count + 8, &len) ||
		    len > MAX_REASON_LEN)
			break;
		if (len > 0 && !seep_memory_at(memory, text, len))
			break;
	}
	return count;
}

struct seep_error *seep_globals_find(const struct seep_pclntab *tab,
				     const struct seep_layout *layout, int minor,
				     struct seep_globals *ret)
{
	// runtime.semTable pads each of its 251 roots to a cache line, which before 1.20 counted 64 bytes everywhere.
	struct seep_globals globals = { .semtable_stride =
						minor < 20 ? 64 : tab->image->arch->cache_line };
	const char *name = "runtime.waitReason.String";
	struct seep_func string = {};
	uint64_t bound = MAX_WAIT_REASONS;
	struct seep_error *err;

	err = find_variables(tab, minor >= 25 && layout->cleanup_queue_all >= 0, &globals);
	if (err)
		return err;
	find_optional(tab, &globals);
	if (globals.cleanups)
		globals.cleanups -= (uint32_t)layout->cleanup_queue_all;
	seep_pclntab_find_names(tab, &name, 1, &string);
	if (string.raw) {
		err = seep_code_first_bound(tab, &string, &bound);
		if (err)
			return err;
	}
	globals.wait_reason_count =
		count_reasons(&tab->image->memory, globals.wait_reasons, (uint32_t)bound);
	*ret = globals;
	return NULL;
}
