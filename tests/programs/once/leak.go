// Package once shows goroutines waiting for a first call that never ends.
package once

import "sync"

type client struct {
	once  sync.Once
	token string
}

func (c *client) login(answer <-chan string, begun chan<- struct{}) {
	c.once.Do(func() { // want leak: once proven 3
		close(begun)
		c.token = <-answer // want leak: receive-blocked proven 1
	})
}

// Leak: the first call waits for an answer nobody gives, three wait for it.
func Leak() {
	c := new(client)
	answer, begun := make(chan string), make(chan struct{})
	go c.login(answer, begun)
	<-begun
	for i := 0; i < 3; i++ {
		go c.login(answer, begun)
	}
}

var (
	setup     sync.Once
	setupDone string
)

func prepare(answer <-chan string, begun chan<- struct{}) {
	setup.Do(func() { // want leak-global: once deadlocked 3
		close(begun)
		setupDone = <-answer // want leak-global: receive-blocked proven 1
	})
}

// LeakGlobal: the same with a package variable, each with an answer of its own.
func LeakGlobal() {
	begun := make(chan struct{})
	go prepare(make(chan string), begun)
	<-begun
	for i := 0; i < 3; i++ {
		go prepare(make(chan string), begun)
	}
}

type loader struct {
	once  sync.Once
	depth int
}

func (l *loader) load() {
	l.depth++
	l.once.Do(l.load) // want leak-recursive: once proven 1
}

// LeakRecursive: the first call calls Do again.
func LeakRecursive() {
	go new(loader).load()
}
