/** A core file: what its headers and notes say (core_notes.c), and the executable that it is of (core_exe.c). */
#ifndef SEEP_TARGET_CORE_H
#define SEEP_TARGET_CORE_H

#include "target/internal.h"

/** A mapping as a PT_LOAD has it. */
struct seep_core_segment {
	seep_addr start, end;
	uint64_t offset; /** of its bytes in the core */
	uint64_t dumped; /** how many of them, from start on, the core was meant to have */
	uint64_t present; /** how many of these are there: fewer where the core is cut short */
	uint32_t flags; /** PF_R, PF_W, PF_X */
	const char *path; /** the file that it maps (NT_FILE), NULL: none; borrowed from the core */
	uint64_t file_offset;
	bool is_exe;
};

struct seep_core {
	int fd; /** owned */
	const struct seep_arch *arch;
	uint64_t size; /** of the file */
	uint64_t bytes_end; /** of the last mapping's bytes: more than size where it is cut short */
	uint64_t limit, copied; /** bytes of memory to copy at most, 0 = no limit; copied so far */
	pid_t pid;
	struct seep_core_segments seep_vec(struct seep_core_segment) segments; /** ascending */
	struct seep_threads threads;
	char *auxv;
	size_t auxv_len;
	char *files; /** the content of NT_FILE, with a NUL behind; NULL: qemu's have none */
	size_t files_len;
	char *exe_path; /** where the executable was; without NT_FILE as it was called (AT_EXECFN) */
};

/**
 * Reads headers and notes; fd is taken, also on error. UNSUPPORTED: no core, or of another machine; BAD_DATA: contradicts itself, or lacks
 * what every core has.
 */
struct seep_error *seep_core_read(int fd, struct seep_core *ret) _must_check_;
void seep_core_deinit(struct seep_core *core);

/** Bytes of the core at addr, all in one segment, or false. */
bool seep_core_pread(const struct seep_core *core, seep_addr addr, void *buf, size_t len);
/** The segment that holds addr, NULL if none does. */
const struct seep_core_segment *seep_core_find(const struct seep_core *core, seep_addr addr);
/** Value of an entry of the auxiliary vector, 0 if absent. */
uint64_t seep_core_auxv(const struct seep_core *core, uint64_t type);

/**
 * Finds the executable, opens it as target->exe_fd and names it in exe_path, as it was called when it ran. checked_ret: whether the core has
 * what shows that it is the right one. UNSUPPORTED: it is not to be found, or is another one; says what was tried, and the remedy.
 */
struct seep_error *seep_core_find_exe(struct seep_target *target, const struct seep_core *core,
				      const struct seep_source *source, bool *checked_ret)
	_must_check_;

#endif
