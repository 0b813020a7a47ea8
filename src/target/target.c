/*
 * Opening a target, and of a process what can be known of it without stopping it.
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
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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

static struct seep_target *new_target(void)
{
	struct seep_target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->arch = &seep_amd64;
	target->dir_fd = target->mem_fd = target->exe_fd = -1;
	pthread_mutex_init(&target->tracer.lock, NULL);
	pthread_cond_init(&target->tracer.changed, NULL);
	return target;
}

/** Hands the target over, or closes it. */
static struct seep_error *opened(struct seep_error *err, struct seep_target *target,
				 struct seep_target **ret)
{
	if (err)
		seep_target_close(target);
	else
		*ret = target;
	return err;
}

struct seep_error *seep_target_open(pid_t pid, struct seep_target **ret)
{
	struct seep_target *target = new_target();

	if (!target)
		return &seep_enomem;
	target->pid = pid;
	return opened(pid > 0 ? open_files(target) :
				seep_error_format(SEEP_ERROR_USAGE, "%d is no pid", (int)pid),
		      target, ret);
}

void seep_target_adopt(struct seep_target *target, struct seep_child *child)
{
	target->child = child;
}

struct seep_error *seep_target_open_file(const struct seep_source *source, struct seep_target **ret)
{
	struct seep_target *target = new_target();
	seep_file_open *open_it;
	int fd;

	if (!target)
		return &seep_enomem;
	struct seep_error *err = seep_file_recognize(source->file, &fd, &open_it);
	if (!err) {
		err = open_it(target, fd, source);
		close(fd);
	}
	return opened(err ? seep_error_prefix(err, "%s", source->file) : NULL, target, ret);
}

void seep_target_close(struct seep_target *target)
{
	if (!target)
		return;
	seep_target_resume(target);
	seep_target_unwatch(target);
	if (target->file)
		target->file_ops->close(target);
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
	seep_vec_foreach(note, &target->notes)
		free(*note);
	seep_vec_free(&target->notes);
	free(target->exe_path);
	free(target->auxv);
	free(target->environ);
	free(target);
}

pid_t seep_target_pid(const struct seep_target *target)
{
	return target->pid;
}

const struct seep_arch *seep_target_arch(const struct seep_target *target)
{
	return target->arch;
}

enum seep_target_kind seep_target_kind(const struct seep_target *target)
{
	return target->file_ops ? target->file_ops->kind : SEEP_TARGET_LIVE;
}

struct seep_error *seep_target_add_note(struct seep_target *target, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return &seep_enomem;
	if (seep_vec_push(&target->notes, text))
		return NULL;
	free(text);
	return &seep_enomem;
}

const char *seep_target_note(const struct seep_target *target, size_t i)
{
	return i < target->notes.len ? target->notes.data[i] : NULL;
}

struct seep_moment seep_target_moment(const struct seep_target *target)
{
	struct timespec now, wall;

	if (target->file_ops)
		return target->moment;
	clock_gettime(CLOCK_MONOTONIC, &now);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct seep_moment){ now.tv_sec * 1000000000ull + now.tv_nsec,
				     wall.tv_sec * 1000000000ull + wall.tv_nsec };
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

	if (!target->environ && !target->file_ops)
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
	return target->file_ops ? 0 : seep_process_rss(target->pid);
}

struct seep_error *seep_target_read(struct seep_target *target, seep_addr addr, void *buf,
				    size_t len)
{
	size_t done = 0;

	if (target->file_ops)
		return target->file_ops->read(target, addr, buf, len);
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
