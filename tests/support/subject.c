/*
 * The targets are the test's own program, run again with the name of a role as its argument: it
 * prepares what the role says, writes one line of hexadecimal numbers on its standard output, and
 * goes on in its role until it is killed. It counts in shared memory, at descriptor 3, whether it
 * runs.
 */
#include "support/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "target/internal.h"

enum { PAGE = 4096 };

struct subject_shared *subject_shared;

void subject_sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static void say(const uint64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("%" PRIx64 "%c", numbers[i], i + 1 < count ? ' ' : '\n');
	fflush(stdout);
}

static void *beat(void *arg)
{
	for (;;) {
		atomic_fetch_add(&subject_shared->beats, 1);
		if (arg)
			subject_sleep_ms(1);
	}
	return NULL;
}

uint64_t subject_pattern(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15;
}

static void *map_private(size_t len, int fd)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
}

/**
 * Says: pattern of SUBJECT_PAGES with a hole in the middle, reservation never touched, file mapping
 * that ends early.
 */
static void be_memory(void)
{
	uint64_t *big = map_private(SUBJECT_PAGES * PAGE, -1);
	void *sparse = map_private(SUBJECT_SPARSE_BYTES, -1);
	int fd = memfd_create("short", 0);

	for (size_t i = 0; i < SUBJECT_PAGES * PAGE / 8; i++)
		big[i] = subject_pattern(i);
	madvise((char *)big + 1000 * PAGE, 10 * PAGE, MADV_DONTNEED);
	if (pwrite(fd, "file", 4, 0) != 4)
		_exit(1);
	void *file = map_private(3 * PAGE, fd);
	say((uint64_t[]){ (uintptr_t)big, (uintptr_t)sparse, (uintptr_t)file }, 3);
	beat(big);
}

static void *be_born_and_die(void *arg)
{
	volatile char stack[1024] = { 1 };

	(void)arg;
	atomic_fetch_add(&subject_shared->births, stack[0]);
	return NULL;
}

static void *bear(void *arg)
{
	pthread_t child;

	for (;;)
		if (!pthread_create(&child, NULL, be_born_and_die, arg))
			pthread_join(child, NULL);
	return NULL;
}

static void be_fertile(void)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, bear, NULL);
	pthread_create(&thread, NULL, beat, NULL);
	say((uint64_t[]){ 0 }, 1);
	for (;;)
		pause();
}

static void count_signal(int signal)
{
	(void)signal;
	atomic_fetch_add(&subject_shared->signals, 1);
}

static void be_signalled(void)
{
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = count_signal }, NULL);
	sigaction(SIGRTMIN, &(struct sigaction){ .sa_handler = count_signal }, NULL);
	say((uint64_t[]){ 0 }, 1);
	beat(subject_shared);
}

static int sleep_and_exit(void *arg)
{
	(void)arg;
	syscall(SYS_nanosleep, &(struct timespec){ .tv_nsec = 300000000 }, NULL);
	syscall(SYS_exit, 0);
	return 0;
}

/** clone() with the flags of vfork(), since ThreadSanitizer makes a fork() of that. */
static void be_vfork_parent(void)
{
	static char stack[16384] __attribute__((aligned(16)));
	pthread_t thread;

	pthread_create(&thread, NULL, beat, stack);
	say((uint64_t[]){ 0 }, 1);
	for (;;) {
		pid_t pid = clone(sleep_and_exit, stack + sizeof(stack),
				  CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
		waitpid(pid, NULL, 0);
		atomic_fetch_add(&subject_shared->births, 1);
		subject_sleep_ms(20);
	}
}

/** A thread whose registers are known. */
static void be_spinning(void)
{
	say((uint64_t[]){ 0 }, 1);
	__asm__ volatile("movq $0x5eeb, %%r12\n\tmovq $0x5eec, %%r13\n1:\tpause\n\tjmp 1b" ::
				 : "r12", "r13");
}

static void be_executing(void)
{
	signal(SIGPIPE, SIG_IGN);
	say((uint64_t[]){ 0 }, 1);
	while (!atomic_load(&subject_shared->signals))
		subject_sleep_ms(1);
	execl("/proc/self/exe", "subject", "signalled", NULL);
}

static void futex(atomic_uint *word, int operation, unsigned value)
{
	syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static void obey(char *pages, const struct subject_order *order)
{
	char *first = pages + order->first * PAGE;
	size_t len = order->count * PAGE;

	if (order->deed == SUBJECT_DISCARD)
		madvise(first, len, MADV_DONTNEED);
	else if (order->deed == SUBJECT_REMAP)
		mmap(first, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     -1, 0);
	else if (order->deed == SUBJECT_UNMAP)
		munmap(first, len);
	for (size_t i = 0; order->deed == SUBJECT_WRITE && i < order->count; i++) {
		uint64_t value = order->value + order->first + i;
		memcpy(first + i * PAGE, &value, 8);
		memcpy(first + (i + 1) * PAGE - 8, &value, 8);
	}
}

static void be_obeying(void)
{
	enum { HUGE = 2 << 20 };
	char *pages = map_private(SUBJECT_PAGES * PAGE + HUGE, -1);

	pages += -(uintptr_t)pages % HUGE;
	madvise(pages + SUBJECT_PAGES / 2 * PAGE, SUBJECT_PAGES / 2 * PAGE, MADV_HUGEPAGE);
	say((uint64_t[]){ (uintptr_t)pages }, 1);
	for (unsigned done = 0;; atomic_store(&subject_shared->obeyed, ++done)) {
		while (atomic_load(&subject_shared->orders) == done)
			futex(&subject_shared->orders, FUTEX_WAIT, done);
		obey(pages, &subject_shared->order);
	}
}

void subject_tell(enum subject_deed deed, size_t first, size_t count, uint64_t value)
{
	subject_shared->order = (struct subject_order){ deed, first, count, value };
	unsigned orders = atomic_fetch_add(&subject_shared->orders, 1) + 1;
	futex(&subject_shared->orders, FUTEX_WAKE, 1);
	while (atomic_load(&subject_shared->obeyed) != orders)
		sched_yield();
}

static void sleep_on(void)
{
	say((uint64_t[]){ 0 }, 1);
	for (;;)
		subject_sleep_ms(1000);
}

static void be_filtered(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
	sleep_on();
}

static void be_faulting(void)
{
	if (syscall(SYS_userfaultfd, 1) < 0) // for user code only
		_exit(1);
	sleep_on();
}

static const struct role {
	const char *name;
	void (*run)(void);
} roles[] = {
	{ "memory", be_memory },      { "fertile", be_fertile },   { "signalled", be_signalled },
	{ "vfork", be_vfork_parent }, { "spinning", be_spinning }, { "executing", be_executing },
	{ "obeying", be_obeying },    { "filtered", be_filtered }, { "faulting", be_faulting },
};

int subject_run(const char *name)
{
	subject_shared =
		mmap(NULL, sizeof(*subject_shared), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		if (!strcmp(roles[i].name, name))
			roles[i].run();
	return 1;
}

void subject_start_in(struct subject *subject, const char *role, unsigned long flags)
{
	int out[2];
	char line[256] = "";

	atomic_store(&subject_shared->beats, 0);
	atomic_store(&subject_shared->signals, 0);
	atomic_store(&subject_shared->orders, 0);
	atomic_store(&subject_shared->obeyed, 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	subject->pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	assert_true(subject->pid >= 0);
	if (!subject->pid) {
		dup2(out[1], 1);
		execl("/proc/self/exe", "subject", role, NULL);
		_exit(1);
	}
	close(out[1]);
	for (size_t len = 0; len + 1 < sizeof(line) && !strchr(line, '\n');) {
		ssize_t n = read(out[0], line + len, sizeof(line) - 1 - len);
		assert_true(n > 0);
		len += n;
	}
	close(out[0]);
	sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &subject->said[0], &subject->said[1],
	       &subject->said[2]);
}

void subject_start(struct subject *subject, const char *role)
{
	subject_start_in(subject, role, 0);
}

void subject_end(const struct subject *subject)
{
	kill(subject->pid, SIGKILL);
	waitpid(subject->pid, NULL, 0);
}

void assert_no_error(struct seep_error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

void assert_error(struct seep_error *err, enum seep_error_code code, const char *text)
{
	assert_non_null(err);
	if (err->code != code || !strstr(err->message, text))
		fail_msg("code %d: %s", err->code, err->message);
	seep_error_destroy(err);
}

struct seep_target *subject_open(const struct subject *subject)
{
	struct seep_target *target = NULL;

	assert_no_error(seep_target_open(subject->pid, &target));
	return target;
}

char subject_state(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	_cleanup_free_ char *status = seep_proc_read(AT_FDCWD, path, NULL);
	const char *field = status ? seep_status_field(status, "State:") : NULL;
	return field ? *field : '\0';
}

bool subject_becomes(pid_t pid, char state)
{
	for (int i = 0; i < 2000; i++, subject_sleep_ms(1))
		if (subject_state(pid) == state)
			return true;
	return false;
}

bool subject_counts_on(atomic_ulong *counter)
{
	unsigned long before = atomic_load(counter);

	for (int i = 0; i < 3000; i++, subject_sleep_ms(1))
		if (atomic_load(counter) > before + 1)
			return true;
	return false;
}

void subject_assert_still(void)
{
	unsigned long beats = atomic_load(&subject_shared->beats),
		      births = atomic_load(&subject_shared->births);

	subject_sleep_ms(5);
	assert_int_equal(atomic_load(&subject_shared->beats), beats);
	assert_int_equal(atomic_load(&subject_shared->births), births);
}

struct seep_error *subject_copy(struct seep_target *target, seep_addr from, uint64_t len)
{
	struct seep_range range = { from, from + len };

	return seep_target_copy(target, &range, 1);
}

int subject_set_up(void **state)
{
	int fd = memfd_create("shared", 0);

	(void)state;
	if (fd < 0 || ftruncate(fd, PAGE))
		return 1;
	if (fd != 3) {
		dup2(fd, 3);
		close(fd);
	}
	subject_shared =
		mmap(NULL, sizeof(*subject_shared), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
	return subject_shared == MAP_FAILED;
}

bool subject_is_wanted(int argc, char **argv)
{
	return argc > 1 && !strcmp(argv[0], "subject");
}

bool subject_may_be_traced(void)
{
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(0);
	}
	bool may = !ptrace(PTRACE_SEIZE, child, NULL, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return may;
}
