/*
 * A userfaultfd that watches the target's memory must be made by the target. This is the only thing that seep ever has it do: one of its
 * threads, which sleeps in a system call, makes the call userfaultfd(), and another to close the descriptor once we have a duplicate.
 *
 *	stop	  the thread alone is seized and interrupted. It stands behind a syscall instruction (checked), with -EINTR or one of
 *		  the kernel's private restart codes in rax, and the number of the call that it was in in orig_rax.
 *	call	  registers are set so that the same instruction makes our call (orig_rax -1: nothing is to be restarted), and
 *		  it runs to the call's exit. User stack and memory are not touched. (Not by a single step: where SIGTRAP is
 *		  blocked, the kernel unblocks it then and takes away the handler that the process has for it.)
 *	take	  pidfd_getfd() duplicates the descriptor for us.
 *	call	  close(), likewise.
 *	let go	  registers are put back. The restart code and orig_rax with them, so that the kernel restarts the interrupted call
 *		  as if nothing had been.
 *
 * All this is done by a child process in a session of its own, which ends with it: a seep that is killed meanwhile leaves the target as it
 * was, because the child goes on. (If the child itself is killed in these 100 us, the thread goes on behind its call with our result in rax.
 * Threads in futex() are taken first, since Go does not look at what that returns.)
 *
 * The thread is never made to do it where that could do harm: where a seccomp filter is in force (it may kill), in a
 * restartable sequence, with a signal on its way (the signal has precedence; another thread or another time will do).
 */
#include "target/hindrance.h"
#include "target/internal.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** linux/userfaultfd.h: for faults of user code only, which needs no privileges. */
enum { USER_MODE_ONLY = 1 };
/** PTRACE_GET_RSEQ_CONFIGURATION of Linux 5.13. */
enum { GET_RSEQ_CONFIGURATION = 0x420f };
struct rseq_configuration {
	uint64_t address;
	uint32_t size, signature, flags, padding;
};
/** How long to wait for a thread to stop, how long for one that makes a call (it does, once it gets a processor), and how many to try. */
static const uint64_t stop_wait_ns = 100 * 1000000ull, call_wait_ns = 10000 * 1000000ull;
enum { THREADS_MAX = 8, STOPS_MAX = 64, TRIES_MAX = 10 };
/** What PTRACE_O_TRACESYSGOOD makes of the stops at the entry and exit of a call. */
enum { SYSCALL_STOP = SIGTRAP | 0x80 };
static const uint16_t syscall_instruction = 0x050f;
/** Selector of 64-bit user code. */
static const uint64_t code_selector = 0x33;

/** What the child says. */
enum outcome { OBTAINED, ANOTHER_THREAD, REFUSED };
struct answer {
	enum outcome outcome;
	int errnum; /** of REFUSED */
	uint64_t gap_ns;
};

/** Calls that a thread may sleep in for long and that the kernel restarts, or that callers know to be interrupted; best first. */
static const int sleeping_calls[] = {
	SYS_futex,    SYS_epoll_pwait,	   SYS_epoll_wait,     SYS_nanosleep,
	SYS_pselect6, SYS_ppoll,	   SYS_poll,	       SYS_select,
	SYS_read,     SYS_clock_nanosleep, SYS_rt_sigtimedwait
};
enum { SLEEPING_CALLS = sizeof(sleeping_calls) / sizeof(*sleeping_calls) };

// In the child. No memory is allocated here: other threads of seep may have held locks when it was made.

/** Waits for the next stop of the thread; its wait status, or -1. */
static int wait_for_stop(pid_t tid, uint64_t wait_ns)
{
	uint64_t start = seep_now_ns();
	int status;

	while (seep_now_ns() - start < wait_ns) {
		pid_t pid = waitpid(tid, &status, __WALL | WNOHANG);
		if (pid == tid)
			return status;
		if (pid < 0 && errno != EINTR)
			return -1;
		nanosleep(&(struct timespec){ .tv_nsec = 10000 }, NULL);
	}
	return -1;
}

static bool get_registers(pid_t tid, struct user_regs_struct *regs)
{
	struct iovec iov = { regs, sizeof(*regs) };

	return ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &iov) == 0 &&
	       iov.iov_len == sizeof(*regs);
}

static bool set_registers(pid_t tid, const struct user_regs_struct *regs)
{
	struct iovec iov = { (void *)regs, sizeof(*regs) };

	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &iov) == 0;
}

/** Whether the stopped thread stands behind a system call that it slept in, and nothing forbids to make another there. */
static bool is_in_call(pid_t tid, const struct user_regs_struct *regs)
{
	struct rseq_configuration rseq = {};

	errno = 0;
	long code = ptrace(PTRACE_PEEKTEXT, tid, (void *)(regs->rip - 2), NULL);
	if (errno || (uint16_t)code != syscall_instruction || regs->cs != code_selector ||
	    (int64_t)regs->orig_rax < 0)
		return false;
	if (ptrace((enum __ptrace_request)GET_RSEQ_CONFIGURATION, tid, (void *)sizeof(rseq),
		   &rseq) <= 0 ||
	    !rseq.address)
		return true;
	errno = 0;
	long section = ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)(rseq.address + 8), NULL);
	return !errno && !section;
}

/**
 * Has the thread make a call at the instruction that it stands behind; false if it did not. Signals that are met on the way are put into
 * *signals (bit n-1: signal n), to be handed over in the end.
 */
static bool make_call(pid_t tid, const struct user_regs_struct *before, long number, uint64_t arg,
		      int64_t *result, uint64_t *signals)
{
	struct user_regs_struct regs = *before;
	unsigned calls = 0; // stops at its entry and at its exit

	regs.rax = number;
	regs.rdi = arg;
	regs.rip -= 2;
	regs.orig_rax = UINT64_MAX;
	if (!set_registers(tid, &regs))
		return false;
	for (unsigned stop = 0; stop < STOPS_MAX && calls < 2; stop++) {
		if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL))
			return false;
		int status = wait_for_stop(tid, call_wait_ns);
		if (status == -1 || !WIFSTOPPED(status))
			return false;
		if (WSTOPSIG(status) == SYSCALL_STOP) {
			calls++;
		} else if (status >> 16 == 0) {
			*signals |= UINT64_C(1) << (WSTOPSIG(status) - 1);
			// Before the call is made this is reason enough to leave it.
			if (number == SYS_userfaultfd)
				return false;
		}
	}
	if (calls < 2 || !get_registers(tid, &regs) || regs.rip != before->rip)
		return false;
	*result = (int64_t)regs.rax;
	return true;
}

/** Lets go of the thread with the signals that were caught on their way to it. */
static void let_go(pid_t tid, uint64_t signals)
{
	int first = signals ? __builtin_ctzll(signals) + 1 : 0;

	ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)first);
	for (signals &= signals - 1; signals; signals &= signals - 1)
		syscall(SYS_tkill, tid, __builtin_ctzll(signals) + 1);
}

/** The stopped thread makes the descriptor, we take it, it closes its own. */
static enum outcome take_descriptor(pid_t tid, int pidfd, int *uffd, int *errnum, uint64_t *signals)
{
	struct user_regs_struct before;
	int64_t fd, closed;

	if (!get_registers(tid, &before) || !is_in_call(tid, &before))
		return ANOTHER_THREAD;
	bool made = make_call(tid, &before, SYS_userfaultfd,
			      O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY, &fd, signals);
	if (made && fd >= 0) {
		*uffd = syscall(SYS_pidfd_getfd, pidfd, (int)fd, 0);
		*errnum = errno;
		make_call(tid, &before, SYS_close, fd, &closed, signals);
	} else if (made) {
		*errnum = (int)-fd;
	}
	set_registers(tid, &before);
	return *uffd >= 0 ? OBTAINED : made ? REFUSED : ANOTHER_THREAD;
}

static struct answer try_thread(pid_t tid, int pidfd, int *uffd)
{
	struct answer answer = { .outcome = ANOTHER_THREAD };
	uint64_t signals = 0;

	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD)) {
		answer.outcome = errno == ESRCH ? ANOTHER_THREAD : REFUSED;
		answer.errnum = errno;
		return answer;
	}
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	int status = wait_for_stop(tid, stop_wait_ns);
	uint64_t start = seep_now_ns();
	if (status == -1 || !WIFSTOPPED(status))
		return answer; // the end of this process lets go of it
	if (status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP)
		answer.outcome = take_descriptor(tid, pidfd, uffd, &answer.errnum, &signals);
	else if (status >> 16 == 0)
		signals = UINT64_C(1) << (WSTOPSIG(status) - 1);
	let_go(tid, signals);
	answer.gap_ns = seep_now_ns() - start;
	return answer;
}

static void send_answer(int socket, const struct answer *answer, int uffd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec iov = { (void *)answer, sizeof(*answer) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (uffd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), &uffd, sizeof(uffd));
	}
	sendmsg(socket, &message, MSG_NOSIGNAL);
}

static _Noreturn void be_child(pid_t pid, const pid_t *tids, size_t count, int socket)
{
	struct answer answer = { .outcome = REFUSED };
	int uffd = -1, pidfd = syscall(SYS_pidfd_open, pid, 0);

	answer.errnum = errno;
	setsid();
	seep_hurry(true);
	if (pidfd >= 0)
		answer.outcome = ANOTHER_THREAD;
	for (size_t i = 0; i < count && answer.outcome == ANOTHER_THREAD; i++)
		answer = try_thread(tids[i], pidfd, &uffd);
	send_answer(socket, &answer, uffd);
	_exit(0);
}

// In seep itself.

bool seep_uffd_in_use(const struct seep_target *target)
{
	int fd = openat(target->dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool found = false;

	if (!dir && fd >= 0)
		close(fd);
	for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
		char text[64];
		ssize_t n = readlinkat(fd, entry->d_name, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		found = strstr(text, "[userfaultfd]") != NULL;
	}
	if (dir)
		closedir(dir);
	return found;
}

/** How well a thread suits, by its state now: an index of sleeping_calls; SLEEPING_CALLS: not at all. */
static size_t judge_thread(const struct seep_target *target, const char *tid)
{
	char path[64];
	long number;
	size_t i = 0;

	snprintf(path, sizeof(path), "task/%.20s/syscall", tid);
	_cleanup_free_ char *call = seep_proc_read(target->dir_fd, path, NULL);
	snprintf(path, sizeof(path), "task/%.20s/status", tid);
	_cleanup_free_ char *status = seep_proc_read(target->dir_fd, path, NULL);
	if (!call || !status || sscanf(call, "%ld", &number) != 1 ||
	    seep_status_number(status, "Seccomp:", 10) != 0)
		return SLEEPING_CALLS;
	while (i < SLEEPING_CALLS && sleeping_calls[i] != number)
		i++;
	return i;
}

/** The best threads to ask, at most THREADS_MAX; how many. */
static size_t choose_threads(const struct seep_target *target, pid_t *tids)
{
	size_t ranks[THREADS_MAX], count = 0;
	int fd = openat(target->dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir && fd >= 0)
		close(fd);
	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		pid_t tid = atoi(entry->d_name);
		size_t rank = tid > 0 ? judge_thread(target, entry->d_name) : SLEEPING_CALLS;
		size_t at = count < THREADS_MAX ? count : THREADS_MAX - 1;
		if (rank == SLEEPING_CALLS || (count == THREADS_MAX && rank >= ranks[at]))
			continue;
		count += count < THREADS_MAX;
		for (; at > 0 && ranks[at - 1] > rank; at--) {
			ranks[at] = ranks[at - 1];
			tids[at] = tids[at - 1];
		}
		ranks[at] = rank;
		tids[at] = tid;
		if (count == THREADS_MAX && ranks[THREADS_MAX - 1] == 0)
			break;
	}
	if (dir)
		closedir(dir);
	return count;
}

static bool receive_answer(int socket, struct answer *answer, int *uffd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec iov = { answer, sizeof(*answer) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t n;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*answer))
		return false;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(uffd, CMSG_DATA(header), sizeof(*uffd));
	return true;
}

/** Runs the child; false if it could not be made or gave no answer. */
static bool run_child(const struct seep_target *target, const pid_t *tids, size_t count,
		      struct answer *answer, int *uffd)
{
	sigset_t all, before;
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return false;
	// The child is to end by itself: no signal of seep's is for it.
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid_t child = fork();
	if (child == 0) {
		close(sockets[0]);
		be_child(target->pid, tids, count, sockets[1]);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(sockets[1]);
	bool answered = child > 0 && receive_answer(sockets[0], answer, uffd);
	close(sockets[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return answered;
}

bool seep_uffd_is_filtered(const struct seep_target *target)
{
	_cleanup_free_ char *status = seep_proc_read(target->dir_fd, "status", NULL);

	return !status || seep_status_number(status, "Seccomp:", 10) != 0;
}

bool seep_uffd_has_thread(const struct seep_target *target)
{
	pid_t tids[THREADS_MAX];

	return choose_threads(target, tids) != 0;
}

struct seep_error *seep_uffd_obtain(struct seep_target *target, int *uffd_ret, uint64_t *gap_ns_ret)
{
	struct answer answer = { .outcome = REFUSED };
	pid_t tids[THREADS_MAX];
	int uffd = -1;

	if (seep_uffd_is_filtered(target))
		return seep_hindrance_error(SEEP_HINDRANCE_FILTER, 0);
	if (seep_uffd_in_use(target))
		return seep_hindrance_error(SEEP_HINDRANCE_IN_USE, 0);
	answer.outcome = ANOTHER_THREAD;
	for (unsigned try = 0; answer.outcome == ANOTHER_THREAD; try++) {
		size_t count = choose_threads(target, tids);
		if (try == TRIES_MAX)
			return seep_hindrance_error(SEEP_HINDRANCE_AWAKE, 0);
		if (try)
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 * try }, NULL);
		if (count && !run_child(target, tids, count, &answer, &uffd))
			return seep_hindrance_error(SEEP_HINDRANCE_NO_CHILD, 0);
	}
	if (answer.outcome == REFUSED || uffd < 0)
		return seep_hindrance_error(SEEP_HINDRANCE_REFUSED, answer.errnum);
	*uffd_ret = uffd;
	*gap_ns_ret = answer.gap_ns;
	return NULL;
}
