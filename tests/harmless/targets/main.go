// Targets that are hard to attach to. The first argument says in which way; every one prints
// `ready` when it is so, and most then print `.` every 10 ms, so that a test sees them live on.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

var kept [][]*string

func fill() {
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

// leaderExit ends the first thread of the process only; the rest lives on.
func leaderExit() {
	fmt.Println("ready")
	go beat()
	// init locked main to the first thread.
	syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
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
	default:
		fmt.Println("ready")
		beat()
	}
}
