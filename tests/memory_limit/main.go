// A heap of 1.2 million objects with leaks of each kind that a memory limit may leave out: goroutines, strings, timers.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

type record struct {
	next    *record
	key     string
	labels  []string
	payload []byte
	id      uint64
}

const (
	records = 300000 // of four objects each
	leaked  = 20
	held    = 1000 // records of each leaked goroutine
	strs    = 100
	timers  = 2000
)

var (
	lists  [64]*record
	titles []string
	fired  int
)

func build(id int, next *record) *record {
	key := strings.Repeat("k", 16+id%16)
	r := &record{next: next, id: uint64(id), key: key}
	r.labels = []string{key, "static"}
	r.payload = make([]byte, 200+id%400)
	r.payload[0] = 1
	return r
}

func consume(list *record, more <-chan *record) {
	r := <-more
	r.next = list
}

func main() {
	debug.SetGCPercent(-1)
	for id := 0; id < records; id++ {
		list := &lists[id%len(lists)]
		*list = build(id, *list)
	}
	for i := 0; i < leaked; i++ {
		var list *record
		for id := 0; id < held; id++ {
			list = build(id, list)
		}
		go consume(list, make(chan *record))
	}
	for i := 0; i < strs; i++ {
		page := strings.Repeat("title and text ", 10000)
		titles = append(titles, page[:20])
	}
	for i := 0; i < timers; i++ {
		time.AfterFunc(time.Hour, func() { fired++ })
	}
	time.Sleep(50 * time.Millisecond)
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
}
