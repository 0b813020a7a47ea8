// Checks itself: goroutines, and threads of C, that make system calls of every kind and know what must come of them. To every
// line on stdin it answers with one line of JSON: how far each has come, and the first error. Flags: -forks, -userfaultfd, -filter (see calls.h).
package main

// #cgo LDFLAGS: -pthread
// #include "calls.h"
import "C"

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

type task struct {
	name   string
	rounds uint64
}

var (
	tasks []*task
	mu    sync.Mutex
	first string
	kept  []interface{}
)

func wrong(t *task, format string, args ...interface{}) {
	mu.Lock()
	defer mu.Unlock()
	if first == "" {
		first = t.name + ": " + fmt.Sprintf(format, args...)
	}
}

// start repeats step for ever.
func start(name string, step func(t *task, n uint64)) {
	t := &task{name: name}
	tasks = append(tasks, t)
	go func() {
		for n := uint64(0); ; n++ {
			step(t, n)
			atomic.AddUint64(&t.rounds, 1)
		}
	}()
}

func echo(conn net.Conn) {
	io.Copy(conn, conn)
}

// talk sends numbers through conn, and wants them back.
func talk(name string, conn net.Conn) {
	start(name, func(t *task, n uint64) {
		var out, in [8]byte
		binary.LittleEndian.PutUint64(out[:], n)
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Write(out[:]); err != nil {
			wrong(t, "write: %v", err)
		}
		if _, err := io.ReadFull(conn, in[:]); err != nil || in != out {
			wrong(t, "read: %v, %x instead of %x", err, in, out)
		}
		time.Sleep(time.Millisecond)
	})
	// One that nobody writes to: nothing but its deadline ends a read.
	a, b := net.Pipe()
	kept = append(kept, b)
	start(name+", deadline", func(t *task, n uint64) {
		begun := time.Now()
		a.SetReadDeadline(begun.Add(3 * time.Millisecond))
		_, err := a.Read(make([]byte, 1))
		if e, ok := err.(net.Error); !ok || !e.Timeout() || time.Since(begun) < 3*time.Millisecond {
			wrong(t, "after %v: %v", time.Since(begun), err)
		}
	})
}

func network() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println("selfcheck:", err)
		os.Exit(1)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go echo(conn)
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println("selfcheck:", err)
		os.Exit(1)
	}
	talk("tcp", conn)
}

func osPipe() {
	r, w, _ := os.Pipe()
	start("os.Pipe", func(t *task, n uint64) {
		message := bytes.Repeat([]byte{byte(n)}, 100)
		back := make([]byte, 100)
		w.Write(message)
		if _, err := io.ReadFull(r, back); err != nil || !bytes.Equal(message, back) {
			wrong(t, "%v", err)
		}
		time.Sleep(500 * time.Microsecond)
	})
}

func timers() {
	start("time.Sleep", func(t *task, n uint64) {
		begun := time.Now()
		time.Sleep(2 * time.Millisecond)
		if took := time.Since(begun); took < 2*time.Millisecond {
			wrong(t, "slept %v", took)
		}
	})
	start("time.AfterFunc", func(t *task, n uint64) {
		done := make(chan bool)
		time.AfterFunc(time.Millisecond, func() { close(done) })
		<-done
	})
	ticker := time.NewTicker(3 * time.Millisecond)
	start("ticker", func(t *task, n uint64) { <-ticker.C })
	start("locked thread", func(t *task, n uint64) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		time.Sleep(3 * time.Millisecond)
	})
}

type node struct {
	number uint64
	next   *node
}

// lists makes garbage and memory that stays, and looks at both.
func lists() {
	start("lists", func(t *task, n uint64) {
		var head *node
		for i := uint64(0); i < 500; i++ {
			head = &node{n + i, head}
		}
		i := uint64(500)
		for at := head; at != nil; at = at.next {
			if i--; at.number != n+i {
				wrong(t, "node %d has %d", i, at.number-n)
			}
		}
		time.Sleep(time.Millisecond)
	})
}

type answer struct {
	Rounds      map[string]uint64 `json:"rounds"`
	Interrupted map[string]uint64 `json:"interrupted"`
	Error       string            `json:"error"`
}

func state() answer {
	a := answer{Rounds: map[string]uint64{}, Interrupted: map[string]uint64{}}
	for _, t := range tasks {
		a.Rounds[t.name] = atomic.LoadUint64(&t.rounds)
	}
	for i := 0; i < int(C.call_count); i++ {
		call := &C.calls[i]
		if call.endless == 0 {
			a.Rounds[C.GoString(call.name)] = uint64(call.rounds)
		}
		if call.interrupted > 0 {
			a.Interrupted[C.GoString(call.name)] = uint64(call.interrupted)
		}
	}
	mu.Lock()
	a.Error = first
	mu.Unlock()
	if a.Error == "" {
		a.Error = C.GoString(&C.call_error[0])
	}
	return a
}

func flag(name string) C.int {
	for _, word := range os.Args[1:] {
		if word == name {
			return 1
		}
	}
	return 0
}

func main() {
	// So much that seep prefers to copy it while the program runs.
	for i := 0; i < 24<<20/4096; i++ {
		kept = append(kept, &[512]*node{{number: uint64(i)}})
	}
	network()
	osPipe()
	timers()
	lists()
	C.calls_start(flag("-forks"), flag("-userfaultfd"), flag("-filter"))
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		out.Encode(state())
	}
}
