// Keeps objects of many kinds, each allocated with its stack noted, and prints for each its address and that stack, as
// runtime.CallersFrames tells it:
//
//	object 0x... KIND
//	 main.f /path/main.go:12
//
// then `ready`; it ends with its standard input. With the argument "off" nothing is sampled.
package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"unsafe"
)

type noted struct {
	kind  string
	at    unsafe.Pointer
	stack []uintptr
}

var (
	all  []noted
	kept []any
	one  = 1 // what the compiler does not know
)

//go:noinline
func stack() []uintptr {
	pcs := make([]uintptr, 64)
	return pcs[:runtime.Callers(2, pcs)]
}

//go:noinline
func note(kind string, at unsafe.Pointer, pcs []uintptr, keep any) {
	all = append(all, noted{kind, at, pcs})
	kept = append(kept, keep)
}

type small struct{ a, b *int }
type wide struct {
	next *wide
	pad  [200]uint64
}

// The compiler makes both of these part of whoever calls them.
func newSmall() (*small, []uintptr)      { return new(small), stack() }
func newSmaller() (*small, []uintptr)    { return newSmall() }
func newBytes(n int) ([]byte, []uintptr) { return make([]byte, n), stack() }

//go:noinline
func deep(n int) (*wide, []uintptr) {
	if n > 0 {
		return deep(n - 1)
	}
	return new(wide), stack()
}

//go:noinline
func generic[T any](n int) ([]T, []uintptr) { return make([]T, n), stack() }

type maker interface{ make() (*small, []uintptr) }
type byValue struct{ n int }

// Called through an interface, there is a wrapper between.
//
//go:noinline
func (b byValue) make() (*small, []uintptr) { return newSmaller() }

func allocate(m maker) {
	s, pcs := newSmall()
	note("inlined", unsafe.Pointer(s), pcs, s)
	s, pcs = newSmaller()
	note("inlined twice", unsafe.Pointer(s), pcs, s)
	b, pcs := newBytes(300 * one)
	note("bytes", unsafe.Pointer(&b[0]), pcs, b)
	b, pcs = newBytes(100000 * one)
	note("large bytes", unsafe.Pointer(&b[0]), pcs, b)
	w, pcs := deep(5)
	note("recursion", unsafe.Pointer(w), pcs, w)
	w, pcs = deep(40)
	note("deep recursion", unsafe.Pointer(w), pcs, w)
	ws, pcs := generic[wide](9 * one)
	note("generic, large", unsafe.Pointer(&ws[0]), pcs, ws)
	ps, pcs := generic[*int](3 * one)
	note("generic", unsafe.Pointer(&ps[0]), pcs, ps)
	s, pcs = m.make()
	note("wrapper", unsafe.Pointer(s), pcs, s)
	func() {
		grown, pcs := append(ps, make([]*int, 30*one)...), stack()
		note("grown", unsafe.Pointer(&grown[0]), pcs, grown)
	}()
	text, pcs := strings.Repeat("0123456789", 40*one), []uintptr(nil)
	note("in a library", *(*unsafe.Pointer)(unsafe.Pointer(&text)), pcs, text)
	c, pcs := make(chan *int, 5*one), stack()
	note("channel", reflect.ValueOf(c).UnsafePointer(), pcs, c)
	for i := 0; i < 300; i++ { // many specials in one span
		s, pcs = newSmall()
		note("many", unsafe.Pointer(s), pcs, s)
	}
}

// Frames as a profile shows them: the runtime's own at the top, and the last one, are left out.
func print(n noted) {
	fmt.Printf("object %#x %s\n", uintptr(n.at), n.kind)
	if len(n.stack) == 0 {
		return
	}
	for frames := runtime.CallersFrames(n.stack); ; {
		f, more := frames.Next()
		if f.Function != "runtime.goexit" {
			fmt.Printf(" %s %s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return
		}
	}
}

func main() {
	runtime.MemProfileRate = 1
	if len(os.Args) > 1 && os.Args[1] == "off" {
		runtime.MemProfileRate = 0
	}
	runtime.GC() // each processor takes the new rate when it has sampled by the old one
	for i := 0; i < 4; i++ {
		kept = append(kept, make([]byte, 8<<20))
	}
	done := make(chan bool)
	go func() { allocate(byValue{one}); done <- true }()
	<-done
	allocate(byValue{one})
	if one == 0 {
		runtime.MemProfile(nil, true) // or the linker switches sampling off
	}
	for _, n := range all {
		print(n)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(kept)
}
