// Targets that are hard to attach to. The first argument says in which way; every one prints
// `ready` when it is so, and most then print `.` every 10 ms, so that a test sees them live on.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

var kept [][]*string

func fill() {
	time.Sleep(time.Microsecond) // the runtime makes its descriptors with the first timer: before anybody looks
	fillMore(24 << 20)
	for i := 0; i < 200; i++ {
		row := make([]*string, 100)
		for j := range row {
			word := strconv.Itoa(i * j)
			row[j] = &word
		}
		kept = append(kept, row)
	}
	wait := make(chan bool)
	for i := 0; i < 50; i++ {
		go func() { <-wait }()
	}
}

func argument(i, otherwise int) int {
	if len(os.Args) > i {
		if n, err := strconv.Atoi(os.Args[i]); err == nil {
			return n
		}
	}
	return otherwise
}

func beat() {
	for {
		fmt.Println(".")
		time.Sleep(10 * time.Millisecond)
	}
}

// exitSoon ends the process that many microseconds after ready.
func exitSoon() {
	delay := time.Duration(argument(2, 1000)) * time.Microsecond
	fmt.Println("ready")
	for start := time.Now(); time.Since(start) < delay; {
		runtime.Gosched()
	}
	os.Exit(0)
}

// execLoop replaces the process by itself again and again.
func execLoop() {
	generation := argument(2, 0)
	if generation == 0 {
		fmt.Println("ready")
	}
	fmt.Println(".")
	time.Sleep(time.Duration(1+generation%17) * time.Millisecond)
	if err := syscall.Exec("/proc/self/exe", []string{os.Args[0], "exec", strconv.Itoa(generation + 1)},
		os.Environ()); err != nil {
		fmt.Println("exec:", err)
		os.Exit(1)
	}
}

// forkLoop starts children and waits for them.
func forkLoop() {
	fmt.Println("ready")
	for i := 0; i < 4; i++ {
		go func() {
			for {
				if err := exec.Command("/bin/true").Run(); err != nil {
					fmt.Println("child:", err)
					os.Exit(1)
				}
			}
		}()
	}
	beat()
}

// threadLoop starts and ends OS threads: one that is locked to a goroutine ends with it.
func threadLoop() {
	fmt.Println("ready")
	var ended uint64
	for i := 0; i < 8; i++ {
		go func() {
			for {
				done := make(chan bool)
				go func() {
					runtime.LockOSThread()
					time.Sleep(time.Duration(atomic.AddUint64(&ended, 1)%700) * time.Microsecond)
					close(done)
				}()
				<-done
			}
		}()
	}
	beat()
}

// leaderExit ends the first thread of the process only; the rest lives on, as that thread has no P in the call.
func leaderExit() {
	fmt.Println("ready")
	go beat()
	// init locked main to the first thread.
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}

// undumpable forbids to be read by its own user.
func undumpable() {
	const prSetDumpable = 4
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	fmt.Println("ready")
	beat()
}

// spin keeps every P busy with code that is never in a system call.
func spin() {
	for i := 0; i < runtime.GOMAXPROCS(0); i++ {
		go func() {
			for x := uint64(1); ; x = x*6364136223846793005 + 1 {
				if x == 0 {
					kept = nil
				}
			}
		}()
	}
	fmt.Println("ready")
	beat()
}

func mapped(bytes uintptr, protection, flags int) uintptr {
	const noReserve = 0x4000
	at, _, errno := syscall.Syscall6(syscall.SYS_MMAP, 0, bytes, uintptr(protection),
		uintptr(syscall.MAP_ANON|syscall.MAP_PRIVATE|noReserve|flags), ^uintptr(0), 0)
	if errno != 0 {
		fmt.Println("mmap:", errno)
		os.Exit(1)
	}
	return at
}

func touch(at uintptr) { *(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))) = 1 }

// sparse has large mappings that hold next to nothing: page tables for all of them would be 128 MiB.
func sparse() {
	bytes := uint64(64 << 30)
	at := mapped(uintptr(bytes), syscall.PROT_READ|syscall.PROT_WRITE, 0)
	for offset := uint64(0); offset < bytes; offset += 1 << 30 {
		touch(at + uintptr(offset))
	}
	fmt.Println("ready")
	beat()
}

// manyMappings has all the mappings that a process may have but a few, and needs one of these again and again.
func manyMappings() {
	const page, spare = 4096, 12
	text, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	most, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	at := mapped(uintptr(most)*page, syscall.PROT_READ|syscall.PROT_WRITE, 0)
	maps, _ := os.ReadFile("/proc/self/maps")
	// One in the midst of another makes two more of them.
	for i := (most - spare - strings.Count(string(maps), "\n")) / 2; i > 0; i-- {
		if _, _, errno := syscall.Syscall(syscall.SYS_MPROTECT, at+uintptr(2*i-1)*page, page, syscall.PROT_READ); errno != 0 {
			fmt.Println("mprotect:", errno)
			os.Exit(1)
		}
	}
	fmt.Println("ready")
	go func() {
		for {
			m := mapped(page, syscall.PROT_NONE, 0)
			syscall.RawSyscall(syscall.SYS_MUNMAP, m, page, 0)
			time.Sleep(50 * time.Microsecond)
		}
	}()
	beat()
}

type block struct {
	self *block
	_    [511]*block
}

var blocks []*block

// fillMore makes so many bytes of objects that can hold pointers: from 16 MiB on seep prefers to copy while the program runs.
func fillMore(bytes int) {
	blocks = make([]*block, bytes/4096)
	for i := range blocks {
		blocks[i] = &block{}
		blocks[i].self = blocks[i]
	}
}

func large() {
	fillMore(128 << 20)
	fmt.Println("ready")
	beat()
}

// locked keeps all it has, and will have, in memory.
func locked() {
	if err := syscall.Mlockall(1 | 2); err != nil {
		fmt.Println("mlockall:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	beat()
}

func init() { runtime.LockOSThread() }

func main() {
	mode := "idle"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	fill()
	switch mode {
	case "exit":
		exitSoon()
	case "exec":
		execLoop()
	case "fork":
		forkLoop()
	case "threads":
		threadLoop()
	case "leader":
		leaderExit()
	case "undumpable":
		undumpable()
	case "spin":
		spin()
	case "sparse":
		sparse()
	case "mappings":
		manyMappings()
	case "large":
		large()
	case "locked":
		locked()
	default:
		fmt.Println("ready")
		beat()
	}
}
