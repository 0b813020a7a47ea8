// Package lockcycle shows goroutines that hold one lock and wait for another in
// a circle, and those queued behind them.
package lockcycle

import (
	"sync"
	"time"
)

type bank struct {
	accounts sync.Mutex
	audit    sync.RWMutex
}

// Leak: two goroutines take two locks in opposite order, a third queues behind.
func Leak() {
	b := new(bank)
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		b.accounts.Lock()
		defer b.accounts.Unlock()
		both.Done()
		both.Wait()
		b.audit.Lock() // want leak: lock-cycle proven 3
		defer b.audit.Unlock()
	}()
	go func() {
		b.audit.RLock()
		defer b.audit.RUnlock()
		both.Done()
		both.Wait()
		b.accounts.Lock()
		defer b.accounts.Unlock()
	}()
	go func() {
		both.Wait()
		b.accounts.Lock()
		defer b.accounts.Unlock()
	}()
}

var (
	accounts sync.Mutex
	audit    sync.RWMutex
)

// LeakGlobal: the locks are package variables, unlocked by defer.
func LeakGlobal() {
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		accounts.Lock()
		defer accounts.Unlock()
		both.Done()
		both.Wait()
		audit.Lock() // want leak-global: lock-cycle deadlocked 3
		defer audit.Unlock()
	}()
	go func() {
		audit.RLock()
		defer audit.RUnlock()
		both.Done()
		both.Wait()
		accounts.Lock()
		defer accounts.Unlock()
	}()
	go func() {
		both.Wait()
		accounts.Lock()
		defer accounts.Unlock()
	}()
}

// LeakGlobalUnlock: the locks are package variables, unlocked by calls; the
// third goroutine is a reader queued behind the writer.
func LeakGlobalUnlock() {
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		accounts.Lock()
		both.Done()
		both.Wait()
		audit.Lock() // want leak-global-unlock: lock-cycle deadlocked 3
		audit.Unlock()
		accounts.Unlock()
	}()
	go func() {
		audit.RLock()
		both.Done()
		both.Wait()
		accounts.Lock()
		accounts.Unlock()
		audit.RUnlock()
	}()
	go func() {
		both.Wait()
		for audit.TryRLock() { // until the writer waits
			audit.RUnlock()
			time.Sleep(time.Millisecond)
		}
		audit.RLock()
		audit.RUnlock()
	}()
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add(n int) {
	c.mu.Lock() // want leak-twice: lock-cycle proven 1; leak-twice-global: lock-cycle deadlocked 1
	c.n += n
	c.mu.Unlock()
}

func (c *counter) addTwice(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(n)
	c.add(n)
}

// LeakTwice: a goroutine locks what it has locked already.
func LeakTwice() {
	c := new(counter)
	go c.addTwice(1)
}

var total counter

// LeakTwiceGlobal: the same with a package variable.
func LeakTwiceGlobal() {
	go total.addTwice(1)
}

func dine(left, right *sync.Mutex, seated *sync.WaitGroup) {
	left.Lock()
	defer left.Unlock()
	seated.Done()
	seated.Wait()
	right.Lock() // want leak-ring: lock-cycle proven 5
	defer right.Unlock()
}

// LeakRing: five philosophers, each with the left fork in hand.
func LeakRing() {
	forks := make([]sync.Mutex, 5)
	seated := new(sync.WaitGroup)
	seated.Add(5)
	for i := range forks {
		go dine(&forks[i], &forks[(i+1)%5], seated)
	}
}

func transfer(first, second sync.Locker, both, done *sync.WaitGroup) {
	defer done.Done()
	first.Lock()
	defer first.Unlock()
	both.Done()
	both.Wait()
	second.Lock() // want leak-dependents: lock-cycle deadlocked 2
	defer second.Unlock()
}

// LeakDependents: goroutines that wait for the deadlocked ones are as lost.
func LeakDependents() {
	both, done := new(sync.WaitGroup), new(sync.WaitGroup)
	both.Add(2)
	done.Add(2)
	finished := make(chan struct{})
	go transfer(&accounts, &audit, both, done)
	go transfer(&audit, &accounts, both, done)
	go func() {
		done.Wait() // want leak-dependents: waitgroup deadlocked 1
		close(finished)
	}()
	go func() {
		<-finished // want leak-dependents: receive-blocked deadlocked 1
	}()
}
