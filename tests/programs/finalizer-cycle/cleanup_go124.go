//go:build go1.24

package finalizercycle

import (
	"runtime"
	"time"
	"weak"
)

type resource struct {
	state *state
	pad   [65536 - 16]byte
}

type state struct {
	owner *resource
	fd    int
}

func release(s *state) { s.fd = -1 } // want leak-cleanup: finalizer-cycle proven 20 retained=1311040

// LeakCleanup hands the cleanup an argument that leads back to the object.
func LeakCleanup() {
	for i := 0; i < pairs; i++ {
		r := &resource{state: &state{}}
		r.state.owner = r
		runtime.AddCleanup(r, release, r.state)
	}
}

// LeakCleanupCaptured has a cleanup function that uses the object, by way of
// another one: using it itself has been refused since Go 1.26.
func LeakCleanupCaptured() {
	for i := 0; i < 3; i++ {
		r := &resource{state: &state{}}
		s := &state{owner: r}
		runtime.AddCleanup(r, func(int) { s.owner = nil }, 0) // want leak-cleanup-captured: finalizer-cycle proven 3
	}
}

// OKCleanup hands over only what is needed.
func OKCleanup() {
	for i := 0; i < pairs; i++ {
		r := &resource{state: &state{}}
		runtime.AddCleanup(r, release, r.state)
	}
}

// OKCleanupCycle is a cycle with a cleanup that knows nothing of it: the
// object's own pointers do not count.
func OKCleanupCycle() {
	for i := 0; i < pairs; i++ {
		r := &resource{state: &state{}}
		r.state.owner = r
		runtime.AddCleanup(r, func(fd int) {}, r.state.fd)
	}
	collect()
}

// OKCleanupStopped takes the cleanup away in time.
func OKCleanupStopped() {
	for i := 0; i < pairs; i++ {
		r := &resource{state: &state{}}
		r.state.owner = r
		c := runtime.AddCleanup(r, release, r.state)
		c.Stop()
		runtime.KeepAlive(r)
	}
}

var pointers []weak.Pointer[both]

// OKWeak is a cycle that a weak pointer can give back.
func OKWeak() {
	x, y := &both{}, &both{}
	x.other, y.other = y, x
	runtime.SetFinalizer(x, closeBoth)
	pointers = append(pointers, weak.Make(y))
	time.Sleep(time.Millisecond)
}
