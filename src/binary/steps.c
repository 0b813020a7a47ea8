// Machine code as an array, in the form that following values through it needs: registers by number whatever part of them is
// named, addresses relative to the instruction worked out. Decoding is what costs; the array is gone over several times.
#include "binary/decode.h"

enum { MAX_STEPS = 1 << 20 };

#define PARTS(reg, r, e, w, b)                                                           \
	[X86_REG_##r] = (reg) + 1, [X86_REG_##e] = (reg) + 1, [X86_REG_##w] = (reg) + 1, \
	[X86_REG_##b] = (reg) + 1

// By capstone's number.
static int8_t reg_index(x86_reg reg)
{
	static const int8_t index[X86_REG_ENDING] = {
		// plus 1
		PARTS(SEEP_RAX, RAX, EAX, AX, AL),
		PARTS(SEEP_RCX, RCX, ECX, CX, CL),
		PARTS(SEEP_RDX, RDX, EDX, DX, DL),
		PARTS(SEEP_RBX, RBX, EBX, BX, BL),
		PARTS(SEEP_RSP, RSP, ESP, SP, SPL),
		PARTS(SEEP_RBP, RBP, EBP, BP, BPL),
		PARTS(SEEP_RSI, RSI, ESI, SI, SIL),
		PARTS(SEEP_RDI, RDI, EDI, DI, DIL),
		PARTS(SEEP_R8, R8, R8D, R8W, R8B),
		PARTS(SEEP_R9, R9, R9D, R9W, R9B),
		PARTS(SEEP_R10, R10, R10D, R10W, R10B),
		PARTS(SEEP_R11, R11, R11D, R11W, R11B),
		PARTS(SEEP_R12, R12, R12D, R12W, R12B),
		PARTS(SEEP_R13, R13, R13D, R13W, R13B),
		PARTS(SEEP_R14, R14, R14D, R14W, R14B),
		PARTS(SEEP_R15, R15, R15D, R15W, R15B),
		[X86_REG_AH] = SEEP_RAX + 1,
		[X86_REG_CH] = SEEP_RCX + 1,
		[X86_REG_DH] = SEEP_RDX + 1,
		[X86_REG_BH] = SEEP_RBX + 1,
	};

	return reg < X86_REG_ENDING ? (int8_t)(index[reg] - 1) : SEEP_NO_REG;
}

static struct seep_operand operand_of(const cs_x86_op *op, seep_addr next)
{
	struct seep_operand ret = {
		.size = op->size, .reg = SEEP_NO_REG, .base = SEEP_NO_REG, .index = SEEP_NO_REG
	};

	switch (op->type) {
	case X86_OP_REG:
		ret.kind = SEEP_OPERAND_REG;
		ret.reg = reg_index(op->reg);
		ret.value = (int64_t)op->reg;
		break;
	case X86_OP_IMM:
		ret.kind = SEEP_OPERAND_IMM;
		ret.value = op->imm;
		break;
	case X86_OP_MEM:
		ret.kind = SEEP_OPERAND_MEM;
		ret.segment = op->mem.segment != X86_REG_INVALID;
		ret.absolute = op->mem.base == X86_REG_RIP;
		ret.base = reg_index(op->mem.base);
		ret.index = reg_index(op->mem.index);
		ret.scale = (uint8_t)op->mem.scale;
		ret.value = op->mem.disp;
		if (ret.absolute)
			ret.value = (int64_t)(next + (uint64_t)op->mem.disp);
		break;
	default:
		break;
	}
	return ret;
}

static uint8_t step_kind(const cs_insn *insn)
{
	if (insn->id == 0)
		return SEEP_STEP_PLAIN;
	if (seep_insn_in_group(insn, CS_GRP_CALL))
		return SEEP_STEP_CALL;
	if (insn->id == X86_INS_JMP)
		return SEEP_STEP_JUMP;
	if (seep_insn_in_group(insn, CS_GRP_JUMP))
		return SEEP_STEP_BRANCH;
	if (seep_insn_in_group(insn, CS_GRP_RET) || insn->id == X86_INS_UD2 ||
	    insn->id == X86_INS_INT3)
		return SEEP_STEP_END;
	return SEEP_STEP_PLAIN;
}

struct seep_step seep_decoder_step(const struct seep_decoder *dec)
{
	const cs_insn *insn = dec->insn;
	const cs_detail *detail = insn->detail;
	struct seep_step step = { .addr = insn->address,
				  .id = (uint16_t)insn->id,
				  .size = (uint8_t)insn->size,
				  .kind = step_kind(insn) };

	if (insn->id == 0)
		return step;
	step.locked = detail->x86.prefix[0] == X86_PREFIX_LOCK;
	step.operand_count = detail->x86.op_count < 3 ? detail->x86.op_count : 3;
	for (unsigned i = 0; i < step.operand_count; i++)
		step.operands[i] = operand_of(&detail->x86.operands[i], insn->address + insn->size);
	for (unsigned i = 0; i < detail->regs_write_count; i++) {
		int8_t reg = reg_index(detail->regs_write[i]);
		if (reg != SEEP_NO_REG)
			step.written |= (uint16_t)(1u << reg);
	}
	return step;
}

// Of arm64's registers those are followed that take a place of the sixteen: the first arguments, and what has a part of its own in Go's
// calls. Of all others nothing is ever known; R13 is none of those, and stands for any that is an index. Up to Go 1.19 variables are
// read by way of x27.
static void narrow(struct seep_operand *op)
{
	static const int8_t places[] = {
		[3] = SEEP_RBP, [4] = SEEP_RSI,	 [5] = SEEP_R8,	 [6] = SEEP_R9,
		[7] = SEEP_R10, [20] = SEEP_RDI, [27] = SEEP_R15
	};
	int8_t *regs[] = { &op->reg, &op->base, &op->index };

	for (unsigned i = 0; i < 3; i++) {
		int n = *regs[i] - SEEP_ARM64_REGS;
		if (n < 0)
			continue;
		*regs[i] = (size_t)n < sizeof(places) && places[n] ? places[n] : SEEP_NO_REG;
		if (i == 2)
			*regs[i] = SEEP_R13;
	}
}

static struct seep_error *read_arm64(const struct seep_decoder *dec, struct seep_steps *ret)
{
	struct seep_step steps[SEEP_ARM64_STEPS];

	for (size_t at = 0; at + 4 <= dec->left && ret->len < MAX_STEPS; at += 4) {
		unsigned count = seep_decode_arm64(seep_le32(dec->pos + at), dec->pc + at, steps);
		for (unsigned i = 0; i < count; i++) {
			for (unsigned k = 0; k < steps[i].operand_count; k++)
				narrow(&steps[i].operands[k]);
			if (!seep_vec_push(ret, steps[i]))
				return &seep_enomem;
		}
	}
	return NULL;
}

struct seep_error *seep_steps_read(const struct seep_pclntab *tab, const struct seep_func *func,
				   struct seep_steps *ret)
{
	struct seep_error *err;
	struct seep_step step;

	_cleanup_(seep_decoder_close) struct seep_decoder dec = {};
	err = seep_decoder_begin(&dec, tab, func);
	if (err)
		return err;
	ret->len = 0;
	if (tab->image->arch == &seep_arm64)
		return read_arm64(&dec, ret);
	while (ret->len < MAX_STEPS && dec.left > 0) {
		if (seep_decode_usual(dec.pos, dec.left, dec.pc, &step)) {
			dec.pos += step.size;
			dec.left -= step.size;
			dec.pc += step.size;
		} else {
			err = dec.handle ? NULL : seep_decoder_start(&dec);
			if (err)
				return err;
			(void)seep_decoder_next(&dec);
			step = seep_decoder_step(&dec);
		}
		if (!seep_vec_push(ret, step))
			return &seep_enomem;
	}
	return NULL;
}
