package main

import (
	"fmt"
	"runtime"
	"unsafe"
)

func callerFP() uintptr

// local is a local variable's value, as words; must says that seep has to know where it is.
type local struct {
	name  string
	words []uintptr
}

// frame prints the words of the frame of the function that calls it, and its variables.
//
//go:noinline
func frame(locals ...local) {
	own := callerFP()
	printFrame(*(*uintptr)(unsafe.Pointer(own)), *(*uintptr)(unsafe.Pointer(own + 8)), locals)
}

// printFrame: fp stands 16 below the canonical frame address.
//
//go:noinline
func printFrame(fp, pc uintptr, locals []local) {
	fmt.Printf("frame %#x %#x\n", runtime.FuncForPC(pc-1).Entry(), pc)
	for offset := -160; offset < 20; offset++ {
		fmt.Printf("  word %d %#x\n", offset*8-16, *(*uintptr)(unsafe.Pointer(fp + uintptr(offset*8))))
	}
	for _, l := range locals {
		fmt.Printf("  local %s", l.name)
		for _, w := range l.words {
			fmt.Printf(" %#x", w)
		}
		fmt.Println()
	}
}

// mark is frame for a function that may have no more than one call in it.
//
//go:noinline
func mark(q *outer, text string) {
	own := callerFP()
	printFrame(*(*uintptr)(unsafe.Pointer(own)), *(*uintptr)(unsafe.Pointer(own + 8)),
		[]local{{"q", []uintptr{word(q)}}, {"text", []uintptr{stringWord(&text), uintptr(len(text))}}})
}

//go:noinline
func spilled(p *outer, s string, list []*inner) int {
	made := make([]byte, number)
	m := map[int]*outer{1: p}
	frame()
	// All are needed after the call, so they stand on the stack during it.
	use(p, s, list, made, m)
	frame(
		local{"p", []uintptr{word(p)}},
		local{"s", []uintptr{stringWord(&s), uintptr(len(s))}},
		local{"list", []uintptr{word(list), uintptr(len(list)), uintptr(cap(list))}},
		local{"made", []uintptr{word(made), uintptr(len(made)), uintptr(cap(made))}},
		local{"m", []uintptr{word(m)}})
	use(p, s, list, made, m)
	return len(s) + len(list) + p.id + len(made) + len(m)
}

type onStack struct {
	first *outer
	text  string
	n     [8]int
	last  []string
}

//go:noinline
func inMemory(p *outer, big onStack) {
	var small struct {
		a *outer
		b string
	}
	small.a, small.b = p, big.text
	fill(&small.a, &small.b)
	words := wordsOfPair(&small.a, &small.b)
	bigWords := wordsOfBig(&big)
	frame(
		local{"p", []uintptr{word(p)}},
		local{"small", words},
		local{"big", bigWords})
	fill(&small.a, &small.b)
	runtime.KeepAlive(big)
	runtime.KeepAlive(p)
}

//go:noinline
func fill(a **outer, s *string) {
	if number < 0 {
		*a, *s = nil, ""
	}
}

//go:noinline
func wordsOfPair(a **outer, s *string) []uintptr {
	w := (*[3]uintptr)(unsafe.Pointer(a))
	return append([]uintptr{}, w[:]...)
}

//go:noinline
func wordsOfBig(b *onStack) []uintptr {
	w := (*[14]uintptr)(unsafe.Pointer(b))
	return append([]uintptr{}, w[:]...)
}

func inlinee(q *outer, text string) int {
	mark(q, text)
	return len(text) + q.id
}

//go:noinline
func inlines(list []*outer) int {
	sum := 0
	for _, one := range list {
		sum += inlinee(one, fmt.Sprint("text", sum))
		if sum > 1000 {
			other := &inner{}
			frame(local{"other", []uintptr{word(other)}})
			use(other)
		}
	}
	return sum
}

type other struct {
	text  string
	first *outer
	n     [8]int
	last  map[string]int
	third *inner
}

//go:noinline
func wordsOfOther(o other) []uintptr {
	w := (*[14]uintptr)(unsafe.Pointer(&o))
	return append([]uintptr{}, w[:]...)
}

// sharing has two variables in memory that are never needed at the same time.
//
//go:noinline
func sharing(p *outer, s string, m map[string]int) int {
	sum := 0
	if number > 0 {
		var one onStack
		one.first, one.text = p, s
		one.n[number] = 3
		words := wordsOfValue(one)
		frame(local{"one", words})
		sum += one.n[number+1] + len(one.text)
	}
	if number > 0 {
		var two other
		two.first, two.text, two.last = p, s, m
		two.n[number] = 4
		words := wordsOfOther(two)
		frame(local{"two", words})
		sum += two.n[number+1] + len(two.text)
	}
	return sum
}

//go:noinline
func wordsOfValue(b onStack) []uintptr { return wordsOfBig(&b) }

func printFrames() {
	s := fmt.Sprint("some", number)
	spilled(&outer{id: 4}, s, make([]*inner, 2, 5))
	inMemory(&outer{}, onStack{first: &outer{}, text: s, last: []string{"a"}})
	sharing(&outer{}, s, map[string]int{})
	inlines([]*outer{{id: 1}, {id: 2000}})
}
