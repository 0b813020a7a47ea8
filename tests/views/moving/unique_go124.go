//go:build go1.24

package main

import (
	"runtime"
	"unique"
	"unsafe"
	"weak"
)

var (
	handles [places]unique.Handle[string]
	structs [places]unique.Handle[[20]string]
	weaks   [places]weak.Pointer[item]
	parts   [places]weak.Pointer[item]
)

func init() {
	for i := range handles {
		handles[i] = unique.Make("")
	}
	steps = append(steps, func(r *random, own *[places]item) {
		lock.Lock()
		defer lock.Unlock()
		handles[r.next(places)] = unique.Make(text(r))
		structs[r.next(places)] = unique.Make([20]string{text(r), 5: text(r)})
		own[r.next(places)].name = handles[r.next(places)].Value()
		i := fresh(r)
		weaks[r.next(places)] = weak.Make(&i)
		own[r.next(places)].next = &i
		if w := weaks[r.next(places)].Value(); w != nil {
			own[r.next(places)].next = w
		}
		many := make([]item, 40)
		parts[r.next(places)] = weak.Make(&many[7])
		runtime.AddCleanup(&i, func(n int) {}, 1)
		b := raw(r)
		b = b[:cap(b)]
		own[r.next(places)].name = unsafe.String(unsafe.SliceData(b), len(b))
		own[r.next(places)].raw = unsafe.Slice(unsafe.SliceData(b), len(b))
	})
}
