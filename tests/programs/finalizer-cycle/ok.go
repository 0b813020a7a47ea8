package finalizercycle

import (
	"os"
	"runtime"
	"sync"
	"time"
)

var (
	kept []interface{}
	ran  sync.WaitGroup
)

// collect runs the collector until all finalizers that can run have done so.
func collect() {
	for i := 0; i < 4; i++ {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
}

type loner struct {
	self, inner *int
	me          *loner
	value       int
}

// OKSelf points to itself and into itself, which does not count.
func OKSelf() {
	for i := 0; i < 20; i++ {
		ran.Add(1)
		l := &loner{}
		l.me, l.inner = l, &l.value
		runtime.SetFinalizer(l, func(*loner) { ran.Done() })
	}
	collect()
}

// OKInUse is a cycle with a finalizer that the program still uses.
func OKInUse() {
	o, m := &owner{}, &member{}
	o.member, m.owner = m, o
	runtime.SetFinalizer(o, (*owner).close)
	kept = append(kept, m)
	f := &file{}
	runtime.SetFinalizer(f, func(*file) { f.fd = -1 })
	kept = append(kept, f)
}

// OKStack is the same, used by a goroutine alone.
func OKStack(park func()) {
	o, m := &owner{}, &member{}
	o.member, m.owner = m, o
	runtime.SetFinalizer(o, (*owner).close)
	park()
	runtime.KeepAlive(m)
}

// OKNoFinalizer is a cycle that the collector frees.
func OKNoFinalizer() {
	for i := 0; i < pairs; i++ {
		o, m := &owner{}, &member{}
		o.member, m.owner = m, o
	}
}

// OKRemoved takes the finalizer away in time.
func OKRemoved() {
	for i := 0; i < pairs; i++ {
		o, m := &owner{}, &member{}
		o.member, m.owner = m, o
		runtime.SetFinalizer(o, (*owner).close)
		runtime.SetFinalizer(o, nil)
	}
}

type handle struct{ owner *owner }

// OKOutside has the finalizer on an object that leads to a cycle and is not of it.
func OKOutside() {
	for i := 0; i < pairs; i++ {
		ran.Add(1)
		o, m := &owner{}, &member{}
		o.member, m.owner = m, o
		h := &handle{o}
		runtime.SetFinalizer(h, func(h *handle) { h.owner = nil; ran.Done() })
	}
	collect()
}

// OKPending leaves finalizers to the collection that comes right before the look.
func OKPending() {
	for i := 0; i < 300; i++ {
		o := &owner{member: &member{}}
		runtime.SetFinalizer(o, (*owner).close)
	}
}

// OKNotCollected leaves them to a collection that does not come.
func OKNotCollected(park func()) {
	park()
	for i := 0; i < 3; i++ {
		o := &owner{member: &member{}}
		runtime.SetFinalizer(o, (*owner).close)
	}
}

// OKChain has finalizers that keep each other waiting, one collection each.
func OKChain() {
	var next *ring
	for i := 0; i < 10; i++ {
		next = &ring{next: next}
		runtime.SetFinalizer(next, closeRing)
	}
}

// OKFiles has open files, whose finalizers are the library's.
func OKFiles() {
	for i := 0; i < 10; i++ {
		r, w, err := os.Pipe()
		if err != nil {
			return
		}
		kept = append(kept, r)
		if i%2 == 0 {
			kept = append(kept, w)
		}
	}
}

// OKUsedByFinalizer is a cycle that the finalizer of an object in use leads to.
func OKUsedByFinalizer() {
	o, m := &owner{}, &member{}
	o.member, m.owner = m, o
	runtime.SetFinalizer(o, (*owner).close)
	f := &file{}
	runtime.SetFinalizer(f, func(*file) { m.owner = nil })
	kept = append(kept, f)
}

// OKLarge points to itself within 128 KiB.
func OKLarge() {
	for i := 0; i < 4; i++ {
		ran.Add(1)
		f := &frame{}
		f.head = &f.data[1000]
		runtime.SetFinalizer(f, func(*frame) { ran.Done() })
	}
	collect()
}
