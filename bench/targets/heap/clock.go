package main

/*
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { PERIOD_NS = 100000, COUNTED_NS = 500000, PAGE = 4096, PAGES = 256 };

static atomic_long largest, sum, count, longest_write;
static int real_time;
static char *written;

static long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000l + t.tv_nsec;
}

static void raise_to(atomic_long *most, long value)
{
	long seen = atomic_load(most);

	while (value > seen && !atomic_compare_exchange_weak(most, &seen, value))
		;
}

static void *watch(void *arg)
{
	const struct timespec period = { 0, PERIOD_NS };
	long last = now_ns(), page = 0;

	for (;;) {
		if (real_time)
			nanosleep(&period, NULL);
		else
			while (now_ns() - last < PERIOD_NS)
				;
		long before = now_ns();
		*(volatile long *)(written + page) = before;
		page = (page + PAGE) % (PAGES * PAGE);
		long now = now_ns(), gap = now - last;
		last = now;
		raise_to(&longest_write, now - before);
		raise_to(&largest, gap);
		if (gap >= COUNTED_NS) {
			atomic_fetch_add(&sum, gap);
			atomic_fetch_add(&count, 1);
		}
	}
	return arg;
}

// 1: with a real-time priority, 0: without, -1: there is no clock.
static int start_clock(void)
{
	pthread_t thread;
	sigset_t all, before;

	written = aligned_alloc(PAGE, PAGES * PAGE);
	if (!written)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	// As a child would inherit it, and as of now: the thread is to know before its first reading.
	real_time = sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 50 }) == 0;
	int error = pthread_create(&thread, NULL, watch, NULL);
	if (real_time)
		sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error ? -1 : real_time;
}

static long take_largest(void) { return atomic_exchange(&largest, 0); }
static long take_sum(void) { return atomic_exchange(&sum, 0); }
static long take_count(void) { return atomic_exchange(&count, 0); }
static long take_write(void) { return atomic_exchange(&longest_write, 0); }
*/
import "C"

import "runtime"

// startClock starts the thread that reads the clock, and says how it waits.
func startClock() string {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	switch C.start_clock() {
	case 1:
		return "realtime"
	case 0:
		return "spinning"
	}
	panic("no thread for the clock")
}

// takeGaps returns what the clock saw since it was last asked, in nanoseconds.
func takeGaps() (largest, sum, count, write int64) {
	return int64(C.take_largest()), int64(C.take_sum()), int64(C.take_count()), int64(C.take_write())
}
