// The executable that a core is of. Its read-only pages are not in the core, but for the first, by the default of
// coredump_filter: the ELF header, the program headers and the build id, which no other build has.
//
// It is looked for, in this order: where the user says; beside the core (any file that fits, and .build-id/ab/cdef..., as
// symbol servers and debuggers have it); under the path that it had when it ran; and in the core itself, where
// a filter has let all of it be dumped. Whichever is found must fit; there is no guessing.
#include "base/build_id.h"
#include "target/core.h"
#include "target/spool.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 4096, SEGMENTS_MAX = 64, COPY_BYTES = 4096 };

/** The beginning of an executable, and what it is known by. */
struct page {
	unsigned char bytes[4096];
	size_t len; /** 0: not known */
	struct seep_build_id id; /** in bytes */
};

struct search {
	const struct seep_core *core;
	struct page wanted;
	const char *path; /** where it was when it ran */
	const char *tried; /** why the file there will not do */
};

/** False for what is no ELF file of that machine. */
static bool find_id(struct page *page, const struct seep_arch *arch)
{
	Elf64_Ehdr header;
	Elf64_Phdr phdr;

	page->id = (struct seep_build_id){};
	if (page->len < sizeof(header) || memcmp(page->bytes, ELFMAG, SELFMAG) != 0)
		return false;
	memcpy(&header, page->bytes, sizeof(header));
	if (header.e_machine != arch->machine || header.e_phentsize != sizeof(phdr) ||
	    (header.e_type != ET_EXEC && header.e_type != ET_DYN))
		return false;
	for (size_t i = 0; i < header.e_phnum && i < SEGMENTS_MAX; i++) {
		uint64_t at = header.e_phoff + i * sizeof(phdr);
		if (at > page->len || page->len - at < sizeof(phdr))
			break;
		memcpy(&phdr, page->bytes + at, sizeof(phdr));
		if (phdr.p_type == PT_NOTE && phdr.p_offset <= page->len &&
		    phdr.p_filesz <= page->len - phdr.p_offset)
			seep_build_id_find(seep_buffer_of(page->bytes + phdr.p_offset,
							  phdr.p_filesz),
					   &page->id);
	}
	return true;
}

/** The executable's first page as it is in the core. */
static void find_wanted(struct search *search)
{
	const struct seep_core *core = search->core;

	seep_vec_foreach(s, &core->segments) {
		if (!s->is_exe || s->file_offset != 0)
			continue;
		if (seep_core_pread(core, s->start, search->wanted.bytes,
				    sizeof(search->wanted.bytes))) {
			search->wanted.len = sizeof(search->wanted.bytes);
			if (!find_id(&search->wanted, core->arch))
				search->wanted.len = 0;
		}
		return;
	}
}

/** Whether two files begin alike, but for what strip changes: where the section headers are, and how many. */
static bool same_start(const struct page *a, const struct page *b)
{
	const size_t shoff = offsetof(Elf64_Ehdr, e_shoff), flags = offsetof(Elf64_Ehdr, e_flags),
		     shentsize = offsetof(Elf64_Ehdr, e_shentsize), end = sizeof(Elf64_Ehdr);

	return a->len == b->len && !memcmp(a->bytes, b->bytes, shoff) &&
	       !memcmp(a->bytes + flags, b->bytes + flags, shentsize - flags) &&
	       !memcmp(a->bytes + end, b->bytes + end, a->len - end);
}

/** NULL if the file is the one, or may be; else why it is not. */
static const char *misfit(const struct search *search, int fd)
{
	const struct page *wanted = &search->wanted;
	struct page page = {};
	struct stat status;
	Elf64_Ehdr header;

	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return "no regular file";
	ssize_t len = pread(fd, page.bytes, sizeof(page.bytes), 0);
	page.len = len > 0 ? (size_t)len : 0;
	if (!find_id(&page, search->core->arch))
		return search->core->arch == &seep_amd64 ? "no x86-64 executable" :
							   "no arm64 executable";
	memcpy(&header, page.bytes, sizeof(header));
	if (header.e_phnum != seep_core_auxv(search->core, AT_PHNUM) ||
	    (seep_core_auxv(search->core, AT_ENTRY) - header.e_entry) % seep_page_bytes)
		return "another program";
	if (!wanted->len)
		return NULL;
	if (page.id.bytes && wanted->id.bytes)
		return page.id.gnu == wanted->id.gnu && page.id.len == wanted->id.len &&
				       !memcmp(page.id.bytes, wanted->id.bytes, page.id.len) ?
			       NULL :
			       "another build: its build id is not that in the core";
	return same_start(&page, wanted) ? NULL :
					   "another build: its first page is not that in the core";
}

/** Opens and checks one; -1 with the reason. */
static int try_file(const struct search *search, int dir_fd, const char *path, const char **why)
{
	// Whatever lies there may be a pipe, which nobody shall wait for.
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) {
		*why = strerror(errno);
		return -1;
	}
	*why = misfit(search, fd);
	if (!*why)
		return fd;
	close(fd);
	return -1;
}

static int try_build_id(const struct search *search, int dir_fd)
{
	char id[2 * SEEP_BUILD_ID_MAX + 1], path[sizeof(id) + 16];
	const char *why;

	if (!search->wanted.id.gnu)
		return -1;
	seep_build_id_text(&search->wanted.id, id, sizeof(id));
	snprintf(path, sizeof(path), ".build-id/%.2s/%s", id, id + 2);
	return try_file(search, dir_fd, path, &why);
}

/** Beside the core: without its first page nothing there could be known. */
static int try_folder(const struct search *search, const char *core_path)
{
	const char *slash = strrchr(core_path, '/'), *why;
	_cleanup_free_ char *path = slash ? strndup(core_path, slash - core_path + 1) :
					    strdup("./");
	DIR *dir = path && search->wanted.len && strcmp(core_path, "-") != 0 ? opendir(path) : NULL;
	int fd = -1;

	if (!dir)
		return -1;
	fd = try_build_id(search, dirfd(dir));
	for (unsigned n = 0; fd < 0 && n < ENTRIES_MAX; n++) {
		const struct dirent *entry = readdir(dir);
		if (!entry)
			break;
		if (entry->d_type == DT_REG || entry->d_type == DT_LNK ||
		    entry->d_type == DT_UNKNOWN)
			fd = try_file(search, dirfd(dir), entry->d_name, &why);
	}
	closedir(dir);
	return fd;
}

/** Under its path, also if it has been deleted and put back there. */
static int try_path(struct search *search)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(search->path), tail = sizeof(deleted) - 1;
	int fd = try_file(search, AT_FDCWD, search->path, &search->tried);

	if (fd < 0 && len > tail && strcmp(search->path + len - tail, deleted) == 0) {
		_cleanup_free_ char *path = strndup(search->path, len - tail);
		if (path)
			fd = try_file(search, AT_FDCWD, path, &search->tried);
	}
	// Another program may stand there by now.
	if (fd >= 0 && !search->wanted.len) {
		close(fd);
		search->tried = "the core has not the first page of it, to know it by";
		fd = -1;
	}
	return fd;
}

/** What the executable loads from offset on, to its place in the file; *all_ret: the core has it. */
static struct seep_error *copy_load(const struct seep_core *core, const Elf64_Phdr *phdr,
				    seep_addr bias, int fd, bool *all_ret)
{
	_cleanup_free_ unsigned char *buf = malloc(COPY_BYTES);

	if (!buf)
		return &seep_enomem;
	*all_ret = phdr->p_offset <= INT64_MAX / 2 && phdr->p_filesz <= INT64_MAX / 2;
	for (uint64_t at = 0, step; *all_ret && at < phdr->p_filesz; at += step) {
		seep_addr addr = phdr->p_vaddr + bias + at;
		// Up to the end of a page: the next may be in another mapping.
		step = COPY_BYTES - addr % COPY_BYTES;
		if (step > phdr->p_filesz - at)
			step = phdr->p_filesz - at;
		if (!seep_core_pread(core, addr, buf, step))
			*all_ret = false;
		else if (pwrite(fd, buf, step, (off_t)(phdr->p_offset + at)) != (ssize_t)step)
			return seep_error_os(errno, "the executable cannot be taken from the core");
	}
	return NULL;
}

/** From what it has loaded, if the core has all of that; *fd_ret stays -1 otherwise. */
static struct seep_error *take_from_core(const struct search *search, int *fd_ret)
{
	const struct page *page = &search->wanted;
	struct seep_error *err;
	Elf64_Ehdr header;
	Elf64_Phdr phdr;
	bool all = page->len > 0;
	int fd;

	if (!all)
		return NULL;
	err = seep_spool_create(&fd);
	if (err)
		return err;
	memcpy(&header, page->bytes, sizeof(header));
	seep_addr bias = seep_core_auxv(search->core, AT_ENTRY) - header.e_entry;
	for (size_t i = 0; !err && all && i < header.e_phnum; i++) {
		uint64_t at = header.e_phoff + i * sizeof(phdr);
		all = i < SEGMENTS_MAX && at <= page->len && page->len - at >= sizeof(phdr);
		if (all)
			memcpy(&phdr, page->bytes + at, sizeof(phdr));
		if (all && phdr.p_type == PT_LOAD)
			err = copy_load(search->core, &phdr, bias, fd, &all);
	}
	if (err || !all)
		close(fd);
	else
		*fd_ret = fd;
	return err;
}

static struct seep_error *not_found(const struct search *search)
{
	char id[2 * SEEP_BUILD_ID_MAX + 1];

	seep_build_id_text(&search->wanted.id, id, sizeof(id));
	return seep_error_format(
		SEEP_ERROR_UNSUPPORTED,
		"the program that the core is of is needed, too (%s%s%s): it is not there (%s), not beside the core, and not in it; name it: seep inspect CORE EXE",
		search->path, *id ? ", build id " : "", id, search->tried);
}

struct seep_error *seep_core_find_exe(struct seep_target *target, const struct seep_core *core,
				      const struct seep_source *source, bool *checked_ret)
{
	struct seep_error *err = NULL;
	struct search search = { .core = core, .path = core->exe_path };
	const char *why;
	int fd = -1;

	target->exe_path = strdup(search.path);
	if (!target->exe_path)
		return &seep_enomem;
	find_wanted(&search);
	*checked_ret = search.wanted.len > 0;
	if (source->exe) {
		fd = try_file(&search, AT_FDCWD, source->exe, &why);
		if (fd < 0)
			return seep_error_format(
				SEEP_ERROR_UNSUPPORTED,
				"%s will not do: %s; name the executable that %s was", source->exe,
				why, search.path);
	}
	if (fd < 0)
		fd = try_folder(&search, source->file);
	if (fd < 0)
		fd = try_path(&search);
	if (fd < 0)
		err = take_from_core(&search, &fd);
	if (!err && fd < 0)
		err = not_found(&search);
	target->exe_fd = fd;
	return err;
}
