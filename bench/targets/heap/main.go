// A heap of a given size to look at, that watches from within how long it does not run.
//
// A thread of its own reads the monotonic clock every 100 µs; two readings further apart than that
// mean that the process was stopped. Lines on stdin: `gaps` prints
//
//	gaps LARGEST SUM COUNT
//
// in nanoseconds since it was last asked; SUM and COUNT are of the gaps of 500 µs or more.
// `collect` runs the garbage collector and prints `collected`; `quit` ends. So that other processes on the machine make no gaps, the thread runs at a real-time
// priority and sleeps in between; where that is not permitted it spins, and compare.py's baseline
// shows what others took.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	period  = 100 * time.Microsecond
	counted = 500 * time.Microsecond

	schedFIFO = 1
	priority  = 50
)

var largest, sum, count int64

// realTime gives the calling thread a real-time priority, if permitted.
func realTime() bool {
	parameter := struct{ priority int32 }{priority}
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, 0, schedFIFO,
		uintptr(unsafe.Pointer(&parameter)))
	return errno == 0
}

// pause waits until the next reading. A raw system call keeps the P: to get one back from the
// scheduler would be a gap that nobody outside made.
func pause(sleep bool, since time.Time) {
	if sleep {
		length := syscall.NsecToTimespec(int64(period))
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&length)), 0, 0)
		return
	}
	for time.Since(since) < period {
	}
}

func watch(how chan<- string) {
	runtime.LockOSThread()
	sleep := realTime()
	if sleep {
		how <- "realtime"
	} else {
		how <- "spinning"
	}
	last := time.Now()
	for {
		pause(sleep, last)
		now := time.Now()
		gap := int64(now.Sub(last))
		last = now
		if gap >= int64(counted) {
			atomic.AddInt64(&sum, gap)
			atomic.AddInt64(&count, 1)
		}
		for {
			seen := atomic.LoadInt64(&largest)
			if gap <= seen || atomic.CompareAndSwapInt64(&largest, seen, gap) {
				break
			}
		}
	}
}

type tag struct {
	key   string
	other *record
}

// A record is four objects: itself, its name, its data and its tag.
type record struct {
	name string
	data []byte
	tag  *tag
	next *record
}

const recordObjects = 4
const recordOverhead = 64 + 16 + 24

var (
	chains []*record
	byName = map[string]*record{}
	sink   []byte
)

func fill(objects, bytes int) {
	records := objects / recordObjects
	if records == 0 {
		return
	}
	size := bytes/records - recordOverhead
	if size < 8 {
		size = 8
	}
	chains = make([]*record, 1024)
	for i := 0; i < records; i++ {
		made := &record{name: "record-" + strconv.Itoa(i), data: make([]byte, size/2+i%size)}
		chain := &chains[i%len(chains)]
		made.next = *chain
		made.tag = &tag{key: made.name[7:], other: *chain}
		*chain = made
		if i%64 == 0 {
			byName[made.name] = made
		}
	}
}

type job struct{ id int }

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

var keep chan *job

func worker(jobs chan *job, own *job) {
	for next := range jobs {
		if next.id > own.id {
			return
		}
	}
}

// allocate makes garbage of so many bytes a second.
func allocate(rate int) {
	const step = 5 * time.Millisecond
	for range time.Tick(step) {
		for left := rate / int(time.Second/step); left > 0; left -= 4096 {
			sink = make([]byte, 4096)
		}
	}
}

func main() {
	objects := flag.Int("objects", 1000000, "objects to hold")
	bytes := flag.Int("bytes", 200<<20, "bytes they have together")
	goroutines := flag.Int("goroutines", 1000, "goroutines that wait, a tenth of them leaked")
	rate := flag.Int("alloc-rate", 0, "bytes of garbage a second")
	flag.Parse()

	if *rate == 0 {
		// The collector would make gaps of its own.
		debug.SetGCPercent(400)
	}
	fill(*objects, *bytes)
	start(*goroutines)
	runtime.GC()
	if *rate == 0 {
		debug.SetGCPercent(-1)
	} else {
		go allocate(*rate)
	}
	how := make(chan string)
	go watch(how)
	watcher := <-how
	time.Sleep(200 * time.Millisecond)
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println("ready", stats.HeapObjects, stats.HeapAlloc, runtime.NumGoroutine(), watcher)

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "gaps":
			fmt.Println("gaps", atomic.SwapInt64(&largest, 0), atomic.SwapInt64(&sum, 0),
				atomic.SwapInt64(&count, 0))
		case "collect":
			runtime.GC()
			fmt.Println("collected")
		case "quit":
			return
		}
	}
}
