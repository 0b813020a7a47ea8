// Edges: goroutines that wait for channels to which only one unusual path leads, each from something that is alive. None of them
// has leaked. Beside each stands its control, which has the same frame and no path.
//
// `edges handover` is another program: see handover.go. Without an argument it prints "heap OBJECTS BYTES", as runtime.MemStats counts them after a collection, and "ready"; then it waits for the
// end of standard input.
package main

import (
	"os"
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// A case makes the path to ch and returns; what it starts must stay alive.
var cases = []func(ch chan *int){
	bigStackObject, deepStackObject, deferLoop, deferMany, hugeSlice, hugeArray, reflectArray, reflectCall,
	finalizerReferent, finalizerFunction, runningFinalizer, timerFunction, panicking, method, interfaceMap,
}

var (
	kept  []interface{}
	pool  sync.Pool
)

func rest() { time.Sleep(time.Hour) }

//go:noinline
func use(v ...interface{}) {}

type holder struct {
	pad [3]int
	ch  chan *int
}

func bigStackObject(ch chan *int) {
	go func() {
		var big [20000]*holder // its mask is a GC program up to 1.23
		big[19999] = &holder{ch: ch}
		p := &big
		rest()
		p[19999].ch <- nil
	}()
}

//go:noinline
func below(n int, h *holder) {
	var mine holder
	mine.ch = h.ch
	if n > 0 {
		below(n-1, &mine)
	} else {
		rest()
	}
	mine.ch <- nil
}

func deepStackObject(ch chan *int) {
	go below(200, &holder{ch: ch})
}

func deferLoop(ch chan *int) {
	go func() {
		for i := 0; i < 3; i++ {
			c := ch
			defer func() { c <- nil }()
		}
		ch = nil
		rest()
	}()
}

func deferMany(ch chan *int) {
	go func(n int) {
		if n > 0 {
			defer func(c chan *int) { c <- nil }(ch)
			if n > 1 {
				defer func() {}()
				if n > 2 {
					defer func() {}()
					defer func() {}()
					defer func() {}()
					defer func() {}()
					defer func() {}()
					defer func() {}()
					defer func() {}()
				}
			}
		}
		rest()
	}(3)
}

func hugeSlice(ch chan *int) {
	huge := make([]*holder, 12<<20) // 96 MB: across an arena's end
	huge[len(huge)-1] = &holder{ch: ch}
	kept = append(kept, huge)
}

func hugeArray(ch chan *int) {
	huge := new([1 << 17]struct {
		n int
		h *holder
	}) // its mask is made on demand since 1.24
	huge[1<<17-3].h = &holder{ch: ch}
	kept = append(kept, huge)
}

func reflectArray(ch chan *int) {
	record := reflect.StructOf([]reflect.StructField{
		{Name: "N", Type: reflect.TypeOf(0)}, {Name: "C", Type: reflect.TypeOf(ch)}, {Name: "M", Type: reflect.TypeOf(0)},
	})
	array := reflect.New(reflect.ArrayOf(100, record)).Elem()
	array.Index(77).Field(1).Set(reflect.ValueOf(ch))
	kept = append(kept, array.Addr().Interface())
}

type many struct{ a, b, c, d, e, f, g, h, i, j, k, l *holder }

func reflectCall(ch chan *int) {
	// Too many words for registers: the arguments are on the stack, in the frame of reflect's stub.
	call := reflect.MakeFunc(reflect.TypeOf(func(many) {}), func(in []reflect.Value) []reflect.Value {
		in[0] = reflect.Value{}
		rest()
		return nil
	}).Interface().(func(many))
	go func(h *holder) {
		call(many{k: h})
		use(h)
		h.ch <- nil
	}(&holder{ch: ch})
}

func poolVictim(ch chan *int) { pool.Put(&holder{ch: ch}) }

type finalized struct {
	h    *holder
	self *finalized
}

func finalizerReferent(ch chan *int) {
	f := &finalized{h: &holder{ch: ch}}
	runtime.SetFinalizer(f, func(f *finalized) { f.h.ch <- nil })
	f.self = f // a circle: never finalized, but the collector keeps it
}

func finalizerFunction(ch chan *int) {
	f := new(finalized)
	runtime.SetFinalizer(f, func(*finalized) { ch <- nil })
	kept = append(kept, f)
}

func runningFinalizer(ch chan *int) {
	f := &finalized{h: &holder{ch: ch}}
	runtime.SetFinalizer(f, func(f *finalized) {
		rest()
		f.h.ch <- nil
	})
}

func timerFunction(ch chan *int) { time.AfterFunc(time.Hour, func() { ch <- nil }) }

func panicking(ch chan *int) {
	go func() {
		defer func() { recover().(*holder).ch <- nil }()
		defer rest()
		h := &holder{ch: ch}
		ch = nil
		panic(h)
	}()
}

func (h *holder) send() { h.ch <- nil }

func method(ch chan *int) { kept = append(kept, (&holder{ch: ch}).send) }

func interfaceMap(ch chan *int) {
	m := map[interface{}][40]interface{}{}
	for i := 0; i < 100; i++ {
		m[i] = [40]interface{}{}
	}
	m[holder{ch: ch}] = [40]interface{}{}
	kept = append(kept, m)
}

//go:noinline
func wait(ch chan *int) { <-ch }

//go:noinline
func leaked(ch chan *int) { <-ch }

// scrub overwrites what is left of ended calls on this stack.
//
//go:noinline
func scrub(n int) int {
	var junk [64]int
	if n > 0 {
		junk[n] = scrub(n - 1)
	}
	return junk[n/2]
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "handover" {
		handOver()
		os.Stdout.WriteString("ready\n")
		os.Stdin.Read(make([]byte, 1))
		return
	}
	for _, edge := range cases {
		start(edge)
	}
	scrub(50)
	for i := 0; i < 3; i++ {
		if i == 2 {
			start(poolVictim) // one collection moves it to the victims, a second one would end it
		}
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	line := append(make([]byte, 0, 100), "heap "...)
	line = strconv.AppendUint(line, stats.HeapObjects, 10)
	line = append(line, ' ')
	line = strconv.AppendUint(line, stats.HeapAlloc, 10)
	os.Stdout.Write(append(line, "\nready\n"...))
	os.Stdin.Read(line[:1])
}

//go:noinline
func start(edge func(chan *int)) {
	ch := make(chan *int)
	go wait(ch)
	edge(ch)
	go leaked(make(chan *int))
}
