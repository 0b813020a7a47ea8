//go:build go1.23

package mutexheld

import (
	"sync"
	"time"
)

var ranged sync.Mutex

//go:noinline
func once(yield func(int) bool) { yield(0) }

// OKGlobalRange: the Unlock is deferred in the body of a range over a function;
// it hangs on the record of the function around it.
func OKGlobalRange() {
	for i := 0; i < 10; i++ {
		go func() {
			for range once {
				ranged.Lock()
				defer ranged.Unlock()
			}
			time.Sleep(time.Hour)
		}()
	}
}

// LeakGlobalRange: the same, and the owner is lost.
func LeakGlobalRange() {
	for i := 0; i < 10; i++ {
		go func() {
			for range once {
				ranged.Lock() // want leak-global-range: mutex-held deadlocked 9 go>=1.23
				defer ranged.Unlock()
			}
			<-make(chan int) // want leak-global-range: receive-blocked proven 1 go>=1.23
		}()
	}
}
