// Stopping processes and letting them go: whatever happens, they run on as if nothing had been.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/subject.h"
#include "target/target.h"

enum { PAGE = 4096 };

static void threads_born_meanwhile_are_stopped_too(void **state)
{
	struct subject subject;
	size_t count;

	(void)state;
	subject_start(&subject, "fertile");
	struct seep_target *target = subject_open(&subject);
	for (int i = 0; i < 50; i++) {
		assert_no_error(seep_target_stop(target));
		subject_assert_still();
		const struct seep_thread *threads = seep_target_threads(target, &count);
		assert_in_range(count, 5, 20);
		for (size_t k = 0; k < count; k++)
			assert_true(threads[k].stopped && threads[k].pc && threads[k].sp);
		assert_no_error(subject_copy(target, 0, UINT64_MAX / 2));
		seep_target_resume(target);
	}
	assert_true(subject_counts_on(&subject_shared->beats));
	assert_true(subject_counts_on(&subject_shared->births));
	seep_target_close(target);
	subject_end(&subject);
}

static void registers_are_those_of_the_thread(void **state)
{
	struct subject subject;
	size_t count;

	(void)state;
	subject_start(&subject, "spinning");
	subject_sleep_ms(50);
	struct seep_target *target = subject_open(&subject);
	assert_no_error(seep_target_stop(target));
	const struct seep_thread *thread = seep_target_threads(target, &count);
	assert_true(count >= 1 && thread->tid == subject.pid && thread->procid == subject.pid);
	assert_int_equal(thread->regs[12], 0x5eeb);
	assert_int_equal(thread->regs[13], 0x5eec);
	assert_true(thread->regs[7] == thread->sp && thread->regs[6] == thread->bp);
	assert_non_null(seep_memory_find(seep_target_memory(target), thread->sp));
	seep_target_close(target);
	subject_end(&subject);
}

static void stopped_process_stays_stopped(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "signalled");
	kill(subject.pid, SIGSTOP);
	assert_true(subject_becomes(subject.pid, 'T'));
	struct seep_target *target = subject_open(&subject);
	for (int i = 0; i < 20; i++) {
		assert_no_error(seep_target_stop(target));
		seep_target_resume(target);
		assert_true(subject_becomes(subject.pid, 'T'));
	}
	subject_assert_still();
	kill(subject.pid, SIGCONT);
	assert_true(subject_counts_on(&subject_shared->beats));
	// Stopped and continued while it is in our hands: counts from when it is let go.
	assert_no_error(seep_target_stop(target));
	kill(subject.pid, SIGSTOP);
	seep_target_resume(target);
	assert_true(subject_becomes(subject.pid, 'T'));
	assert_no_error(seep_target_stop(target));
	kill(subject.pid, SIGCONT);
	seep_target_resume(target);
	assert_true(subject_counts_on(&subject_shared->beats));
	seep_target_close(target);
	subject_end(&subject);
}

static void no_signal_is_lost(void **state)
{
	enum { SIGNALS = 3000 };
	struct subject subject;

	(void)state;
	subject_start(&subject, "signalled");
	struct seep_target *target = subject_open(&subject);
	assert_no_error(seep_target_stop(target));
	kill(subject.pid, SIGUSR1);
	subject_sleep_ms(5);
	assert_int_equal(atomic_load(&subject_shared->signals), 0);
	seep_target_resume(target);
	assert_true(subject_counts_on(&subject_shared->beats));
	assert_int_equal(atomic_load(&subject_shared->signals), 1);
	pid_t sender = fork();
	if (!sender) {
		for (int sent = 0; sent < SIGNALS;)
			if (!sigqueue(subject.pid, SIGRTMIN, (union sigval){}))
				sent++;
		_exit(0);
	}
	while (waitpid(sender, NULL, WNOHANG) == 0) {
		assert_no_error(seep_target_stop(target));
		seep_target_resume(target);
	}
	for (int i = 0; i < 2000 && atomic_load(&subject_shared->signals) < SIGNALS + 1; i++)
		subject_sleep_ms(1);
	assert_int_equal(atomic_load(&subject_shared->signals), SIGNALS + 1);
	seep_target_close(target);
	subject_end(&subject);
}

static void death_in_the_stop_is_reported(void **state)
{
	struct subject subject;
	uint64_t word;

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	assert_no_error(seep_target_stop(target));
	assert_no_error(subject_copy(target, subject.said[0], 8));
	kill(subject.pid, SIGKILL);
	assert_true(subject_becomes(subject.pid, 'Z'));
	assert_error(subject_copy(target, subject.said[0], SUBJECT_PAGES * PAGE), SEEP_ERROR_GONE,
		     "ended");
	assert_error(seep_target_read(target, subject.said[0], &word, 8), SEEP_ERROR_GONE, "ended");
	seep_target_resume(target);
	assert_error(seep_target_stop(target), SEEP_ERROR_GONE, "");
	waitpid(subject.pid, NULL, 0);
	assert_error(seep_target_stop(target), SEEP_ERROR_GONE, "");
	assert_error(seep_target_prepare(target, NULL, 0), SEEP_ERROR_GONE, "");
	seep_target_close(target);
}

static void exec_since_open_is_reported(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "executing");
	struct seep_target *target = subject_open(&subject);
	atomic_store(&subject_shared->signals, 1);
	assert_true(subject_counts_on(&subject_shared->beats));
	assert_error(seep_target_stop(target), SEEP_ERROR_GONE, "another program");
	assert_true(subject_counts_on(&subject_shared->beats));
	seep_target_close(target);
	subject_end(&subject);
}

/** It cannot stop, and is not trapped by what we asked of it when it can. */
static void uninterruptible_thread_is_missed_and_unharmed(void **state)
{
	struct subject subject;
	int missed = 0;

	(void)state;
	subject_start(&subject, "vfork");
	struct seep_target *target = subject_open(&subject);
	for (int i = 0; i < 5; i++) {
		assert_true(subject_becomes(subject.pid, 'D'));
		assert_no_error(seep_target_stop(target));
		subject_assert_still();
		const struct seep_stop_stats stats = seep_target_stats(target);
		assert_true(stats.threads >= 2 && stats.threads_missed < stats.threads);
		if (stats.threads_missed)
			missed++;
		assert_no_error(subject_copy(target, 0, UINT64_MAX / 2));
		seep_target_resume(target);
		// The target stays open: it is not our end that frees the thread.
		assert_true(subject_counts_on(&subject_shared->births));
		assert_true(subject_counts_on(&subject_shared->beats));
	}
	assert_in_range(missed, 1, 5);
	seep_target_close(target);
	subject_end(&subject);
}

static void death_of_seep_lets_go(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "fertile");
	for (int i = 0; i < 30; i++) {
		pid_t seep = fork();
		if (!seep) {
			struct seep_target *target;
			if (seep_target_open(subject.pid, &target))
				_exit(1);
			for (;;) {
				if (seep_target_stop(target) ||
				    subject_copy(target, 0, UINT64_MAX / 2))
					_exit(1);
				seep_target_resume(target);
			}
		}
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 + 997000 * i }, NULL);
		kill(seep, SIGKILL);
		int status;
		waitpid(seep, &status, 0);
		assert_true(WIFSIGNALED(status));
		assert_true(subject_counts_on(&subject_shared->beats));
		assert_true(subject_counts_on(&subject_shared->births));
	}
	subject_end(&subject);
}

static void thread_ids_are_those_inside_the_container(void **state)
{
	struct subject subject;
	size_t count;

	(void)state;
	if (geteuid())
		skip();
	subject_start_in(&subject, "fertile", CLONE_NEWPID);
	struct seep_target *target = subject_open(&subject);
	assert_no_error(seep_target_stop(target));
	const struct seep_thread *threads = seep_target_threads(target, &count);
	assert_true(count >= 5 && threads[0].tid == subject.pid);
	assert_int_equal(threads[0].procid, 1);
	for (size_t i = 1; i < count; i++)
		assert_true(threads[i].procid > 1 && threads[i].procid != threads[i].tid);
	seep_target_close(target);
	subject_end(&subject);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_born_meanwhile_are_stopped_too),
		cmocka_unit_test(registers_are_those_of_the_thread),
		cmocka_unit_test(stopped_process_stays_stopped),
		cmocka_unit_test(no_signal_is_lost),
		cmocka_unit_test(death_in_the_stop_is_reported),
		cmocka_unit_test(exec_since_open_is_reported),
		cmocka_unit_test(uninterruptible_thread_is_missed_and_unharmed),
		cmocka_unit_test(death_of_seep_lets_go),
		cmocka_unit_test(thread_ids_are_those_inside_the_container),
	};

	if (subject_is_wanted(argc, argv))
		return subject_run(argv[1]);
	if (!subject_may_be_traced()) {
		print_message("ptrace is not permitted here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, subject_set_up, NULL);
}
