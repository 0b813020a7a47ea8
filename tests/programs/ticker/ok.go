package ticker

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"time"
)

// OK: a thousand tickers, all of them stopped.
func OK() {
	for i := 0; i < 1000; i++ {
		ticker := time.NewTicker(time.Hour)
		ticker.Stop()
		if i%2 == 0 {
			kept = append(kept, ticker)
		}
	}
}

// OKSelect: a thousand tickers, each in the loop of a goroutine.
func OKSelect() {
	done := make(chan struct{})
	stop = func() { close(done) }
	for i := 0; i < 1000; i++ {
		go func() {
			ticker := time.NewTicker(time.Hour)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
				case <-done:
					return
				}
			}
		}()
	}
}

var stop func()

// OKTick: only the channel is left of the ticker.
func OKTick() {
	for i := 0; i < 100; i++ {
		go func() {
			for range time.Tick(time.Hour) {
			}
		}()
	}
}

// OKBusy: each goroutine receives from its ticker again when its work is done.
func OKBusy() {
	for i := 0; i < 200; i++ {
		c := &connection{name: "c", keepalive: time.NewTicker(time.Millisecond)}
		go func() {
			for {
				time.Sleep(time.Hour)
				<-c.keepalive.C
			}
		}()
	}
}

// OKBusyMap: the same, and a map has them, too; most of them wait.
func OKBusyMap() {
	for i := 0; i < 250; i++ {
		busy := i < 110
		c := &connection{name: "c", keepalive: time.NewTicker(time.Hour)}
		connections[i] = c
		go func() {
			for {
				if busy {
					time.Sleep(time.Hour)
				}
				<-c.keepalive.C
			}
		}()
	}
}

// OKAfter: each of the timers is waited for.
func OKAfter() {
	for i := 0; i < 1500; i++ {
		go func() {
			<-time.After(time.Hour)
		}()
	}
}

// OKReset: one timer for a loop.
func OKReset() {
	messages := make(chan int, 1)
	timer := time.NewTimer(time.Hour)
	for i := 0; i < 5000; i++ {
		messages <- i
		select {
		case <-messages:
			if !timer.Stop() {
				<-timer.C
			}
			timer.Reset(time.Hour)
		case <-timer.C:
		}
	}
}

// OKStopped: as many timers as it takes, all of them stopped.
func OKStopped() {
	for i := 0; i < 5000; i++ {
		time.AfterFunc(time.Hour, func() {}).Stop()
		time.NewTimer(time.Hour).Stop()
	}
}

// OKCancel: each context is cancelled when its work is done.
func OKCancel() {
	for i := 0; i < 1000; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		_ = ctx
		cancel()
	}
}

// OKUnderWay: as many contexts with a deadline, each of work that goes on.
func OKUnderWay() {
	base, cancel := context.WithCancel(context.Background())
	keepCancel = cancel
	for i := 0; i < 300; i++ {
		go func() {
			ctx, cancel := context.WithTimeout(base, time.Hour)
			defer cancel()
			<-ctx.Done()
		}()
	}
}

type cache struct {
	expiry map[int]*time.Timer
}

var cached = cache{expiry: map[int]*time.Timer{}}

// OKExpiry: a cache that can stop the timers of its entries.
func OKExpiry() {
	for i := 0; i < 2000; i++ {
		i := i
		cached.expiry[i] = time.AfterFunc(time.Hour, func() { delete(cached.expiry, i) })
	}
}

// OKRetry: a function that calls itself again after a while.
func OKRetry() {
	for i := 0; i < 50; i++ {
		var again func()
		var timer *time.Timer
		again = func() {
			if timer != nil {
				timer.Reset(time.Hour)
			}
		}
		timer = time.AfterFunc(time.Hour, again)
	}
}

// OKMain: main has some tickers and looks at them later.
func OKMain(park func()) {
	tickers := make([]*time.Ticker, 5)
	for i := range tickers {
		tickers[i] = time.NewTicker(time.Millisecond)
	}
	park()
	for _, t := range tickers {
		<-t.C
	}
	runtime.KeepAlive(tickers)
}

// OKServer: deadlines of connections are timers of the runtime's own.
func OKServer() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{
		ReadTimeout: time.Hour, WriteTimeout: time.Hour, IdleTimeout: time.Hour,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) }),
	}
	go server.Serve(listener)
	for i := 0; i < 50; i++ {
		client := http.Client{Transport: &http.Transport{}, Timeout: time.Hour}
		response, err := client.Get("http://" + listener.Addr().String())
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		clients = append(clients, &client)
	}
}

var clients []*http.Client
