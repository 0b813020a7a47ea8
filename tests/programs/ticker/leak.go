// Package ticker shows tickers and timers that run for nobody. What a release
// does with a ticker that nothing leads to any more decides: up to Go 1.22 it
// runs for ever.
package ticker

import (
	"context"
	"sync"
	"time"
)

//go:noinline
func makeTickers(n int, period time.Duration) []*time.Ticker {
	tickers := make([]*time.Ticker, n)
	for i := range tickers {
		tickers[i] = time.NewTicker(period) // want leak: ticker proven 500 asynctimerchan=1; leak: ticker suspect 500
	}
	return tickers
}

var kept []*time.Ticker

// Leak: of 1,000 tickers that are never stopped 500 can be reached from a
// package variable.
func Leak() {
	all := makeTickers(1000, time.Hour)
	for i := 0; i < len(all); i += 2 {
		kept = append(kept, all[i])
	}
}

// LeakTick: time.Tick in a function that returns.
func LeakTick() {
	for i := 0; i < 20; i++ {
		poll()
	}
}

//go:noinline
func poll() {
	for range time.Tick(time.Millisecond) { // want leak-tick: ticker proven 20 asynctimerchan=1
		return
	}
}

// LeakReturn: the goroutine that made the ticker ends without stopping it; two
// periods.
func LeakReturn() {
	var wg sync.WaitGroup
	for i := 0; i < 30; i++ {
		wg.Add(1)
		go func(period time.Duration) {
			defer wg.Done()
			ticker := time.NewTicker(period) // want leak-return: ticker proven 15 asynctimerchan=1; leak-return: ticker proven 15 asynctimerchan=1
			select {
			case <-ticker.C:
			default:
			}
		}(time.Duration(1+i%2) * time.Hour)
	}
	wg.Wait()
}

type connection struct {
	name      string
	keepalive *time.Ticker
}

var connections = map[int]*connection{}

// LeakStruct: closed connections stay in a map with their tickers, and ticks
// that nobody receives.
func LeakStruct() {
	for i := 0; i < 300; i++ {
		c := &connection{name: "c", keepalive: time.NewTicker(time.Millisecond)} // want leak-struct: ticker suspect 300
		connections[i] = c
	}
}

// LeakStack: one goroutine has hundreds of tickers at hand.
func LeakStack(park func()) {
	tickers := makeTickersAgain(150)
	park()
	for _, t := range tickers {
		t.Stop()
	}
}

//go:noinline
func makeTickersAgain(n int) []*time.Ticker {
	tickers := make([]*time.Ticker, n)
	for i := range tickers {
		tickers[i] = time.NewTicker(time.Minute) // want leak-stack: ticker suspect 150
	}
	return tickers
}

// LeakAfter: a loop makes a timeout for each message and needs none of them.
func LeakAfter() {
	messages := make(chan int, 1)
	for i := 0; i < 2000; i++ {
		messages <- i
		select {
		case <-messages:
		case <-time.After(time.Hour): // want leak-after: ticker suspect 2000 asynctimerchan=1
		}
	}
}

type session struct {
	payload [1000]byte
}

//go:noinline
func (s *session) expire() { // want leak-method: ticker suspect 1200
	expired = append(expired, s)
}

var expired []*session

func (s *session) touch() {
	s.payload[0] = 0 // want leak-method-inlined: ticker suspect 1200
}

// LeakFunc: each call keeps what it captures until it is made.
func LeakFunc() {
	for i := 0; i < 1500; i++ {
		s := new(session)
		time.AfterFunc(time.Hour, func() { // want leak-func: ticker suspect 1500
			s.payload[1] = 1
		})
	}
}

// LeakMethod: the same with a method value.
func LeakMethod() {
	for i := 0; i < 1200; i++ {
		s := new(session)
		time.AfterFunc(time.Hour, s.expire)
	}
}

// LeakMethodInlined: the same with a method that is nowhere but in its wrapper.
func LeakMethodInlined() {
	for i := 0; i < 1200; i++ {
		s := new(session)
		time.AfterFunc(time.Hour, s.touch)
	}
}

// LeakContext: deadlines that are never cancelled, of a context that has one
// itself and of one that has none.
func LeakContext() {
	parent, cancel := context.WithCancel(context.Background())
	keepCancel = cancel
	for i := 0; i < 300; i++ {
		dropDeadline(parent)
		dropDeadline(context.Background())
	}
}

var keepCancel context.CancelFunc

//go:noinline
func dropDeadline(parent context.Context) {
	ctx, cancel := context.WithTimeout(parent, time.Hour) // want leak-context: ticker suspect 600
	_, _ = ctx, cancel
}
