//go:build go1.23

// Package iterator shows coroutines of iter.Pull that nobody stops.
package iterator

import "iter"

func count(yield func(int) bool) {
	for i := 0; ; i++ {
		if !yield(i) { // want leak: iterator proven 1; leak-many: iterator proven 10; leak-holder: iterator proven 1
			return
		}
	}
}

// Leak: one value is taken, stop is never called.
func Leak() {
	next, _ := iter.Pull(count)
	next()
}

// LeakMany: the same ten times, each in a goroutine that ends.
func LeakMany() {
	for i := 0; i < 10; i++ {
		go func() {
			next, _ := iter.Pull(count)
			next()
			next()
		}()
	}
}

func pairs(yield func(string, int) bool) {
	yield("a", 1)
	yield("b", 2) // want leak-pairs: iterator proven 1
	yield("c", 3)
}

// LeakPairs: iter.Pull2, two of three values are taken.
func LeakPairs() {
	next, _ := iter.Pull2(pairs)
	next()
	next()
}

// LeakHolder: stop is deferred in a goroutine that never ends.
func LeakHolder() {
	values := make(chan int)
	go func() {
		next, stop := iter.Pull(count)
		defer stop()
		for {
			n, _ := next()
			values <- n // want leak-holder: send-blocked proven 1
		}
	}()
}
