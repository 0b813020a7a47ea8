package churn

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Wakeups wakes goroutines by every means, for ever, and often gives up the
// last reference to what they wait for in the very act.
func Wakeups() {
	for i := 0; i < 3; i++ {
		go handOver()
		go unlockOthers()
		go signal()
		go awaitTimers()
		go chooseCases()
	}
}

type box struct {
	ch   chan *box
	next *box
	pad  [3]int
}

//go:noinline
func spin(n int) (s int) {
	for i := 0; i < n; i++ {
		s += i * i
	}
	return
}

func handOver() {
	for {
		b := &box{ch: make(chan *box)}
		done := make(chan struct{})
		go func() { <-b.ch; close(done) }()
		spin(3000)
		x := &box{next: &box{}}
		b.ch <- x
		<-done
	}
}

func unlockOthers() {
	for {
		mu := new(sync.Mutex)
		var wg sync.WaitGroup
		mu.Lock()
		for k := 0; k < 3; k++ {
			wg.Add(1)
			go func() { mu.Lock(); spin(100); mu.Unlock(); wg.Done() }()
		}
		runtime.Gosched()
		spin(3000)
		mu.Unlock()
		wg.Wait()
	}
}

func signal() {
	for {
		var mu sync.Mutex
		c := sync.NewCond(&mu)
		ready := false
		end := make(chan int, 1)
		go func() {
			mu.Lock()
			for !ready {
				c.Wait()
			}
			mu.Unlock()
			end <- 1
		}()
		spin(2000)
		mu.Lock()
		ready = true
		mu.Unlock()
		c.Broadcast()
		<-end
	}
}

func awaitTimers() {
	for {
		ch := make(chan int)
		time.AfterFunc(time.Millisecond, func() { ch <- 1 })
		<-ch
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		out := make(chan int)
		go func() { <-ctx.Done(); close(out) }()
		<-out
		cancel()
		<-time.After(time.Millisecond)
	}
}

func chooseCases() {
	for {
		a, b := make(chan int), make(chan int)
		go func() {
			select {
			case <-a:
			case b <- 1:
			}
		}()
		spin(1000)
		m := map[int]chan int{1: a, 2: b}
		if spin(10)%2 == 0 {
			m[1] <- 1
		} else {
			<-m[2]
		}
	}
}
