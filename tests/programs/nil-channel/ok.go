package nilchannel

import "time"

// OK: the channel is made.
func OK() {
	done := make(chan struct{})
	go func() {
		<-done
	}()
	close(done)
}

// OKSelect: nil channels beside a live one are the way to switch cases off.
func OKSelect() {
	var results chan int
	quit := make(chan struct{})
	for i := 0; i < 3; i++ {
		go func(n int) {
			select {
			case results <- n:
			case <-results:
			case <-quit:
			}
		}(i)
	}
	go func() {
		time.Sleep(time.Hour)
		close(quit)
	}()
}

// OKRange: the field is set, the producer sleeps.
func OKRange() {
	w := &worker{name: "w", jobs: make(chan func())}
	go w.run()
	go func() {
		time.Sleep(time.Hour)
		w.jobs <- func() {}
	}()
}

// OKGlobal: the package variable is set.
func OKGlobal() {
	events = make(chan string)
	go func() {
		events <- "start"
	}()
}
