// Package lostelements shrinks slices of pointers and leaves the pointers behind.
package lostelements

type page [4096]byte

type job struct {
	id   int
	data *page
	next *job
}

type queue struct {
	pages []*page
}

const length = 512

var (
	front *queue
	stack []*page
	jobs  []job
	trees map[string][]*job
	lists [][]*page
)

func pages(n int) []*page {
	var p []*page
	for i := 0; i < n; i++ {
		p = append(p, new(page))
	}
	return p[:n:n]
}

// Leak: a queue of 512 pages from which all but one have been taken at the front.
func Leak() {
	front = &queue{pages(length)}
	front.pages = front.pages[length-1:] // want leak: lost-elements proven 511 retained=2093056 holder=lostelements.queue.pages
}

// LeakStack: the same from the end; appending would overwrite what is left behind.
func LeakStack() {
	stack = pages(length)
	stack = stack[:1] // want leak-stack: lost-elements suspect 511 retained=2093056
}

// LeakStructs: a queue of structs.
func LeakStructs() {
	for i := 0; i < length; i++ {
		jobs = append(jobs, job{id: i, data: new(page)})
	}
	jobs = jobs[length-1 : length : length] // want leak-structs: lost-elements proven 511 retained=2093056
}

// LeakTrees: what is left behind holds more.
func LeakTrees() {
	trees = map[string][]*job{}
	for _, name := range []string{"a", "b", "c"} {
		var list []*job
		for i := 0; i < 100; i++ {
			list = append(list, &job{id: i, data: new(page), next: &job{data: new(page)}})
		}
		trees[name] = list[99:100:100] // want leak-trees: lost-elements proven 297 retained=2447280 holder=map[string][]*lostelements.job
	}
}

// LeakMany: many slices, cut off on both sides.
func LeakMany() {
	for i := 0; i < 50; i++ {
		p := pages(100)
		lists = append(lists, p[40:60:60]) // want leak-many: lost-elements proven 4000 retained=16384000
	}
}
