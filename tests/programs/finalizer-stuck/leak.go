// Package finalizerstuck holds programs in which a finalizer blocks, so that
// no other one runs. The expectation stands on the line where it blocks.
package finalizerstuck

import (
	"runtime"
	"sync"
)

const behind = 500

type blocker struct {
	pad [4096]byte
}

type item struct {
	value *int
	pad   [16384 - 16]byte
}

func finalize(*item) {}

// queue has objects found unreachable whose finalizers cannot run.
func queue() {
	for i := 0; i < behind; i++ {
		runtime.SetFinalizer(&item{value: new(int)}, finalize)
	}
	runtime.GC()
}

// blockIn waits until a finalizer has begun that ends in block.
func blockIn(block func()) {
	begun := make(chan bool)
	runtime.SetFinalizer(&blocker{}, func(*blocker) {
		close(begun)
		block()
	})
	runtime.GC()
	<-begun
}

// Leak blocks in a select without cases.
func Leak() {
	blockIn(func() {
		select {} // want leak: finalizer-stuck proven 500 retained=8200000
	})
	queue()
}

// LeakNil blocks on a nil channel.
func LeakNil() {
	blockIn(func() {
		var never chan int
		<-never // want leak-nil: finalizer-stuck proven 500 retained=8200000
	})
	queue()
}

// LeakSend sends to a channel that nobody receives from.
func LeakSend() {
	blockIn(func() {
		make(chan int) <- 1 // want leak-send: finalizer-stuck proven 500 retained=8200000
	})
	queue()
}

// LeakMutex waits for a mutex that nobody will unlock.
func LeakMutex() {
	mu := new(sync.Mutex)
	mu.Lock()
	blockIn(func() {
		mu.Lock() // want leak-mutex: finalizer-stuck proven 500 retained=8200000
		mu.Unlock()
	})
	queue()
}

var global sync.Mutex

// LeakAbandoned waits for a package variable's mutex that was left locked.
func LeakAbandoned() {
	global.Lock()
	blockIn(func() {
		global.Lock() // want leak-abandoned: finalizer-stuck abandoned 500 retained=8200000
		global.Unlock()
	})
	queue()
}

// LeakAlone blocks, and nothing waits behind it yet.
func LeakAlone() {
	blockIn(func() {
		select {} // want leak-alone: finalizer-stuck proven 1
	})
}
