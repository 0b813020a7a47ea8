// Watched has as many goroutines, descriptors and threads, and as much memory, as its standard input says, a line at a time; it answers each
// with "ready". `exec` makes another program of it.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

var (
	stops   []chan bool
	files   []*os.File
	outside [][]byte
	heap    [][]byte
)

func goroutines(n int) {
	ended := make(chan bool)
	for len(stops) > n {
		stop := stops[len(stops)-1]
		stops = stops[:len(stops)-1]
		go func() {
			stop <- true
			ended <- true
		}()
		<-ended
	}
	for len(stops) < n {
		stop := make(chan bool)
		stops = append(stops, stop)
		go func() { <-stop }()
	}
	for runtime.NumGoroutine() > n+1 {
		runtime.Gosched()
	}
}

// In a system call that does not end.
func threads(n int) {
	started := make(chan bool)
	for i := 0; i < n; i++ {
		go func() {
			var ends [2]int
			syscall.Pipe(ends[:])
			runtime.LockOSThread()
			started <- true
			syscall.Read(ends[0], make([]byte, 1))
		}()
		<-started
	}
}

func fill(bytes []byte) {
	for i := 0; i < len(bytes); i += 4096 {
		bytes[i] = 1
	}
}

func set(what string, n int) {
	switch what {
	case "goroutines":
		goroutines(n)
	case "threads":
		threads(n)
	case "files":
		for len(files) < n {
			file, err := os.Open("/dev/null")
			if err != nil {
				panic(err)
			}
			files = append(files, file)
		}
	case "outside": // MiB of memory that Go's heap does not have
		block, err := syscall.Mmap(-1, 0, n<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err)
		}
		fill(block)
		outside = append(outside, block)
	case "heap": // MiB more
		block := make([]byte, n<<20)
		fill(block)
		heap = append(heap, block)
	case "exec":
		panic(syscall.Exec("/bin/sleep", []string{"sleep", strconv.Itoa(n)}, nil))
	}
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		words := strings.Fields(in.Text())
		n, _ := strconv.Atoi(words[1])
		set(words[0], n)
		fmt.Println("ready")
	}
}
