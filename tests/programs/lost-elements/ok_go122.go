//go:build go1.22

package lostelements

import "slices"

// OKSlicesDelete: since Go 1.22 slices.Delete clears what it leaves behind.
func OKSlicesDelete() {
	stack = pages(length)
	stack = slices.Delete(stack, 1, length)
}

// OKClear: the end is cleared, then cut off.
func OKClear() {
	stack = pages(length)
	clear(stack[1:])
	stack = stack[:1]
}
