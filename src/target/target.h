/**
 * A running process, read from outside, or a file that keeps one: a core or a capture. No other folder makes system calls on it.
 *
 * Life: seep_target_open() → (reads of what never changes, while the process runs; perhaps
 * seep_target_prepare()) → seep_target_stop() → seep_target_copy() in rounds →
 * seep_target_resume() → analysis of the copy → seep_target_close().
 *
 * The process is never changed: threads are stopped with PTRACE_SEIZE and PTRACE_INTERRUPT, which
 * the kernel undoes when seep dies, and memory is only read. All calls on one target must come from
 * one thread; between stop and resume a thread of our own holds the tracees and helps to copy.
 *
 * A file is stopped for ever: it has no prepare, stop, watch and resume, and seep_target_copy() works at once.
 */
#ifndef SEEP_TARGET_TARGET_H
#define SEEP_TARGET_TARGET_H

#include "base/arch.h"
#include "target/memory.h"

#include <sys/types.h>

struct seep_target;

enum seep_target_kind { SEEP_TARGET_LIVE, SEEP_TARGET_CORE, SEEP_TARGET_CAPTURE };
/** Where a target is to be had. */
struct seep_source {
	pid_t pid; /** a process; 0 = the file */
	struct seep_child
		*child; /** it is this one, which seep has started (child.h); NULL = it is not */
	const char *file; /** core or capture, maybe compressed; "-" = standard input */
	const char *
		exe; /** the executable that a core is of; NULL = to be found: by its build id, or in the core itself */
	uint64_t max_bytes; /** of a file: refuse if more memory has to be copied from it; 0 = no limit */
};
/** The clocks at the moment that a copy is of. */
struct seep_moment {
	uint64_t monotonic_ns; /** CLOCK_MONOTONIC, which is the Go runtime's nanotime(); 0 = not known */
	uint64_t realtime_ns; /** since 1970; 0 = not known */
};

/** A line of /proc/PID/maps, as read in the stop. */
struct seep_mapping {
	seep_addr start, end;
	uint64_t file_offset;
	bool readable, writable, executable, shared;
	bool file_backed;
	bool is_exe; /** maps the main executable's file */
};

enum { SEEP_THREAD_REGISTERS = 31 };
/** A thread as it stood in the stop. */
struct seep_thread {
	pid_t tid; /** in seep's PID namespace */
	pid_t procid; /** in the target's own innermost PID namespace: what Go keeps in m.procid */
	/** False: it did not stop in time (uninterruptible sleep); no registers, copied anyway. */
	bool stopped;
	uint64_t pc, sp, bp;
	int64_t syscall; /** number of the system call that it was in; -1: in none, or not stopped */
	uint64_t regs[SEEP_THREAD_REGISTERS]; /** what may hold pointers, arch->registers of them: rax rbx rcx rdx rsi rdi rbp rsp r8..r15, or x0..x30 */
};

struct seep_range {
	seep_addr start, end;
};

/** Counters of one stop, for the report. Times from CLOCK_MONOTONIC. */
struct seep_stop_stats {
	uint64_t pause_ns; /** from the first PTRACE_INTERRUPT to the last PTRACE_DETACH */
	uint64_t read_bytes; /** bytes copied while it stood */
	uint64_t prepared_bytes; /** what seep_target_prepare() made room for, or would have */
	uint64_t precopy_bytes; /** bytes copied while it ran, since seep_target_watch() */
	size_t rounds; /** of seep_target_refresh() while it ran */
	size_t stops; /** this one included */
	uint64_t max_gap_ns; /** the longest that anything of it stood at a time: all stops, and the preparation of a watch */
	size_t threads, threads_missed;
	size_t spans_left_out; /** runs of writable mappings too large to be mirrored */
	uint64_t pages_unreadable; /** asked for and resident, but the kernel would not read them */
};

/**
 * Opens process pid for reading; does not stop it. Errors: GONE (no such process, zombie), NOT_PERMITTED (message says which of ptrace
 * scope, capability, user or container refused, and the command that mends it), UNSUPPORTED (kernel thread, other architecture).
 */
struct seep_error *seep_target_open(pid_t pid, struct seep_target **ret) _must_check_;
/**
 * Opens a core file or a capture, whichever it is. Errors: USAGE (cannot be opened), UNSUPPORTED (neither, of another architecture, of
 * a program that is not at hand; says what would mend it), BAD_DATA (damaged), BUDGET (max_bytes, or what the machine has left), NO_MEMORY.
 */
struct seep_error *seep_target_open_file(const struct seep_source *source, struct seep_target **ret)
	_must_check_;
/** The process is that of child, which stops and resumes it from now on. */
void seep_target_adopt(struct seep_target *target, struct seep_child *child);
/** Resumes if stopped, and frees. Accepts NULL. */
void seep_target_close(struct seep_target *target);

enum seep_target_kind seep_target_kind(const struct seep_target *target);
const struct seep_arch *seep_target_arch(const struct seep_target *target);
/** Of a file: the process that it keeps; 0 = not known. */
pid_t seep_target_pid(const struct seep_target *target);
/** What a file lacks, a sentence each, the most general first; NULL behind the last. Borrowed. */
const char *seep_target_note(const struct seep_target *target, size_t i);
/** Of a live target: now. */
struct seep_moment seep_target_moment(const struct seep_target *target);
/**
 * Descriptor of the executable (through /proc/PID/exe, so it works across mount namespaces and
 * after deletion).
 */
int seep_target_exe_fd(const struct seep_target *target);
/** What /proc/PID/exe points to, for people; may carry " (deleted)". */
const char *seep_target_exe_path(const struct seep_target *target);
/** Value of an auxiliary vector entry (AT_ENTRY, AT_PHDR, ...), 0 if absent. */
uint64_t seep_target_auxv(const struct seep_target *target, uint64_t type);
/**
 * Value of an environment variable in /proc/PID/environ (the start environment), NULL if absent;
 * borrowed.
 */
const char *seep_target_env(struct seep_target *target, const char *name);
/** Resident set in bytes, 0 if unknown. */
uint64_t seep_target_rss(const struct seep_target *target);

/** Reads exactly len bytes, stopped or running. Errors: FAULT, GONE, NOT_PERMITTED. */
struct seep_error *seep_target_read(struct seep_target *target, seep_addr addr, void *buf,
				    size_t len) _must_check_;

/**
 * Makes room, while the process runs, for a copy of what is resident in ranges now (count 0: in all
 * writable private mappings), so that the pause need not wait for memory: it then takes a third of
 * the time. Optional; costs as much memory as it prepares for, so leave out what will not be
 * copied.
 */
struct seep_error *seep_target_prepare(struct seep_target *target, const struct seep_range *ranges,
				       size_t count) _must_check_;

/** Limits the copy: seep_target_prepare() ends with BUDGET, and nothing is taken, if it were to hold more bytes. 0: no limit. */
void seep_target_limit_copy(struct seep_target *target, uint64_t max_bytes);

/**
 * Limits the pauses to come: once a stop has lasted max_ns, seep_target_stop() or
 * seep_target_copy() ends with BUDGET. Time is looked at between steps of a millisecond or so, and
 * letting go comes on top; whoever gets BUDGET from a copy must resume. 0: no limit.
 */
void seep_target_limit_pause(struct seep_target *target, uint64_t max_ns);
/**
 * Stops every thread, also those born meanwhile, and reads registers and mappings. Errors: GONE,
 * NOT_PERMITTED (for example another tracer is attached: names it), BUDGET. On error everything is
 * let go.
 */
struct seep_error *seep_target_stop(struct seep_target *target) _must_check_;
/**
 * As of the last stop (mappings: or the last seep_target_prepare(), or open); borrowed, valid until
 * the next of these or close.
 */
const struct seep_mapping *seep_target_mappings(const struct seep_target *target,
						size_t *count_ret);
const struct seep_thread *seep_target_threads(const struct seep_target *target, size_t *count_ret);

/**
 * From here on it is noticed which pages the process writes to, until seep_target_unwatch() or close, so that most can be copied while
 * it runs. For this one of its threads makes two system calls (inject.c); nothing of it remains. UNSUPPORTED, with the reason: a kernel
 * before 6.7, a seccomp filter, a program that uses userfaultfd itself, no thread that sleeps.
 *
 * Life of a watched target: refresh and copy, again and again, until little is written between two refreshes → complete → copy,
 * which finds everything there, or asks for another round → unwatch.
 */
struct seep_error *seep_target_watch(struct seep_target *target) _must_check_;
void seep_target_unwatch(struct seep_target *target);
/** Of the pages that were written to: those that had been copied before, or all. */
enum seep_refresh { SEEP_REFRESH_COPIED, SEEP_REFRESH_ALL };
/** Brings the mirror of a watched target up to date while it runs, and begins to watch new mappings. */
struct seep_error *seep_target_refresh(struct seep_target *target, enum seep_refresh what)
	_must_check_;
/**
 * Stops a watched target, copies everything that it wrote to since the last refresh, and lets it run on: from here on the mirror is of
 * this moment. BUDGET, and nothing was copied, if that is more than max_bytes; other errors as of seep_target_stop().
 */
struct seep_error *seep_target_complete(struct seep_target *target, uint64_t max_bytes)
	_must_check_;

/**
 * Copies what is resident in ranges (any order, overlaps allowed) from writable private mappings
 * into the mirror, in bulk, with two threads. Pages that are not resident or not asked for read as
 * zeros; a page may be asked for twice at no harm. Only while stopped, or watched: then pages that the mirror has already are left out;
 * after seep_target_complete() what is copied is what was there in the stop, or else the error is CHANGED. Errors: GONE, NO_MEMORY, BUDGET.
 */
struct seep_error *seep_target_copy(struct seep_target *target, const struct seep_range *ranges,
				    size_t count) _must_check_;
/**
 * The mirror of all writable private mappings of the last stop, filled by seep_target_copy(); valid
 * until close.
 */
const struct seep_memory *seep_target_memory(const struct seep_target *target);

/**
 * Lets all threads run on as they were (a thread in group-stop stays in it; a signal caught in the
 * stop is delivered).
 */
void seep_target_resume(struct seep_target *target);
struct seep_stop_stats seep_target_stats(const struct seep_target *target);

#endif
