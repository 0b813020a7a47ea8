package alltypes

// keepFunctions keeps functions: plain, closures over values and variables,
// method values and expressions, of generic types too.
func keepFunctions() {
	n, t, s := 1, &tree{name: "captured"}, "captured text"
	keep(newHuge, func() int { return n }, func() *tree { return t }, func() (string, int) { return s, n })
	counter := 0
	increment, read := func() { counter++ }, func() int { return counter }
	increment()
	keep(increment, read)
	var recurse func(int) *tree
	recurse = func(depth int) *tree {
		if depth == 0 {
			return t
		}
		return recurse(depth - 1)
	}
	keep(recurse, func() func() *tree { return func() *tree { return recurse(1) } })
	array := bigValue(3)
	keep(func(i int) *int { return array[i] })

	p := &polygon{name: "bound"}
	keep(p.area, square{2}.area, (*polygon).area, square.area, shape.area, shape(p).area)
	keep(pointerShaped{new(int)}.area, embedded{shape: p}.shape.area)
	l := newChain(&tree{name: "generic"})
	keep(l.length, newChain("a", "b").length, (*chain[int]).length)
}

func (l *chain[T]) length() int {
	n := 0
	for ; l != nil; l = l.next {
		n++
	}
	return n
}
