//go:build go1.19

package main

import "sync/atomic"

var pointers [places]atomic.Pointer[item]

func init() {
	steps = append(steps, func(r *random, own *[places]item) {
		i := fresh(r)
		if old := pointers[r.next(places)].Swap(&i); old != nil {
			own[r.next(places)].next = old
			old.next = nil
		}
	})
}
