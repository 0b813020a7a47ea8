//go:build go1.23

package main

import (
	deferpileup "seep.test/programs/defer-pileup"
	"seep.test/programs/iterator"
	mutexheld "seep.test/programs/mutex-held"
)

func init() {
	programs = append(programs, []program{
		{name: "mutex-held", variant: "leak-global-range", run: mutexheld.LeakGlobalRange},
		{name: "mutex-held", variant: "ok-global-range", run: mutexheld.OKGlobalRange},
		{name: "iterator", variant: "leak", run: iterator.Leak},
		{name: "iterator", variant: "leak-many", run: iterator.LeakMany},
		{name: "iterator", variant: "leak-pairs", run: iterator.LeakPairs},
		{name: "iterator", variant: "leak-holder", run: iterator.LeakHolder},
		{name: "iterator", variant: "ok", run: iterator.OK},
		{name: "iterator", variant: "ok-exhausted", run: iterator.OKExhausted},
		{name: "iterator", variant: "ok-sleep", run: iterator.OKSleep},
		{name: "iterator", variant: "ok-main", hold: iterator.OKMain},
		{name: "iterator", variant: "ok-global", run: iterator.OKGlobal},
		{name: "iterator", variant: "ok-timer", run: iterator.OKTimer},
		{name: "iterator", variant: "ok-inside", run: iterator.OKInside},
		{name: "iterator", variant: "ok-holder", run: iterator.OKHolder},
		{name: "defer-pileup", variant: "leak-range", run: deferpileup.LeakRange},
		{name: "defer-pileup", variant: "leak-range-statements", run: deferpileup.LeakRangeStatements},
		{name: "defer-pileup", variant: "ok-range", run: deferpileup.OKRange},
	}...)
}
