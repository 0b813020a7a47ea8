//go:build cgocase

package main

import threadpileup "seep.test/programs/thread-pileup"

func init() {
	programs = append(programs,
		program{name: "thread-pileup", variant: "leak-c", run: threadpileup.LeakC},
		program{name: "thread-pileup", variant: "leak-c-mutex", run: threadpileup.LeakCMutex},
		program{name: "thread-pileup", variant: "ok-c", run: threadpileup.OKC},
	)
}
