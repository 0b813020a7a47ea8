// A process that says what its own runtime knows of its memory, when asked:
//
//	grow N      makes N KiB in objects of many sizes, with and without pointers, and keeps half of it
//	stacks N    starts N goroutines, some with deep stacks, and ends half of them
//	drop        lets everything go that grow has made
//	gc          collects
//	free        collects and returns to the kernel what it can (debug.FreeOSMemory)
//	percent N   debug.SetGCPercent(N)
//	limit N     debug.SetMemoryLimit(N), Go 1.19 and later
//	map N       maps N KiB of anonymous memory without the runtime knowing, and touches it
//	malloc N    in C, N KiB in pieces, and touches it; built with cgocase
//	threads N   N threads in C, each with 64 KiB of its stack in use; built with cgocase
//	lock        makes everything resident that is mapped: mlockall
//	stats       prints runtime.MemStats, the percentage and the limit as NAME VALUE and ends with "."
//
// Each command is answered by a line; an error begins with "error". Nothing is allocated between reading MemStats and the
// next command, so what stats says holds until then.
package main

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

type node struct {
	next *node
	data [3]uint64
}

var (
	kept    []interface{}
	mapped  [][]byte
	release []chan struct{}
	stats   runtime.MemStats
	limit   func(int64) int64 // limit_go119.go
	malloc  func(kilobytes int)
	threads func(n int)
	out     = make([]byte, 0, 4096)
	in      = bufio.NewReaderSize(os.Stdin, 4096)
)

func grow(kilobytes int) {
	sizes := []int{8, 16, 24, 48, 100, 250, 512, 600, 1024, 3000, 8192, 20000, 40000, 300000}
	for made, i := 0, 0; made < kilobytes<<10; i++ {
		size := sizes[i%len(sizes)]
		var object interface{}
		if i%2 == 0 {
			data := make([]byte, size)
			for k := range data {
				data[k] = byte(k)
			}
			object = data
		} else {
			list := make([]*node, size/8)
			for k := 0; k < len(list); k += 64 {
				list[k] = &node{}
			}
			object = list
		}
		if i%4 < 2 {
			kept = append(kept, object)
		}
		made += size
	}
}

//go:noinline
func deep(n int, done chan struct{}) byte {
	var local [512]byte
	local[n%512] = byte(n)
	if n == 0 {
		<-done
		return local[0]
	}
	return deep(n-1, done) + local[n%512]
}

func stacks(n int) {
	stay, end := make(chan struct{}), make(chan struct{})
	for i := 0; i < n; i++ {
		done := stay
		if i%2 == 0 {
			done = end
		}
		go deep(i%40, done)
	}
	for i := 0; i < 100; i++ {
		runtime.Gosched()
	}
	close(end)
	release = append(release, stay)
}

func add(name string, value uint64) {
	out = append(out, name...)
	out = append(out, ' ')
	out = strconv.AppendUint(out, value, 10)
	out = append(out, '\n')
}

func say() {
	percent := debug.SetGCPercent(-1)
	debug.SetGCPercent(percent)
	memory := int64(-1)
	if limit != nil {
		memory = limit(-1)
	}
	runtime.ReadMemStats(&stats)
	out = out[:0]
	add("HeapAlloc", stats.HeapAlloc)
	add("HeapInuse", stats.HeapInuse)
	add("HeapIdle", stats.HeapIdle)
	add("HeapReleased", stats.HeapReleased)
	add("HeapSys", stats.HeapSys)
	add("StackInuse", stats.StackInuse)
	add("NextGC", stats.NextGC)
	add("NumGC", uint64(stats.NumGC))
	add("LastGC", stats.LastGC)
	add("Percent", uint64(percent))
	add("Limit", uint64(memory))
	out = append(out, ".\n"...)
	os.Stdout.Write(out)
}

func command(words []string) string {
	n := 0
	if len(words) > 1 {
		n, _ = strconv.Atoi(words[1])
	}
	switch words[0] {
	case "grow":
		grow(n)
	case "stacks":
		stacks(n)
	case "drop":
		kept = nil
	case "gc":
		runtime.GC()
	case "free":
		debug.FreeOSMemory()
	case "percent":
		debug.SetGCPercent(n)
	case "limit":
		if limit == nil {
			return "error: this release has no limit"
		}
		limit(int64(n))
	case "map":
		data, err := syscall.Mmap(-1, 0, n<<10, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			return "error: " + err.Error()
		}
		for i := 0; i < len(data); i += 4096 {
			*(*byte)(unsafe.Pointer(&data[i])) = 1
		}
		mapped = append(mapped, data)
	case "malloc", "threads":
		if malloc == nil {
			return "error: built without C"
		}
		if words[0] == "malloc" {
			malloc(n)
		} else {
			threads(n)
		}
	case "lock":
		if err := syscall.Mlockall(1 | 2); err != nil { // MCL_CURRENT | MCL_FUTURE
			return "error: " + err.Error()
		}
	default:
		return "error: no such command"
	}
	return "done"
}

func main() {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if words[0] == "stats" {
			say()
			continue
		}
		os.Stdout.WriteString(command(words) + "\n")
	}
}
