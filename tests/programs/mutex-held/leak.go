// Package mutexheld shows locks whose owner ended, or is stuck, without
// unlocking: everybody who comes later waits for ever.
package mutexheld

import (
	"errors"
	"sync"
)

var errMissing = errors.New("missing")

// neighbours stay alive. An 8-byte mutex without pointers shares its 16-byte
// block with small objects like these.
var neighbours []*uint32

func addNeighbour() {
	neighbours = append(neighbours, new(uint32))
}

// Leak: ten goroutines lock, the first one ends without unlocking.
func Leak() {
	addNeighbour()
	mu := new(sync.Mutex)
	addNeighbour()
	hits := 0
	for i := 0; i < 10; i++ {
		go func() {
			mu.Lock() // want leak: mutex-held proven 9
			hits++
		}()
	}
}

type account struct {
	owner string
	sync.Mutex
	balance map[string]int
}

func (a *account) get(currency string) (int, error) {
	a.Lock() // want leak-struct: mutex-held proven 9; leak-global-map: mutex-held abandoned 9
	n, ok := a.balance[currency]
	if !ok {
		return 0, errMissing // forgets to unlock
	}
	a.Unlock()
	return n, nil
}

// LeakStruct: the mutex is embedded in a struct and lost on the error path.
func LeakStruct() {
	a := &account{owner: "ann"}
	for i := 0; i < 10; i++ {
		go a.get("EUR")
	}
}

var accounts = map[string]*account{}

// LeakGlobalMap: the same, but a package variable leads to the account.
func LeakGlobalMap() {
	accounts["ann"] = &account{owner: "ann"}
	for i := 0; i < 10; i++ {
		go accounts["ann"].get("EUR")
	}
}

var (
	registry   sync.Mutex
	registered = map[string]int{}
)

func lookup(name string) (int, error) {
	registry.Lock() // want leak-global: mutex-held abandoned 9
	n, ok := registered[name]
	if !ok {
		return 0, errMissing // forgets to unlock
	}
	registry.Unlock()
	return n, nil
}

// LeakGlobal: the mutex is a package variable.
func LeakGlobal() {
	for i := 0; i < 10; i++ {
		go lookup("nobody")
	}
}

var counts map[string]int // never made

func count(name string) {
	defer func() { recover() }()
	registry.Lock() // want leak-global-panic: mutex-held abandoned 9
	counts[name]++  // panics
	registry.Unlock()
}

// LeakGlobalPanic: a panic passes the Unlock by and is recovered from.
func LeakGlobalPanic() {
	for i := 0; i < 10; i++ {
		go count("x")
	}
}

type topic struct {
	mu   sync.Mutex
	subs []chan string
}

func (t *topic) publish(msg string) {
	t.mu.Lock() // want leak-holder: mutex-held proven 9
	defer t.mu.Unlock()
	for _, sub := range t.subs {
		sub <- msg // want leak-holder: send-blocked proven 1
	}
}

// LeakHolder: the owner would unlock, but waits for a subscriber that is gone.
func LeakHolder() {
	t := &topic{subs: []chan string{make(chan string)}}
	for i := 0; i < 10; i++ {
		go t.publish("hello")
	}
}

func report(result chan<- int, n int) {
	registry.Lock() // want leak-holder-global: mutex-held deadlocked 9; leak-holder-shared: mutex-held deadlocked 9
	defer registry.Unlock()
	registered["last"] = n
	result <- n // want leak-holder-global: send-blocked proven 1; leak-holder-shared: send-blocked deadlocked 1
}

// LeakHolderGlobal: the same under a lock that is a package variable. The owner
// is lost whatever the lock does, as nobody else has its channel.
func LeakHolderGlobal() {
	for i := 0; i < 10; i++ {
		go report(make(chan int), i)
	}
}

// LeakHolderShared: here the others have the channel too, so that only who holds
// the lock shows that none of them will ever use it.
func LeakHolderShared() {
	result := make(chan int)
	for i := 0; i < 10; i++ {
		go report(result, i)
	}
}
