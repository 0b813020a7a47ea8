//go:build go1.23

package iterator

import (
	"iter"
	"time"
)

// OK: stop is called.
func OK() {
	next, stop := iter.Pull(count)
	defer stop()
	next()
}

// OKExhausted: stop is not called, all values are taken.
func OKExhausted() {
	next, _ := iter.Pull2(pairs)
	for {
		if _, _, ok := next(); !ok {
			return
		}
	}
}

// OKSleep: stop is deferred in a sleeper.
func OKSleep() {
	go func() {
		next, stop := iter.Pull(count)
		defer stop()
		next()
		time.Sleep(time.Hour)
	}()
}

// OKMain: main will stop it.
func OKMain(park func()) {
	next, stop := iter.Pull(count)
	next()
	park()
	stop()
}

var more func() (int, bool)

// OKGlobal: a package variable has next.
func OKGlobal() {
	more, _ = iter.Pull(count)
	more()
}

// OKTimer: a pending timer has stop.
func OKTimer() {
	next, stop := iter.Pull(count)
	next()
	time.AfterFunc(time.Hour, stop)
}

func slow(yield func(int) bool) {
	for i := 0; yield(i); i++ {
		time.Sleep(time.Hour)
	}
}

// OKInside: the coroutine is the one that runs; who pulls waits for it.
func OKInside() {
	go func() {
		next, stop := iter.Pull(slow)
		defer stop()
		next()
		next()
	}()
}

// OKHolder: the puller waits for a live channel.
func OKHolder() {
	values := make(chan int)
	go func() {
		next, stop := iter.Pull(count)
		defer stop()
		for {
			n, _ := next()
			values <- n
		}
	}()
	go func() {
		for range values {
			time.Sleep(time.Hour)
		}
	}()
}
