// Package poolbloat puts large things into pools.
package poolbloat

import (
	"bytes"
	"runtime"
	"sync"
)

var buffers = sync.Pool{New: func() interface{} { // want leak: pool-bloat suspect 16 holder=*bytes.Buffer; leak-few: pool-bloat suspect 2 holder=*bytes.Buffer
	return new(bytes.Buffer)
}}

// fill uses n buffers at the same time, grown to size bytes. The collector runs first: a pool is emptied by the second
// collection after a Put, and only one is to come.
func fill(n, size int) {
	runtime.GC()
	used := make([]*bytes.Buffer, n)
	for i := range used {
		used[i] = buffers.Get().(*bytes.Buffer)
		used[i].Write(make([]byte, size))
	}
	for _, b := range used {
		b.Reset()
		buffers.Put(b)
	}
}

// Leak: all of them were used at once.
func Leak() { fill(16, 1<<20) }

// LeakFew: two of them, very large.
func LeakFew() { fill(2, 8<<20) }
