// Program views builds random values of random types that share memory in every way that Go allows: parts of strings and slices, pointers to
// elements and fields, maps, interfaces, channels, closures. Then it walks all that its package variables lead to, by reflection, and prints
// each piece of memory that it could touch:
//
//	touch ADDRESS LENGTH
//	cast ADDRESS LENGTH           memory that only unsafe casts give access to
//	backing ADDRESS LENGTH        a string or array that parts were taken of
//	ready
//
// It ends when standard input does. Usage: views SEED
package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

type leaf struct {
	id   int
	name string
	raw  []byte
}

type wide struct {
	head  leaf
	cells [40]leaf
	next  *leaf
	nums  [300]int64
}

type tree struct {
	left, right *tree
	value       interface{}
	labels      map[string]string
	parts       []leaf
	more        []*leaf
	num         *int64
	cell        *leaf
	any         map[interface{}]interface{}
	big         map[int][20]string
	fixed       [3]string
	fn          func() string
}

type stringer interface{ text() string }

func (l leaf) text() string  { return l.name }
func (w *wide) text() string { return w.head.name }

var (
	random  *rand.Rand
	roots   []interface{}
	forest  []*tree
	byName  = map[string]*tree{}
	things  []stringer
	matrix  [][]string
	queue   []*leaf
	mails   chan leaf
	nested  map[int]map[string][]string
	widest  *wide
	backing [][2]uintptr
)

// more is what files named after a release add.
var more []func()

func chance(percent int) bool { return random.Intn(100) < percent }

func text() string {
	n := 40 + random.Intn(3000)
	s := strings.Repeat(string(rune('a'+random.Intn(26))), n)
	h := (*reflect.StringHeader)(unsafe.Pointer(&s))
	backing = append(backing, [2]uintptr{h.Data, uintptr(h.Len)})
	if chance(70) {
		i := random.Intn(n)
		return s[i : i+random.Intn(n-i+1)]
	}
	return s
}

func bytes() []byte {
	n := 40 + random.Intn(5000)
	b := make([]byte, n)
	backing = append(backing, [2]uintptr{uintptr(unsafe.Pointer(&b[0])), uintptr(n)})
	i := random.Intn(n)
	j := i + random.Intn(n-i+1)
	k := j + random.Intn(n-j+1)
	return b[i:j:k]
}

func newLeaf() leaf {
	l := leaf{id: random.Int()}
	if chance(80) {
		l.name = text()
	}
	if chance(30) {
		l.raw = bytes()
	}
	return l
}

func newWide() *wide {
	w := &wide{head: newLeaf()}
	for i := range w.cells {
		if chance(10) {
			w.cells[i] = newLeaf()
		}
	}
	return w
}

func leaves() []leaf {
	s := make([]leaf, 1+random.Intn(60))
	for i := range s {
		if chance(20) {
			s[i] = newLeaf()
		}
	}
	i := random.Intn(len(s))
	j := i + random.Intn(len(s)-i+1)
	return s[i:j]
}

func pointers() []*leaf {
	s := make([]*leaf, 1+random.Intn(200))
	for i := range s {
		if chance(20) {
			l := newLeaf()
			s[i] = &l
		}
	}
	i := random.Intn(len(s))
	j := i + random.Intn(len(s)-i+1)
	k := j + random.Intn(len(s)-j+1)
	return s[i:j:k]
}

func newTree(depth int) *tree {
	t := &tree{}
	if depth > 0 && chance(70) {
		t.left = newTree(depth - 1)
	}
	if depth > 0 && chance(70) {
		t.right = newTree(depth - 1)
	}
	switch random.Intn(8) {
	case 0:
		t.value = text()
	case 1:
		t.value = newLeaf()
	case 2:
		t.value = newWide()
	case 3:
		t.value = bytes()
	case 4:
		t.value = [2]string{text(), text()}
	case 5:
		t.value = random.Int()
	case 6:
		t.value = made(2)
	}
	if chance(20) {
		t.labels = map[string]string{}
		for i := random.Intn(40); i > 0; i-- {
			t.labels[text()] = text()
		}
	}
	if chance(30) {
		t.parts = leaves()
	}
	if chance(30) {
		t.more = pointers()
	}
	switch random.Intn(6) {
	case 0:
		n := make([]int64, 10+random.Intn(1000))
		t.num = &n[random.Intn(len(n))]
	case 1:
		t.num = &newWide().nums[random.Intn(300)]
	case 2:
		t.cell = &newWide().cells[random.Intn(40)]
	case 3:
		t.cell = &leaves()[:1][0]
	case 4:
		s := text()
		t.fn = func() string { return s }
	}
	if chance(10) {
		t.any = map[interface{}]interface{}{1: text(), text(): 2, [1]string{text()}: newLeaf()}
	}
	if chance(10) {
		t.big = map[int][20]string{}
		for i := random.Intn(20); i > 0; i-- {
			t.big[i] = [20]string{text(), 7: text()}
		}
	}
	t.fixed[random.Intn(3)] = text()
	return t
}

// madeType is a type that nobody declared.
func madeType(depth int) reflect.Type {
	if depth == 0 {
		return []reflect.Type{reflect.TypeOf(""), reflect.TypeOf([]byte(nil)), reflect.TypeOf(0), reflect.TypeOf(leaf{})}[random.Intn(4)]
	}
	switch random.Intn(5) {
	case 0:
		return reflect.SliceOf(madeType(depth - 1))
	case 1:
		return reflect.ArrayOf(1+random.Intn(50), madeType(depth-1))
	case 2:
		return reflect.PtrTo(madeType(depth - 1))
	case 3:
		return reflect.MapOf(reflect.TypeOf(0), madeType(depth-1))
	}
	var fields []reflect.StructField
	for i := 1 + random.Intn(5); i > 0; i-- {
		fields = append(fields, reflect.StructField{Name: "F" + strconv.Itoa(i), Type: madeType(depth - 1)})
	}
	return reflect.StructOf(fields)
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.Set(reflect.ValueOf(bytes()))
			return
		}
		s := reflect.MakeSlice(v.Type(), 1+random.Intn(20), 20)
		for i := 0; i < s.Len(); i++ {
			if chance(20) {
				fill(s.Index(i))
			}
		}
		i := random.Intn(s.Len())
		v.Set(s.Slice3(i, s.Len(), s.Len()))
	case reflect.Array:
		for i := 0; i < v.Len(); i += 1 + random.Intn(8) {
			fill(v.Index(i))
		}
	case reflect.Ptr:
		p := reflect.New(v.Type().Elem())
		fill(p.Elem())
		v.Set(p)
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		for i := random.Intn(12); i > 0; i-- {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(e)
			m.SetMapIndex(reflect.ValueOf(i), e)
		}
		v.Set(m)
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	}
}

func made(depth int) interface{} {
	v := reflect.New(madeType(depth)).Elem()
	fill(v)
	return v.Interface()
}

func build() {
	for i := 0; i < 6; i++ {
		forest = append(forest, newTree(3))
		byName[text()] = newTree(2)
		roots = append(roots, made(3), newLeaf(), newWide(), text())
		things = append(things, newLeaf(), newWide())
		matrix = append(matrix, []string{text(), text()}[random.Intn(2):])
	}
	queue = pointers()
	mails = make(chan leaf, 8)
	mails <- newLeaf()
	mails <- newLeaf()
	nested = map[int]map[string][]string{1: {"a": {text()}}, 2: {text(): {"b", text()}}}
	widest = newWide()
}

type place struct {
	addr uintptr
	typ  reflect.Type
	len  int
}

var (
	seen    = map[place]bool{}
	touched [][2]uintptr
	cast    [][2]uintptr
)

func touch(addr, size uintptr) {
	if size > 0 {
		touched = append(touched, [2]uintptr{addr, size})
	}
}

func walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		touch((*reflect.StringHeader)(unsafe.Pointer(&s)).Data, uintptr(len(s)))
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		p := place{v.Pointer(), v.Type(), v.Cap()}
		if seen[p] {
			return
		}
		seen[p] = true
		touch(p.addr, uintptr(v.Cap())*v.Type().Elem().Size())
		all := v.Slice(0, v.Cap())
		for i := 0; i < all.Len(); i++ {
			walk(all.Index(i))
		}
	case reflect.Array:
		for i := 0; i < v.Len(); i++ {
			walk(v.Index(i))
		}
	case reflect.Ptr:
		p := place{v.Pointer(), v.Type(), 1}
		if v.IsNil() || seen[p] {
			return
		}
		seen[p] = true
		touch(p.addr, v.Type().Elem().Size())
		walk(v.Elem())
	case reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem())
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			walk(k)
			walk(v.MapIndex(k))
		}
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			walk(v.Field(i))
		}
	}
}

func main() {
	seed := int64(1)
	if len(os.Args) > 1 {
		seed, _ = strconv.ParseInt(os.Args[1], 10, 64)
	}
	random = rand.New(rand.NewSource(seed))
	build()
	buildMore()
	for _, f := range more {
		f()
	}
	for _, root := range append(moreRoots(), &roots, &forest, &byName, &things, &matrix, &queue, &nested, &widest) {
		walk(reflect.ValueOf(root).Elem())
	}
	seen = nil
	if chance(0) {
		moreUses()
	}
	runtime.GC()
	runtime.GC()
	out := bufio.NewWriter(os.Stdout)
	for _, t := range touched {
		fmt.Fprintf(out, "touch %#x %d\n", t[0], t[1])
	}
	for _, c := range cast {
		fmt.Fprintf(out, "cast %#x %d\n", c[0], c[1])
	}
	for _, b := range backing {
		fmt.Fprintf(out, "backing %#x %d\n", b[0], b[1])
	}
	fmt.Fprintln(out, "ready")
	out.Flush()
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(len(roots) + len(forest) + len(byName) + len(things) + len(matrix) + len(queue) + len(mails) + len(nested) + len(widest.cells))
}
