// Threads are started for a piece of work and end with it: that costs microseconds where the work takes milliseconds, and leaves nothing
// to shut down.
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

enum { THREADS_MAX = 64 };

static unsigned threads_set;

void seep_pool_set_threads(unsigned threads)
{
	threads_set = threads < THREADS_MAX ? threads : THREADS_MAX;
}

unsigned seep_pool_threads(void)
{
	cpu_set_t set;

	if (threads_set)
		return threads_set;
	// With more processors than the set has room for, the call fails.
	unsigned count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) :
									THREADS_MAX;
	return count < 1 ? 1 : count < THREADS_MAX ? count : THREADS_MAX;
}

uint64_t seep_pool_least(uint64_t least)
{
	return threads_set ? 0 : least;
}

struct call {
	void (*work)(void *arg, unsigned i);
	void *arg;
	unsigned i;
	bool started;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct call *call = arg;

	call->work(call->arg, call->i);
	return NULL;
}

void seep_pool_run(unsigned count, void (*work)(void *arg, unsigned i), void *arg)
{
	struct call calls[THREADS_MAX];

	for (unsigned i = 1; i < count && i < THREADS_MAX; i++) {
		calls[i] = (struct call){ .work = work, .arg = arg, .i = i };
		calls[i].started = pthread_create(&calls[i].thread, NULL, run, &calls[i]) == 0;
	}
	for (unsigned i = 0; i < count; i++)
		if (i == 0 || i >= THREADS_MAX || !calls[i].started)
			work(arg, i);
	for (unsigned i = 1; i < count && i < THREADS_MAX; i++)
		if (calls[i].started)
			pthread_join(calls[i].thread, NULL);
}
