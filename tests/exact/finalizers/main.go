// Makes many small random graphs of objects with finalizers (and cleanups), drops them but for some that package
// variables keep, and runs the collector until no finalizer runs any more. Then it prints the addresses of the objects
// that nothing alive leads to and whose finalizers have not run all the same, one on a line, `ready`, and waits
// for the end of its standard input.
//
//	finalizers SEED
package main

import (
	"fmt"
	"io"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"
)

const graphs, size = 300, 7

type node struct {
	next  *node
	list  []*node
	table map[int]*node
	any   interface{}
	call  func() *node
	value int
}

// What is known of a node without leading to it.
type fact struct {
	address uintptr
	out     []int // where its pointers lead
	record  []int // where its finalizer's function or cleanup leads
	special bool
	kept    bool
	weak    bool
}

var (
	facts   []*fact
	ran     [graphs * size * 2]uint32
	keep    []*node
	extra   func(random *rand.Rand, n *node, id int, nodes []*node, first int) // needs a later release
	settled func()                                                             // of what extra did
	goesOut int
)

func link(random *rand.Rand, from, to *node) {
	switch random.Intn(5) {
	case 0:
		if from.next == nil {
			from.next = to
			return
		}
		fallthrough
	case 1:
		from.list = append(from.list, to)
	case 2:
		if from.table == nil {
			from.table = map[int]*node{}
		}
		from.table[len(from.table)] = to
	case 3:
		if from.any == nil {
			from.any = to
			return
		}
		from.list = append(from.list, to)
	case 4:
		if from.call == nil {
			from.call = func() *node { return to }
			return
		}
		from.list = append(from.list, to)
	}
}

func setFinalizer(random *rand.Rand, n *node, id int, nodes []*node, first int) {
	f := facts[id]
	f.special = true
	if random.Intn(5) > 0 {
		runtime.SetFinalizer(n, func(*node) { atomic.StoreUint32(&ran[id], 1) })
		return
	}
	k := random.Intn(size)
	captured := nodes[k]
	f.record = append(f.record, first+k)
	runtime.SetFinalizer(n, func(*node) {
		atomic.StoreUint32(&ran[id], 1)
		goesOut += captured.value
	})
}

//go:noinline
func makeGraph(random *rand.Rand) {
	nodes, first := make([]*node, size), len(facts)
	for i := range nodes {
		nodes[i] = &node{value: random.Int()}
		facts = append(facts, &fact{address: uintptr(unsafe.Pointer(nodes[i]))})
	}
	for edges := random.Intn(2 * size); edges > 0; edges-- {
		i, k := random.Intn(size), random.Intn(size)
		if i == k { // that a pointer in the object itself does not count; by way of a slice it does
			if nodes[i].next == nil {
				nodes[i].next = nodes[i]
				continue
			}
		}
		facts[first+i].out = append(facts[first+i].out, first+k)
		link(random, nodes[i], nodes[k])
	}
	for i, n := range nodes {
		if random.Intn(3) == 0 {
			setFinalizer(random, n, first+i, nodes, first)
		}
		if extra != nil {
			extra(random, n, first+i, nodes, first)
		}
		if random.Intn(12) == 0 {
			facts[first+i].kept = true
			keep = append(keep, n)
		}
	}
}

func running() int {
	total := 0
	for i := range ran {
		total += int(atomic.LoadUint32(&ran[i]))
	}
	return total
}

// alive follows what the program could still get at.
func alive() []bool {
	ret := make([]bool, len(facts))
	var todo []int
	for i, f := range facts {
		if f.kept || f.weak {
			todo = append(todo, i)
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !ret[i] {
			ret[i] = true
			todo = append(append(todo, facts[i].out...), facts[i].record...)
		}
	}
	return ret
}

func main() {
	seed, _ := strconv.ParseInt(os.Args[1], 10, 64)
	random := rand.New(rand.NewSource(seed))
	for i := 0; i < graphs; i++ {
		makeGraph(random)
	}
	for same, last := 0, -1; same < 6; same++ {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
		if n := running(); n != last {
			same, last = 0, n
		}
	}
	if settled != nil {
		settled()
	}
	reached := alive()
	for i, f := range facts {
		if f.special && !reached[i] && ran[i] == 0 {
			fmt.Printf("%#x\n", f.address)
		}
	}
	fmt.Fprintln(os.Stderr, running(), "finalizers ran")
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(keep)
}
