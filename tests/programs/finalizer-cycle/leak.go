// Package finalizercycle holds programs whose finalizers never run: the object
// is reached from what the runtime keeps for its finalizer. The expectation
// stands on the line of the finalizer's function.
package finalizercycle

import "runtime"

const pairs = 20

type owner struct {
	member *member
	pad    [1<<20 - 4096]byte
}

type member struct {
	owner *owner
	pad   [1<<20 - 4096]byte
}

func (o *owner) close() { o.member = nil } // want leak: finalizer-cycle proven 20 retained=41943040

// Leak makes pairs of objects of 1 MiB that point to each other; one of each
// pair has a finalizer.
func Leak() {
	for i := 0; i < pairs; i++ {
		o, m := &owner{}, &member{}
		o.member, m.owner = m, o
		runtime.SetFinalizer(o, (*owner).close)
	}
}

type both struct {
	other *both
	pad   [65536 - 16]byte
}

func closeBoth(b *both) { b.other = nil } // want leak-both: finalizer-cycle proven 20 retained=2621440

// LeakBoth has a finalizer on each of the two.
func LeakBoth() {
	for i := 0; i < pairs; i++ {
		x, y := &both{}, &both{}
		x.other, y.other = y, x
		runtime.SetFinalizer(x, closeBoth)
		runtime.SetFinalizer(y, closeBoth)
	}
}

type indexed struct {
	byName map[string]*entry
	list   []*entry
	hook   func() int
	id     int
}

type entry struct {
	index *indexed
	name  string
}

func (x *indexed) closeMap() { x.byName = nil } // want leak-map: finalizer-cycle proven 1

// LeakMap comes back by way of a map.
func LeakMap() {
	x := &indexed{byName: map[string]*entry{}}
	for _, name := range []string{"a", "b", "c"} {
		x.byName[name] = &entry{index: x, name: name}
	}
	runtime.SetFinalizer(x, (*indexed).closeMap)
}

func (x *indexed) closeSlice() { x.list = nil } // want leak-slice: finalizer-cycle proven 1

// LeakSlice comes back by way of a slice.
func LeakSlice() {
	x := &indexed{}
	for i := 0; i < 5; i++ {
		x.list = append(x.list, &entry{index: x})
	}
	runtime.SetFinalizer(x, (*indexed).closeSlice)
}

func (x *indexed) closeHook() { x.hook = nil } // want leak-closure: finalizer-cycle proven 1

// LeakClosure comes back by way of a function that uses it.
func LeakClosure() {
	x := &indexed{id: 7}
	x.hook = func() int { return x.id }
	runtime.SetFinalizer(x, (*indexed).closeHook)
}

type file struct {
	fd  int
	pad [32768 - 16]byte
}

// LeakCaptured has a finalizer that uses the variable instead of its argument.
func LeakCaptured() {
	for i := 0; i < 3; i++ {
		f := &file{fd: i}
		runtime.SetFinalizer(f, func(*file) { f.fd = -1 }) // want leak-captured: finalizer-cycle proven 3 retained=98352
	}
}

type ring struct {
	next *ring
	pad  [8192 - 16]byte
}

func closeRing(r *ring) { r.next = nil } // want leak-ring: finalizer-cycle proven 1 retained=819200

// LeakRing is one cycle of a hundred objects; every tenth has a finalizer.
func LeakRing() {
	first := &ring{}
	last := first
	for i := 1; i < 100; i++ {
		last.next = &ring{}
		last = last.next
		if i%10 == 0 {
			runtime.SetFinalizer(last, closeRing)
		}
	}
	last.next = first
}

type frame struct {
	head *byte
	data [1<<20 - 16]byte
}

func closeFrame(f *frame) { f.head = nil } // want leak-large: finalizer-cycle proven 4 retained=4194304

// LeakLarge points to itself alone, but more than 128 KiB on: that far the
// collector does not see that it is the same object.
func LeakLarge() {
	for i := 0; i < 4; i++ {
		f := &frame{}
		f.head = &f.data[len(f.data)/2]
		runtime.SetFinalizer(f, closeFrame)
	}
}
