// Package rwmutex shows reader/writer locks that one side never releases.
package rwmutex

import (
	"sync"
	"time"
)

type config struct {
	mu     sync.RWMutex
	values map[string]string
}

// untilWriterWaits returns once a writer is queued behind the readers of mu.
func untilWriterWaits(mu *sync.RWMutex) {
	for mu.TryRLock() {
		mu.RUnlock()
		time.Sleep(time.Millisecond)
	}
}

func (c *config) peek(name string) string {
	c.mu.RLock()
	return c.values[name] // forgets to unlock
}

func (c *config) set(name, value string) {
	c.mu.Lock() // want leak: rwmutex proven 1; leak-writers: rwmutex proven 3; leak-global: rwmutex abandoned 1
	defer c.mu.Unlock()
	c.values[name] = value
}

func (c *config) get(name string) string {
	c.mu.RLock() // want leak: rwmutex proven 4; leak-global: rwmutex abandoned 4
	defer c.mu.RUnlock()
	return c.values[name]
}

func peekSetGet(c *config) {
	c.peek("a")
	go c.set("a", "b")
	untilWriterWaits(&c.mu)
	for i := 0; i < 4; i++ {
		go c.get("a")
	}
}

// Leak: a reader never unlocks, so the writer and all later readers pile up.
func Leak() {
	peekSetGet(&config{values: map[string]string{}})
}

var settings = config{values: map[string]string{}}

// LeakGlobal: the same with a package variable.
func LeakGlobal() {
	peekSetGet(&settings)
}

// LeakWriters: of three writers one waits for the reader, two for that writer.
func LeakWriters() {
	c := &config{values: map[string]string{}}
	c.peek("a")
	for i := 0; i < 3; i++ {
		go c.set("a", "b")
	}
}

// LeakWriter: a writer never unlocks, readers and a writer wait.
func LeakWriter() {
	mu := new(sync.RWMutex)
	locked := make(chan struct{})
	go func() {
		mu.Lock()
		close(locked)
	}()
	<-locked
	for i := 0; i < 4; i++ {
		go func() {
			mu.RLock() // want leak-writer: rwmutex proven 4
			mu.RUnlock()
		}()
	}
	go func() {
		mu.Lock() // want leak-writer: rwmutex proven 1
		mu.Unlock()
	}()
}
