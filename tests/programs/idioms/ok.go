// Package idioms holds memory by pointers that see more of it than their types say, or that lie where types are
// easily mistaken. All of it can be reached: nothing here may be called a proven leak.
package idioms

import "unsafe"

const count, words = 40, 1 << 12

type leaf struct {
	next *leaf
	n    [5]int
}

type base struct {
	parent *base
	n      [10]int
}

// In the same slot size as base, so that a pointer to base might be taken for one to the whole.
type derived struct {
	base
	leaves *[words]leaf
}

var (
	bases    []*base
	deriveds []*derived
	oneLeaf  []*leaf
	firsts   []*node
	headers  []*header
	arrays   []carray
	threes   [][]*leaf
	endings  []*ending
)

// OKEmbedded: pointers to the embedded struct come first, the array hangs on the field behind it.
func OKEmbedded() {
	for i := 0; i < count; i++ {
		d := &derived{leaves: new([words]leaf)}
		bases = append(bases, &d.base)
		deriveds = append(deriveds, d)
		oneLeaf = append(oneLeaf, &d.leaves[7])
	}
}

type ending struct {
	all  [11]*leaf
	more *[words]leaf
}

// OKEnding: a slice shows an array inside a struct, but for the field behind it.
func OKEnding() {
	for i := 0; i < count; i++ {
		e := &ending{more: new([words]leaf)}
		e.all[0] = new(leaf)
		threes = append(threes, e.all[:])
		endings = append(endings, e)
		oneLeaf = append(oneLeaf, &e.more[7])
	}
}

// node begins a large one: who has a pointer to it casts.
type node struct {
	kind int
	next *node
}

type largeNode struct {
	node
	children [words]*node
}

func (n *node) large() *largeNode { return (*largeNode)(unsafe.Pointer(n)) }

// OKFirst: a pointer to what a larger struct begins with.
func OKFirst() {
	for i := 0; i < count; i++ {
		n := new(largeNode)
		n.children[i] = new(node)
		firsts = append(firsts, &n.node) // want ok-first: subslice suspect 40 go>=1.22
	}
}

// OKFirstUse keeps the compiler from leaving the cast out.
func OKFirstUse() {
	OKFirst()
	for i, n := range firsts {
		n.large().children[i].kind = i // want ok-first-use: subslice suspect 40 go>=1.22
	}
}

type header struct{ magic, len int64 }

// OKHeader: a header at the beginning of bytes, the rest is reached by its offset.
func OKHeader() {
	for i := 0; i < count; i++ {
		b := make([]byte, words*8)
		h := (*header)(unsafe.Pointer(&b[0]))
		h.len = words
		headers = append(headers, h)
	}
}

type carray struct {
	first *leaf
	len   int
}

// OKFirstElement: the first element and the number of them, as unsafe.SliceData has it.
func OKFirstElement() {
	arrays = make([]carray, count)
	for i := range arrays {
		s := make([]leaf, words)
		arrays[i] = carray{&s[0], words} // want ok-first-element: subslice suspect 40 go>=1.22
	}
}

type elem struct {
	leaves *[words]leaf
	pad    [3]*leaf
}

var (
	inGlobal = &global.elems[3]
	global   struct {
		leaves *[words]leaf
		elems  [20]elem
		behind *[words]leaf
	}
)

// OKGlobal: a pointer into an array of package variables.
func OKGlobal() {
	global.leaves, global.behind = new([words]leaf), new([words]leaf)
	oneLeaf = append(oneLeaf, &global.leaves[5], &global.behind[6])
	for i := range global.elems {
		global.elems[i].leaves = new([words]leaf)
		oneLeaf = append(oneLeaf, &global.elems[i].leaves[7])
	}
	inGlobal.pad[0] = new(leaf)
}
