package main

import (
	"bufio"
	"os"
	"runtime/pprof"
	"time"
)

// The time a case gets after it would have written its profile, for what is still on its way.
const settle = 300 * time.Millisecond

// holdAndReport stands in for the call that writes the profile at the end of a case: it says
// `ready`, then waits for lines on stdin. `profile` writes the profile, as often as it is asked
// for; `exit`, or the end of stdin, ends the process, so that the case does not go on.
func holdAndReport(profile *pprof.Profile) {
	time.Sleep(settle)
	os.Stdout.WriteString("ready\n")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "profile":
			profile.WriteTo(os.Stdout, 2)
			os.Stdout.WriteString("\nend of profile\n")
		case "exit":
			os.Exit(0)
		}
	}
	os.Exit(0)
}
