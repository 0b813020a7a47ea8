/*
 * Tracing a program for all its life.
 *
 * One thread ("tracer") forks the program, seizes it before its exec, and does all that ptrace demands to be done by one
 * thread. It passes on what it is told: signals are handed over, stops by job control stay stops, new threads run on, and
 * processes that the program starts are let go (they are not followed).
 *
 * The end. PTRACE_O_TRACEEXIT stops each thread on its way out, with its registers and all its memory still there. One that makes
 * exit() alone is let go at once. Any other way, whoever called exit_group() or whatever signal it was, takes all threads, so those
 * that arrive are held until the last has: this is the moment that is looked at. Two things look the same at first and are
 * not: an exec() by one of several threads ends the others too, and must not wait for a look; and a kernel that writes a core
 * file before threads exit. In the first case the thread that does not arrive is in execve(), and all others are let go; in the
 * second it does not arrive in time, and is missed.
 *
 * A look while the program runs: all threads are interrupted, and let go again when the copy is made. They are traced already, so
 * nobody else can do that, and writes are not watched: it is stop-and-copy.
 *
 * A thread that vanishes without having stopped was in exit() or exit_group() already when another ended the process: the kernel passes over
 * the stop of one that a signal is about to kill. It runs no code any more, and all that its goroutine needs is on its stack.
 *
 * The tracer sleeps in waitpid(). Who has an order for it wakes it by a signal, again and again until it has been obeyed.
 */
#include "target/child.h"

#include "target/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const long trace_options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC;
/** From when on it is asked whether a thread that does not arrive makes an exec(), and how long it is waited for. */
static const uint64_t exec_wait_ns = 5 * 1000000ull, exit_wait_ns = 2000 * 1000000ull;
/** As in stop.c. */
static const uint64_t sleeper_wait_ns = 50 * 1000000ull;

enum state { RUNNING, STOPPED, IN_GROUP_STOP, EXITING };
struct member {
	pid_t tid;
	enum state state;
	bool interrupted; /** asked to stop for a look */
	int signal; /** of STOPPED: to be handed over */
};

enum child_order { CHILD_GO_ON, CHILD_HOLD, CHILD_RESUME, CHILD_RELEASE };

struct seep_child {
	pid_t pid;
	pthread_t thread;
	int event_fd; /** counts events */
	int status; /** of waitpid(), once ended */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum child_order order; /** under lock */
	struct seep_target *target; /** for HOLD */
	struct seep_error *err; /** under lock: of HOLD, of the start */
	bool started, exiting, ended; /** under lock */

	// The tracer's.
	struct seep_vec(struct member) members;
	bool holding; /** for a look */
	bool dying; /** a thread is held on its way out */
	bool told; /** and all were: the look at the end may begin */
	bool released; /** it is over */
	bool torn; /** a thread that was held is gone, and what it had in its registers with it */
	uint64_t dying_since_ns;
	// For the start.
	char *const *argv;
	const sigset_t *mask;
	void (*prepare)(void);
	int errnum;
};

// The tracer.

static struct member *find(struct seep_child *child, pid_t tid)
{
	seep_vec_foreach(member, &child->members)
		if (member->tid == tid)
			return member;
	return NULL;
}

static struct member *find_or_add(struct seep_child *child, pid_t tid)
{
	struct member *member = find(child, tid);

	if (!member && seep_vec_push(&child->members, (struct member){ .tid = tid }))
		member = &child->members.data[child->members.len - 1];
	return member;
}

static void drop(struct seep_child *child, pid_t tid)
{
	struct member *member = find(child, tid);

	if (member)
		*member = seep_vec_pop(&child->members);
}

static void go_on(struct member *member)
{
	ptrace(PTRACE_CONT, member->tid, NULL, (void *)(intptr_t)member->signal);
	member->state = RUNNING;
	member->signal = 0;
}

/** A thread of the program, not a process that it made by clone(). */
static bool is_thread(const struct seep_child *child, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)child->pid, (int)tid);
	return !access(path, F_OK);
}

/** The system call that a running thread is in; -1: none. */
static long call_of(pid_t tid)
{
	char path[64];
	long number = -1;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)tid);
	_cleanup_free_ char *text = seep_proc_read(AT_FDCWD, path, NULL);
	return text && sscanf(text, "%ld", &number) == 1 ? number : -1;
}

static void tell(struct seep_child *child, bool *what)
{
	uint64_t one = 1;

	pthread_mutex_lock(&child->lock);
	*what = true;
	pthread_cond_broadcast(&child->changed);
	pthread_mutex_unlock(&child->lock);
	if (write(child->event_fd, &one, sizeof(one)) < 0)
		errno = 0; // it counts enough already
}

static void release_all(struct seep_child *child)
{
	child->dying = false;
	seep_vec_foreach(member, &child->members)
		if (member->state == EXITING)
			go_on(member);
}

/** A thread that will not stop soon: in uninterruptible sleep, or ended before the others. */
static bool is_out_of_reach(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	_cleanup_free_ char *status = seep_proc_read(AT_FDCWD, path, NULL);
	const char *state = status ? seep_status_field(status, "State:") : NULL;
	return !state || *state == 'D' || *state == 'Z' || *state == 'X';
}

/** Whether all that can are held; or an exec() was what ended them, and they were let go. */
static bool all_arrived(struct seep_child *child)
{
	uint64_t waited = seep_now_ns() - child->dying_since_ns;
	bool all = true;

	seep_vec_foreach(member, &child->members) {
		if (member->state == EXITING)
			continue;
		if (waited <= exec_wait_ns) {
			all = false;
			continue;
		}
		all = all && is_out_of_reach(member->tid);
		long call = call_of(member->tid);
		if (call == SYS_execve || call == SYS_execveat) {
			release_all(child);
			return false;
		}
	}
	return all || waited > exit_wait_ns;
}

static void on_exit_stop(struct seep_child *child, struct member *member)
{
	struct user_regs_struct regs;

	// It made exit(), and when another ended the process it did not even stay for us to look.
	if (ptrace(PTRACE_GETREGS, member->tid, NULL, &regs))
		return;
	bool alone = regs.orig_rax == SYS_exit;
	member->state = EXITING;
	member->signal = 0;
	if (child->released || (alone && child->members.len > 1)) {
		go_on(member);
	} else if (!child->dying) {
		child->dying = true;
		child->dying_since_ns = seep_now_ns();
	}
}

/** The program has become another one; of its threads one is left, by the number of the first. */
static void on_exec(struct seep_child *child)
{
	child->members.len = 0;
	child->dying = child->told = child->released = child->torn = false;
	struct member *member = find_or_add(child, child->pid);
	if (member)
		go_on(member);
}

static bool is_job_stop(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void on_stop(struct seep_child *child, struct member *member, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (event == PTRACE_EVENT_EXIT) {
		on_exit_stop(child, member);
		return;
	}
	if (event == PTRACE_EVENT_EXEC) {
		on_exec(child);
		return;
	}
	member->state = STOPPED;
	member->signal = event ? 0 : signal;
	if (event == PTRACE_EVENT_STOP && is_job_stop(signal)) {
		member->state = IN_GROUP_STOP;
		if (!child->holding)
			ptrace(PTRACE_LISTEN, member->tid, NULL, NULL);
	} else if (!child->holding) {
		go_on(member);
	}
}

/** One report of waitpid(). True: the program has ended. */
static bool on_report(struct seep_child *child, pid_t tid, int status)
{
	if (!WIFSTOPPED(status)) {
		const struct member *gone = find(child, tid);
		child->torn |= gone && gone->state == EXITING;
		drop(child, tid);
		if (tid != child->pid)
			return false;
		child->status = status;
		return true;
	}
	if (!find(child, tid) && !is_thread(child, tid)) {
		ptrace(PTRACE_DETACH, tid, NULL,
		       (void *)(intptr_t)(status >> 16 ? 0 : WSTOPSIG(status)));
		return false;
	}
	struct member *member = find_or_add(child, tid);
	if (member)
		on_stop(child, member, status);
	else
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
	return false;
}

/** Those that still run of what was to stop. */
static size_t count_running(struct seep_child *child, uint64_t waited)
{
	size_t running = 0;

	seep_vec_foreach(member, &child->members) {
		if (member->state != RUNNING)
			continue;
		// One that was born meanwhile.
		if (!member->interrupted)
			ptrace(PTRACE_INTERRUPT, member->tid, NULL, NULL);
		member->interrupted = true;
		running += waited < sleeper_wait_ns || !is_out_of_reach(member->tid);
	}
	return running;
}

/** Interrupts all, and waits for them. True: the program has ended. */
static bool stop_all(struct seep_child *child)
{
	uint64_t start = seep_now_ns(), waited = 0;

	child->holding = true;
	seep_vec_foreach(member, &child->members)
		member->interrupted = false;
	for (; waited < exit_wait_ns && count_running(child, waited);
	     waited = seep_now_ns() - start) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD | WNOHANG);
		if (tid > 0 && on_report(child, tid, status))
			return true;
		if (tid <= 0)
			nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
	}
	return false;
}

static void resume_all(struct seep_child *child)
{
	child->holding = false;
	seep_vec_foreach(member, &child->members) {
		if (member->state == STOPPED) {
			go_on(member);
		} else if (member->state == IN_GROUP_STOP) {
			ptrace(PTRACE_LISTEN, member->tid, NULL, NULL);
		}
	}
}

/** Hands the threads as they stand over to the target. */
static struct seep_error *take(struct seep_child *child, struct seep_target *target)
{
	if (child->torn)
		return seep_error_format(SEEP_ERROR_GONE,
					 "process %d was killed before it could be looked at",
					 (int)child->pid);
	target->tracees.len = 0;
	seep_vec_foreach(member, &child->members) {
		struct seep_tracee tracee = { .tid = member->tid,
					      .state = member->state == RUNNING ?
							       SEEP_TRACEE_MISSED :
							       SEEP_TRACEE_STOPPED };
		if (!seep_vec_push(&target->tracees, tracee))
			return &seep_enomem;
	}
	return seep_stop_take(target);
}

/** True: the program has ended. */
static bool obey(struct seep_child *child)
{
	pthread_mutex_lock(&child->lock);
	enum child_order order = child->order;
	pthread_mutex_unlock(&child->lock);
	struct seep_error *err = NULL;
	bool ended = false;

	switch (order) {
	case CHILD_GO_ON:
		return false;
	case CHILD_HOLD:
		child->target->pause_start_ns = seep_now_ns();
		ended = !child->dying && stop_all(child);
		err = ended ? seep_error_format(SEEP_ERROR_GONE, "process %d ended",
						(int)child->pid) :
			      take(child, child->target);
		if (err)
			resume_all(child);
		break;
	case CHILD_RESUME:
		resume_all(child);
		break;
	case CHILD_RELEASE:
		child->released = true;
		release_all(child);
		break;
	}
	pthread_mutex_lock(&child->lock);
	child->err = err;
	child->order = CHILD_GO_ON;
	pthread_cond_broadcast(&child->changed);
	pthread_mutex_unlock(&child->lock);
	return ended;
}

static void trace(struct seep_child *child)
{
	bool ended = false;
	int status;

	while (!ended) {
		bool waiting = child->dying && !child->told;
		pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD | (waiting ? WNOHANG : 0));
		if (tid > 0)
			ended = on_report(child, tid, status);
		else if (tid < 0 && errno == ECHILD)
			break;
		if (!ended && child->dying && !child->told && all_arrived(child)) {
			child->told = true;
			tell(child, &child->exiting);
		} else if (waiting && tid == 0) {
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
		}
		if (!ended)
			ended = obey(child);
	}
}

// The start.

static _Noreturn void become(const struct seep_child *child, int go_fd, int error_fd)
{
	char byte;

	child->prepare();
	sigprocmask(SIG_SETMASK, child->mask, NULL);
	if (read(go_fd, &byte, 1) != 1)
		_exit(127);
	execvp(child->argv[0], child->argv);
	int errnum = errno;
	if (write(error_fd, &errnum, sizeof(errnum)) < 0)
		_exit(126);
	_exit(127);
}

/** Forks, seizes, and has it exec. False with errnum: a call of ours; ret_err: refused. */
static struct seep_error *fork_and_seize(struct seep_child *child, int *error_fd_ret)
{
	int go[2], error[2];
	struct seep_refusal refusal;
	char path[32];

	if (pipe2(go, O_CLOEXEC))
		return seep_error_os(errno, "cannot make a pipe");
	if (pipe2(error, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return seep_error_os(errno, "cannot make a pipe");
	}
	child->pid = fork();
	if (child->pid == 0) {
		close(go[1]);
		become(child, go[0], error[1]);
	}
	struct seep_error *err = child->pid < 0 ? seep_error_os(errno, "cannot make a process") :
						  NULL;
	close(go[0]);
	close(error[1]);
	if (!err && ptrace(PTRACE_SEIZE, child->pid, NULL, (void *)trace_options)) {
		snprintf(path, sizeof(path), "/proc/%d", (int)child->pid);
		int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		seep_refusal_find(dir_fd, child->pid, &refusal);
		if (dir_fd >= 0)
			close(dir_fd);
		err = seep_error_format(SEEP_ERROR_NOT_PERMITTED,
					"may not trace what it starts: %s; %s", refusal.reason,
					refusal.remedy);
	}
	if (!err && write(go[1], "", 1) != 1)
		err = seep_error_os(errno, "cannot start the program");
	close(go[1]); // unless it has been told to go on, it ends
	*error_fd_ret = error[0];
	if (err) {
		close(error[0]);
		if (child->pid > 0)
			waitpid(child->pid, NULL, __WALL);
	}
	return err;
}

/** Until exec: what the new process says through error_fd, or that it is closed. */
static void await_exec(struct seep_child *child, int error_fd)
{
	int status;

	fcntl(error_fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		ssize_t n = read(error_fd, &child->errnum, sizeof(child->errnum));
		if (n >= 0 || errno != EAGAIN)
			break;
		pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD | WNOHANG);
		if (tid > 0 && on_report(child, tid, status))
			break;
		if (tid <= 0)
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
	close(error_fd);
	if (child->errnum)
		child->released = true;
}

static void do_nothing(int signal)
{
	(void)signal;
}

static void *tracer_main(void *arg)
{
	struct seep_child *child = arg;
	sigset_t wake;
	int error_fd = -1;

	sigemptyset(&wake);
	sigaddset(&wake, SIGRTMIN);
	pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
	struct seep_error *err = fork_and_seize(child, &error_fd);
	if (!err) {
		find_or_add(child, child->pid);
		await_exec(child, error_fd);
	}
	bool failed = err != NULL;
	child->err = err;
	tell(child, &child->started);
	if (!failed) {
		trace(child);
		tell(child, &child->ended);
	}
	return NULL;
}

// The other side.

struct seep_error *seep_child_start(char *const *argv, const sigset_t *mask, void (*prepare)(void),
				    int *errnum_ret, struct seep_child **ret)
{
	struct seep_child *child = calloc(1, sizeof(*child));
	struct sigaction wake = { .sa_handler = do_nothing }; // no SA_RESTART

	*errnum_ret = 0;
	if (!child)
		return &seep_enomem;
	child->argv = argv;
	child->mask = mask;
	child->prepare = prepare;
	pthread_mutex_init(&child->lock, NULL);
	pthread_cond_init(&child->changed, NULL);
	sigaction(SIGRTMIN, &wake, NULL);
	child->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int errnum = child->event_fd < 0 ? errno :
					   pthread_create(&child->thread, NULL, tracer_main, child);
	if (errnum) {
		if (child->event_fd >= 0)
			close(child->event_fd);
		free(child);
		return seep_error_os(errnum, "cannot start a thread");
	}
	pthread_mutex_lock(&child->lock);
	while (!child->started)
		pthread_cond_wait(&child->changed, &child->lock);
	pthread_mutex_unlock(&child->lock);
	struct seep_error *err = child->err;
	child->err = NULL;
	if (!err && child->errnum) {
		*errnum_ret = child->errnum;
		err = seep_error_os(child->errnum, "cannot run %s", argv[0]);
	}
	if (err) {
		seep_child_destroy(child);
		return err;
	}
	*ret = child;
	return NULL;
}

pid_t seep_child_pid(const struct seep_child *child)
{
	return child->pid;
}

enum seep_child_event seep_child_wait(struct seep_child *child, uint64_t ns, int wake_fd)
{
	struct pollfd fds[] = { { child->event_fd, POLLIN, 0 }, { wake_fd, POLLIN, 0 } };
	struct timespec time = { .tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000) };
	enum seep_child_event event = SEEP_CHILD_NOTHING;
	uint64_t count;

	ppoll(fds, 2, ns == UINT64_MAX ? NULL : &time, NULL);
	if (read(child->event_fd, &count, sizeof(count)) < 0)
		errno = 0;
	pthread_mutex_lock(&child->lock);
	if (child->ended)
		event = SEEP_CHILD_ENDED;
	else if (child->exiting)
		event = SEEP_CHILD_EXITING;
	child->exiting = false;
	pthread_mutex_unlock(&child->lock);
	return event;
}

/** Has the tracer obey; false if the program has ended. */
static bool order(struct seep_child *child, enum child_order what, struct seep_error **err_ret)
{
	pthread_mutex_lock(&child->lock);
	child->order = what;
	while (child->order != CHILD_GO_ON && !child->ended) {
		struct timespec until;
		// It may just not sleep yet.
		pthread_kill(child->thread, SIGRTMIN);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&child->changed, &child->lock, &until);
	}
	bool obeyed = child->order == CHILD_GO_ON;
	*err_ret = child->err;
	child->err = NULL;
	pthread_mutex_unlock(&child->lock);
	return obeyed;
}

void seep_child_release(struct seep_child *child)
{
	struct seep_error *err;

	order(child, CHILD_RELEASE, &err);
	seep_error_destroy(err);
}

struct seep_error *seep_child_hold(struct seep_child *child, struct seep_target *target)
{
	struct seep_error *err;

	child->target = target;
	if (!order(child, CHILD_HOLD, &err))
		return seep_error_format(SEEP_ERROR_GONE, "process %d ended", (int)child->pid);
	return err;
}

void seep_child_resume(struct seep_child *child)
{
	struct seep_error *err;

	order(child, CHILD_RESUME, &err);
	seep_error_destroy(err);
}

int seep_child_status(const struct seep_child *child)
{
	return child->status;
}

void seep_child_destroy(struct seep_child *child)
{
	if (!child)
		return;
	pthread_join(child->thread, NULL);
	close(child->event_fd);
	pthread_cond_destroy(&child->changed);
	pthread_mutex_destroy(&child->lock);
	seep_vec_free(&child->members);
	free(child);
}
