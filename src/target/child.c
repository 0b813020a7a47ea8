/*
 * Starting a program, and the thread ("tracer") that traces it for all its life.
 *
 * The tracer forks the program, seizes it before its exec, and does all that ptrace demands to be done by one thread; family.c says
 * what that is. It ends when the program has, and no process of its family is held any more for a look; those that live on are let
 * go by that.
 *
 * A look while a process runs: all its threads are interrupted, and let go again when the copy is made. They are traced already, so
 * nobody else can do that, and writes are not watched: it is stop-and-copy.
 *
 * The tracer sleeps in waitpid(). Who has an order for it wakes it by a signal, again and again until it has been obeyed.
 */
#include "target/child.h"

#include "target/family.h"
#include "target/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum child_order { CHILD_GO_ON, CHILD_HOLD, CHILD_RESUME, CHILD_RELEASE };
struct pids seep_vec(pid_t);

struct seep_child {
	pid_t pid;
	pthread_t thread;
	int event_fd; /** counts events */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum child_order order; /** under lock */
	pid_t order_pid; /** under lock: whom it is about */
	struct seep_target *target; /** for HOLD */
	struct seep_error *err; /** under lock: of HOLD, of the start */
	bool started, ended; /** under lock */
	struct pids exiting; /** under lock: held at their end and not told yet, in order */
	struct pids running; /** under lock: to be looked at, if somebody asks */

	struct seep_family family; /** the tracer's */
	// For the start.
	char *const *argv;
	const sigset_t *mask;
	void (*prepare)(void);
	int errnum;
};

// The tracer.

/** Sets what, if it is not NULL, or else says that there is something new. */
static void tell(struct seep_child *child, bool *what)
{
	uint64_t one = 1;

	pthread_mutex_lock(&child->lock);
	if (what)
		*what = true;
	pthread_cond_broadcast(&child->changed);
	pthread_mutex_unlock(&child->lock);
	if (write(child->event_fd, &one, sizeof(one)) < 0)
		errno = 0; // it counts enough already
}

/** False: no memory. */
static bool add_exiting(struct seep_child *child, pid_t pid)
{
	pthread_mutex_lock(&child->lock);
	bool added = seep_vec_push(&child->exiting, pid);
	pthread_mutex_unlock(&child->lock);
	if (added)
		tell(child, NULL);
	return added;
}

/** Tells who of the family can be looked at. */
static void publish(struct seep_child *child)
{
	pthread_mutex_lock(&child->lock);
	child->running.len = 0;
	seep_vec_foreach(relative, &child->family.relatives)
		if ((*relative)->wanted && !seep_vec_push(&child->running, (*relative)->pid))
			break;
	pthread_mutex_unlock(&child->lock);
	child->family.changed = false;
}

/** Hands the threads as they stand over to the target. */
static struct seep_error *take(const struct seep_relative *relative, struct seep_target *target)
{
	if (relative->torn)
		return seep_error_format(SEEP_ERROR_GONE,
					 "process %d was killed before it could be looked at",
					 (int)relative->pid);
	target->tracees.len = 0;
	seep_vec_foreach(member, &relative->members) {
		struct seep_tracee tracee = { .tid = member->tid,
					      .state = member->state == SEEP_MEMBER_RUNNING ?
							       SEEP_TRACEE_MISSED :
							       SEEP_TRACEE_STOPPED };
		if (!seep_vec_push(&target->tracees, tracee))
			return &seep_enomem;
	}
	return seep_stop_take(target);
}

static struct seep_error *hold(struct seep_child *child, pid_t pid)
{
	struct seep_relative *relative = seep_family_find(&child->family, pid);

	child->target->pause_start_ns = seep_now_ns();
	if (relative && !relative->dying && !seep_family_stop(&child->family, pid))
		relative = NULL;
	if (!relative)
		return seep_error_format(SEEP_ERROR_GONE, "process %d ended", (int)pid);
	struct seep_error *err = take(relative, child->target);
	if (err)
		seep_relative_resume(relative);
	return err;
}

static void obey(struct seep_child *child)
{
	pthread_mutex_lock(&child->lock);
	enum child_order order = child->order;
	pid_t pid = child->order_pid;
	pthread_mutex_unlock(&child->lock);
	if (order == CHILD_GO_ON)
		return;
	struct seep_error *err = order == CHILD_HOLD ? hold(child, pid) : NULL;
	struct seep_relative *relative = seep_family_find(&child->family, pid);
	if (relative && order == CHILD_RESUME)
		seep_relative_resume(relative);
	if (relative && order == CHILD_RELEASE)
		seep_relative_release(relative);
	pthread_mutex_lock(&child->lock);
	child->err = err;
	child->order = CHILD_GO_ON;
	pthread_cond_broadcast(&child->changed);
	pthread_mutex_unlock(&child->lock);
}

static void trace(struct seep_child *child)
{
	struct seep_family *family = &child->family;
	struct seep_relative *arrived;
	int status;

	while (!family->ended || seep_family_is_dying(family)) {
		bool gathering = seep_family_is_gathering(family);
		pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD | (gathering ? WNOHANG : 0));
		if (tid > 0)
			seep_family_report(family, tid, status);
		else if (tid < 0 && errno == ECHILD)
			break;
		bool told = false;
		while ((arrived = seep_family_arrived(family))) {
			told = true;
			if (!add_exiting(child, arrived->pid))
				seep_relative_release(arrived);
		}
		if (!told && gathering && tid == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
		if (family->changed)
			publish(child);
		obey(child);
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
	if (!err &&
	    ptrace(PTRACE_SEIZE, child->pid, NULL, (void *)seep_family_options(&child->family))) {
		snprintf(path, sizeof(path), "/proc/%d", (int)child->pid);
		int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		seep_refusal_find(dir_fd, child->pid, &refusal);
		if (dir_fd >= 0)
			close(dir_fd);
		err = seep_error_format(SEEP_ERROR_NOT_PERMITTED,
					"may not trace what it starts: %s; %s", refusal.reason,
					refusal.remedy);
	}
	child->family.root = child->pid;
	if (!err && !seep_family_add(&child->family, child->pid))
		err = &seep_enomem;
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
		if (tid > 0)
			seep_family_report(&child->family, tid, status);
		if (child->family.ended)
			break;
		if (tid <= 0)
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
	close(error_fd);
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
	if (!err)
		await_exec(child, error_fd);
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
				    struct seep_child_choice choice, int *errnum_ret,
				    struct seep_child **ret)
{
	struct seep_child *child = calloc(1, sizeof(*child));
	struct sigaction wake = { .sa_handler = do_nothing }; // no SA_RESTART

	*errnum_ret = 0;
	if (!child)
		return &seep_enomem;
	child->argv = argv;
	child->mask = mask;
	child->prepare = prepare;
	child->family.choice = choice;
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

pid_t *seep_child_running(struct seep_child *child, size_t *count_ret)
{
	pthread_mutex_lock(&child->lock);
	size_t bytes = child->running.len * sizeof(pid_t);
	pid_t *pids = bytes ? malloc(bytes) : NULL;
	if (pids)
		memcpy(pids, child->running.data, bytes);
	*count_ret = pids ? child->running.len : 0;
	pthread_mutex_unlock(&child->lock);
	return pids;
}

/** What is to be told now. */
static enum seep_child_event next_event(struct seep_child *child, pid_t *pid_ret)
{
	enum seep_child_event event = SEEP_CHILD_NOTHING;
	struct pids *exiting = &child->exiting;

	pthread_mutex_lock(&child->lock);
	if (child->ended) {
		event = SEEP_CHILD_ENDED;
	} else if (exiting->len) {
		event = SEEP_CHILD_EXITING;
		*pid_ret = exiting->data[0];
		exiting->len--;
		memmove(exiting->data, exiting->data + 1, exiting->len * sizeof(pid_t));
	}
	pthread_mutex_unlock(&child->lock);
	return event;
}

enum seep_child_event seep_child_wait(struct seep_child *child, uint64_t ns, int wake_fd,
				      pid_t *pid_ret)
{
	struct pollfd fds[] = { { child->event_fd, POLLIN, 0 }, { wake_fd, POLLIN, 0 } };
	struct timespec time = { .tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000) };
	enum seep_child_event event = next_event(child, pid_ret);
	uint64_t count;

	if (event != SEEP_CHILD_NOTHING)
		return event;
	ppoll(fds, 2, ns == UINT64_MAX ? NULL : &time, NULL);
	if (read(child->event_fd, &count, sizeof(count)) < 0)
		errno = 0;
	return next_event(child, pid_ret);
}

/** Has the tracer obey; false if the program has ended. */
static bool order(struct seep_child *child, enum child_order what, pid_t pid,
		  struct seep_error **err_ret)
{
	pthread_mutex_lock(&child->lock);
	child->order = what;
	child->order_pid = pid;
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

void seep_child_release(struct seep_child *child, pid_t pid)
{
	struct seep_error *err;

	order(child, CHILD_RELEASE, pid, &err);
	seep_error_destroy(err);
}

struct seep_error *seep_child_hold(struct seep_child *child, struct seep_target *target)
{
	struct seep_error *err;

	child->target = target;
	if (!order(child, CHILD_HOLD, target->pid, &err))
		return seep_error_format(SEEP_ERROR_GONE, "process %d ended", (int)target->pid);
	return err;
}

void seep_child_resume(struct seep_child *child, const struct seep_target *target)
{
	struct seep_error *err;

	order(child, CHILD_RESUME, target->pid, &err);
	seep_error_destroy(err);
}

int seep_child_status(const struct seep_child *child)
{
	return child->family.status;
}

void seep_child_destroy(struct seep_child *child)
{
	if (!child)
		return;
	pthread_join(child->thread, NULL);
	close(child->event_fd);
	pthread_cond_destroy(&child->changed);
	pthread_mutex_destroy(&child->lock);
	seep_vec_free(&child->exiting);
	seep_vec_free(&child->running);
	seep_family_deinit(&child->family);
	free(child);
}
