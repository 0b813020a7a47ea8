// Package churn is a program at full speed: for reading a heap while all of it
// changes. Every goroutine in it ends or goes on by itself.
package churn

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const workers = 6

// Hard starts six workers that allocate, grow stacks and maps, and start
// goroutines as fast as they can, for ever.
func Hard() {
	debug.SetGCPercent(30)
	for i := 0; i < workers; i++ {
		go work(uint64(i) + 1)
	}
}

type node struct {
	left, right *node
	name        string
	tags        []string
	any         interface{}
}

// random is xorshift: no lock, no allocation.
type random uint64

func (r *random) next(n int) int {
	x := uint64(*r)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*r = random(x)
	return int(x % uint64(n))
}

var (
	bytesPool = sync.Pool{New: func() interface{} { return new([2048]byte) }}
	latest    sync.Map
	rounds    uint64
)

func work(seed uint64) {
	r := random(seed * 0x9e3779b97f4a7c15)
	kept := make([]*node, 256)
	for {
		switch r.next(8) {
		case 0:
			kept[r.next(len(kept))] = tree(&r, 4+r.next(8))
		case 1:
			descend(&r, 10+r.next(3000), nil)
		case 2:
			latest.Store(seed, fill(&r, 1+r.next(3000)))
		case 3:
			fanOut(&r, 1+r.next(20))
		case 4:
			recovered(&r)
		case 5:
			timers(&r)
		case 6:
			buffers(&r)
		case 7:
			latest.Store(r.next(64), grow(&r, r.next(20000)))
		}
		atomic.AddUint64(&rounds, 1)
	}
}

func tree(r *random, depth int) *node {
	if depth == 0 {
		return nil
	}
	n := &node{name: strings.Repeat("x", r.next(40)), any: r.next(1000)}
	n.left, n.right = tree(r, depth-1), tree(r, depth-1-r.next(depth))
	n.tags = append(n.tags, n.name, "t")
	return n
}

// descend grows the stack; each frame points to a local of the one above.
//
//go:noinline
func descend(r *random, depth int, up *[8]*node) int {
	var here [8]*node
	here[r.next(8)] = &node{name: "deep"}
	if up != nil && up[0] != nil {
		here[0] = up[0]
	}
	if depth == 0 {
		return r.next(8)
	}
	n := descend(r, depth-1, &here)
	if here[n] != nil {
		return n
	}
	return 0
}

func fill(r *random, n int) map[string]*node {
	m := map[string]*node{}
	for i := 0; i < n; i++ {
		key := fmt.Sprint("k", r.next(n*2))
		if r.next(4) == 0 {
			delete(m, key)
		} else {
			m[key] = &node{name: key}
		}
	}
	return m
}

func fanOut(r *random, n int) {
	jobs, results := make(chan *node), make(chan *node, r.next(4))
	var wg sync.WaitGroup
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for job := range jobs {
				results <- &node{left: job}
			}
		}()
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	go func() {
		defer close(jobs)
		for i := 0; i < 4*n; i++ {
			jobs <- &node{any: i}
		}
	}()
	for range results {
	}
}

func recovered(r *random) {
	defer func() { recover() }()
	for i := 0; i < r.next(10); i++ {
		defer func(n *node) { n.name = "" }(&node{name: "deferred"})
	}
	var none *node
	none.name = "panics"
}

func timers(r *random) {
	timer := time.NewTimer(time.Duration(r.next(100)) * time.Microsecond)
	ticker := time.NewTicker(time.Duration(1+r.next(100)) * time.Microsecond)
	select {
	case <-timer.C:
	case <-ticker.C:
	}
	ticker.Stop()
	timer.Stop()
}

func buffers(r *random) {
	for i := 0; i < 50; i++ {
		buf := bytesPool.Get().(*[2048]byte)
		buf[r.next(len(buf))]++
		bytesPool.Put(buf)
	}
}

func grow(r *random, n int) []interface{} {
	var s []interface{}
	for i := 0; i < n; i++ {
		switch r.next(3) {
		case 0:
			s = append(s, i)
		case 1:
			s = append(s, new(byte))
		case 2:
			s = append(s, make([]byte, r.next(64)))
		}
	}
	return s
}
