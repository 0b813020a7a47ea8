// A program of which it is known who holds how many bytes: holders.py asks seep and compares.
//
// All sizes are size classes of the allocator, and nothing with pointers is above 512 bytes, so that no release adds a
// header: an object takes just the bytes that it is made with. What the program expects, it says on its output:
//
//	variable NAME BYTES [ABOVE]	the package variable retains so much, or up to ABOVE more
//	goroutine NAME BYTES ABOVE	so do goroutines with that function, without their stacks
//	object ADDRESS BYTES		the object retains so much
//	outside ADDRESS TEXT		no object is there, but that
package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

const (
	sessionBytes = 64
	chunkBytes   = 512
	sharedBytes  = 1 << 20
	workers      = 5
)

type session struct {
	buf   *[4096]byte
	other *session
	_     [sessionBytes - 16]byte
}

type chunk [chunkBytes / 8]*session

type cacheOf struct {
	chunks *[16]*chunk
	last   *session
}

type node struct {
	next  *node
	value *[64]byte
	_     [16]byte
}

type ring struct {
	prev, next *ring
	value      *[256]byte
	_          [8]byte
}

type both struct {
	own    *[2048]byte
	shared *[sharedBytes]byte
}

var (
	// A tree with edges across: 16 chunks of 64 sessions with a buffer each.
	cache cacheOf
	// A list: each node holds those behind it.
	list *node
	// A ring, entered at one place.
	circle *ring
	// Two variables that have a megabyte in common: it is nobody's.
	left, right both
	// Held by a map, and nowhere else.
	byName = map[int]*session{}
	// Four goroutines and this variable lead to it.
	common  *[8192]byte
	release = make(chan struct{})
)

func newSession(other *session) *session {
	return &session{buf: new([4096]byte), other: other}
}

func fillCache() {
	cache.chunks = new([16]*chunk)
	for i := range cache.chunks {
		cache.chunks[i] = new(chunk)
		for j := range cache.chunks[i] {
			cache.last = newSession(cache.last)
			cache.chunks[i][j] = cache.last
		}
	}
	sessions := 16 * chunkBytes / 8
	expect("variable cache", 16*8+16*chunkBytes+sessions*(sessionBytes+4096), 0)
	// The sessions have an edge to the one before, which is in the same chunk but for the first: each holds its buffer alone.
	first := cache.chunks[3][10]
	expectObject(unsafe.Pointer(first), sessionBytes+4096)
	expectObject(unsafe.Pointer(cache.chunks[5]), chunkBytes)
}

func fillList() {
	const nodes = 10000
	for i := 0; i < nodes; i++ {
		list = &node{next: list, value: new([64]byte)}
	}
	expect("variable list", nodes*(32+64), 0)
	n := list
	for i := 0; i < 2500; i++ {
		n = n.next
	}
	expectObject(unsafe.Pointer(n), (nodes-2500)*(32+64))
}

func fillCircle() {
	const members = 3000
	circle = &ring{value: new([256]byte)}
	circle.next, circle.prev = circle, circle
	for i := 1; i < members; i++ {
		r := &ring{prev: circle, next: circle.next, value: new([256]byte)}
		circle.next.prev = r
		circle.next = r
	}
	expect("variable circle", members*(32+256), 0)
	expectObject(unsafe.Pointer(circle.next.next), 32+256)
	expectObject(unsafe.Pointer(circle), members*(32+256))
}

func fillShared() {
	shared := new([sharedBytes]byte)
	left = both{new([2048]byte), shared}
	right = both{new([2048]byte), shared}
	expect("variable left", 2048, 0)
	expect("variable right", 2048, 0)
	expectObject(unsafe.Pointer(shared), sharedBytes)
}

func fillMap() {
	const sessions = 2000
	for i := 0; i < sessions; i++ {
		byName[i] = newSession(nil)
	}
	// The map's own memory is as the release has it.
	expect("variable byName", sessions*(sessionBytes+4096), 200000)
}

//go:noinline
func work(ready chan<- bool) {
	buffers := new([64]*[1024]byte)
	for i := range buffers {
		buffers[i] = new([1024]byte)
	}
	shared := common
	ready <- true
	<-release
	buffers[0][0] = shared[0]
	runtime.KeepAlive(buffers)
}

func startWorkers() {
	common = new([8192]byte)
	ready := make(chan bool)
	for i := 0; i < workers; i++ {
		go work(ready)
	}
	for i := 0; i < workers; i++ {
		<-ready
	}
	for i := 0; i < workers; i++ {
		// Above: the array of pointers, if it is not on the stack; a closure.
		expect("goroutine main.work", 64*1024, 64*8+256)
	}
	expectObject(unsafe.Pointer(common), 8192)
}

func expect(who string, bytes, above int) {
	fmt.Println(who, bytes, above)
}

func expectObject(at unsafe.Pointer, bytes int) {
	fmt.Printf("object %#x %d\n", uintptr(at), bytes)
}

// input is a package variable so that nothing is allocated after the collection.
var input [64]byte

func main() {
	var local [64]byte
	fillCache()
	fillList()
	fillCircle()
	fillShared()
	fillMap()
	startWorkers()
	fmt.Printf("outside %#x goroutine 1 (main.main)\n", uintptr(unsafe.Pointer(&local[local[0]])))
	fmt.Printf("outside %#x package variable\n", uintptr(unsafe.Pointer(&input)))
	fmt.Printf("outside %#x outside the Go heap\n", 0x1000)
	runtime.GC()
	os.Stdout.WriteString("ready\n")
	for {
		if _, err := os.Stdin.Read(input[:]); err != nil {
			return
		}
	}
}
