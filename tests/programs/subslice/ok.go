package subslice

import (
	"bytes"
	"unsafe"
)

// OKCopy: what is kept is a copy.
func OKCopy() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		heads = append(heads, samples{"copy", append([]int(nil), a[:4]...)})
	}
}

// OKAppend: a slice without room is copied when it grows.
func OKAppend() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		heads = append(heads, samples{"grown", append(a[:4:4], i)})
	}
}

var whole [][]int

// OKWhole: the arrays are in use as well.
func OKWhole() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		whole = append(whole, a)
		heads = append(heads, samples{"part", a[:4:4]})
		pointers = append(pointers, &a[7])
	}
}

// OKHalves: two slices share an array.
func OKHalves() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		heads = append(heads, samples{"left", a[: arrayInts/2 : arrayInts/2]}, samples{"right", a[arrayInts/2:]})
	}
}

var buffers []*bytes.Buffer

// OKBuffer: buffers that have been used and reset.
func OKBuffer() {
	for i := 0; i < arrays; i++ {
		b := new(bytes.Buffer)
		b.Write(make([]byte, 1<<20))
		b.Reset()
		buffers = append(buffers, b)
	}
}

var blocks []*block

// OKField: the struct itself is in use.
func OKField() {
	for i := 0; i < arrays; i++ {
		b := &block{id: i}
		blocks = append(blocks, b)
		fields = append(fields, &b.id)
	}
}

// OKSmall: what is lost is little.
func OKSmall() {
	for i := 0; i < 100; i++ {
		a := make([]int, 32)
		heads = append(heads, samples{"small", a[:4:4]})
	}
}

type view struct{ data interface{} }

var views []view

// OKBoxed: an interface holds the whole slice, another part of it.
func OKBoxed() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		views = append(views, view{a}, view{a[:4:4]})
	}
}

type pageHead struct {
	id, count uint64
}

type record struct {
	pos, len uint64
}

var pages []*pageHead

// OKCast: the head of a page is all that there is a pointer to, and what stands behind it is read by computing with addresses.
func OKCast() {
	for i := 0; i < arrays; i++ {
		raw := make([]byte, 2<<20)
		head := (*pageHead)(unsafe.Pointer(&raw[0]))
		head.count = 1
		first := (*record)(unsafe.Pointer(uintptr(unsafe.Pointer(head)) + unsafe.Sizeof(*head)))
		first.len = uint64(i)
		pages = append(pages, head)
	}
}
