// Package alltypes is a program at rest with objects of every kind and size on
// its heap: what a reader of that heap finds reachable must be exactly what the
// collector kept.
package alltypes

import (
	"runtime"
	"runtime/debug"
	"time"
)

// kept holds what is alive from a package variable.
var kept []interface{}

func keep(v ...interface{}) {
	kept = append(kept, v...)
}

// Idle builds the heap, collects what was not kept, and rests.
func Idle() {
	keepSizes()
	keepKinds()
	keepMaps()
	keepChannels()
	keepFunctions()
	keepReflect()
	keepSpecials()
	keepReleaseSpecific()
	keepLibrary()
	startGoroutines()
	dropGarbage()
	for i := 0; i < 4; i++ {
		runtime.GC()
		time.Sleep(20 * time.Millisecond) // for finalizers to run
	}
	debug.SetGCPercent(-1)
}

// dropGarbage leaves dead objects between the live ones.
func dropGarbage() {
	var previous *tree
	for i := 0; i < 20000; i++ {
		previous = &tree{left: previous, name: string(make([]byte, i%100))}
		if i%1000 == 0 {
			keep(&tree{name: "kept among the dead"})
		}
	}
}
