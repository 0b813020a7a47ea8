// The catalogue: small Go programs that leak goroutines, each beside a clean
// twin. One binary holds them all, so that a test builds once per Go release:
//
//	catalogue list              the cases this build has, one "CASE VARIANT" per line
//	catalogue CASE VARIANT      run one, print "ready", stay until stdin ends
//
// What is expected of a case stands on the line where its goroutines block;
// README.md describes the notation.
package main

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// program is one variant of one case. Exactly one of run and hold is set: run
// starts goroutines and returns, so that main keeps nothing of theirs alive;
// hold calls park itself, and what it uses afterwards stays on main's stack.
type program struct {
	name, variant string
	run           func()
	hold          func(park func())
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "list" {
		for _, p := range programs {
			fmt.Println(p.name, p.variant)
		}
		return
	}
	if len(os.Args) != 3 {
		usage()
	}
	p := find(os.Args[1], os.Args[2])
	if p == nil {
		usage()
	}
	if p.hold != nil {
		p.hold(park)
		return
	}
	p.run()
	park()
}

func find(name, variant string) *program {
	for i := range programs {
		if programs[i].name == name && programs[i].variant == variant {
			return &programs[i]
		}
	}
	return nil
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: catalogue list | catalogue CASE VARIANT")
	os.Exit(2)
}

// input is a package variable so that nothing is allocated after the collection.
var input [64]byte

// park says that the program is in its final state, and stays there until the
// parent ends.
func park() {
	settle()
	runtime.GC()
	os.Stdout.WriteString("ready\n")
	for {
		if _, err := os.Stdin.Read(input[:]); err != nil {
			return
		}
	}
}

// settle waits until no goroutine has come or gone for 150 ms, at most a second.
func settle() {
	last, same := runtime.NumGoroutine(), 0
	for i := 0; i < 20 && same < 3; i++ {
		time.Sleep(50 * time.Millisecond)
		n := runtime.NumGoroutine()
		same++
		if n != last {
			last, same = n, 0
		}
	}
}
