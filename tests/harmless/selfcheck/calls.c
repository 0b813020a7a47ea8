#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct call calls[CALLS_MAX];
int call_count;
char call_error[256];

static pthread_mutex_t error_lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((format(printf, 2, 3))) static void wrong(const struct call *call, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&error_lock);
	if (!call_error[0])
		snprintf(call_error, sizeof(call_error), "%s: %s", call->name, text);
	pthread_mutex_unlock(&error_lock);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void expect(struct call *call, const char *what, long is, long should)
{
	if (is != should)
		wrong(call, "%s is %ld (errno %d) instead of %ld", what, is, errno, should);
}

// Calls that end by time. Each sleeps so many ns and says whether it ended as it should.

typedef void sleeper(struct call *call, long ns);

static struct timespec span(long ns)
{
	return (struct timespec){ .tv_nsec = ns };
}

static void by_nanosleep(struct call *call, long ns)
{
	struct timespec t = span(ns);
	expect(call, "result", nanosleep(&t, NULL), 0);
}

static void by_clock_nanosleep(struct call *call, long ns)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t end = t.tv_sec * 1000000000ll + t.tv_nsec + ns;
	t = (struct timespec){ end / 1000000000, end % 1000000000 };
	expect(call, "result", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
}

static void by_poll(struct call *call, long ns)
{
	expect(call, "result", poll(NULL, 0, (int)(ns / 1000000)), 0);
}

static void by_ppoll(struct call *call, long ns)
{
	struct timespec t = span(ns);
	expect(call, "result", ppoll(NULL, 0, &t, NULL), 0);
}

static void by_select(struct call *call, long ns)
{
	struct timeval t = { .tv_usec = ns / 1000 };
	expect(call, "result", select(0, NULL, NULL, NULL, &t), 0);
}

static void by_futex(struct call *call, long ns)
{
	uint32_t word = 7;
	struct timespec t = span(ns);
	expect(call, "result", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 7, &t, NULL, 0), -1);
	expect(call, "errno", errno, ETIMEDOUT);
}

static void by_timerfd(struct call *call, long ns)
{
	static _Thread_local int fd = -1;
	struct itimerspec t = { .it_value = span(ns) };
	uint64_t count = 0;
	if (fd < 0)
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	timerfd_settime(fd, 0, &t, NULL);
	expect(call, "result", read(fd, &count, sizeof(count)), sizeof(count));
	expect(call, "count", (long)count, 1);
}

// The next two are among those that signal(7) says may fail with EINTR once they were stopped.
static bool interrupted(struct call *call, long result)
{
	if (result < 0 && errno == EINTR)
		call->interrupted++;
	return result < 0 && errno == EINTR;
}

static void by_epoll(struct call *call, long ns)
{
	static _Thread_local int fd = -1;
	struct epoll_event event;
	int64_t end = now_ns() + ns, left;
	if (fd < 0)
		fd = epoll_create1(EPOLL_CLOEXEC);
	while ((left = end - now_ns()) > 0) {
		int n = epoll_wait(fd, &event, 1, (int)((left + 999999) / 1000000));
		if (!interrupted(call, n))
			expect(call, "result", n, 0);
	}
}

static void by_sigtimedwait(struct call *call, long ns)
{
	sigset_t none;
	int64_t end = now_ns() + ns, left;
	sigemptyset(&none);
	sigaddset(&none, SIGRTMIN + 5);
	while ((left = end - now_ns()) > 0) {
		struct timespec t = span(left);
		int n = sigtimedwait(&none, NULL, &t);
		if (!interrupted(call, n)) {
			expect(call, "result", n, -1);
			expect(call, "errno", errno, EAGAIN);
		}
	}
}

/** nanosleep() with a known value in every register, among them those of the vector unit. */
static void by_registers(struct call *call, long ns)
{
	struct timespec t = span(ns), *p = &t;
	uint64_t in[32], out[32];
	long rax = SYS_nanosleep;

	for (int i = 0; i < 32; i++)
		in[i] = 0x1111111111111111u * (unsigned)(i % 15 + 1) + (uint64_t)call->rounds;
	__asm__ volatile("push %%rbp\n"
			 "push %[out]\n"
			 "mov %[in], %%rbp\n"
			 "mov %[p], %%rdi\n"
			 "movups 64(%%rbp), %%xmm0\n movups 80(%%rbp), %%xmm7\n movups 96(%%rbp), %%xmm15\n"
			 "mov 0(%%rbp), %%rbx\n mov 8(%%rbp), %%rdx\n mov 16(%%rbp), %%r8\n mov 24(%%rbp), %%r9\n"
			 "mov 32(%%rbp), %%r10\n mov 40(%%rbp), %%r12\n mov 48(%%rbp), %%r13\n mov 56(%%rbp), %%r14\n"
			 "xor %%esi, %%esi\n"
			 "mov %%rdi, %%r15\n"
			 "syscall\n"
			 "xor %%r15, %%rdi\n" // 0 if it is as before
			 "pop %%rcx\n"
			 "mov %%rbx, 0(%%rcx)\n mov %%rdx, 8(%%rcx)\n mov %%r8, 16(%%rcx)\n mov %%r9, 24(%%rcx)\n"
			 "mov %%r10, 32(%%rcx)\n mov %%r12, 40(%%rcx)\n mov %%r13, 48(%%rcx)\n mov %%r14, 56(%%rcx)\n"
			 "movups %%xmm0, 64(%%rcx)\n movups %%xmm7, 80(%%rcx)\n movups %%xmm15, 96(%%rcx)\n"
			 "mov %%rdi, 112(%%rcx)\n mov %%rsi, 120(%%rcx)\n mov %%rbp, 128(%%rcx)\n"
			 "pop %%rbp\n"
			 : "+a"(rax)
			 : [in] "S"(in), [out] "c"(out), [p] "D"(p)
			 : "rbx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm7",
			   "xmm15", "memory", "cc");
	expect(call, "result", rax, 0);
	for (int i = 0; i < 14; i++)
		if (out[i] != in[i])
			wrong(call, "register %d is %#lx instead of %#lx", i, (long)out[i], (long)in[i]);
	if (out[14] || out[15] || out[16] != (uint64_t)in)
		wrong(call, "rdi, rsi or rbp changed");
}

struct timed {
	struct call *call;
	sleeper *sleep;
	long ns;
};

static void *timed_main(void *arg)
{
	struct timed *timed = arg;

	for (;;) {
		int64_t start = now_ns();
		timed->sleep(timed->call, timed->ns);
		int64_t took = now_ns() - start;
		if (took < timed->ns)
			wrong(timed->call, "slept %ld ns of %ld", (long)took, timed->ns);
		timed->call->rounds++;
	}
	return NULL;
}

// Calls that move something: numbers in order, none lost, none twice.

static int pipe_fds[2], pair_fds[2];
static pthread_t signalled;
static _Atomic uint32_t turn;

static void *pipe_writer(void *arg)
{
	for (uint64_t n = 0;; n++) {
		expect(arg, "written", write(pipe_fds[1], &n, sizeof(n)), sizeof(n));
		if (n % 3 == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 700000 }, NULL);
		((struct call *)arg)->rounds++;
	}
	return NULL;
}

static void *pipe_reader(void *arg)
{
	for (uint64_t n = 0, is = 0;; n++) {
		expect(arg, "read", read(pipe_fds[0], &is, sizeof(is)), sizeof(is));
		expect(arg, "number", (long)is, (long)n);
		((struct call *)arg)->rounds++;
	}
	return NULL;
}

static void *socket_writer(void *arg)
{
	char buf[64];
	for (uint64_t n = 0;; n++) {
		memset(buf, (int)n, sizeof(buf));
		expect(arg, "sent", send(pair_fds[1], buf, sizeof(buf), 0), sizeof(buf));
		nanosleep(&(struct timespec){ .tv_nsec = 900000 }, NULL);
		((struct call *)arg)->rounds++;
	}
	return NULL;
}

static void *socket_reader(void *arg)
{
	char buf[64] = {};
	for (uint64_t n = 0;; n++) {
		expect(arg, "received", recv(pair_fds[0], buf, sizeof(buf), 0), sizeof(buf));
		expect(arg, "number", buf[n % sizeof(buf)], (char)n);
		((struct call *)arg)->rounds++;
	}
	return NULL;
}

/** Two take turns by futex. */
static void take_turns(struct call *call, uint32_t mine)
{
	for (uint32_t n = 0;; n++) {
		uint32_t now;
		while ((now = turn) % 2 != mine) {
			long r = syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
			if (r != 0 && errno != EAGAIN)
				wrong(call, "result is %ld, errno %d", r, errno);
		}
		if (n % 8 == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
		turn = now + 1;
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		call->rounds++;
	}
}

static void *turns_even(void *arg)
{
	take_turns(arg, 0);
	return NULL;
}

static void *turns_odd(void *arg)
{
	take_turns(arg, 1);
	return NULL;
}

static void *signal_sender(void *arg)
{
	for (int n = 0;; n++) {
		while (pthread_sigqueue(signalled, SIGRTMIN + 6, (union sigval){ .sival_int = n }) == EAGAIN)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		nanosleep(&(struct timespec){ .tv_nsec = 800000 }, NULL);
		((struct call *)arg)->rounds++;
	}
	return NULL;
}

static void *signal_taker(void *arg)
{
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN + 6);
	for (int n = 0;;) {
		siginfo_t info = {};
		int r = sigwaitinfo(&one, &info);
		if (interrupted(arg, r))
			continue;
		expect(arg, "signal", r, SIGRTMIN + 6);
		expect(arg, "number", info.si_value.sival_int, n++);
		((struct call *)arg)->rounds++;
	}
	return NULL;
}

/** Computes, and knows what must come out. */
static void *computer(void *arg)
{
	uint64_t first = 0;
	for (unsigned long round = 0;; round++) {
		uint64_t x = 1;
		double y = 1;
		for (int i = 0; i < 200000; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			y = y * 1.0000001 + (double)(x >> 60);
		}
		x ^= (uint64_t)y;
		if (round == 0)
			first = x;
		if (x != first)
			wrong(arg, "round %lu came to another result", round);
		((struct call *)arg)->rounds++;
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	return NULL;
}

/** While its child lives this thread sleeps uninterruptibly. */
static void *forker(void *arg)
{
	char *const argv[] = { "sleep", "0.003", NULL };
	for (;;) {
		int status = 0;
		pid_t pid = vfork();
		if (pid == 0) {
			execve("/bin/sleep", argv, (char *[]){ NULL });
			_exit(127);
		}
		expect(arg, "awaited", waitpid(pid, &status, 0), pid);
		expect(arg, "status", status, 0);
		((struct call *)arg)->rounds++;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	return NULL;
}

static void returned(struct call *call, long result)
{
	wrong(call, "returned %ld, errno %d", result, errno);
}

// A userfaultfd of the program's own.

static int fault_fd = -1;
static char *fault_region;
static const size_t fault_page = 4096, fault_bytes = 64 * 4096;
static _Atomic unsigned long faults_missing, faults_write;

static void *fault_handler(void *arg)
{
	static char content[4096] __attribute__((aligned(4096)));
	struct uffd_msg message;

	memset(content, 'x', sizeof(content));
	while (read(fault_fd, &message, sizeof(message)) == sizeof(message)) {
		unsigned long page = message.arg.pagefault.address & -fault_page;
		if (message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) {
			struct uffdio_writeprotect p = { .range = { page, fault_page } };
			faults_write++;
			expect(arg, "unprotecting", ioctl(fault_fd, UFFDIO_WRITEPROTECT, &p), 0);
		} else {
			struct uffdio_copy p = { .dst = page, .src = (unsigned long)content, .len = fault_page,
						 .mode = UFFDIO_COPY_MODE_WP };
			faults_missing++;
			expect(arg, "filling", ioctl(fault_fd, UFFDIO_COPY, &p), 0);
		}
		((struct call *)arg)->rounds++;
	}
	wrong(arg, "the descriptor is gone: errno %d", errno);
	return NULL;
}

static void *fault_maker(void *arg)
{
	for (;;) {
		for (size_t at = 0; at < fault_bytes; at += fault_page) {
			unsigned long missing = faults_missing, write = faults_write;
			expect(arg, "byte", ((volatile char *)fault_region)[at], 'x');
			((volatile char *)fault_region)[at + 1] = 'y';
			expect(arg, "faults for a page that was missing", (long)(faults_missing - missing), 1);
			expect(arg, "faults for a write", (long)(faults_write - write), 1);
		}
		expect(arg, "madvise", madvise(fault_region, fault_bytes, MADV_DONTNEED), 0);
		((struct call *)arg)->rounds++;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return NULL;
}

static void make_fault_region(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };

	fault_fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	fault_region = mmap(NULL, fault_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register part = { { (unsigned long)fault_region, fault_bytes },
					UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP, 0 };
	if (fault_fd < 0 || ioctl(fault_fd, UFFDIO_API, &api) || ioctl(fault_fd, UFFDIO_REGISTER, &part)) {
		perror("userfaultfd");
		exit(1);
	}
}

/** Sits in a read under a filter of its own, which lets it do nothing else. */
static void *filtered(void *arg)
{
	struct sock_filter steps[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
		{ BPF_JMP | BPF_JEQ, 0, 1, SYS_read },
		{ BPF_RET, 0, 0, SECCOMP_RET_ALLOW },
		{ BPF_JMP | BPF_JEQ, 0, 1, SYS_restart_syscall },
		{ BPF_RET, 0, 0, SECCOMP_RET_ALLOW },
		{ BPF_RET, 0, 0, SECCOMP_RET_KILL_PROCESS },
	};
	struct sock_fprog filter = { sizeof(steps) / sizeof(*steps), steps };
	int fds[2];
	char c;

	if (pipe2(fds, O_CLOEXEC) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		perror("seccomp");
		exit(1);
	}
	returned(arg, read(fds[0], &c, 1));
	return NULL;
}

// Calls that are never to return. What they return is the error.

static void *in_read(void *arg)
{
	int fds[2];
	char c;
	if (pipe2(fds, O_CLOEXEC) == 0)
		returned(arg, read(fds[0], &c, 1));
	return NULL;
}

static void *in_accept(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bind(fd, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t));
	listen(fd, 1);
	returned(arg, accept(fd, NULL, NULL));
	return NULL;
}

static void *in_pause(void *arg)
{
	returned(arg, pause());
	return NULL;
}

static void *in_poll(void *arg)
{
	returned(arg, poll(NULL, 0, -1));
	return NULL;
}

static void *in_futex(void *arg)
{
	uint32_t word = 1;
	returned(arg, syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
	return NULL;
}

static void *in_nanosleep(void *arg)
{
	returned(arg, nanosleep(&(struct timespec){ .tv_sec = 1000000 }, NULL));
	return NULL;
}

static void *in_sigsuspend(void *arg)
{
	sigset_t all;
	sigfillset(&all);
	returned(arg, sigsuspend(&all));
	return NULL;
}

static void *in_lock(void *arg)
{
	struct flock lock = { .l_type = F_WRLCK };
	FILE *first = tmpfile();
	char path[64];
	if (!first || fcntl(fileno(first), F_OFD_SETLK, &lock) != 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(first));
	int fd = open(path, O_RDWR | O_CLOEXEC);
	returned(arg, fcntl(fd, F_OFD_SETLKW, &lock));
	return NULL;
}

static pthread_t add(const char *name, void *(*main)(void *), bool endless)
{
	struct call *call = &calls[call_count++];
	pthread_attr_t attr;
	pthread_t thread;

	call->name = name;
	call->endless = endless;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	if (pthread_create(&thread, &attr, main, call)) {
		fprintf(stderr, "no thread for %s\n", name);
		exit(1);
	}
	pthread_attr_destroy(&attr);
	return thread;
}

static void add_timed(const char *name, sleeper *sleep, long ms)
{
	static struct timed all[CALLS_MAX];
	static int count;
	struct timed *timed = &all[count++];
	pthread_t thread;

	*timed = (struct timed){ &calls[call_count++], sleep, ms * 1000000 };
	timed->call->name = name;
	if (pthread_create(&thread, NULL, timed_main, timed))
		exit(1);
}

void calls_start(int forks, int userfaultfd, int filter)
{
	sigset_t all, before;

	if (pipe2(pipe_fds, O_CLOEXEC) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_fds))
		exit(1);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	add_timed("nanosleep", by_nanosleep, 3);
	add_timed("nanosleep with registers", by_registers, 2);
	add_timed("clock_nanosleep", by_clock_nanosleep, 4);
	add_timed("poll", by_poll, 5);
	add_timed("ppoll", by_ppoll, 3);
	add_timed("select", by_select, 4);
	add_timed("futex", by_futex, 3);
	add_timed("timerfd", by_timerfd, 2);
	add_timed("epoll_wait", by_epoll, 4);
	add_timed("sigtimedwait", by_sigtimedwait, 5);
	// Long ones: they are nearly sure to be inside the call when it is stopped.
	add_timed("nanosleep, long", by_nanosleep, 300);
	add_timed("poll, long", by_poll, 300);
	add_timed("futex, long", by_futex, 300);
	add("write to a pipe", pipe_writer, false);
	add("read from a pipe", pipe_reader, false);
	add("send", socket_writer, false);
	add("recv", socket_reader, false);
	add("futex, one turn", turns_even, false);
	add("futex, other turn", turns_odd, false);
	signalled = add("sigwaitinfo", signal_taker, false);
	add("sigqueue", signal_sender, false);
	add("computation", computer, false);
	if (forks)
		add("vfork", forker, false);
	if (userfaultfd) {
		make_fault_region();
		add("userfaultfd, handler", fault_handler, false);
		add("userfaultfd", fault_maker, false);
	}
	if (filter)
		add("endless read under a filter", filtered, true);
	add("endless read", in_read, true);
	add("endless accept", in_accept, true);
	add("endless pause", in_pause, true);
	add("endless poll", in_poll, true);
	add("endless futex", in_futex, true);
	add("endless nanosleep", in_nanosleep, true);
	add("endless sigsuspend", in_sigsuspend, true);
	add("endless lock", in_lock, true);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
