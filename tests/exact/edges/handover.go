package main

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// handOver runs for ever; each goroutine in it blocks again and again for something that only one other holds, who lets go
// of it in the very act: in `go`, in a timer's callback, in a send, in an unlock.
func handOver() {
	for _, do := range []func(){
		goStatement, goStatement, timerCallback, timerCallback, channelChain, waitGroup, mutex, condition, selected, closed,
		timeout, contexts, scheduled,
	} {
		do := do
		go func() {
			for {
				do()
			}
		}()
	}
}

func goStatement() {
	ch := make(chan *int)
	go func() { ch <- nil }()
	<-ch
}

func timerCallback() {
	ch := make(chan *int)
	time.AfterFunc(time.Microsecond, func() { ch <- nil })
	<-ch
}

func channelChain() {
	first := make(chan *int, 1)
	last := first
	for i := 0; i < 20; i++ {
		next := make(chan *int)
		go func(from, to chan *int) { to <- <-from }(last, next)
		last = next
	}
	first <- nil
	first = nil
	<-last
}

func waitGroup() {
	wg := new(sync.WaitGroup)
	for i := 0; i < 5; i++ {
		wg.Add(1)
		go wg.Done()
	}
	wg.Wait()
}

func mutex() {
	var done sync.WaitGroup
	mu := new(struct {
		sync.RWMutex
		p *int
	})
	for i := 0; i < 5; i++ {
		done.Add(2)
		go func() {
			mu.Lock()
			runtime.Gosched()
			mu.Unlock()
			done.Done()
		}()
		go func() {
			mu.RLock()
			runtime.Gosched()
			mu.RUnlock()
			done.Done()
		}()
	}
	done.Wait()
}

func condition() {
	c := sync.NewCond(new(sync.Mutex))
	ready := false
	go func() {
		c.L.Lock()
		ready = true
		c.L.Unlock()
		c.Signal()
	}()
	c.L.Lock()
	for !ready {
		c.Wait()
	}
	c.L.Unlock()
}

func selected() {
	a, b := make(chan *int), make(chan *int)
	go func() { a <- nil }()
	go func() {
		select {
		case <-b:
		case <-time.After(time.Microsecond):
		}
	}()
	select {
	case <-a:
	case b <- nil:
		<-a
	}
}

func closed() {
	ch := make(chan *int)
	for i := 0; i < 5; i++ {
		go func() { <-ch }()
	}
	go close(ch)
	<-ch
}

func timeout() {
	t := time.NewTimer(time.Microsecond)
	<-t.C
	k := time.NewTicker(time.Microsecond)
	<-k.C
	<-k.C
	k.Stop()
}

func contexts() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Microsecond)
	child, stop := context.WithCancel(ctx)
	<-child.Done()
	stop()
	cancel()
}

func scheduled() {
	ch := make(chan *int)
	go func() {
		x := make([]*[64]int, 0)
		for i := 0; i < 100; i++ {
			x = append(x, new([64]int))
		}
		use(x)
		ch <- nil
	}()
	<-ch
}
