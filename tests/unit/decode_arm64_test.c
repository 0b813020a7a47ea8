// Holds what decode_arm64.c says against capstone: whatever register an instruction writes must be among those told, whatever it calls or
// jumps to must be so, and each memory operand that is a base and an offset must be that one.
#include "binary/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS = 4000000, AT = 0x400000 };

static csh handle;
static cs_insn *insn;

static int begin(void **state)
{
	(void)state;
	assert_int_equal(cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &handle), CS_ERR_OK);
	assert_int_equal(cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON), CS_ERR_OK);
	insn = cs_malloc(handle);
	return insn ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	cs_free(insn, 1);
	cs_close(&handle);
	return 0;
}

/** The number of a general register, 31 for the stack pointer; -1 for any other, and for the constant 0. */
static int number(unsigned reg)
{
	if (reg == ARM64_REG_SP || reg == ARM64_REG_WSP)
		return 31;
	if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
		return (int)(reg - ARM64_REG_X0);
	if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
		return (int)(reg - ARM64_REG_W0);
	return reg == ARM64_REG_X29 ? 29 : reg == ARM64_REG_X30 ? 30 : -1;
}

static int told_number(int8_t reg)
{
	static const int8_t numbers[SEEP_REGS] = {
		[SEEP_RAX] = 0,	 [SEEP_RBX] = 1,  [SEEP_RCX] = 2, [SEEP_R11] = 25,
		[SEEP_RDX] = 26, [SEEP_R14] = 28, [SEEP_RSP] = 31
	};

	return reg == SEEP_NO_REG ? -1 : reg >= SEEP_REGS ? reg - SEEP_ARM64_REGS : numbers[reg];
}

static bool writes_first(const struct seep_step *step)
{
	return step->id != X86_INS_CMP && step->id != X86_INS_TEST && step->kind == SEEP_STEP_PLAIN;
}

static uint64_t written(const struct seep_step *steps, unsigned count)
{
	uint64_t regs = 0;

	for (unsigned i = 0; i < count; i++) {
		bool exchange = steps[i].id == X86_INS_XCHG || steps[i].id == X86_INS_XADD;
		for (unsigned k = 0; k < steps[i].operand_count && (k == 0 || exchange); k++)
			if (steps[i].operands[k].kind == SEEP_OPERAND_REG &&
			    writes_first(&steps[i]) && steps[i].operands[k].reg != SEEP_NO_REG)
				regs |= 1ull << told_number(steps[i].operands[k].reg);
	}
	return regs;
}

static bool tells_memory(const struct seep_step *steps, unsigned count, int base)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < steps[i].operand_count; k++)
			if (steps[i].operands[k].kind == SEEP_OPERAND_MEM &&
			    told_number(steps[i].operands[k].base) == base)
				return true;
	return false;
}

/**
 * Capstone says of comparisons that they write, of loads and stores of vector structures that they write what they add to the base, and of
 * system calls that they write x30.
 */
static bool is_misread(uint32_t word)
{
	return insn->id == ARM64_INS_TST || insn->id == ARM64_INS_CMN ||
	       insn->id == ARM64_INS_CMP || (word & 0xbe000000) == 0x0c000000 || word >> 24 == 0xd4;
}

static void check(uint32_t word)
{
	const uint8_t *code = (const uint8_t *)&word;
	size_t left = 4;
	uint64_t pc = AT;
	struct seep_step steps[SEEP_ARM64_STEPS];
	cs_regs read, write;
	uint8_t reads, writes;

	unsigned count = seep_decode_arm64(word, AT, steps);
	assert_in_range(count, 1, SEEP_ARM64_STEPS);
	unsigned size = 0;
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(steps[i].addr, AT + size);
		size += steps[i].size;
	}
	assert_int_equal(size, 4);
	if (!cs_disasm_iter(handle, &code, &left, &pc, insn) ||
	    cs_regs_access(handle, insn, read, &reads, write, &writes) != CS_ERR_OK)
		return;
	uint64_t told = written(steps, count);
	for (unsigned i = 0; i < writes && steps[0].kind != SEEP_STEP_CALL; i++)
		if (!is_misread(word) && number(write[i]) >= 0 && !(told >> number(write[i]) & 1))
			fail_msg("%08x %s %s: x%d is written", word, insn->mnemonic, insn->op_str,
				 number(write[i]));
	const cs_arm64 *detail = &insn->detail->arm64;
	bool jumps = seep_insn_in_group(insn, CS_GRP_JUMP) ||
		     seep_insn_in_group(insn, CS_GRP_CALL) || seep_insn_in_group(insn, CS_GRP_RET);
	if (jumps && steps[0].kind == SEEP_STEP_PLAIN)
		fail_msg("%08x %s %s jumps", word, insn->mnemonic, insn->op_str);
	for (unsigned i = 0; i < detail->op_count; i++) {
		const cs_arm64_op *op = &detail->operands[i];
		bool stores = strncmp(insn->mnemonic, "st", 2) == 0;
		if (op->type == ARM64_OP_MEM && stores &&
		    !tells_memory(steps, count, number(op->mem.base)))
			fail_msg("%08x %s %s: no store is told", word, insn->mnemonic,
				 insn->op_str);
		if (op->type == ARM64_OP_IMM && jumps &&
		    steps[0].operands[0].kind == SEEP_OPERAND_IMM && i + 1u == detail->op_count)
			assert_int_equal((uint64_t)op->imm, (uint64_t)steps[0].operands[0].value);
	}
}

static void nothing_that_is_written_is_left_out(void **state)
{
	uint32_t word = 1;

	(void)state;
	for (unsigned i = 0; i < WORDS; i++) {
		word = word * 1664525 + 1013904223; // each word once in 2^32
		check(word ^ word >> 15);
	}
}

static const struct seep_step *one(uint32_t word)
{
	static struct seep_step steps[SEEP_ARM64_STEPS];

	assert_int_equal(seep_decode_arm64(word, AT, steps), 1);
	return &steps[0];
}

static void usual_instructions(void **state)
{
	struct seep_step steps[SEEP_ARM64_STEPS];

	(void)state;
	// adrp x0, 0x401000; add x1, x0, #0x10; ldr x2, [x1, #8]
	assert_int_equal(one(0xb0000000)->operands[1].value, 0x401000);
	assert_int_equal(one(0x91004001)->id, X86_INS_LEA);
	assert_int_equal(one(0x91004001)->operands[1].base, SEEP_RAX);
	assert_int_equal(one(0xf9400422)->operands[1].value, 8);
	assert_int_equal(one(0xf9400422)->operands[0].reg, SEEP_RCX);
	// str x30, [sp, #-32]!
	assert_int_equal(seep_decode_arm64(0xf81e0ffe, AT, steps), 2);
	assert_int_equal(steps[0].id, X86_INS_ADD);
	assert_int_equal(steps[0].operands[1].value, -32);
	assert_int_equal(steps[1].operands[0].base, SEEP_RSP);
	// ldp x0, x1, [x0]: the second first, as the base is overwritten
	assert_int_equal(seep_decode_arm64(0xa9400400, AT, steps), 2);
	assert_int_equal(steps[0].operands[0].reg, SEEP_RBX);
	assert_int_equal(steps[0].operands[1].value, 8);
	// casal w0, w1, [x2]; ldaddal w0, w1, [x2]; ldar x0, [x1]
	assert_int_equal(seep_decode_arm64(0x88e0fc41, AT, steps), 2);
	assert_int_equal(steps[0].id, X86_INS_CMPXCHG);
	assert_int_equal(steps[0].operands[0].base, SEEP_RCX);
	assert_int_equal(steps[1].operands[0].reg, SEEP_RAX);
	assert_int_equal(one(0xb8e00041)->id, X86_INS_XADD);
	assert_true(one(0xb8e00041)->locked);
	assert_true(one(0xc8dffc20)->ordered);
	// bl .-4; b.eq .+8; ret; udf
	assert_int_equal(seep_step_target(one(0x97ffffff)), AT - 4);
	assert_int_equal(seep_step_target(one(0x54000040)), AT + 8);
	assert_int_equal(one(0xd65f03c0)->kind, SEEP_STEP_END);
	assert_int_equal(one(0)->kind, SEEP_STEP_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_that_is_written_is_left_out),
		cmocka_unit_test(usual_instructions),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
