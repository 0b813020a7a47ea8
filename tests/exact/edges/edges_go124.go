//go:build go1.24

package main

import (
	"iter"
	"runtime"
	"time"
	"unique"
	"weak"
)

func init() {
	cases = append(cases, rangeDefer, weakPointer, cleanupArgument, pulled, uniqueHandle)
}

func rangeDefer(ch chan *int) {
	go func() {
		for i := range iter.Seq[int](func(yield func(int) bool) { _ = yield(1) && yield(2) }) {
			c := ch
			defer func() { c <- nil }()
			if i == 2 {
				ch = nil
				rest()
			}
		}
	}()
}

// Only the goroutine that waits keeps the holder; a weak pointer gives it to another.
func weakPointer(ch chan *int) {
	h := &holder{ch: ch}
	go func() {
		wait(h.ch)
		runtime.KeepAlive(h)
	}()
	w := weak.Make(h)
	go func() {
		time.Sleep(time.Hour)
		w.Value().ch <- nil
	}()
}

func cleanupArgument(ch chan *int) {
	f := new(finalized)
	runtime.AddCleanup(f, func(c chan *int) { c <- nil }, ch)
	kept = append(kept, f)
}

func pulled(ch chan *int) {
	next, _ := iter.Pull(iter.Seq[int](func(yield func(int) bool) {
		yield(1)
		ch <- nil
	}))
	next()
	kept = append(kept, next)
}

func uniqueHandle(ch chan *int) { kept = append(kept, unique.Make(holder{ch: ch})) }
