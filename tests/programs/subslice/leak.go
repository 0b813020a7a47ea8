// Package subslice keeps short slices of large arrays, and pointers into them.
package subslice

const arrays, arrayInts = 20, 2 << 20 / 8

type samples struct {
	name  string
	first []int
}

type block struct {
	next *block
	data [1 << 20]byte
	id   int
}

type blockIDs struct {
	id   int64
	data [1 << 17]int64
}

type header struct {
	kind int
	name string
}

type packet struct {
	header
	data [1 << 20]byte
	next *packet
}

var (
	heads    []samples
	headers  []*header
	pointers []*int
	fields   []*int
	numbers  []*int64
	matrix   = map[string][]int{}
	items    [][]*samples
)

func array(i int) []int {
	a := make([]int, arrayInts)
	a[0] = i
	return a
}

// Leak: 4 elements of each array, cut off on both sides.
func Leak() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		heads = append(heads, samples{"head", a[:4:4]}) // want leak: subslice proven 20 wasted=41942400 holder=subslice.samples[...].first
	}
}

// LeakMiddle: out of the middle, in a map.
func LeakMiddle() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		matrix[string(rune('a'+i))] = a[1000:1004:1004] // want leak-middle: subslice proven 20 wasted=41942400 holder=map[string][]int[...]
	}
}

// LeakTail: the end of each array.
func LeakTail() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		heads = append(heads, samples{"tail", a[arrayInts-4:]}) // want leak-tail: subslice proven 20 wasted=41942400 holder=subslice.samples[...].first
	}
}

// LeakCap: the first 4 elements; re-slicing could show the rest.
func LeakCap() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		heads = append(heads, samples{"cap", a[:4]}) // want leak-cap: subslice suspect 20 wasted=41942400 holder=subslice.samples[...].first
	}
}

// LeakElement: pointers to one element; of memory without pointers the type is not known for certain.
func LeakElement() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		pointers = append(pointers, &a[100]) // want leak-element: subslice suspect 20 wasted=41942880
	}
}

// LeakField: pointers to a field of a large struct. Before Go 1.22 nothing says what the memory around is.
func LeakField() {
	for i := 0; i < arrays; i++ {
		b := &block{id: i}
		fields = append(fields, &b.id) // want leak-field: subslice proven 20 wasted=21135200 go>=1.22
	}
}

// LeakFirst: the first field; code that casts with unsafe turns it back into the struct. Up to Go 1.23 what is allocated of a type with a GC
// program, as this one, does not say its type.
func LeakFirst() {
	for i := 0; i < arrays; i++ {
		p := &packet{header: header{kind: i}}
		headers = append(headers, &p.header) // want leak-first: subslice suspect 20 wasted=21134880 go>=1.24
	}
}

// LeakNumber: a field of a large struct without pointers.
func LeakNumber() {
	for i := 0; i < arrays; i++ {
		b := &blockIDs{id: int64(i)}
		numbers = append(numbers, &b.id) // want leak-number: subslice suspect 20 wasted=21135200
	}
}

// LeakPointers: of arrays of pointers; what the other elements pointed to is still in use.
func LeakPointers() {
	all := new(samples)
	for i := 0; i < arrays; i++ {
		a := make([]*samples, arrayInts)
		for k := range a {
			a[k] = all
		}
		items = append(items, a[10:14:14]) // want leak-pointers: subslice proven 20 wasted=41942400 holder=samples[...]
	}
}
