//go:build go1.22

package main

import (
	lostelements "seep.test/programs/lost-elements"
	"seep.test/programs/subslice"
)

func init() {
	programs = append(programs, []program{
		{name: "subslice", variant: "ok-clone", run: subslice.OKClone},
		{name: "subslice", variant: "ok-clip", run: subslice.OKClip},
		{name: "lost-elements", variant: "ok-slices-delete", run: lostelements.OKSlicesDelete},
		{name: "lost-elements", variant: "ok-clear", run: lostelements.OKClear},
	}...)
}
