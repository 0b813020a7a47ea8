package mutexheld

import (
	"os"
	"sync"
	"time"
)

// OK: ten goroutines lock and unlock.
func OK() {
	addNeighbour()
	mu := new(sync.Mutex)
	addNeighbour()
	hits := 0
	for i := 0; i < 10; i++ {
		go func() {
			mu.Lock()
			hits++
			mu.Unlock()
		}()
	}
}

// OKSleep: the owner sleeps and unlocks afterwards.
func OKSleep() {
	addNeighbour()
	mu := new(sync.Mutex)
	addNeighbour()
	for i := 0; i < 10; i++ {
		go func() {
			mu.Lock()
			time.Sleep(time.Hour)
			mu.Unlock()
		}()
	}
}

// OKDefer: the owner sleeps and unlocks by defer.
func OKDefer() {
	mu := new(sync.Mutex)
	for i := 0; i < 10; i++ {
		go func() {
			mu.Lock()
			defer mu.Unlock()
			time.Sleep(time.Hour)
		}()
	}
}

type session struct {
	name string
	mu   sync.Mutex
	uses int
}

func (s *session) acquire() {
	s.mu.Lock()
	s.uses++
}

//go:noinline
func (s *session) release() {
	s.mu.Unlock()
}

func (s *session) use() {
	s.acquire()
	time.Sleep(time.Hour)
	s.release()
}

// OKRelease: lock and unlock are in methods of their own.
func OKRelease() {
	s := &session{name: "s"}
	for i := 0; i < 10; i++ {
		go s.use()
	}
}

var (
	quietReader *os.File
	quietWriter *os.File // kept open, never written to
)

func quietPipe() *os.File {
	var err error
	if quietReader, quietWriter, err = os.Pipe(); err != nil {
		panic(err)
	}
	return quietReader
}

// OKIO: the owner waits for input.
func OKIO() {
	input := quietPipe()
	s := &session{name: "s"}
	for i := 0; i < 10; i++ {
		go func() {
			s.mu.Lock()
			input.Read(make([]byte, 1))
			s.mu.Unlock()
		}()
	}
}

// OKChannel: the owner waits for a channel that a live goroutine will close.
func OKChannel() {
	done := make(chan struct{})
	go func() {
		time.Sleep(time.Hour)
		close(done)
	}()
	mu := new(sync.Mutex)
	for i := 0; i < 10; i++ {
		go func() {
			mu.Lock()
			<-done
			mu.Unlock()
		}()
	}
}

// OKHandover: who locks is not who unlocks.
func OKHandover() {
	mu := new(sync.Mutex)
	for i := 0; i < 10; i++ {
		go func() {
			mu.Lock()
			go func() {
				time.Sleep(time.Hour)
				mu.Unlock()
			}()
		}()
	}
}

var shared sync.Mutex

// OKGlobal: the lock is a package variable, the owner sleeps.
func OKGlobal() {
	for i := 0; i < 10; i++ {
		go func() {
			shared.Lock()
			time.Sleep(time.Hour)
			shared.Unlock()
		}()
	}
}

// OKGlobalDefer: the same with defer.
func OKGlobalDefer() {
	for i := 0; i < 10; i++ {
		go func() {
			shared.Lock()
			defer shared.Unlock()
			time.Sleep(time.Hour)
		}()
	}
}

var sharedSession session

// OKGlobalRelease: the same with a method that unlocks.
func OKGlobalRelease() {
	for i := 0; i < 10; i++ {
		go sharedSession.use()
	}
}

// OKGlobalIO: the owner waits for input.
func OKGlobalIO() {
	input := quietPipe()
	for i := 0; i < 10; i++ {
		go func() {
			shared.Lock()
			input.Read(make([]byte, 1))
			shared.Unlock()
		}()
	}
}

// OKGlobalChannel: the owner waits for a channel that a live goroutine will close.
func OKGlobalChannel() {
	done := make(chan struct{})
	go func() {
		time.Sleep(time.Hour)
		close(done)
	}()
	for i := 0; i < 10; i++ {
		go func() {
			shared.Lock()
			defer shared.Unlock()
			<-done
		}()
	}
}

// OKGlobalHandover: who locks is not who unlocks.
func OKGlobalHandover() {
	for i := 0; i < 10; i++ {
		go func() {
			shared.Lock()
			go func() {
				time.Sleep(time.Hour)
				shared.Unlock()
			}()
		}()
	}
}

// OKGlobalAfterFunc: no goroutine will unlock, a timer will.
func OKGlobalAfterFunc() {
	for i := 0; i < 10; i++ {
		go func() {
			shared.Lock()
			time.AfterFunc(time.Hour, shared.Unlock)
		}()
	}
}

var unlock func()

// OKGlobalStored: a package variable holds the Unlock, a live goroutine calls it.
func OKGlobalStored() {
	for i := 0; i < 10; i++ {
		go func() {
			shared.Lock()
			unlock = shared.Unlock
		}()
	}
	go func() {
		time.Sleep(time.Hour)
		unlock()
	}()
}

func reopen() {
	shared.Unlock()
}

// OKGlobalFuture: the goroutine that will unlock has not been started yet.
func OKGlobalFuture() {
	for i := 0; i < 10; i++ {
		go shared.Lock()
	}
	go func() {
		time.Sleep(time.Hour)
		go reopen()
	}()
}

var commands = map[string]func(){"reopen": reopen}

// OKGlobalDispatch: the lock is released when a command says so.
func OKGlobalDispatch() {
	input := quietPipe()
	for i := 0; i < 10; i++ {
		go shared.Lock()
	}
	go func() {
		buf := make([]byte, 64)
		for {
			n, err := input.Read(buf)
			if err != nil {
				return
			}
			if command := commands[string(buf[:n])]; command != nil {
				command()
			}
		}
	}()
}

type door interface{ open() }

type lockedDoor struct{ mu *sync.Mutex }

func (d lockedDoor) open() { d.mu.Unlock() }

// OKGlobalInterface: a live goroutine unlocks through an interface.
func OKGlobalInterface() {
	for i := 0; i < 10; i++ {
		go shared.Lock()
	}
	doors := []door{lockedDoor{&shared}}
	go func() {
		time.Sleep(time.Hour)
		for _, d := range doors {
			d.open()
		}
	}()
}
