// What one instruction does to what is known of values: a register holds "the word in slot 0x18", "the address 0x5c5080", "what a call
// returned", each plus an offset. ways.c brings together what comes from several ways.
//
// A value that only a call returned, or that came in as an argument, has no origin by itself, but gets one when it is kept
// in the frame: from then on it is "the word in that slot" in all registers. A store into the slot ends that again.
//
// Slots are counted from the stack pointer at entry inside this file (negative: the function's own frame), and from the
// stack pointer at the instruction in what is told.
//
// Facts (types) go with values wherever these are copied, into slots and back. What is kept in a slot stays there until a store
// that may reach it: one through the stack pointer, or, if the slot belongs to a variable whose address was given away (then it is
// one of the function's stack objects), any call or store to an unknown address.
#include "binary/flow.h"

#include "base/str.h"
#include "binary/shape.h"

enum {
	UNKNOWN_STORE_BYTES = 64,
	DUFF_BYTES = 1024, // runtime.duffzero and duffcopy write no more
	LOOK_BACK = 8,
};

static struct seep_value defined(uint32_t id)
{
	return (struct seep_value){ .id = id };
}

// Numbers of values that an instruction makes are the same each time it is looked at. Who held one made before holds it no more.
static struct seep_value fresh(struct seep_flow *flow, int reg)
{
	uint32_t id = (uint32_t)((flow->index + 1) * SEEP_REGS + (unsigned)reg);

	for (int i = 0; i < SEEP_REGS; i++)
		if (flow->now.regs[i].id == id)
			flow->now.regs[i].id = 0;
	return defined(id);
}

static void set_fresh(struct seep_flow *flow, int reg)
{
	flow->now.regs[reg] = fresh(flow, reg);
}

static void forget_registers(struct seep_flow *flow)
{
	for (int i = 0; i < SEEP_REGS; i++)
		flow->now.regs[i] =
			defined((uint32_t)((flow->index + 1) * SEEP_REGS + (unsigned)i));
}

void seep_flow_forget(struct seep_flow *flow, seep_addr pc)
{
	int32_t delta;

	if (seep_func_spdelta(flow->tab, flow->func, pc, &delta))
		flow->now.depth = delta;
	flow->now.ctx_slot = INT64_MIN;
	flow->now.slot_count = 0;
	forget_registers(flow);
}

void seep_flow_enter(struct seep_flow *flow)
{
	struct seep_fact facts[SEEP_REGS] = {};

	flow->now = (struct seep_state){ .ctx_slot = INT64_MIN };
	for (int i = 0; i < SEEP_REGS; i++) {
		flow->now.regs[i] = defined((uint32_t)i + 1);
		if (i != SEEP_RSP)
			flow->now.regs[i].origin =
				(struct seep_origin){ .kind = SEEP_ORIGIN_ARGUMENT, .slot = i };
	}
	flow->now.regs[SEEP_RDX] = (struct seep_value){ .origin.kind = SEEP_ORIGIN_CONTEXT };
	if (!flow->hooks || !flow->hooks->entry)
		return;
	flow->hooks->entry(flow->hooks->arg, flow->func, facts);
	for (int i = 0; i < SEEP_REGS; i++)
		flow->now.regs[i].fact = facts[i];
}

static void shift(struct seep_value *value, int64_t by)
{
	struct seep_origin *origin = &value->origin;
	int64_t *last = origin->loads ? &origin->then[origin->loads - 1] : &origin->offset;

	*last = (int64_t)((uint64_t)*last + (uint64_t)by);
	if (__builtin_add_overflow(value->at, by, &value->at)) {
		value->at = 0;
		value->fact = (struct seep_fact){};
		value->word = 0;
	}
}

struct seep_value seep_flow_address(const struct seep_flow *flow,
				    const struct seep_operand *operand)
{
	const struct seep_state *now = &flow->now;
	struct seep_value value = {};

	if (operand->segment || operand->index != SEEP_NO_REG)
		return value;
	if (operand->absolute) {
		value.origin.kind = SEEP_ORIGIN_GLOBAL;
		value.origin.addr = (seep_addr)operand->value;
	} else if (operand->base == SEEP_RSP) {
		value.origin.kind = SEEP_ORIGIN_SLOT_ADDRESS;
		value.origin.slot = operand->value - now->depth;
	} else if (operand->base != SEEP_NO_REG) {
		value = now->regs[operand->base];
		shift(&value, operand->value);
	}
	return value;
}

seep_addr seep_value_global(const struct seep_value *value)
{
	return value->origin.kind == SEEP_ORIGIN_GLOBAL && value->origin.loads == 0 ?
		       value->origin.addr + (uint64_t)value->origin.offset :
		       0;
}

seep_addr seep_flow_global(const struct seep_flow *flow, const struct seep_operand *operand)
{
	struct seep_value value = seep_flow_address(flow, operand);

	return seep_value_global(&value);
}

// The slot whose own address that is.
static bool slot_at(const struct seep_value *at, int64_t *ret)
{
	if (at->origin.kind != SEEP_ORIGIN_SLOT_ADDRESS || at->origin.loads != 0)
		return false;
	*ret = at->origin.slot + at->origin.offset;
	return true;
}

static struct seep_slot *find_slot(struct seep_state *state, int64_t slot)
{
	for (uint32_t i = 0; i < state->slot_count; i++)
		if (state->slots[i].slot == slot)
			return &state->slots[i];
	return NULL;
}

// The type of the 8 bytes at that address, by the type of what the address leads into.
static struct seep_fact fact_at(const struct seep_flow *flow, const struct seep_value *at)
{
	if (at->fact.kind < SEEP_FACT_VALUE || !flow->hooks || !flow->hooks->load)
		return (struct seep_fact){};
	return flow->hooks->load(flow->hooks->arg, at->fact, at->at);
}

// Of a word of an array whose index is in a register: base and index may have changed places when the scale is 1.
static struct seep_value element_address(const struct seep_flow *flow,
					 const struct seep_operand *operand)
{
	struct seep_value value = {};
	int reg = operand->base;

	if (operand->segment || reg == SEEP_NO_REG || operand->index == SEEP_NO_REG)
		return value;
	if (flow->now.regs[reg].fact.kind < SEEP_FACT_VALUE && operand->scale == 1)
		reg = operand->index;
	const struct seep_value *base = &flow->now.regs[reg];
	bool slice = base->fact.kind == SEEP_FACT_VALUE && base->fact.part == SEEP_PART_SLICE;
	if (!slice && base->fact.kind != SEEP_FACT_ELEMENT)
		return value;
	value.fact = base->fact;
	value.fact.kind = SEEP_FACT_ELEMENT;
	if (__builtin_add_overflow(base->at, operand->value, &value.at))
		value = (struct seep_value){};
	return value;
}

// The word at an address.
static struct seep_value load_from(struct seep_flow *flow, struct seep_value at, int reg)
{
	struct seep_value value = { .origin = at.origin, .fact = fact_at(flow, &at) };
	struct seep_origin *origin = &value.origin;
	const struct seep_slot *kept;

	switch (origin->loads == 0 ? origin->kind : SEEP_ORIGIN_UNKNOWN) {
	case SEEP_ORIGIN_SLOT_ADDRESS:
		origin->kind = SEEP_ORIGIN_SLOT;
		origin->slot += origin->offset;
		origin->offset = 0;
		kept = find_slot(&flow->now, origin->slot);
		if (kept) {
			value.fact = kept->fact;
			value.word = kept->word;
		}
		return value;
	case SEEP_ORIGIN_CONTEXT:
		origin->kind = SEEP_ORIGIN_CLOSURE;
		origin->slot = origin->offset;
		origin->offset = 0;
		return value;
	default:
		value.word = seep_value_global(&at);
		if (origin->kind == SEEP_ORIGIN_UNKNOWN || origin->loads == SEEP_ORIGIN_LOADS) {
			struct seep_value other = fresh(flow, reg);
			other.fact = value.fact;
			return other;
		}
		origin->then[origin->loads++] = 0;
		return value;
	}
}

static void drop_slots(struct seep_state *now, int64_t start, int64_t end)
{
	for (uint32_t i = 0; i < now->slot_count;) {
		if (now->slots[i].slot < end && start < now->slots[i].slot + 8)
			now->slots[i] = now->slots[--now->slot_count];
		else
			i++;
	}
}

// Something is written to [slot, end): what registers had from there is no longer there.
static void slots_written(struct seep_flow *flow, int64_t slot, int64_t end)
{
	struct seep_state *now = &flow->now;

	for (int i = 0; i < SEEP_REGS; i++) {
		const struct seep_origin *origin = &now->regs[i].origin;
		if (origin->kind == SEEP_ORIGIN_SLOT && origin->slot < end &&
		    slot < origin->slot + 8) {
			struct seep_fact fact = now->regs[i].fact;
			seep_addr word = now->regs[i].word;
			int32_t at = now->regs[i].at;
			now->regs[i] = fresh(flow, i);
			now->regs[i].fact = fact;
			now->regs[i].word = word;
			now->regs[i].at = at;
		}
	}
	if (now->ctx_slot < end && slot < now->ctx_slot + 8 && now->ctx_slot != INT64_MIN)
		now->ctx_slot = INT64_MIN;
	drop_slots(now, slot, end);
}

static bool is_exposed(const struct seep_flow *flow, int64_t slot)
{
	size_t low = 0, high = flow->exposed.len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if ((int64_t)flow->exposed.data[mid].end > slot)
			high = mid;
		else
			low = mid + 1;
	}
	return low < flow->exposed.len && (int64_t)flow->exposed.data[low].start < slot + 8;
}

// Something is written to where others have an address of.
static void exposed_written(struct seep_flow *flow)
{
	struct seep_state *now = &flow->now;

	for (uint32_t i = 0; i < now->slot_count;) {
		if (now->slots[i].exposed)
			now->slots[i] = now->slots[--now->slot_count];
		else
			i++;
	}
}

// A value that is nowhere but in registers: a call returned it, or it came in as an argument.
static bool without_place(const struct seep_value *value)
{
	const struct seep_origin *origin = &value->origin;

	return value->id != 0 && (origin->kind == SEEP_ORIGIN_UNKNOWN ||
				  (origin->kind == SEEP_ORIGIN_ARGUMENT && origin->loads == 0));
}

static void remember_slot(struct seep_flow *flow, int64_t slot, const struct seep_value *value)
{
	struct seep_state *now = &flow->now;

	if (value->at != 0 || (value->fact.kind == SEEP_FACT_NONE && value->word == 0) ||
	    now->slot_count == SEEP_FLOW_SLOTS)
		return;
	now->slots[now->slot_count++] = (struct seep_slot){ .slot = slot,
							    .fact = value->fact,
							    .word = value->word,
							    .exposed = is_exposed(flow, slot) };
}

// Register reg is stored to a slot. If nothing better is known of its value, it is that slot's from now on.
static void keep_in_slot(struct seep_flow *flow, int reg, int64_t slot)
{
	struct seep_state *now = &flow->now;
	struct seep_value kept = now->regs[reg];

	slots_written(flow, slot, slot + 8);
	remember_slot(flow, slot, &kept);
	if (kept.origin.kind == SEEP_ORIGIN_CONTEXT && kept.origin.offset == 0)
		now->ctx_slot = slot;
	if (!without_place(&kept))
		return;
	for (int i = 0; i < SEEP_REGS; i++) {
		struct seep_value *value = &now->regs[i];
		if (!without_place(value) || value->id != kept.id)
			continue;
		value->origin.kind = SEEP_ORIGIN_SLOT;
		value->origin.slot = slot;
		value->origin.offset -= kept.origin.offset;
		value->id = 0;
	}
}

static int reg_operand(const struct seep_step *step, unsigned i, unsigned size)
{
	if (i >= step->operand_count || step->operands[i].kind != SEEP_OPERAND_REG ||
	    step->operands[i].size != size)
		return SEEP_NO_REG;
	return step->operands[i].reg;
}

// Where a variable that is indexed from a slot on ends at most: one of the frame's own does not reach beyond the return address, behind
// which the caller keeps room for what it passed in registers.
static int64_t variable_end(int64_t slot)
{
	return slot < 0 ? 0 : INT64_MAX;
}

// A store that is not a plain one of a register to a slot.
static void write_memory(struct seep_flow *flow, const struct seep_operand *mem)
{
	struct seep_value at = seep_flow_address(flow, mem);
	int64_t slot;

	if (slot_at(&at, &slot)) {
		slots_written(flow, slot, slot + (mem->size ? mem->size : UNKNOWN_STORE_BYTES));
	} else if (mem->base == SEEP_RSP) { // with an index
		slot = mem->value - flow->now.depth;
		slots_written(flow, slot, variable_end(slot));
	} else if (mem->base != SEEP_NO_REG && slot_at(&flow->now.regs[mem->base], &slot)) {
		slots_written(flow, slot + (mem->value < 0 ? mem->value : 0), variable_end(slot));
	} else if (!mem->absolute) {
		exposed_written(flow);
	}
}

// Bytes that a string instruction writes, from the constant that was last put into rcx; INT64_MAX if there is none.
static int64_t repeated_bytes(const struct seep_flow *flow)
{
	for (size_t i = flow->index; i-- > 0 && flow->index - i < LOOK_BACK;) {
		const struct seep_step *step = &flow->steps.data[i];
		if (step->kind != SEEP_STEP_PLAIN)
			break;
		if (step->operand_count == 2 && step->operands[0].kind == SEEP_OPERAND_REG &&
		    step->operands[0].reg == SEEP_RCX)
			return step->id == X86_INS_MOV &&
					       step->operands[1].kind == SEEP_OPERAND_IMM &&
					       step->operands[1].value >= 0 &&
					       step->operands[1].value < INT32_MAX ?
				       8 * step->operands[1].value :
				       INT64_MAX;
	}
	return INT64_MAX;
}

static void string_written(struct seep_flow *flow, int64_t bytes)
{
	int64_t slot, end;

	if (slot_at(&flow->now.regs[SEEP_RDI], &slot))
		slots_written(flow, slot,
			      __builtin_add_overflow(slot, bytes, &end) ? variable_end(slot) : end);
	exposed_written(flow);
}

// What an instruction may write that is not understood in detail.
static void apply_unknown(struct seep_flow *flow, const struct seep_step *step)
{
	bool exchange = step->id == X86_INS_XCHG || step->id == X86_INS_XADD;

	for (unsigned i = 0; i < step->operand_count && (i == 0 || exchange); i++) {
		const struct seep_operand *op = &step->operands[i];
		if (op->kind == SEEP_OPERAND_REG && op->reg != SEEP_NO_REG)
			set_fresh(flow, op->reg);
		if (op->kind == SEEP_OPERAND_MEM)
			write_memory(flow, op);
	}
	if (step->written & 1u << SEEP_RDI) // the string instructions
		string_written(flow, repeated_bytes(flow));
	for (int i = 0; i < SEEP_REGS; i++)
		if (step->written & 1u << i)
			set_fresh(flow, i);
}

// Follows the stack pointer. False if the instruction does not move it.
static bool apply_stack(struct seep_flow *flow, const struct seep_step *step)
{
	const struct seep_operand *ops = step->operands;
	struct seep_state *now = &flow->now;
	int32_t delta;

	if (step->id == X86_INS_PUSH || step->id == X86_INS_PUSHFQ) {
		now->depth += 8;
		slots_written(flow, -now->depth, -now->depth + 8);
		return true;
	}
	if (step->id == X86_INS_POP || step->id == X86_INS_POPFQ) {
		apply_unknown(flow, step);
		now->depth -= 8;
		return true;
	}
	if (reg_operand(step, 0, 8) != SEEP_RSP || step->id == X86_INS_CMP ||
	    step->id == X86_INS_TEST)
		return false;
	if ((step->id == X86_INS_SUB || step->id == X86_INS_ADD) && ops[1].kind == SEEP_OPERAND_IMM)
		now->depth += step->id == X86_INS_SUB ? ops[1].value : -ops[1].value;
	else if (seep_func_spdelta(flow->tab, flow->func, step->addr + step->size, &delta))
		now->depth = delta;
	return true;
}

static void set_nil(struct seep_flow *flow, int reg)
{
	set_fresh(flow, reg);
	flow->now.regs[reg].fact.kind = SEEP_FACT_NIL;
}

static void apply_move(struct seep_flow *flow, const struct seep_step *step)
{
	const struct seep_operand *ops = step->operands;
	struct seep_state *now = &flow->now;
	int to = reg_operand(step, 0, 8), from = reg_operand(step, 1, 8);
	int64_t slot;
	bool zero = ops[1].kind == SEEP_OPERAND_IMM && ops[1].value == 0;

	if (to != SEEP_NO_REG && from == SEEP_RSP) {
		now->regs[to] = (struct seep_value){ .origin = { .kind = SEEP_ORIGIN_SLOT_ADDRESS,
								 .slot = -now->depth } };
	} else if (to != SEEP_NO_REG && from != SEEP_NO_REG) {
		now->regs[to] = now->regs[from];
	} else if (to != SEEP_NO_REG && ops[1].kind == SEEP_OPERAND_MEM) {
		struct seep_value at = ops[1].index == SEEP_NO_REG ?
					       seep_flow_address(flow, &ops[1]) :
					       element_address(flow, &ops[1]);
		now->regs[to] = load_from(flow, at, to);
	} else if (ops[0].kind == SEEP_OPERAND_MEM && from != SEEP_NO_REG) {
		struct seep_value at = seep_flow_address(flow, &ops[0]);
		if (slot_at(&at, &slot))
			keep_in_slot(flow, from, slot);
		else
			write_memory(flow, &ops[0]);
	} else if (zero && ops[0].kind == SEEP_OPERAND_REG && ops[0].reg != SEEP_NO_REG &&
		   ops[0].size >= 4) {
		set_nil(flow, ops[0].reg);
	} else {
		apply_unknown(flow, step);
	}
}

static void apply_lea(struct seep_flow *flow, const struct seep_step *step, int to)
{
	const struct seep_operand *mem = &step->operands[1];
	struct seep_value value = mem->index == SEEP_NO_REG ? seep_flow_address(flow, mem) :
							      element_address(flow, mem);

	if (value.origin.kind == SEEP_ORIGIN_UNKNOWN && value.id == 0) {
		struct seep_value other = fresh(flow, to);
		other.fact = value.fact;
		other.at = value.at;
		value = other;
	}
	flow->now.regs[to] = value;
}

// What a call takes as a map is one, also where it was taken from. (Not so pointers: what is passed as a *T may be the address of
// something larger that begins with a T.)
static void learn_from_call(struct seep_flow *flow, const struct seep_fact *args)
{
	for (int i = 0; i < SEEP_REGS; i++) {
		const struct seep_value *value = &flow->now.regs[i];
		const struct seep_origin *origin = &value->origin;
		bool alone = args[i].part == SEEP_PART_MAP || args[i].part == SEEP_PART_CHANNEL ||
			     args[i].part == SEEP_PART_FUNC;
		if (args[i].kind != SEEP_FACT_VALUE || !alone || origin->kind != SEEP_ORIGIN_SLOT ||
		    origin->loads != 0 || origin->offset != 0)
			continue;
		struct seep_slot *kept = find_slot(&flow->now, origin->slot);
		if (kept && kept->fact.kind < SEEP_FACT_VALUE)
			kept->fact = args[i];
		else if (!kept)
			remember_slot(flow, origin->slot, &(struct seep_value){ .fact = args[i] });
	}
}

void seep_flow_name_callee(const struct seep_flow *flow, struct seep_step *step)
{
	seep_addr target = seep_step_target(step);
	struct seep_func func;

	if (target == 0 || !seep_pclntab_find(flow->tab, target, &func) ||
	    !seep_has_prefix(func.name, "runtime."))
		return;
	const char *name = func.name + strlen("runtime.");
	if (seep_has_prefix(name, "gcWriteBarrier"))
		step->callee = SEEP_CALLEE_WRITE_BARRIER;
	else if (seep_has_prefix(name, "duff"))
		step->callee = SEEP_CALLEE_DUFF;
	else if (seep_has_prefix(name, "panic") || seep_has_prefix(name, "goPanic") ||
		 strcmp(name, "gopanic") == 0 || strcmp(name, "throw") == 0 ||
		 strcmp(name, "fatal") == 0)
		step->callee = SEEP_CALLEE_NO_RETURN;
}

// What a call leaves of what is known.
static void apply_call(struct seep_flow *flow, const struct seep_step *step)
{
	struct seep_fact args[SEEP_REGS] = {}, results[SEEP_REGS] = {};

	if (step->callee == SEEP_CALLEE_WRITE_BARRIER) {
		set_fresh(flow, SEEP_R11);
		return;
	}
	if (step->callee == SEEP_CALLEE_NO_RETURN)
		flow->mode = SEEP_FLOW_DEAD;
	if (flow->hooks && flow->hooks->call) {
		flow->hooks->call(flow->hooks->arg, flow, step, args, results);
		learn_from_call(flow, args);
	}
	if (step->callee == SEEP_CALLEE_DUFF)
		string_written(flow, DUFF_BYTES);
	exposed_written(flow);
	forget_registers(flow);
	for (int i = 0; i < SEEP_REGS; i++)
		flow->now.regs[i].fact = results[i];
}

static void apply_add(struct seep_flow *flow, const struct seep_step *step, int to)
{
	const struct seep_operand *by = &step->operands[1];

	shift(&flow->now.regs[to], step->id == X86_INS_ADD ? by->value : -by->value);
}

void seep_flow_apply(struct seep_flow *flow, const struct seep_step *step)
{
	const struct seep_operand *ops = step->operands;
	int to = reg_operand(step, 0, 8);

	if (step->kind == SEEP_STEP_CALL) {
		apply_call(flow, step);
		return;
	}
	if (step->kind != SEEP_STEP_PLAIN || apply_stack(flow, step))
		return;
	switch (step->id) {
	case 0:
		forget_registers(flow);
		return;
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_NOP:
	case X86_INS_BT:
		return;
	case X86_INS_MOV:
		apply_move(flow, step);
		return;
	case X86_INS_LEA:
		if (to == SEEP_NO_REG)
			break;
		apply_lea(flow, step, to);
		return;
	case X86_INS_ADD:
	case X86_INS_SUB:
		if (to == SEEP_NO_REG || ops[1].kind != SEEP_OPERAND_IMM)
			break;
		apply_add(flow, step, to);
		return;
	case X86_INS_XOR:
		if (ops[0].kind != SEEP_OPERAND_REG || ops[1].kind != SEEP_OPERAND_REG ||
		    ops[0].reg != ops[1].reg || ops[0].size < 4 || ops[0].reg == SEEP_NO_REG)
			break;
		set_nil(flow, ops[0].reg);
		return;
	default:
		break;
	}
	apply_unknown(flow, step);
}

static bool same_fact(const struct seep_fact *a, const struct seep_fact *b)
{
	return a->kind == b->kind && a->part == b->part && a->type == b->type;
}

static bool same_value(const struct seep_value *a, const struct seep_value *b)
{
	const struct seep_origin *x = &a->origin, *y = &b->origin;

	if (x->kind != y->kind || x->loads != y->loads || x->offset != y->offset || a->id != b->id)
		return false;
	if (x->addr != y->addr || x->slot != y->slot)
		return false;
	return memcmp(x->then, y->then, sizeof(x->then)) == 0;
}

// What is said of a value that is one of two.
static struct seep_fact joint_fact(const struct seep_fact *a, int32_t a_at,
				   const struct seep_fact *b, int32_t b_at)
{
	if (b->kind == SEEP_FACT_NIL)
		return *a;
	if (a->kind == SEEP_FACT_NIL)
		return *b;
	return same_fact(a, b) && a_at == b_at ? *a : (struct seep_fact){};
}

static bool merge_register(struct seep_value *a, const struct seep_value *b, uint32_t id)
{
	struct seep_value old = *a;
	struct seep_fact fact = joint_fact(&a->fact, a->at, &b->fact, b->at);

	if (!same_value(a, b))
		*a = defined(id);
	a->at = old.fact.kind == SEEP_FACT_NIL ? b->at : old.at;
	a->fact = fact;
	a->word = old.word == b->word && old.at == b->at ? old.word : 0;
	return !same_value(a, &old) || !same_fact(&a->fact, &old.fact) || a->word != old.word ||
	       a->at != old.at;
}

void seep_state_copy(struct seep_state *to, const struct seep_state *from)
{
	memcpy(to, from,
	       offsetof(struct seep_state, slots) + from->slot_count * sizeof(*from->slots));
}

bool seep_state_merge(struct seep_state *state, const struct seep_state *other, uint32_t where)
{
	bool less = false;

	// Most ways bring the same, or the same in most registers.
	for (int i = 0; i < SEEP_REGS; i++)
		if (memcmp(&state->regs[i], &other->regs[i], sizeof(state->regs[i])) != 0)
			less |= merge_register(&state->regs[i], &other->regs[i],
					       where + (uint32_t)i);
	// Who had the value that this place made the time before has another one than who gets it now.
	for (uint32_t i = 0; i < SEEP_REGS && less; i++)
		for (uint32_t j = 0; j < SEEP_REGS && state->regs[i].id == where + i; j++)
			if (j != i && state->regs[j].id == where + i) {
				state->regs[j].id = where + j;
				less = true;
			}
	if (state->ctx_slot != other->ctx_slot && state->ctx_slot != INT64_MIN) {
		state->ctx_slot = INT64_MIN;
		less = true;
	}
	for (uint32_t i = 0; i < state->slot_count;) {
		struct seep_slot *a = &state->slots[i];
		const struct seep_slot *b = &other->slots[i];
		if (i >= other->slot_count || b->slot != a->slot)
			b = find_slot((struct seep_state *)other, a->slot);
		struct seep_fact fact = b ? joint_fact(&a->fact, 0, &b->fact, 0) :
					    (struct seep_fact){};
		seep_addr word = b && a->word == b->word ? a->word : 0;
		less |= !same_fact(&fact, &a->fact) || word != a->word;
		a->fact = fact;
		a->word = word;
		if (fact.kind == SEEP_FACT_NONE && word == 0)
			state->slots[i] = state->slots[--state->slot_count];
		else
			i++;
	}
	return less;
}

struct seep_origin seep_flow_told(const struct seep_flow *flow, struct seep_value value)
{
	const struct seep_state *now = &flow->now;
	struct seep_origin origin = value.origin;

	if (origin.kind == SEEP_ORIGIN_UNKNOWN)
		return (struct seep_origin){};
	if (origin.kind == SEEP_ORIGIN_CLOSURE && now->ctx_slot != INT64_MIN &&
	    origin.loads < SEEP_ORIGIN_LOADS) {
		memmove(&origin.then[1], &origin.then[0],
			sizeof(origin.then[0]) * (SEEP_ORIGIN_LOADS - 1));
		origin.then[0] = origin.offset;
		origin.offset = origin.slot;
		origin.loads++;
		origin.kind = SEEP_ORIGIN_SLOT;
		origin.slot = now->ctx_slot;
	}
	if (origin.kind == SEEP_ORIGIN_SLOT || origin.kind == SEEP_ORIGIN_SLOT_ADDRESS)
		origin.slot += now->depth;
	return origin;
}
