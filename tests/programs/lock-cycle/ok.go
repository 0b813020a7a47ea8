package lockcycle

import (
	"sync"
	"time"
)

// OK: both goroutines take the locks in the same order.
func OK() {
	b := new(bank)
	for i := 0; i < 3; i++ {
		go func() {
			b.accounts.Lock()
			defer b.accounts.Unlock()
			b.audit.Lock()
			defer b.audit.Unlock()
		}()
	}
}

// OKSleep: a queue over two locks that ends at a sleeper.
func OKSleep() {
	b := new(bank)
	first := make(chan struct{})
	go func() {
		b.audit.RLock()
		defer b.audit.RUnlock()
		close(first)
		time.Sleep(time.Hour)
	}()
	<-first
	for i := 0; i < 3; i++ {
		go func() {
			b.accounts.Lock()
			defer b.accounts.Unlock()
			b.audit.Lock()
			defer b.audit.Unlock()
		}()
	}
}

// OKGlobal: the same over package variables.
func OKGlobal() {
	first := make(chan struct{})
	go func() {
		audit.RLock()
		defer audit.RUnlock()
		close(first)
		time.Sleep(time.Hour)
	}()
	<-first
	for i := 0; i < 3; i++ {
		go func() {
			accounts.Lock()
			defer accounts.Unlock()
			audit.Lock()
			defer audit.Unlock()
		}()
	}
}

// OKGlobalFalseCycle: what looks like a circle is none. The third goroutine
// waits for audit and has an accounts.Unlock ahead of it, yet does not hold
// accounts: the sleeper does.
func OKGlobalFalseCycle() {
	sleeping, waiting := make(chan struct{}), make(chan struct{})
	go func() {
		accounts.Lock()
		close(sleeping)
		time.Sleep(time.Hour)
		accounts.Unlock()
	}()
	<-sleeping
	go func() {
		audit.Lock()
		close(waiting)
		accounts.Lock()
		accounts.Unlock()
		audit.Unlock()
	}()
	<-waiting
	go func() {
		audit.Lock()
		accounts.Lock()
		accounts.Unlock()
		audit.Unlock()
	}()
}

func settleAccounts(exclusive bool) {
	if exclusive {
		accounts.Lock()
	}
	audit.Lock()
	audit.Unlock()
	if exclusive {
		accounts.Unlock()
	}
}

// OKGlobalConditional: the same, the lock not held being a matter of a flag.
func OKGlobalConditional() {
	sleeping, waiting := make(chan struct{}), make(chan struct{})
	go func() {
		accounts.Lock()
		close(sleeping)
		time.Sleep(time.Hour)
		accounts.Unlock()
	}()
	<-sleeping
	go func() {
		audit.Lock()
		close(waiting)
		accounts.Lock()
		accounts.Unlock()
		audit.Unlock()
	}()
	<-waiting
	go settleAccounts(false)
}

// OKGlobalConditionalDefer: the same with a deferred Unlock that is not pending.
func OKGlobalConditionalDefer() {
	sleeping, waiting := make(chan struct{}), make(chan struct{})
	go func() {
		accounts.Lock()
		defer accounts.Unlock()
		close(sleeping)
		time.Sleep(time.Hour)
	}()
	<-sleeping
	go func() {
		audit.Lock()
		defer audit.Unlock()
		close(waiting)
		accounts.Lock()
		defer accounts.Unlock()
	}()
	<-waiting
	go func(exclusive bool) {
		if exclusive {
			accounts.Lock()
			defer accounts.Unlock()
		}
		audit.Lock()
		defer audit.Unlock()
	}(false)
}

// OKTryLock: the circle would close, but one side only tries.
func OKTryLock() {
	b := new(bank)
	both := new(sync.WaitGroup)
	both.Add(2)
	go func() {
		b.accounts.Lock()
		defer b.accounts.Unlock()
		both.Done()
		both.Wait()
		b.audit.Lock()
		defer b.audit.Unlock()
	}()
	go func() {
		b.audit.RLock()
		defer b.audit.RUnlock()
		both.Done()
		both.Wait()
		for !b.accounts.TryLock() {
			time.Sleep(time.Hour)
		}
		defer b.accounts.Unlock()
	}()
}

// OKDependents: goroutines wait for workers that wait for a sleeper's lock.
func OKDependents() {
	holding := make(chan struct{})
	go func() {
		accounts.Lock()
		defer accounts.Unlock()
		close(holding)
		time.Sleep(time.Hour)
	}()
	<-holding
	done := new(sync.WaitGroup)
	finished := make(chan struct{})
	for i := 0; i < 2; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			accounts.Lock()
			defer accounts.Unlock()
		}()
	}
	go func() {
		done.Wait()
		close(finished)
	}()
	go func() {
		<-finished
	}()
}
