package deferpileup

import (
	"runtime"
	"sync"
)

func page(n int) {
	page := make([]byte, 16<<10)
	page[0] = byte(n)
	defer func() { release(page) }()
}

// OK: the loop calls a function that defers.
func OK() {
	background(func(done func()) {
		for i := 0; i < 5000; i++ {
			page(i)
		}
		done()
		<-work
	})
}

func descend(depth int, done func()) {
	page := make([]byte, 16<<10)
	for i := 0; i < 1; i++ { // a loop, so that there is a record
		defer func() { release(page) }()
	}
	if depth > 1 {
		descend(depth-1, done)
		return
	}
	done()
	<-work
}

// OKRecursion: a thousand calls, each with one deferred call of its own.
func OKRecursion() {
	background(func(done func()) { descend(1000, done) })
}

// OKFifty: fifty small ones, which is no more than a loop over a few files.
func OKFifty() {
	background(func(done func()) {
		for i := 0; i < 50; i++ {
			page := make([]byte, 1<<10)
			defer release(page)
		}
		done()
		<-work
	})
}

// OKFew: ten large ones.
func OKFew() {
	background(func(done func()) {
		for i := 0; i < 10; i++ {
			page := make([]byte, 1<<20)
			defer release(page)
		}
		done()
		<-work
	})
}

// OKStatements: forty statements, none in a loop; so many that they get records.
func OKStatements() {
	background(func(done func()) {
		var mu [40]sync.Mutex
		for i := range mu {
			mu[i].Lock()
		}
		defer mu[0].Unlock()
		defer mu[1].Unlock()
		defer mu[2].Unlock()
		defer mu[3].Unlock()
		defer mu[4].Unlock()
		defer mu[5].Unlock()
		defer mu[6].Unlock()
		defer mu[7].Unlock()
		defer mu[8].Unlock()
		defer mu[9].Unlock()
		done()
		<-work
	})
}

// OKGone: 5,000 were deferred, and the function has returned.
func OKGone() {
	background(func(done func()) {
		func() {
			for i := 0; i < 5000; i++ {
				page := make([]byte, 1<<10)
				defer release(page)
			}
		}()
		done()
		<-work
	})
}

func finish(n int, done func()) {
	for i := 0; i < n; i++ {
		page := make([]byte, 16<<10)
		defer release(page)
	}
	defer func() {
		done()
		<-work
	}()
}

// OKReturning: 5,000 are deferred, and the function is at its end: the first of them
// takes its time.
func OKReturning() {
	background(func(done func()) { finish(5000, done) })
}

// OKPanicking: the same on the way out of a panic, and in a Goexit.
func OKPanicking() {
	background(func(done func()) {
		defer func() { recover() }()
		finishPanicking(500, done)
	})
	background(func(done func()) { finishExiting(500, done) })
}

func finishPanicking(n int, done func()) {
	for i := 0; i < n; i++ {
		defer release(make([]byte, 16<<10))
	}
	defer func() {
		done()
		<-work
	}()
	panic("a test")
}

func finishExiting(n int, done func()) {
	for i := 0; i < n; i++ {
		defer release(make([]byte, 16<<10))
	}
	defer func() {
		done()
		<-work
	}()
	runtime.Goexit()
}
