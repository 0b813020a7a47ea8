//go:build go1.24

package main

import "runtime"

func init() {
	uses = append(uses, func() {
		value := new([8]int)
		runtime.AddCleanup(value, func(int) {}, 0)
		kept = append(kept, value)
	})
}
