// Decodes what compilers mostly write, some twenty times as fast as the disassembler does, and leaves the rest to it.
//
// An instruction, as far as it is read here (Intel's manual, volume 2, chapter 2 and appendix A):
//
//	prefix   66, f2 or f3: 16-bit operands, or part of a vector instruction's code
//	rex      4x: W 8-byte operands, R X B the fourth bit of reg, index, base
//	opcode   one byte, or 0f and one
//	modrm    mod(2) reg(3) rm(3): rm is a register if mod = 3; else memory, with sib if rm = 4, relative to the
//	         next instruction if mod = 0 and rm = 5
//	sib      scale(2) index(3) base(3)
//	then     displacement of 1 or 4 bytes, immediate of 1, 2, 4 or 8
//
// Nothing is right here but what the disassembler says: what comes out is what step_of() in steps.c makes of that, to the last
// field, or nothing. tests/unit/decode_test.c compares the two.
#include "binary/decode.h"

#include "base/buffer.h"

#include <string.h>

enum { LONGEST = 15, FIRST_VECTOR_REG = X86_REG_XMM0 };

// Which operands an opcode has, in the order of its text.
enum form {
	FORM_OTHER, // left to the disassembler
	FORM_NONE,
	FORM_RM_REG,
	FORM_REG_RM,
	FORM_RM,
	FORM_RM_IMM8, // sign-extended
	FORM_RM_BITS8, // likewise, and told as wide as the operand
	FORM_RM_IMM, // of the operand's size, 4 at most
	FORM_SHIFT, // rm by a byte
	FORM_SHIFT_ONE,
	FORM_SHIFT_CL,
	FORM_REG_RM_IMM8,
	FORM_REG_RM_IMM,
	FORM_ACC_IMM, // al, ax, eax or rax
	FORM_OPREG, // the register is in the opcode
	FORM_OPREG_IMM, // the immediate as long as the register
	FORM_REL8,
	FORM_REL32,
};

// Bytes of an operand.
enum width {
	WIDTH_V, // by prefixes: 2, 4 or 8
	WIDTH_1 = 1,
	WIDTH_2 = 2,
	WIDTH_4 = 4,
	WIDTH_8 = 8,
	WIDTH_16 = 16, // a vector register
};

struct opcode {
	uint16_t id;
	uint8_t form, reg_width, rm_width, kind;
	uint16_t written; // as in struct seep_step
};

#define BIT(reg) (uint16_t)(1u << (reg))
#define V(insn, shape)                                     \
	{                                                  \
		.id = X86_INS_##insn, .form = FORM_##shape \
	}
#define B(insn, shape)                                                            \
	{                                                                         \
		.id = X86_INS_##insn, .form = FORM_##shape, .reg_width = WIDTH_1, \
		.rm_width = WIDTH_1                                               \
	}
#define ARITHMETIC(first, insn)                                           \
	[first] = B(insn, RM_REG), [(first) + 1] = V(insn, RM_REG),       \
	[(first) + 2] = B(insn, REG_RM), [(first) + 3] = V(insn, REG_RM), \
	[(first) + 4] = B(insn, ACC_IMM), [(first) + 5] = V(insn, ACC_IMM)
#define JUMP(shape, insn)                                                        \
	{                                                                        \
		.id = X86_INS_##insn, .form = FORM_##shape, .rm_width = WIDTH_8, \
		.kind = SEEP_STEP_BRANCH                                         \
	}
#define ON_CONDITION(first, what, shape)                                                \
	[(first) + 0x0] = what(shape, O), [(first) + 0x1] = what(shape, NO),            \
		   [(first) + 0x2] = what(shape, B), [(first) + 0x3] = what(shape, AE), \
		   [(first) + 0x4] = what(shape, E), [(first) + 0x5] = what(shape, NE), \
		   [(first) + 0x6] = what(shape, BE), [(first) + 0x7] = what(shape, A), \
		   [(first) + 0x8] = what(shape, S), [(first) + 0x9] = what(shape, NS), \
		   [(first) + 0xa] = what(shape, P), [(first) + 0xb] = what(shape, NP), \
		   [(first) + 0xc] = what(shape, L), [(first) + 0xd] = what(shape, GE), \
		   [(first) + 0xe] = what(shape, LE), [(first) + 0xf] = what(shape, G)
#define JCC(shape, cc) JUMP(shape, J##cc)
#define CMOV(shape, cc)                                      \
	{                                                    \
		.id = X86_INS_CMOV##cc, .form = FORM_##shape \
	}
#define SETCC(shape, cc)                                                         \
	{                                                                        \
		.id = X86_INS_SET##cc, .form = FORM_##shape, .rm_width = WIDTH_1 \
	}
#define PUSH                                                                  \
	{                                                                     \
		.id = X86_INS_PUSH, .form = FORM_OPREG, .reg_width = WIDTH_8, \
		.written = BIT(SEEP_RSP)                                      \
	}
#define POP                                                                  \
	{                                                                    \
		.id = X86_INS_POP, .form = FORM_OPREG, .reg_width = WIDTH_8, \
		.written = BIT(SEEP_RSP)                                     \
	}
#define MOVE                                              \
	{                                                 \
		.id = X86_INS_MOV, .form = FORM_OPREG_IMM \
	}
#define MOVE_BYTE                                                               \
	{                                                                       \
		.id = X86_INS_MOV, .form = FORM_OPREG_IMM, .reg_width = WIDTH_1 \
	}
#define EIGHT(first, what)                                                                \
	[first] = what, [(first) + 1] = what, [(first) + 2] = what, [(first) + 3] = what, \
	[(first) + 4] = what, [(first) + 5] = what, [(first) + 6] = what, [(first) + 7] = what

// clang-format off
static const struct opcode one_byte[256] = {
	ARITHMETIC(0x00, ADD), ARITHMETIC(0x08, OR), ARITHMETIC(0x10, ADC), ARITHMETIC(0x18, SBB),
	ARITHMETIC(0x20, AND), ARITHMETIC(0x28, SUB), ARITHMETIC(0x30, XOR), ARITHMETIC(0x38, CMP),
	EIGHT(0x50, PUSH), EIGHT(0x58, POP),
	[0x63] = { .id = X86_INS_MOVSXD, .form = FORM_REG_RM, .rm_width = WIDTH_4 },
	[0x69] = V(IMUL, REG_RM_IMM), [0x6b] = V(IMUL, REG_RM_IMM8),
	ON_CONDITION(0x70, JCC, REL8),
	[0x84] = B(TEST, RM_REG), [0x85] = V(TEST, RM_REG), [0x86] = B(XCHG, RM_REG), [0x87] = V(XCHG, RM_REG),
	[0x88] = B(MOV, RM_REG), [0x89] = V(MOV, RM_REG), [0x8a] = B(MOV, REG_RM), [0x8b] = V(MOV, REG_RM),
	[0x8d] = V(LEA, REG_RM),
	[0x90] = V(NOP, NONE),
	[0xa8] = B(TEST, ACC_IMM), [0xa9] = V(TEST, ACC_IMM),
	EIGHT(0xb0, MOVE_BYTE), EIGHT(0xb8, MOVE),
	[0xc3] = { .id = X86_INS_RET, .form = FORM_NONE, .kind = SEEP_STEP_END, .written = BIT(SEEP_RSP) },
	[0xcc] = { .id = X86_INS_INT3, .form = FORM_NONE, .kind = SEEP_STEP_END },
	[0xe8] = { .id = X86_INS_CALL, .form = FORM_REL32, .rm_width = WIDTH_8, .kind = SEEP_STEP_CALL,
		   .written = BIT(SEEP_RSP) },
	[0xe9] = { .id = X86_INS_JMP, .form = FORM_REL32, .rm_width = WIDTH_8, .kind = SEEP_STEP_JUMP },
	[0xeb] = { .id = X86_INS_JMP, .form = FORM_REL8, .rm_width = WIDTH_8, .kind = SEEP_STEP_JUMP },
};

// Behind 0f, without a prefix but 66 where that says the width.
static const struct opcode two_bytes[256] = {
	[0x0b] = { .id = X86_INS_UD2, .form = FORM_NONE, .kind = SEEP_STEP_END },
	[0x1f] = V(NOP, RM),
	ON_CONDITION(0x40, CMOV, REG_RM), ON_CONDITION(0x80, JCC, REL32), ON_CONDITION(0x90, SETCC, RM),
	[0xa3] = V(BT, RM_REG), [0xab] = V(BTS, RM_REG), [0xaf] = V(IMUL, REG_RM), [0xb3] = V(BTR, RM_REG),
	[0xb6] = { .id = X86_INS_MOVZX, .form = FORM_REG_RM, .rm_width = WIDTH_1 },
	[0xb7] = { .id = X86_INS_MOVZX, .form = FORM_REG_RM, .rm_width = WIDTH_2 },
	[0xbe] = { .id = X86_INS_MOVSX, .form = FORM_REG_RM, .rm_width = WIDTH_1 },
	[0xbf] = { .id = X86_INS_MOVSX, .form = FORM_REG_RM, .rm_width = WIDTH_2 },
};

// Opcodes that reg of modrm completes.
static const struct group {
	uint8_t opcode;
	struct opcode members[8];
} groups[] = {
	{ 0x80, { B(ADD, RM_IMM), B(OR, RM_IMM), B(ADC, RM_IMM), B(SBB, RM_IMM),
		  B(AND, RM_IMM), B(SUB, RM_IMM), B(XOR, RM_IMM), B(CMP, RM_IMM) } },
	{ 0x81, { V(ADD, RM_IMM), V(OR, RM_IMM), V(ADC, RM_IMM), V(SBB, RM_IMM),
		  V(AND, RM_IMM), V(SUB, RM_IMM), V(XOR, RM_IMM), V(CMP, RM_IMM) } },
	{ 0x83, { V(ADD, RM_IMM8), V(OR, RM_BITS8), V(ADC, RM_IMM8), V(SBB, RM_IMM8),
		  V(AND, RM_BITS8), V(SUB, RM_IMM8), V(XOR, RM_BITS8), V(CMP, RM_IMM8) } },
	{ 0xc0, { [4] = B(SHL, SHIFT), [5] = B(SHR, SHIFT), [7] = B(SAR, SHIFT) } },
	{ 0xc1, { [0] = V(ROL, SHIFT), [1] = V(ROR, SHIFT), [4] = V(SHL, SHIFT), [5] = V(SHR, SHIFT),
		  [7] = V(SAR, SHIFT) } },
	{ 0xc6, { B(MOV, RM_IMM) } },
	{ 0xc7, { V(MOV, RM_IMM) } },
	{ 0xd1, { [4] = V(SHL, SHIFT_ONE), [5] = V(SHR, SHIFT_ONE), [7] = V(SAR, SHIFT_ONE) } },
	{ 0xd3, { [4] = V(SHL, SHIFT_CL), [5] = V(SHR, SHIFT_CL), [7] = V(SAR, SHIFT_CL) } },
	{ 0xf6, { [0] = B(TEST, RM_IMM) } },
	{ 0xf7, { [0] = V(TEST, RM_IMM), [2] = V(NOT, RM), [3] = V(NEG, RM) } },
	{ 0xff, { [0] = V(INC, RM), [1] = V(DEC, RM),
		  [2] = { .id = X86_INS_CALL, .form = FORM_RM, .rm_width = WIDTH_8, .kind = SEEP_STEP_CALL,
			  .written = BIT(SEEP_RSP) },
		  [4] = { .id = X86_INS_JMP, .form = FORM_RM, .rm_width = WIDTH_8, .kind = SEEP_STEP_JUMP } } },
};

// Behind 0f; a vector register and memory of rm_width.
#define VECTOR(insn, shape, bytes) \
	{ .id = X86_INS_##insn, .form = FORM_##shape, .reg_width = WIDTH_16, .rm_width = (bytes) }
static const struct {
	uint8_t prefix, code;
	struct opcode opcode;
} vectors[] = {
	{ 0x00, 0x10, VECTOR(MOVUPS, REG_RM, 16) }, { 0x00, 0x11, VECTOR(MOVUPS, RM_REG, 16) },
	{ 0xf2, 0x10, VECTOR(MOVSD, REG_RM, 8) }, { 0xf2, 0x11, VECTOR(MOVSD, RM_REG, 8) },
	{ 0xf3, 0x10, VECTOR(MOVSS, REG_RM, 4) }, { 0xf3, 0x11, VECTOR(MOVSS, RM_REG, 4) },
	{ 0x00, 0x28, VECTOR(MOVAPS, REG_RM, 16) }, { 0x00, 0x57, VECTOR(XORPS, REG_RM, 16) },
	{ 0x66, 0xef, VECTOR(PXOR, REG_RM, 16) }, { 0xf3, 0x6f, VECTOR(MOVDQU, REG_RM, 16) },
	{ 0xf3, 0x7f, VECTOR(MOVDQU, RM_REG, 16) },
};
// clang-format on

// The instruction at hand.
struct insn {
	const uint8_t *pos; // behind what was read of it
	uint8_t prefix, rex, code;
	uint8_t modrm; // 0 until it is read
	struct seep_operand rm;
};

static int64_t capstone_reg(unsigned reg, unsigned width, bool rex)
{
	static const uint16_t by_width[4][SEEP_REGS] = {
		{ X86_REG_AL, X86_REG_CL, X86_REG_DL, X86_REG_BL, X86_REG_SPL, X86_REG_BPL,
		  X86_REG_SIL, X86_REG_DIL, X86_REG_R8B, X86_REG_R9B, X86_REG_R10B, X86_REG_R11B,
		  X86_REG_R12B, X86_REG_R13B, X86_REG_R14B, X86_REG_R15B },
		{ X86_REG_AX, X86_REG_CX, X86_REG_DX, X86_REG_BX, X86_REG_SP, X86_REG_BP,
		  X86_REG_SI, X86_REG_DI, X86_REG_R8W, X86_REG_R9W, X86_REG_R10W, X86_REG_R11W,
		  X86_REG_R12W, X86_REG_R13W, X86_REG_R14W, X86_REG_R15W },
		{ X86_REG_EAX, X86_REG_ECX, X86_REG_EDX, X86_REG_EBX, X86_REG_ESP, X86_REG_EBP,
		  X86_REG_ESI, X86_REG_EDI, X86_REG_R8D, X86_REG_R9D, X86_REG_R10D, X86_REG_R11D,
		  X86_REG_R12D, X86_REG_R13D, X86_REG_R14D, X86_REG_R15D },
		{ X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP, X86_REG_RBP,
		  X86_REG_RSI, X86_REG_RDI, X86_REG_R8, X86_REG_R9, X86_REG_R10, X86_REG_R11,
		  X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15 },
	};
	static const uint16_t high_bytes[4] = { X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH };

	if (width == WIDTH_16)
		return FIRST_VECTOR_REG + (int64_t)reg;
	if (width == WIDTH_1 && !rex && reg >= 4 && reg < 8)
		return high_bytes[reg - 4];
	return by_width[width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3][reg];
}

static struct seep_operand reg_operand(unsigned reg, unsigned width, bool rex)
{
	struct seep_operand op = { .kind = SEEP_OPERAND_REG,
				   .size = (uint8_t)width,
				   .reg = (int8_t)reg,
				   .base = SEEP_NO_REG,
				   .index = SEEP_NO_REG,
				   .value = capstone_reg(reg, width, rex) };

	if (width == WIDTH_16)
		op.reg = SEEP_NO_REG;
	else if (width == WIDTH_1 && !rex && reg >= 4 && reg < 8)
		op.reg = (int8_t)(reg - 4);
	return op;
}

static struct seep_operand signed_operand(int64_t value, unsigned width)
{
	return (struct seep_operand){ .kind = SEEP_OPERAND_IMM,
				      .size = (uint8_t)width,
				      .reg = SEEP_NO_REG,
				      .base = SEEP_NO_REG,
				      .index = SEEP_NO_REG,
				      .value = value };
}

// A constant that is as wide as what it is used with.
static struct seep_operand imm_operand(int64_t value, unsigned width)
{
	return signed_operand(width < WIDTH_8 ? value & (((int64_t)1 << 8 * width) - 1) : value,
			      width);
}

// Reads modrm and what belongs to it. The address that is relative to the next instruction is not known before all is read.
static void read_modrm(struct insn *insn, unsigned width)
{
	uint8_t modrm = *insn->pos++;
	unsigned mod = modrm >> 6, rm = modrm & 7, high = (insn->rex & 1u) << 3;
	struct seep_operand op = { .kind = SEEP_OPERAND_MEM,
				   .size = (uint8_t)width,
				   .reg = SEEP_NO_REG,
				   .base = (int8_t)(rm | high),
				   .index = SEEP_NO_REG,
				   .scale = 1 };

	insn->modrm = modrm;
	if (mod == 3) {
		insn->rm = reg_operand(rm | high, width, insn->rex != 0);
		return;
	}
	if (rm == 4) {
		uint8_t sib = *insn->pos++;
		unsigned index = (sib >> 3 & 7u) | (insn->rex & 2u) << 2;
		rm = sib & 7;
		op.base = (int8_t)(rm | high);
		op.index = index == 4 ? SEEP_NO_REG : (int8_t)index;
		op.scale = (uint8_t)(1u << (sib >> 6));
		if (mod == 0 && rm == 5)
			op.base = SEEP_NO_REG;
	} else if (mod == 0 && rm == 5) {
		op.base = SEEP_NO_REG;
		op.absolute = true;
	}
	if (mod == 1) {
		op.value = (int8_t)*insn->pos++;
	} else if (mod == 2 || rm == 5) {
		op.value = (int32_t)seep_le32(insn->pos);
		insn->pos += 4;
	}
	insn->rm = op;
}

static int64_t read_imm(struct insn *insn, unsigned bytes)
{
	const uint8_t *pos = insn->pos;

	insn->pos += bytes;
	switch (bytes) {
	case 1:
		return (int8_t)*pos;
	case 2:
		return (int16_t)seep_le16(pos);
	case 4:
		return (int32_t)seep_le32(pos);
	default:
		return (int64_t)seep_le64(pos);
	}
}

// Reads prefixes and opcode, and finds that in the tables.
static struct opcode read_opcode(struct insn *insn)
{
	struct opcode none = {};

	if (*insn->pos == 0x66 || *insn->pos == 0xf2 || *insn->pos == 0xf3)
		insn->prefix = *insn->pos++;
	if ((*insn->pos & 0xf0) == 0x40)
		insn->rex = *insn->pos++;
	insn->code = *insn->pos++;
	if (insn->code == 0x0f) {
		insn->code = *insn->pos++;
		for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
			if (vectors[i].code == insn->code && vectors[i].prefix == insn->prefix)
				return vectors[i].opcode;
		return insn->prefix == 0xf2 || insn->prefix == 0xf3 ? none : two_bytes[insn->code];
	}
	if (insn->prefix == 0xf2 || insn->prefix == 0xf3)
		return none;
	for (size_t i = 0;
	     one_byte[insn->code].form == FORM_OTHER && i < sizeof(groups) / sizeof(*groups); i++)
		if (groups[i].opcode == insn->code)
			return groups[i].members[*insn->pos >> 3 & 7];
	return one_byte[insn->code];
}

static bool has_modrm(const struct opcode *opcode)
{
	return opcode->form >= FORM_RM_REG && opcode->form <= FORM_REG_RM_IMM;
}

static void add(struct seep_step *step, struct seep_operand op)
{
	step->operands[step->operand_count++] = op;
}

static void read_operands(struct insn *insn, const struct opcode *opcode, struct seep_step *step)
{
	unsigned v = insn->rex & 8 ? WIDTH_8 : insn->prefix == 0x66 ? WIDTH_2 : WIDTH_4;
	unsigned reg_width = opcode->reg_width ? opcode->reg_width : v;
	unsigned rm_width = opcode->rm_width ? opcode->rm_width : v;
	unsigned imm_bytes = reg_width < 4 ? reg_width : 4;
	unsigned opreg = (insn->code & 7u) | (insn->rex & 1u) << 3, reg;
	bool rex = insn->rex != 0;

	if (has_modrm(opcode))
		read_modrm(insn, rm_width);
	reg = (insn->modrm >> 3 & 7u) | (insn->rex & 4u) << 1;
	switch ((enum form)opcode->form) {
	case FORM_RM_REG:
		add(step, insn->rm);
		add(step, reg_operand(reg, reg_width, rex));
		return;
	case FORM_REG_RM:
	case FORM_REG_RM_IMM8:
	case FORM_REG_RM_IMM:
		add(step, reg_operand(reg, reg_width, rex));
		add(step, insn->rm);
		if (opcode->form == FORM_REG_RM_IMM8)
			add(step, signed_operand(read_imm(insn, 1), reg_width));
		else if (opcode->form == FORM_REG_RM_IMM)
			add(step, imm_operand(read_imm(insn, imm_bytes), reg_width));
		return;
	case FORM_RM:
		add(step, insn->rm);
		return;
	case FORM_RM_IMM8:
		add(step, insn->rm);
		add(step, signed_operand(read_imm(insn, 1), rm_width));
		return;
	case FORM_RM_BITS8:
	case FORM_RM_IMM:
		add(step, insn->rm);
		add(step, imm_operand(read_imm(insn, opcode->form == FORM_RM_BITS8 ? 1 : imm_bytes),
				      rm_width));
		return;
	case FORM_SHIFT:
		add(step, insn->rm);
		add(step, imm_operand(read_imm(insn, 1), WIDTH_1));
		return;
	case FORM_SHIFT_ONE:
		add(step, insn->rm);
		add(step, imm_operand(1, rm_width));
		return;
	case FORM_SHIFT_CL:
		add(step, insn->rm);
		add(step, reg_operand(SEEP_RCX, WIDTH_1, rex));
		return;
	case FORM_ACC_IMM:
		add(step, reg_operand(SEEP_RAX, reg_width, rex));
		add(step, imm_operand(read_imm(insn, imm_bytes), reg_width));
		return;
	case FORM_OPREG:
		add(step, reg_operand(opreg, reg_width, rex));
		return;
	case FORM_OPREG_IMM:
		add(step, reg_operand(opreg, reg_width, rex));
		add(step, imm_operand(read_imm(insn, reg_width), reg_width));
		if (reg_width == WIDTH_8)
			step->id = X86_INS_MOVABS;
		return;
	case FORM_REL8:
	case FORM_REL32:
		add(step, imm_operand(read_imm(insn, opcode->form == FORM_REL8 ? 1 : 4), WIDTH_8));
		return;
	case FORM_OTHER:
	case FORM_NONE:
		return;
	}
}

// What nobody writes, and is another instruction or none.
static bool is_odd(const struct insn *insn, const struct opcode *opcode)
{
	bool opreg = opcode->form == FORM_OPREG || opcode->form == FORM_OPREG_IMM;
	bool nop = opcode->id == X86_INS_NOP, memory = insn->rm.kind == SEEP_OPERAND_MEM;

	if (!has_modrm(opcode))
		return (insn->prefix && !nop) || (insn->rex && !opreg);
	if (opcode->id == X86_INS_MOVSXD)
		return !(insn->rex & 8);
	if (nop)
		return !memory || (insn->modrm & 0x38) || (insn->rex & 0xc);
	bool part = opcode->reg_width == WIDTH_16 && opcode->rm_width < WIDTH_16;
	return !memory && (part || opcode->id == X86_INS_LEA);
}

bool seep_decode_usual(const uint8_t *code, size_t len, seep_addr addr, struct seep_step *ret)
{
	uint8_t padded[LONGEST] = {};

	if (len < LONGEST)
		code = memcpy(padded, code, len);
	struct insn insn = { .pos = code };
	struct opcode opcode = read_opcode(&insn);
	if (opcode.form == FORM_OTHER)
		return false;
	struct seep_step step = {
		.addr = addr, .id = opcode.id, .kind = opcode.kind, .written = opcode.written
	};
	read_operands(&insn, &opcode, &step);
	step.size = (uint8_t)(insn.pos - code);
	if (step.size > len || is_odd(&insn, &opcode))
		return false;
	seep_addr next = addr + step.size;
	if (opcode.form == FORM_REL8 || opcode.form == FORM_REL32)
		step.operands[0].value = (int64_t)((uint64_t)step.operands[0].value + next);
	for (unsigned i = 0; i < step.operand_count; i++)
		if (step.operands[i].absolute)
			step.operands[i].value = (int64_t)((uint64_t)step.operands[i].value + next);
	*ret = step;
	return true;
}
