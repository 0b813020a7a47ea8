// Words of stack frames, and what closures capture.
//
// A frame stands at a call. What the function did on every way to there is known (flow.h): its receiver came in a register, was
// kept in a slot, and that has not been written since; or it kept a field of its receiver, newobject's result, and so on. The words
// that a slice or string is made of are kept apart from each other, wherever there is room; so of these only the first is told, and
// nothing of how much it sees.
//
// The object of a closure is made where the closure is: newobject(struct { F uintptr; captured... }), and the code's address is
// stored into its first word. One body of code has one such type.
#include "binary/evidence_calls.h"

#include <string.h>

enum {
	MAX_MAKERS = 1 << 22,
	MAX_MAKERS_ASKED = 16,
	MAX_FRAMES = 1 << 20,
	SEVERAL = 1,
};

static int by_target(const void *a, const void *b)
{
	const struct seep_maker *x = a, *y = b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	return x->pc < y->pc ? -1 : x->pc > y->pc;
}

// Every lea of a function's entry: 48 8d 05 or the like, behind it the distance.
static void find_makers(struct seep_evidence *ev)
{
	const struct seep_module *m = &ev->tab->module;
	uint64_t len = m->etext - m->text;
	const unsigned char *code = seep_memory_at(&ev->tab->image->memory, m->text, len);
	struct seep_func func;

	ev->makers_found = true;
	for (uint64_t i = 0; code && i + 7 <= len && ev->makers.len < MAX_MAKERS; i++) {
		const unsigned char *opcode = memchr(code + i + 1, 0x8d, len - i - 6);
		if (!opcode)
			break;
		i = (uint64_t)(opcode - code) - 1;
		if ((code[i] & 0xfb) != 0x48 || (code[i + 2] & 0xc7) != 0x05)
			continue;
		seep_addr pc = m->text + i;
		seep_addr target = pc + 7 + (uint64_t)(int64_t)(int32_t)seep_le32(code + i + 3);
		if (target - m->text >= len || !seep_pclntab_find(ev->tab, target, &func) ||
		    func.entry != target)
			continue;
		if (!seep_vec_push(&ev->makers, (struct seep_maker){ target, pc }))
			ev->failed = true;
	}
	if (ev->makers.len > 0)
		qsort(ev->makers.data, ev->makers.len, sizeof(*ev->makers.data), by_target);
}

// The type of the new object that the step stores target's address into; 0 if it does not.
static seep_addr stored_into(const struct seep_flow *flow, const struct seep_step *step,
			     seep_addr target)
{
	const struct seep_operand *to = &step->operands[0], *from = &step->operands[1];

	if (step->id != X86_INS_MOV || to->kind != SEEP_OPERAND_MEM ||
	    from->kind != SEEP_OPERAND_REG || from->reg == SEEP_NO_REG || from->size != 8 ||
	    seep_value_global(&flow->now.regs[from->reg]) != target)
		return 0;
	struct seep_value at = seep_flow_address(flow, to);
	return at.at == 0 && at.fact.kind == SEEP_FACT_VALUE && at.fact.part == SEEP_PART_FUNC ?
		       at.fact.type :
		       0;
}

// Brings the types of the objects that the function at pc makes for target together in *type.
static void look_at_maker(struct seep_evidence *ev, seep_addr pc, seep_addr target, seep_addr *type)
{
	const struct seep_step *step;
	struct seep_func func;

	if (!seep_pclntab_find(ev->tab, pc, &func))
		return;
	_cleanup_(seep_flow_close) struct seep_flow flow = {};
	struct seep_error *err = seep_flow_open(&flow, ev->tab, &func, &ev->hooks);
	if (err) {
		ev->failed |= err == &seep_enomem;
		seep_error_destroy(err);
		return;
	}
	while ((step = seep_flow_next(&flow))) {
		seep_addr found = step->kind == SEEP_STEP_PLAIN ? stored_into(&flow, step, target) :
								  0;
		if (found != 0)
			*type = *type == 0 || *type == found ? found : SEVERAL;
	}
}

seep_addr seep_evidence_closure(struct seep_evidence *ev, const struct seep_func *func)
{
	seep_addr type = 0;
	bool added;

	if (!ev->tab->image->arch->typed_by_code)
		return 0;
	if (!ev->makers_found)
		find_makers(ev);
	uint64_t *slot = seep_map_put(&ev->closures, func->entry, &added);
	if (!slot)
		return 0;
	if (!added)
		return *slot > SEVERAL ? *slot : 0;
	size_t lo = 0, hi = ev->makers.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (ev->makers.data[mid].target < func->entry)
			lo = mid + 1;
		else
			hi = mid;
	}
	struct seep_func last = {};
	for (int asked = 0; lo < ev->makers.len && ev->makers.data[lo].target == func->entry &&
			    asked < MAX_MAKERS_ASKED;
	     lo++) {
		seep_addr pc = ev->makers.data[lo].pc;
		if (pc >= last.entry && pc < last.end) // the same function
			continue;
		if (seep_pclntab_find(ev->tab, pc, &last))
			look_at_maker(ev, pc, func->entry, &type);
		asked++;
	}
	*seep_map_get(&ev->closures, func->entry) = type;
	return type > SEVERAL ? type : 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct seep_evidence_word *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool add_word(struct seep_evidence *ev, const struct seep_flow *flow,
		     const struct seep_slot *slot, struct seep_frame_list *list)
{
	struct seep_fact fact = seep_evidence_resolve(ev, slot->fact);

	if (fact.kind != SEEP_FACT_VALUE && slot->word != 0)
		fact = seep_evidence_global(ev, slot->word);
	if (fact.part == SEEP_PART_STRING)
		fact.type = 0;
	if (fact.part == SEEP_PART_SLICE || fact.part == SEEP_PART_STRING)
		fact.part = SEEP_PART_ELEMENTS;
	bool alone = fact.part == SEEP_PART_POINTER || fact.part == SEEP_PART_MAP ||
		     fact.part == SEEP_PART_CHANNEL || fact.part == SEEP_PART_FUNC ||
		     fact.part == SEEP_PART_ELEMENTS;
	if (fact.kind != SEEP_FACT_VALUE || !alone ||
	    (fact.type && seep_type_is_form(ev->types, fact.type)))
		return true;
	if (!list->words)
		list->words = calloc(SEEP_FLOW_SLOTS, sizeof(*list->words));
	if (!list->words)
		return false;
	list->words[list->count++] = (struct seep_evidence_word){
		.offset = slot->slot + flow->now.depth,
		.kind = fact.part,
		.type = fact.part == SEEP_PART_FUNC ? 0 : fact.type,
	};
	return true;
}

// What the caller has in the registers that arguments are passed in, at its call of func.
static void read_passed(struct seep_evidence *ev, const struct seep_evidence_frame *frame,
			struct seep_fact *passed)
{
	const struct seep_step *step;

	_cleanup_(seep_flow_close) struct seep_flow flow = {};
	struct seep_error *err = seep_flow_open(&flow, ev->tab, frame->caller, &ev->hooks);
	if (err) {
		ev->failed |= err == &seep_enomem;
		seep_error_destroy(err);
		return;
	}
	ev->stats.functions++;
	ev->stats.code_bytes += frame->caller->end - frame->caller->entry;
	while ((step = seep_flow_next(&flow)) && step->addr + step->size < frame->caller_pc)
		;
	if (!step || step->kind != SEEP_STEP_CALL || step->addr + step->size != frame->caller_pc ||
	    seep_step_target(step) != frame->func->entry)
		return;
	for (int i = 0; i < SEEP_ARGUMENT_REGS; i++) {
		const struct seep_value *value = &flow.now.regs[seep_argument_regs[i]];
		struct seep_fact fact = {};
		if (value->at != 0)
			continue;
		fact = seep_evidence_resolve(ev, value->fact);
		if (fact.kind != SEEP_FACT_VALUE && value->word != 0)
			fact = seep_evidence_global(ev, value->word);
		if (fact.kind == SEEP_FACT_VALUE && fact.part != SEEP_PART_IFACE &&
		    fact.part != SEEP_PART_EFACE)
			passed[seep_argument_regs[i]] = fact;
	}
}

// What is in slots while the call that returns to pc lasts, or before the instruction at pc if there is no such call.
static bool read_frame(struct seep_evidence *ev, const struct seep_func *func, seep_addr pc,
		       struct seep_frame_list *list)
{
	const struct seep_step *step;
	bool good = true;

	_cleanup_(seep_flow_close) struct seep_flow flow = {};
	struct seep_error *err = seep_flow_open(&flow, ev->tab, func, &ev->hooks);
	if (err) {
		good = err != &seep_enomem;
		seep_error_destroy(err);
		return good;
	}
	ev->stats.functions++;
	ev->stats.code_bytes += func->end - func->entry;
	while ((step = seep_flow_next(&flow)) && step->addr < pc &&
	       !(step->kind == SEEP_STEP_CALL && step->addr + step->size == pc))
		;
	if (!step || step->addr > pc)
		return true;
	if (step->addr < pc)
		seep_flow_apply(&flow, step);
	for (uint32_t i = 0; i < flow.now.slot_count && good; i++)
		good = add_word(ev, &flow, &flow.now.slots[i], list);
	if (list->count > 0)
		qsort(list->words, list->count, sizeof(*list->words), by_offset);
	return good;
}

struct seep_error *seep_evidence_frame(struct seep_evidence *ev,
				       const struct seep_evidence_frame *frame,
				       const struct seep_evidence_word **ret, size_t *count_ret)
{
	const struct seep_func *func = frame->func;
	struct seep_fact passed[SEEP_REGS] = {};
	struct seep_frame_list list = {};
	uint64_t key = frame->pc ^ (frame->caller ? frame->caller_pc << 32 : 0);
	bool added, good;

	*ret = NULL;
	*count_ret = 0;
	if (!ev->tab->image->arch->typed_by_code)
		return NULL;
	uint64_t *slot = seep_map_put(&ev->frames, key, &added);
	if (!slot)
		return &seep_enomem;
	if (added) {
		*slot = 0;
		if (!seep_evidence_is_witness(ev, func) || ev->frame_lists.len >= MAX_FRAMES)
			return NULL;
		(void)seep_evidence_closure(ev, func);
		// What a go statement makes to call with arguments is a wrapper.
		if (frame->caller && (frame->caller->func_id == ev->tab->wrapper_id ||
				      seep_evidence_is_witness(ev, frame->caller))) {
			(void)seep_evidence_closure(ev, frame->caller);
			read_passed(ev, frame, passed);
			ev->passed = passed;
			ev->passed_to = func->entry;
		}
		good = read_frame(ev, func, frame->pc, &list);
		ev->passed = NULL;
		if (!good || !seep_vec_push(&ev->frame_lists, list)) {
			free(list.words);
			return &seep_enomem;
		}
		*seep_map_get(&ev->frames, key) = ev->frame_lists.len;
	}
	const uint64_t *known = seep_map_get(&ev->frames, key);
	if (known && *known != 0) {
		*ret = ev->frame_lists.data[*known - 1].words;
		*count_ret = ev->frame_lists.data[*known - 1].count;
	}
	return NULL;
}
