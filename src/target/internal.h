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

/** The first bytes of a capture; its version follows. */
#define SEEP_CAPTURE_MAGIC "seep capture "

struct seep_usage;
/** What a target does that is a file (core.c, capture.c). */
struct seep_file_ops {
	enum seep_target_kind kind;
	/** As seep_target_read(). */
	struct seep_error *(*read)(struct seep_target *target, seep_addr addr, void *buf,
				   size_t len);
	/** As seep_target_copy(). */
	struct seep_error *(*copy)(struct seep_target *target, const struct seep_range *ranges,
				   size_t count);
	/** As seep_usage_read(). */
	struct seep_error *(*usage)(struct seep_target *target, struct seep_usage *ret);
	/** Frees target->file. */
	void (*close)(struct seep_target *target);
};
/**
 * An opener fills a target that has no more than `fd` (the file, decompressed if it was) in: pid, arch (if not this machine's), exe_fd, exe_path, auxv, environ, threads,
 * mappings, moment, file_ops and file; and, with seep_mirror_reserve(), the mirror. On error the caller closes what is there.
 */
typedef struct seep_error *seep_file_open(struct seep_target *target, int fd,
					  const struct seep_source *source);
seep_file_open seep_core_open, seep_capture_open;
/** file.c: opens path ("-": standard input), decompresses, and says by its first bytes who is to open it; the descriptor is the caller's and can be mapped. */
struct seep_error *seep_file_recognize(const char *path, int *fd_ret, seep_file_open **open_ret)
	_must_check_;

/** Adds to target->notes. */
struct seep_error *seep_target_add_note(struct seep_target *target, const char *format, ...)
	_must_check_ _printf_(2, 3);

struct seep_target {
	pid_t pid;
	const struct seep_arch *arch;
	const struct seep_file_ops *file_ops; /** NULL: live */
	struct seep_child *child; /** seep started and traces it; NULL: it did not */
	void *file; /** theirs */
	struct seep_moment moment; /** of a file */
	struct seep_vec(char *) notes; /** what a file lacks; see seep_target_note() */
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
/** What must be as it should for that; nothing is done to the target. A filter: in force for its main thread. */
bool seep_uffd_is_filtered(const struct seep_target *target);
/** Whether one of the target's descriptors is a userfaultfd: it has its own use for what we would do. */
bool seep_uffd_in_use(const struct seep_target *target);
/** Whether a thread sleeps in a call now from which it can be borrowed. */
bool seep_uffd_has_thread(const struct seep_target *target);
/** watch.c: the features of a userfaultfd that watching needs. */
struct seep_error *seep_uffd_set_up(int uffd) _must_check_;

/**
 * stop.c: hands an order to the tracer thread; seep_tracer_wait() returns when it has been obeyed.
 */
void seep_tracer_order(struct seep_tracer *tracer, enum seep_order order,
		       struct seep_copy_job *job);
void seep_tracer_wait(struct seep_tracer *tracer);
/** Reads what a stop is for, of target->tracees, which stand; on the thread that traces them. */
struct seep_error *seep_stop_take(struct seep_target *target) _must_check_;
/** child.c: the same as a stop and a resume, of a program that seep traces anyway. */
struct seep_error *seep_child_hold(struct seep_child *child, struct seep_target *target)
	_must_check_;
void seep_child_resume(struct seep_child *child, const struct seep_target *target);
/** Priority for the calling thread while others wait for it, as high as seep may have it; briefly: for some milliseconds. */
void seep_hurry(bool briefly);

#endif
