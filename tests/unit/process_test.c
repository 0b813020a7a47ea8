// What may not be attached to, and why: said before or after trying.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/subject.h"
#include "target/process.h"
#include "target/target.h"

enum { PAGE = 4096, SKIPPED = 77 };

static void other_tracer_is_named(void **state)
{
	struct subject subject;
	char comm[32];

	(void)state;
	subject_start(&subject, "signalled");
	pid_t tracer = fork();
	if (!tracer) {
		prctl(PR_SET_NAME, "somedebugger");
		ptrace(PTRACE_SEIZE, subject.pid, NULL, NULL);
		pause();
		_exit(0);
	}
	snprintf(comm, sizeof(comm), "somedebugger (pid %d)", (int)tracer);
	struct seep_target *target = subject_open(&subject);
	char *why = NULL;
	for (int i = 0; i < 2000 && !why; i++, subject_sleep_ms(1))
		why = seep_process_why_not(subject.pid);
	assert_non_null(why);
	assert_non_null(strstr(why, comm));
	free(why);
	assert_error(seep_target_stop(target), SEEP_ERROR_NOT_PERMITTED, comm);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	assert_no_error(seep_target_stop(target));
	seep_target_close(target);
	assert_true(subject_counts_on(&subject_shared->beats));
	subject_end(&subject);
}

static void what_is_no_process_is_refused(void **state)
{
	struct seep_target *target;
	struct subject subject;

	(void)state;
	assert_error(seep_target_open(0, &target), SEEP_ERROR_USAGE, "");
	assert_error(seep_target_open(-5, &target), SEEP_ERROR_USAGE, "");
	assert_error(seep_target_open(getpid(), &target), SEEP_ERROR_USAGE, "itself");
	subject_start(&subject, "fertile");
	DIR *dir;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)subject.pid);
	dir = opendir(path);
	assert_non_null(dir);
	pid_t tid = 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		tid = atoi(entry->d_name) != subject.pid && atoi(entry->d_name) ?
			      atoi(entry->d_name) :
			      tid;
	closedir(dir);
	struct seep_error *err = seep_target_open(tid, &target);
	assert_non_null(err);
	assert_true(err->code == SEEP_ERROR_USAGE || err->code == SEEP_ERROR_GONE);
	seep_error_destroy(err);
	kill(subject.pid, SIGKILL);
	assert_true(subject_becomes(subject.pid, 'Z'));
	assert_error(seep_target_open(subject.pid, &target), SEEP_ERROR_GONE, "zombie");
	waitpid(subject.pid, NULL, 0);
	assert_error(seep_target_open(subject.pid, &target), SEEP_ERROR_GONE, "no process");
}

/** Runs test in a child of its own, which it may cripple; the test says 0, 1 or SKIPPED. */
static void in_child(int (*test)(pid_t pid), pid_t pid)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(test(pid));
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int wrong_message(struct seep_error *err, const char *text)
{
	if (err && err->code == SEEP_ERROR_NOT_PERMITTED && strstr(err->message, text))
		return 0;
	print_error("%s\n", err ? err->message : "no error");
	return 1;
}

static int open_as_nobody(pid_t pid)
{
	struct seep_target *target;
	char *why;

	if (geteuid() || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return SKIPPED;
	why = seep_process_why_not(pid);
	if (!why || !strstr(why, "user 0's"))
		return 1;
	return wrong_message(seep_target_open(pid, &target), "user 0's");
}

static void other_user_is_told_to_be_root(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "signalled");
	in_child(open_as_nobody, subject.pid);
	subject_end(&subject);
}

/** From now on the kernel answers system call nr with EPERM. */
static bool forbid(unsigned nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int open_without_ptrace(pid_t pid)
{
	struct seep_target *target;

	if (!forbid(SYS_ptrace))
		return SKIPPED;
	return wrong_message(seep_target_open(pid, &target), "seccomp");
}

static int copy_without_readv(pid_t pid)
{
	struct seep_target *target;
	size_t count;

	if (!forbid(SYS_process_vm_readv))
		return SKIPPED;
	if (seep_target_open(pid, &target) || seep_target_stop(target))
		return 1;
	const struct seep_mapping *mappings = seep_target_mappings(target, &count);
	for (size_t i = 0; i < count; i++)
		if (subject_copy(target, mappings[i].start, mappings[i].end - mappings[i].start))
			return 1;
	uint64_t known = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t word;
		if (seep_memory_u64(seep_target_memory(target), mappings[i].start + 8, &word))
			known += word == subject_pattern(1);
	}
	bool unreadable = seep_target_stats(target).pages_unreadable == 2;
	seep_target_close(target);
	return known == 1 && unreadable ? 0 : 1;
}

static void seccomp_filters_are_named_or_avoided(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "memory");
	in_child(open_without_ptrace, subject.pid);
	in_child(copy_without_readv, subject.pid);
	subject_end(&subject);
}

static struct seep_error *look_for(pid_t pid, void *arg)
{
	pid_t *last = arg;

	assert_true(pid > last[0]);
	last[0] = pid;
	if (pid == last[1])
		last[1] = 0;
	return pid == last[2] ? seep_error_format(SEEP_ERROR_INTERRUPTED, "enough") : NULL;
}

static void processes_are_listed(void **state)
{
	struct subject subject;

	(void)state;
	subject_start(&subject, "memory");
	pid_t search[3] = { 0, subject.pid, 0 };
	assert_no_error(seep_process_each(look_for, search));
	assert_int_equal(search[1], 0);
	search[0] = 0;
	search[2] = subject.pid;
	assert_error(seep_process_each(look_for, search), SEEP_ERROR_INTERRUPTED, "enough");
	char *command = seep_process_command(subject.pid);
	assert_string_equal(command, "subject memory");
	free(command);
	assert_null(seep_process_why_not(subject.pid));
	assert_true(seep_process_rss(subject.pid) >= SUBJECT_PAGES * PAGE);
	int exe = seep_process_open_exe(subject.pid);
	assert_true(exe >= 0);
	close(exe);
	subject_end(&subject);
	char *why = seep_process_why_not(subject.pid);
	assert_string_equal(why, "has ended");
	free(why);
	assert_int_equal(seep_process_rss(subject.pid), 0);
	assert_int_equal(seep_process_open_exe(subject.pid), -1);
	assert_null(seep_process_command(subject.pid));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_tracer_is_named),
		cmocka_unit_test(what_is_no_process_is_refused),
		cmocka_unit_test(other_user_is_told_to_be_root),
		cmocka_unit_test(seccomp_filters_are_named_or_avoided),
		cmocka_unit_test(processes_are_listed),
	};

	if (subject_is_wanted(argc, argv))
		return subject_run(argv[1]);
	if (!subject_may_be_traced()) {
		print_message("ptrace is not permitted here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, subject_set_up, NULL);
}
