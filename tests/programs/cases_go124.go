//go:build go1.24

package main

import receiveblocked "seep.test/programs/receive-blocked"

func init() {
	programs = append(programs, []program{
		{name: "receive-blocked", variant: "ok-weak", run: receiveblocked.OKWeak},
		{name: "receive-blocked", variant: "ok-unique", run: receiveblocked.OKUnique},
		{name: "receive-blocked", variant: "ok-cleanup", run: receiveblocked.OKCleanup},
	}...)
}
