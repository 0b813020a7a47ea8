/** Machine code, decoded. Only code.c, copies.c and what of flow.h follows values through it include this: the disassembler is theirs alone. */
#ifndef SEEP_BINARY_DECODE_H
#define SEEP_BINARY_DECODE_H

#include "base/vec.h"
#include "binary/code.h"

#include <capstone/capstone.h>

struct seep_decoder {
	csh handle;
	cs_insn *insn; /** the one that seep_decoder_next() found */
	const uint8_t *pos;
	size_t left;
	uint64_t pc; /** behind it */
};

/** Takes up func's code; the disassembler is not started before one asks for it. Errors: BAD_DATA. */
struct seep_error *seep_decoder_begin(struct seep_decoder *dec, const struct seep_pclntab *tab,
				      const struct seep_func *func) _must_check_;
struct seep_error *seep_decoder_start(struct seep_decoder *dec) _must_check_;
/** Both: from func's entry to its end. */
struct seep_error *seep_decoder_open(struct seep_decoder *dec, const struct seep_pclntab *tab,
				     const struct seep_func *func) _must_check_;
void seep_decoder_close(struct seep_decoder *dec);
/** Decodes into dec->insn, whose id is 0 for a byte that begins no instruction; false at the end. */
bool seep_decoder_next(struct seep_decoder *dec);

static inline bool seep_insn_in_group(const cs_insn *insn, unsigned group)
{
	for (unsigned i = 0; i < insn->detail->groups_count; i++)
		if (insn->detail->groups[i] == group)
			return true;
	return false;
}
/** The memory operand, or NULL; none has two. */
const cs_x86_op *seep_insn_memory(const cs_insn *insn);

/** General registers as the processor numbers them. */
enum {
	SEEP_RAX,
	SEEP_RCX,
	SEEP_RDX,
	SEEP_RBX,
	SEEP_RSP,
	SEEP_RBP,
	SEEP_RSI,
	SEEP_RDI,
	SEEP_R8,
	SEEP_R9,
	SEEP_R10,
	SEEP_R11,
	SEEP_R12,
	SEEP_R13,
	SEEP_R14,
	SEEP_R15,
	SEEP_REGS,
	SEEP_NO_REG = -1
};
/** Of arm64: number n is SEEP_ARM64_REGS + n, if it has no part in Go's calling convention that one of those above has. */
enum { SEEP_ARM64_REGS = SEEP_REGS, SEEP_ARM64_REGS_END = SEEP_ARM64_REGS + 32 };
/** How many steps an instruction of arm64 is at most; and the id of those that have none. */
enum { SEEP_ARM64_STEPS = 4, SEEP_ARM64_OTHER = X86_INS_ENDING };

enum seep_operand_kind { SEEP_OPERAND_NONE, SEEP_OPERAND_REG, SEEP_OPERAND_IMM, SEEP_OPERAND_MEM };
struct seep_operand {
	uint8_t kind; /** enum seep_operand_kind */
	uint8_t size; /** bytes */
	int8_t reg; /** REG: which, also for its parts; NO_REG for those of other kinds */
	int8_t base, index; /** MEM: NO_REG if there is none */
	uint8_t scale; /** MEM: of the index */
	bool absolute; /** MEM: relative to the instruction; value is the address itself */
	bool segment; /** MEM: in thread-local storage */
	int64_t value; /** IMM: the constant; MEM: the displacement; REG: capstone's number */
};

enum seep_step_kind {
	SEEP_STEP_PLAIN,
	SEEP_STEP_CALL,
	SEEP_STEP_JUMP, /** never goes on to the next one */
	SEEP_STEP_BRANCH,
	SEEP_STEP_END, /** ret, ud2, int3 */
};
enum seep_callee_kind {
	SEEP_CALLEE_OTHER,
	SEEP_CALLEE_WRITE_BARRIER, /** keeps all registers but R11, where since 1.21 the buffer's address comes back */
	SEEP_CALLEE_NO_RETURN,
	SEEP_CALLEE_DUFF,
};
/** An instruction, as far as following values needs it. */
struct seep_step {
	seep_addr addr;
	uint16_t id; /** capstone's; 0 for a byte that begins none */
	uint16_t written; /** general registers that it writes without naming them; a bit each */
	uint8_t size, kind, operand_count;
	bool locked;
	bool ordered; /** arm64: a load or store that is atomic, too, but changes nothing else */
	uint8_t callee; /** enum seep_callee_kind; see seep_flow_name_callee() */
	uint16_t way; /** ways.c's own */
	struct seep_operand operands[3];
};
struct seep_steps seep_vec(struct seep_step);

/** The instruction that the decoder is at. */
struct seep_step seep_decoder_step(const struct seep_decoder *dec);
/** The instruction at code as the decoder would tell it, if it is one of those that are met most; false if not. */
bool seep_decode_usual(const uint8_t *code, size_t len, seep_addr addr, struct seep_step *ret);
/** The instruction of arm64 at addr in as many steps as returned, all at addresses within it. */
unsigned seep_decode_arm64(uint32_t word, seep_addr addr, struct seep_step ret[SEEP_ARM64_STEPS]);
/** As seep_code_each_ref() and seep_code_first_bound(). */
struct seep_error *seep_arm64_each_ref(const struct seep_pclntab *tab, const struct seep_func *func,
				       bool (*visit)(const struct seep_ref *, void *arg), void *arg)
	_must_check_;
struct seep_error *seep_arm64_first_bound(const struct seep_pclntab *tab,
					  const struct seep_func *func, uint64_t *ret) _must_check_;
/** The whole of func. Errors: BAD_DATA. */
struct seep_error *seep_steps_read(const struct seep_pclntab *tab, const struct seep_func *func,
				   struct seep_steps *ret) _must_check_;
/** Where a direct call or jump leads, 0 if there is no telling. */
static inline seep_addr seep_step_target(const struct seep_step *step)
{
	return step->operand_count == 1 && step->operands[0].kind == SEEP_OPERAND_IMM ?
		       (seep_addr)step->operands[0].value :
		       0;
}

#endif
