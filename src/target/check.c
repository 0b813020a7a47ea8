/*
 * Trying on a child of seep's own what an attach does, step by step.
 *
 *	ptrace		   PTRACE_SEIZE, PTRACE_INTERRUPT, the stop, PTRACE_DETACH
 *	process_vm_readv   else memory is read through /proc/PID/mem
 *	PAGEMAP_SCAN	   what of a heap is in memory, and what was written to
 *	userfaultfd	   made by the child, as the target makes it
 *	pidfd_getfd	   taken over from the child, and set up to watch its memory
 *
 * The child is under the same seccomp filter as seep, and the process to be looked at is not: that the child may not make a
 * userfaultfd says nothing then. A child of its own makes it, since a filter may kill.
 */
#include "target/check.h"

#include "target/hindrance.h"
#include "target/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER_MODE_ONLY = 1, STOP_WAIT_MS = 2000 };

struct seep_error *seep_check_add(struct seep_checks *checks, const char *name,
				  enum seep_check_outcome outcome, const char *found,
				  const char *remedy)
{
	struct seep_check check = { .name = name,
				    .outcome = outcome,
				    .code = SEEP_ERROR_NOT_PERMITTED };

	snprintf(check.found, sizeof(check.found), "%s", found);
	snprintf(check.remedy, sizeof(check.remedy), "%s", remedy);
	return seep_vec_push(checks, check) ? NULL : &seep_enomem;
}

/** A check that is ok or hinders pre-copy. */
static struct seep_error *add_hindrance(struct seep_checks *checks, const char *name, bool hinders,
					enum seep_hindrance hindrance, int errnum, const char *fine)
{
	char found[256];

	if (!hinders)
		return seep_check_add(checks, name, SEEP_CHECK_OK, fine, "");
	snprintf(found, sizeof(found), "%s%s%s: stop-and-copy instead of pre-copy",
		 seep_hindrance_reason(hindrance), errnum ? ": " : "",
		 errnum ? strerror(errnum) : "");
	return seep_check_add(checks, name, SEEP_CHECK_STOPS, found,
			      seep_hindrance_remedy(hindrance));
}

/** A child to try things on, and a page that it has, too. */
struct trial {
	pid_t pid;
	int pidfd, says; /** descriptors; says: what the child wrote */
	unsigned char *page;
	int64_t uffd; /** the child's, or -errno; INT64_MIN: it died of the attempt */
};

static _Noreturn void be_child(int fd, bool with_userfaultfd)
{
	int64_t said = -ENOENT;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (with_userfaultfd) {
		int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY);
		said = uffd < 0 ? -errno : uffd;
	}
	if (write(fd, &said, sizeof(said)) != sizeof(said))
		_exit(1);
	for (;;)
		pause();
}

static void trial_deinit(struct trial *trial)
{
	if (trial->pid > 0) {
		kill(trial->pid, SIGKILL);
		while (waitpid(trial->pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	}
	if (trial->pidfd >= 0)
		close(trial->pidfd);
	if (trial->says >= 0)
		close(trial->says);
	if (trial->page)
		munmap(trial->page, seep_page_bytes);
}

static struct seep_error *trial_init(struct trial *trial, bool with_userfaultfd)
{
	int pipes[2];

	*trial = (struct trial){ .pidfd = -1, .says = -1, .uffd = INT64_MIN };
	void *page = mmap(NULL, seep_page_bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return &seep_enomem;
	trial->page = page;
	*trial->page = 0x5e;
	if (pipe2(pipes, O_CLOEXEC))
		return seep_error_os(errno, "cannot make a pipe");
	trial->says = pipes[0];
	trial->pid = fork();
	if (trial->pid == 0)
		be_child(pipes[1], with_userfaultfd);
	int errnum = errno;
	close(pipes[1]);
	if (trial->pid < 0)
		return seep_error_os(errnum, "cannot make a process");
	ssize_t n = read(trial->says, &trial->uffd, sizeof(trial->uffd));
	if (n != sizeof(trial->uffd))
		trial->uffd = INT64_MIN;
	trial->pidfd = (int)syscall(SYS_pidfd_open, trial->pid, 0);
	return NULL;
}

/** Stops the child and lets it go; 0 or an errno. */
static int try_stop(const struct trial *trial)
{
	int status;

	if (ptrace(PTRACE_SEIZE, trial->pid, NULL, NULL) ||
	    ptrace(PTRACE_INTERRUPT, trial->pid, NULL, NULL))
		return errno;
	for (unsigned ms = 0; ms < STOP_WAIT_MS; ms++) {
		pid_t pid = waitpid(trial->pid, &status, __WALL | WNOHANG);
		if (pid == trial->pid)
			return WIFSTOPPED(status) && !ptrace(PTRACE_DETACH, pid, NULL, NULL) ?
				       0 :
				       ESRCH;
		usleep(1000);
	}
	return ETIMEDOUT;
}

static struct seep_error *check_stop(const struct trial *trial, struct seep_checks *checks)
{
	struct seep_refusal refusal;
	char path[32];
	int errnum = try_stop(trial);

	if (!errnum)
		return seep_check_add(checks, "ptrace", SEEP_CHECK_OK,
				      "a child of seep's own was stopped and let go", "");
	snprintf(path, sizeof(path), "/proc/%d", (int)trial->pid);
	int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	seep_refusal_find(dir_fd, trial->pid, &refusal);
	if (dir_fd >= 0)
		close(dir_fd);
	return seep_check_add(checks, "ptrace", SEEP_CHECK_FAILS, refusal.reason, refusal.remedy);
}

static struct seep_error *check_read(const struct trial *trial, struct seep_checks *checks)
{
	unsigned char byte = 0;
	struct iovec local = { &byte, 1 }, remote = { trial->page, 1 };
	char found[128];

	if (process_vm_readv(trial->pid, &local, 1, &remote, 1, 0) == 1 && byte == *trial->page)
		return seep_check_add(checks, "process_vm_readv", SEEP_CHECK_OK,
				      "reads a child's memory", "");
	snprintf(found, sizeof(found), "%s: memory is read through /proc/PID/mem, which is slower",
		 strerror(errno));
	return seep_check_add(
		checks, "process_vm_readv", SEEP_CHECK_SLOWER, found,
		"let the seccomp filter of seep pass it: `docker run --cap-add SYS_PTRACE`");
}

static int open_pagemap(const struct trial *trial)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)trial->pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static struct seep_error *check_scan(const struct trial *trial, struct seep_checks *checks)
{
	struct utsname name = {};
	char fine[256];
	int fd = open_pagemap(trial);
	bool can = fd >= 0 && seep_resident_can_scan(fd);

	if (fd >= 0)
		close(fd);
	uname(&name);
	snprintf(fine, sizeof(fine), "Linux %s has it", name.release);
	return add_hindrance(checks, "PAGEMAP_SCAN", !can, SEEP_HINDRANCE_NO_SCAN, 0, fine);
}

/** Watches the child's page with its own userfaultfd. */
static bool can_watch(const struct trial *trial, int uffd)
{
	struct uffdio_register request = { .range = { (uintptr_t)trial->page, seep_page_bytes },
					   .mode = UFFDIO_REGISTER_MODE_WP };
	struct seep_error *err = seep_uffd_set_up(uffd);

	if (err) {
		seep_error_destroy(err);
		return false;
	}
	return ioctl(uffd, UFFDIO_REGISTER, &request) == 0;
}

static struct seep_error *check_take(const struct trial *trial, struct seep_checks *checks)
{
	struct seep_error *err;
	// Any descriptor will do: where it has no userfaultfd, that of its standard error.
	int wanted = trial->uffd >= 0 ? (int)trial->uffd : STDERR_FILENO;
	int fd = trial->pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, trial->pidfd, wanted, 0);
	int errnum = errno;

	err = add_hindrance(checks, "pidfd_getfd", fd < 0, SEEP_HINDRANCE_REFUSED, errnum,
			    "takes a descriptor over from a child");
	if (!err && fd >= 0 && trial->uffd >= 0)
		err = add_hindrance(checks, "watching writes", !can_watch(trial, fd),
				    SEEP_HINDRANCE_NO_WATCH, 0, "a page of a child's is watched");
	if (fd >= 0)
		close(fd);
	return err;
}

static bool is_filtered(void)
{
	_cleanup_free_ char *status = seep_proc_read(AT_FDCWD, "/proc/self/status", NULL);

	return status && seep_status_number(status, "Seccomp:", 10) != 0;
}

static struct seep_error *check_userfaultfd(const struct trial *trial, struct seep_checks *checks)
{
	bool known = !access("/proc/sys/vm/unprivileged_userfaultfd", F_OK);

	if (trial->uffd < 0 && known && is_filtered())
		return seep_check_add(
			checks, "userfaultfd", SEEP_CHECK_OK,
			"the kernel has it (a seccomp filter keeps it from seep, which needs none of its own)",
			"");
	return add_hindrance(checks, "userfaultfd", trial->uffd < 0, SEEP_HINDRANCE_REFUSED,
			     trial->uffd == INT64_MIN ? EPERM : (int)-trial->uffd,
			     "may be made, for faults of user code");
}

struct seep_error *seep_check_machine(struct seep_checks *checks)
{
	struct trial plain _cleanup_(trial_deinit) = { .pidfd = -1, .says = -1 };
	struct trial daring _cleanup_(trial_deinit) = { .pidfd = -1, .says = -1 };
	struct seep_error *err;

	err = trial_init(&plain, false);
	if (!err)
		err = trial_init(&daring, true);
	if (!err)
		err = check_stop(&plain, checks);
	if (!err)
		err = check_read(&plain, checks);
	if (!err)
		err = check_scan(&plain, checks);
	if (!err)
		err = check_userfaultfd(&daring, checks);
	return err ? err : check_take(daring.uffd < 0 ? &plain : &daring, checks);
}

// Of a process.

/** Calls visit for the status or another file of every thread; ends when it returns false. */
static void each_thread(const struct seep_target *target, const char *file,
			bool (*visit)(const char *text, void *arg), void *arg)
{
	int fd = openat(target->dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool more = true;

	if (!dir && fd >= 0)
		close(fd);
	for (const struct dirent *entry; dir && more && (entry = readdir(dir));) {
		char path[64];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "task/%.20s/%s", entry->d_name, file);
		_cleanup_free_ char *text = seep_proc_read(target->dir_fd, path, NULL);
		more = !text || visit(text, arg);
	}
	if (dir)
		closedir(dir);
}

/** Counts calls under way that have taken a descriptor already: it is not listed before they return. */
static bool count_openers(const char *text, void *arg)
{
	unsigned *count = arg;
	long number;

	*count += sscanf(text, "%ld", &number) == 1 &&
		  (number == SYS_accept || number == SYS_accept4 || number == SYS_open ||
		   number == SYS_openat);
	return true;
}

/** Whether the process could open one more descriptor. */
static bool has_descriptor_left(const struct seep_target *target)
{
	_cleanup_free_ char *limits = seep_proc_read(target->dir_fd, "limits", NULL);
	const char *line = limits ? strstr(limits, "Max open files") : NULL;
	unsigned long long most = 0;
	unsigned used = 0;
	int fd = openat(target->dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir && fd >= 0)
		close(fd);
	bool known = dir && line && sscanf(line, "Max open files %llu", &most) == 1;
	for (const struct dirent *entry; known && (entry = readdir(dir));)
		if (entry->d_name[0] != '.' && strtoull(entry->d_name, NULL, 10) < most)
			used++;
	if (dir)
		closedir(dir);
	each_thread(target, "syscall", count_openers, &used);
	return !known || used < most;
}

/** Whether seep itself can open as many more as preparing pre-copy takes. */
static bool has_own_descriptors(void)
{
	enum { NEEDED = 4 }; // pagemap, a pair of sockets, and the userfaultfd beside the pidfd
	int fds[NEEDED];
	bool enough = true;

	for (size_t i = 0; i < NEEDED; i++) {
		fds[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
		enough &= fds[i] >= 0;
	}
	for (size_t i = 0; i < NEEDED; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return enough;
}

static bool is_asleep(const char *text, void *arg)
{
	const char *state = seep_status_field(text, "State:");

	*(bool *)arg = state && *state == 'D';
	return *(bool *)arg;
}

/** Whether none of its threads can be stopped: frozen by its control group, or all asleep in the kernel. */
static bool cannot_stop(const struct seep_target *target)
{
	bool all = false;

	each_thread(target, "status", is_asleep, &all);
	return all;
}

static bool same_namespace(const struct seep_target *target, const char *name)
{
	char ours[32], theirs[32];

	snprintf(ours, sizeof(ours), "/proc/self/ns/%s", name);
	snprintf(theirs, sizeof(theirs), "ns/%s", name);
	_cleanup_free_ char *a = seep_proc_link(AT_FDCWD, ours);
	_cleanup_free_ char *b = seep_proc_link(target->dir_fd, theirs);
	return a && b && strcmp(a, b) == 0;
}

struct seep_error *seep_check_target(struct seep_target *target, struct seep_checks *checks)
{
	struct seep_error *err;
	bool frozen = cannot_stop(target);

	err = seep_check_add(checks, "pid namespace", SEEP_CHECK_OK,
			     same_namespace(target, "pid") ?
				     "it is in seep's" :
				     "it is in another; seep translates its threads' ids",
			     "");
	if (!err)
		err = seep_check_add(
			checks, "mount namespace", SEEP_CHECK_OK,
			same_namespace(target, "mnt") ?
				"it is in seep's" :
				"it is in another; its executable is read through /proc/PID/exe",
			"");
	if (!err)
		err = seep_check_add(
			checks, "stoppable", frozen ? SEEP_CHECK_FAILS : SEEP_CHECK_OK,
			frozen ? "all its threads are in uninterruptible sleep, or frozen" :
				 "its threads are not frozen",
			frozen ? "let it run: `docker unpause`, `systemctl thaw`" : "");
	if (!err && frozen)
		checks->data[checks->len - 1].code = SEEP_ERROR_GONE;
	if (!err)
		err = add_hindrance(checks, "seccomp", seep_uffd_is_filtered(target),
				    SEEP_HINDRANCE_FILTER, 0, "no filter is in force for it");
	if (!err)
		err = add_hindrance(checks, "other watchers", seep_uffd_in_use(target),
				    SEEP_HINDRANCE_IN_USE, 0, "it has no userfaultfd of its own");
	if (!err)
		err = add_hindrance(checks, "descriptors", !has_descriptor_left(target),
				    SEEP_HINDRANCE_REFUSED, EMFILE,
				    "it may open one more for a moment");
	if (!err)
		err = add_hindrance(checks, "seep's descriptors", !has_own_descriptors(),
				    SEEP_HINDRANCE_NO_CHILD, EMFILE, "enough are left");
	if (err)
		return err;
	return add_hindrance(checks, "sleeping thread", !seep_uffd_has_thread(target),
			     SEEP_HINDRANCE_AWAKE, 0, "there is one that can make a call for seep");
}

struct seep_room seep_check_room(void)
{
	_cleanup_free_ char *info = seep_proc_read(AT_FDCWD, "/proc/meminfo", NULL);
	struct seep_room room = { UINT64_MAX, UINT64_MAX };
	uint64_t limit = 0, used = 0;
	int dir_fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (info && seep_status_field(info, "MemAvailable:"))
		room.machine = seep_status_number(info, "MemAvailable:", 10) * 1024;
	if (dir_fd >= 0) {
		seep_cgroup_read(dir_fd, &limit, &used);
		close(dir_fd);
	}
	if (limit)
		room.group = limit > used ? limit - used : 0;
	return room;
}
