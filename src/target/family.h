/**
 * The processes that one thread traces, from the exec of each to its end: one, or with it those that it starts. What ptrace reports of
 * their threads comes in, and what ptrace demands is done. Everything here is for that thread alone; child.c is around it.
 */
#ifndef SEEP_TARGET_FAMILY_H
#define SEEP_TARGET_FAMILY_H

#include "target/child.h"
#include "target/internal.h"

enum seep_member_state {
	SEEP_MEMBER_RUNNING,
	SEEP_MEMBER_STOPPED,
	SEEP_MEMBER_IN_GROUP_STOP,
	SEEP_MEMBER_EXITING,
};
/** A thread. */
struct seep_member {
	pid_t tid;
	enum seep_member_state state;
	bool interrupted; /** asked to stop for a look */
	int signal; /** of STOPPED: to be handed over */
};

struct seep_relative {
	pid_t pid;
	struct seep_vec(struct seep_member) members;
	bool wanted; /** to be looked at; not before its first exec */
	bool holding; /** for a look */
	bool dying; /** a thread is held on its way out */
	bool told; /** and all were: the look at the end may begin */
	bool released; /** it is over */
	bool torn; /** a thread that was held is gone, and what it had in its registers with it */
	uint64_t dying_since_ns;
};

struct seep_family {
	pid_t root; /** the one that was started */
	int status; /** of waitpid(), once ended */
	bool ended; /** the root has */
	bool changed; /** who is wanted has; for whoever asks to reset */
	struct seep_child_choice choice;
	struct seep_vec(struct seep_relative *) relatives;
};

/** What is to be traced of the root. */
long seep_family_options(const struct seep_family *family);
/** Adds a process that is traced; NULL: no memory. */
struct seep_relative *seep_family_add(struct seep_family *family, pid_t pid);
struct seep_relative *seep_family_find(const struct seep_family *family, pid_t pid);
/** One report of waitpid(). Frees relatives that have ended. */
void seep_family_report(struct seep_family *family, pid_t tid, int status);
/** One that is held at its end, with all its threads as far as they can be, and was not told before; or NULL. */
struct seep_relative *seep_family_arrived(struct seep_family *family);
/** Whether some are about to end, and whether their threads are still waited for. */
bool seep_family_is_dying(const struct seep_family *family);
bool seep_family_is_gathering(const struct seep_family *family);
/** Has all threads of a process stand for a look. False: it has ended. */
bool seep_family_stop(struct seep_family *family, pid_t pid);
void seep_relative_resume(struct seep_relative *relative);
/** Lets it end. */
void seep_relative_release(struct seep_relative *relative);
void seep_family_deinit(struct seep_family *family);

#endif
