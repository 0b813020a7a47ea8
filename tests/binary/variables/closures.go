package main

import (
	"fmt"
	"reflect"
	"unsafe"
)

// capture is what a closure is known to have captured: the word that must stand in it, and how that is seen.
type capture struct {
	name  string
	word  uintptr // the first word, as it must stand in the closure object
	kind  string
	of    reflect.Type
	maybe bool // may also be left out: not certain without more knowledge
}

var sink interface{}

//go:noinline
func use(values ...interface{}) { sink = values }

func word(p interface{}) uintptr { return reflect.ValueOf(p).Pointer() }

func stringWord(s *string) uintptr { return *(*uintptr)(unsafe.Pointer(s)) }

func typeOf(pointer interface{}) reflect.Type { return reflect.TypeOf(pointer).Elem() }

// show prints a closure and its captures: name, offset, kind and type. size is what was allocated for it.
func show(f interface{}, size uintptr, captures ...capture) {
	object := *(*uintptr)(unsafe.Pointer(&(*[2]unsafe.Pointer)(unsafe.Pointer(&f))[1]))
	words := (*[64]uintptr)(unsafe.Pointer(object))
	fmt.Printf("closure %#x %d\n", words[0], size)
	for _, c := range captures {
		offset := 0
		for i := uintptr(1); i < size/8; i++ {
			if words[i] == c.word {
				offset = int(i) * 8
			}
		}
		var t uintptr
		if c.of != nil {
			t = typeAddress(c.of)
		}
		fmt.Printf("  %s %d %s %#x %v\n", c.name, offset, c.kind, t, c.maybe)
	}
}

type big struct {
	first *int
	rest  [6]int
	last  *string
}

//go:noinline
func byValue(p *outer, s string, list []*inner, m map[string]int) func() {
	return func() { use(p, s, list, m) }
}

//go:noinline
func byReference(n int) (func(), *string, *big, **outer) {
	text := "text"
	var b big
	var p *outer
	f := func() {
		text += "x"
		b.first = &n
		p = &outer{id: n}
	}
	return f, &text, &b, &p
}

//go:noinline
func bigByValue(b big, s string) func() {
	return func() { use(b.first, b.rest[3], s, b.last) }
}

//go:noinline
func addressNeeded(p *outer, c chan *outer, m map[*outer]int, x interface{}) func() {
	return func() {
		c <- p
		m[p] = 2
		use(x)
	}
}

//go:noinline
func lastByReference() (func(), *string) {
	text := "text"
	return func() { text += "y" }, &text
}

//go:noinline
func inGeneric[T any](value *T, all []T) func() {
	return func() { use(value, all) }
}

func printClosures() {
	p, s, list, m := &outer{}, fmt.Sprint("str", number), make([]*inner, 3), map[string]int{"": 1}
	f := byValue(p, s, list, m)
	show(f, 64,
		capture{"p", word(p), "pointer", typeOf(p), false},
		capture{"s", stringWord(&s), "string", nil, false},
		capture{"list", word(list), "slice", typeOf(&list[0]), false},
		capture{"m", word(m), "map", reflect.TypeOf(m), false})

	g, text, b, q := byReference(number)
	show(g, 48,
		capture{"text", word(text), "pointer", typeOf(text), true},
		capture{"b", word(b), "pointer", typeOf(b), true},
		capture{"p", word(q), "pointer", typeOf(q), true})

	big1 := big{first: new(int), last: new(string)}
	h := bigByValue(big1, s)
	show(h, 96, capture{"s", stringWord(&s), "string", nil, false})

	c := make(chan *outer, 1)
	pm := map[*outer]int{}
	i := addressNeeded(p, c, pm, 8)
	show(i, 48,
		capture{"p", word(p), "pointer", typeOf(p), true},
		capture{"c", word(c), "chan", reflect.TypeOf(c), false},
		capture{"m", word(pm), "map", reflect.TypeOf(pm), false})

	k, text := lastByReference()
	show(k, 16, capture{"text", word(text), "pointer", typeOf(text), false})

	l := inGeneric(p, make([]outer, 1))
	show(l, 48)
}
