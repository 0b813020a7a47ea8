package alltypes

import (
	"fmt"
	"math"
)

func fillMap[K comparable, V any](n int, key func(int) K, value func(int) V) map[K]V {
	m := make(map[K]V)
	for i := 0; i < n; i++ {
		m[key(i)] = value(i)
	}
	return m
}

func number(i int) int       { return i }
func text(i int) string      { return fmt.Sprint("key ", i) }
func pointer(i int) *int     { return &i }
func bigKey(i int) [200]byte { return [200]byte{byte(i), byte(i >> 8)} }
func bigValue(i int) [40]*int {
	var v [40]*int
	v[i%40] = &i
	return v
}

func anyKey(i int) interface{} {
	switch i % 4 {
	case 0:
		return i
	case 1:
		return text(i)
	case 2:
		return [2]string{text(i), "b"}
	}
	return &i
}

// keepMaps keeps maps of many kinds of keys and elements: empty, in one group,
// growing, grown, and with much deleted.
func keepMaps() {
	for _, n := range []int{0, 1, 5, 8, 9, 14, 53, 105, 209, 417, 900, 1700, 7000} {
		keep(fillMap(n, number, number))
		keep(fillMap(n, number, pointer))
		keep(fillMap(n, text, func(int) struct{} { return struct{}{} }))
		keep(fillMap(n, text, text))
		keep(fillMap(n, pointer, number))
		keep(fillMap(n, func(i int) uint8 { return uint8(i) }, func(i int) bool { return i > 3 }))
		anything := map[interface{}]interface{}{}
		for i := 0; i < n; i++ {
			anything[anyKey(i)] = anyKey(i + 1)
		}
		keep(anything)
	}
	for _, n := range []int{1, 9, 100, 500} {
		keep(fillMap(n, bigKey, number))
		keep(fillMap(n, number, bigValue))
		keep(fillMap(n, bigKey, bigValue))
		keep(fillMap(n, func(i int) [128]byte { return [128]byte{byte(i)} }, func(i int) [16]string { return [16]string{text(i)} }))
		keep(fillMap(n, func(i int) pair[string, int16] { return pair[string, int16]{text(i), 1} }, func(i int) []byte { return make([]byte, i) }))
		keep(fillMap(n, number, func(i int) map[string]*tree { return map[string]*tree{"t": {}} }))
		keep(fillMap(n, func(i int) float64 { return math.NaN() }, pointer))
		shapes := map[shape]func() int{}
		for i := 0; i < n; i++ {
			i := i
			shapes[square{float64(i)}] = func() int { return i }
		}
		keep(shapes)
		keep(fillMap(n, func(i int) chan int { return make(chan int, i%3) }, func(i int) uint64 { return uint64(i) }))
	}
	deleted := fillMap(3000, text, pointer)
	for i := 10; i < 3000; i++ {
		delete(deleted, text(i))
	}
	cleared := fillMap(200, number, pointer)
	for k := range cleared {
		delete(cleared, k)
	}
	var none map[string]int
	keep(deleted, cleared, none, make(map[int]*int, 1000), new(map[string]int))
}
