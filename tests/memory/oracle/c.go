//go:build cgocase

package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_barrier_t barrier;

static void *wait_here(void *arg) {
	volatile char local[64 * 1024];
	for (size_t i = 0; i < sizeof(local); i++)
		local[i] = 1;
	pthread_barrier_wait(&barrier);
	for (;;)
		pause();
	return arg;
}

static void start_threads(int n) {
	pthread_t thread;
	pthread_barrier_init(&barrier, NULL, n + 1);
	for (int i = 0; i < n; i++)
		pthread_create(&thread, NULL, wait_here, NULL);
	pthread_barrier_wait(&barrier);
}

static void take(size_t bytes) {
	for (size_t size = 1; bytes > 0; size = size * 3 % 9973 * 16) {
		if (size > bytes)
			size = bytes;
		memset(malloc(size), 1, size);
		bytes -= size;
	}
}
*/
import "C"

func init() {
	malloc = func(kilobytes int) { C.take(C.size_t(kilobytes << 10)) }
	threads = func(n int) { C.start_threads(C.int(n)) }
}
