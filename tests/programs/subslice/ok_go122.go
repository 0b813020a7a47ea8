//go:build go1.22

package subslice

import "slices"

// OKClone: what is kept is a copy.
func OKClone() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		heads = append(heads, samples{"clone", slices.Clone(a[:4])})
	}
}

// OKClip: what slices.Clip cuts off grows elsewhere.
func OKClip() {
	for i := 0; i < arrays; i++ {
		a := array(i)
		heads = append(heads, samples{"clip", append(slices.Clip(a[:4]), i)})
	}
}
