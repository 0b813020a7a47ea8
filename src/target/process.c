/*
 * The processes of this machine as /proc lists them. Nothing here attaches or stops: whether an
 * attach would be permitted is learnt by opening /proc/PID/mem, for which the kernel demands the
 * very right that ptrace needs.
 */
#include "target/process.h"

#include "target/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_MAX = 4096 };

static int open_dir(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct seep_error *seep_process_each(struct seep_error *(*visit)(pid_t pid, void *arg), void *arg)
{
	struct seep_pids seep_vec(pid_t) pids _cleanup_(seep_freep) = {};
	struct seep_error *err = NULL;
	DIR *dir = opendir("/proc");

	if (!dir)
		return seep_error_os(errno, "/proc");
	for (const struct dirent *entry; !err && (entry = readdir(dir));) {
		pid_t pid = atoi(entry->d_name);
		if (pid > 0 && !seep_vec_push(&pids, pid))
			err = &seep_enomem;
	}
	closedir(dir);
	if (pids.len)
		qsort(pids.data, pids.len, sizeof(*pids.data), compare_pids);
	for (size_t i = 0; !err && i < pids.len; i++)
		err = visit(pids.data[i], arg);
	return err;
}

int seep_process_open_exe(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

char *seep_process_exe_path(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return seep_proc_link(AT_FDCWD, path);
}

uint64_t seep_process_rss(pid_t pid)
{
	char path[32];
	unsigned long long size, resident = 0;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	_cleanup_free_ char *text = seep_proc_read(AT_FDCWD, path, NULL);
	if (!text || sscanf(text, "%llu %llu", &size, &resident) != 2)
		return 0;
	return resident * seep_page_bytes;
}

char *seep_process_command(pid_t pid)
{
	char path[32];
	size_t len = 0;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	char *words = seep_proc_read(AT_FDCWD, path, &len);
	len = len < COMMAND_MAX ? len : COMMAND_MAX;
	while (len && words[len - 1] == '\0')
		len--;
	if (len) {
		words[len] = '\0';
		for (char *nul; (nul = memchr(words, '\0', len));)
			*nul = ' ';
		return words;
	}
	free(words);
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	_cleanup_free_ char *comm = seep_proc_read(AT_FDCWD, path, NULL);
	char *name = NULL;
	if (!comm || asprintf(&name, "[%.*s]", (int)strcspn(comm, "\n"), comm) < 0)
		return NULL;
	return name;
}

/** The reason that status alone gives, or NULL. */
static const char *kind_reason(const char *status)
{
	const char *state = status ? seep_status_field(status, "State:") : NULL;

	if (!state)
		return "has ended";
	if (*state == 'Z' || *state == 'X')
		return "has ended (zombie)";
	return seep_status_field(status, "VmSize:") ? NULL : "a kernel thread";
}

char *seep_process_why_not(pid_t pid)
{
	struct seep_refusal refusal;
	char *text = NULL;
	int dir_fd = open_dir(pid);

	if (dir_fd < 0)
		return strdup("has ended");
	_cleanup_free_ char *status = seep_proc_read(dir_fd, "status", NULL);
	const char *reason = kind_reason(status);
	int mem_fd = reason ? -1 : openat(dir_fd, "mem", O_RDONLY | O_CLOEXEC);
	if (reason) {
		text = strdup(reason);
	} else if (mem_fd < 0 || seep_ptrace_filtered() ||
		   seep_status_number(status, "TracerPid:", 10)) {
		seep_refusal_find(dir_fd, pid, &refusal);
		text = strdup(refusal.reason);
	}
	if (mem_fd >= 0)
		close(mem_fd);
	close(dir_fd);
	return text;
}
