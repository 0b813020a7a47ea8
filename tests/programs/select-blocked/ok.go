package selectblocked

import (
	"context"
	"os"
	"time"
)

// OK: a default case.
func OK() {
	var a chan int
	go func() {
		select {
		case <-a:
		default:
		}
	}()
}

// OKMainForever: main in select {} is what main does in many a server.
func OKMainForever(park func()) {
	go func() {
		park()
		os.Exit(0)
	}()
	select {}
}

// OKTimeAfter: two dead channels and a timer.
func OKTimeAfter() {
	a, b := make(chan int), make(chan string)
	go func() {
		select {
		case <-a:
		case b <- "b":
		case <-time.After(time.Hour):
		}
	}()
}

// OKTicker: a dead channel and a ticker.
func OKTicker() {
	a := make(chan int)
	ticker := time.NewTicker(time.Hour)
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-a:
				return
			case <-ticker.C:
			}
		}
	}()
}

// OKLive: one of four cases is live.
func OKLive() {
	var a chan int
	b, c, quit := make(chan int), make(chan string, 1), make(chan struct{})
	for i := 0; i < 3; i++ {
		go func() {
			select {
			case <-a:
			case b <- 1:
			case <-c:
			case <-quit:
			}
		}()
	}
	go func() {
		time.Sleep(time.Hour)
		close(quit)
	}()
}

// OKContext: a sleeper will cancel.
func OKContext() {
	ctx, cancel := context.WithCancel(context.Background())
	jobs := make(chan func())
	go func() {
		for {
			select {
			case job := <-jobs:
				job()
			case <-ctx.Done():
				return
			}
		}
	}()
	jobs <- func() {}
	go func() {
		time.Sleep(time.Hour)
		cancel()
	}()
}

// OKTimeout: the context ends by itself.
func OKTimeout() {
	ctx, _ := context.WithTimeout(context.Background(), time.Hour)
	jobs := make(chan func())
	go func() {
		select {
		case job := <-jobs:
			job()
		case <-ctx.Done():
		}
	}()
}

// OKPair: two selects that wake each other, and a sleeper that starts them.
func OKPair() {
	a, b := make(chan int), make(chan int)
	for i := 0; i < 2; i++ {
		go func() {
			select {
			case <-a:
				b <- 1
			case <-b:
				a <- 1
			}
		}()
	}
	go func() {
		time.Sleep(time.Hour)
		a <- 1
	}()
}
