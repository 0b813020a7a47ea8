// Package nilchannel shows sends and receives on channels never made.
package nilchannel

// Leak: receive.
func Leak() {
	var done chan struct{}
	go func() {
		<-done // want leak: nil-channel proven 1
	}()
}

// LeakSend: send.
func LeakSend() {
	var results chan int
	for i := 0; i < 3; i++ {
		go func(n int) {
			results <- n // want leak-send: nil-channel proven 3
		}(i)
	}
}

type worker struct {
	name string
	jobs chan func()
}

func (w *worker) run() {
	for job := range w.jobs { // want leak-range: nil-channel proven 1
		job()
	}
}

// LeakRange: range over a field that the constructor forgot.
func LeakRange() {
	w := &worker{name: "w"}
	go w.run()
}

var events chan string

// LeakGlobal: a package variable never set. Setting it later does not help who
// waits already.
func LeakGlobal() {
	go func() {
		events <- "start" // want leak-global: nil-channel proven 1
	}()
}
