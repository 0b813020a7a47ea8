// What a call says of the types of what it takes and returns.
//
// Functions of the runtime that take a type descriptor: Go 1.18 to 1.27, cmd/compile/internal/typecheck/_builtin/runtime.go (builtin/ before
// 1.21). They get arguments in registers like all others. growslice got the type first up to 1.19.
//
// Methods: signature.c. Other functions: what they return is looked for in their own code, when somebody keeps it.
#include "binary/evidence_calls.h"

#include "base/str.h"

#include <stdio.h>

enum {
	MAX_SUMMARY_BYTES = 64 << 10,
	MAX_SUMMARY_DEPTH = 4,
	MAX_SUMMARIES = 1 << 16,
	MAX_CALLEES = 1 << 20
};

enum operation {
	OP_MAP_ACCESS, // (map type, map, ...) → *element
	OP_MAP, // (map type, map, ...)
	OP_NEW, // (T) → *T
	OP_MALLOC, // (size, T, ...) → *T
	OP_MAKE_SLICE, // (T, ...) → []T's first word
	OP_MAKE_MAP,
	OP_MAKE_SMALL_MAP, // () → map
	OP_MAKE_CHANNEL,
	OP_GROW, // → []T
	OP_CHANNEL, // (channel, ...)
	OP_CHANNEL_SECOND,
	OP_STRING, // → string
	OP_TAKES_STRING,
	OP_MOVE, // (T, *T, *T)
	OP_CLEAR, // (T, *T)
	OP_CONVERT, // (T, *T) → *T
};

static const struct {
	const char *name;
	enum operation operation;
} operations[] = {
	{ "runtime.mapaccess1", OP_MAP_ACCESS },
	{ "runtime.mapaccess1_fast32", OP_MAP_ACCESS },
	{ "runtime.mapaccess1_fast64", OP_MAP_ACCESS },
	{ "runtime.mapaccess1_faststr", OP_MAP_ACCESS },
	{ "runtime.mapaccess1_fat", OP_MAP_ACCESS },
	{ "runtime.mapaccess2", OP_MAP_ACCESS },
	{ "runtime.mapaccess2_fast32", OP_MAP_ACCESS },
	{ "runtime.mapaccess2_fast64", OP_MAP_ACCESS },
	{ "runtime.mapaccess2_faststr", OP_MAP_ACCESS },
	{ "runtime.mapaccess2_fat", OP_MAP_ACCESS },
	{ "runtime.mapassign", OP_MAP_ACCESS },
	{ "runtime.mapassign_fast32", OP_MAP_ACCESS },
	{ "runtime.mapassign_fast32ptr", OP_MAP_ACCESS },
	{ "runtime.mapassign_fast64", OP_MAP_ACCESS },
	{ "runtime.mapassign_fast64ptr", OP_MAP_ACCESS },
	{ "runtime.mapassign_faststr", OP_MAP_ACCESS },
	{ "runtime.mapdelete", OP_MAP },
	{ "runtime.mapdelete_fast32", OP_MAP },
	{ "runtime.mapdelete_fast64", OP_MAP },
	{ "runtime.mapdelete_faststr", OP_MAP },
	{ "runtime.mapiterinit", OP_MAP },
	{ "runtime.mapIterStart", OP_MAP },
	{ "runtime.mapclear", OP_MAP },
	{ "runtime.newobject", OP_NEW },
	{ "runtime.makeslice", OP_MAKE_SLICE },
	{ "runtime.makeslice64", OP_MAKE_SLICE },
	{ "runtime.makeslicecopy", OP_MAKE_SLICE },
	{ "runtime.makemap", OP_MAKE_MAP },
	{ "runtime.makemap64", OP_MAKE_MAP },
	{ "runtime.makemap_small", OP_MAKE_SMALL_MAP },
	{ "runtime.makechan", OP_MAKE_CHANNEL },
	{ "runtime.makechan64", OP_MAKE_CHANNEL },
	{ "runtime.growslice", OP_GROW },
	{ "runtime.growsliceNoAlias", OP_GROW },
	{ "runtime.chansend1", OP_CHANNEL },
	{ "runtime.chanrecv1", OP_CHANNEL },
	{ "runtime.chanrecv2", OP_CHANNEL },
	{ "runtime.closechan", OP_CHANNEL },
	{ "runtime.chanlen", OP_CHANNEL },
	{ "runtime.chancap", OP_CHANNEL },
	{ "runtime.selectnbsend", OP_CHANNEL },
	{ "runtime.selectnbrecv", OP_CHANNEL_SECOND },
	{ "runtime.concatstring2", OP_STRING },
	{ "runtime.concatstring3", OP_STRING },
	{ "runtime.concatstring4", OP_STRING },
	{ "runtime.concatstring5", OP_STRING },
	{ "runtime.concatstrings", OP_STRING },
	{ "runtime.slicebytetostring", OP_STRING },
	{ "runtime.slicerunetostring", OP_STRING },
	{ "runtime.intstring", OP_STRING },
	{ "runtime.convTstring", OP_TAKES_STRING },
	{ "runtime.typedmemmove", OP_MOVE },
	{ "runtime.wbMove", OP_MOVE },
	{ "runtime.typedmemclr", OP_CLEAR },
	{ "runtime.wbZero", OP_CLEAR },
	{ "runtime.convT", OP_CONVERT },
	{ "runtime.convTnoptr", OP_CONVERT },
};
enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

bool seep_evidence_is_witness(const struct seep_evidence *ev, const struct seep_func *func)
{
	static const char *const others[] = { "runtime.",
					      "runtime/",
					      "internal/runtime",
					      "internal/abi.",
					      "reflect.",
					      "internal/reflectlite.",
					      "internal/bytealg",
					      "syscall.",
					      "internal/race",
					      "go:",
					      "type:",
					      "type..",
					      "sync/atomic.",
					      "internal/sync.",
					      "weak.",
					      "unique.",
					      "internal/weak.",
					      "go.shape" };

	if (func->flags & SEEP_FUNC_ASM || func->func_id == ev->tab->wrapper_id)
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (seep_has_prefix(func->name, others[i]))
			return false;
	return true;
}

static struct seep_fact value_fact(uint8_t part, seep_addr type)
{
	return (struct seep_fact){ .kind = SEEP_FACT_VALUE, .part = part, .type = type };
}

static bool in_variables(const struct seep_module *m, seep_addr addr)
{
	return (addr >= m->noptrdata && addr < m->enoptrdata) ||
	       (addr >= m->data && addr < m->edata) || (addr >= m->bss && addr < m->ebss) ||
	       (addr >= m->noptrbss && addr < m->enoptrbss);
}

static bool in_types(const struct seep_module *m, seep_addr addr)
{
	return addr >= m->types && addr < m->etypes;
}

// runtime.itab: interface, type, hash of the type.
static bool is_itab(const struct seep_evidence *ev, seep_addr addr)
{
	const struct seep_module *m = &ev->tab->module;
	const unsigned char *raw = seep_memory_at(&ev->tab->image->memory, addr, 24);
	struct seep_type inter, type;

	if (!raw || addr % 8 != 0 || !in_types(m, seep_le64(raw)) ||
	    !in_types(m, seep_le64(raw + 8)))
		return false;
	return seep_type_read(ev->types, seep_le64(raw), &inter) &&
	       inter.kind == SEEP_KIND_INTERFACE &&
	       seep_type_read(ev->types, seep_le64(raw + 8), &type) &&
	       type.hash == seep_le32(raw + 16);
}

struct seep_fact seep_evidence_constant(const struct seep_evidence *ev,
					const struct seep_value *value)
{
	const struct seep_module *m = &ev->tab->module;
	seep_addr addr = seep_value_global(value), entry;
	struct seep_func func;
	struct seep_type type;

	if (addr == 0 || in_variables(m, addr))
		return (struct seep_fact){};
	if (is_itab(ev, addr))
		return value_fact(SEEP_PART_IFACE, 0);
	if (in_types(m, addr))
		return seep_type_read(ev->types, addr, &type) && type.kind != 0 ?
			       value_fact(SEEP_PART_EFACE, 0) :
			       (struct seep_fact){};
	if (addr % 8 == 0 && seep_memory_u64(&ev->tab->image->memory, addr, &entry) &&
	    entry >= m->text && seep_pclntab_find(ev->tab, entry, &func) && func.entry == entry)
		return value_fact(SEEP_PART_FUNC, 0);
	return (struct seep_fact){};
}

// The type descriptor whose address a register has.
static bool type_in(const struct seep_evidence *ev, const struct seep_flow *flow, int reg,
		    struct seep_type *ret)
{
	seep_addr addr = seep_value_global(&flow->now.regs[reg]);

	return in_types(&ev->tab->module, addr) && seep_type_read(ev->types, addr, ret) &&
	       ret->kind != 0;
}

static void map_call(const struct seep_type *type, bool access, struct seep_fact *args,
		     struct seep_fact *results)
{
	if (type->kind != SEEP_KIND_MAP)
		return;
	args[SEEP_RBX] = value_fact(SEEP_PART_MAP, type->addr);
	if (access)
		results[SEEP_RAX] =
			(struct seep_fact){ .kind = SEEP_FACT_INSIDE, .type = type->elem };
}

// The runtime's own types: what it hands out it calls otherwise (a map is a *maps.Map, a time.Timer a *timeTimer).
static bool is_runtime_s(const struct seep_evidence *ev, const struct seep_type *type)
{
	size_t len;
	const char *path = seep_type_package(ev->types, type, &len);

	return path && ((len == 7 && memcmp(path, "runtime", 7) == 0) ||
			(len > 17 && memcmp(path, "internal/runtime/", 17) == 0));
}

// A closure's object is made like any other.
static struct seep_fact new_object(const struct seep_evidence *ev, const struct seep_type *type)
{
	if (is_runtime_s(ev, type))
		return (struct seep_fact){};
	return value_fact(seep_type_is_closure(ev->types, type->addr) ? SEEP_PART_FUNC :
									SEEP_PART_POINTER,
			  type->addr);
}

static void typed_call(const struct seep_evidence *ev, enum operation operation,
		       const struct seep_type *type, struct seep_fact *args,
		       struct seep_fact *results)
{
	struct seep_fact inside = { .kind = SEEP_FACT_INSIDE, .type = type->addr };

	switch (operation) {
	case OP_MAP_ACCESS:
	case OP_MAP:
		map_call(type, operation == OP_MAP_ACCESS, args, results);
		return;
	case OP_NEW:
	case OP_MALLOC:
		results[SEEP_RAX] = new_object(ev, type);
		return;
	case OP_MAKE_SLICE:
	case OP_GROW:
		results[SEEP_RAX] = value_fact(SEEP_PART_SLICE, type->addr);
		return;
	case OP_MAKE_MAP:
		if (type->kind == SEEP_KIND_MAP)
			results[SEEP_RAX] = value_fact(SEEP_PART_MAP, type->addr);
		return;
	case OP_MAKE_CHANNEL:
		if (type->kind == SEEP_KIND_CHAN)
			results[SEEP_RAX] = value_fact(SEEP_PART_CHANNEL, type->addr);
		return;
	case OP_MOVE:
		args[SEEP_RCX] = inside;
		args[SEEP_RBX] = inside;
		return;
	case OP_CONVERT:
		results[SEEP_RAX] = inside;
		args[SEEP_RBX] = inside;
		return;
	case OP_CLEAR:
		args[SEEP_RBX] = inside;
		return;
	default:
		return;
	}
}

static void runtime_call(const struct seep_evidence *ev, enum operation operation,
			 const struct seep_flow *flow, const struct seep_step *step,
			 struct seep_fact *args, struct seep_fact *results)
{
	int type_reg = operation == OP_GROW && ev->types->minor >= 20 ? SEEP_RSI :
		       operation == OP_MALLOC			      ? SEEP_RBX :
									SEEP_RAX;
	struct seep_type type;

	switch (operation) {
	case OP_CHANNEL:
		args[SEEP_RAX] = value_fact(SEEP_PART_CHANNEL, 0);
		return;
	case OP_CHANNEL_SECOND:
		args[SEEP_RBX] = value_fact(SEEP_PART_CHANNEL, 0);
		return;
	case OP_MAKE_SMALL_MAP:
		results[SEEP_RAX] =
			(struct seep_fact){ .kind = SEEP_FACT_NEW_MAP, .type = step->addr };
		return;
	case OP_STRING:
		results[SEEP_RAX] = value_fact(SEEP_PART_STRING, 0);
		return;
	case OP_TAKES_STRING:
		args[SEEP_RAX] = value_fact(SEEP_PART_STRING, 0);
		return;
	default:
		if (type_in(ev, flow, type_reg, &type))
			typed_call(ev, operation, &type, args, results);
	}
}

static struct seep_callee read_callee(const struct seep_evidence *ev, const struct seep_func *func)
{
	struct seep_fact params[SEEP_REGS] = {}, results[SEEP_REGS] = {};
	struct seep_callee callee;

	(void)seep_signature_params(&ev->sig, func, params);
	bool known = seep_signature_results(&ev->sig, func, results) ||
		     !seep_evidence_is_witness(ev, func);
	for (uint8_t i = 0; i < SEEP_ARGUMENT_REGS; i++) {
		callee.params[i] = params[seep_argument_regs[i]];
		callee.results[i] = results[seep_argument_regs[i]];
		if (!known)
			callee.results[i] = (struct seep_fact){ .kind = SEEP_FACT_RESULT,
								.part = i,
								.type = func->entry };
	}
	return callee;
}

// Most functions are called from many places. NULL if none begins there.
static const struct seep_callee *callee_at(struct seep_evidence *ev, seep_addr entry)
{
	struct seep_func func;
	bool added;
	uint64_t *slot = ev->callees.len < MAX_CALLEES ? seep_map_put(&ev->callees, entry, &added) :
							 seep_map_get(&ev->callees, entry);

	if (!slot)
		return NULL;
	if (*slot == 0 && added && seep_pclntab_find(ev->tab, entry, &func) &&
	    func.entry == entry) {
		if (!seep_vec_push(&ev->functions, read_callee(ev, &func))) {
			ev->failed = true;
			return NULL;
		}
		*slot = ev->functions.len;
	}
	return *slot ? &ev->functions.data[*slot - 1] : NULL;
}

void seep_evidence_call(struct seep_evidence *ev, const struct seep_flow *flow,
			const struct seep_step *step, struct seep_fact *args,
			struct seep_fact *results)
{
	seep_addr target = seep_step_target(step);

	if (target == 0)
		return;
	const uint64_t *operation = seep_map_get(&ev->operations, target);
	if (operation) {
		enum operation known =
			*operation > OPERATIONS ? OP_MALLOC : operations[*operation - 1].operation;
		runtime_call(ev, known, flow, step, args, results);
		return;
	}
	const struct seep_callee *callee = callee_at(ev, target);
	for (int i = 0; callee && i < SEEP_ARGUMENT_REGS; i++) {
		args[seep_argument_regs[i]] = callee->params[i];
		results[seep_argument_regs[i]] = callee->results[i];
	}
}

static void entry_hook(void *arg, const struct seep_func *func, struct seep_fact *regs)
{
	struct seep_evidence *ev = arg;
	const struct seep_callee *callee = callee_at(ev, func->entry);

	for (int i = 0; callee && i < SEEP_ARGUMENT_REGS; i++)
		regs[seep_argument_regs[i]] = callee->params[i];
	const uint64_t *closure = seep_map_get(&ev->closures, func->entry);
	if (closure && *closure > 1)
		regs[SEEP_RDX] = value_fact(SEEP_PART_POINTER, *closure);
	for (int i = 0; ev->passed && ev->passed_to == func->entry && i < SEEP_ARGUMENT_REGS; i++) {
		struct seep_fact *fact = &regs[seep_argument_regs[i]];
		if (fact->kind == SEEP_FACT_NONE)
			*fact = ev->passed[seep_argument_regs[i]];
	}
}

static void call_hook(void *arg, const struct seep_flow *flow, const struct seep_step *step,
		      struct seep_fact *args, struct seep_fact *results)
{
	seep_evidence_call(arg, flow, step, args, results);
}

static struct seep_fact load_hook(void *arg, struct seep_fact base, int64_t offset)
{
	const struct seep_evidence *ev = arg;

	return seep_fact_load(ev->types, base, offset);
}

static bool add_operation(struct seep_evidence *ev, const struct seep_func *func, int i)
{
	uint64_t *slot = func->raw ? seep_map_put(&ev->operations, func->entry, NULL) : NULL;

	if (slot)
		*slot = (uint64_t)i + 1;
	return slot || !func->raw;
}

// Since go1.26 the compiler may call the allocator of a size itself instead of newobject (cmd/compile/internal/ssagen, ssa.go).
static bool add_mallocs(struct seep_evidence *ev)
{
	static const char *const forms[] = { "runtime.mallocgcSmallNoScanSC",
					     "runtime.mallocgcSmallScanNoHeaderSC",
					     "runtime.mallocgcTinySize" };
	enum { FORMS = 3, SIZES = 28 };
	char texts[FORMS * SIZES][48];
	const char *names[FORMS * SIZES];
	struct seep_func funcs[FORMS * SIZES];
	bool good = true;

	for (int i = 0; i < FORMS * SIZES; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%s%d", forms[i / SIZES], i % SIZES);
		names[i] = texts[i];
	}
	seep_pclntab_find_names(ev->tab, names, FORMS * SIZES, funcs);
	for (int i = 0; i < FORMS * SIZES; i++)
		good &= add_operation(ev, &funcs[i], OPERATIONS);
	return good;
}

struct seep_error *seep_evidence_prepare(struct seep_evidence *ev)
{
	const char *names[OPERATIONS];
	struct seep_func funcs[OPERATIONS];
	bool good = true;

	for (int i = 0; i < OPERATIONS; i++)
		names[i] = operations[i].name;
	seep_pclntab_find_names(ev->tab, names, OPERATIONS, funcs);
	for (int i = 0; i < OPERATIONS; i++)
		good &= add_operation(ev, &funcs[i], i);
	good &= add_mallocs(ev);
	ev->hooks = (struct seep_flow_hooks){
		.arg = ev, .entry = entry_hook, .call = call_hook, .load = load_hook
	};
	return good ? NULL : &seep_enomem;
}

static struct seep_fact joint(struct seep_fact a, struct seep_fact b)
{
	if (a.kind == SEEP_FACT_NIL)
		return b;
	if (b.kind == SEEP_FACT_NIL)
		return a;
	if (a.kind == SEEP_FACT_VALUE && b.kind == SEEP_FACT_VALUE && a.part == b.part &&
	    (a.part == SEEP_PART_IFACE || a.part == SEEP_PART_EFACE))
		return value_fact(a.part, 0);
	return a.kind == b.kind && a.part == b.part && a.type == b.type ? a : (struct seep_fact){};
}

// What registers bring back at a return.
static struct seep_fact returned(struct seep_evidence *ev, const struct seep_value *value)
{
	struct seep_fact fact = seep_evidence_constant(ev, value);

	if (fact.kind != SEEP_FACT_NONE)
		return fact;
	if (value->at != 0 || value->fact.kind > SEEP_FACT_VALUE ||
	    value->fact.kind == SEEP_FACT_NEW_MAP)
		return (struct seep_fact){};
	return seep_evidence_resolve(ev, value->fact);
}

static void summarize(struct seep_evidence *ev, const struct seep_func *func,
		      struct seep_summary *ret)
{
	struct seep_summary all = {};
	const struct seep_step *step;
	bool first = true;

	_cleanup_(seep_flow_close) struct seep_flow flow = {};
	struct seep_error *err = seep_flow_open(&flow, ev->tab, func, &ev->hooks);
	if (err) {
		ev->failed |= err == &seep_enomem;
		seep_error_destroy(err);
		return;
	}
	ev->stats.functions++;
	ev->stats.code_bytes += func->end - func->entry;
	while ((step = seep_flow_next(&flow))) {
		if (step->id != X86_INS_RET)
			continue;
		for (int i = 0; i < SEEP_ARGUMENT_REGS; i++) {
			struct seep_fact fact = returned(ev, &flow.now.regs[seep_argument_regs[i]]);
			all.regs[i] = first ? fact : joint(all.regs[i], fact);
		}
		first = false;
	}
	*ret = all;
}

struct seep_fact seep_evidence_resolve(struct seep_evidence *ev, struct seep_fact fact)
{
	struct seep_fact none = {};
	struct seep_func func;

	if (fact.kind != SEEP_FACT_RESULT)
		return fact;
	if (ev->results.len >= MAX_SUMMARIES || fact.part >= SEEP_ARGUMENT_REGS ||
	    !seep_pclntab_find(ev->tab, fact.type, &func) ||
	    func.end - func.entry > MAX_SUMMARY_BYTES)
		return none;
	const uint64_t *known = seep_map_get(&ev->summaries, fact.type);
	if (known)
		return *known ? ev->results.data[*known - 1].regs[fact.part] : none;
	if (ev->summary_depth >= MAX_SUMMARY_DEPTH)
		return none;
	if (!seep_map_put(&ev->summaries, fact.type, NULL)) {
		ev->failed = true;
		return none;
	}
	struct seep_summary summary = {};
	ev->summary_depth++;
	summarize(ev, &func, &summary);
	ev->summary_depth--;
	if (!seep_vec_push(&ev->results, summary)) {
		ev->failed = true;
		return none;
	}
	*seep_map_get(&ev->summaries, fact.type) = ev->results.len;
	return summary.regs[fact.part];
}
