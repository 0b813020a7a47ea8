//go:build go1.23

package main

import (
	"iter"
	"unique"
)

func init() {
	uses = append(uses, func() {
		next, stop := iter.Pull(func(yield func(int) bool) { yield(1) })
		next()
		stop()
		kept = append(kept, unique.Make("a weak handle"))
	})
}
