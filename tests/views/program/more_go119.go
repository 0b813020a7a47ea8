//go:build go1.19

package main

import (
	"sync/atomic"
	"unsafe"
)

var (
	dogPointers    [5]atomic.Pointer[dog]
	animalPointers [5]atomic.Pointer[animal]
	ofBox          atomic.Pointer[box[string, []byte]]
	thin           []unsafe.Pointer
)

func init() {
	more = append(more, func() {
		for i := range dogPointers {
			d := newDog(2)
			hold(&d)
			dogPointers[i].Store(&d)
			p := &newDog2()[2].animal
			hold(p)
			animalPointers[i].Store(p)
			w := newWide()
			hold(w)
			thin = append(thin, unsafe.Pointer(&w.cells[3]))
		}
		b := newBox(text, bytes, 2)
		hold(b)
		ofBox.Store(b)
	})
}
