// Reads machine code with capstone: one instruction at a time, and the questions that need no more than that. What needs
// values followed through the code is in flow.c.
#include "binary/code.h"

#include "binary/decode.h"

#include <string.h>

enum { MAX_CODE = 16 << 20, CALL_BYTES = 5 };

void seep_decoder_close(struct seep_decoder *dec)
{
	if (dec->insn)
		cs_free(dec->insn, 1);
	if (dec->handle)
		cs_close(&dec->handle);
}

struct seep_error *seep_decoder_begin(struct seep_decoder *dec, const struct seep_pclntab *tab,
				      const struct seep_func *func)
{
	uint64_t len = func->end - func->entry;

	*dec = (struct seep_decoder){ .pc = func->entry, .left = len };
	if (func->end < func->entry || len > MAX_CODE)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "%s: no plausible length",
					 func->name);
	dec->pos = seep_memory_at(&tab->image->memory, func->entry, len);
	if (!dec->pos)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "%s: code is outside the image",
					 func->name);
	return NULL;
}

struct seep_error *seep_decoder_start(struct seep_decoder *dec)
{
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &dec->handle) != CS_ERR_OK) {
		dec->handle = 0;
		return &seep_enomem;
	}
	if (cs_option(dec->handle, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK)
		dec->insn = cs_malloc(dec->handle);
	if (dec->insn)
		return NULL;
	seep_decoder_close(dec);
	*dec = (struct seep_decoder){};
	return &seep_enomem;
}

struct seep_error *seep_decoder_open(struct seep_decoder *dec, const struct seep_pclntab *tab,
				     const struct seep_func *func)
{
	struct seep_error *err = seep_decoder_begin(dec, tab, func);

	return err ? err : seep_decoder_start(dec);
}

bool seep_decoder_next(struct seep_decoder *dec)
{
	if (dec->left == 0)
		return false;
	if (cs_disasm_iter(dec->handle, &dec->pos, &dec->left, &dec->pc, dec->insn))
		return true;
	dec->insn->id = 0;
	dec->insn->address = dec->pc;
	dec->insn->size = 1;
	dec->insn->detail->groups_count = 0;
	dec->insn->detail->x86.op_count = 0;
	dec->pos++;
	dec->pc++;
	dec->left--;
	return true;
}

const cs_x86_op *seep_insn_memory(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	for (unsigned i = 0; i < x86->op_count; i++)
		if (x86->operands[i].type == X86_OP_MEM)
			return &x86->operands[i];
	return NULL;
}

static enum seep_ref_kind ref_kind(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_LEA:
		return SEEP_REF_LEA;
	case X86_INS_CMP:
		return SEEP_REF_CMP;
	case X86_INS_MOV:
	case X86_INS_MOVZX:
	case X86_INS_MOVSX:
	case X86_INS_MOVSXD:
		return insn->detail->x86.operands[0].type == X86_OP_MEM ? SEEP_REF_STORE :
									  SEEP_REF_LOAD;
	default:
		return SEEP_REF_OTHER;
	}
}

struct seep_error *seep_code_each_ref(const struct seep_pclntab *tab, const struct seep_func *func,
				      bool (*visit)(const struct seep_ref *, void *arg), void *arg)
{
	struct seep_error *err;

	if (tab->image->arch == &seep_arm64)
		return seep_arm64_each_ref(tab, func, visit, arg);
	_cleanup_(seep_decoder_close) struct seep_decoder dec = {};
	err = seep_decoder_open(&dec, tab, func);
	if (err)
		return err;
	while (seep_decoder_next(&dec)) {
		const cs_insn *insn = dec.insn;
		const cs_x86_op *mem = seep_insn_memory(insn);
		if (!mem || mem->mem.base != X86_REG_RIP || seep_insn_in_group(insn, CS_GRP_JUMP) ||
		    seep_insn_in_group(insn, CS_GRP_CALL))
			continue;
		struct seep_ref ref = {
			.pc = insn->address,
			.addr = insn->address + insn->size + (uint64_t)mem->mem.disp,
			.kind = ref_kind(insn),
		};
		ref.size = ref.kind == SEEP_REF_LEA ? 8 : mem->size;
		if (!visit(&ref, arg))
			break;
	}
	return NULL;
}

struct seep_error *seep_code_first_bound(const struct seep_pclntab *tab,
					 const struct seep_func *func, uint64_t *ret)
{
	struct seep_error *err;

	if (tab->image->arch == &seep_arm64)
		return seep_arm64_first_bound(tab, func, ret);
	_cleanup_(seep_decoder_close) struct seep_decoder dec = {};
	err = seep_decoder_open(&dec, tab, func);
	if (err)
		return err;
	while (seep_decoder_next(&dec)) {
		const cs_x86 *x86 = &dec.insn->detail->x86;
		if (dec.insn->id == X86_INS_CMP && x86->op_count == 2 &&
		    x86->operands[0].type == X86_OP_REG && x86->operands[1].type == X86_OP_IMM) {
			*ret = (uint64_t)x86->operands[1].imm & 0xff;
			return NULL;
		}
	}
	return seep_error_format(SEEP_ERROR_MISSING_INFO, "%s compares no register", func->name);
}

bool seep_code_next_call(const struct seep_arch *arch, const unsigned char *code, size_t size,
			 seep_addr entry, size_t *at, seep_addr *target_ret)
{
	size_t i = *at;

	if (arch == &seep_arm64) { // bl
		i = (i + 3) & ~(size_t)3;
		while (i + 4 <= size && seep_le32(code + i) >> 26 != 0x25)
			i += 4;
		if (i + 4 > size)
			return false;
		int32_t words = (int32_t)(seep_le32(code + i) << 6) >> 6;
		*target_ret = entry + i + (uint64_t)(int64_t)words * 4;
	} else { // call rel32
		const unsigned char *call =
			i + CALL_BYTES <= size ?
				memchr(code + i, 0xe8, size - i - (CALL_BYTES - 1)) :
				NULL;
		if (!call)
			return false;
		i = (size_t)(call - code);
		*target_ret =
			entry + i + CALL_BYTES + (uint64_t)(int64_t)(int32_t)seep_le32(call + 1);
	}
	*at = i;
	return true;
}
