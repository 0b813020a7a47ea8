// Package selectblocked shows selects of which no case can ever happen.
package selectblocked

import (
	"context"
	"time"
)

// Leak: select without cases.
func Leak() {
	go func() {
		select {} // want leak: select-blocked proven 1
	}()
}

// LeakNil: select over nil channels.
func LeakNil() {
	var a, b chan int
	go func() {
		select { // want leak-nil: select-blocked proven 1
		case <-a:
		case b <- 1:
		}
	}()
}

// LeakDead: select over channels that nobody else has.
func LeakDead() {
	a, b, c := make(chan int), make(chan string, 1), make(chan struct{})
	for i := 0; i < 3; i++ {
		go func() {
			select { // want leak-dead: select-blocked proven 3
			case a <- 1:
			case <-b:
			case <-c:
			}
		}()
	}
}

// LeakMixed: one nil channel, one without a sender.
func LeakMixed() {
	var a chan int
	b := make(chan int)
	go func() {
		select { // want leak-mixed: select-blocked proven 1
		case <-a:
		case <-b:
		}
	}()
}

// LeakContext: a worker whose producer is gone and whose context nobody cancels.
func LeakContext() {
	ctx, _ := context.WithCancel(context.Background())
	jobs := make(chan func())
	go func() {
		for {
			select { // want leak-context: select-blocked proven 1
			case job := <-jobs:
				job()
			case <-ctx.Done():
				return
			}
		}
	}()
	jobs <- func() {}
}

// LeakPair: two selects that could only wake each other.
func LeakPair() {
	a, b := make(chan int), make(chan int)
	for i := 0; i < 2; i++ {
		go func() {
			select { // want leak-pair: select-blocked proven 2
			case <-a:
				b <- 1
			case <-b:
				a <- 1
			}
		}()
	}
}

// LeakTimer: the case that was to end it all is a timer that was stopped.
func LeakTimer() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	jobs := make(chan int)
	go func() {
		select { // want leak-timer: select-blocked proven 1
		case <-jobs:
		case <-timer.C:
		}
	}()
}
