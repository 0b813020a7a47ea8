// Machine code as an array, in the form that following values through it needs: registers by number whatever part of them is
// named, addresses relative to the instruction worked out. Decoding is what costs; the array is gone over several times.
#include "binary/decode.h"

enum { MAX_STEPS = 1 << 20 };

// By capstone's number.
static int8_t reg_index(x86_reg reg)
{
	static const x86_reg names[SEEP_REGS][5] = {
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
	static int8_t index[X86_REG_ENDING]; // plus 1; made at the first call
	static bool made;

	for (int i = 0; i < SEEP_REGS && !made; i++)
		for (int j = 0; j < 5; j++)
			if (names[i][j] != X86_REG_INVALID)
				index[names[i][j]] = (int8_t)(i + 1);
	made = true;
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

static struct seep_step step_of(const cs_insn *insn)
{
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

struct seep_error *seep_steps_read(const struct seep_pclntab *tab, const struct seep_func *func,
				   struct seep_steps *ret)
{
	struct seep_error *err;

	_cleanup_(seep_decoder_close) struct seep_decoder dec = {};
	err = seep_decoder_open(&dec, tab, func);
	if (err)
		return err;
	ret->len = 0;
	while (ret->len < MAX_STEPS && seep_decoder_next(&dec))
		if (!seep_vec_push(ret, step_of(dec.insn)))
			return &seep_enomem;
	return NULL;
}
