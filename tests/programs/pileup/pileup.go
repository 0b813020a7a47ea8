// Package pileup is a program with a hundred thousand leaked goroutines.
package pileup

import "sync"

const (
	perGate = 100 // goroutines that share one set of primitives
	gates   = 20  // such sets per site
)

type gate struct {
	in, out  chan int
	pointers chan *gate
	never    chan int // nil
	mu       sync.Mutex
	rw       sync.RWMutex
	wg       sync.WaitGroup
	cond     sync.Cond
}

func newGate() *gate {
	g := &gate{in: make(chan int), out: make(chan int), pointers: make(chan *gate, 1)}
	g.pointers <- g
	g.wg.Add(1)
	g.cond.L = new(sync.Mutex)
	g.mu.Lock() // and never unlocked
	g.rw.Lock()
	return g
}

// HundredThousand leaks 2,000 goroutines at each of 50 sites.
func HundredThousand() {
	var started sync.WaitGroup
	started.Add(len(sites) * gates * perGate)
	for _, site := range sites {
		for i := 0; i < gates; i++ {
			g := newGate()
			for j := 0; j < perGate; j++ {
				go run(site, g, &started)
			}
		}
	}
	started.Wait()
}

func run(site func(*gate), g *gate, started *sync.WaitGroup) {
	started.Done()
	site(g)
}

var sites = []func(*gate){
	func(g *gate) { <-g.in },     // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { g.out <- 1 }, // want hundredthousand: send-blocked proven 2000
	func(g *gate) {
		select { // want hundredthousand: select-blocked proven 2000
		case <-g.in:
		case g.pointers <- g:
		case <-g.never:
		}
	},
	func(g *gate) {
		for range g.in { // want hundredthousand: receive-blocked proven 2000
		}
	},
	func(g *gate) { g.mu.Lock() },  // want hundredthousand: mutex-held proven 2000
	func(g *gate) { g.wg.Wait() },  // want hundredthousand: waitgroup proven 2000
	func(g *gate) { g.rw.RLock() }, // want hundredthousand: rwmutex proven 2000
	func(g *gate) {
		g.cond.L.Lock()
		g.cond.Wait() // want hundredthousand: cond proven 2000
	},
	func(g *gate) { g.never <- 1 },    // want hundredthousand: nil-channel proven 2000
	func(g *gate) { g.out <- <-g.in }, // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { <-g.in },          // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { g.out <- 1 },      // want hundredthousand: send-blocked proven 2000
	func(g *gate) {
		select { // want hundredthousand: select-blocked proven 2000
		case <-g.in:
		case g.pointers <- g:
		case <-g.never:
		}
	},
	func(g *gate) {
		for range g.in { // want hundredthousand: receive-blocked proven 2000
		}
	},
	func(g *gate) { g.mu.Lock() },  // want hundredthousand: mutex-held proven 2000
	func(g *gate) { g.wg.Wait() },  // want hundredthousand: waitgroup proven 2000
	func(g *gate) { g.rw.RLock() }, // want hundredthousand: rwmutex proven 2000
	func(g *gate) {
		g.cond.L.Lock()
		g.cond.Wait() // want hundredthousand: cond proven 2000
	},
	func(g *gate) { g.never <- 1 },    // want hundredthousand: nil-channel proven 2000
	func(g *gate) { g.out <- <-g.in }, // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { <-g.in },          // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { g.out <- 1 },      // want hundredthousand: send-blocked proven 2000
	func(g *gate) {
		select { // want hundredthousand: select-blocked proven 2000
		case <-g.in:
		case g.pointers <- g:
		case <-g.never:
		}
	},
	func(g *gate) {
		for range g.in { // want hundredthousand: receive-blocked proven 2000
		}
	},
	func(g *gate) { g.mu.Lock() },  // want hundredthousand: mutex-held proven 2000
	func(g *gate) { g.wg.Wait() },  // want hundredthousand: waitgroup proven 2000
	func(g *gate) { g.rw.RLock() }, // want hundredthousand: rwmutex proven 2000
	func(g *gate) {
		g.cond.L.Lock()
		g.cond.Wait() // want hundredthousand: cond proven 2000
	},
	func(g *gate) { g.never <- 1 },    // want hundredthousand: nil-channel proven 2000
	func(g *gate) { g.out <- <-g.in }, // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { <-g.in },          // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { g.out <- 1 },      // want hundredthousand: send-blocked proven 2000
	func(g *gate) {
		select { // want hundredthousand: select-blocked proven 2000
		case <-g.in:
		case g.pointers <- g:
		case <-g.never:
		}
	},
	func(g *gate) {
		for range g.in { // want hundredthousand: receive-blocked proven 2000
		}
	},
	func(g *gate) { g.mu.Lock() },  // want hundredthousand: mutex-held proven 2000
	func(g *gate) { g.wg.Wait() },  // want hundredthousand: waitgroup proven 2000
	func(g *gate) { g.rw.RLock() }, // want hundredthousand: rwmutex proven 2000
	func(g *gate) {
		g.cond.L.Lock()
		g.cond.Wait() // want hundredthousand: cond proven 2000
	},
	func(g *gate) { g.never <- 1 },    // want hundredthousand: nil-channel proven 2000
	func(g *gate) { g.out <- <-g.in }, // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { <-g.in },          // want hundredthousand: receive-blocked proven 2000
	func(g *gate) { g.out <- 1 },      // want hundredthousand: send-blocked proven 2000
	func(g *gate) {
		select { // want hundredthousand: select-blocked proven 2000
		case <-g.in:
		case g.pointers <- g:
		case <-g.never:
		}
	},
	func(g *gate) {
		for range g.in { // want hundredthousand: receive-blocked proven 2000
		}
	},
	func(g *gate) { g.mu.Lock() },  // want hundredthousand: mutex-held proven 2000
	func(g *gate) { g.wg.Wait() },  // want hundredthousand: waitgroup proven 2000
	func(g *gate) { g.rw.RLock() }, // want hundredthousand: rwmutex proven 2000
	func(g *gate) {
		g.cond.L.Lock()
		g.cond.Wait() // want hundredthousand: cond proven 2000
	},
	func(g *gate) { g.never <- 1 },    // want hundredthousand: nil-channel proven 2000
	func(g *gate) { g.out <- <-g.in }, // want hundredthousand: receive-blocked proven 2000
}
