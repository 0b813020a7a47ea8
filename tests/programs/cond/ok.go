package cond

import (
	"sync"
	"time"
)

// OK: the signal comes.
func OK() {
	q := newQueue()
	go q.get()
	q.untilWaiting(1)
	q.put(1)
	q.changed.Signal()
}

// OKSignaller: five goroutines wait for one that sleeps.
func OKSignaller() {
	q := newQueue()
	for i := 0; i < 5; i++ {
		go q.get()
	}
	go func() {
		time.Sleep(time.Hour)
		q.put(1)
		q.changed.Broadcast()
	}()
}

// OKTimer: a timer will signal.
func OKTimer() {
	q := newQueue()
	go q.get()
	time.AfterFunc(time.Hour, q.changed.Broadcast)
}

// OKStruct: the Cond is a field; only its owner's lock is known to the sleeper.
func OKStruct() {
	p := new(pool)
	p.free.L = p
	for i := 0; i < 3; i++ {
		go p.take()
	}
	go func() {
		time.Sleep(time.Hour)
		p.Lock()
		p.size = 3
		p.Unlock()
		p.free.Broadcast()
	}()
}

var (
	stateLock sync.Mutex
	state     = sync.NewCond(&stateLock)
)

// OKGlobal: anybody could signal a package variable.
func OKGlobal() {
	for i := 0; i < 3; i++ {
		go func() {
			stateLock.Lock()
			defer stateLock.Unlock()
			state.Wait()
		}()
	}
}
