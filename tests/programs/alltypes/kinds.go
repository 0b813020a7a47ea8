package alltypes

import (
	"strings"
	"unsafe"
)

type tree struct {
	left, right *tree
	name        string
}

type shape interface{ area() float64 }

type square struct{ side float64 }

type polygon struct {
	name   string
	points []struct{ x, y *float64 }
}

func (s square) area() float64   { return s.side * s.side }
func (p *polygon) area() float64 { return float64(len(p.points)) }

type pointerShaped struct{ only *int }

func (p pointerShaped) area() float64 { return 0 }

type embedded struct {
	shape
	*tree
	square
}

type chain[T any] struct {
	value T
	next  *chain[T]
}

func newChain[T any](values ...T) *chain[T] {
	var l *chain[T]
	for _, v := range values {
		l = &chain[T]{v, l}
	}
	return l
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newTree(depth int) *tree {
	if depth == 0 {
		return nil
	}
	return &tree{newTree(depth - 1), newTree(depth - 2 + depth%2), strings.Repeat("n", depth)}
}

// keepKinds keeps values of every kind of type but maps, channels and functions.
func keepKinds() {
	keep(newTree(12))
	ring := &tree{name: "ring"}
	ring.left = &tree{right: ring}
	keep(ring)

	keep(square{2}, &square{3}, &polygon{name: "p", points: make([]struct{ x, y *float64 }, 5)})
	keep([]shape{square{4}, &polygon{}, pointerShaped{new(int)}, nil})
	keep(pointerShaped{new(int)}, [1]*int{new(int)}, embedded{square{1}, &tree{}, square{2}})
	keep(true, int8(1), 1<<40, 3.14, 2i, "text", uintptr(1), [3]string{"a", "b"}, struct{}{})

	keep(newChain(1, 2, 3), newChain("a", strings.Repeat("b", 20)), newChain(&tree{}, nil))
	keep(newChain[shape](square{5}, &polygon{}), newChain([]byte("x"), nil))
	keep(&pair[string, *chain[int]]{"k", newChain(7)}, pair[int8, [3]*tree]{1, [3]*tree{{}, nil, {}}})

	// Pointers into the middle, and slices and strings that see a part.
	numbers := new([1000]int)
	keep(&numbers[500], numbers[10:20:30])
	trees := make([]tree, 50)
	keep(&trees[49].name, &trees[1].left)
	long := strings.Repeat("long", 1000)
	keep(long[4:8], strings.Fields(long+" "+long))
	shrunk := []*tree{{}, {}, {}, {}}
	keep(shrunk[:1])
	matrix := make([][][]*int, 5)
	for i := range matrix {
		matrix[i] = make([][]*int, i)
		for j := range matrix[i] {
			matrix[i][j] = pointers(j + 1)
		}
	}
	keep(matrix)

	bytes := make([]byte, 64)
	keep(unsafe.Pointer(&bytes[8]))
	pp := new(*tree)
	*pp = &tree{name: "behind two pointers"}
	ppp := &pp
	keep(ppp)
	var any interface{} = &tree{}
	keep(&any, [][]interface{}{{1, "a", &any}, nil, {}})
}
