// Package bigheap is a program with a heap of a size that services have.
package bigheap

import "runtime/debug"

type record struct {
	next    *record
	key     string
	labels  []string
	payload []byte
	id      uint64
	parent  *record
}

const (
	records = 1250000 // of four objects each
	shards  = 64
	lost    = 2000 // records each leaked goroutine holds
)

var (
	lists [shards]*record
	index = map[uint64]*record{}
)

func build(id int, next *record) *record {
	key := make([]byte, 16+id%16)
	for i := range key {
		key[i] = 'a' + byte((id>>uint(i))%26)
	}
	r := &record{next: next, id: uint64(id), key: string(key[:12+id%8])}
	r.labels = []string{r.key, "static"}
	r.payload = make([]byte, 400+id%480)
	r.payload[0] = 1 // so that the memory is really there
	return r
}

// FiveMillion builds 5 million objects in 1 GB, of which a few are held by
// goroutines that wait for ever. The collector stays off but for the one run before
// "ready".
func FiveMillion() {
	debug.SetGCPercent(-1)
	for id := 0; id < records; id++ {
		list := &lists[id%shards]
		r := build(id, *list)
		r.parent = *list
		*list = r
		if id%16 == 0 {
			index[r.id] = r
		}
	}
	for i := 0; i < 20; i++ {
		var list *record
		for id := 0; id < lost; id++ {
			list = build(id, list)
		}
		go consume(list, make(chan *record))
	}
}

func consume(list *record, more <-chan *record) {
	r := <-more // want 5m: receive-blocked proven 20
	r.next = list
}
