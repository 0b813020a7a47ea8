// A heap of a given size to look at, that watches from within how long it does not run.
//
// A thread of its own, outside the Go scheduler so that the collector does not stop it, reads the
// monotonic clock every 100 µs and writes to a page of memory in turn; two readings further apart
// than that mean that the process was stopped, or that a write of it had to wait. So that other
// processes on the machine make no gaps, the thread runs at a real-time priority and sleeps in
// between; where that is not permitted it spins, and what a script measures with no tool at work
// shows what others took.
//
// Lines on stdin, and what they print:
//
//	gaps            gaps LARGEST SUM COUNT WRITE ns since last asked; SUM, COUNT: of those of 500 µs or more;
//	                                             WRITE: the longest that one write to memory took
//	rates           rates BYTES WRITES NS        allocated, written and time passed since last asked
//	collect         collected                    once the garbage collector has run
//	heapdump FILE   heapdump NS BYTES            what debug.WriteHeapDump took, with the world stopped
//	quit
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

type job struct{ id int }

var keep chan *job

func start(goroutines int) {
	alive := make(chan *job)
	keep = alive
	for i := 0; i < goroutines; i++ {
		made := &job{i}
		// One in ten is leaked, the others wait for what could come.
		if i%10 == 0 {
			lost := make(chan *job)
			go func() { lost <- made }()
		} else {
			go worker(alive, made)
		}
	}
}

func worker(jobs chan *job, own *job) {
	for next := range jobs {
		if next.id > own.id {
			return
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// dump writes the runtime's own picture of the heap.
func dump(path string) (time.Duration, int64) {
	file, err := os.Create(path)
	if err != nil {
		fail(err)
	}
	defer file.Close()
	before := time.Now()
	debug.WriteHeapDump(file.Fd())
	took := time.Since(before)
	info, err := file.Stat()
	if err != nil {
		fail(err)
	}
	return took, info.Size()
}

func main() {
	shape := flag.String("shape", "records", "what to hold: records, nodes (all pointers) or pairs (16 bytes)")
	objects := flag.Int("objects", 1000000, "records, pairs: objects to hold")
	bytes := flag.Int("bytes", 200<<20, "records, nodes: bytes they have together")
	goroutines := flag.Int("goroutines", 1000, "goroutines that wait, a tenth of them leaked")
	allocRate := flag.Int("alloc-rate", 0, "bytes of garbage a second")
	writeRate := flag.Int("write-rate", 0, "nodes: random pointer writes a second")
	gc := flag.Int("gc", 100, "GOGC, while there is garbage")
	flag.Parse()

	debug.SetGCPercent(-1)
	switch *shape {
	case "records":
		fillRecords(*objects, *bytes)
	case "nodes":
		fillNodes(*bytes)
	case "pairs":
		fillPairs(*objects)
	default:
		fail(fmt.Errorf("no shape %q", *shape))
	}
	start(*goroutines)
	runtime.GC()
	if *allocRate > 0 {
		debug.SetGCPercent(*gc)
		go allocate(*allocRate)
	}
	if *writeRate > 0 && len(nodes) > 0 {
		go write(*writeRate)
	}
	watcher := startClock()
	time.Sleep(200 * time.Millisecond)
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println("ready", stats.HeapObjects, stats.HeapAlloc, runtime.NumGoroutine(), watcher)

	asked := time.Now()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 1 && words[0] == "gaps":
			largest, sum, count, write := takeGaps()
			fmt.Println("gaps", largest, sum, count, write)
		case len(words) == 1 && words[0] == "rates":
			fmt.Println("rates", atomic.SwapInt64(&allocated, 0), atomic.SwapInt64(&written, 0),
				int64(time.Since(asked)))
			asked = time.Now()
		case len(words) == 1 && words[0] == "collect":
			runtime.GC()
			fmt.Println("collected")
		case len(words) == 2 && words[0] == "heapdump":
			took, size := dump(words[1])
			fmt.Println("heapdump", int64(took), size)
		case len(words) == 1 && words[0] == "quit":
			return
		}
	}
}
