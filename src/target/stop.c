/*
 * Stopping and letting go.
 *
 * ptrace binds a thread of the target to one thread of the tracer. That thread is our own ("tracer
 * thread"), created before anything is stopped and living until everything is let go, for two
 * reasons. The kernel lets go of all that a thread traces when the thread exits, whatever state
 * each is in, so letting go cannot fail and cannot be forgotten: a thread that slept
 * uninterruptibly all through the stop cannot be detached otherwise, and would be trapped for good
 * when it wakes. And between stop and resume it is the second copying thread, at no cost in the
 * pause.
 *
 * Order of a stop:
 *
 *	1. read the pids as the target sees them, seize every thread of /proc/PID/task (all run on)
 *	2. interrupt all; collect the stops
 *	3. list the threads again; new ones (only a thread that ran could have made them) are
 *	   seized and interrupted at once; repeat until two lists in a row hold nothing new (a list
 *	   can miss an entry while another thread exits)
 *	4. registers, mappings, mirror
 *
 * What waitpid() may report of a seized thread: an event stop with SIGTRAP (our interrupt), an
 * event stop with a stopping signal (group-stop: it stays so after we detach), a signal on its way
 * to the thread (remembered, and handed over at detach; the interrupt still pending behind it is
 * dropped by the kernel then), exit.
 *
 * A thread in uninterruptible sleep is waited for: 1 ms if it is the parent of a vfork(), which may sleep for
 * long; else (a page from the disk, the lock of the address space) 50 ms. Then it is missed: it cannot change
 * memory while it sleeps, and will stop before it is back in its own code.
 *
 * Whoever keeps others waiting should not wait for a processor: for as long as the stop lasts our
 * threads have the highest ordinary priority, and in the stop of a watched target, which is short and
 * the tracer thread's alone, a real-time one; if seep is allowed to have it.
 */
#include "target/internal.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint64_t sleeper_wait_ns = 50 * 1000000ull, parent_wait_ns = 1000000;
/** For a thread that could stop but does not: a machine out of breath. */
static const uint64_t runner_wait_ns = 2000 * 1000000ull;
/** How long to spin before sleeping between two looks at the threads. */
static const uint64_t spin_ns = 300 * 1000ull;
enum { LIST_PASSES_MAX = 1000 };
/** Niceness in the stop. */
enum { HASTY = -20 };

struct tids seep_vec(pid_t);

/** All threads, ascending as the kernel lists them. */
static struct seep_error *list_threads(const struct seep_target *target, struct tids *ret)
{
	int fd = openat(target->dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct seep_error *err = NULL;

	ret->len = 0;
	if (!dir) {
		err = errno == ENOENT ? seep_error_os(ESRCH, "process %d", (int)target->pid) :
					seep_error_os(errno, "/proc/%d/task", (int)target->pid);
		if (fd >= 0)
			close(fd);
		return err;
	}
	for (const struct dirent *entry; !err && (entry = readdir(dir));) {
		pid_t tid = atoi(entry->d_name);
		if (tid > 0 && !seep_vec_push(ret, tid))
			err = &seep_enomem;
	}
	closedir(dir);
	return err;
}

/** The last column of NSpid: the thread's id as its own process sees it. */
static pid_t inner_tid(const struct seep_target *target, pid_t tid, bool *nested_ret)
{
	char path[64];

	snprintf(path, sizeof(path), "task/%d/status", (int)tid);
	_cleanup_free_ char *status = seep_proc_read(target->dir_fd, path, NULL);
	const char *field = status ? seep_status_field(status, "NSpid:") : NULL;
	char *end = (char *)field;
	long inner = tid, columns = 0;
	while (end && *end && *end != '\n') {
		inner = strtol(end, &end, 10);
		end += strspn(end, " \t");
		columns++;
	}
	if (nested_ret)
		*nested_ret = columns > 1;
	return (pid_t)inner;
}

/** State letter of a thread in /proc; '\0' when it is gone. */
static char thread_state(const struct seep_target *target, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "task/%d/status", (int)tid);
	_cleanup_free_ char *status = seep_proc_read(target->dir_fd, path, NULL);
	const char *state = status ? seep_status_field(status, "State:") : NULL;
	return state ? *state : '\0';
}

/**
 * True when tid is seized already; one that has ended does not count, its number may be in use
 * again.
 */
static bool is_seized(const struct seep_target *target, pid_t tid)
{
	const uint64_t *index = seep_map_get(&target->tracee_index, tid);

	return index && *index < target->tracees.len &&
	       target->tracees.data[*index].state != SEEP_TRACEE_ENDED;
}

/** What a refused PTRACE_SEIZE means. */
enum refusal { THREAD_ENDED, TRY_AGAIN, REFUSED };

static enum refusal judge_refusal(int thread_fd)
{
	_cleanup_free_ char *status = seep_proc_read(thread_fd, "status", NULL);
	const char *state = status ? seep_status_field(status, "State:") : NULL;

	// The main thread may have exited before the others; it cannot be traced and does not run.
	if (!state || *state == 'Z' || *state == 'X')
		return THREAD_ENDED;
	// The tracer thread of our last stop counts until the kernel is done with its exit.
	return seep_status_number(status, "TracerPid:", 10) == (uint64_t)getpid() ? TRY_AGAIN :
										    REFUSED;
}

/** Seizes one thread; one that is gone meanwhile is no error. */
static struct seep_error *seize(struct seep_target *target, pid_t tid, pid_t procid)
{
	struct seep_tracee tracee = { .tid = tid, .procid = procid, .state = SEEP_TRACEE_RUNNING };
	struct seep_error *err = NULL;
	enum refusal refusal = TRY_AGAIN;
	char path[64];

	if (!seep_vec_reserve(&target->tracees, target->tracees.len + 1))
		return &seep_enomem;
	uint64_t *index = seep_map_put(&target->tracee_index, tid, NULL);
	if (!index)
		return &seep_enomem;
	*index = SIZE_MAX;
	for (unsigned try = 0; refusal == TRY_AGAIN && try < 100; try++) {
		if (!ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
			*index = target->tracees.len;
			target->tracees.data[target->tracees.len++] = tracee;
			return NULL;
		}
		if (errno == ESRCH)
			return NULL;
		if (errno != EPERM)
			return seep_error_os(errno, "seize thread %d", (int)tid);
		snprintf(path, sizeof(path), "task/%d", (int)tid);
		int thread_fd = openat(target->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (thread_fd < 0)
			return NULL;
		refusal = judge_refusal(thread_fd);
		if (refusal == REFUSED)
			err = seep_refusal_error(thread_fd, target->pid);
		else if (refusal == TRY_AGAIN)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		close(thread_fd);
	}
	return err;
}

/** Step 1: everything that is there now, while it runs. */
static struct seep_error *seize_running(struct seep_target *target, struct tids *tids)
{
	_cleanup_free_ pid_t *procids = NULL;
	struct seep_error *err;
	bool nested;

	err = list_threads(target, tids);
	if (err)
		return err;
	procids = malloc((tids->len + 1) * sizeof(*procids));
	if (!procids)
		return &seep_enomem;
	inner_tid(target, target->pid, &nested);
	for (size_t i = 0; i < tids->len; i++)
		procids[i] = nested ? inner_tid(target, tids->data[i], NULL) : tids->data[i];
	for (size_t i = 0; i < tids->len; i++) {
		err = seize(target, tids->data[i], procids[i]);
		if (err)
			return err;
	}
	return NULL;
}

/** Takes in one report of waitpid(), if there is one. */
static void collect(struct seep_tracee *tracee)
{
	int status;
	pid_t pid = waitpid(tracee->tid, &status, __WALL | WNOHANG);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return;
	if (pid < 0 || !WIFSTOPPED(status)) {
		tracee->state = SEEP_TRACEE_ENDED;
		return;
	}
	tracee->state = SEEP_TRACEE_STOPPED;
	tracee->signal = status >> 16 ? 0 : WSTOPSIG(status);
}

/** Whether a thread that does not stop is to be missed. */
static bool is_missed(const struct seep_target *target, pid_t tid, uint64_t waited_ns)
{
	char path[64];
	long number;

	if (waited_ns > runner_wait_ns)
		return true;
	if (waited_ns <= parent_wait_ns || thread_state(target, tid) != 'D')
		return false;
	if (waited_ns > sleeper_wait_ns)
		return true;
	snprintf(path, sizeof(path), "task/%d/syscall", (int)tid);
	_cleanup_free_ char *call = seep_proc_read(target->dir_fd, path, NULL);
	return call && sscanf(call, "%ld", &number) == 1 &&
	       (number == SYS_vfork || number == SYS_clone || number == SYS_clone3);
}

/** Counts the running ones after a look at each. */
static size_t collect_all(struct seep_target *target, uint64_t waited_ns)
{
	size_t running = 0;

	seep_vec_foreach(tracee, &target->tracees) {
		if (tracee->state != SEEP_TRACEE_RUNNING)
			continue;
		collect(tracee);
		if (tracee->state != SEEP_TRACEE_RUNNING)
			continue;
		if (is_missed(target, tracee->tid, waited_ns))
			tracee->state = SEEP_TRACEE_MISSED;
		else
			running++;
	}
	return running;
}

static void wait_for_stops(struct seep_target *target)
{
	uint64_t start = seep_now_ns();

	for (uint64_t waited = 0; collect_all(target, waited) && !seep_pause_is_over(target);
	     waited = seep_now_ns() - start) {
		if (waited < spin_ns)
			sched_yield();
		else
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
}

/** Step 3: the threads that were born while others were being stopped. */
static struct seep_error *stop_newborn(struct seep_target *target, struct tids *tids)
{
	struct seep_error *err;
	unsigned quiet = 0;

	for (unsigned pass = 0; quiet < 2 && pass < LIST_PASSES_MAX; pass++) {
		size_t before = target->tracees.len;
		if (seep_pause_is_over(target))
			return seep_pause_error(target);
		err = list_threads(target, tids);
		if (err)
			return err;
		for (size_t i = 0; i < tids->len; i++) {
			if (is_seized(target, tids->data[i]))
				continue;
			err = seize(target, tids->data[i], inner_tid(target, tids->data[i], NULL));
			if (err)
				return err;
			if (target->tracees.len > before)
				ptrace(PTRACE_INTERRUPT, tids->data[i], NULL, NULL);
		}
		if (target->tracees.len > before)
			wait_for_stops(target);
		quiet = target->tracees.len > before ? 0 : quiet + 1;
	}
	return quiet < 2 ?
		       seep_error_format(SEEP_ERROR_OS,
					 "process %d makes threads faster than they can be stopped",
					 (int)target->pid) :
		       NULL;
}

static void threads_deinit(struct seep_threads *threads)
{
	seep_vec_free(threads);
}

static bool read_registers(struct seep_thread *thread)
{
	struct user_regs_struct r;
	struct iovec iov = { &r, sizeof(r) };

	if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &iov) < 0 ||
	    iov.iov_len != sizeof(r))
		return false;
	const uint64_t regs[16] = { r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp,
				    r.r8,  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15 };
	memcpy(thread->regs, regs, sizeof(regs));
	thread->pc = r.rip;
	thread->sp = r.rsp;
	thread->bp = r.rbp;
	// The kernel keeps the number here while it is in a call, and -1 or the like after an interrupt.
	thread->syscall = (int64_t)r.orig_rax >= 0 ? (int64_t)r.orig_rax : -1;
	return true;
}

/**
 * A sleep that an earlier stop interrupted goes on as restart_syscall(): it is still the call that it was then. at: where in `before` to
 * begin, as both lists have nearly one order.
 */
static void remember_syscall(struct seep_thread *thread, const struct seep_threads *before,
			     size_t *at)
{
	if (thread->syscall != SYS_restart_syscall)
		return;
	for (size_t n = 0; n < before->len; n++, (*at)++) {
		const struct seep_thread *then = &before->data[*at % before->len];
		if (then->tid != thread->tid)
			continue;
		if (then->stopped && then->sp == thread->sp)
			thread->syscall = then->syscall;
		return;
	}
}

static struct seep_error *read_threads(struct seep_target *target)
{
	_cleanup_(threads_deinit) struct seep_threads before = target->threads;
	size_t at = 0;

	target->threads = (struct seep_threads){};
	seep_vec_foreach(tracee, &target->tracees) {
		struct seep_thread thread = { .tid = tracee->tid,
					      .procid = tracee->procid,
					      .syscall = -1 };
		if (tracee->state == SEEP_TRACEE_ENDED)
			continue;
		thread.stopped = tracee->state == SEEP_TRACEE_STOPPED && read_registers(&thread);
		remember_syscall(&thread, &before, &at);
		if (!seep_vec_push(&target->threads, thread))
			return &seep_enomem;
		target->stats.threads++;
		target->stats.threads_missed += !thread.stopped;
	}
	if (!target->stats.threads || target->stats.threads == target->stats.threads_missed)
		return seep_error_format(
			SEEP_ERROR_GONE, "process %d %s", (int)target->pid,
			target->stats.threads ?
				"does not stop: all its threads are in uninterruptible sleep, or it is starting another program; look again" :
				"ended");
	return NULL;
}

/**
 * An exec() since the target was opened leaves a pid with other memory; its auxiliary vector tells
 * (random addresses).
 */
static struct seep_error *check_same_program(const struct seep_target *target)
{
	size_t len;
	_cleanup_free_ char *auxv = seep_proc_read(target->dir_fd, "auxv", &len);

	if (!auxv || !len)
		return seep_error_format(SEEP_ERROR_GONE, "process %d ended", (int)target->pid);
	if (len != target->auxv_len || memcmp(auxv, target->auxv, len))
		return seep_error_format(SEEP_ERROR_GONE,
					 "process %d executed another program: try again",
					 (int)target->pid);
	return NULL;
}

/** Counters of a new stop; those of what came before it stay. */
static void begin_stats(struct seep_target *target)
{
	target->stats = (struct seep_stop_stats){
		.prepared_bytes = target->stats.prepared_bytes,
		.precopy_bytes = target->stats.precopy_bytes,
		.rounds = target->stats.rounds,
		.stops = target->stats.stops + 1,
		.max_gap_ns = target->stats.max_gap_ns,
	};
}

static void end_stats(struct seep_target *target)
{
	target->stats.pause_ns = seep_now_ns() - target->pause_start_ns;
	if (target->stats.pause_ns > target->stats.max_gap_ns)
		target->stats.max_gap_ns = target->stats.pause_ns;
}

/** Step 4. */
static struct seep_error *read_stopped(struct seep_target *target)
{
	struct seep_error *err;

	err = read_threads(target);
	if (!err)
		err = check_same_program(target);
	if (!err)
		err = seep_mappings_read(target);
	return err ? err : seep_mirror_reserve(target);
}

struct seep_error *seep_stop_take(struct seep_target *target)
{
	begin_stats(target);
	seep_vec_foreach(tracee, &target->tracees)
		tracee->procid = inner_tid(target, tracee->tid, NULL);
	return read_stopped(target);
}

static struct seep_error *stop_all(struct seep_target *target)
{
	struct tids tids _cleanup_(seep_freep) = {};
	struct seep_error *err;

	begin_stats(target);
	err = seize_running(target, &tids);
	target->pause_start_ns = seep_now_ns();
	if (err)
		return err;
	seep_vec_foreach(tracee, &target->tracees)
		ptrace(PTRACE_INTERRUPT, tracee->tid, NULL, NULL);
	wait_for_stops(target);
	err = stop_newborn(target, &tids);
	return err ? err : read_stopped(target);
}

/** The exit of the tracer thread lets go of whatever is left here. */
static void let_go(struct seep_target *target)
{
	seep_vec_foreach(tracee, &target->tracees)
		if (tracee->state == SEEP_TRACEE_STOPPED)
			ptrace(PTRACE_DETACH, tracee->tid, NULL, (void *)(intptr_t)tracee->signal);
	end_stats(target);
	target->tracees.len = 0;
	seep_map_deinit(&target->tracee_index);
}

void seep_hurry(bool briefly)
{
	const struct sched_param least = { .sched_priority = 1 };

	// Real time goes before everything else, also where each service has a share of its own.
	if (!briefly || sched_setscheduler(gettid(), SCHED_RR, &least))
		setpriority(PRIO_PROCESS, gettid(), HASTY);
}

static void *tracer_main(void *arg)
{
	struct seep_target *target = arg;
	struct seep_tracer *tracer = &target->tracer;
	bool done = false;

	seep_hurry(target->watch.on);
	pthread_mutex_lock(&tracer->lock);
	while (!done) {
		while (tracer->order == SEEP_ORDER_NONE)
			pthread_cond_wait(&tracer->changed, &tracer->lock);
		enum seep_order order = tracer->order;
		struct seep_error *err = NULL;
		pthread_mutex_unlock(&tracer->lock);
		if (order != SEEP_ORDER_LET_GO && order != SEEP_ORDER_COPY)
			err = stop_all(target);
		if (order == SEEP_ORDER_COMPLETE && !err)
			err = seep_refresh_stopped(target, tracer->max_bytes);
		else if (order == SEEP_ORDER_COPY)
			seep_copy_work(tracer->job);
		done = order == SEEP_ORDER_LET_GO || order == SEEP_ORDER_COMPLETE || err;
		if (done)
			let_go(target);
		pthread_mutex_lock(&tracer->lock);
		tracer->err = err;
		tracer->order = SEEP_ORDER_NONE;
		pthread_cond_broadcast(&tracer->changed);
	}
	pthread_mutex_unlock(&tracer->lock);
	return NULL;
}

void seep_tracer_order(struct seep_tracer *tracer, enum seep_order order, struct seep_copy_job *job)
{
	pthread_mutex_lock(&tracer->lock);
	tracer->order = order;
	tracer->job = job;
	pthread_cond_broadcast(&tracer->changed);
	pthread_mutex_unlock(&tracer->lock);
}

void seep_tracer_wait(struct seep_tracer *tracer)
{
	pthread_mutex_lock(&tracer->lock);
	while (tracer->order != SEEP_ORDER_NONE)
		pthread_cond_wait(&tracer->changed, &tracer->lock);
	pthread_mutex_unlock(&tracer->lock);
}

/** Signals meant for seep are for its main thread: the tracer's system calls need no EINTR then. */
static int start_thread(struct seep_target *target, enum seep_order order)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	target->tracer.order = order;
	int errnum = pthread_create(&target->tracer.thread, NULL, tracer_main, target);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return errnum;
}

/** Has a new tracer thread obey; it lives on only after a stop that succeeded. */
static struct seep_error *run_thread(struct seep_target *target, enum seep_order order)
{
	struct seep_tracer *tracer = &target->tracer;
	int errnum = start_thread(target, order);

	if (errnum)
		return seep_error_os(errnum, "start a thread");
	seep_tracer_wait(tracer);
	struct seep_error *err = tracer->err;
	tracer->err = NULL;
	if (err || order == SEEP_ORDER_COMPLETE)
		pthread_join(tracer->thread, NULL);
	return err;
}

struct seep_error *seep_target_stop(struct seep_target *target)
{
	struct seep_tracer *tracer = &target->tracer;

	if (target->stopped)
		return NULL;
	if (target->mirror.used)
		seep_mirror_deinit(&target->mirror);
	if (target->child) {
		struct seep_error *held = seep_child_hold(target->child, target);
		target->stopped = !held;
		return held;
	}
	tracer->calm = getpriority(PRIO_PROCESS, gettid());
	struct seep_error *err = run_thread(target, SEEP_ORDER_STOP);
	if (!err)
		setpriority(PRIO_PROCESS, gettid(), HASTY);
	target->stopped = !err;
	return err;
}

void seep_target_resume(struct seep_target *target)
{
	if (!target->stopped)
		return;
	if (target->child) {
		seep_child_resume(target->child, target);
		end_stats(target);
		target->stopped = false;
		return;
	}
	seep_tracer_order(&target->tracer, SEEP_ORDER_LET_GO, NULL);
	seep_tracer_wait(&target->tracer);
	pthread_join(target->tracer.thread, NULL);
	setpriority(PRIO_PROCESS, gettid(), target->tracer.calm);
	target->stopped = false;
}

struct seep_error *seep_target_complete(struct seep_target *target, uint64_t max_bytes)
{
	struct seep_error *err;

	if (!target->watch.on || target->stopped)
		return seep_error_format(SEEP_ERROR_USAGE, "process %d is not watched",
					 (int)target->pid);
	target->tracer.max_bytes = max_bytes;
	target->stopped = true;
	err = run_thread(target, SEEP_ORDER_COMPLETE);
	target->stopped = false;
	target->watch.over = true;
	return err;
}
