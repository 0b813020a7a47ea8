/*
 * Opening a process, and what can be known of it without stopping it.
 *
 * /proc/PID/mem is opened first: the kernel checks there whether we may ptrace this process, so a
 * refusal comes before anything is touched, and reads through the descriptor keep to the address
 * space of that moment, even across an exec() or a new owner of the pid.
 */
#include "target/internal.h"
#include "target/process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/**
 * The process must exist, be a process (not a thread or zombie) and have memory of its own (kernel
 * threads have none).
 */
static struct seep_error *check_kind(const struct seep_target *target)
{
	int pid = target->pid;
	_cleanup_free_ char *status = seep_proc_read(target->dir_fd, "status", NULL);

	if (!status)
		return seep_error_os(errno, "/proc/%d/status", pid);
	const char *state = seep_status_field(status, "State:");
	if (state && (*state == 'Z' || *state == 'X'))
		return seep_error_format(
			SEEP_ERROR_GONE,
			"process %d has ended (zombie, its parent did not collect it yet)", pid);
	uint64_t tgid = seep_status_number(status, "Tgid:", 10);
	if (tgid && tgid != (uint64_t)pid)
		return seep_error_format(SEEP_ERROR_USAGE,
					 "%d is a thread of process %" PRIu64 ": name the process",
					 pid, tgid);
	if (pid == getpid())
		return seep_error_format(SEEP_ERROR_USAGE, "%d is seep itself", pid);
	if (!seep_status_field(status, "VmSize:"))
		return seep_error_format(SEEP_ERROR_UNSUPPORTED, "process %d is a kernel thread",
					 pid);
	return NULL;
}

static struct seep_error *open_error(const struct seep_target *target, const char *file)
{
	int errnum = errno;

	if (errnum == EACCES || errnum == EPERM)
		return seep_refusal_error(target->dir_fd, target->pid);
	if (errnum == ENOENT || errnum == ESRCH)
		return seep_error_format(SEEP_ERROR_GONE, "process %d ended", (int)target->pid);
	return seep_error_os(errnum, "/proc/%d/%s", (int)target->pid, file);
}

static struct seep_error *open_files(struct seep_target *target)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)target->pid);
	target->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->dir_fd < 0)
		return errno == ENOENT ?
			       seep_error_format(SEEP_ERROR_GONE, "no process has the pid %d",
						 (int)target->pid) :
			       seep_error_os(errno, "%s", path);
	struct seep_error *err = check_kind(target);
	if (err)
		return err;
	target->mem_fd = openat(target->dir_fd, "mem", O_RDONLY | O_CLOEXEC);
	if (target->mem_fd < 0)
		return open_error(target, "mem");
	target->exe_fd = openat(target->dir_fd, "exe", O_RDONLY | O_CLOEXEC);
	target->exe_path = target->exe_fd >= 0 ? seep_proc_link(target->dir_fd, "exe") : NULL;
	if (!target->exe_path)
		return open_error(target, "exe");
	target->auxv = seep_proc_read(target->dir_fd, "auxv", &target->auxv_len);
	if (!target->auxv)
		return open_error(target, "auxv");
	if (seep_ptrace_filtered())
		return seep_refusal_error(target->dir_fd, target->pid);
	return seep_mappings_read(target);
}

struct seep_error *seep_target_open(pid_t pid, struct seep_target **ret)
{
	struct seep_target *target = calloc(1, sizeof(*target));

	if (!target)
		return &seep_enomem;
	target->pid = pid;
	target->dir_fd = target->mem_fd = target->exe_fd = -1;
	pthread_mutex_init(&target->tracer.lock, NULL);
	pthread_cond_init(&target->tracer.changed, NULL);
	struct seep_error *err =
		pid > 0 ? open_files(target) :
			  seep_error_format(SEEP_ERROR_USAGE, "%d is no pid", (int)pid);
	if (err) {
		seep_target_close(target);
		return err;
	}
	*ret = target;
	return NULL;
}

void seep_target_close(struct seep_target *target)
{
	if (!target)
		return;
	seep_target_resume(target);
	seep_target_unwatch(target);
	const int fds[] = { target->dir_fd, target->mem_fd, target->exe_fd };
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	pthread_cond_destroy(&target->tracer.changed);
	pthread_mutex_destroy(&target->tracer.lock);
	seep_mirror_deinit(&target->mirror);
	seep_vec_free(&target->tracees);
	seep_vec_free(&target->threads);
	seep_vec_free(&target->mappings);
	free(target->exe_path);
	free(target->auxv);
	free(target->environ);
	free(target);
}

pid_t seep_target_pid(const struct seep_target *target)
{
	return target->pid;
}

int seep_target_exe_fd(const struct seep_target *target)
{
	return target->exe_fd;
}

const char *seep_target_exe_path(const struct seep_target *target)
{
	return target->exe_path;
}

uint64_t seep_target_auxv(const struct seep_target *target, uint64_t type)
{
	struct seep_buffer buf = seep_buffer_of(target->auxv, target->auxv_len);
	uint64_t key, value;

	while (seep_buffer_u64(&buf, &key) && seep_buffer_u64(&buf, &value) && key != AT_NULL)
		if (key == type)
			return value;
	return 0;
}

const char *seep_target_env(struct seep_target *target, const char *name)
{
	size_t name_len = strlen(name);
	const char *entry;

	if (!target->environ)
		target->environ = seep_proc_read(target->dir_fd, "environ", &target->environ_len);
	if (!target->environ)
		return NULL;
	struct seep_buffer buf = seep_buffer_of(target->environ, target->environ_len + 1);
	while ((entry = seep_buffer_cstring(&buf, SIZE_MAX)))
		if (!strncmp(entry, name, name_len) && entry[name_len] == '=')
			return entry + name_len + 1;
	return NULL;
}

uint64_t seep_target_rss(const struct seep_target *target)
{
	return seep_process_rss(target->pid);
}

struct seep_error *seep_target_read(struct seep_target *target, seep_addr addr, void *buf,
				    size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n =
			pread(target->mem_fd, (char *)buf + done, len - done, (off_t)(addr + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EIO || errno == EFAULT || errno == EINVAL))
			return seep_error_format(SEEP_ERROR_FAULT, "%#" PRIx64 " cannot be read",
						 addr + done);
		if (n < 0)
			return seep_error_os(errno, "read %#" PRIx64 " of process %d", addr + done,
					     (int)target->pid);
		if (n == 0)
			return seep_error_format(SEEP_ERROR_GONE,
						 "process %d ended or executed another program",
						 (int)target->pid);
		done += n;
	}
	return NULL;
}

const struct seep_mapping *seep_target_mappings(const struct seep_target *target, size_t *count_ret)
{
	*count_ret = target->mappings.len;
	return target->mappings.data;
}

const struct seep_thread *seep_target_threads(const struct seep_target *target, size_t *count_ret)
{
	*count_ret = target->threads.len;
	return target->threads.data;
}

const struct seep_memory *seep_target_memory(const struct seep_target *target)
{
	return &target->mirror.memory;
}

struct seep_stop_stats seep_target_stats(const struct seep_target *target)
{
	return target->stats;
}
