// Finds where a function writes a large value to its own stack as a whole.
//
// For sizes of some KiB and more the compiler of every release stores the number of words in rcx and the address in rdi, and runs
// `rep movsq` to copy or `rep stosq` to clear; or it calls runtime.memmove with the address in rax and the bytes in rcx
// (cmd/compile/internal/ssa/_gen/AMD64.rules, Move and Zero). These registers are loaded right before. So it is enough to know what the
// last instructions put into three of them; anything that is not understood makes them unknown, and the write is not seen.
#include "binary/code.h"

#include "binary/decode.h"

enum target { TARGET_RDI, TARGET_RAX, TARGETS };

/** What is known of registers; an address is an offset from the stack pointer. */
struct known {
	bool has_count, has_address[TARGETS];
	uint64_t count;
	int64_t address[TARGETS];
};

static bool is_rcx(unsigned reg)
{
	return reg == X86_REG_RCX || reg == X86_REG_ECX || reg == X86_REG_CX || reg == X86_REG_CL ||
	       reg == X86_REG_CH;
}

static bool is_target(unsigned reg, enum target target)
{
	if (target == TARGET_RDI)
		return reg == X86_REG_RDI || reg == X86_REG_EDI || reg == X86_REG_DI ||
		       reg == X86_REG_DIL;
	return reg == X86_REG_RAX || reg == X86_REG_EAX || reg == X86_REG_AX || reg == X86_REG_AL ||
	       reg == X86_REG_AH;
}

static void forget(struct known *k, unsigned reg)
{
	if (is_rcx(reg))
		k->has_count = false;
	for (unsigned t = 0; t < TARGETS; t++)
		if (is_target(reg, t))
			k->has_address[t] = false;
}

/** mov $n, %ecx; lea d(%rsp), %rdi; mov %rsp, %rdi. */
static void learn(struct known *k, const cs_insn *insn)
{
	const cs_x86_op *ops = insn->detail->x86.operands;
	bool lea = insn->id == X86_INS_LEA && ops[1].mem.base == X86_REG_RSP &&
		   ops[1].mem.index == X86_REG_INVALID;
	bool mov = (insn->id == X86_INS_MOV || insn->id == X86_INS_MOVABS) &&
		   insn->detail->x86.op_count == 2 && ops[0].type == X86_OP_REG;

	if (mov && ops[1].type == X86_OP_IMM &&
	    (ops[0].reg == X86_REG_ECX || ops[0].reg == X86_REG_RCX)) {
		k->has_count = true;
		k->count = ops[0].reg == X86_REG_ECX ? (uint32_t)ops[1].imm : (uint64_t)ops[1].imm;
	}
	bool sp = mov && ops[1].type == X86_OP_REG && ops[1].reg == X86_REG_RSP;
	for (unsigned t = 0; (lea || sp) && t < TARGETS; t++)
		if (ops[0].reg == (t == TARGET_RDI ? X86_REG_RDI : X86_REG_RAX)) {
			k->has_address[t] = true;
			k->address[t] = lea ? ops[1].mem.disp : 0;
		}
}

static void update(struct known *k, const cs_insn *insn)
{
	const cs_detail *detail = insn->detail;

	if (insn->id == 0 || seep_insn_in_group(insn, CS_GRP_CALL) ||
	    seep_insn_in_group(insn, CS_GRP_JUMP)) {
		*k = (struct known){};
		return;
	}
	for (unsigned i = 0; i < detail->x86.op_count; i++)
		if (detail->x86.operands[i].type == X86_OP_REG &&
		    detail->x86.operands[i].access & CS_AC_WRITE)
			forget(k, detail->x86.operands[i].reg);
	for (unsigned i = 0; i < detail->regs_write_count; i++)
		forget(k, detail->regs_write[i]);
	learn(k, insn);
}

static bool is_rep(const cs_insn *insn, unsigned id)
{
	return insn->id == id && insn->detail->x86.prefix[0] == X86_PREFIX_REP;
}

static bool calls(const cs_insn *insn, seep_addr target)
{
	return insn->id == X86_INS_CALL && insn->detail->x86.op_count == 1 &&
	       insn->detail->x86.operands[0].type == X86_OP_IMM && target &&
	       (seep_addr)insn->detail->x86.operands[0].imm == target;
}

static bool is_bulk(const struct known *k, const cs_insn *insn, seep_addr memmove_entry,
		    struct seep_bulk *ret)
{
	bool clears = insn->id && is_rep(insn, X86_INS_STOSQ),
	     words = clears || (insn->id && is_rep(insn, X86_INS_MOVSQ));
	enum target t = words ? TARGET_RDI : TARGET_RAX;

	if (!words && !(insn->id && calls(insn, memmove_entry)))
		return false;
	if (!k->has_count || !k->has_address[t] || k->count > UINT32_MAX)
		return false;
	*ret = (struct seep_bulk){ .pc = insn->address,
				   .clears = clears,
				   .size = words ? 8 * k->count : k->count,
				   .slot = k->address[t] };
	return true;
}

struct seep_error *seep_code_each_bulk(const struct seep_pclntab *tab, const struct seep_func *func,
				       seep_addr memmove_entry,
				       bool (*visit)(const struct seep_bulk *, void *arg),
				       void *arg)
{
	struct seep_error *err;
	struct known k = {};
	struct seep_bulk bulk;

	if (!tab->image->arch->typed_by_code)
		return seep_error_format(SEEP_ERROR_UNSUPPORTED, "code of %s",
					 tab->image->arch->name);
	_cleanup_(seep_decoder_close) struct seep_decoder dec = {};
	err = seep_decoder_open(&dec, tab, func);
	if (err)
		return err;
	while (seep_decoder_next(&dec)) {
		if (is_bulk(&k, dec.insn, memmove_entry, &bulk) && !visit(&bulk, arg))
			break;
		update(&k, dec.insn);
	}
	return NULL;
}
