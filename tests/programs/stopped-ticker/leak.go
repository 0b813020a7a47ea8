// Package stoppedticker shows receivers on the channels of tickers and timers
// that will not fire any more. Stop does not close the channel.
package stoppedticker

import "time"

// Leak: the ticker is stopped while a goroutine ranges over its channel.
func Leak() {
	ticker := time.NewTicker(time.Millisecond)
	ticked := make(chan struct{}, 1)
	go func() {
		for range ticker.C { // want leak: stopped-ticker proven 1
			select {
			case ticked <- struct{}{}:
			default:
			}
		}
	}()
	<-ticked
	ticker.Stop()
}

// LeakBefore: the ticker is stopped before the goroutine looks at its channel.
func LeakBefore() {
	ticker := time.NewTicker(time.Hour)
	ticker.Stop()
	go func() {
		for range ticker.C { // want leak-before: stopped-ticker proven 1
		}
	}()
}

type poller struct {
	name   string
	ticker *time.Ticker
}

func (p *poller) run() {
	for {
		<-p.ticker.C // want leak-struct: stopped-ticker proven 3
	}
}

// LeakStruct: the ticker is a field of what the goroutines share.
func LeakStruct() {
	p := &poller{name: "p", ticker: time.NewTicker(time.Hour)}
	for i := 0; i < 3; i++ {
		go p.run()
	}
	time.Sleep(20 * time.Millisecond)
	p.ticker.Stop()
}

// LeakTimer: the timer is stopped before it fires.
func LeakTimer() {
	timer := time.NewTimer(time.Hour)
	go func() {
		<-timer.C // want leak-timer: stopped-ticker proven 1
	}()
	time.Sleep(20 * time.Millisecond)
	timer.Stop()
}

// LeakFired: a timer fires once, the goroutine receives twice.
func LeakFired() {
	timeout := time.After(time.Millisecond)
	go func() {
		<-timeout
		<-timeout // want leak-fired: stopped-ticker proven 1
	}()
}
