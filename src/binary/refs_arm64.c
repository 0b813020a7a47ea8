// What code of arm64 refers to. An address is put together from a page (adrp) and an offset within it, which an add, a load or a store
// has. Up to Go 1.19 a load or store of a variable is three instructions, the add being the second: then the address is not taken.
#include "binary/decode.h"

struct walk {
	const unsigned char *code;
	uint64_t left;
	seep_addr addr;
	/** What registers are known to hold: an address, or the page of one that is still to be completed. */
	seep_addr value[SEEP_ARM64_REGS_END];
	bool is_page[SEEP_ARM64_REGS_END];
	struct seep_ref
		taken; /** an address, unless the next instruction is a plain load or store there */
};

static struct seep_error *begin(struct walk *w, const struct seep_pclntab *tab,
				const struct seep_func *func)
{
	struct seep_decoder dec;
	struct seep_error *err = seep_decoder_begin(&dec, tab, func);

	if (!err)
		*w = (struct walk){ .code = dec.pos, .left = dec.left, .addr = dec.pc };
	return err;
}

static unsigned next(struct walk *w, struct seep_step ret[SEEP_ARM64_STEPS])
{
	if (w->left < 4)
		return 0;
	unsigned count = seep_decode_arm64(seep_le32(w->code), w->addr, ret);
	w->code += 4;
	w->addr += 4;
	w->left -= 4;
	return count;
}

// The address that a memory operand stands for; 0 if it is not known.
static seep_addr address_of(const struct walk *w, const struct seep_operand *mem)
{
	if (mem->index != SEEP_NO_REG || mem->base == SEEP_NO_REG || w->value[mem->base] == 0)
		return 0;
	return w->value[mem->base] + (uint64_t)mem->value;
}

// What the step refers to, if anything, and what registers hold after it.
static bool follow(struct walk *w, const struct seep_step *step, struct seep_ref *ret)
{
	const struct seep_operand *ops = step->operands;
	int8_t to = step->operand_count && ops[0].kind == SEEP_OPERAND_REG ? ops[0].reg :
									     SEEP_NO_REG;
	seep_addr value = 0;
	bool page = false;

	*ret = (struct seep_ref){ .pc = step->addr };
	if (step->kind == SEEP_STEP_CALL || step->kind == SEEP_STEP_JUMP ||
	    step->kind == SEEP_STEP_END) {
		for (unsigned i = 0; i < SEEP_ARM64_REGS_END; i++)
			w->value[i] = 0;
		return false;
	}
	if (step->id == X86_INS_CMP || step->id == X86_INS_TEST)
		return false;
	if (step->id == X86_INS_LEA && ops[1].absolute) {
		value = (seep_addr)ops[1].value;
		page = true;
	} else if (step->id == X86_INS_LEA || (step->id == X86_INS_ADD && to != SEEP_NO_REG)) {
		int8_t from = step->id == X86_INS_LEA ? ops[1].base : to;
		if (from != SEEP_NO_REG && w->value[from] && w->is_page[from]) {
			value = w->value[from] + (uint64_t)ops[1].value;
			ret->kind = SEEP_REF_LEA;
			ret->addr = value;
			ret->size = 8;
		}
	} else {
		for (unsigned i = 0; i < step->operand_count; i++)
			if (ops[i].kind == SEEP_OPERAND_MEM) {
				ret->addr = address_of(w, &ops[i]);
				ret->size = ops[i].size;
				ret->kind = step->id != X86_INS_MOV ? SEEP_REF_OTHER :
					    i == 0		    ? SEEP_REF_STORE :
								      SEEP_REF_LOAD;
			}
	}
	if (to != SEEP_NO_REG) {
		w->value[to] = value;
		w->is_page[to] = page;
	}
	return ret->addr != 0;
}

struct seep_error *seep_arm64_each_ref(const struct seep_pclntab *tab, const struct seep_func *func,
				       bool (*visit)(const struct seep_ref *, void *arg), void *arg)
{
	struct seep_step steps[SEEP_ARM64_STEPS];
	struct seep_ref ref;
	struct walk w;
	struct seep_error *err = begin(&w, tab, func);

	if (err)
		return err;
	for (unsigned count; (count = next(&w, steps));)
		for (unsigned i = 0; i < count; i++) {
			bool found = follow(&w, &steps[i], &ref);
			if (!found || steps[i].ordered || ref.addr != w.taken.addr ||
			    (ref.kind != SEEP_REF_LOAD && ref.kind != SEEP_REF_STORE))
				if (w.taken.addr && !visit(&w.taken, arg))
					return NULL;
			w.taken = found && ref.kind == SEEP_REF_LEA ? ref : (struct seep_ref){};
			if (found && ref.kind != SEEP_REF_LEA && !visit(&ref, arg))
				return NULL;
		}
	if (w.taken.addr)
		(void)visit(&w.taken, arg);
	return NULL;
}

struct seep_error *seep_arm64_first_bound(const struct seep_pclntab *tab,
					  const struct seep_func *func, uint64_t *ret)
{
	struct seep_step steps[SEEP_ARM64_STEPS];
	struct walk w;
	struct seep_error *err = begin(&w, tab, func);

	if (err)
		return err;
	while (next(&w, steps)) {
		if (steps[0].id == X86_INS_CMP && steps[0].operands[0].kind == SEEP_OPERAND_REG &&
		    steps[0].operands[1].kind == SEEP_OPERAND_IMM) {
			*ret = (uint64_t)steps[0].operands[1].value & 0xff;
			return NULL;
		}
	}
	return seep_error_format(SEEP_ERROR_MISSING_INFO, "%s compares no register", func->name);
}
