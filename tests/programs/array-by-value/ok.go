package arraybyvalue

//go:noinline
func lookupPointer(t *[1000000]int, ready func()) int {
	ready()
	return t[<-work]
}

// OK: a pointer to the array.
func OK() {
	background(20, func(ready func()) { lookupPointer(&table, ready) })
}

//go:noinline
func lookupSlice(t []int, ready func()) int {
	ready()
	return t[<-work]
}

// OKSlice: a slice of it.
func OKSlice() {
	background(20, func(ready func()) { lookupSlice(samples[:], ready) })
}

//go:noinline
func lookupSmall(t [100]int, ready func()) int {
	ready()
	return t[<-work]
}

// OKSmall: 800 bytes by value.
func OKSmall() {
	background(20, func(ready func()) {
		var t [100]int
		copy(t[:], samples[:])
		lookupSmall(t, ready)
	})
}

//go:noinline
func scratch(ready func()) int {
	var buffer [12000]int
	for i := range buffer {
		buffer[i] = samples[i] + i
	}
	ready()
	return buffer[<-work]
}

// OKLocal: a large array of a function's own. Nothing is copied.
func OKLocal() {
	background(5, func(ready func()) { scratch(ready) })
}

//go:noinline
func drainPointer(ready func()) (sum int) {
	for i, n := range &samples {
		samples[i] = 0
		if i == 10 {
			ready()
			sum += <-work
		}
		sum += n
	}
	return sum
}

// OKRange: range over a pointer to the array: no copy.
func OKRange() {
	background(4, func(ready func()) { drainPointer(ready) })
}

//go:noinline
func snapshot(ready func()) int {
	copied := new([50000]int)
	*copied = samples
	ready()
	return copied[<-work]
}

// OKHeap: a copy, but in the heap and on purpose.
func OKHeap() {
	background(2, func(ready func()) { snapshot(ready) })
}
