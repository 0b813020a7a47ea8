package main

import (
	"math/rand"
	"sync/atomic"
	"time"
)

// A step is short against the clock's counted gaps, and long enough to be slept.
const step = 2 * time.Millisecond

const garbageBytes = 4096

var allocated, written int64

var (
	bytesSink []byte
	nodeSink  *node
)

// paced calls work with how much of the rate per second is due, every step.
func paced(rate int, work func(due int)) {
	started, done := time.Now(), 0
	for {
		time.Sleep(step)
		due := int(time.Since(started).Seconds()*float64(rate)) - done
		// What a stop or the collector has made late is not caught up with.
		if late := 10 * int(step) * rate / int(time.Second); due > late {
			done += due - late
			due = late
		}
		work(due)
		done += due
	}
}

// allocate makes garbage of so many bytes a second, half of it in objects with pointers.
func allocate(rate int) {
	paced(rate/(2*garbageBytes), func(due int) {
		for i := 0; i < due; i++ {
			bytesSink = make([]byte, garbageBytes)
			for j := 0; j < garbageBytes/nodeBytes; j++ {
				nodeSink = &node{links: [12]*node{nodeSink}}
			}
			nodeSink = nil
		}
		atomic.AddInt64(&allocated, int64(due)*2*garbageBytes)
	})
}

// write stores so many pointers a second, each into a node and to a node of its own choosing.
func write(rate int) {
	random := rand.New(rand.NewSource(1))
	paced(rate, func(due int) {
		for i := 0; i < due; i++ {
			nodes[random.Intn(len(nodes))].links[nodeLinks+random.Intn(4)] = nodes[random.Intn(len(nodes))]
		}
		atomic.AddInt64(&written, int64(due))
	})
}
