package main

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"unsafe"
)

// Closures, method values, interfaces, generics, types that reflection made.

type handler func(path string) string

type route struct {
	pattern string
	handle  handler
	after   []func()
}

var routes []route

type counter struct {
	name  string
	total *big.Int
	seen  map[string]bool
}

func (c *counter) add(path string) string {
	c.total.Add(c.total, big.NewInt(1))
	return c.name + path
}

func logged(name string, next handler) handler {
	return func(path string) string { return name + next(path) }
}

func retried(times int, next handler, c *counter) handler {
	tries := new(int)
	var last error
	return func(path string) string {
		*tries += times
		last = errors.New(path)
		return last.Error() + c.name + next(path)
	}
}

func fillClosures(n int) {
	for i := 0; i < n; i++ {
		c := &counter{name: fmt.Sprint("counter ", i), total: new(big.Int).Lsh(big.NewInt(1), uint(i))}
		buffer := make([]byte, 600)
		state := &session{token: make([]byte, 200)}
		hits := map[string]int{"a": i}
		r := route{pattern: fmt.Sprint("/path/", i), handle: logged("log", retried(i, c.add, c))}
		r.after = append(r.after, func() { buffer[0]++; c.seen = nil }, func() { state = nil; hits["b"] = 1 })
		if i%10 == 0 {
			is(unsafe.Pointer(c), "main.counter")
			is(unsafe.Pointer(c.total), "big.Int")
			is(unsafe.Pointer(state), "main.session")
			is(unsafe.Pointer(&buffer[0]), "uint8")
			is(word(unsafe.Pointer(&hits)), "map[string]int")
			isFunc(word(unsafe.Pointer(&r.after[0])))
			isFunc(word(unsafe.Pointer(&r.after[1])))
			isFunc(word(unsafe.Pointer(&r.handle)))
		}
		routes = append(routes, r)
	}
	is(unsafe.Pointer(&routes[0]), "main.route")
}

type shape interface {
	area() float64
}

type circle struct {
	center *point
	radius float64
}

type polygon struct {
	corners []point
	name    string
}

type square float64

func (c *circle) area() float64 { return c.radius }
func (p polygon) area() float64 { return float64(len(p.corners)) }
func (s square) area() float64  { return float64(s * s) }

var (
	shapes []shape
	boxes  []interface{}
	deep   interface{}
)

type big1 struct {
	values [60]shape
	name   string
	next   *big1
}

func fillInterfaces(n int) {
	for i := 0; i < n; i++ {
		switch i % 3 {
		case 0:
			c := &circle{center: &point{}, radius: float64(i)}
			shapes = append(shapes, c)
			is(unsafe.Pointer(c), "main.circle")
			is(unsafe.Pointer(c.center), "main.point")
		case 1:
			shapes = append(shapes, polygon{corners: make([]point, 5), name: fmt.Sprint("polygon ", i)})
			is(data(unsafe.Pointer(&shapes[i])), "main.polygon")
		default:
			shapes = append(shapes, square(i))
		}
		switch i % 6 {
		case 0:
			boxes = append(boxes, &node{})
		case 1:
			boxes = append(boxes, fmt.Sprint("box ", i))
		case 2:
			boxes = append(boxes, []interface{}{i, "text", nil})
		case 3:
			boxes = append(boxes, map[string]interface{}{"shape": shapes[i]})
			is(data(unsafe.Pointer(&boxes[i])), "map[string]interface {}")
		case 4:
			boxes = append(boxes, func() int { return i })
		default:
			boxes = append(boxes, [3]string{"a", "b", fmt.Sprint(i)})
			is(data(unsafe.Pointer(&boxes[i])), "[3]string")
		}
	}
	is(unsafe.Pointer(&shapes[0]), "main.shape")
	is(unsafe.Pointer(&boxes[0]), "interface {}")
	var last *big1
	for i := 0; i < 300; i++ {
		last = &big1{name: fmt.Sprint(i), next: last}
		copy(last.values[:], shapes[i:])
		is(unsafe.Pointer(last), "main.big1")
	}
	deep = &struct{ inner interface{} }{inner: &struct {
		a, b *big1
	}{last, nil}}
}

// Generics.

type pair[K, V any] struct {
	key   K
	value V
}

type entry[K comparable, V any] struct {
	pair       pair[K, V]
	prev, next *entry[K, V]
}

type cache[K comparable, V any] struct {
	entries     map[K]*entry[K, V]
	first, last *entry[K, V]
	evicted     func(K, V)
	order       []K
}

func newCache[K comparable, V any](evicted func(K, V)) *cache[K, V] {
	return &cache[K, V]{entries: map[K]*entry[K, V]{}, evicted: evicted}
}

func (c *cache[K, V]) put(k K, v V) *entry[K, V] {
	e := &entry[K, V]{pair: pair[K, V]{k, v}, prev: c.last}
	if c.last != nil {
		c.last.next = e
	} else {
		c.first = e
	}
	c.last = e
	c.entries[k] = e
	c.order = append(c.order, k)
	return e
}

type stack[T any] struct {
	items []T
	below *stack[T]
}

var (
	byName   = newCache(func(k string, v *user) {})
	byNumber *cache[int, []string]
	points   *stack[pair[point, *point]]
)

func fillGenerics() {
	dropped := 0
	byNumber = newCache(func(k int, v []string) { dropped++ })
	for i := 0; i < 6000; i++ {
		u := &user{name: fmt.Sprint("cached ", i)}
		a := byName.put(u.name, u)
		b := byNumber.put(i, []string{u.name, "b"})
		if i%10 == 0 {
			is(unsafe.Pointer(u), "main.user")
			is(unsafe.Pointer(a), "main.entry[string,*main.user]")
			is(unsafe.Pointer(b), "main.entry[int,[]string]")
			is(unsafe.Pointer(&b.pair.value[0]), "string")
		}
	}
	is(word(unsafe.Pointer(&byName.entries)), "map[string]*main.entry[string,*main.user]")
	is(word(unsafe.Pointer(&byNumber.entries)), "map[int]*main.entry[int,[]string]")
	is(unsafe.Pointer(byNumber), "main.cache[int,[]string]")
	is(unsafe.Pointer(&byName.order[0]), "string")
	is(unsafe.Pointer(&byNumber.order[0]), "int")
	for i := 0; i < 100; i++ {
		points = &stack[pair[point, *point]]{below: points}
		for k := 0; k < 20; k++ {
			points.items = append(points.items, pair[point, *point]{value: &point{}})
		}
		is(unsafe.Pointer(points), "main.stack[main.pair[main.point,*main.point]]")
		is(unsafe.Pointer(&points.items[0]), "main.pair[main.point,*main.point]")
	}
}

// Types that reflection made.

var reflected []interface{}

func fillReflected() {
	text := reflect.TypeOf("")
	made := reflect.StructOf([]reflect.StructField{
		{Name: "Name", Type: text},
		{Name: "Count", Type: reflect.TypeOf(0)},
		{Name: "List", Type: reflect.SliceOf(text)},
		{Name: "Next", Type: reflect.TypeOf(&node{})},
	})
	wide := reflect.ArrayOf(100, made)
	for i := 0; i < 500; i++ {
		v := reflect.New(made)
		v.Elem().Field(0).SetString(strings.Repeat("name", 10))
		v.Elem().Field(2).Set(reflect.MakeSlice(reflect.SliceOf(text), 5, 5))
		v.Elem().Field(3).Set(reflect.ValueOf(&node{value: "of reflection"}))
		is(v.UnsafePointer(), made.String())
		is(v.Elem().Field(3).UnsafePointer(), "main.node")
		reflected = append(reflected, v.Interface())
	}
	for i := 0; i < 50; i++ {
		v := reflect.New(wide)
		is(v.UnsafePointer(), made.String())
		m := reflect.MakeMap(reflect.MapOf(text, made))
		for k := 0; k < 30; k++ {
			m.SetMapIndex(reflect.ValueOf(fmt.Sprint(k)), v.Elem().Index(k))
		}
		is(m.UnsafePointer(), "map[string]"+made.String())
		s := reflect.MakeSlice(reflect.SliceOf(made), 20, 20)
		is(s.UnsafePointer(), made.String())
		c := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, made), 10)
		c.Send(s.Index(0))
		is(c.UnsafePointer(), "chan "+made.String())
		f := reflect.MakeFunc(reflect.TypeOf(strings.ToUpper), func(a []reflect.Value) []reflect.Value { return a })
		reflected = append(reflected, v.Interface(), m.Interface(), s.Interface(), c.Interface(), f.Interface())
	}
}
