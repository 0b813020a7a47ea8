// Package parts has types whose methods are exported and used through interfaces elsewhere.
package parts

type Tree struct {
	Root  *Node
	index map[string]*Node
	free  []*Node
	note  string
}

type Node struct {
	key         string
	left, right *Node
	value       any
}

func NewTree() *Tree {
	return &Tree{Root: &Node{}, index: make(map[string]*Node)}
}

//go:noinline
func (t *Tree) Add(key string, n int) {
	if t.index == nil {
		t.index = make(map[string]*Node, n)
	}
	node := &Node{key: key, value: n}
	t.index[key] = node
	t.free = append(t.free, node)
	t.note = key
	if t.Root == nil {
		t.Root = node
	}
}

//go:noinline
func (n *Node) Walk(f func(*Node)) {
	if n != nil {
		f(n)
		n.left.Walk(f)
		n.right.Walk(f)
	}
}
