//go:build go1.19

package main

import (
	"reflect"
	"strings"
	"sync/atomic"
)

var atomicPointer atomic.Pointer[outer]
var atomics struct {
	n atomic.Int64
	p atomic.Pointer[pair[string, *inner]]
	b atomic.Bool
	v atomic.Value
}

func init() {
	variables = append(variables, variable{&atomicPointer, "atomicPointer"}, variable{&atomics, "atomics"})
	atomicElem = func(t reflect.Type) reflect.Type {
		if !strings.HasPrefix(t.String(), "atomic.Pointer[") || t.NumField() == 0 {
			return nil
		}
		return t.Field(0).Type.Elem().Elem()
	}
}
