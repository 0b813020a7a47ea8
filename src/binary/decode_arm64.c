// Instructions of arm64, told as decode.h tells those of x86-64, by the nearest ids that these have:
//
//	adrp d, page			lea page, d
//	add/sub d, n, #i		add #i, d where d is n, else lea i(n), d
//	mov d, n; movz d, #i		mov
//	ldr, str and their kin		mov; those of a pair are two, and where they move their base, that is one more: add
//	cas, ldadd, swp and their kin	lock cmpxchg, lock xadd, xchg
//	b, b.cond, cbz, tbz, bl, ret	jmp, jcc, call, ret
//
// Of all others it is told which registers they may write (that is, too many of them), and whether and where memory.
// What one instruction makes has addresses of its own, all within its four bytes. (Arm Architecture Reference Manual, C4.1)
#include "binary/decode.h"

enum { ZERO = 31, LINK = 30 };

static uint32_t bits(uint32_t word, unsigned from, unsigned count)
{
	return word >> from & ((1u << count) - 1);
}

static int64_t signed_bits(uint32_t word, unsigned from, unsigned count)
{
	return (int64_t)((uint64_t)bits(word, from, count) << (64 - count)) >> (64 - count);
}

// Registers by the part they play in Go's calling convention, where that is one that x86-64 has, too; the others are numbered on.
static int8_t reg_of(unsigned n)
{
	switch (n) {
	case 0:
		return SEEP_RAX;
	case 1:
		return SEEP_RBX;
	case 2:
		return SEEP_RCX;
	case 25: // what gcWriteBarrier returns
		return SEEP_R11;
	case 26: // the closure's context
		return SEEP_RDX;
	case 28: // g
		return SEEP_R14;
	case ZERO: // only where it means the stack pointer
		return SEEP_RSP;
	default:
		return (int8_t)(SEEP_ARM64_REGS + n);
	}
}

static struct seep_operand immediate(int64_t value)
{
	return (struct seep_operand){ .kind = SEEP_OPERAND_IMM,
				      .size = 8,
				      .reg = SEEP_NO_REG,
				      .base = SEEP_NO_REG,
				      .index = SEEP_NO_REG,
				      .value = value };
}

static struct seep_operand stack_or_register(unsigned n, uint8_t size)
{
	return (struct seep_operand){ .kind = SEEP_OPERAND_REG,
				      .size = size,
				      .reg = reg_of(n),
				      .base = SEEP_NO_REG,
				      .index = SEEP_NO_REG };
}

// Number 31 is the constant 0; written to, it is nothing.
static struct seep_operand source(unsigned n, uint8_t size)
{
	return n == ZERO ? immediate(0) : stack_or_register(n, size);
}

static struct seep_operand target(unsigned n, uint8_t size)
{
	struct seep_operand op = stack_or_register(n, size);

	if (n == ZERO)
		op.reg = SEEP_NO_REG;
	return op;
}

static struct seep_operand memory(unsigned base, int64_t offset, uint8_t size)
{
	return (struct seep_operand){ .kind = SEEP_OPERAND_MEM,
				      .size = size,
				      .reg = SEEP_NO_REG,
				      .base = reg_of(base),
				      .index = SEEP_NO_REG,
				      .value = offset };
}

struct steps {
	struct seep_step *at;
	unsigned count;
	seep_addr addr;
};

static struct seep_step *add(struct steps *s, unsigned id, unsigned kind)
{
	struct seep_step *step = &s->at[s->count];

	*step = (struct seep_step){
		.addr = s->addr + s->count, .id = (uint16_t)id, .kind = (uint8_t)kind, .size = 1
	};
	s->count++;
	return step;
}

static struct seep_step *add_two(struct steps *s, unsigned id, struct seep_operand to,
				 struct seep_operand from)
{
	struct seep_step *step = add(s, id, SEEP_STEP_PLAIN);

	step->operands[step->operand_count++] = to;
	step->operands[step->operand_count++] = from;
	return step;
}

// An instruction that is not understood, but may write that register.
static void add_unknown(struct steps *s, unsigned n)
{
	struct seep_step *step = add(s, SEEP_ARM64_OTHER, SEEP_STEP_PLAIN);

	step->operands[step->operand_count++] = target(n, 8);
}

static void add_shift(struct steps *s, unsigned to, unsigned from, int64_t by)
{
	if (to == from) {
		add_two(s, X86_INS_ADD, stack_or_register(to, 8), immediate(by));
	} else {
		struct seep_operand address = memory(from, by, 8);
		add_two(s, by == 0 ? X86_INS_MOV : X86_INS_LEA, stack_or_register(to, 8),
			by == 0 ? stack_or_register(from, 8) : address);
	}
}

static void decode_immediate(struct steps *s, uint32_t w)
{
	uint8_t size = w >> 31 ? 8 : 4;
	unsigned d = bits(w, 0, 5), n = bits(w, 5, 5);

	if ((w & 0x1f000000) == 0x10000000) { // adr, adrp
		int64_t value = signed_bits(w, 5, 19) * 4 + (int64_t)bits(w, 29, 2);
		struct seep_operand page = memory(ZERO, 0, 8);
		page.base = SEEP_NO_REG;
		page.absolute = true;
		page.value = w >> 31 ? (int64_t)((s->addr & ~4095ull) + (uint64_t)value * 4096) :
				       (int64_t)(s->addr + (uint64_t)value);
		add_two(s, X86_INS_LEA, target(d, 8), page);
	} else if ((w & 0x1f800000) == 0x11000000) { // add, sub; adds, subs
		int64_t value = (int64_t)bits(w, 10, 12) << (bits(w, 22, 1) ? 12 : 0);
		if (bits(w, 29, 1) && d == ZERO) // cmp, cmn
			add_two(s, X86_INS_CMP, stack_or_register(n, size), immediate(value));
		else if (size == 8 && !bits(w, 29, 1))
			add_shift(s, d, n, bits(w, 30, 1) ? -value : value);
		else
			add_unknown(s, d);
		if (d == ZERO && !bits(w, 29, 1)) // number 31 is the stack pointer here
			s->at[0].operands[0].reg = SEEP_RSP;
	} else if ((w & 0x7f800000) == 0x52800000) { // movz
		add_two(s, X86_INS_MOV, target(d, size),
			immediate((int64_t)((uint64_t)bits(w, 5, 16) << 16 * bits(w, 21, 2))));
	} else if ((w & 0x7f800000) == 0x72000000 && d == ZERO) { // tst
		add_two(s, X86_INS_TEST, source(n, size), immediate(0));
	} else {
		add_unknown(s, d);
		if (d == ZERO &&
		    (w & 0x1f800000) == 0x12000000) // and, orr, eor to the stack pointer
			s->at[s->count - 1].operands[0].reg = SEEP_RSP;
	}
}

static void decode_register(struct steps *s, uint32_t w)
{
	uint8_t size = w >> 31 ? 8 : 4;
	unsigned d = bits(w, 0, 5);

	if ((w & 0x7fe0ffe0) == 0x2a0003e0) // mov
		add_two(s, X86_INS_MOV, target(d, size), source(bits(w, 16, 5), size));
	else if (d == ZERO && ((w & 0x7f200000) == 0x6b000000 || (w & 0x7fe00000) == 0x6b200000))
		add_two(s, X86_INS_CMP, source(bits(w, 5, 5), size), source(bits(w, 16, 5), size));
	else
		add_unknown(s, d);
	// add, sub with an extended register are those that reach the stack pointer
	if (d == ZERO && (w & 0x3fe00000) == 0x0b200000)
		s->at[s->count - 1].operands[0].reg = SEEP_RSP;
}

static void decode_branch(struct steps *s, uint32_t w)
{
	struct seep_step *step;

	if ((w & 0x7c000000) == 0x14000000) { // b, bl
		step = add(s, w >> 31 ? X86_INS_CALL : X86_INS_JMP,
			   w >> 31 ? SEEP_STEP_CALL : SEEP_STEP_JUMP);
		step->operands[step->operand_count++] =
			immediate((int64_t)(s->addr + (uint64_t)signed_bits(w, 0, 26) * 4));
	} else if ((w & 0xff000000) == 0x54000000 || (w & 0x7e000000) == 0x34000000 ||
		   (w & 0x7e000000) == 0x36000000) { // b.cond; cbz, cbnz; tbz, tbnz
		bool bit = (w & 0x7e000000) == 0x36000000;
		step = add(s, X86_INS_JE, SEEP_STEP_BRANCH);
		step->operands[step->operand_count++] = immediate(
			(int64_t)(s->addr + (uint64_t)signed_bits(w, 5, bit ? 14 : 19) * 4));
	} else if ((w & 0xff9f0000) == 0xd61f0000) { // br, blr, ret
		unsigned kind = bits(w, 21, 2);
		step = add(s,
			   kind == 1 ? X86_INS_CALL :
			   kind == 0 ? X86_INS_JMP :
				       X86_INS_RET,
			   kind == 1 ? SEEP_STEP_CALL :
			   kind == 0 ? SEEP_STEP_JUMP :
				       SEEP_STEP_END);
		if (kind < 2)
			step->operands[step->operand_count++] = target(bits(w, 5, 5), 8);
	} else if ((w & 0xff000000) == 0xd4000000) { // svc, brk, hlt
		if (bits(w, 21, 3) == 1)
			add(s, X86_INS_UD2, SEEP_STEP_END);
		else
			add_unknown(s, 0);
	} else { // hints, barriers; mrs, the system's registers
		add_unknown(s, bits(w, 0, 5));
	}
}

// Loads or stores one register; vectors' are written as memory of some bytes, or not at all.
static void add_access(struct steps *s, unsigned t, struct seep_operand mem, bool load, bool vector)
{
	if (vector && load)
		return;
	if (vector) {
		struct seep_operand none = target(ZERO, mem.size);
		add_two(s, SEEP_ARM64_OTHER, mem, none);
	} else if (load) {
		add_two(s, X86_INS_MOV, target(t, mem.size), mem);
	} else {
		add_two(s, X86_INS_MOV, mem, source(t, mem.size));
	}
}

static void decode_pair(struct steps *s, uint32_t w)
{
	unsigned base = bits(w, 5, 5), mode = bits(w, 23, 2), opc = bits(w, 30, 2);
	bool load = bits(w, 22, 1), vector = bits(w, 26, 1);
	// ldpsw is among those of 4 bytes
	uint8_t size = vector ? 4 << opc : opc == 2 ? 8 : 4;
	int64_t offset = signed_bits(w, 15, 7) * size, at = mode == 1 ? 0 : offset;

	if (mode == 3) { // moves the base first
		add_shift(s, base, base, offset);
		at = 0;
	}
	// Who overwrites the base comes last.
	bool swap = load && bits(w, 0, 5) == base;
	for (unsigned i = 0; i < 2; i++) {
		bool second = i != swap;
		add_access(s, bits(w, second ? 10 : 0, 5), memory(base, at + second * size, size),
			   load, vector);
	}
	if (mode == 1)
		add_shift(s, base, base, offset);
}

static void decode_single(struct steps *s, uint32_t w)
{
	unsigned t = bits(w, 0, 5), base = bits(w, 5, 5), opc = bits(w, 22, 2),
		 mode = bits(w, 10, 2);
	bool vector = bits(w, 26, 1), load = vector ? opc & 1 : opc != 0;
	unsigned shift = bits(w, 30, 2) + (vector && opc >= 2 ? 4 : 0);
	struct seep_operand mem = memory(base, 0, 1 << shift);

	if (!vector && shift == 3 && opc == 2) // prfm
		return;
	if (bits(w, 24, 1)) { // unsigned offset
		mem.value = (int64_t)bits(w, 10, 12) << shift;
		add_access(s, t, mem, load, vector);
	} else if (bits(w, 21, 1)) { // register offset
		mem.index = target(bits(w, 16, 5), 8).reg;
		mem.scale = bits(w, 12, 1) ? 1 << shift : 1;
		add_access(s, t, mem, load, vector);
	} else { // 0: unscaled offset, 1: moves the base then, 3: moves it first
		int64_t offset = signed_bits(w, 12, 9);
		if (mode == 3)
			add_shift(s, base, base, offset);
		else if (mode != 1)
			mem.value = offset;
		add_access(s, t, mem, load, vector);
		if (mode == 1)
			add_shift(s, base, base, offset);
	}
	// What is loaded with its sign, or is smaller than a word, is no pointer: mov of its size says so.
}

// Atomic operations, and those on single words that are exclusive or ordered.
static void decode_ordered(struct steps *s, uint32_t w)
{
	uint8_t size = 1 << bits(w, 30, 2);
	unsigned t = bits(w, 0, 5), other = bits(w, 16, 5);
	struct seep_operand mem = memory(bits(w, 5, 5), 0, size);
	struct seep_step *step;

	if ((w & 0x3f200c00) == 0x38200000) { // ldadd, swp and their kin
		unsigned op = bits(w, 12, 4);
		if (op == 12) { // ldapr
			add_access(s, t, mem, true, false);
			s->at[s->count - 1].ordered = true;
			return;
		}
		step = add_two(s,
			       op == 8 ? X86_INS_XCHG :
			       op == 0 ? X86_INS_XADD :
					 SEEP_ARM64_OTHER,
			       mem, target(t, size));
		step->locked = true;
		if (op != 0 && op != 8)
			add_unknown(s, t);
	} else if ((w & 0x3fa07c00) ==
		   0x08a07c00) { // cas: the register with the old value gets what was there
		step = add_two(s, X86_INS_CMPXCHG, mem, source(t, size));
		step->locked = true;
		add_unknown(s, other);
	} else if ((w & 0x3fa00000) == 0x08800000) { // ldar, stlr and their kin
		add_access(s, t, mem, bits(w, 22, 1), false);
		s->at[s->count - 1].ordered = true;
	} else { // exclusive ones, of which those that store write a register, too; casp
		add_two(s, SEEP_ARM64_OTHER, memory(bits(w, 5, 5), 0, 16), target(t, 8));
		unsigned second = bits(w, 10, 5);
		add_unknown(s, t);
		add_unknown(s, other);
		add_unknown(s, second == ZERO ? (other + 1) % 32 : second);
	}
}

static void decode_memory(struct steps *s, uint32_t w)
{
	unsigned t = bits(w, 0, 5);

	if ((w & 0x3a000000) == 0x28000000) {
		decode_pair(s, w);
	} else if ((w & 0x3f000000) == 0x08000000 || (w & 0x3f200c00) == 0x38200000) {
		decode_ordered(s, w);
	} else if ((w & 0x3b000000) == 0x18000000) { // ldr of a constant
		if (!bits(w, 26, 1))
			add_unknown(s, t);
	} else if ((w & 0x3a000000) == 0x38000000) {
		decode_single(s, w);
	} else { // vectors' structures, tags
		struct seep_operand mem = memory(bits(w, 5, 5), 0, 64);
		mem.index = SEEP_R15;
		add_two(s, SEEP_ARM64_OTHER, mem, target(ZERO, 8));
		add_unknown(s, bits(w, 5, 5));
		add_unknown(s, t);
	}
}

unsigned seep_decode_arm64(uint32_t word, seep_addr addr, struct seep_step ret[SEEP_ARM64_STEPS])
{
	struct steps s = { .at = ret, .addr = addr };

	switch (bits(word, 25, 4)) {
	case 8:
	case 9:
		decode_immediate(&s, word);
		break;
	case 10:
	case 11:
		decode_branch(&s, word);
		break;
	case 4:
	case 6:
	case 12:
	case 14:
		decode_memory(&s, word);
		break;
	case 5:
	case 13:
		decode_register(&s, word);
		break;
	case 7:
	case 15: // vectors and floating point: may write a general register
		add_unknown(&s, bits(word, 0, 5));
		break;
	default: // not allocated: udf
		add(&s, X86_INS_UD2, SEEP_STEP_END);
		break;
	}
	if (s.count == 0)
		add(&s, X86_INS_NOP, SEEP_STEP_PLAIN);
	ret[s.count - 1].size = (uint8_t)(4 - (s.count - 1));
	return s.count;
}
