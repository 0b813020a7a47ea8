// Brings together what is known on all ways to an instruction: from the one before, and by jumps. What all of them agree on is kept.
//
// A function is gone over in address order until nothing changes. At first what only a jump from below reaches counts as not
// reached; each round can only take away from what is known where jumps lead, so that ends soon; and of what lies between two such places
// nothing new comes while the same is known where it begins. So an origin that is told holds on every way to the instruction, in loops as
// well. Ways that are not seen: the runtime enters where deferred calls were run,
// and what stands behind a call that does not return is entered by nobody; there nothing is known, and what such a
// stray way brings along is left out where others arrive. A jump table whose targets cannot be read makes the function
// one where nothing is known wherever a jump leads.
#include "binary/flow.h"

#include "base/str.h"

enum {
	MAX_WAYS = 4096, // more than anybody writes
	MAX_ROUNDS = 12,
	MAX_TABLE = 4096,
	LOOK_BACK = 24,
	MAX_STACK_OBJECTS = 1 << 12,
	STACK_OBJECT_BYTES = 16,
	WAY_IDS = 1u << 31,
	UNKNOWN_WAY = UINT16_MAX,
};

static bool is_jump(const struct seep_step *step)
{
	return step->kind == SEEP_STEP_JUMP || step->kind == SEEP_STEP_BRANCH;
}

static bool inside(const struct seep_func *func, seep_addr addr)
{
	return addr >= func->entry && addr < func->end;
}

// Wrappers of methods and of deferred calls begin (cmd/internal/obj/x86/obj6.go) by moving g._panic.argp when there is a
// panic. The part that does so stands at the function's end, touches but R12 and R13, and jumps back to where it came from:
//	lea d(%rsp),%r13; cmp %r13,(%r12); jne back; mov %rsp,(%r12); jmp back
// Those jumps bring nothing new, and are not counted.
static bool in_panic_part(const struct seep_step *step, bool before)
{
	const struct seep_operand *ops = step->operands;

	if (step->id == X86_INS_LEA)
		return ops[0].reg == SEEP_R13 && ops[1].base == SEEP_RSP;
	if (step->id == X86_INS_CMP || step->id == X86_INS_MOV)
		return before && ops[0].kind == SEEP_OPERAND_MEM && ops[0].base == SEEP_R12;
	return before && (step->id == X86_INS_NOP || is_jump(step));
}

static bool in_panic_jumps(const struct seep_flow *flow, size_t index)
{
	bool part = false;
	size_t start = index;

	while (start > 0 && index - start < 6 && flow->steps.data[start].id != X86_INS_LEA)
		start--;
	for (size_t i = start; i <= index; i++)
		part = in_panic_part(&flow->steps.data[i], part);
	return part;
}

static void add_target(struct seep_flow *flow, seep_addr target, seep_addr from)
{
	bool added;

	if (!inside(flow->func, target) || target == flow->func->entry)
		return;
	if (flow->way_count >= MAX_WAYS) {
		flow->forgetful = true;
		flow->failed |= !seep_map_put(&flow->targets, target, NULL);
		return;
	}
	uint64_t *slot = seep_map_put(&flow->targets, target, &added);
	if (!slot) {
		flow->failed = true;
		return;
	}
	if (added)
		*slot = ++flow->way_count;
	flow->has_loops |= target <= from;
}

// Where the jump table lies that the jump at index uses (jmp *(base,index,8)): what was last put into base. 0 if unknown.
static seep_addr table_of(const struct seep_flow *flow, size_t index)
{
	const struct seep_operand *op = &flow->steps.data[index].operands[0];

	if (op->kind != SEEP_OPERAND_MEM || op->base == SEEP_NO_REG || op->index == SEEP_NO_REG ||
	    op->scale != 8 || op->value != 0)
		return 0;
	for (size_t i = index; i-- > 0 && index - i < LOOK_BACK;) {
		const struct seep_step *step = &flow->steps.data[i];
		const struct seep_operand *ops = step->operands;
		if (step->kind != SEEP_STEP_PLAIN && step->kind != SEEP_STEP_BRANCH)
			return 0;
		if (step->operand_count < 1 || ops[0].kind != SEEP_OPERAND_REG ||
		    ops[0].reg != op->base || step->id == X86_INS_CMP || step->id == X86_INS_TEST)
			continue;
		return step->id == X86_INS_LEA && ops[1].absolute ? (seep_addr)ops[1].value : 0;
	}
	return 0;
}

// Visits a jump table's targets; false if it cannot be read. It has no length: a table behind it that leads into this
// function too counts as part of it, which makes ways that are none, and so can only take from what is known.
static bool each_table_target(struct seep_flow *flow, size_t index,
			      void (*visit)(struct seep_flow *flow, seep_addr target,
					    seep_addr from))
{
	seep_addr table = table_of(flow, index), target;
	size_t i = 0;

	for (; table != 0 && i < MAX_TABLE; i++) {
		if (!seep_memory_u64(&flow->tab->image->memory, table + 8 * i, &target) ||
		    !inside(flow->func, target))
			break;
		visit(flow, target, flow->steps.data[index].addr);
	}
	return i > 0;
}

static void find_targets(struct seep_flow *flow)
{
	bool panic_part = false;

	for (size_t i = 0; i < flow->steps.len; i++) {
		const struct seep_step *step = &flow->steps.data[i];
		panic_part = in_panic_part(step, panic_part);
		if (step->kind == SEEP_STEP_CALL)
			seep_flow_name_callee(flow, &flow->steps.data[i]);
		if (!is_jump(step))
			continue;
		seep_addr target = seep_step_target(step);
		if (target == 0)
			flow->forgetful |= !each_table_target(flow, i, add_target);
		else if (!panic_part || target >= step->addr)
			add_target(flow, target, step->addr);
	}
}

// Makes room for what is known where jumps lead, and notes at each step that is a target which one it is.
static void mark_targets(struct seep_flow *flow)
{
	size_t next = flow->steps.len;

	if (flow->way_count == 0)
		return;
	flow->ways = malloc(flow->way_count * sizeof(*flow->ways));
	flow->failed |= !flow->ways;
	for (uint32_t i = 0; i < flow->way_count && !flow->failed; i++)
		flow->ways[i].reached = flow->ways[i].settled = false;
	for (size_t i = flow->steps.len; i-- > 0 && !flow->failed;) {
		struct seep_step *step = &flow->steps.data[i];
		const uint64_t *slot = seep_map_get(&flow->targets, step->addr);
		if (!slot)
			continue;
		step->way = *slot ? (uint16_t)*slot : UNKNOWN_WAY;
		if (*slot)
			flow->ways[*slot - 1].next = next;
		next = i;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct seep_range *x = a, *y = b;

	return (int64_t)x->start < (int64_t)y->start ? -1 : (int64_t)x->start > (int64_t)y->start;
}

// Sorts ranges, and makes one of those that overlap.
static void unite(struct seep_range *ranges, size_t *count)
{
	size_t kept = 0;

	if (*count > 0)
		qsort(ranges, *count, sizeof(*ranges), by_start);
	for (size_t i = 0; i < *count; i++) {
		struct seep_range *last = kept ? &ranges[kept - 1] : NULL;
		if (!last || (int64_t)last->end < (int64_t)ranges[i].start)
			ranges[kept++] = ranges[i];
		else if ((int64_t)last->end < (int64_t)ranges[i].end)
			last->end = ranges[i].end;
	}
	*count = kept;
}

// Variables of the frame whose address is taken and that hold pointers; funcdata lists them (runtime.stackObjectRecord): offset
// i32 from the frame's top if negative, else from the arguments, size i32, two more.
static void find_exposed(struct seep_flow *flow)
{
	const struct seep_memory *memory = &flow->tab->image->memory;
	seep_addr list = seep_func_funcdata(flow->tab, flow->func, SEEP_FUNCDATA_STACK_OBJECTS);
	const unsigned char *raw = NULL;
	uint64_t count = 0;

	if (list == 0)
		return;
	if (seep_memory_u64(memory, list, &count) && count <= MAX_STACK_OBJECTS)
		raw = seep_memory_at(memory, list + 8, count * STACK_OBJECT_BYTES);
	if (!raw) // any may be
		flow->failed |=
			!seep_vec_push(&flow->exposed, (struct seep_range){ (seep_addr)INT32_MIN,
									    (seep_addr)INT32_MAX });
	for (uint64_t i = 0; raw && i < count; i++, raw += STACK_OBJECT_BYTES) {
		int64_t off = (int32_t)seep_le32(raw), size = (int32_t)seep_le32(raw + 4);
		int64_t start = off < 0 ? off - 8 : off + 8; // below the saved frame pointer
		if (size > 0)
			flow->failed |= !seep_vec_push(
				&flow->exposed,
				(struct seep_range){ (seep_addr)start, (seep_addr)(start + size) });
	}
	unite(flow->exposed.data, &flow->exposed.len);
}

// What is known now goes along to a target.
static void bring_along(struct seep_flow *flow, uint64_t number)
{
	struct seep_way *way = &flow->ways[number - 1];
	bool less = !way->reached;

	if (way->reached)
		less = seep_state_merge(&way->state, &flow->now,
					WAY_IDS + (uint32_t)(number * SEEP_REGS));
	else
		seep_state_copy(&way->state, &flow->now);
	way->reached = true;
	way->settled &= !less;
	flow->changed |= less;
}

// By a jump, which may be to itself.
static void bring(struct seep_flow *flow, seep_addr target, seep_addr from)
{
	bool leads = flow->mode == SEEP_FLOW_LIVE ||
		     (flow->mode == SEEP_FLOW_STRAY && target != from);

	if (!leads || flow->forgetful || (target < from && in_panic_jumps(flow, flow->index)))
		return;
	const uint64_t *slot = seep_map_get(&flow->targets, target);
	if (slot && *slot != 0)
		bring_along(flow, *slot);
}

static void arrive_stray(struct seep_flow *flow, seep_addr pc)
{
	seep_flow_forget(flow, pc);
	flow->mode = SEEP_FLOW_STRAY;
}

// At a step, before it is looked at.
static void arrive(struct seep_flow *flow, const struct seep_step *step, bool last_round)
{
	if (step->addr ==
	    flow->func->entry) { // Jumps come from morestack, which brings back what was there.
		flow->mode = SEEP_FLOW_LIVE;
		seep_flow_enter(flow);
		return;
	}
	if (step->way == 0) {
		if (flow->mode == SEEP_FLOW_DEAD)
			arrive_stray(flow, step->addr);
		return;
	}
	if (flow->forgetful || step->way == UNKNOWN_WAY) {
		arrive_stray(flow, step->addr);
		flow->mode = SEEP_FLOW_LIVE;
		return;
	}
	if (flow->mode == SEEP_FLOW_LIVE)
		bring_along(flow, step->way);
	const struct seep_way *way = &flow->ways[step->way - 1];
	if (way->reached) {
		seep_state_copy(&flow->now, &way->state);
		flow->mode = SEEP_FLOW_LIVE;
	} else if (last_round) {
		arrive_stray(flow, step->addr);
	} else {
		flow->mode = SEEP_FLOW_UNREACHED;
	}
}

static void leave(struct seep_flow *flow, const struct seep_step *step)
{
	if (flow->mode == SEEP_FLOW_UNREACHED)
		return;
	if (is_jump(step)) {
		seep_addr target = seep_step_target(step);
		if (target != 0)
			bring(flow, target, step->addr);
		else if (!flow->forgetful)
			(void)each_table_target(flow, flow->index, bring);
	}
	seep_flow_apply(flow, step);
	if (step->kind == SEEP_STEP_JUMP || step->kind == SEEP_STEP_END)
		flow->mode = SEEP_FLOW_DEAD;
}

// Whether all that is done from this target to the next one was seen with what is known here; if not it is seen now.
static bool is_settled(struct seep_flow *flow, const struct seep_step *step)
{
	if (step->way == 0 || step->way == UNKNOWN_WAY || flow->mode == SEEP_FLOW_UNREACHED)
		return false;
	struct seep_way *way = &flow->ways[step->way - 1];
	bool settled = way->settled;
	way->settled = true;
	return settled;
}

static void find_fixed_point(struct seep_flow *flow)
{
	int round = 0;

	if (!flow->has_loops) // Then whoever goes over the steps sees all ways to one before it.
		return;
	do {
		flow->changed = false;
		flow->mode = SEEP_FLOW_DEAD;
		for (flow->index = 0; flow->index < flow->steps.len; flow->index++) {
			const struct seep_step *step = &flow->steps.data[flow->index];
			arrive(flow, step, false);
			if (!flow->forgetful && is_settled(flow, step)) {
				flow->index = flow->ways[step->way - 1].next - 1;
				flow->mode = SEEP_FLOW_DEAD;
				continue;
			}
			leave(flow, step);
		}
	} while (flow->changed && !flow->forgetful && ++round < MAX_ROUNDS);
	flow->forgetful |= flow->changed;
}

void seep_flow_rewind(struct seep_flow *flow)
{
	flow->index = SIZE_MAX;
	flow->mode = SEEP_FLOW_DEAD;
}

const struct seep_step *seep_flow_next(struct seep_flow *flow)
{
	if (flow->index != SIZE_MAX)
		leave(flow, &flow->steps.data[flow->index]);
	if (++flow->index >= flow->steps.len) {
		flow->index--;
		return NULL;
	}
	const struct seep_step *step = &flow->steps.data[flow->index];
	arrive(flow, step, true);
	return step;
}

void seep_flow_close(struct seep_flow *flow)
{
	seep_map_deinit(&flow->targets);
	free(flow->ways);
	flow->ways = NULL;
	seep_vec_free(&flow->exposed);
	seep_vec_free(&flow->steps);
}

struct seep_error *seep_flow_open(struct seep_flow *flow, const struct seep_pclntab *tab,
				  const struct seep_func *func, const struct seep_flow_hooks *hooks)
{
	struct seep_error *err;

	*flow = (struct seep_flow){ .tab = tab, .func = func, .hooks = hooks };
	err = seep_steps_read(tab, func, &flow->steps);
	if (!err) {
		find_targets(flow);
		mark_targets(flow);
		find_exposed(flow);
		if (!flow->failed)
			find_fixed_point(flow);
		err = flow->failed ? &seep_enomem : NULL;
	}
	if (err)
		seep_flow_close(flow);
	seep_flow_rewind(flow);
	return err;
}

struct seep_error *seep_code_each_call(const struct seep_pclntab *tab, const struct seep_func *func,
				       bool (*visit)(const struct seep_call *, void *arg),
				       void *arg)
{
	const struct seep_step *step;
	struct seep_error *err;

	_cleanup_(seep_flow_close) struct seep_flow flow = {};
	err = seep_flow_open(&flow, tab, func, NULL);
	while (!err && (step = seep_flow_next(&flow))) {
		if (step->kind != SEEP_STEP_CALL || seep_step_target(step) == 0)
			continue;
		struct seep_call call = {
			.pc = step->addr,
			.target = seep_step_target(step),
			.arg = seep_flow_told(&flow, flow.now.regs[SEEP_RAX]),
		};
		if (!visit(&call, arg))
			break;
	}
	return err;
}

static const struct seep_operand *memory_operand(const struct seep_step *step)
{
	for (unsigned i = 0; i < step->operand_count; i++)
		if (step->operands[i].kind == SEEP_OPERAND_MEM)
			return &step->operands[i];
	return NULL;
}

struct seep_error *seep_code_each_atomic(const struct seep_pclntab *tab,
					 const struct seep_func *func,
					 bool (*visit)(const struct seep_atomic *, void *arg),
					 void *arg)
{
	const struct seep_step *step;
	struct seep_error *err;

	_cleanup_(seep_flow_close) struct seep_flow flow = {};
	err = seep_flow_open(&flow, tab, func, NULL);
	while (!err && (step = seep_flow_next(&flow))) {
		const struct seep_operand *mem = memory_operand(step);
		if (!mem || step->kind != SEEP_STEP_PLAIN ||
		    !(step->locked || step->id == X86_INS_XCHG))
			continue;
		struct seep_atomic atomic = {
			.pc = step->addr,
			.kind = step->id == X86_INS_CMPXCHG ? SEEP_ATOMIC_CMPXCHG :
				step->id == X86_INS_XADD    ? SEEP_ATOMIC_XADD :
							      SEEP_ATOMIC_OTHER,
			.size = mem->size,
			.arg = seep_flow_told(&flow, seep_flow_address(&flow, mem)),
		};
		if (!visit(&atomic, arg))
			break;
	}
	return err;
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
