// What is decoded without the disassembler is what the disassembler says: over random bytes, over all that may follow each opcode's
// first bytes, and over this program's own code, which has what compilers write.
#include "binary/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { START = 0x401000, LONGEST = 15, RANDOM = 400000, OWN_CODE_BYTES = 1 << 20 };

// The linker's.
extern const unsigned char __executable_start[], etext[];

struct disassembler {
	struct seep_decoder dec;
	uint64_t usual, all;
};

static int open_disassembler(void **state)
{
	static struct disassembler d;

	*state = &d;
	return seep_decoder_start(&d.dec) ? -1 : 0;
}

static int close_disassembler(void **state)
{
	seep_decoder_close(&((struct disassembler *)*state)->dec);
	return 0;
}

static bool same_operand(const struct seep_operand *a, const struct seep_operand *b)
{
	return a->kind == b->kind && a->size == b->size && a->reg == b->reg && a->base == b->base &&
	       a->index == b->index && a->scale == b->scale && a->absolute == b->absolute &&
	       a->segment == b->segment && a->value == b->value;
}

static bool same_step(const struct seep_step *a, const struct seep_step *b)
{
	bool same = a->addr == b->addr && a->id == b->id && a->written == b->written &&
		    a->size == b->size && a->kind == b->kind && a->locked == b->locked &&
		    a->callee == b->callee && a->operand_count == b->operand_count;

	for (unsigned i = 0; same && i < a->operand_count; i++)
		same = same_operand(&a->operands[i], &b->operands[i]);
	return same;
}

// Fails if the two differ about what stands at code; returns the bytes of it.
static size_t compare(struct disassembler *d, const unsigned char *code, size_t len)
{
	struct seep_step usual;

	d->dec.pos = code;
	d->dec.left = len;
	d->dec.pc = START;
	assert_true(seep_decoder_next(&d->dec));
	struct seep_step step = seep_decoder_step(&d->dec);
	d->all++;
	if (!seep_decode_usual(code, len, START, &usual))
		return step.size;
	d->usual++;
	if (!same_step(&step, &usual)) {
		for (size_t i = 0; i < len && i < LONGEST; i++)
			print_error("%02x ", code[i]);
		fail_msg("%s %s is decoded as another one (%u, %u bytes, %u operands)",
			 d->dec.insn->mnemonic, d->dec.insn->op_str, usual.id, usual.size,
			 usual.operand_count);
	}
	return step.size;
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void random_bytes_decode_alike(void **state)
{
	static const unsigned char prefixes[] = { 0x66, 0xf2, 0xf3, 0x0f, 0x48, 0x4c, 0x41, 0x44 };
	unsigned char code[LONGEST];
	uint32_t seed = 2463534242;

	for (int i = 0; i < RANDOM; i++) {
		for (size_t j = 0; j < LONGEST; j++)
			code[j] = (unsigned char)next_random(&seed);
		// Half of them begin as instructions often do.
		for (size_t j = 0; j < (seed >> 8 & 3) && (seed & 1); j++)
			code[j] = prefixes[next_random(&seed) % sizeof(prefixes)];
		(void)compare(*state, code, seed & 2 ? LONGEST : 1 + next_random(&seed) % LONGEST);
	}
}

static void every_opcode_decodes_alike_with_every_modrm(void **state)
{
	static const unsigned char prefixes[] = { 0, 0x66, 0xf2, 0xf3, 0x40, 0x48, 0x4f };
	struct disassembler *d = *state;

	for (size_t p = 0; p < sizeof(prefixes); p++)
		for (unsigned opcode = 0; opcode < 512; opcode++)
			for (unsigned modrm = 0; modrm < 256; modrm++) {
				unsigned char code[LONGEST] = {};
				size_t n = 0;
				if (prefixes[p])
					code[n++] = prefixes[p];
				if (opcode >= 256)
					code[n++] = 0x0f;
				code[n++] = (unsigned char)opcode;
				code[n++] = (unsigned char)modrm;
				code[n++] = 0xa4; // a SIB, a displacement, or a constant: negative
				code[n + 3] = 0x80;
				(void)compare(d, code, LONGEST);
			}
}

static void own_code_decodes_alike(void **state)
{
	struct disassembler *d = *state;
	size_t len = (size_t)(etext - __executable_start);
	size_t bytes = len < OWN_CODE_BYTES ? len : OWN_CODE_BYTES;
	const unsigned char *code = etext - bytes;

	d->usual = d->all = 0;
	while (code < etext)
		code += compare(d, code, (size_t)(etext - code));
	assert_true(d->all > bytes / 16);
	assert_true(d->usual > d->all * 8 / 10);
}

static void what_is_cut_short_is_none(void **state)
{
	static const unsigned char code[] = { 0x48, 0x8b, 0x05, 1, 2, 3, 4 };
	struct seep_step step;

	(void)state;
	assert_true(seep_decode_usual(code, sizeof(code), START, &step));
	assert_int_equal(step.size, sizeof(code));
	for (size_t len = 1; len < sizeof(code); len++)
		assert_false(seep_decode_usual(code, len, START, &step));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bytes_decode_alike),
		cmocka_unit_test(every_opcode_decodes_alike_with_every_modrm),
		cmocka_unit_test(own_code_decodes_alike),
		cmocka_unit_test(what_is_cut_short_is_none),
	};
	return cmocka_run_group_tests(tests, open_disassembler, close_disassembler);
}
