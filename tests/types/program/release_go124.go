//go:build go1.24

package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unique"
	"unsafe"
	"weak"
)

var (
	handles []unique.Handle[string]
	weaks   []weak.Pointer[user]
	strong  []*user
	latest  atomic.Pointer[settings]
)

func fillRelease() {
	for i := 0; i < 500; i++ {
		handles = append(handles, unique.Make(fmt.Sprint("unique ", i)))
		u := &user{name: fmt.Sprint("weak ", i)}
		is(unsafe.Pointer(u), "main.user")
		strong = append(strong, u)
		weaks = append(weaks, weak.Make(u))
		runtime.AddCleanup(u, func(b []byte) { b[0]++ }, make([]byte, 40))
	}
	s := &settings{values: map[string]string{"a": "b"}, limits: make([]int, 1000)}
	is(unsafe.Pointer(s), "main.settings")
	latest.Store(s)
}
