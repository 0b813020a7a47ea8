/**
 * What a function's machine code does, as far as seep asks: references to data, calls, atomic operations. Only code.c,
 * copies.c and steps.c see the disassembler (decode.c stands in for it); flow.h follows values for those here and for evidence.h.
 */
#ifndef SEEP_BINARY_CODE_H
#define SEEP_BINARY_CODE_H

#include "binary/pclntab.h"

enum seep_ref_kind {
	SEEP_REF_LEA, /** lea d(%rip),r */
	SEEP_REF_LOAD, /** mov d(%rip),r */
	SEEP_REF_STORE, /** mov r,d(%rip) or mov $i,d(%rip) */
	SEEP_REF_CMP, /** cmp with a memory operand */
	SEEP_REF_OTHER,
};

/** A reference to data: relative to the instruction, or, of arm64, to an address that the code before has put together. */
struct seep_ref {
	seep_addr pc, addr;
	enum seep_ref_kind kind;
	uint8_t size; /** bytes of the operand; 8 for lea */
};

/** Visits the data references of func in code order; visit returns false to end. */
struct seep_error *seep_code_each_ref(const struct seep_pclntab *tab, const struct seep_func *func,
				      bool (*visit)(const struct seep_ref *, void *arg), void *arg)
	_must_check_;

/** The constant of the first compare of a byte register with one: the length of the table that a String method indexes. */
struct seep_error *seep_code_first_bound(const struct seep_pclntab *tab,
					 const struct seep_func *func, uint64_t *ret) _must_check_;

/** Where an address in a register comes from, as far as the code that leads there tells without knowing any value. */
enum seep_origin_kind {
	SEEP_ORIGIN_UNKNOWN,
	SEEP_ORIGIN_GLOBAL, /** addr + offset: lea d(%rip) */
	SEEP_ORIGIN_SLOT, /** *(sp + slot) + offset, sp = the frame's stack pointer at a call (after the prologue) */
	SEEP_ORIGIN_SLOT_ADDRESS, /** sp + slot + offset: the operand is on the stack itself */
	SEEP_ORIGIN_CLOSURE, /** a word captured by the closure: *(ctx + slot) + offset, ctx not kept in the frame */
	SEEP_ORIGIN_CONTEXT, /** ctx + offset: in the closure object itself */
	SEEP_ORIGIN_ARGUMENT, /** what register number `slot` brought into the function, + offset; gone by now */
};
enum { SEEP_ORIGIN_LOADS = 2 };
struct seep_origin {
	enum seep_origin_kind kind;
	uint8_t loads; /** further pointers on the way, see `then` */
	seep_addr addr; /** GLOBAL */
	int64_t slot; /** SLOT, SLOT_ADDRESS, CLOSURE */
	int64_t offset;
	int64_t then[SEEP_ORIGIN_LOADS]; /** for i < loads: value = *value + then[i], from the value that kind gives */
};
/** The offset added last on the way: the address lies that far into what some pointer points to. */
static inline int64_t seep_origin_last_offset(const struct seep_origin *origin)
{
	return origin->loads ? origin->then[origin->loads - 1] : origin->offset;
}
/**
 * Follows an origin to the address it stands for now, in the frame whose stack pointer (at a call) is sp; ctx is the
 * closure's object, 0 if unknown. False if unknown or unreadable. Slots may have got other contents since the code ran:
 * whoever asks checks what is found there.
 */
bool seep_origin_resolve(const struct seep_origin *origin, const struct seep_memory *memory,
			 seep_addr sp, seep_addr ctx, seep_addr *ret);

/**
 * A quick look, without a disassembler: the next direct call in code (size bytes, which stand at entry) from offset *at on, as which other
 * bytes may pass on amd64. False: there is none. Leaves *at at the call.
 */
bool seep_code_next_call(const struct seep_arch *arch, const unsigned char *code, size_t size,
			 seep_addr entry, size_t *at, seep_addr *target_ret);

struct seep_call {
	seep_addr pc, target; /** pc of the call instruction; entry of the callee */
	struct seep_origin arg; /** its first argument (receiver), rax */
};
/** Visits the direct calls of func in code order; visit returns false to end. */
struct seep_error *seep_code_each_call(const struct seep_pclntab *tab, const struct seep_func *func,
				       bool (*visit)(const struct seep_call *, void *arg),
				       void *arg) _must_check_;

enum seep_atomic_kind {
	SEEP_ATOMIC_CMPXCHG, /** atomic.CompareAndSwap: inlined Lock and TryLock */
	SEEP_ATOMIC_XADD, /** atomic.Add: inlined Unlock, RLock, RUnlock, WaitGroup.Add */
	SEEP_ATOMIC_OTHER, /** xchg and what else locks the bus */
};
/** An atomic operation on memory: what is left of a lock operation that was inlined. */
struct seep_atomic {
	seep_addr pc;
	enum seep_atomic_kind kind;
	uint8_t size; /** bytes of the operand */
	struct seep_origin arg; /** the operand's address */
};
/** Visits the atomic operations of func in code order; visit returns false to end. */
struct seep_error *seep_code_each_atomic(const struct seep_pclntab *tab,
					 const struct seep_func *func,
					 bool (*visit)(const struct seep_atomic *, void *arg),
					 void *arg) _must_check_;

/** A write of a known number of bytes to a fixed place of the function's own frame, or of its arguments and results. */
struct seep_bulk {
	seep_addr pc;
	bool clears; /** with zeros; else it copies */
	uint64_t size;
	int64_t slot; /** to sp + slot, sp = the frame's stack pointer at a call */
};
/**
 * Visits the large writes of func in code order; visit returns false to end. memmove_entry: runtime.memmove's, 0 = unknown. Those of less than some
 * KiB are done in other ways and not seen.
 */
struct seep_error *seep_code_each_bulk(const struct seep_pclntab *tab, const struct seep_func *func,
				       seep_addr memmove_entry,
				       bool (*visit)(const struct seep_bulk *, void *arg),
				       void *arg) _must_check_;

#endif
