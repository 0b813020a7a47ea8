// The headers of an ELF core of Linux.
//
//	header    +16 type (4)  +18 machine  +32 phoff  +40 shoff  +54 phentsize  +56 phnum (0xffff: it is in the first
//	          section header's sh_info)
//	program   PT_NOTE: the notes; PT_LOAD: a mapping, vaddr, memsz, and of it filesz bytes at offset
//	note      namesz, descsz, type: u32 each; name and desc, each padded to 4; those of the name "CORE" count:
//
//	NT_PRSTATUS (1), one for each thread: +32 pid, +112 registers; amd64: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx
//	          rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base ...; arm64: x0 to x30, sp, pc, pstate
//	NT_PRPSINFO (3): +24 pid
//	NT_AUXV (6): the auxiliary vector
//	NT_FILE (0x46494c45): count, page size; then for each mapping of a file start, end, offset in pages: u64 each; then
//	          their names, each with a NUL
//
// The kernel and gcore write the same; systemd-coredump keeps what the kernel wrote. qemu, where it runs a program of another machine,
// writes no NT_FILE. All of it is read with pread(), nothing is mapped: a
// core may be cut short while it is read. Every number is hostile. Mappings must be ascending, as they are in every address space, and
// all that is said of a file must lie in a mapping that is there.
#include "target/core.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 1 << 20, NOTES_MAX = 1 << 22, AUXV_MAX = 1 << 16, FILES_MAX = 64 << 20 };
enum { PRSTATUS_MAX = 392, PRSTATUS_PID = 32, PRSTATUS_REGS = 112, PRPSINFO_PID = 24 };

/** Registers in NT_PRSTATUS (struct user_regs_struct; struct user_pt_regs), by their number there. */
struct status {
	const struct seep_arch *arch;
	size_t bytes; /** of the note */
	uint8_t pc, sp, bp;
	int8_t call; /** has the number of the system call that it is in, or less than 0; -1: nothing says so */
	uint8_t order[SEEP_THREAD_REGISTERS]; /** of regs[] in seep_thread */
};
static const struct status statuses[] = {
	{ &seep_amd64, 336, 16, 19, 4, 15, { 10, 5, 11, 12, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0 } },
	{ &seep_arm64, 392, 32, 31, 29, -1, { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
					      11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
					      22, 23, 24, 25, 26, 27, 28, 29, 30 } },
};

/** Exactly len bytes at offset. */
static bool read_at(const struct seep_core *core, uint64_t offset, void *buf, size_t len)
{
	size_t done = 0;

	if (offset > core->size || len > core->size - offset)
		return false;
	while (done < len) {
		ssize_t n = pread(core->fd, (char *)buf + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

static struct seep_error *cut_short(const char *what)
{
	return seep_error_format(
		SEEP_ERROR_BAD_DATA,
		"the core file is cut short: its %s is not all there, without which nothing can be read",
		what);
}

static struct seep_error *read_header(struct seep_core *core, Elf64_Ehdr *header)
{
	if (!read_at(core, 0, header, sizeof(*header)))
		return cut_short("header");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    !seep_arch_of(header->e_machine))
		return seep_error_format(
			SEEP_ERROR_UNSUPPORTED,
			"a core of another machine (ELF machine %u); seep reads those of 64-bit x86-64 and arm64",
			header->e_machine);
	core->arch = seep_arch_of(header->e_machine);
	if (header->e_type == ET_EXEC || header->e_type == ET_DYN)
		return seep_error_format(
			SEEP_ERROR_UNSUPPORTED,
			"a program, not a core file; a Go program leaves a core only if it runs with GOTRACEBACK=crash");
	if (header->e_type != ET_CORE || header->e_phentsize != sizeof(Elf64_Phdr))
		return seep_error_format(SEEP_ERROR_BAD_DATA, "the core's header is malformed");
	return NULL;
}

static struct seep_error *read_program_headers(struct seep_core *core, Elf64_Phdr **ret,
					       size_t *count_ret)
{
	Elf64_Ehdr header;
	Elf64_Shdr first;
	struct seep_error *err = read_header(core, &header);

	if (err)
		return err;
	size_t count = header.e_phnum;
	if (count == PN_XNUM) {
		if (header.e_shoff == 0 || !read_at(core, header.e_shoff, &first, sizeof(first)))
			return cut_short("list of mappings");
		count = first.sh_info;
	}
	if (count == 0 || count > SEGMENTS_MAX)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "a core of %zu mappings", count);
	_cleanup_free_ Elf64_Phdr *headers = malloc(count * sizeof(*headers));
	if (!headers)
		return &seep_enomem;
	if (!read_at(core, header.e_phoff, headers, count * sizeof(*headers)))
		return cut_short("list of mappings");
	*count_ret = count;
	*ret = headers;
	headers = NULL;
	return NULL;
}

static struct seep_error *add_segment(struct seep_core *core, const Elf64_Phdr *phdr)
{
	struct seep_core_segment s = { .start = phdr->p_vaddr,
				       .offset = phdr->p_offset,
				       .dumped = phdr->p_filesz < phdr->p_memsz ? phdr->p_filesz :
										  phdr->p_memsz,
				       .flags = phdr->p_flags };
	seep_addr floor = core->segments.len ? core->segments.data[core->segments.len - 1].end : 0;
	uint64_t file_end;

	if (phdr->p_memsz == 0)
		return NULL;
	if (__builtin_add_overflow(s.start, phdr->p_memsz, &s.end) || s.start < floor ||
	    s.start % seep_page_bytes || s.end % seep_page_bytes || s.dumped % seep_page_bytes ||
	    __builtin_add_overflow(s.offset, s.dumped, &file_end) ||
	    (s.dumped && s.offset < core->bytes_end))
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the core's mapping at %#" PRIx64 " is malformed",
					 s.start);
	uint64_t left = s.offset < core->size ? core->size - s.offset : 0;
	s.present = (s.dumped < left ? s.dumped : left) & -seep_page_bytes;
	if (s.dumped)
		core->bytes_end = file_end;
	return seep_vec_push(&core->segments, s) ? NULL : &seep_enomem;
}

static struct seep_error *add_thread(struct seep_core *core, const unsigned char *status,
				     size_t len)
{
	const struct status *layout = statuses;
	uint64_t r[(PRSTATUS_MAX - PRSTATUS_REGS) / 8];

	while (layout->arch != core->arch)
		layout++;
	if (len < layout->bytes)
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "a thread's registers take %zu bytes, not %zu", len,
					 layout->bytes);
	for (size_t i = 0; i < sizeof(r) / sizeof(*r); i++)
		r[i] = seep_le64(status + PRSTATUS_REGS + 8 * i);
	pid_t tid = (pid_t)seep_le32(status + PRSTATUS_PID);
	int64_t call = layout->call >= 0 ? (int64_t)r[layout->call] : -1;
	struct seep_thread thread = { .tid = tid,
				      .procid = tid,
				      .stopped = true,
				      .pc = r[layout->pc],
				      .sp = r[layout->sp],
				      .bp = r[layout->bp],
				      .syscall = call >= 0 ? call : -1 };
	for (size_t i = 0; i < core->arch->registers; i++)
		thread.regs[i] = r[layout->order[i]];
	return seep_vec_push(&core->threads, thread) ? NULL : &seep_enomem;
}

/** A note's content, owned, with a NUL behind. */
static struct seep_error *read_content(const struct seep_core *core, uint64_t offset, size_t len,
				       size_t max, char **ret, size_t *len_ret)
{
	if (*ret || len > max)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "a note of %zu bytes, or twice", len);
	char *content = malloc(len + 1);
	if (!content)
		return &seep_enomem;
	if (!read_at(core, offset, content, len)) {
		free(content);
		return cut_short("list of threads and files");
	}
	content[len] = '\0';
	*ret = content;
	*len_ret = len;
	return NULL;
}

static struct seep_error *read_note(struct seep_core *core, uint32_t type, uint64_t offset,
				    size_t len)
{
	unsigned char status[PRSTATUS_MAX] = {};

	switch (type) {
	case NT_PRSTATUS:
	case NT_PRPSINFO:
		if (!read_at(core, offset, status, len < sizeof(status) ? len : sizeof(status)))
			return cut_short("list of threads and files");
		if (type == NT_PRSTATUS)
			return add_thread(core, status, len);
		core->pid = (pid_t)seep_le32(status + PRPSINFO_PID);
		return NULL;
	case NT_AUXV:
		return read_content(core, offset, len, AUXV_MAX, &core->auxv, &core->auxv_len);
	case NT_FILE:
		return read_content(core, offset, len, FILES_MAX, &core->files, &core->files_len);
	default:
		return NULL;
	}
}

static struct seep_error *read_notes(struct seep_core *core, uint64_t at, uint64_t len)
{
	struct seep_error *err = NULL;
	uint64_t end;

	if (__builtin_add_overflow(at, len, &end))
		return seep_error_format(SEEP_ERROR_BAD_DATA, "the core's notes are malformed");
	if (end > core->size)
		return cut_short("list of threads and files");
	for (size_t n = 0; !err && end - at >= 12; n++) {
		unsigned char note[12 + 8] = {}; // with the name "CORE\0"
		size_t part = end - at < sizeof(note) ? end - at : sizeof(note);
		if (n == NOTES_MAX)
			return seep_error_format(SEEP_ERROR_BAD_DATA, "more than %d notes",
						 NOTES_MAX);
		if (!read_at(core, at, note, part))
			return cut_short("list of threads and files");
		uint64_t name_len = seep_le32(note), desc_len = seep_le32(note + 4);
		uint64_t name_room = (name_len + 3) & ~3ull, desc_room = (desc_len + 3) & ~3ull;
		at += 12;
		if (name_room > end - at || desc_len > end - at - name_room)
			return seep_error_format(SEEP_ERROR_BAD_DATA,
						 "the core's notes are malformed");
		if (name_len == 5 && !memcmp(note + 12, "CORE", 5))
			err = read_note(core, seep_le32(note + 8), at + name_room, desc_len);
		at += name_room;
		at = desc_room < end - at ? at + desc_room : end;
	}
	return err;
}

/** Which file each mapping maps. */
static struct seep_error *read_files(struct seep_core *core)
{
	struct seep_buffer entries = seep_buffer_of(core->files, core->files_len);
	uint64_t count, unit, start, end, offset, entry = seep_core_auxv(core, AT_ENTRY);
	const char *exe = NULL;
	size_t i = 0;

	if (!seep_buffer_u64(&entries, &count) || !seep_buffer_u64(&entries, &unit) ||
	    count > seep_buffer_left(&entries) / 25) // three words and a NUL
		return seep_error_format(SEEP_ERROR_BAD_DATA,
					 "the core's list of files is malformed");
	struct seep_buffer names =
		seep_buffer_of(entries.pos + 24 * count, seep_buffer_left(&entries) - 24 * count);
	for (; count; count--) {
		const char *name = seep_buffer_cstring(&names, SIZE_MAX);
		if (!name || !seep_buffer_u64(&entries, &start) ||
		    !seep_buffer_u64(&entries, &end) || !seep_buffer_u64(&entries, &offset) ||
		    __builtin_mul_overflow(offset, unit, &offset))
			return seep_error_format(SEEP_ERROR_BAD_DATA,
						 "the core's list of files is malformed");
		if (entry >= start && entry < end)
			exe = name;
		while (i < core->segments.len && core->segments.data[i].start < start)
			i++;
		// gcore leaves out some mappings, but lists their files.
		if (i == core->segments.len || core->segments.data[i].start != start)
			continue;
		if (core->segments.data[i].end != end)
			return seep_error_format(
				SEEP_ERROR_BAD_DATA,
				"the core's lists of mappings and of files do not agree at %#" PRIx64,
				start);
		core->segments.data[i].path = name;
		core->segments.data[i].file_offset = offset;
	}
	if (!exe)
		return NULL;
	seep_vec_foreach(s, &core->segments)
		s->is_exe = s->path && strcmp(s->path, exe) == 0;
	core->exe_path = strdup(exe);
	return core->exe_path ? NULL : &seep_enomem;
}

/** How the program was called that runs: without NT_FILE that is all that is known of where it was. */
static struct seep_error *read_called(struct seep_core *core)
{
	seep_addr at = seep_core_auxv(core, AT_EXECFN);
	char name[PATH_MAX];
	size_t len = 0;

	while (at && len < sizeof(name) && seep_core_pread(core, at + len, name + len, 1) &&
	       name[len])
		len++;
	core->exe_path = strndup(name, len);
	return core->exe_path ? NULL : &seep_enomem;
}

static struct seep_error *read_all(struct seep_core *core)
{
	struct seep_error *err;
	_cleanup_free_ Elf64_Phdr *headers = NULL;
	struct stat status;
	size_t count = 0;

	if (fstat(core->fd, &status) < 0)
		return seep_error_os(errno, "cannot be examined");
	core->size = status.st_size;
	err = read_program_headers(core, &headers, &count);
	for (size_t i = 0; !err && i < count; i++) {
		if (headers[i].p_type == PT_LOAD)
			err = add_segment(core, &headers[i]);
		else if (headers[i].p_type == PT_NOTE)
			err = read_notes(core, headers[i].p_offset, headers[i].p_filesz);
	}
	if (err)
		return err;
	if (!core->threads.len || !core->auxv)
		return seep_error_format(SEEP_ERROR_BAD_DATA, "the core has no note of %s",
					 !core->threads.len ? "its threads" :
							      "the auxiliary vector (NT_AUXV)");
	err = core->files ? read_files(core) : read_called(core);
	if (!err && !core->exe_path)
		err = seep_error_format(
			SEEP_ERROR_BAD_DATA,
			"the core does not say which file its program was started from");
	return err;
}

struct seep_error *seep_core_read(int fd, struct seep_core *ret)
{
	struct seep_core core = { .fd = fd };
	struct seep_error *err = read_all(&core);

	if (err) {
		seep_core_deinit(&core);
		return err;
	}
	*ret = core;
	return NULL;
}

void seep_core_deinit(struct seep_core *core)
{
	if (core->fd >= 0)
		close(core->fd);
	seep_vec_free(&core->segments);
	seep_vec_free(&core->threads);
	free(core->auxv);
	free(core->files);
	free(core->exe_path);
	*core = (struct seep_core){ .fd = -1 };
}

const struct seep_core_segment *seep_core_find(const struct seep_core *core, seep_addr addr)
{
	size_t lo = 0, hi = core->segments.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (core->segments.data[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < core->segments.len && core->segments.data[lo].start <= addr ?
		       &core->segments.data[lo] :
		       NULL;
}

bool seep_core_pread(const struct seep_core *core, seep_addr addr, void *buf, size_t len)
{
	const struct seep_core_segment *s = seep_core_find(core, addr);
	uint64_t at = s ? addr - s->start : 0;

	return s && at <= s->present && len <= s->present - at &&
	       read_at(core, s->offset + at, buf, len);
}

uint64_t seep_core_auxv(const struct seep_core *core, uint64_t type)
{
	struct seep_buffer buf = seep_buffer_of(core->auxv, core->auxv_len);
	uint64_t key, value;

	while (seep_buffer_u64(&buf, &key) && seep_buffer_u64(&buf, &value) && key != AT_NULL)
		if (key == type)
			return value;
	return 0;
}
