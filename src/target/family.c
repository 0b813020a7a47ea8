// What ptrace says of the threads of programs that seep traces for all their life, and what is done then.
//
// Signals are handed over, stops by job control stay stops, new threads run on. Processes that a program starts are let go, unless
// they are to be followed: then they are traced like itself, and their children, whatever they are. At each exec it is asked whether the
// program that it has become is one to look at; the ends of others are not even stopped at.
//
// The end. PTRACE_O_TRACEEXIT stops each thread on its way out, with its registers and all its memory still there. One that makes
// exit() alone is let go at once. Any other way, whoever called exit_group() or whatever signal it was, takes all threads, so those
// that arrive are held until the last has: this is the moment that is looked at. Two things look the same at first and are
// not: an exec() by one of several threads ends the others too, and must not wait for a look; and a kernel that writes a core
// file before threads exit. In the first case the thread that does not arrive is in execve(), and all others are let go; in the
// second it does not arrive in time, and is missed.
//
// A thread that vanishes without having stopped was in exit() or exit_group() already when another ended the process: the kernel passes over
// the stop of one that a signal is about to kill. It runs no code any more, and all that its goroutine needs is on its stack.
#include "target/family.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** From when on it is asked whether a thread that does not arrive makes an exec(), and how long it is waited for. */
static const uint64_t exec_wait_ns = 5 * 1000000ull, exit_wait_ns = 2000 * 1000000ull;
/** As in stop.c. */
static const uint64_t sleeper_wait_ns = 50 * 1000000ull;

static long options_of(const struct seep_family *family, bool wanted)
{
	return PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | (wanted ? PTRACE_O_TRACEEXIT : 0) |
	       (family->choice.children ? PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK : 0);
}

long seep_family_options(const struct seep_family *family)
{
	return options_of(family, true);
}

struct seep_relative *seep_family_find(const struct seep_family *family, pid_t pid)
{
	seep_vec_foreach(relative, &family->relatives)
		if ((*relative)->pid == pid)
			return *relative;
	return NULL;
}

static void destroy(struct seep_relative *relative)
{
	seep_vec_free(&relative->members);
	free(relative);
}

static void forget(struct seep_family *family, const struct seep_relative *relative)
{
	seep_vec_foreach(at, &family->relatives) {
		if (*at != relative)
			continue;
		family->changed |= relative->wanted;
		destroy(*at);
		*at = seep_vec_pop(&family->relatives);
		return;
	}
}

void seep_family_deinit(struct seep_family *family)
{
	seep_vec_foreach(relative, &family->relatives)
		destroy(*relative);
	seep_vec_free(&family->relatives);
}

static struct seep_member *find(struct seep_relative *relative, pid_t tid)
{
	seep_vec_foreach(member, &relative->members)
		if (member->tid == tid)
			return member;
	return NULL;
}

static struct seep_member *find_or_add(struct seep_relative *relative, pid_t tid)
{
	struct seep_member *member = find(relative, tid);

	if (!member && seep_vec_push(&relative->members, (struct seep_member){ .tid = tid }))
		member = &relative->members.data[relative->members.len - 1];
	return member;
}

struct seep_relative *seep_family_add(struct seep_family *family, pid_t pid)
{
	struct seep_relative *relative = calloc(1, sizeof(*relative));

	if (!relative)
		return NULL;
	relative->pid = pid;
	if (!find_or_add(relative, pid) || !seep_vec_push(&family->relatives, relative)) {
		destroy(relative);
		return NULL;
	}
	return relative;
}

/** Whose thread that is, if it was heard of before. */
static struct seep_relative *owner_of(const struct seep_family *family, pid_t tid)
{
	seep_vec_foreach(relative, &family->relatives)
		if (find(*relative, tid))
			return *relative;
	return NULL;
}

/** Whose a thread is that is new; or NULL: it is another process, also if it was made by clone(). */
static struct seep_relative *parent_of(const struct seep_family *family, pid_t tid)
{
	char path[64];

	seep_vec_foreach(relative, &family->relatives) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)(*relative)->pid, (int)tid);
		if (!access(path, F_OK))
			return *relative;
	}
	return NULL;
}

static void go_on(struct seep_member *member)
{
	ptrace(PTRACE_CONT, member->tid, NULL, (void *)(intptr_t)member->signal);
	member->state = SEEP_MEMBER_RUNNING;
	member->signal = 0;
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

static void let_end(struct seep_relative *relative)
{
	relative->dying = false;
	seep_vec_foreach(member, &relative->members)
		if (member->state == SEEP_MEMBER_EXITING)
			go_on(member);
}

void seep_relative_release(struct seep_relative *relative)
{
	relative->released = true;
	let_end(relative);
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
static bool all_arrived(struct seep_relative *relative)
{
	uint64_t waited = seep_now_ns() - relative->dying_since_ns;
	bool all = true;

	seep_vec_foreach(member, &relative->members) {
		if (member->state == SEEP_MEMBER_EXITING)
			continue;
		if (waited <= exec_wait_ns) {
			all = false;
			continue;
		}
		all = all && is_out_of_reach(member->tid);
		long call = call_of(member->tid);
		if (call == SYS_execve || call == SYS_execveat) {
			let_end(relative);
			return false;
		}
	}
	return all || waited > exit_wait_ns;
}

struct seep_relative *seep_family_arrived(struct seep_family *family)
{
	seep_vec_foreach(at, &family->relatives) {
		struct seep_relative *relative = *at;
		if (relative->dying && !relative->told && all_arrived(relative)) {
			relative->told = true;
			return relative;
		}
	}
	return NULL;
}

bool seep_family_is_dying(const struct seep_family *family)
{
	seep_vec_foreach(relative, &family->relatives)
		if ((*relative)->dying)
			return true;
	return false;
}

bool seep_family_is_gathering(const struct seep_family *family)
{
	seep_vec_foreach(relative, &family->relatives)
		if ((*relative)->dying && !(*relative)->told)
			return true;
	return false;
}

static void on_exit_stop(struct seep_relative *relative, struct seep_member *member)
{
	struct user_regs_struct regs;

	// It made exit(), and when another ended the process it did not even stay for us to look.
	if (ptrace(PTRACE_GETREGS, member->tid, NULL, &regs))
		return;
	bool alone = regs.orig_rax == SYS_exit;
	member->state = SEEP_MEMBER_EXITING;
	member->signal = 0;
	if (!relative->wanted || relative->released || (alone && relative->members.len > 1)) {
		go_on(member);
	} else if (!relative->dying) {
		relative->dying = true;
		relative->dying_since_ns = seep_now_ns();
	}
}

/** The program has become another one; of its threads one is left, by the number of the first. */
static void on_exec(struct seep_family *family, struct seep_relative *relative)
{
	const struct seep_child_choice *choice = &family->choice;
	bool wanted = !choice->wants || choice->wants(relative->pid, choice->arg);

	family->changed |= wanted || relative->wanted;
	relative->wanted = wanted;
	relative->members.len = 0;
	relative->dying = relative->told = relative->released = relative->torn = false;
	if (choice->children)
		ptrace(PTRACE_SETOPTIONS, relative->pid, NULL, (void *)options_of(family, wanted));
	struct seep_member *member = find_or_add(relative, relative->pid);
	if (member)
		go_on(member);
}

static bool is_job_stop(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void on_stop(struct seep_family *family, struct seep_relative *relative,
		    struct seep_member *member, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (event == PTRACE_EVENT_EXIT) {
		on_exit_stop(relative, member);
		return;
	}
	if (event == PTRACE_EVENT_EXEC) {
		on_exec(family, relative);
		return;
	}
	member->state = SEEP_MEMBER_STOPPED;
	member->signal = event ? 0 : signal;
	if (event == PTRACE_EVENT_STOP && is_job_stop(signal)) {
		member->state = SEEP_MEMBER_IN_GROUP_STOP;
		if (!relative->holding)
			ptrace(PTRACE_LISTEN, member->tid, NULL, NULL);
	} else if (!relative->holding) {
		go_on(member);
	}
}

static void on_end(struct seep_family *family, pid_t tid, int status)
{
	struct seep_relative *relative = owner_of(family, tid);

	if (relative) {
		struct seep_member *member = find(relative, tid);
		relative->torn |= member->state == SEEP_MEMBER_EXITING;
		*member = seep_vec_pop(&relative->members);
	}
	if (tid == family->root) {
		family->status = status;
		family->ended = true;
	}
	relative = seep_family_find(family, tid);
	if (relative)
		forget(family, relative);
}

void seep_family_report(struct seep_family *family, pid_t tid, int status)
{
	if (!WIFSTOPPED(status)) {
		on_end(family, tid, status);
		return;
	}
	struct seep_relative *relative = owner_of(family, tid);
	if (!relative)
		relative = parent_of(family, tid);
	if (!relative && family->choice.children)
		relative = seep_family_add(family, tid);
	struct seep_member *member = relative ? find_or_add(relative, tid) : NULL;
	if (member)
		on_stop(family, relative, member, status);
	else
		ptrace(PTRACE_DETACH, tid, NULL,
		       (void *)(intptr_t)(status >> 16 ? 0 : WSTOPSIG(status)));
}

/** Those that still run of what was to stop. */
static size_t count_running(struct seep_relative *relative, uint64_t waited)
{
	size_t running = 0;

	seep_vec_foreach(member, &relative->members) {
		if (member->state != SEEP_MEMBER_RUNNING)
			continue;
		// One that was born meanwhile.
		if (!member->interrupted)
			ptrace(PTRACE_INTERRUPT, member->tid, NULL, NULL);
		member->interrupted = true;
		running += waited < sleeper_wait_ns || !is_out_of_reach(member->tid);
	}
	return running;
}

bool seep_family_stop(struct seep_family *family, pid_t pid)
{
	struct seep_relative *relative = seep_family_find(family, pid);
	uint64_t start = seep_now_ns(), waited = 0;

	if (!relative)
		return false;
	relative->holding = true;
	seep_vec_foreach(member, &relative->members)
		member->interrupted = false;
	for (; waited < exit_wait_ns && count_running(relative, waited);
	     waited = seep_now_ns() - start) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD | WNOHANG);
		if (tid > 0)
			seep_family_report(family, tid, status);
		else
			nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
		relative = seep_family_find(family, pid);
		if (!relative)
			return false;
	}
	return true;
}

void seep_relative_resume(struct seep_relative *relative)
{
	relative->holding = false;
	seep_vec_foreach(member, &relative->members) {
		if (member->state == SEEP_MEMBER_STOPPED) {
			go_on(member);
		} else if (member->state == SEEP_MEMBER_IN_GROUP_STOP) {
			ptrace(PTRACE_LISTEN, member->tid, NULL, NULL);
		}
	}
}
