// Cores that are made here: what is read of them, and which are refused. Those of real programs are looked at by tests/cores.py.
//
// The core has an executable of one page, all of it in the core, the program's variables behind it, and a stack:
//
//	0x400000  r-x  /none/program, offset 0: an ELF header, one program header, one Go build id
//	0x401000  rw-  /none/program, offset 0x1000
//	0x402000  rw-
//	0x7ff000  rw-  the stack: argc, arguments, environment, auxiliary vector, strings
//
// SEEP_CORE_SEED=FILE in the environment has it written there: that is how fuzz/corpus/core came about.
#include "target/core.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096, MAPPINGS = 4, NOTES_AT = 512, LOADS_AT = 2 * PAGE };
enum { CORE_BYTES = LOADS_AT + MAPPINGS * PAGE, EXECFN_AT = 512 };
static const uint64_t exe_base = 0x400000, stack_base = 0x7ff000;

struct core {
	unsigned char bytes[CORE_BYTES];
	size_t notes_len;
	size_t size; /** of the file */
};

static void put64(void *at, uint64_t value)
{
	memcpy(at, &value, 8);
}

/** Adds a note; its content. */
static unsigned char *add_note(struct core *core, uint32_t type, size_t len)
{
	unsigned char *note = core->bytes + NOTES_AT + core->notes_len;
	const uint32_t head[3] = { 5, (uint32_t)len, type };

	memcpy(note, head, sizeof(head));
	memcpy(note + sizeof(head), "CORE", 5);
	core->notes_len += sizeof(head) + 8 + ((len + 3) & ~3ul);
	return note + sizeof(head) + 8;
}

static Elf64_Ehdr elf_header(uint16_t type, uint16_t phnum)
{
	Elf64_Ehdr header = { .e_type = type,
			      .e_machine = EM_X86_64,
			      .e_phoff = sizeof(header),
			      .e_phentsize = sizeof(Elf64_Phdr),
			      .e_phnum = phnum };

	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	return header;
}

static Elf64_Phdr *program_headers(struct core *core)
{
	return (Elf64_Phdr *)(void *)(core->bytes + sizeof(Elf64_Ehdr));
}

/** The page of the executable: a program of one segment with a build id. */
static void make_exe(unsigned char *page)
{
	Elf64_Ehdr header = elf_header(ET_EXEC, 2);
	const Elf64_Phdr load = { .p_type = PT_LOAD,
				  .p_flags = PF_R | PF_X,
				  .p_vaddr = exe_base,
				  .p_filesz = PAGE,
				  .p_memsz = PAGE };
	const Elf64_Phdr note = {
		.p_type = PT_NOTE, .p_flags = PF_R, .p_offset = 256, .p_filesz = 24, .p_memsz = 24
	};
	const uint32_t head[3] = { 4, 8, 4 }; // Go's build id

	header.e_entry = exe_base + 0x300;
	memcpy(page, &header, sizeof(header));
	memcpy(page + sizeof(header), &load, sizeof(load));
	memcpy(page + sizeof(header) + sizeof(load), &note, sizeof(note));
	memcpy(page + 256, head, sizeof(head));
	memcpy(page + 256 + 12, "Go\0\0build-id", 12);
}

/** Start of the process, as the kernel lays it out. */
static void make_stack(unsigned char *page, const uint64_t *auxv, size_t auxv_len)
{
	uint64_t strings = stack_base + EXECFN_AT - 16;

	memset(page, 0, PAGE);
	put64(page + 64, 1); // argc
	put64(page + 72, strings - 8);
	put64(page + 88, strings); // of the environment
	put64(page + 96, strings + 8);
	memcpy(page + 112, auxv, auxv_len);
	memcpy(page + EXECFN_AT - 24, "prog", 5);
	memcpy(page + EXECFN_AT - 16, "GOGC=50", 8);
	memcpy(page + EXECFN_AT - 8, "A=b", 4);
	memcpy(page + EXECFN_AT, "/none/program", 14);
}

static void make_notes(struct core *core, const uint64_t *auxv, size_t auxv_len)
{
	static const char names[] = "/none/program\0/none/program";
	const uint64_t files[] = {
		2, PAGE, exe_base, exe_base + PAGE, 0, exe_base + PAGE, exe_base + 2 * PAGE, 1
	};
	const uint32_t pid = 4711;
	unsigned char *status = add_note(core, NT_PRSTATUS, 336);

	memcpy(status + 32, &pid, 4);
	for (uint64_t i = 0; i < 27; i++)
		put64(status + 112 + 8 * i, 1000 + i);
	memcpy(add_note(core, NT_PRPSINFO, 136) + 24, &pid, 4);
	memcpy(add_note(core, NT_AUXV, auxv_len), auxv, auxv_len);
	unsigned char *note = add_note(core, NT_FILE, sizeof(files) + sizeof(names));
	memcpy(note, files, sizeof(files));
	memcpy(note + sizeof(files), names, sizeof(names));
}

static void make(struct core *core)
{
	static const struct {
		seep_addr start;
		uint32_t flags;
	} mappings[MAPPINGS] = { { 0x400000, PF_R | PF_X },
				 { 0x401000, PF_R | PF_W },
				 { 0x402000, PF_R | PF_W },
				 { 0x7ff000, PF_R | PF_W } };
	const uint64_t auxv[] = { AT_PHNUM,	    2,	       AT_ENTRY,
				  exe_base + 0x300, AT_EXECFN, stack_base + EXECFN_AT,
				  AT_NULL,	    0 };
	const Elf64_Ehdr header = elf_header(ET_CORE, 1 + MAPPINGS);

	*core = (struct core){ .size = CORE_BYTES };
	memcpy(core->bytes, &header, sizeof(header));
	make_notes(core, auxv, sizeof(auxv));
	program_headers(core)[0] = (Elf64_Phdr){ .p_type = PT_NOTE,
						 .p_offset = NOTES_AT,
						 .p_filesz = core->notes_len };
	for (size_t i = 0; i < MAPPINGS; i++) {
		memset(core->bytes + LOADS_AT + i * PAGE, (int)i, PAGE);
		program_headers(core)[1 + i] = (Elf64_Phdr){ .p_type = PT_LOAD,
							     .p_flags = mappings[i].flags,
							     .p_vaddr = mappings[i].start,
							     .p_offset = LOADS_AT + i * PAGE,
							     .p_filesz = PAGE,
							     .p_memsz = PAGE };
	}
	make_exe(core->bytes + LOADS_AT);
	make_stack(core->bytes + LOADS_AT + 3 * PAGE, auxv, sizeof(auxv));
}

static struct seep_error *open_core(const struct core *core, struct seep_target **ret)
{
	char path[64];
	int fd = memfd_create("core", MFD_CLOEXEC);

	assert_int_equal(write(fd, core->bytes, core->size), core->size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct seep_error *err = seep_target_open_file(&(struct seep_source){ .file = path }, ret);
	close(fd);
	return err;
}

static void refused(const struct core *core, enum seep_error_code code, const char *part)
{
	struct seep_target *target = NULL;
	struct seep_error *err = open_core(core, &target);

	assert_non_null(err);
	if (!strstr(err->message, part))
		print_error("%s\n", err->message);
	assert_non_null(strstr(err->message, part));
	assert_int_equal(err->code, code);
	seep_error_destroy(err);
}

static void core_is_read(void **state)
{
	struct core core;
	struct seep_target *target = NULL;
	size_t count;
	unsigned char bytes[8192];

	(void)state;
	make(&core);
	assert_null(open_core(&core, &target));
	assert_int_equal(seep_target_pid(target), 4711);
	assert_int_equal(seep_target_kind(target), SEEP_TARGET_CORE);
	assert_string_equal(seep_target_exe_path(target), "/none/program");
	assert_string_equal(seep_target_env(target, "GOGC"), "50");
	assert_string_equal(seep_target_env(target, "A"), "b");
	assert_null(seep_target_env(target, "B"));
	assert_null(seep_target_note(target, 0));

	const struct seep_thread *thread = seep_target_threads(target, &count);
	assert_int_equal(count, 1);
	assert_int_equal(thread->procid, 4711);
	assert_int_equal(thread->pc, 1016);
	assert_int_equal(thread->sp, 1019);
	assert_int_equal(thread->syscall, 1015);
	// rax rbx rcx rdx rsi rdi rbp rsp r8 ... r15, of a note that begins with r15
	static const uint64_t regs[16] = { 1010, 1005, 1011, 1012, 1013, 1014, 1004, 1019,
					   1009, 1008, 1007, 1006, 1003, 1002, 1001, 1000 };
	assert_memory_equal(thread->regs, regs, sizeof(regs));

	const struct seep_mapping *m = seep_target_mappings(target, &count);
	assert_int_equal(count, MAPPINGS);
	assert_true(m[0].is_exe && !m[0].writable && m[1].is_exe && m[1].file_backed);
	assert_int_equal(m[1].file_offset, PAGE);
	assert_true(!m[2].is_exe && !m[2].file_backed && m[2].writable);

	assert_null(seep_target_read(target, 0x401ffc, bytes, 8));
	assert_memory_equal(bytes, "\1\1\1\1\2\2\2\2", 8);
	struct seep_error *err = seep_target_read(target, 0x402ffc, bytes, 8);
	assert_int_equal(err->code, SEEP_ERROR_FAULT);
	seep_error_destroy(err);

	// Only what is asked for is copied.
	const struct seep_memory *memory = seep_target_memory(target);
	assert_int_equal(*(const unsigned char *)seep_memory_at(memory, 0x401000, 8192), 0);
	assert_null(seep_target_copy(target, &(struct seep_range){ 0x402010, 0x402018 }, 1));
	assert_int_equal(*(const unsigned char *)seep_memory_at(memory, 0x401000, 8192), 0);
	assert_int_equal(*(const unsigned char *)seep_memory_at(memory, 0x402fff, 1), 2);
	assert_int_equal(seep_target_stats(target).pages_unreadable, 0);
	seep_target_close(target);
}

static void what_is_cut_off_is_no_memory(void **state)
{
	struct core core;
	struct seep_target *target = NULL;
	const struct seep_range all = { 0, UINT64_MAX };

	(void)state;
	make(&core);
	core.size = LOADS_AT + 2 * PAGE + 100;
	assert_null(open_core(&core, &target));
	assert_non_null(strstr(seep_target_note(target, 0), "cut short: 8092 of its 24576 bytes"));
	assert_non_null(strstr(seep_target_note(target, 1), "of 2 mappings 8192 bytes"));
	assert_non_null(strstr(seep_target_note(target, 2), "0x402000-0x403000: 4096 of 4096"));
	const struct seep_memory *memory = seep_target_memory(target);
	assert_non_null(seep_memory_at(memory, 0x401000, PAGE));
	assert_null(seep_memory_at(memory, 0x402000, 1));
	assert_null(seep_target_copy(target, &(struct seep_range){ 0x401000, 0x402000 }, 1));
	assert_int_equal(seep_target_stats(target).pages_unreadable, 0);
	assert_null(seep_target_copy(target, &all, 1));
	assert_int_equal(seep_target_stats(target).pages_unreadable, 2);
	seep_target_close(target);
}

static void every_length_ends_well(void **state)
{
	struct core core;

	(void)state;
	make(&core);
	for (size_t size = 0; size < CORE_BYTES; size++) {
		struct seep_target *target = NULL;
		core.size = size;
		struct seep_error *err = open_core(&core, &target);
		// Without the executable's page there is no executable.
		assert_true(err ? size < LOADS_AT + PAGE : size >= LOADS_AT + PAGE);
		seep_error_destroy(err);
		seep_target_close(target);
	}
}

static void untouched_variables_come_from_the_executable(void **state)
{
	struct core core;
	struct seep_target *target = NULL;
	unsigned char bytes[8];

	(void)state;
	make(&core);
	program_headers(&core)[2].p_filesz = 0;
	assert_null(open_core(&core, &target));
	assert_null(seep_target_note(target, 0));
	// The executable, of one page, ends before: zeros.
	assert_null(seep_target_read(target, 0x401000, bytes, 8));
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0", 8);
	assert_null(seep_target_copy(target, &(struct seep_range){ 0x401000, 0x402000 }, 1));
	assert_int_equal(seep_target_stats(target).pages_unreadable, 0);
	seep_target_close(target);
}

static void what_the_filter_kept_is_missing(void **state)
{
	struct core core;
	struct seep_target *target = NULL;

	(void)state;
	make(&core);
	program_headers(&core)[3].p_filesz = 0;
	assert_null(open_core(&core, &target));
	assert_non_null(strstr(seep_target_note(target, 0), "coredump_filter"));
	assert_null(seep_memory_at(seep_target_memory(target), 0x402000, 1));
	seep_target_close(target);
}

static void refusals(void **state)
{
	struct core core;

	(void)state;
	make(&core);
	core.bytes[18] = EM_RISCV;
	refused(&core, SEEP_ERROR_UNSUPPORTED, "a core of another machine (ELF machine 243)");
	make(&core);
	core.bytes[16] = ET_EXEC;
	refused(&core, SEEP_ERROR_UNSUPPORTED, "GOTRACEBACK=crash");
	make(&core);
	program_headers(&core)[0].p_filesz = 400;
	refused(&core, SEEP_ERROR_BAD_DATA, "malformed");
	make(&core);
	program_headers(&core)[0].p_type = PT_NULL;
	refused(&core, SEEP_ERROR_BAD_DATA, "no note of its threads");
	make(&core);
	program_headers(&core)[2].p_vaddr = exe_base;
	refused(&core, SEEP_ERROR_BAD_DATA, "mapping at 0x400000 is malformed");
	make(&core);
	program_headers(&core)[2].p_offset -= PAGE;
	refused(&core, SEEP_ERROR_BAD_DATA, "mapping at 0x401000 is malformed");
	make(&core);
	program_headers(&core)[2].p_memsz += PAGE;
	refused(&core, SEEP_ERROR_BAD_DATA, "mapping at 0x402000 is malformed");
	make(&core);
	program_headers(&core)[1].p_filesz = 0;
	refused(&core, SEEP_ERROR_UNSUPPORTED, "name it: seep inspect CORE EXE");
	make(&core);
	core.size = 0;
	refused(&core, SEEP_ERROR_UNSUPPORTED, "empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_is_read),
		cmocka_unit_test(what_is_cut_off_is_no_memory),
		cmocka_unit_test(every_length_ends_well),
		cmocka_unit_test(untouched_variables_come_from_the_executable),
		cmocka_unit_test(what_the_filter_kept_is_missing),
		cmocka_unit_test(refusals),
	};
	const char *seed = getenv("SEEP_CORE_SEED");
	FILE *file = seed ? fopen(seed, "wb") : NULL;

	if (file) {
		struct core core;
		make(&core);
		fwrite(core.bytes, 1, core.size, file);
		fclose(file);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
