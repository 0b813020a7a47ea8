// Follows values through a function's code from its entry on, one pass in address order, without knowing any: a register
// holds "the word in slot 0x18", "the address 0x5c5080", "what a call returned", each plus an offset. What comes together
// where a jump arrives is kept if all ways there agree, and is unknown otherwise; where a jump from further down arrives
// (a loop) all is unknown. So an origin that is told holds on every way to the instruction, with one exception: a jump
// table's targets are not known, and where one is also reached from the instruction before it, the values are those of
// that one way.
//
// A value that only a call returned, or that came in as an argument, has no origin by itself, but gets one when it is kept
// in the frame: from then on it is "the word in that slot" in all registers. A store into the slot ends that again.
//
// Slots are counted from the stack pointer at entry inside this file (negative: the function's own frame), and from the
// stack pointer at the instruction in what is told.
#include "binary/code.h"

#include "base/str.h"

#include "base/map.h"
#include "base/vec.h"
#include "binary/decode.h"

enum { MAX_PENDING = 4096 };
enum {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15,
	REGS,
	NO_REG = -1
};

// What a register holds. With an unknown origin, equal ids (not 0) mean equal values but for the offset.
struct value {
	struct seep_origin origin;
	uint32_t id;
};

// What is known between two instructions.
struct state {
	struct value regs[REGS];
	int64_t depth; // bytes that the stack pointer is below where it was at entry
	int64_t ctx_slot; // where the closure's context is kept; INT64_MIN: nowhere
	bool live; // the instruction before leads here
	bool stray; // but nothing led to that one
	uint32_t arrived; // pending states: number of jumps that brought one
};

struct flow {
	struct seep_decoder dec;
	const struct seep_pclntab *tab;
	const struct seep_func *func;
	struct state now;
	struct seep_map jumps; // target → number of jumps there
	struct seep_map pending; // target → index in states, plus 1
	struct seep_vec(struct state) states;
	struct seep_vec(uint32_t) free_states;
	bool jump_table;
	uint32_t next_id;
};

static void flow_deinit(struct flow *flow)
{
	seep_decoder_close(&flow->dec);
	seep_map_deinit(&flow->jumps);
	seep_map_deinit(&flow->pending);
	seep_vec_free(&flow->states);
	seep_vec_free(&flow->free_states);
}

static bool is_jump(const cs_insn *insn)
{
	return seep_insn_in_group(insn, CS_GRP_JUMP);
}

static struct value fresh(struct flow *flow)
{
	return (struct value){ .id = ++flow->next_id };
}

static void forget_registers(struct flow *flow)
{
	for (int i = 0; i < REGS; i++)
		flow->now.regs[i] = fresh(flow);
}

static void enter_function(struct flow *flow)
{
	flow->now = (struct state){ .ctx_slot = INT64_MIN, .live = true };
	forget_registers(flow);
	for (int i = 0; i < REGS; i++)
		if (i != RSP && i != RDX)
			flow->now.regs[i].origin =
				(struct seep_origin){ .kind = SEEP_ORIGIN_ARGUMENT, .slot = i };
	flow->now.regs[RDX] = (struct value){ .origin.kind = SEEP_ORIGIN_CONTEXT };
}

// The target of a direct jump or call, 0 if there is none.
static seep_addr direct_target(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	return x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM ?
		       (uint64_t)x86->operands[0].imm :
		       0;
}

static int reg_index(x86_reg reg);

// Wrappers of methods and of deferred calls begin (cmd/internal/obj/x86/obj6.go) by moving g._panic.argp when there is a
// panic. The part that does so stands at the function's end, touches but R12 and R13, and jumps back to where it came from:
//	lea d(%rsp),%r13; cmp %r13,(%r12); jne back; mov %rsp,(%r12); jmp back
// Those jumps bring nothing new, and are not counted.
static bool in_panic_part(const cs_insn *insn, bool before)
{
	const cs_x86_op *ops = insn->detail->x86.operands;

	if (insn->id == X86_INS_LEA)
		return reg_index(ops[0].reg) == R13 && ops[1].mem.base == X86_REG_RSP;
	if (insn->id == X86_INS_CMP || insn->id == X86_INS_MOV)
		return before && ops[0].type == X86_OP_MEM && reg_index(ops[0].mem.base) == R12;
	return before && (insn->id == X86_INS_NOP || is_jump(insn));
}

// First pass: where jumps lead.
static struct seep_error *find_jumps(struct flow *flow)
{
	struct seep_error *err;
	bool panic_part = false;

	_cleanup_(seep_decoder_close) struct seep_decoder dec = {};
	err = seep_decoder_open(&dec, flow->tab, flow->func);
	if (err)
		return err;
	while (seep_decoder_next(&dec)) {
		panic_part = in_panic_part(dec.insn, panic_part);
		if (!is_jump(dec.insn))
			continue;
		seep_addr target = direct_target(dec.insn);
		if (target == 0)
			flow->jump_table = true;
		if (target < flow->func->entry || target >= flow->func->end ||
		    (panic_part && target < dec.insn->address))
			continue;
		uint64_t *count = seep_map_put(&flow->jumps, target, NULL);
		if (!count)
			return &seep_enomem;
		++*count;
	}
	return NULL;
}

static struct seep_error *flow_init(struct flow *flow, const struct seep_pclntab *tab,
				    const struct seep_func *func)
{
	struct seep_error *err;

	*flow = (struct flow){ .tab = tab, .func = func };
	err = find_jumps(flow);
	return err ? err : seep_decoder_open(&flow->dec, tab, func);
}

static int reg_index(x86_reg reg)
{
	static const x86_reg names[REGS][5] = {
		{ X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH },
		{ X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH },
		{ X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH },
		{ X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH },
		{ X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL },
		{ X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL },
		{ X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL },
		{ X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL },
		{ X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B },
		{ X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B },
		{ X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B },
		{ X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B },
		{ X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B },
		{ X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B },
		{ X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B },
		{ X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B },
	};
	for (int i = 0; i < REGS && reg != X86_REG_INVALID; i++)
		for (int j = 0; j < 5; j++)
			if (names[i][j] == reg)
				return i;
	return NO_REG;
}

static void shift(struct value *value, int64_t by)
{
	struct seep_origin *origin = &value->origin;
	int64_t *last = origin->loads ? &origin->then[origin->loads - 1] : &origin->offset;

	*last = (int64_t)((uint64_t)*last + (uint64_t)by);
}

// A memory operand's effective address.
static struct value address_of(const struct flow *flow, const cs_x86_op *op)
{
	const x86_op_mem *mem = &op->mem;
	const struct state *now = &flow->now;
	struct value value = {};

	if (mem->segment != X86_REG_INVALID || mem->index != X86_REG_INVALID)
		return value;
	if (mem->base == X86_REG_RIP) {
		value.origin.kind = SEEP_ORIGIN_GLOBAL;
		value.origin.addr = flow->dec.pc + (uint64_t)mem->disp;
		return value;
	}
	int reg = reg_index(mem->base);
	if (reg == RSP) {
		value.origin.kind = SEEP_ORIGIN_SLOT_ADDRESS;
		value.origin.slot = mem->disp - now->depth;
	} else if (reg != NO_REG) {
		value = now->regs[reg];
		shift(&value, mem->disp);
	}
	return value;
}

// The word at an address.
static struct value load_from(struct flow *flow, struct value at)
{
	struct seep_origin *origin = &at.origin;

	at.id = 0;
	switch (origin->loads == 0 ? origin->kind : SEEP_ORIGIN_UNKNOWN) {
	case SEEP_ORIGIN_SLOT_ADDRESS:
		origin->kind = SEEP_ORIGIN_SLOT;
		origin->slot += origin->offset;
		origin->offset = 0;
		return at;
	case SEEP_ORIGIN_CONTEXT:
		origin->kind = SEEP_ORIGIN_CLOSURE;
		origin->slot = origin->offset;
		origin->offset = 0;
		return at;
	default:
		if (origin->kind == SEEP_ORIGIN_UNKNOWN || origin->loads == SEEP_ORIGIN_LOADS)
			return fresh(flow);
		origin->then[origin->loads++] = 0;
		return at;
	}
}

// Something is written to [slot, slot + size): what registers had from there is no longer there.
static void slot_written(struct flow *flow, int64_t slot, int64_t size)
{
	struct state *now = &flow->now;

	for (int i = 0; i < REGS; i++) {
		const struct seep_origin *origin = &now->regs[i].origin;
		if (origin->kind == SEEP_ORIGIN_SLOT && origin->slot < slot + size &&
		    slot < origin->slot + 8)
			now->regs[i] = fresh(flow);
	}
	if (now->ctx_slot < slot + size && slot < now->ctx_slot + 8 && now->ctx_slot != INT64_MIN)
		now->ctx_slot = INT64_MIN;
}

// A value that is nowhere but in registers: a call returned it, or it came in as an argument.
static bool without_place(const struct value *value)
{
	const struct seep_origin *origin = &value->origin;

	return value->id != 0 && (origin->kind == SEEP_ORIGIN_UNKNOWN ||
				  (origin->kind == SEEP_ORIGIN_ARGUMENT && origin->loads == 0));
}

// Register reg is stored to a slot. If nothing better is known of its value, it is that slot's from now on.
static void keep_in_slot(struct flow *flow, int reg, int64_t slot)
{
	struct state *now = &flow->now;
	struct value kept = now->regs[reg];

	slot_written(flow, slot, 8);
	if (kept.origin.kind == SEEP_ORIGIN_CONTEXT && kept.origin.offset == 0)
		now->ctx_slot = slot;
	if (!without_place(&kept))
		return;
	for (int i = 0; i < REGS; i++) {
		struct value *value = &now->regs[i];
		if (!without_place(value) || value->id != kept.id)
			continue;
		value->origin.kind = SEEP_ORIGIN_SLOT;
		value->origin.slot = slot;
		value->origin.offset -= kept.origin.offset;
		value->id = 0;
	}
}

static int reg_operand(const cs_insn *insn, unsigned i, unsigned size)
{
	const cs_x86 *x86 = &insn->detail->x86;

	if (i >= x86->op_count || x86->operands[i].type != X86_OP_REG ||
	    x86->operands[i].size != size)
		return NO_REG;
	return reg_index(x86->operands[i].reg);
}

static void write_memory(struct flow *flow, const cs_x86_op *mem)
{
	struct value at = address_of(flow, mem);

	if (at.origin.kind == SEEP_ORIGIN_SLOT_ADDRESS && at.origin.loads == 0)
		slot_written(flow, at.origin.slot + at.origin.offset, mem->size ? mem->size : 64);
}

// What an instruction may write that is not understood in detail.
static void apply_unknown(struct flow *flow, const cs_insn *insn)
{
	const cs_detail *detail = insn->detail;
	bool exchange = insn->id == X86_INS_XCHG || insn->id == X86_INS_XADD;

	for (unsigned i = 0; i < detail->x86.op_count && (i == 0 || exchange); i++) {
		const cs_x86_op *op = &detail->x86.operands[i];
		int reg = op->type == X86_OP_REG ? reg_index(op->reg) : NO_REG;
		if (reg != NO_REG)
			flow->now.regs[reg] = fresh(flow);
		if (op->type == X86_OP_MEM)
			write_memory(flow, op);
	}
	for (unsigned i = 0; i < detail->regs_write_count; i++) {
		int reg = reg_index(detail->regs_write[i]);
		if (reg != NO_REG)
			flow->now.regs[reg] = fresh(flow);
	}
}

// Follows the stack pointer. False if the instruction does not move it.
static bool apply_stack(struct flow *flow, const cs_insn *insn)
{
	const cs_x86_op *ops = insn->detail->x86.operands;
	struct state *now = &flow->now;
	int32_t delta;

	if (insn->id == X86_INS_PUSH || insn->id == X86_INS_PUSHFQ) {
		now->depth += 8;
		slot_written(flow, -now->depth, 8);
		return true;
	}
	if (insn->id == X86_INS_POP || insn->id == X86_INS_POPFQ) {
		apply_unknown(flow, insn);
		now->depth -= 8;
		return true;
	}
	if (reg_operand(insn, 0, 8) != RSP || insn->id == X86_INS_CMP || insn->id == X86_INS_TEST)
		return false;
	if ((insn->id == X86_INS_SUB || insn->id == X86_INS_ADD) && ops[1].type == X86_OP_IMM)
		now->depth += insn->id == X86_INS_SUB ? ops[1].imm : -ops[1].imm;
	else if (seep_func_spdelta(flow->tab, flow->func, flow->dec.pc, &delta))
		now->depth = delta;
	return true;
}

static void apply_move(struct flow *flow, const cs_insn *insn)
{
	const cs_x86_op *ops = insn->detail->x86.operands;
	struct state *now = &flow->now;
	int to = reg_operand(insn, 0, 8), from = reg_operand(insn, 1, 8);

	if (to != NO_REG && from == RSP)
		now->regs[to] = (struct value){ .origin = { .kind = SEEP_ORIGIN_SLOT_ADDRESS,
							    .slot = -now->depth } };
	else if (to != NO_REG && from != NO_REG)
		now->regs[to] = now->regs[from];
	else if (to != NO_REG && ops[1].type == X86_OP_MEM)
		now->regs[to] = load_from(flow, address_of(flow, &ops[1]));
	else if (ops[0].type == X86_OP_MEM && from != NO_REG && ops[0].mem.base == X86_REG_RSP &&
		 ops[0].mem.index == X86_REG_INVALID)
		keep_in_slot(flow, from, ops[0].mem.disp - now->depth);
	else
		apply_unknown(flow, insn);
}

static void apply(struct flow *flow, const cs_insn *insn)
{
	const cs_x86_op *ops = insn->detail->x86.operands;
	struct state *now = &flow->now;
	int to;

	if (apply_stack(flow, insn))
		return;
	switch (insn->id) {
	case 0:
		forget_registers(flow);
		return;
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_NOP:
	case X86_INS_BT:
		return;
	case X86_INS_MOV:
		apply_move(flow, insn);
		return;
	case X86_INS_LEA:
		to = reg_operand(insn, 0, 8);
		if (to == NO_REG)
			break;
		now->regs[to] = address_of(flow, &ops[1]);
		if (now->regs[to].origin.kind == SEEP_ORIGIN_UNKNOWN && now->regs[to].id == 0)
			now->regs[to] = fresh(flow);
		return;
	case X86_INS_ADD:
	case X86_INS_SUB:
		to = reg_operand(insn, 0, 8);
		if (to == NO_REG || ops[1].type != X86_OP_IMM)
			break;
		shift(&now->regs[to], insn->id == X86_INS_ADD ? ops[1].imm : -ops[1].imm);
		return;
	default:
		break;
	}
	apply_unknown(flow, insn);
}

static bool same_value(const struct value *a, const struct value *b)
{
	const struct seep_origin *x = &a->origin, *y = &b->origin;

	if (x->kind != y->kind || x->loads != y->loads || x->offset != y->offset || a->id != b->id)
		return false;
	if (x->addr != y->addr || x->slot != y->slot)
		return false;
	return memcmp(x->then, y->then, sizeof(x->then)) == 0;
}

// Leaves in state what both ways agree on.
static void merge(struct flow *flow, struct state *state)
{
	for (int i = 0; i < REGS; i++)
		if (!same_value(&state->regs[i], &flow->now.regs[i]))
			state->regs[i] = fresh(flow);
	if (state->ctx_slot != flow->now.ctx_slot)
		state->ctx_slot = INT64_MIN;
}

// A jump to target brings what is known now.
static struct seep_error *bring(struct flow *flow, seep_addr target)
{
	// What comes from below is too late: the target will miss it among those it expects.
	if (target <= flow->dec.insn->address || flow->jump_table ||
	    !seep_map_get(&flow->jumps, target))
		return NULL;
	uint64_t *slot = seep_map_put(&flow->pending, target, NULL);
	if (!slot)
		return &seep_enomem;
	if (*slot != 0) {
		struct state *state = &flow->states.data[*slot - 1];
		state->arrived++;
		merge(flow, state);
		return NULL;
	}
	uint32_t index = (uint32_t)flow->states.len;
	if (flow->free_states.len > 0)
		index = seep_vec_pop(&flow->free_states);
	else if (index >= MAX_PENDING) // more than anybody writes
		return NULL;
	else if (!seep_vec_push(&flow->states, flow->now))
		return &seep_enomem;
	flow->states.data[index] = flow->now;
	flow->states.data[index].arrived = 1;
	*slot = index + 1;
	return NULL;
}

// Forgets all but the depth, which the function table knows where no way leads to pc.
static void start_over(struct flow *flow, seep_addr pc)
{
	int32_t delta;

	if (!flow->now.live && seep_func_spdelta(flow->tab, flow->func, pc, &delta))
		flow->now.depth = delta;
	flow->now.ctx_slot = INT64_MIN;
	forget_registers(flow);
}

// Brings together what is known from all ways to the next instruction, at pc.
static struct seep_error *arrive(struct flow *flow, seep_addr pc)
{
	struct state *now = &flow->now;
	const uint64_t *jumps = seep_map_get(&flow->jumps, pc);

	if (pc == flow->func->entry) {
		enter_function(
			flow); // Jumps come from morestack, which brings back what was there.
		return NULL;
	}
	if (!jumps) {
		// Nobody comes here but perhaps by a jump table, or from the runtime (deferreturn).
		if (!now->live)
			start_over(flow, pc);
		now->stray |= !now->live;
		now->live = true;
		return NULL;
	}
	uint64_t *slot = seep_map_get(&flow->pending, pc);
	if (slot && *slot != 0) {
		uint32_t index = (uint32_t)(*slot - 1);
		struct state *state = &flow->states.data[index];
		*slot = 0;
		if (!seep_vec_push(&flow->free_states, index))
			return &seep_enomem;
		if (now->live && !now->stray)
			merge(flow, state);
		bool all = state->arrived == *jumps;
		*now = *state;
		if (!all)
			start_over(flow, pc);
	} else {
		start_over(flow, pc);
	}
	now->live = true;
	now->stray = false;
	return NULL;
}

// What a call leaves of what is known.
static void apply_call(struct flow *flow, const cs_insn *insn)
{
	struct seep_func callee;
	seep_addr target = direct_target(insn);

	if (target == 0 || !seep_pclntab_find(flow->tab, target, &callee)) {
		forget_registers(flow);
		return;
	}
	// It keeps all registers but R11, where since 1.21 the buffer's address comes back.
	if (seep_has_prefix(callee.name, "runtime.gcWriteBarrier")) {
		flow->now.regs[R11] = fresh(flow);
		return;
	}
	if (seep_has_prefix(callee.name, "runtime.panic") ||
	    seep_has_prefix(callee.name, "runtime.goPanic") ||
	    strcmp(callee.name, "runtime.gopanic") == 0 ||
	    strcmp(callee.name, "runtime.throw") == 0 || strcmp(callee.name, "runtime.fatal") == 0)
		flow->now.live = false;
	forget_registers(flow);
}

// An origin as it is told: slots from the stack pointer here, the closure's context through its slot where it has one.
static struct seep_origin told(const struct flow *flow, struct value value)
{
	const struct state *now = &flow->now;
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

// What is visited; one of the two is set.
struct visitor {
	bool (*call)(const struct seep_call *, void *arg);
	bool (*atomic)(const struct seep_atomic *, void *arg);
	void *arg;
};

static bool visit_atomic(const struct flow *flow, const cs_insn *insn,
			 const struct visitor *visitor)
{
	const cs_x86_op *mem = seep_insn_memory(insn);
	bool locked = insn->detail->x86.prefix[0] == X86_PREFIX_LOCK || insn->id == X86_INS_XCHG;

	if (!locked || !mem)
		return true;
	struct seep_atomic atomic = {
		.pc = insn->address,
		.kind = insn->id == X86_INS_CMPXCHG ? SEEP_ATOMIC_CMPXCHG :
			insn->id == X86_INS_XADD    ? SEEP_ATOMIC_XADD :
						      SEEP_ATOMIC_OTHER,
		.size = mem->size,
		.arg = told(flow, address_of(flow, mem)),
	};
	return visitor->atomic(&atomic, visitor->arg);
}

static bool visit_call(const struct flow *flow, const cs_insn *insn, const struct visitor *visitor)
{
	struct seep_call call = {
		.pc = insn->address,
		.target = direct_target(insn),
		.arg = told(flow, flow->now.regs[RAX]),
	};
	return call.target == 0 || visitor->call(&call, visitor->arg);
}

static struct seep_error *walk(const struct seep_pclntab *tab, const struct seep_func *func,
			       const struct visitor *visitor)
{
	struct seep_error *err;

	_cleanup_(flow_deinit) struct flow flow = {};
	err = flow_init(&flow, tab, func);
	while (!err && seep_decoder_next(&flow.dec)) {
		const cs_insn *insn = flow.dec.insn;
		err = arrive(&flow, insn->address);
		if (err)
			return err;
		if (seep_insn_in_group(insn, CS_GRP_CALL)) {
			if (visitor->call && !visit_call(&flow, insn, visitor))
				break;
			apply_call(&flow, insn);
		} else if (is_jump(insn)) {
			err = bring(&flow, direct_target(insn));
			flow.now.live &= insn->id != X86_INS_JMP;
		} else {
			if (visitor->atomic && insn->id != 0 && !visit_atomic(&flow, insn, visitor))
				break;
			apply(&flow, insn);
			flow.now.live &= !seep_insn_in_group(insn, CS_GRP_RET) &&
					 insn->id != X86_INS_UD2 && insn->id != X86_INS_INT3;
		}
	}
	return err;
}

struct seep_error *seep_code_each_call(const struct seep_pclntab *tab, const struct seep_func *func,
				       bool (*visit)(const struct seep_call *, void *arg),
				       void *arg)
{
	return walk(tab, func, &(struct visitor){ .call = visit, .arg = arg });
}

struct seep_error *seep_code_each_atomic(const struct seep_pclntab *tab,
					 const struct seep_func *func,
					 bool (*visit)(const struct seep_atomic *, void *arg),
					 void *arg)
{
	return walk(tab, func, &(struct visitor){ .atomic = visit, .arg = arg });
}

bool seep_origin_resolve(const struct seep_origin *origin, const struct seep_memory *memory,
			 seep_addr sp, seep_addr ctx, seep_addr *ret)
{
	seep_addr addr;

	switch (origin->kind) {
	case SEEP_ORIGIN_GLOBAL:
		addr = origin->addr;
		break;
	case SEEP_ORIGIN_SLOT_ADDRESS:
		addr = sp + (uint64_t)origin->slot;
		break;
	case SEEP_ORIGIN_SLOT:
		if (!seep_memory_u64(memory, sp + (uint64_t)origin->slot, &addr))
			return false;
		break;
	case SEEP_ORIGIN_CLOSURE:
		if (ctx == 0 || !seep_memory_u64(memory, ctx + (uint64_t)origin->slot, &addr))
			return false;
		break;
	case SEEP_ORIGIN_CONTEXT:
		addr = ctx;
		break;
	default:
		return false;
	}
	if (origin->kind == SEEP_ORIGIN_CONTEXT && ctx == 0)
		return false;
	addr += (uint64_t)origin->offset;
	for (int i = 0; i < origin->loads && i < SEEP_ORIGIN_LOADS; i++) {
		if (!seep_memory_u64(memory, addr, &addr))
			return false;
		addr += (uint64_t)origin->then[i];
	}
	*ret = addr;
	return true;
}
