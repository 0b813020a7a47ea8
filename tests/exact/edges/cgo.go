//go:build cgo

package main

// With cgo the threads are pthreads, and the runtime's own stacks are theirs.

import "C"
