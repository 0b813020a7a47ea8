// Package deferpileup shows defer statements in loops: what they defer waits until
// the function returns, and these do not return.
package deferpileup

import "sync"

// work is what the functions below wait for at their end or in each turn. It is a
// package variable: work may still come, and then they go on.
var work = make(chan int)

var kept byte

//go:noinline
func release(page []byte) {
	kept += page[0]
}

// background runs f in a goroutine until f says that its loop is done.
func background(f func(done func())) {
	ready := make(chan bool)
	go f(func() { ready <- true }) // the goroutines of all variants
	<-ready
}

func pages(done func()) {
	for i := 0; i < 5000; i++ {
		page := make([]byte, 16<<10)
		page[0] = byte(i)
		defer func() { release(page) }() // want leak: defer-pileup suspect 5000 retained=82480000 go<1.22; leak: defer-pileup suspect 5000 retained=82320000 go>=1.22
	}
	done()
	<-work
}

// Leak: 5,000 pages of 16 KiB, each released by a deferred closure that captured it.
// A page, 32 bytes of closure and the record, 80 bytes or 48 since Go 1.22.
func Leak() {
	background(pages)
}

type account struct {
	mu      sync.Mutex
	balance int
}

var accounts [1000]account

func lockAll(done func()) {
	for i := range accounts {
		a := &accounts[i]
		a.mu.Lock()
		defer a.mu.Unlock() // want leak-locks: defer-pileup suspect 1000
		a.balance++
	}
	done()
	<-work
}

// LeakLocks: a thousand locks are taken in a loop and released by defer: none is
// before the function ends. The locks belong to a package variable and count for
// nothing.
func LeakLocks() {
	background(lockAll)
}

func server(done func()) {
	turns := make(chan int, 200)
	for i := 0; i < 200; i++ {
		turns <- i
	}
	for {
		select {
		case n := <-turns:
			buffer := make([]byte, 4<<10)
			buffer[0] = byte(n)
			defer release(buffer) // want leak-loop: defer-pileup suspect 200 retained=841600 go<1.22; leak-loop: defer-pileup suspect 200 retained=835200 go>=1.22; leak-goroutines: defer-pileup suspect 2000 retained=8416000 go<1.22; leak-goroutines: defer-pileup suspect 2000 retained=8352000 go>=1.22
			if n == 199 {
				done()
			}
		case <-work:
		}
	}
}

// LeakLoop: a server's loop that never ends waits for work and defers in each turn.
func LeakLoop() {
	background(server)
}

// LeakGoroutines: the same in ten goroutines.
func LeakGoroutines() {
	for i := 0; i < 10; i++ {
		background(server)
	}
}

func few(done func()) {
	for i := 0; i < 20; i++ {
		page := make([]byte, 1<<20)
		page[0] = byte(i)
		defer release(page) // want leak-large: defer-pileup suspect 20 retained=20973440
	}
	done()
	<-work
}

// LeakLarge: only twenty, but they hold 20 MiB.
func LeakLarge() {
	background(few)
}

// shared is what the closures of two statements and a package variable lead to.
var shared []byte

func two(done func()) {
	shared = make([]byte, 1<<20)
	for i := 0; i < 300; i++ {
		first, second := make([]byte, 2<<10), make([]byte, 2<<10)
		defer func() { release(first); release(shared) }() // want leak-statements: defer-pileup suspect 300 retained=33600 go<1.22; leak-statements: defer-pileup suspect 300 retained=24000 go>=1.22
		defer func() { release(second); release(first) }() // want leak-statements: defer-pileup suspect 300 retained=1272000 go<1.22; leak-statements: defer-pileup suspect 300 retained=1262400 go>=1.22
	}
	done()
	<-work
}

// LeakStatements: two statements in one loop. What both lead to is counted once, for
// the one whose turn comes first; what the package variable leads to, for none.
func LeakStatements() {
	background(two)
}

// LeakMain: main itself, which never returns.
func LeakMain(park func()) {
	for i := 0; i < 150; i++ {
		page := make([]byte, 32<<10)
		defer release(page) // want leak-main: defer-pileup suspect 150 retained=4932000 go<1.22; leak-main: defer-pileup suspect 150 retained=4927200 go>=1.22
	}
	park()
}
