/*
 * What the kernel counts of a process, and what it lets it have.
 *
 *	rss	/proc/PID/statm, second word, in pages
 *	threads	/proc/PID/stat, 18th word behind the name in parentheses
 *	fds	size of the folder /proc/PID/fd since Linux 6.2, else its entries
 *
 * Everything goes through the descriptor of /proc/PID, so it is never about another process with the same number.
 */
#include "target/gauge.h"

#include "base/str.h"
#include "target/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { THREADS_WORD = 18 };

static struct seep_error *cannot_read(const struct seep_target *target, const char *file)
{
	int errnum = errno, pid = target->pid;

	if (errnum == ESRCH || errnum == ENOENT)
		return seep_error_format(SEEP_ERROR_GONE, "process %d ended", pid);
	return seep_error_format(SEEP_ERROR_OS, "/proc/%d/%s: %s", pid, file, strerror(errnum));
}

static struct seep_error *makes_no_sense(const struct seep_target *target, const char *file)
{
	return seep_error_format(SEEP_ERROR_OS, "/proc/%d/%s makes no sense", (int)target->pid,
				 file);
}

static struct seep_error *read_rss(const struct seep_target *target, uint64_t *ret)
{
	_cleanup_free_ char *text = seep_proc_read(target->dir_fd, "statm", NULL);
	uint64_t pages;

	if (!text)
		return cannot_read(target, "statm");
	if (sscanf(text, "%*u %" SCNu64, &pages) != 1)
		return makes_no_sense(target, "statm");
	*ret = pages * seep_page_bytes;
	return NULL;
}

static struct seep_error *read_threads(const struct seep_target *target, uint64_t *ret)
{
	_cleanup_free_ char *text = seep_proc_read(target->dir_fd, "stat", NULL);

	if (!text)
		return cannot_read(target, "stat");
	char *at = strrchr(text, ')');
	for (unsigned i = 0; at && i < THREADS_WORD; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return makes_no_sense(target, "stat");
	*ret = strtoull(at, NULL, 10);
	return NULL;
}

static struct seep_error *read_fds(const struct seep_target *target, uint64_t *ret)
{
	struct stat st;
	int fd = openat(target->dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return cannot_read(target, "fd");
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		close(fd);
		*ret = st.st_size;
		return NULL;
	}
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return &seep_enomem;
	}
	uint64_t count = 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	*ret = count;
	return NULL;
}

struct seep_error *seep_gauge_read(const struct seep_target *target, enum seep_gauge gauge,
				   uint64_t *ret)
{
	static struct seep_error *(*const readers[])(const struct seep_target *, uint64_t *) = {
		[SEEP_GAUGE_RSS] = read_rss,
		[SEEP_GAUGE_THREADS] = read_threads,
		[SEEP_GAUGE_FDS] = read_fds,
	};

	return readers[gauge](target, ret);
}

static struct seep_error *memory_limit(const struct seep_target *target, uint64_t *ret)
{
	struct sysinfo info;
	uint64_t group = 0, used = 0,
		 machine = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;

	seep_cgroup_read(target->dir_fd, &group, &used);
	*ret = group && (!machine || group < machine) ? group : machine;
	return *ret ? NULL :
		      seep_error_format(
			      SEEP_ERROR_MISSING_INFO,
			      "there is no memory limit, nor does the kernel tell what the machine has");
}

static struct seep_error *fd_limit(const struct seep_target *target, uint64_t *ret)
{
	static const char key[] = "Max open files";
	_cleanup_free_ char *text = seep_proc_read(target->dir_fd, "limits", NULL);

	if (!text)
		return cannot_read(target, "limits");
	const char *soft = seep_status_field(text, key);
	if (soft && seep_has_prefix(soft, "unlimited"))
		return seep_error_format(SEEP_ERROR_MISSING_INFO,
					 "the process may open any number of files");
	*ret = soft ? strtoull(soft, NULL, 10) : 0;
	return *ret ? NULL : makes_no_sense(target, "limits");
}

struct seep_error *seep_gauge_limit(const struct seep_target *target, enum seep_gauge gauge,
				    uint64_t *ret)
{
	switch (gauge) {
	case SEEP_GAUGE_RSS:
		return memory_limit(target, ret);
	case SEEP_GAUGE_FDS:
		return fd_limit(target, ret);
	default:
		return seep_error_format(SEEP_ERROR_MISSING_INFO, "nothing limits it");
	}
}

bool seep_gauge_shares_limit(const struct seep_target *target)
{
	_cleanup_free_ char *theirs = seep_proc_read(target->dir_fd, "cgroup", NULL),
			    *ours = seep_proc_read(AT_FDCWD, "/proc/self/cgroup", NULL);
	uint64_t limit = 0, used = 0;

	if (!theirs || !ours || strcmp(theirs, ours) != 0)
		return false;
	seep_cgroup_read(target->dir_fd, &limit, &used);
	return limit != 0;
}
