// Prints what the Go runtime says of places in its own code, for positions.py to compare with what seep reads in the
// executable: every STEPth byte of the program's code, each with the calls that were inlined there.
//
//	release VERSION
//	entry ADDRESS                 of main.main, from which the load bias follows
//	pc ADDRESS
//	FUNCTION FILE:LINE            innermost first
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	_ "runtime/pprof" // has the function below
	"sort"
	"strconv"
	_ "unsafe"
)

// expand adds the places of the calls that were inlined at the last one of stk. As in tracebacks, wrappers are left out.
//
//go:linkname expand runtime/pprof.runtime_expandFinalInlineFrame
func expand(stk []uintptr) []uintptr

type number interface{ ~int | ~float64 }

func largest[T number](list ...T) T {
	sort.Slice(list, func(i, j int) bool { return list[i] > list[j] })
	return list[0]
}

// textEnds walks up and down from a function to the first and last byte that the runtime knows a function for.
func textEnds(pc uintptr) (first, last uintptr) {
	const gap = 1 << 16
	first, last = pc, pc
	for p := first; first-p < gap; p-- {
		if runtime.FuncForPC(p) != nil {
			first = p
		}
	}
	for p := last; p-last < gap; p++ {
		if runtime.FuncForPC(p) != nil {
			last = p
		}
	}
	return first, last
}

func main() {
	step, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "release %s\n", runtime.Version())
	entry := reflect.ValueOf(main).Pointer()
	first, last := textEnds(entry)
	fmt.Fprintf(out, "entry %#x\n", entry)
	for pc := first; pc <= last; pc += uintptr(step) {
		// Return addresses are asked for: the byte meant is the one before. So the last one of a function cannot be.
		if f, g := runtime.FuncForPC(pc), runtime.FuncForPC(pc+1); f == nil || g == nil || f.Entry() != g.Entry() {
			continue
		}
		frames := runtime.CallersFrames(expand([]uintptr{pc + 1}))
		fmt.Fprintf(out, "pc %#x\n", pc)
		for more := true; more; {
			var frame runtime.Frame
			frame, more = frames.Next()
			fmt.Fprintf(out, "%s %s:%d\n", frame.Function, frame.File, frame.Line)
		}
	}
	if largest(step, 0) < 0 || largest(0.5, 1.5) < 0 {
		json.NewEncoder(out).Encode(step)
	}
}
