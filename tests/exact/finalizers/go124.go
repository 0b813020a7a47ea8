//go:build go1.24

package main

import (
	"math/rand"
	"runtime"
	"sync/atomic"
	"weak"
)

type argument struct {
	id   int
	node *node
}

// By node.
var weaks = map[int]weak.Pointer[node]{}

func init() { extra, settled = addCleanup, forgetWeak }

// What a weak pointer has lost it cannot give back.
func forgetWeak() {
	for id, pointer := range weaks {
		facts[id].weak = pointer.Value() != nil
	}
}

// A node without a finalizer gets a cleanup, whose argument or function leads to some node; some nodes a weak pointer.
func addCleanup(random *rand.Rand, n *node, id int, nodes []*node, first int) {
	if random.Intn(30) == 0 {
		weaks[id] = weak.Make(n)
	}
	if facts[id].special || random.Intn(4) > 0 {
		return
	}
	facts[id].special = true
	k := random.Intn(size)
	other := nodes[k]
	switch random.Intn(3) {
	case 0:
		facts[id].record = append(facts[id].record, first+k)
		runtime.AddCleanup(n, func(a *argument) { atomic.StoreUint32(&ran[a.id], 1) }, &argument{id, other})
	case 1: // a closure must not lead to the object at once
		facts[id].record = append(facts[id].record, first+k)
		a := &argument{id, other}
		runtime.AddCleanup(n, func(int) { atomic.StoreUint32(&ran[a.id], 1) }, 0)
	case 2:
		runtime.AddCleanup(n, func(id int) { atomic.StoreUint32(&ran[id], 1) }, id)
	}
}
