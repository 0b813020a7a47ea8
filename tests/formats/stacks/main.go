// Command stacks leaks 42 goroutines at one line, started at one line: 30 of them directly, 12 by way of another function.
package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

//go:noinline
func block(c chan int) { c <- 1 }

//go:noinline
func detour(c chan int) { block(c) }

func run(i int) {
	c := make(chan int)
	if i%7 < 5 {
		block(c)
	} else {
		detour(c)
	}
}

func main() {
	for i := 0; i < 42; i++ {
		go run(i)
	}
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
