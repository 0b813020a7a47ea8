package stoppedticker

import (
	"runtime"
	"time"
)

// OK: the ticker runs, nobody but the goroutine has its channel.
func OK() {
	ticker := time.NewTicker(time.Millisecond)
	go func() {
		for range ticker.C {
		}
	}()
}

// OKSlow: the same with an hour between ticks.
func OKSlow() {
	ticker := time.NewTicker(time.Hour)
	go func() {
		for range ticker.C {
		}
	}()
}

// OKTick: the same without a Ticker in sight.
func OKTick() {
	go func() {
		for range time.Tick(time.Hour) {
		}
	}()
}

// OKReset: stopped, but a sleeper will reset it.
func OKReset() {
	p := &poller{name: "p", ticker: time.NewTicker(time.Hour)}
	p.ticker.Stop()
	go p.run()
	go func() {
		time.Sleep(time.Hour)
		p.ticker.Reset(time.Second)
	}()
}

// OKResetTimer: a timer that a sleeper will reset.
func OKResetTimer() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	go func() {
		<-timer.C
	}()
	go func() {
		time.Sleep(time.Hour)
		timer.Reset(time.Second)
	}()
}

// OKRestarted: stopped and started again.
func OKRestarted() {
	ticker := time.NewTicker(time.Hour)
	ticker.Stop()
	go func() {
		for range ticker.C {
		}
	}()
	ticker.Reset(2 * time.Hour)
}

var heartbeat *time.Ticker

// OKGlobal: anybody could reset a package variable.
func OKGlobal() {
	heartbeat = time.NewTicker(time.Hour)
	heartbeat.Stop()
	go func() {
		for range heartbeat.C {
		}
	}()
}

// OKTimer: the timer is pending.
func OKTimer() {
	timer := time.NewTimer(time.Hour)
	go func() {
		<-timer.C
	}()
}

// OKMain: main has the stopped ticker.
func OKMain(park func()) {
	ticker := time.NewTicker(time.Hour)
	ticker.Stop()
	go func() {
		for range ticker.C {
		}
	}()
	park()
	runtime.KeepAlive(ticker)
}
