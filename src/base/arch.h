/**
 * What differs between the processors that Go programs are read of. Facts of Go's on each are here, and nowhere else; so is what of
 * Linux's frames for signals is needed. What decodes instructions is in binary/, what reads the notes of cores in target/core_notes.c.
 */
#ifndef SEEP_BASE_ARCH_H
#define SEEP_BASE_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seep_arch {
	const char *name; /** as GOARCH */
	unsigned machine; /** of ELF: EM_X86_64 */
	uint8_t code_unit; /** bytes: instructions begin at multiples; tables by pc count in it (runtime: PCQuantum) */
	bool typed_by_code; /** its code is asked for types (binary/evidence.h) and for copies of large values */
	uint32_t call_reach; /** bytes of code in which direct calls need no jumps in between */
	bool load_store; /** computes with registers alone: what amd64 compares in memory is loaded first */
	bool link_register; /** a call puts the return address into a register, and who is called keeps it at the bottom of its frame; else the call pushes it */
	uint8_t return_register; /** LINK_REGISTER: which of a thread's */
	uint8_t min_frame; /** bytes from the end of a frame to the arguments for it (runtime: MinFrameSize) */
	uint8_t fake_call; /** bytes that the signal handler makes room for where it inserts a call (asyncPreempt, sigpanic), the former return address in the first word */
	uint16_t cache_line; /** bytes, as Go pads them since 1.20 (internal/cpu.CacheLinePadSize) */
	uint64_t arena_base; /** address of arena number 0 (runtime: arenaBaseOffset) */
	uint8_t registers; /** general ones of a thread that are kept (struct seep_thread) */
	/** In a struct ucontext: offsets of the general registers, which are so many, of the stack pointer, and of the pc. */
	uint8_t signal_registers;
	uint16_t signal_registers_at, signal_sp_at, signal_pc_at;
};

extern const struct seep_arch seep_amd64, seep_arm64;
/** NULL if seep does not read programs of that machine. */
const struct seep_arch *seep_arch_of(unsigned machine);

#endif
