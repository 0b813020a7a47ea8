/**
 * A program that seep starts and traces from its first instruction to its last, so that it can be looked at when it is about to
 * exit, whatever ends it; if that is asked for, also the processes that it starts, and theirs.
 *
 * Life: seep_child_start() → seep_child_wait() again and again; a look (struct seep_source with the child in it) is possible at any
 * time from the same thread; after SEEP_CHILD_EXITING the process stands, and seep_child_release() lets it end → SEEP_CHILD_ENDED,
 * when the program itself has. What then is left of its family runs on untraced.
 *
 * The program has seep's standard input, output and error, its process group and its environment. If seep is killed, it runs on.
 */
#ifndef SEEP_TARGET_CHILD_H
#define SEEP_TARGET_CHILD_H

#include "base/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct seep_child;

enum seep_child_event {
	SEEP_CHILD_NOTHING, /** the time is up, or wake_fd can be read */
	SEEP_CHILD_EXITING, /** a process of the family stands at its end */
	SEEP_CHILD_ENDED, /** the program has */
};

/** Who of the family is looked at. */
struct seep_child_choice {
	bool children; /** else the program alone */
	/**
	 * Whether to look at what a process has just become by exec; NULL: always. Called on another thread, while that process stands
	 * and all others wait.
	 */
	bool (*wants)(pid_t pid, void *arg);
	void *arg;
};

/**
 * Starts argv[0], found as a shell finds it, with the signal mask. prepare is called in the new process before that. Errors:
 * NOT_PERMITTED (it may not be traced), OS (no process, no such program: errno in *errnum_ret, else 0).
 */
struct seep_error *seep_child_start(char *const *argv, const sigset_t *mask, void (*prepare)(void),
				    struct seep_child_choice choice, int *errnum_ret,
				    struct seep_child **ret) _must_check_;
pid_t seep_child_pid(const struct seep_child *child);
/** Those that can be looked at now; after SEEP_CHILD_ENDED, that outlive the program. Owned; NULL if there are none. */
pid_t *seep_child_running(struct seep_child *child, size_t *count_ret);
/** Waits, at most ns (UINT64_MAX: for ever), or until wake_fd can be read. An event is told once; pid_ret: of EXITING. */
enum seep_child_event seep_child_wait(struct seep_child *child, uint64_t ns, int wake_fd,
				      pid_t *pid_ret);
/** Lets a process end that is about to. */
void seep_child_release(struct seep_child *child, pid_t pid);
/** What waitpid() said of it; once it has ended. */
int seep_child_status(const struct seep_child *child);
/** Only of one that has ended. Accepts NULL. */
void seep_child_destroy(struct seep_child *child);

#endif
