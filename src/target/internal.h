/** What the files of target/ share with each other and with nobody else. */
#ifndef SEEP_TARGET_INTERNAL_H
#define SEEP_TARGET_INTERNAL_H

#include "base/map.h"
#include "base/vec.h"
#include "target/copy.h"
#include "target/target.h"

#include <pthread.h>
#include <stdatomic.h>

struct seep_mappings seep_vec(struct seep_mapping);
struct seep_threads seep_vec(struct seep_thread);

enum seep_tracee_state {
	SEEP_TRACEE_RUNNING,
	SEEP_TRACEE_STOPPED,
	SEEP_TRACEE_MISSED,
	SEEP_TRACEE_ENDED,
};
/** A thread that is ptrace-attached to the tracer thread. */
struct seep_tracee {
	pid_t tid, procid;
	enum seep_tracee_state state;
	int signal; /** caught on its way to the thread, owed to it when it is let go; 0: none */
};
struct seep_tracees seep_vec(struct seep_tracee);

/** What the tracer thread is to do next. */
enum seep_order {
	SEEP_ORDER_NONE,
	SEEP_ORDER_STOP,
	SEEP_ORDER_COPY,
	SEEP_ORDER_LET_GO,
	SEEP_ORDER_COMPLETE, /** stop, bring the mirror of a watched target up to date, let go */
};

/** The thread that traces the target from stop to resume, and helps to copy in between (stop.c). */
struct seep_tracer {
	pthread_t thread;
	int calm; /** niceness of the calling thread before and after the stop */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum seep_order order; /** under lock; the tracer sets it to NONE when it has obeyed */
	struct seep_error *err; /** under lock; outcome of a stop */
	uint64_t max_bytes; /** for SEEP_ORDER_COMPLETE */
	struct seep_copy_job *job; /** under lock; for SEEP_ORDER_COPY */
};

struct seep_target {
	pid_t pid;
	int dir_fd; /** /proc/PID: stays with this process when the pid is used again */
	int mem_fd; /** /proc/PID/mem: likewise with its address space */
	int exe_fd;
	char *exe_path;
	char *auxv, *environ;
	size_t auxv_len, environ_len;

	bool stopped;
	struct seep_tracer tracer;
	struct seep_tracees tracees; /** the tracer thread's while it obeys an order */
	struct seep_map tracee_index; /** tid to index in tracees */
	struct seep_threads threads;
	struct seep_mappings mappings;
	struct seep_mirror mirror;
	struct seep_watch watch;
	atomic_bool no_readv; /** process_vm_readv() is refused: a seccomp filter; use mem_fd */
	uint64_t max_copy_bytes; /** 0 = no limit */
	uint64_t pause_start_ns, max_pause_ns; /** max: 0 = no limit */
	struct seep_stop_stats stats;
};

/**
 * proc.c: the whole of a file below dir_fd, NUL-terminated, owned; NULL with errno set. len_ret may
 * be NULL.
 */
char *seep_proc_read(int dir_fd, const char *path, size_t *len_ret);
/** What a link below dir_fd points to, owned; NULL with errno set. */
char *seep_proc_link(int dir_fd, const char *path);
/**
 * The text behind "key" (with its colon) in a status file, blanks skipped, up to the end of the
 * file; NULL if absent.
 */
const char *seep_status_field(const char *status, const char *key);
/** The number there, 0 if absent. */
uint64_t seep_status_number(const char *status, const char *key, int base);
/** True when the process of dir_fd has ended (gone or zombie). */
bool seep_proc_ended(int dir_fd);
uint64_t seep_now_ns(void);

/** permit.c: why the kernel will not let us attach, and what mends it. */
struct seep_refusal {
	char reason[160], remedy[400];
};
/**
 * Finds out; to be asked after a refusal, or to learn whether one is to be expected from more than
 * the credentials.
 */
void seep_refusal_find(int dir_fd, pid_t pid, struct seep_refusal *ret);
/** The same as an error NOT_PERMITTED. */
struct seep_error *seep_refusal_error(int dir_fd, pid_t pid) _must_check_;
/** True when the ptrace call itself is forbidden here, whoever it aims at. */
bool seep_ptrace_filtered(void);

/** maps.c: reads /proc/PID/maps anew into target->mappings. */
struct seep_error *seep_mappings_read(struct seep_target *target) _must_check_;
struct stat;
/**
 * One line of it; exe: the executable's. name_ret (may be NULL): its path or name, in the line, "" if it has none. False
 * for what is no such line.
 */
bool seep_mapping_parse(const struct seep_target *target, const struct stat *exe, const char *line,
			size_t len, struct seep_mapping *ret, const char **name_ret);

/**
 * cgroup.c: memory limit and use of a process's control group, as seep_usage has them; untouched where they cannot be
 * found. proc_dir_fd: of /proc/PID.
 */
void seep_cgroup_read(int proc_dir_fd, uint64_t *limit_ret, uint64_t *usage_ret);

/** copy.c: whether the stop has lasted as long as it may. */
bool seep_pause_is_over(const struct seep_target *target);
/** The error for that. */
struct seep_error *seep_pause_error(const struct seep_target *target) _must_check_;

/**
 * inject.c: has a thread of the target make a userfaultfd and takes it over; the target has it no more afterwards. gap_ns_ret: how long
 * that thread was kept from running. UNSUPPORTED, with the reason, where that cannot be done without risk.
 */
struct seep_error *seep_uffd_obtain(struct seep_target *target, int *uffd_ret, uint64_t *gap_ns_ret)
	_must_check_;

/**
 * stop.c: hands an order to the tracer thread; seep_tracer_wait() returns when it has been obeyed.
 */
void seep_tracer_order(struct seep_tracer *tracer, enum seep_order order,
		       struct seep_copy_job *job);
void seep_tracer_wait(struct seep_tracer *tracer);
/** Priority for the calling thread while others wait for it, as high as seep may have it; briefly: for some milliseconds. */
void seep_hurry(bool briefly);

#endif
