package waitgroup

import (
	"sync"
	"time"
)

// OK: every worker calls Done.
func OK() {
	wg := new(sync.WaitGroup)
	for _, url := range []string{"a", "c", "b"} {
		wg.Add(1)
		go fetch(url, wg)
	}
	go func() {
		wg.Wait()
	}()
}

// OKSleep: the workers sleep.
func OKSleep() {
	wg := new(sync.WaitGroup)
	for i := 0; i < 3; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			time.Sleep(time.Hour)
		}()
	}
	go func() {
		wg.Wait()
	}()
}

// OKStruct: the WaitGroup is embedded, a timer calls Done.
func OKStruct() {
	s := &server{name: "s"}
	s.Add(1)
	time.AfterFunc(time.Hour, s.Done)
	for i := 0; i < 3; i++ {
		go s.shutdown()
	}
}

var running sync.WaitGroup

// OKGlobal: anybody could call Done on a package variable.
func OKGlobal() {
	running.Add(1)
	go func() {
		running.Wait()
	}()
}

// OKErrgroup: the consumer is there.
func OKErrgroup() {
	g := new(group)
	results := make(chan int)
	for i := 0; i < 3; i++ {
		n := i
		g.Go(func() error {
			results <- n
			return nil
		})
	}
	go g.Wait()
	go func() {
		time.Sleep(time.Hour)
		for range results {
		}
	}()
}

// OKChain: at the end of the chain is a sleeper.
func OKChain() {
	first, second := new(sync.WaitGroup), new(sync.WaitGroup)
	first.Add(1)
	second.Add(1)
	go func() {
		defer first.Done()
		time.Sleep(time.Hour)
	}()
	go func() {
		defer second.Done()
		first.Wait()
	}()
	go func() {
		second.Wait()
	}()
}
