package sendblocked

import (
	"runtime"
	"time"
)

// OK: ten senders, ten are received.
func OK() {
	results := make(chan int)
	for i := 0; i < 10; i++ {
		go func(n int) {
			results <- n
		}(i)
	}
	for i := 0; i < 10; i++ {
		<-results
	}
}

// OKMain: nine are still waiting, main will receive them.
func OKMain(park func()) {
	results := make(chan int)
	for i := 0; i < 10; i++ {
		go func(n int) {
			results <- n
		}(i)
	}
	<-results
	park()
	runtime.KeepAlive(results)
}

// OKTimeout: the channel has room for the answer nobody wants.
func OKTimeout() {
	result, timedOut := make(chan string, 1), make(chan struct{})
	go func() {
		<-timedOut
		result <- "answer"
	}()
	select {
	case <-result:
	case timedOut <- struct{}{}:
	}
}

// OKSlow: the receiver sleeps.
func OKSlow() {
	answer := make(chan string)
	for _, mirror := range []string{"a", "b", "c"} {
		go func(mirror string) {
			answer <- mirror
		}(mirror)
	}
	go func() {
		for range answer {
			time.Sleep(time.Hour)
		}
	}()
}

// OKBuffered: the buffer is full, a timer will empty it.
func OKBuffered() {
	logs := make(chan string, 2)
	go func() {
		for _, line := range []string{"a", "b", "c", "d"} {
			logs <- line
		}
	}()
	time.AfterFunc(time.Hour, func() {
		for range logs {
		}
	})
}

// OKBreak: the consumer is not through yet.
func OKBreak() {
	ch := numbers()
	go func() {
		for n := range ch {
			if n == 3 {
				time.Sleep(time.Hour)
			}
		}
	}()
}

// OKPipeline: everybody waits for the slow last stage.
func OKPipeline() {
	p := &pipeline{in: make(chan int), out: make(chan int), errs: make(chan error)}
	for i := 0; i < 3; i++ {
		go p.stage()
	}
	go func() {
		for i := 0; ; i++ {
			p.in <- i
		}
	}()
	go func() {
		for range p.out {
			time.Sleep(time.Hour)
		}
	}()
}
