// Package substring keeps short strings that are cut from long ones.
package substring

import (
	"runtime"
	"strings"
	"sync"
)

const pages, pageBytes = 100, 1 << 20

type entry struct {
	id  int
	key string
}

var (
	entries = map[int]entry{}
	keys    []string
	byKey   = map[string]*entry{}
	boxed   []interface{}
	lines   chan string
	table   *index
)

type index struct {
	title string
	rows  [pages]struct {
		id   int64
		name string
	}
}

func page(i int) string {
	return strings.Repeat(string(rune('a'+i%26)), pageBytes)
}

// Leak: 20 bytes of each page are kept in a map of structs.
func Leak() {
	for i := 0; i < pages; i++ {
		p := page(i)
		entries[i] = entry{i, p[100:120]} // want leak: substring proven 100 wasted=104855600 holder=substring.entry[...].key
	}
}

// LeakSlice: in a slice of strings.
func LeakSlice() {
	for i := 0; i < pages; i++ {
		p := page(i)
		keys = append(keys, p[:20]) // want leak-slice: substring proven 100 wasted=104855600 holder=string[...]
	}
}

// LeakKey: as the keys of a map.
func LeakKey() {
	for i := 0; i < pages; i++ {
		p := strings.Repeat(string(rune('0'+i/10))+string(rune('0'+i%10)), pageBytes/2)
		byKey[p[:20]] = &entry{id: i} // want leak-key: substring proven 100 wasted=104855600 holder=[key]
	}
}

// LeakBoxed: in interfaces.
func LeakBoxed() {
	for i := 0; i < pages; i++ {
		p := page(i)
		boxed = append(boxed, p[len(p)-20:]) // want leak-boxed: substring proven 100 wasted=104855600
	}
}

// LeakChannel: in the buffer of a channel.
func LeakChannel() {
	lines = make(chan string, pages)
	for i := 0; i < pages; i++ {
		p := page(i)
		lines <- p[7:27] // want leak-channel: substring proven 100 wasted=104855600
	}
}

// LeakTable: in an array of structs inside a large one.
func LeakTable() {
	table = &index{title: "rows"}
	for i := range table.rows {
		p := page(i)
		table.rows[i].name = p[:20] // want leak-table: substring proven 100 wasted=104855600 holder=substring.index.rows[...].name
	}
}

// LeakTwoParts: two parts of each page, of which one lies in the other.
func LeakTwoParts() {
	for i := 0; i < pages; i++ {
		p := page(i)
		entries[2*i] = entry{i, p[100:120]} // want leak-two-parts: substring proven 100 wasted=104855576 holder=substring.entry[...].key
		entries[2*i+1] = entry{i, p[96:140]}
	}
}

const pooled = 16

var entryPool sync.Pool

// LeakPool: in what a pool keeps. The collector runs first: a pool is emptied by the second collection after a Put, and only one is
// to come.
func LeakPool() {
	runtime.GC()
	used := make([]*entry, pooled)
	for i := range used {
		p := page(i)
		used[i] = &entry{i, p[100:120]} // want leak-pool: substring suspect 16 wasted=16776896 holder=substring.entry.key; leak-pool: pool-bloat suspect 16
	}
	for _, e := range used {
		entryPool.Put(e)
	}
}

type wide struct {
	counts [30]*int
	name   string
	labels [20]string
}

var wides []*wide

// LeakWide: in structs so long that the pointer map of one has no simple place in the runtime's bitmap (Go 1.20, 1.21).
func LeakWide() {
	for i := 0; i < pages; i++ {
		p := page(i)
		wides = append(wides, &wide{name: p[:20]}) // want leak-wide: substring proven 100 wasted=104855600 holder=substring.wide.name
	}
}
