// types: a heap with everything in it that Go programs have. It says of many of its objects what they are, then waits for its
// standard input to end.
//
// Lines `is ADDRESS TYPE` name single objects and the elements of arrays; the addresses are told as they are made, by way of
// unsafe.Pointer and constant names, so that nothing in the code or on the heap gives a type away that would not be there without. At last
// `stats OBJECTS BYTES`, as runtime.MemStats has them, and `ready`.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
	"unsafe"
)

var out = bufio.NewWriterSize(os.Stdout, 64)

// is tells that an object at p is of that type.
//
//go:noinline
func is(p unsafe.Pointer, name string) {
	fmt.Fprintf(out, "is %#x %s\n", uintptr(p), name)
}

// isFunc tells the same of a closure.
//
//go:noinline
func isFunc(p unsafe.Pointer) {
	is(p, "func "+runtime.FuncForPC(*(*uintptr)(p)).Name())
}

// word is the word at p: of a map, a channel, a func, a string or a slice what it leads to.
func word(p unsafe.Pointer) unsafe.Pointer {
	return *(*unsafe.Pointer)(p)
}

// data is the second word at p: an interface's.
func data(p unsafe.Pointer) unsafe.Pointer {
	return (*[2]unsafe.Pointer)(p)[1]
}

var (
	figures runtime.MemStats
	line1   [200]byte
)

// wait ends the output without another allocation: the figures stay true.
//
//go:noinline
func wait() {
	debug.SetGCPercent(-1) // nothing is collected between the figures and the look
	for i := 0; i < 3; i++ {
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
	}
	out.Flush()
	os.Stdout.Write(line1[:0])
	runtime.ReadMemStats(&figures)
	text := append(line1[:0], "stats "...)
	text = strconv.AppendUint(text, figures.HeapObjects, 10)
	text = append(text, ' ')
	text = strconv.AppendUint(text, figures.HeapAlloc, 10)
	text = append(text, "\nready\n"...)
	os.Stdout.Write(text)
	os.Stdin.Read(line1[:])
}

func main() {
	list := makeList(30000)
	index := makeTree(20000)
	byID := map[uint64]*order{}
	rows := make([]row, 0, 20000)
	for i := 0; i < 20000; i++ {
		o := makeOrder(i)
		byID[uint64(i)] = o
		rows = append(rows, row{key: uint64(i), name: fmt.Sprintf("row %d", i), order: o})
	}
	is(unsafe.Pointer(&rows[0]), "main.row")
	fillMaps()
	fillServer(10000)
	fillClosures(4000)
	fillGenerics()
	fillInterfaces(8000)
	fillReflected()
	fillBytes()
	fillSync()
	fillContexts(300)
	fillLibrary()
	fillHTTP(8)
	fillRelease()
	startWorkers(200)
	wait()
	fmt.Fprintln(os.Stderr, list.next.value, index.root.key, len(byID), len(rows), rows[0].name)
}
