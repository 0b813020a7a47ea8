//go:build go1.23

package deferpileup

func count(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := 0; i < n; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

func ranged(done func()) {
	for n := range count(500) {
		page := make([]byte, 8<<10)
		page[0] = byte(n)
		defer func() { release(page) }() // want leak-range: defer-pileup suspect 500 retained=4136000
	}
	done()
	<-work
}

// LeakRange: the loop's body is a function, and yet its defers wait for the one around
// it.
func LeakRange() {
	background(ranged)
}

func rangedTwice(done func()) {
	for n := range count(300) {
		page := make([]byte, 8<<10)
		page[0] = byte(n)
		defer func() { release(page[:1]) }() // want leak-range-statements: defer-pileup suspect 300 retained=2481600
		for m := range count(2) {
			small := make([]byte, 1<<10)
			small[0] = byte(m)
			defer release(small) // want leak-range-statements: defer-pileup suspect 600 retained=662400
		}
	}
	done()
	<-work
}

// LeakRangeStatements: two statements, one of them in a loop in the loop.
func LeakRangeStatements() {
	background(rangedTwice)
}

// OKRange: in the loop a function that defers is called; and a few are deferred.
func OKRange() {
	background(func(done func()) {
		for n := range count(5000) {
			page(n)
		}
		for n := range count(20) {
			small := make([]byte, 1<<10)
			small[0] = byte(n)
			defer release(small)
		}
		done()
		<-work
	})
}
