// Package cond shows goroutines in Cond.Wait that nobody will signal.
package cond

import (
	"sync"
	"time"
)

type queue struct {
	mu      sync.Mutex
	changed *sync.Cond
	items   []int
	waiting int
}

func newQueue() *queue {
	q := new(queue)
	q.changed = sync.NewCond(&q.mu)
	return q
}

func (q *queue) put(item int) {
	q.mu.Lock()
	q.items = append(q.items, item) // forgets to signal
	q.mu.Unlock()
}

func (q *queue) get() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting++
	for len(q.items) == 0 {
		q.changed.Wait() // want leak: cond proven 1; leak-one: cond proven 4
	}
	q.waiting--
	item := q.items[0]
	return item
}

// untilWaiting returns once n goroutines are in get.
func (q *queue) untilWaiting(n int) {
	for {
		q.mu.Lock()
		waiting := q.waiting
		q.mu.Unlock()
		if waiting == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Leak: the item comes, the signal does not.
func Leak() {
	q := newQueue()
	go q.get()
	q.untilWaiting(1)
	q.put(1)
}

// LeakOne: Signal wakes one of five where Broadcast was meant.
func LeakOne() {
	q := newQueue()
	for i := 0; i < 5; i++ {
		go q.get()
	}
	q.untilWaiting(5)
	q.put(1)
	q.changed.Signal()
}

// LeakLost: the signal came before anybody waited, and is lost.
func LeakLost() {
	var mu sync.Mutex
	started := sync.NewCond(&mu)
	started.Broadcast()
	go func() {
		mu.Lock()
		started.Wait() // want leak-lost: cond proven 1
		mu.Unlock()
	}()
}

type pool struct {
	sync.Mutex
	free sync.Cond
	size int
}

func (p *pool) take() {
	p.Lock()
	for p.size == 0 {
		p.free.Wait() // want leak-struct: cond proven 3
	}
	p.size--
	p.Unlock()
}

// LeakStruct: the Cond is a field, its lock is free.
func LeakStruct() {
	p := new(pool)
	p.free.L = p
	for i := 0; i < 3; i++ {
		go p.take()
	}
}
