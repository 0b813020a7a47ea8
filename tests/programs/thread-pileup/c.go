//go:build cgocase

package threadpileup

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void lock(void) { pthread_mutex_lock(&mutex); }
static int fails(int seconds) { return (int)sleep(seconds); }
*/
import "C"

// LeakC: a C function that sleeps.
func LeakC() {
	for i := 0; i < many; i++ {
		go func() {
			for C.sleep(1000) != 0 { // want leak-c: thread-pileup suspect 64
			}
		}()
	}
	await(many, inCall)
}

// LeakCMutex: a lock of C's that is never given back; and the form of a call that tells errno.
func LeakCMutex() {
	C.lock()
	for i := 0; i < many; i++ {
		go func() {
			C.lock() // want leak-c-mutex: thread-pileup suspect 64
		}()
	}
	for i := 0; i < many/2; i++ {
		go func() {
			for left, _ := C.fails(1000); left != 0; left, _ = C.fails(1000) { // want leak-c-mutex: thread-pileup suspect 32
			}
		}()
	}
	await(many+many/2, inCall)
}

// OKC: few calls at a time.
func OKC() {
	room := make(chan struct{}, 8)
	for i := 0; i < many; i++ {
		go func() {
			room <- struct{}{}
			defer func() { <-room }()
			for C.sleep(1000) != 0 {
			}
		}()
	}
	await(8, inCall)
}
