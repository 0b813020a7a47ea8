/** Processes to attach to, for the tests of target/; and the assertions that those share. */
#ifndef SEEP_TESTS_SUPPORT_SUBJECT_H
#define SEEP_TESTS_SUPPORT_SUBJECT_H

#include "target/target.h"

#include <stdatomic.h>

enum { SUBJECT_PAGES = 3000, SUBJECT_SPARSE_BYTES = 1 << 30 };

/** What an obeying target does with pages [first, first + count) of its memory. */
enum subject_deed {
	SUBJECT_WRITE, /** the first and last word of each becomes value + its number */
	SUBJECT_DISCARD, /** MADV_DONTNEED */
	SUBJECT_REMAP, /** a new anonymous mapping in their place */
	SUBJECT_UNMAP,
};
struct subject_order {
	enum subject_deed deed;
	size_t first, count;
	uint64_t value;
};

/** What every role counts in, zero at its start. */
struct subject_shared {
	atomic_ulong beats; /** while it runs */
	atomic_ulong signals, births;
	atomic_uint orders, obeyed;
	struct subject_order order;
};
extern struct subject_shared *subject_shared;

/** A running target. */
struct subject {
	pid_t pid;
	uint64_t said[3];
};

/**
 * To be asked first thing in main(): this is a target, and subject_run() does what its role
 * demands.
 */
bool subject_is_wanted(int argc, char **argv);
int subject_run(const char *role);
/** Whether this machine lets a parent trace its child at all. */
bool subject_may_be_traced(void);
/** Group setup for cmocka. */
int subject_set_up(void **state);

/**
 * Starts a target in a role:
 *
 *	memory	   says three addresses: of SUBJECT_PAGES pages of subject_pattern() with a hole at
 *		   pages 1000 to 1009; of SUBJECT_SPARSE_BYTES never touched; of three pages of a
 *		   file that has but one, "file"
 *	fertile	   makes threads that exit at once, all the time
 *	signalled  counts SIGUSR1 and SIGRTMIN
 *	vfork	   one thread sleeps in vfork() and counts births between; another beats
 *	spinning   has 0x5eeb in r12 and 0x5eec in r13
 *	executing  becomes `signalled` by exec() when signals is set
 *	obeying	   says the address of SUBJECT_PAGES pages, of which the second half asks for huge pages; sleeps in futex() and does
 *		   what subject_tell() says
 *	filtered   sleeps, under a seccomp filter that allows everything
 *	faulting   sleeps, and has a userfaultfd
 */
void subject_start(struct subject *subject, const char *role);
/** flags: of clone(), for namespaces. */
void subject_start_in(struct subject *subject, const char *role, unsigned long flags);
void subject_end(const struct subject *subject);
uint64_t subject_pattern(uint64_t i);
/** Has an obeying target do it; returns when it is done. */
void subject_tell(enum subject_deed deed, size_t first, size_t count, uint64_t value);

struct seep_target *subject_open(const struct subject *subject);
struct seep_error *subject_copy(struct seep_target *target, seep_addr from, uint64_t len);
/** State letter of a process in /proc. */
char subject_state(pid_t pid);
/** Waits up to 2 s for it. */
bool subject_becomes(pid_t pid, char state);
/** Waits up to 3 s for counter to grow by two. */
bool subject_counts_on(atomic_ulong *counter);
void subject_assert_still(void);
void subject_sleep_ms(long ms);

void assert_no_error(struct seep_error *err);
/** Also destroys err. */
void assert_error(struct seep_error *err, enum seep_error_code code, const char *text);

#endif
