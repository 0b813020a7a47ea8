package main

import "strconv"

const chainCount = 1024

// A record is four objects: itself, its name, its data and its tag. Three of four hold no pointers or few.
type record struct {
	name string
	data []byte
	tag  *tag
	next *record
}

type tag struct {
	key   string
	other *record
}

const recordObjects = 4
const recordOverhead = 64 + 16 + 24

// A node is all pointers but for four words, and every page of a heap of them must be copied.
type node struct {
	links   [12]*node
	numbers [4]uint64
}

const nodeBytes = 128
const nodeLinks = 4

// A pair is the smallest object that leads on.
type pair struct{ next, other *pair }

var (
	records []*record
	byName  = map[string]*record{}
	nodes   []*node
	pairs   []*pair
)

func fillRecords(objects, bytes int) {
	count := objects / recordObjects
	if count == 0 {
		return
	}
	size := bytes/count - recordOverhead
	if size < 8 {
		size = 8
	}
	records = make([]*record, chainCount)
	for i := 0; i < count; i++ {
		made := &record{name: "record-" + strconv.Itoa(i), data: make([]byte, size/2+i%size)}
		chain := &records[i%chainCount]
		made.next = *chain
		made.tag = &tag{key: made.name[7:], other: *chain}
		*chain = made
		if i%64 == 0 {
			byName[made.name] = made
		}
	}
}

// fillNodes links each node to some before it.
func fillNodes(bytes int) {
	nodes = make([]*node, bytes/(nodeBytes+8))
	for i := range nodes {
		made := &node{numbers: [4]uint64{uint64(i)}}
		for l := 0; l < nodeLinks && i > 0; l++ {
			made.links[l] = nodes[i-1-(i*7+l*13)%min(i, chainCount)]
		}
		nodes[i] = made
	}
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func fillPairs(objects int) {
	pairs = make([]*pair, chainCount)
	for i := 0; i < objects; i++ {
		chain := &pairs[i%chainCount]
		*chain = &pair{*chain, pairs[i*7%chainCount]}
	}
}
