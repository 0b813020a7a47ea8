package finalizerstuck

import (
	"runtime"
	"sync"
	"time"
)

// OK has finalizers that all run.
func OK() {
	queue()
	time.Sleep(20 * time.Millisecond)
}

// OKPending has a queue right before the look.
func OKPending() { queue() }

// OKSleep has a finalizer that takes its time.
func OKSleep() {
	blockIn(func() { time.Sleep(time.Hour) })
	queue()
}

var wake = make(chan bool)

// OKReceive has a finalizer that a package variable's channel could wake.
func OKReceive() {
	blockIn(func() { <-wake })
	queue()
}

// OKMutex has a finalizer that waits for a lock whose owner works on.
func OKMutex() {
	mu := new(sync.Mutex)
	locked := make(chan bool)
	go func() {
		mu.Lock()
		close(locked)
		time.Sleep(time.Hour)
		mu.Unlock()
	}()
	<-locked
	blockIn(func() {
		mu.Lock()
		mu.Unlock()
	})
	queue()
}

// OKGoroutine has a finalizer that leaves the waiting to a goroutine.
func OKGoroutine() {
	blockIn(func() { go func() { <-wake }() })
	queue()
	time.Sleep(20 * time.Millisecond)
	runtime.GC()
}
