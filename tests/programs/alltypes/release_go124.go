//go:build go1.24

package alltypes

import (
	"iter"
	"runtime"
	"unique"
	"weak"
)

// keepReleaseSpecific keeps what older releases do not have: cleanups, weak
// pointers, unique handles, coroutines.
func keepReleaseSpecific() {
	for i := 0; i < 10; i++ {
		t, argument := &tree{name: text(i)}, &tree{name: "argument of a cleanup"}
		runtime.AddCleanup(t, func(a *tree) { a.left = nil }, argument)
		keep(weak.Make(t))
		if i%2 == 0 {
			keep(t) // else the weak pointer becomes nil
		}
	}
	array := new([10]tree)
	keep(weak.Make(&array[3]), &array[5].name)
	keep(unique.Make(text(1)), unique.Make(text(1)), unique.Make(pair[string, int]{text(2), 3}))

	next, _ := iter.Pull(func(yield func(*tree) bool) {
		local := &tree{name: "local of a coroutine"}
		yield(&tree{name: "yielded"})
		yield(local)
	})
	first, _ := next()
	keep(first, next)
}
