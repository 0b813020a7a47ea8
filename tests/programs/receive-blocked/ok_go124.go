//go:build go1.24

package receiveblocked

import (
	"runtime"
	"time"
	"unique"
	"weak"
)

// OKWeak: a sleeper has a weak pointer to a struct the receiver keeps alive.
func OKWeak() {
	w := &channelWaker{"a", make(chan int)}
	go func() {
		<-w.ch
		runtime.KeepAlive(w)
	}()
	ref := weak.Make(w)
	go func() {
		time.Sleep(time.Hour)
		if w := ref.Value(); w != nil {
			w.wake()
		}
	}()
}

// OKUnique: a sleeper has a unique handle of a value with it.
func OKUnique() {
	ch := make(chan int)
	go receive(ch)
	handle := unique.Make(channelWaker{"a", ch})
	go func() {
		time.Sleep(time.Hour)
		handle.Value().ch <- 1
	}()
}

// OKCleanup: a cleanup would wake.
func OKCleanup() {
	ch := make(chan int, 1)
	go receive(ch)
	resource = new([64]byte)
	runtime.AddCleanup(resource, func(ch chan int) { ch <- 1 }, ch)
}
