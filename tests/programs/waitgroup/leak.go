// Package waitgroup shows goroutines that wait for a Done that never comes.
package waitgroup

import (
	"errors"
	"sync"
)

func fetch(url string, wg *sync.WaitGroup) error {
	if url == "" {
		return errors.New("no URL") // forgets Done
	}
	wg.Done()
	return nil
}

// Leak: one of three workers returns without Done.
func Leak() {
	wg := new(sync.WaitGroup)
	for _, url := range []string{"a", "", "b"} {
		wg.Add(1)
		go fetch(url, wg)
	}
	go func() {
		wg.Wait() // want leak: waitgroup proven 1
	}()
}

type server struct {
	name string
	sync.WaitGroup
	errs []error
}

func (s *server) shutdown() {
	s.Wait() // want leak-struct: waitgroup proven 3
}

// LeakStruct: the WaitGroup is embedded, three goroutines wait.
func LeakStruct() {
	s := &server{name: "s"}
	s.Add(2)
	go s.Done()
	for i := 0; i < 3; i++ {
		go s.shutdown()
	}
}

// group is errgroup in short.
type group struct {
	wg   sync.WaitGroup
	once sync.Once
	err  error
}

func (g *group) Go(f func() error) {
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		if err := f(); err != nil {
			g.once.Do(func() { g.err = err })
		}
	}()
}

func (g *group) Wait() error {
	g.wg.Wait() // want leak-errgroup: waitgroup proven 1
	return g.err
}

// LeakErrgroup: the consumer is to start after the producers, which cannot end
// before it does.
func LeakErrgroup() {
	g := new(group)
	results := make(chan int)
	for i := 0; i < 3; i++ {
		n := i
		g.Go(func() error {
			results <- n // want leak-errgroup: send-blocked proven 3
			return nil
		})
	}
	go func() {
		if g.Wait() == nil {
			<-results
		}
	}()
}

// LeakChain: whoever waits for the one who waits is lost with it.
func LeakChain() {
	first, second := new(sync.WaitGroup), new(sync.WaitGroup)
	first.Add(1)
	second.Add(1)
	go func() {
		defer second.Done()
		first.Wait() // want leak-chain: waitgroup proven 1
	}()
	go func() {
		second.Wait() // want leak-chain: waitgroup proven 1
	}()
}
