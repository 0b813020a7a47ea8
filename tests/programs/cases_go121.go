//go:build go1.21

package main

import "seep.test/programs/idioms"

func init() {
	programs = append(programs, []program{
		{name: "idioms", variant: "ok-slog", run: idioms.OKSlog},
	}...)
}
