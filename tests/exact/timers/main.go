// Timers whose number the program knows, for tests/exact/timers.py.
//
//	timers rest    makes timers of every kind, says how many of each run, and rests
//	timers churn   makes, sets and stops tickers and timers as fast as it can; 50 tickers are lost, none of the others
//
// Both say `ready` when they are, and end with their standard input.
package main

import (
	"fmt"
	"math/rand"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

var (
	tickers  []*time.Ticker
	once     []*time.Timer
	funcs    []*time.Timer
	sockets  []net.Conn
	exchange = make(chan *time.Ticker, 64)
	shelf    sync.Map
)

//go:noinline
func lose(n int) {
	for i := 0; i < n; i++ {
		time.NewTicker(time.Duration(1+i) * time.Millisecond)
	}
}

func connect(n int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	for i := 0; i < n; i++ {
		go func() {
			if c, err := listener.Accept(); err == nil {
				time.Sleep(10 * time.Hour)
				c.Close()
			}
		}()
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			panic(err)
		}
		if i%3 > 0 {
			c.SetReadDeadline(time.Now().Add(time.Hour))
		}
		if i%3 > 1 {
			c.SetWriteDeadline(time.Now().Add(2 * time.Hour))
		}
		sockets = append(sockets, c)
	}
}

func rest() {
	for i := 0; i < 3000; i++ {
		d := time.Duration(1+rand.Intn(1000)) * time.Hour
		t := time.NewTicker(d)
		switch i % 5 {
		case 0:
			t.Stop()
		case 1:
			t.Reset(d / 2)
		case 2:
			t.Stop()
			t.Reset(2 * d)
		}
		tickers = append(tickers, t)
	}
	for i := 0; i < 2000; i++ {
		d := time.Duration(1+rand.Intn(1000)) * time.Hour
		a, b := time.NewTimer(d), time.AfterFunc(d, func() {})
		if i%4 == 0 {
			a.Stop()
			b.Stop()
		}
		if i%8 == 0 {
			a.Reset(d)
			b.Reset(d)
		}
		once, funcs = append(once, a), append(funcs, b)
	}
	for i := 0; i < 100; i++ {
		go time.Sleep(10 * time.Hour)
		go func() { <-time.After(10 * time.Hour) }()
		go func() {
			for range time.Tick(10 * time.Hour) {
			}
		}()
	}
	connect(30)
	time.Sleep(300 * time.Millisecond)
	runtime.GC()
	fmt.Println("tickers", 3000-600+100)
	fmt.Println("once", 2000-500+250+100)
	fmt.Println("funcs", 2000-500+250)
	fmt.Println("sleeping", 100+30)
	fmt.Println("deadlines", 10+20)
}

func use(t *time.Ticker, r *rand.Rand) {
	for i := r.Intn(4); i > 0; i-- {
		switch r.Intn(5) {
		case 0:
			t.Reset(time.Duration(1+r.Intn(1000)) * time.Microsecond)
		case 1:
			t.Stop()
			t.Reset(time.Hour)
		case 2:
			select {
			case <-t.C:
			default:
			}
		case 3:
			t.Reset(time.Microsecond)
			<-t.C
		case 4:
			runtime.Gosched()
		}
	}
}

func work(r *rand.Rand) {
	for {
		t := time.NewTicker(time.Duration(1+r.Intn(1000000)) * time.Microsecond)
		use(t, r)
		switch r.Intn(6) {
		case 0: // somebody else will stop it
			exchange <- t
			t = <-exchange
		case 1:
			key := r.Intn(100)
			shelf.Store(key, t)
			if other, ok := shelf.Load(r.Intn(100)); ok {
				other.(*time.Ticker).Stop()
			}
		case 2: // only a closure has it
			done := make(chan bool)
			time.AfterFunc(time.Microsecond, func() { t.Stop(); close(done) })
			if r.Intn(2) == 0 {
				<-done
			}
			continue
		case 3:
			go func() { use(t, rand.New(rand.NewSource(1))); t.Stop() }()
			continue
		case 4: // deferred in a frame that ends by a panic
			func() {
				defer func() { recover() }()
				defer t.Stop()
				panic(1)
			}()
			continue
		case 5: // only its channel and a method value
			c, stop := t.C, t.Stop
			select {
			case <-c:
			case <-time.After(time.Duration(r.Intn(3)) * time.Microsecond):
			}
			stop()
			continue
		}
		use(t, r)
		t.Stop()
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "rest" {
		rest()
	} else {
		lose(50)
		for i := int64(0); i < 6; i++ {
			go work(rand.New(rand.NewSource(i)))
		}
		time.Sleep(200 * time.Millisecond)
	}
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
}
