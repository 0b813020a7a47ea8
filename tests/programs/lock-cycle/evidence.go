package lockcycle

import (
	"sync"
	"time"
)

// Programs whose locks are held by somebody who cannot be seen to hold them
// (through an interface), while others look as if they did. Nobody here waits
// in vain for a lock; what is lost is lost for another reason.

var ledger sync.Mutex
var entries int

type locker interface {
	Lock()
	Unlock()
}

//go:noinline
func pick(i int) locker {
	return []locker{&ledger, new(sync.Mutex)}[i]
}

// holdOn has the lock nearly all the time.
func holdOn(l locker) {
	for {
		l.Lock()
		time.Sleep(300 * time.Millisecond)
		l.Unlock()
		time.Sleep(time.Millisecond)
	}
}

func book() {
	for {
		ledger.Lock()
		entries++
		ledger.Unlock()
		time.Sleep(time.Millisecond)
	}
}

func contend() {
	for i := 0; i < 3; i++ {
		go book()
	}
	go holdOn(pick(0))
}

// OKGlobalAgain: each waits for its second Lock, having unlocked after the first.
func OKGlobalAgain() {
	for i := 0; i < 5; i++ {
		go func() {
			for {
				ledger.Lock()
				entries++
				ledger.Unlock()
				time.Sleep(time.Millisecond)
				ledger.Lock()
				entries++
				ledger.Unlock()
			}
		}()
	}
	go holdOn(pick(0))
}

func appendLate() {
	ledger.Lock()
	entries++
	ledger.Unlock()
	defer ledger.Unlock()
	time.Sleep(time.Millisecond)
	ledger.Lock()
}

// OKGlobalDeferAhead: the deferred Unlock is for a Lock that is still to come.
func OKGlobalDeferAhead() {
	go func() {
		for {
			appendLate()
		}
	}()
	contend()
}

var changed = sync.NewCond(&ledger)

func awaitChange() {
	ledger.Lock()
	defer ledger.Unlock()
	for before := entries; entries == before; {
		changed.Wait()
	}
}

// OKGlobalCond: goroutines in Cond.Wait have lent the lock they will unlock.
func OKGlobalCond() {
	for i := 0; i < 5; i++ {
		go func() {
			for {
				awaitChange()
			}
		}()
	}
	go func(l locker) {
		for {
			l.Lock()
			entries++
			changed.Broadcast()
			time.Sleep(200 * time.Millisecond)
			l.Unlock()
			time.Sleep(time.Millisecond)
		}
	}(pick(0))
}

// LeakLent: lost with a deferred Unlock pending, of a lock unlocked by hand.
func LeakLent() {
	lost := make(chan struct{})
	go func() {
		ledger.Lock()
		defer ledger.Unlock()
		entries++
		ledger.Unlock()
		close(lost)
		<-make(chan int) // want leak-lent: receive-blocked proven 1
		ledger.Lock()
	}()
	<-lost
	contend()
}

// LeakLentCond: lost in a Cond.Wait that has unlocked.
func LeakLentCond() {
	lost := make(chan struct{})
	go func() {
		ledger.Lock()
		defer ledger.Unlock()
		c := sync.NewCond(&ledger)
		close(lost)
		for entries >= 0 {
			c.Wait() // want leak-lent-cond: cond proven 1
		}
	}()
	<-lost
	contend()
}

// LeakEarly: lost in a branch that has unlocked; the other branch unlocks further down.
func LeakEarly() {
	lost := make(chan struct{})
	go func() {
		ledger.Lock()
		if entries >= 0 {
			ledger.Unlock()
			close(lost)
			<-make(chan int) // want leak-early: receive-blocked proven 1
			return
		}
		entries++
		ledger.Unlock()
	}()
	<-lost
	contend()
}
