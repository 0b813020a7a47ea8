package threadpileup

import (
	"os"
	"runtime"
	"sync"
	"syscall"
)

// OK: reads of sockets that do not block wait in the poller, without threads.
func OK() {
	for i := 0; i < 100; i++ {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			panic(err)
		}
		file := os.NewFile(uintptr(fds[0]), "socket")
		held = append(held, os.NewFile(uintptr(fds[1]), "other end"))
		go func() {
			var buf [1]byte
			file.Read(buf[:])
		}()
	}
}

// OKPipe: reads of a pipe through package os, the same.
func OKPipe() {
	for i := 0; i < many; i++ {
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		held = append(held, w)
		go func() {
			var buf [1]byte
			r.Read(buf[:])
		}()
	}
}

// OKIdle: a burst of work has left as many threads, idle now.
func OKIdle() {
	var done sync.WaitGroup
	for i := 0; i < many; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			syscall.Nanosleep(&syscall.Timespec{Nsec: 100e6}, nil)
		}()
	}
	done.Wait()
}

// OKFew: fewer than count.
func OKFew() {
	r, _ := pipe()
	for i := 0; i < 31; i++ {
		go func() {
			var buf [1]byte
			syscall.Read(r, buf[:])
		}()
	}
	await(31, inCall)
}

// OKUnlocked: the threads were given back before the wait.
func OKUnlocked() {
	var locked sync.WaitGroup
	locked.Add(many)
	for i := 0; i < many; i++ {
		go func() {
			runtime.LockOSThread()
			locked.Done()
			locked.Wait()
			runtime.UnlockOSThread()
			<-never
		}()
	}
}

// OKBusy: as many threads as processors are at work.
func OKBusy() {
	for i := 0; i < runtime.GOMAXPROCS(0); i++ {
		go func() {
			for n := 0; ; n++ {
				sum += n
				runtime.Gosched()
			}
		}()
	}
}

var sum int
