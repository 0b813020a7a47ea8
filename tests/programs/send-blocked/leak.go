// Package sendblocked shows senders whose receiver is gone.
package sendblocked

import "errors"

// Leak: ten senders, one receives.
func Leak() {
	results := make(chan int)
	for i := 0; i < 10; i++ {
		go func(n int) {
			results <- n // want leak: send-blocked proven 9
		}(i)
	}
	<-results
}

// LeakCaptured: what is sent lies beside the channel in the closure. The runtime
// keeps the address of a value being sent, here one on the heap, and through it
// the channel: its own leak profile does not see this leak.
func LeakCaptured() {
	results := make(chan int)
	for i := 0; i < 3; i++ {
		n := i
		go func() {
			results <- n // want leak-captured: send-blocked proven 3
		}()
	}
}

// LeakTimeout: the caller gave up before the answer was there. A channel with
// room for one would do.
func LeakTimeout() {
	result, timedOut := make(chan string), make(chan struct{})
	go func() {
		<-timedOut         // slower than the caller is patient
		result <- "answer" // want leak-timeout: send-blocked proven 1
	}()
	select {
	case <-result:
	case timedOut <- struct{}{}:
	}
}

// LeakFirst: the first of three mirrors wins, the others never get rid of theirs.
func LeakFirst() {
	answer := make(chan string)
	for _, mirror := range []string{"a", "b", "c"} {
		go func(mirror string) {
			answer <- mirror // want leak-first: send-blocked proven 2
		}(mirror)
	}
	<-answer
}

// LeakBuffered: there is room for two, nobody takes them out.
func LeakBuffered() {
	logs := make(chan string, 2)
	go func() {
		for _, line := range []string{"a", "b", "c", "d"} {
			logs <- line // want leak-buffered: send-blocked proven 1
		}
	}()
}

func numbers() <-chan int {
	ch := make(chan int)
	go func() {
		defer close(ch)
		for i := 0; ; i++ {
			ch <- i // want leak-break: send-blocked proven 1
		}
	}()
	return ch
}

// LeakBreak: the consumer leaves the loop early.
func LeakBreak() {
	for n := range numbers() {
		if n == 3 {
			break
		}
	}
}

type pipeline struct {
	in, out chan int
	errs    chan error
}

func (p *pipeline) stage() {
	for n := range p.in { // want leak-error: receive-blocked proven 1
		if n < 0 {
			p.errs <- errors.New("negative") // want leak-error: send-blocked proven 2
		}
		p.out <- n
	}
}

// LeakError: the first error ends the consumer; two stages cannot report theirs
// and one waits for input that never comes.
func LeakError() {
	p := &pipeline{in: make(chan int), out: make(chan int), errs: make(chan error)}
	for i := 0; i < 3; i++ {
		go p.stage()
	}
	for i := 0; i < 3; i++ {
		p.in <- -1
	}
	<-p.errs
	<-p.out
}
