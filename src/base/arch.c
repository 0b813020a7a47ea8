#include "base/arch.h"

#include <elf.h>

// arch/x86/include/uapi/asm/sigcontext.h: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip at 40.
const struct seep_arch seep_amd64 = {
	.name = "amd64",
	.machine = EM_X86_64,
	.code_unit = 1,
	.typed_by_code = true,
	.call_reach = 1u << 31,
	.cache_line = 64,
	.arena_base = 0xffff800000000000,
	.registers = 16,
	.signal_registers = 15,
	.signal_registers_at = 40,
	.signal_sp_at = 160,
	.signal_pc_at = 168,
};

// arch/arm64/include/uapi/asm/{ucontext,sigcontext}.h: the mask of signals has 128 bytes; from 176 on fault address, x0 to x30, sp, pc.
const struct seep_arch seep_arm64 = {
	.name = "arm64",
	.machine = EM_AARCH64,
	.code_unit = 4,
	.call_reach = 1u << 27,
	.load_store = true,
	.link_register = true,
	.return_register = 30,
	.min_frame = 8,
	.fake_call = 16,
	.cache_line = 128,
	.arena_base = 0,
	.registers = 31,
	.signal_registers = 31,
	.signal_registers_at = 184,
	.signal_sp_at = 432,
	.signal_pc_at = 440,
};

const struct seep_arch *seep_arch_of(unsigned machine)
{
	if (machine == seep_amd64.machine)
		return &seep_amd64;
	return machine == seep_arm64.machine ? &seep_arm64 : NULL;
}
