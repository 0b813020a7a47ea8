/** One instruction after the other. Only code.c and flow.c include this: the disassembler is theirs alone. */
#ifndef SEEP_BINARY_DECODE_H
#define SEEP_BINARY_DECODE_H

#include "binary/pclntab.h"

#include <capstone/capstone.h>

struct seep_decoder {
	csh handle;
	cs_insn *insn; /** the one that seep_decoder_next() found */
	const uint8_t *pos;
	size_t left;
	uint64_t pc; /** behind it */
};

/** From func's entry to its end. Errors: BAD_DATA. */
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

#endif
