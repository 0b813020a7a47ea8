package once

import "time"

// OK: the answer comes.
func OK() {
	c := new(client)
	answer, begun := make(chan string), make(chan struct{})
	go c.login(answer, begun)
	<-begun
	for i := 0; i < 3; i++ {
		go c.login(answer, begun)
	}
	answer <- "token"
}

// OKSleep: the first call sleeps.
func OKSleep() {
	c := new(client)
	for i := 0; i < 4; i++ {
		go c.once.Do(func() {
			time.Sleep(time.Hour)
		})
	}
}

// OKAnswer: the first call waits for a sleeper.
func OKAnswer() {
	c := new(client)
	answer, begun := make(chan string), make(chan struct{})
	go func() {
		time.Sleep(time.Hour)
		answer <- "token"
	}()
	go c.login(answer, begun)
	<-begun
	for i := 0; i < 3; i++ {
		go c.login(answer, begun)
	}
}

// OKGlobal: the same with a package variable.
func OKGlobal() {
	answer, begun := make(chan string), make(chan struct{})
	time.AfterFunc(time.Hour, func() { answer <- "token" })
	go prepare(answer, begun)
	<-begun
	for i := 0; i < 3; i++ {
		go prepare(answer, begun)
	}
}
