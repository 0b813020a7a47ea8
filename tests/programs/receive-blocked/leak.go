// Package receiveblocked shows receivers whose sender is gone, and channels that
// nobody will close.
package receiveblocked

import "context"

// Leak: ten receivers, one value.
func Leak() {
	jobs := make(chan int)
	for i := 0; i < 10; i++ {
		go func() {
			<-jobs // want leak: receive-blocked proven 9
		}()
	}
	jobs <- 1
}

func worker(jobs <-chan int, results chan<- int) {
	for n := range jobs { // want leak-pool: receive-blocked proven 4
		results <- n * n
	}
}

// LeakPool: the producer ends without closing the channel of the workers.
func LeakPool() {
	jobs, results := make(chan int), make(chan int, 8)
	for i := 0; i < 4; i++ {
		go worker(jobs, results)
	}
	for i := 0; i < 8; i++ {
		jobs <- i
	}
}

// LeakRange: the only sender ends, the range over the channel does not.
func LeakRange() {
	lines := make(chan string)
	go func() {
		for range lines { // want leak-range: receive-blocked proven 1
		}
	}()
	lines <- "a"
	lines <- "b"
}

// LeakContext: nobody kept the function that cancels.
func LeakContext() {
	ctx, _ := context.WithCancel(context.Background())
	go func() {
		<-ctx.Done() // want leak-context: receive-blocked proven 1
	}()
}

type key struct{}

// LeakContextTree: the same below a tree of contexts, with values between.
func LeakContextTree() {
	root, _ := context.WithCancel(context.Background())
	for i := 0; i < 3; i++ {
		child, _ := context.WithCancel(context.WithValue(root, key{}, i))
		go func() {
			<-child.Done() // want leak-context-tree: receive-blocked proven 3
		}()
	}
}

// LeakPair: each waits for the other to speak first.
func LeakPair() {
	ping, pong := make(chan int), make(chan int)
	go func() {
		pong <- <-ping // want leak-pair: receive-blocked proven 1
	}()
	go func() {
		ping <- <-pong // want leak-pair: receive-blocked proven 1
	}()
}

func forward(from <-chan int, to chan<- int) {
	to <- <-from // want leak-chain: receive-blocked proven 4
}

// LeakChain: four goroutines in a row, none before the first.
func LeakChain() {
	from := make(chan int)
	for i := 0; i < 4; i++ {
		to := make(chan int)
		go forward(from, to)
		from = to
	}
}

type future struct {
	name string
	done chan struct{}
	subs []*future
}

// LeakStruct: the channel is a field; the structs lead to each other.
func LeakStruct() {
	a, b := &future{name: "a", done: make(chan struct{})}, &future{name: "b", done: make(chan struct{})}
	a.subs, b.subs = []*future{b}, []*future{a}
	for _, f := range []*future{a, b} {
		go func(f *future) {
			<-f.done // want leak-struct: receive-blocked proven 2
			for _, sub := range f.subs {
				close(sub.done)
			}
		}(f)
	}
}
