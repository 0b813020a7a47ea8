// Package semaphore shows goroutines that wait for a runtime semaphore itself:
// not for a sync.Mutex or the like, which have wait reasons of their own since
// Go 1.20. Two kinds of program do: those that build their own primitives on the
// runtime's (gVisor's sync package is one), and those that use one os.File from
// several goroutines.
package semaphore

import (
	"os"
	_ "unsafe" // for go:linkname
)

//go:linkname semacquire sync.runtime_Semacquire
func semacquire(count *uint32)

//go:linkname semrelease sync.runtime_Semrelease
func semrelease(count *uint32, handoff bool, skipframes int)

// sem counts what is free. It is 16 bytes large on purpose: a smaller one shares its
// memory block with other small objects, of which one could be what contains it.
type sem struct{ count, limit, peak, waited uint32 }

// openPipe gives both ends of a pipe to which nothing has been written.
func openPipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	return r, w
}

var writers []*os.File // kept open

func control(f *os.File, body func()) {
	conn, err := f.SyscallConn()
	if err != nil {
		panic(err)
	}
	conn.Read(func(uintptr) bool { // holds the file's read lock meanwhile
		body()
		return true
	})
}
