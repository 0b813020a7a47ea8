package rwmutex

import (
	"sync"
	"time"
)

// OK: everybody unlocks.
func OK() {
	c := &config{values: map[string]string{}}
	c.get("a")
	go c.set("a", "b")
	for i := 0; i < 4; i++ {
		go c.get("a")
	}
}

func (c *config) slowGet(name string, started *sync.WaitGroup) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	started.Done()
	time.Sleep(time.Hour)
	return c.values[name]
}

func readersThenWriter(c *config) {
	var started sync.WaitGroup
	started.Add(2)
	go c.slowGet("a", &started)
	go c.slowGet("a", &started)
	started.Wait()
	go c.set("a", "b")
	untilWriterWaits(&c.mu)
	for i := 0; i < 4; i++ {
		go c.get("a")
	}
}

// OKReaders: two readers sleep, a writer and later readers wait.
func OKReaders() {
	readersThenWriter(&config{values: map[string]string{}})
}

// OKGlobalReaders: the same with a package variable.
func OKGlobalReaders() {
	readersThenWriter(&settings)
}

func writerThenReaders(c *config) {
	locked := make(chan struct{})
	go func() {
		c.mu.Lock()
		close(locked)
		time.Sleep(time.Hour)
		c.values["a"] = "b"
		c.mu.Unlock()
	}()
	<-locked
	for i := 0; i < 4; i++ {
		go c.get("a")
	}
	for i := 0; i < 2; i++ {
		go c.set("a", "b")
	}
}

// OKWriter: the writer sleeps.
func OKWriter() {
	writerThenReaders(&config{values: map[string]string{}})
}

// OKGlobalWriter: the same with a package variable.
func OKGlobalWriter() {
	writerThenReaders(&settings)
}

// OKLocker: the reader unlocks through a sync.Locker.
func OKLocker() {
	mu := new(sync.RWMutex)
	reader := mu.RLocker()
	reader.Lock()
	go func() {
		time.Sleep(time.Hour)
		reader.Unlock()
	}()
	go func() {
		mu.Lock()
		mu.Unlock()
	}()
}

// OKGlobalTimer: a timer will end the read.
func OKGlobalTimer() {
	settings.mu.RLock()
	time.AfterFunc(time.Hour, settings.mu.RUnlock)
	go settings.set("a", "b")
}
