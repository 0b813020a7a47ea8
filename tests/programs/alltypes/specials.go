package alltypes

import (
	"runtime"
	"sync"
	"time"
)

var (
	syncMap sync.Map
	pool    = sync.Pool{New: func() interface{} { return new(tree) }}
)

type resource struct {
	name  string
	owned *tree
	self  *resource
}

// keepSpecials keeps objects the runtime knows something about: finalizers,
// pools, timers.
func keepSpecials() {
	for i := 0; i < 20; i++ {
		r := &resource{name: text(i), owned: &tree{name: "owned"}}
		captured := &tree{name: "captured by a finalizer"}
		runtime.SetFinalizer(r, func(*resource) { captured.left = nil })
		switch i % 4 {
		case 0:
			keep(r)
		case 1:
			r.self = r // never finalized
		}
	}
	small := new(int64)
	runtime.SetFinalizer(small, func(*int64) {})
	keep(small)

	for i := 0; i < 300; i++ {
		syncMap.Store(text(i), &tree{name: text(i)})
		if i%3 == 0 {
			syncMap.Delete(text(i - 1))
		}
		syncMap.Load(text(i / 2))
		pool.Put(&tree{name: "pooled"})
	}

	pending := &tree{name: "captured by a timer"}
	time.AfterFunc(time.Hour, func() { pending.left = nil })
	stopped := time.AfterFunc(2*time.Hour, func() { pending.right = nil })
	stopped.Stop()
	ticker := time.NewTicker(time.Hour)
	keep(time.NewTimer(time.Hour), ticker, time.After(time.Hour), stopped)
	ended := time.NewTicker(time.Hour)
	ended.Stop()
	keep(ended.C)

	once := new(sync.Once)
	once.Do(func() {})
	cond := sync.NewCond(new(sync.RWMutex))
	keep(once, cond, new(sync.Mutex), new(sync.WaitGroup))
}
