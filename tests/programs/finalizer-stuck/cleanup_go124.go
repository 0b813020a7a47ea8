//go:build go1.24

package finalizerstuck

import "runtime"

func cleanup(p *[16384 - 16]byte) {}

// queueCleanups has objects found unreachable whose cleanups cannot run.
func queueCleanups() {
	for i := 0; i < behind; i++ {
		runtime.AddCleanup(&item{}, cleanup, new([16384 - 16]byte))
	}
	runtime.GC()
}

// cleanUpIn waits until a cleanup has begun that ends in block. Go 1.25 has a
// goroutine for cleanups for every four processors, and at least one.
func cleanUpIn(block func()) {
	runtime.GOMAXPROCS(2)
	begun := make(chan bool)
	runtime.AddCleanup(&blocker{}, func(int) {
		close(begun)
		block()
	}, 0)
	runtime.GC()
	<-begun
}

// LeakCleanup blocks in a cleanup.
func LeakCleanup() {
	cleanUpIn(func() {
		select {} // want leak-cleanup: finalizer-stuck proven 500
	})
	queueCleanups()
}
