// What is resident of a process, compared with what the kernel says in other files.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/subject.h"
#include "target/internal.h"
#include "target/usage.h"

enum { PAGE = 4096, HOLE_START = 1000, HOLE_PAGES = 10 };

static uint64_t rollup(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	_cleanup_free_ char *text = seep_proc_read(AT_FDCWD, path, NULL);
	return text ? seep_status_number(text, "Rss:", 10) * 1024 : 0;
}

static void resident_memory_is_the_kernels(void **state)
{
	struct subject subject;
	struct seep_usage usage;

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	// It may still be starting, and the kernel maps what lies around a page of a file together with it.
	uint64_t before, after;
	for (unsigned tries = 0;; tries++) {
		before = rollup(subject.pid);
		assert_no_error(seep_usage_read(target, &usage));
		after = rollup(subject.pid);
		if (before == after || tries == 100)
			break;
		seep_usage_deinit(&usage);
	}
	assert_true(usage.by_mapping && usage.by_page);
	assert_int_equal(before, after);
	assert_int_equal(usage.rss, after);
	uint64_t sum = 0;
	seep_addr end = 0;
	bool exe = false, stack = false;
	seep_vec_foreach(m, &usage.mappings) {
		assert_true(m->start >= end && m->end > m->start);
		end = m->end;
		sum += m->rss;
		exe |= m->is_exe;
		stack |= m->stack;
		// Anonymous private ones are known by page.
		if (!m->file_backed && !m->shared)
			assert_int_equal(seep_usage_resident(&usage, m->start, m->end), m->rss);
	}
	assert_int_equal(sum, usage.rss);
	assert_true(exe && stack);
	seep_usage_deinit(&usage);
	seep_target_close(target);
	subject_end(&subject);
}

static void pages_are_told_apart(void **state)
{
	struct subject subject;
	struct seep_usage usage;

	(void)state;
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	seep_addr at = subject.said[0];
	assert_no_error(seep_usage_read(target, &usage));
	assert_int_equal(seep_usage_resident(&usage, at, at + SUBJECT_PAGES * PAGE),
			 (SUBJECT_PAGES - HOLE_PAGES) * PAGE);
	assert_int_equal(seep_usage_resident(&usage, at + HOLE_START * PAGE,
					     at + (HOLE_START + HOLE_PAGES) * PAGE),
			 0);
	// Parts of pages, at the edge of the hole.
	assert_int_equal(seep_usage_resident(&usage, at + HOLE_START * PAGE - 100,
					     at + (HOLE_START + HOLE_PAGES) * PAGE + 7),
			 107);
	assert_int_equal(seep_usage_resident(&usage, subject.said[1],
					     subject.said[1] + SUBJECT_SPARSE_BYTES),
			 0);
	assert_int_equal(seep_usage_resident(&usage, at + 5, at + 5), 0);
	seep_usage_deinit(&usage);
	seep_target_close(target);
	subject_end(&subject);
}

/** Writes a file "cgroup" into a folder of its own; the folder's descriptor. */
static int folder_with(const char *text)
{
	char path[] = "/tmp/seep-usage-XXXXXX";

	assert_non_null(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int file = openat(dir, "cgroup", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	close(file);
	return dir;
}

static void forget_folder(int dir)
{
	char path[64], *link;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	link = realpath(path, NULL);
	unlinkat(dir, "cgroup", 0);
	unlinkat(dir, "root/sys/fs/cgroup/memory.max", 0);
	unlinkat(dir, "root/sys/fs/cgroup/memory.current", 0);
	unlinkat(dir, "root/sys/fs/cgroup", AT_REMOVEDIR);
	unlinkat(dir, "root/sys/fs", AT_REMOVEDIR);
	unlinkat(dir, "root/sys", AT_REMOVEDIR);
	unlinkat(dir, "root", AT_REMOVEDIR);
	rmdir(link);
	free(link);
	close(dir);
}

static void a_limit_is_believed_only_on_a_cgroup_filesystem(void **state)
{
	static const char *const folders[] = { "root", "root/sys", "root/sys/fs",
					       "root/sys/fs/cgroup" };
	int dir = folder_with("0::/\n");
	uint64_t limit = 0, used = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		assert_int_equal(mkdirat(dir, folders[i], 0700), 0);
	// What a container could put there: a limit, and a pipe that nobody writes to.
	assert_int_equal(mknodat(dir, "root/sys/fs/cgroup/memory.current", S_IFIFO | 0600, 0), 0);
	int file =
		openat(dir, "root/sys/fs/cgroup/memory.max", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(file, "4096\n", 5), 5);
	close(file);
	seep_cgroup_read(dir, &limit, &used);
	assert_int_equal(limit, 0);
	forget_folder(dir);
}

static void odd_cgroup_lines_are_passed_over(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"0",
		"0:",
		"0::",
		"0::relative\n",
		"0::/../../../../etc\n",
		":::::\n",
		"5:memory\n",
		"5:memory,cpu:/no/such/group\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int dir = folder_with(texts[i]);
		uint64_t limit = 1, used = 2;
		seep_cgroup_read(dir, &limit, &used);
		assert_int_equal(limit, 1);
		assert_int_equal(used, 2);
		forget_folder(dir);
	}
}

static void system_calls_have_names(void **state)
{
	(void)state;
	assert_string_equal(seep_syscall_name(SYS_read), "read");
	assert_string_equal(seep_syscall_name(SYS_futex), "futex");
	assert_string_equal(seep_syscall_name(SYS_clock_nanosleep), "clock_nanosleep");
	assert_null(seep_syscall_name(-1));
	assert_null(seep_syscall_name(INT64_MIN));
	assert_null(seep_syscall_name(400));
	assert_null(seep_syscall_name(1 << 30));
}

static void a_stopped_thread_says_its_system_call(void **state)
{
	struct subject subject;
	size_t count;

	(void)state;
	// The one waits, the other computes.
	subject_start(&subject, "memory");
	struct seep_target *target = subject_open(&subject);
	assert_true(subject_becomes(subject.pid, 'S'));
	assert_no_error(seep_target_stop(target));
	const struct seep_thread *thread = seep_target_threads(target, &count);
	assert_true(count == 1 && thread->stopped);
	assert_non_null(seep_syscall_name(thread->syscall));
	seep_target_close(target);
	subject_end(&subject);
	subject_start(&subject, "spinning");
	target = subject_open(&subject);
	// Until it has come to its loop.
	bool spins = false;
	for (unsigned i = 0; i < 2000 && !spins; i++) {
		assert_no_error(seep_target_stop(target));
		thread = seep_target_threads(target, &count);
		spins = count == 1 && thread->stopped && thread->regs[12] == 0x5eeb &&
			thread->regs[13] == 0x5eec;
		if (!spins) {
			seep_target_resume(target);
			subject_sleep_ms(1);
		}
	}
	assert_true(spins);
	assert_int_equal(thread->syscall, -1);
	seep_target_close(target);
	subject_end(&subject);
}

// The kernel has it go on as restart_syscall() after the first stop.
static void an_interrupted_sleep_stays_what_it_was(void **state)
{
	struct seep_target *target;
	pid_t pid = fork();
	size_t count;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			syscall(SYS_nanosleep, &(struct timespec){ .tv_sec = 1000 }, NULL);
	}
	assert_true(subject_becomes(pid, 'S'));
	assert_no_error(seep_target_open(pid, &target));
	for (unsigned i = 0; i < 4; i++) {
		assert_no_error(seep_target_stop(target));
		const struct seep_thread *thread = seep_target_threads(target, &count);
		assert_true(count == 1 && thread->stopped);
		assert_int_equal(thread->syscall, SYS_nanosleep);
		seep_target_resume(target);
		assert_true(subject_becomes(pid, 'S'));
	}
	seep_target_close(target);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resident_memory_is_the_kernels),
		cmocka_unit_test(pages_are_told_apart),
		cmocka_unit_test(a_limit_is_believed_only_on_a_cgroup_filesystem),
		cmocka_unit_test(odd_cgroup_lines_are_passed_over),
		cmocka_unit_test(system_calls_have_names),
		cmocka_unit_test(a_stopped_thread_says_its_system_call),
		cmocka_unit_test(an_interrupted_sleep_stays_what_it_was),
	};

	if (subject_is_wanted(argc, argv))
		return subject_run(argv[1]);
	if (!subject_may_be_traced()) {
		print_message("ptrace is not permitted here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, subject_set_up, NULL);
}
