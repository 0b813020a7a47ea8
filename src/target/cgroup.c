/*
 * What the process's control group may use, and uses.
 *
 * /proc/PID/cgroup names the group by its path below the mount of its hierarchy, as seen from
 * seep's own cgroup namespace:
 *
 *	0::/system.slice/web.service		version 2
 *	9:memory:/docker/0123...		version 1, one hierarchy per controller
 *
 * Where that path does not exist (seep in another namespace than the process), the process's own
 * mount is tried, in which its group is the root. A limit of a group above holds as well, so the
 * least one on the way up counts.
 *
 * Files below /proc/PID/root are the container's: only what lies on a cgroup filesystem is read.
 */
#include "target/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { CGROUP_MAGIC = 0x27e0eb, CGROUP2_MAGIC = 0x63677270, PATH_MAX_BYTES = 4096 };
/** Version 1 writes "none" as the largest multiple of a page. */
static const uint64_t unlimited = 1ull << 62;

struct hierarchy {
	const char *controller, *mount, *limit, *usage;
};
static const struct hierarchy hierarchies[] = {
	{ "", "sys/fs/cgroup", "memory.max", "memory.current" },
	{ "memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes" },
};

/** A number in a file of a cgroup filesystem; UINT64_MAX for "max". False if there is none. */
static bool read_number(int dir_fd, const char *folder, const char *name, uint64_t *ret)
{
	char path[PATH_MAX_BYTES + 128], text[64];
	struct statfs fs;
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = -1;
	if (fstatfs(fd, &fs) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (fs.f_type == CGROUP_MAGIC || fs.f_type == CGROUP2_MAGIC))
		n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (strncmp(text, "max", 3) == 0) {
		*ret = UINT64_MAX;
		return true;
	}
	char *end;
	*ret = strtoull(text, &end, 10);
	return end != text;
}

/** From the group up to its hierarchy's root. False if the group is not there. */
static bool read_group(int dir_fd, const char *mount, const char *path, const struct hierarchy *h,
		       uint64_t *limit_ret, uint64_t *usage_ret)
{
	char folder[PATH_MAX_BYTES];
	uint64_t limit = UINT64_MAX, usage = 0, value;

	int len = snprintf(folder, sizeof(folder), "%s%s", mount, path);
	if (len < 0 || (size_t)len >= sizeof(folder) ||
	    !read_number(dir_fd, folder, h->usage, &usage))
		return false;
	for (size_t floor = strlen(mount);;) {
		if (read_number(dir_fd, folder, h->limit, &value) && value < unlimited &&
		    value < limit) {
			limit = value;
			if (!read_number(dir_fd, folder, h->usage, &usage))
				usage = 0;
		}
		char *slash = strrchr(folder + floor, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	*limit_ret = limit < unlimited ? limit : 0;
	// What the root group uses is what the whole machine does.
	*usage_ret = *limit_ret || *path ? usage : 0;
	return true;
}

/** The path of the group in a line "number:controllers:path", NULL if the line is of another hierarchy. */
static char *path_of(char *line, const char *controller)
{
	char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

	if (!path)
		return NULL;
	list++;
	*path++ = '\0';
	if (!*controller)
		return *list ? NULL : path;
	for (char *word; (word = strsep(&list, ","));)
		if (strcmp(word, controller) == 0)
			return path;
	return NULL;
}

void seep_cgroup_read(int proc_dir_fd, uint64_t *limit_ret, uint64_t *usage_ret)
{
	for (size_t i = 0; i < sizeof(hierarchies) / sizeof(*hierarchies); i++) {
		const struct hierarchy *h = &hierarchies[i];
		_cleanup_free_ char *text = seep_proc_read(proc_dir_fd, "cgroup", NULL);
		char mount[64], inner[64];
		snprintf(mount, sizeof(mount), "/%s", h->mount);
		snprintf(inner, sizeof(inner), "root/%s", h->mount);
		for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
			char *path = path_of(line, h->controller);
			if (!path || *path != '/')
				continue;
			if (strcmp(path, "/") == 0)
				*path = '\0';
			// "/../..": outside of what seep can see.
			if (!strstr(path, "/..") &&
			    (read_group(AT_FDCWD, mount, path, h, limit_ret, usage_ret) ||
			     read_group(proc_dir_fd, inner, path, h, limit_ret, usage_ret)))
				return;
			if (read_group(proc_dir_fd, inner, "", h, limit_ret, usage_ret))
				return;
		}
	}
}
