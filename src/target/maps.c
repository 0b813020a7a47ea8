/*
 * /proc/PID/maps:
 *
 *	00400000-0050c000 r-xp 00000000 fe:00 123456    /usr/bin/service
 *	start    end      perm offset   dev   inode     path; s in perm: shared
 *
 * inode is 0 for anonymous memory, also when it carries a name ("[heap]", "[anon: Go: heap]").
 *
 * A mapping is of the executable when device and inode are those of /proc/PID/exe. On overlayfs and
 * btrfs the kernel shows other numbers in maps than stat() gives, therefore the path as the kernel
 * spells it in both places counts too.
 */
#include "target/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/** A million mappings is 15 times what the kernel allows by default. */
static const size_t mappings_max = 1 << 20;

bool seep_mapping_parse(const struct seep_target *target, const struct stat *exe, const char *line,
			size_t len, struct seep_mapping *ret, const char **name_ret)
{
	uint64_t start, end, offset, inode;
	unsigned dev_major, dev_minor;
	char perm[5];
	int path_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &start,
		   &end, perm, &offset, &dev_major, &dev_minor, &inode, &path_at) < 7 ||
	    start >= end || strlen(perm) != 4)
		return false;
	bool same_file = inode && inode == exe->st_ino && dev_major == major(exe->st_dev) &&
			 dev_minor == minor(exe->st_dev);
	bool same_path = inode && (size_t)path_at < len &&
			 len - path_at == strlen(target->exe_path) &&
			 !memcmp(line + path_at, target->exe_path, len - path_at);
	*ret = (struct seep_mapping){
		.start = start,
		.end = end,
		.file_offset = offset,
		.readable = perm[0] == 'r',
		.writable = perm[1] == 'w',
		.executable = perm[2] == 'x',
		.shared = perm[3] == 's',
		.file_backed = inode != 0,
		.is_exe = same_file || same_path,
	};
	if (name_ret)
		*name_ret = (size_t)path_at < len ? line + path_at : "";
	return true;
}

struct seep_error *seep_mappings_read(struct seep_target *target)
{
	struct stat exe = {};
	_cleanup_free_ char *text = seep_proc_read(target->dir_fd, "maps", NULL);

	if (!text)
		return seep_error_os(errno, "/proc/%d/maps", (int)target->pid);
	if (fstat(target->exe_fd, &exe) < 0)
		return seep_error_os(errno, "/proc/%d/exe", (int)target->pid);
	target->mappings.len = 0;
	for (char *line = text, *end; *line; line = end + 1) {
		struct seep_mapping mapping;
		end = strchr(line, '\n');
		if (!end)
			break;
		*end = '\0';
		// The kernel lists them in ascending order; whatever is not is none of the kernel's
		// and not for us.
		seep_addr floor = target->mappings.len ?
					  target->mappings.data[target->mappings.len - 1].end :
					  0;
		if (!seep_mapping_parse(target, &exe, line, end - line, &mapping, NULL) ||
		    mapping.start < floor)
			continue;
		if (target->mappings.len == mappings_max)
			return seep_error_format(SEEP_ERROR_UNSUPPORTED, "more than %zu mappings",
						 mappings_max);
		if (!seep_vec_push(&target->mappings, mapping))
			return &seep_enomem;
	}
	return NULL;
}
