//go:build go1.24

package main

import (
	finalizercycle "seep.test/programs/finalizer-cycle"
	finalizerstuck "seep.test/programs/finalizer-stuck"
	receiveblocked "seep.test/programs/receive-blocked"
	"seep.test/programs/ticker"
)

func init() {
	programs = append(programs, []program{
		{name: "receive-blocked", variant: "ok-weak", run: receiveblocked.OKWeak},
		{name: "receive-blocked", variant: "ok-unique", run: receiveblocked.OKUnique},
		{name: "receive-blocked", variant: "ok-cleanup", run: receiveblocked.OKCleanup},
		{name: "finalizer-cycle", variant: "leak-cleanup", run: finalizercycle.LeakCleanup},
		{name: "finalizer-cycle", variant: "leak-cleanup-captured", run: finalizercycle.LeakCleanupCaptured},
		{name: "finalizer-cycle", variant: "ok-cleanup", run: finalizercycle.OKCleanup},
		{name: "finalizer-cycle", variant: "ok-cleanup-cycle", run: finalizercycle.OKCleanupCycle},
		{name: "finalizer-cycle", variant: "ok-cleanup-stopped", run: finalizercycle.OKCleanupStopped},
		{name: "finalizer-cycle", variant: "ok-weak", run: finalizercycle.OKWeak},
		{name: "finalizer-stuck", variant: "leak-cleanup", run: finalizerstuck.LeakCleanup},
		{name: "ticker", variant: "ok-weak", run: ticker.OKWeak},
	}...)
}
