// Package arraybyvalue shows large arrays that are passed and copied by value: each
// copy stands on a goroutine's stack.
package arraybyvalue

import "sync"

// work is what the functions below wait for; it is a package variable, so that more
// may come.
var work = make(chan int)

// background runs f in n goroutines until each says that it has come so far.
func background(n int, f func(ready func())) {
	var started sync.WaitGroup
	for i := 0; i < n; i++ {
		started.Add(1)
		go f(started.Done)
	}
	started.Wait()
}

var table [1000000]int

// registered makes the program know the array's type also while it runs.
var registered interface{}

//go:noinline
func lookup(t [1000000]int, ready func()) int { // want leak: array-by-value suspect 20 retained=167772160
	ready()
	return t[<-work]
}

// Leak: twenty goroutines in a function that takes eight megabytes by value. A copy
// and little else fits into a stack of 8 MiB.
func Leak() {
	registered = &table
	background(20, func(ready func()) {
		lookup(table, ready)
	})
}

// page is a struct of 128 KiB.
type page struct {
	words [16384]int64
}

var first = new(page)

//go:noinline
func (p page) sum(ready func()) int64 { // want leak-receiver: array-by-value suspect 3; leak-interface: array-by-value suspect 3
	ready()
	return p.words[<-work]
}

// LeakReceiver: a method whose receiver is a large struct, by value.
func LeakReceiver() {
	background(3, func(ready func()) { first.sum(ready) })
}

type summer interface{ sum(ready func()) int64 }

var sums summer = page{}

// LeakInterface: the same through an interface, which holds a pointer: the method
// that the compiler makes for that copies what it leads to.
func LeakInterface() {
	background(3, func(ready func()) { sums.sum(ready) })
}

//go:noinline
func fill(n int, ready func()) (t [20000]int) { // want leak-result: array-by-value suspect 2
	t[n] = n
	ready()
	t[n]++
	<-work
	return t
}

// LeakResult: an array is returned by value; while the function runs, its result
// has its place on the stack.
func LeakResult() {
	background(2, func(ready func()) { samples[0] = fill(samples[1], ready)[0] })
}

var samples [50000]int

//go:noinline
func drain(ready func()) (sum int) {
	for i, n := range samples { // want leak-range: array-by-value suspect 4
		samples[i] = 0
		if i == 10 {
			ready()
			sum += <-work
		}
		sum += n
	}
	return sum
}

// LeakRange: range over an array, not over a pointer to it or a slice of it, goes
// over a copy.
func LeakRange() {
	background(4, func(ready func()) { drain(ready) })
}
