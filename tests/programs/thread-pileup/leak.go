// Package threadpileup: goroutines that each keep an OS thread.
package threadpileup

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const many = 64

// never is a package variable: what waits for it could be woken.
var never = make(chan struct{})

// await waits until so many goroutines are in that state, as a traceback of all calls it: each needs its thread first, and the
// runtime makes one after the other.
func await(goroutines int, state string) {
	buf := make([]byte, 1<<20)
	for strings.Count(string(buf[:runtime.Stack(buf, true)]), state) < goroutines {
		time.Sleep(5 * time.Millisecond)
	}
}

const (
	inCall = " [syscall"
	locked = ", locked to thread]"
)

func pipe() (r, w int) {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	return fds[0], fds[1]
}

// Leak: reads of a pipe by its descriptor, around the poller.
func Leak() {
	r, _ := pipe()
	for i := 0; i < many; i++ {
		go func() {
			var buf [1]byte
			syscall.Read(r, buf[:]) // want leak: thread-pileup suspect 64
		}()
	}
	await(many, inCall)
}

// LeakFlock: all want the lock of one file.
func LeakFlock() {
	file, err := os.CreateTemp("", "seep-test-")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		panic(err)
	}
	held = append(held, file)
	for i := 0; i < many; i++ {
		other, err := os.Open(file.Name())
		if err != nil {
			panic(err)
		}
		held = append(held, other)
		go lockFile(other)
	}
	await(many, inCall)
}

var held []*os.File

func lockFile(file *os.File) {
	syscall.Flock(int(file.Fd()), syscall.LOCK_EX) // want leak-flock: thread-pileup suspect 64
}

// LeakSleep: the kernel's sleep, not the runtime's; at two places, of which one is below the threshold. The signal by which the
// runtime preempts ends such a sleep.
func LeakSleep() {
	for i := 0; i < many; i++ {
		go func() {
			for syscall.Nanosleep(&syscall.Timespec{Sec: 1000}, nil) == syscall.EINTR { // want leak-sleep: thread-pileup suspect 64
			}
		}()
	}
	for i := 0; i < many/4; i++ {
		go func() {
			for syscall.Nanosleep(&syscall.Timespec{Sec: 1000}, nil) == syscall.EINTR {
			}
		}()
	}
	await(many+many/4, inCall)
}

// LeakLocked: each has a thread for itself and waits.
func LeakLocked() {
	for i := 0; i < many; i++ {
		go func() {
			runtime.LockOSThread()
			<-never // want leak-locked: thread-pileup suspect 64
		}()
	}
	await(many, locked)
}

// LeakLockedSleep: as well when a timer will wake them.
func LeakLockedSleep() {
	for i := 0; i < many; i++ {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			time.Sleep(time.Hour) // want leak-locked-sleep: thread-pileup suspect 64
		}()
	}
	await(many, locked)
}

// LeakThreshold: the least that counts.
func LeakThreshold() {
	r, _ := pipe()
	for i := 0; i < 32; i++ {
		go func() {
			var buf [1]byte
			syscall.Read(r, buf[:]) // want leak-threshold: thread-pileup suspect 32
		}()
	}
	await(32, inCall)
}
