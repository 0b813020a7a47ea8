// Package dotted stands at an import path whose last element has a point, which the linker escapes.
package dotted

type item struct {
	next *item
	text string
}

var Chain = &item{text: "first"}

// Address tells where Chain is and what it is.
func Address() (interface{}, string) { return &Chain, "example.com/variables.test/dotted.v1.Chain" }
