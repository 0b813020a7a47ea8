// Writes numbers all over its memory, in an order that tells whether a copy of it is of one moment.
//
// Writers take steps 1, 2, 3, ... A writer of places writes n to its first place in step n, then to its second, which lies
// in another page, and so on: at any moment the first places have n and the rest n-1. A writer of rings makes a new piece
// of memory in step n, writes n all over it, and then publishes it in the entry n mod ringLen: whatever an entry leads to has the
// entry's number in all its pages. Every writer notes how far it has seen another one get, which then must be that far.
//
// What stands in `table` is what tests/support/stamps.c reads; all of it is written with atomic stores, which keep their
// order. Its address and length are printed. GODEBUG=gcshrinkstackoff=1 must be set: places on stacks must not move.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	page      = 4096
	ringLen   = 16
	maxPlaces = 24 // of a writer whose places are no slice
)

// A piece of memory: words at addr, addr+stride, ... count of them.
type piece struct{ addr, stride, count uint64 }

type entry struct {
	stamp uint64
	piece piece // addr 0: none at the moment
}

type writer struct {
	name   [16]byte
	places piece
	step   uint64 // rings: finished steps
	// 1 + index of the writer looked at, and how many steps it had begun or finished then.
	other, seen uint64
	sparse      uint64 // entries are emptied before their turn comes
	ring        [ringLen]entry
	_           [page - (16 + 24 + 8 + 16 + 8 + ringLen*32)]byte
}

// Pointers among the words, or the collector, and seep, would take no interest in the memory.
type block struct {
	stamp uint64
	self  *block
	_     [page - 16]byte
}

type small struct {
	stamp uint64
	self  *small
	_     [6]*small
}

var (
	table [24]writer
	used  uint64
	bss   [maxPlaces * page]byte
	// Not zero, so that it lies in the data segment.
	data = [maxPlaces * page / 8]uint64{1: 1}
	kept []interface{}
)

func word(addr uint64) *uint64 { return (*uint64)(*(*unsafe.Pointer)(unsafe.Pointer(&addr))) }

func put(p *uint64, n uint64) { atomic.StoreUint64(p, n) }

func fill(p piece, n uint64) {
	for i := uint64(0); i < p.count; i++ {
		put(word(p.addr+i*p.stride), n)
	}
}

func newWriter(name string) *writer {
	w := &table[used]
	copy(w.name[:], name)
	used++
	return w
}

// look notes how far another writer is.
func (w *writer) look(turn uint64) {
	other := turn % used
	o := &table[other]
	if o == w {
		return
	}
	at := &o.step
	if o.places.count > 0 {
		at = word(o.places.addr)
	}
	put(&w.other, 0)
	put(&w.seen, atomic.LoadUint64(at))
	put(&w.other, other+1)
}

// Writers of places.

// run steps for ever; after every burst of words it rests.
func (w *writer) run(burst uint64, rest time.Duration) {
	var written uint64
	for n := uint64(1); ; n++ {
		for i := uint64(0); i < w.places.count; i++ {
			put(word(w.places.addr+i*w.places.stride), n)
			if written++; written%burst == 0 {
				time.Sleep(rest)
			}
		}
		w.look(n)
	}
}

func (w *writer) at(p unsafe.Pointer, count int) *writer {
	w.places = piece{uint64(uintptr(p)), page, uint64(count)}
	return w
}

func onStack(w *writer, ready chan bool) {
	var places [maxPlaces * page / 8]uint64
	w.at(unsafe.Pointer(&places), maxPlaces)
	ready <- true
	<-ready
	w.run(20000, time.Millisecond)
}

func mapped(bytes int, advice int) unsafe.Pointer {
	m, err := syscall.Mmap(-1, 0, bytes+(2<<20), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	check(err)
	kept = append(kept, m)
	start := (uintptr(unsafe.Pointer(&m[0])) + (2<<20 - 1)) &^ (2<<20 - 1)
	p := unsafe.Pointer(&m[start-uintptr(unsafe.Pointer(&m[0]))])
	if advice != 0 {
		check(syscall.Madvise(m, advice))
	}
	return p
}

// Writers of rings.

// turn makes entry n anew: drop ends what was there, make gives the next.
func (w *writer) turn(n uint64, drop func(slot uint64), make func(slot uint64) piece) {
	slot := n % ringLen
	e := &w.ring[slot]
	put(&e.piece.addr, 0)
	drop(slot)
	p := make(slot)
	fill(p, n)
	put(&e.stamp, n)
	put(&e.piece.stride, p.stride)
	put(&e.piece.count, p.count)
	put(&e.piece.addr, p.addr)
	put(&w.step, n)
	w.look(n)
}

func ringOfObjects(w *writer, rest time.Duration, make func(n uint64) (unsafe.Pointer, interface{}, piece)) {
	var held [ringLen]interface{}
	for n := uint64(1); ; n++ {
		w.turn(n, func(slot uint64) { held[slot] = nil }, func(slot uint64) piece {
			p, holder, shape := make(n)
			held[slot] = holder
			shape.addr = uint64(uintptr(p))
			return shape
		})
		time.Sleep(rest)
	}
}

func smallObject(uint64) (unsafe.Pointer, interface{}, piece) {
	s := &small{}
	s.self = s
	return unsafe.Pointer(s), s, piece{0, 8, 1}
}

// objects of 1 to max pages; the size goes round.
func objects(max uint64) func(n uint64) (unsafe.Pointer, interface{}, piece) {
	return func(n uint64) (unsafe.Pointer, interface{}, piece) {
		b := make([]block, 1+n*max/7%max)
		for i := range b {
			b[i].self = &b[0]
		}
		return unsafe.Pointer(&b[0]), b, piece{0, page, uint64(len(b))}
	}
}

// ringOfMappings maps and unmaps; every third mapping grows, and may move.
func ringOfMappings(w *writer) {
	const bytes = 64 * page
	var held [ringLen]struct{ addr, len uintptr }
	raw := func(call uintptr, a ...uintptr) uintptr {
		r, _, errno := syscall.Syscall6(call, a[0], a[1], a[2], a[3], a[4], a[5])
		if errno != 0 {
			check(errno)
		}
		return r
	}
	drop := func(slot uint64) {
		if h := held[slot]; h.len > 0 {
			raw(syscall.SYS_MUNMAP, h.addr, h.len, 0, 0, 0, 0)
		}
		held[slot].len = 0
	}
	for n := uint64(1); ; n++ {
		w.turn(n, drop, func(slot uint64) piece {
			at := raw(syscall.SYS_MMAP, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE,
				^uintptr(0), 0)
			size := uintptr(bytes)
			if n%3 == 0 {
				fill(piece{uint64(at), page, bytes / page}, n)
				size *= 2
				at = raw(syscall.SYS_MREMAP, at, bytes, size, 1 /* MAYMOVE */, 0, 0)
			}
			held[slot].addr, held[slot].len = at, size
			return piece{uint64(at), page, uint64(size / page)}
		})
		time.Sleep(500 * time.Microsecond)
	}
}

// link is one goroutine of a chain: it publishes what stands on its stack, starts the next one, and ends some steps later.
func link(w *writer, n uint64) {
	var places [5 * page / 8]uint64
	mine := piece{uint64(uintptr(unsafe.Pointer(&places))), page, 5}
	fill(mine, n)
	e := &w.ring[n%ringLen]
	for atomic.LoadUint64(&e.piece.addr) != 0 {
		time.Sleep(20 * time.Microsecond)
	}
	put(&e.stamp, n)
	put(&e.piece.stride, mine.stride)
	put(&e.piece.count, mine.count)
	put(&e.piece.addr, mine.addr)
	put(&w.step, n)
	w.look(n)
	go link(w, n+1)
	for atomic.LoadUint64(&w.step) < n+ringLen/2 {
		time.Sleep(20 * time.Microsecond)
	}
	put(&e.piece.addr, 0)
	runtime.KeepAlive(&places)
}

// threads come and go: one that is locked to a goroutine ends with it.
func threads() {
	for {
		done := make(chan bool)
		go func() {
			runtime.LockOSThread()
			close(done)
		}()
		<-done
		time.Sleep(2 * time.Millisecond)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println("stamps:", err)
		os.Exit(1)
	}
}

func main() {
	sweep := flag.Int("sweep", 8192, "pages that a slow writer goes round in, 100,000 a second at most")
	bulk := flag.Int("bulk", 64, "MiB of objects that nobody writes to")
	flag.Parse()
	if !strings.Contains(os.Getenv("GODEBUG"), "gcshrinkstackoff=1") {
		fmt.Println("stamps: set GODEBUG=gcshrinkstackoff=1")
		os.Exit(2)
	}
	for i := 0; i < *bulk; i++ {
		b := make([]block, 256)
		for j := range b {
			b[j].self = &b[0]
		}
		kept = append(kept, b)
	}
	heap, large := make([]block, maxPlaces), make([]block, *sweep)
	kept = append(kept, heap, large)
	ready := make(chan bool)
	stack := newWriter("stack")
	go onStack(stack, ready)
	<-ready
	hot := []*writer{
		newWriter("heap").at(unsafe.Pointer(&heap[0]), len(heap)),
		newWriter("data").at(unsafe.Pointer(&data), maxPlaces),
		newWriter("bss").at(unsafe.Pointer(&bss), maxPlaces),
		newWriter("mapping").at(mapped(maxPlaces*page, 0), maxPlaces),
		newWriter("huge page").at(mapped(512*page, 14 /* MADV_HUGEPAGE */), 512),
	}
	slow := newWriter("sweep").at(unsafe.Pointer(&large[0]), len(large))
	objs := []*writer{newWriter("small objects"), newWriter("objects"), newWriter("large objects")}
	maps, chain := newWriter("mappings"), newWriter("goroutines")
	chain.sparse = 1

	ready <- true
	for _, w := range hot {
		go w.run(20000, time.Millisecond)
	}
	go slow.run(100, time.Millisecond)
	go ringOfObjects(objs[0], 100*time.Microsecond, smallObject)
	go ringOfObjects(objs[1], 2*time.Millisecond, objects(10))
	go ringOfObjects(objs[2], 20*time.Millisecond, objects(512))
	go ringOfMappings(maps)
	go link(chain, 1)
	go threads()
	time.Sleep(100 * time.Millisecond)
	fmt.Printf("table %#x %d\n", uintptr(unsafe.Pointer(&table)), used)
	for {
		time.Sleep(300 * time.Millisecond)
		debug.FreeOSMemory()
	}
}
