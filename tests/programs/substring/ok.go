package substring

import (
	"bytes"
	"strings"
)

// OKClone: what is kept is a copy.
func OKClone() {
	for i := 0; i < pages; i++ {
		p := page(i)
		entries[i] = entry{i, strings.Clone(p[100:120])}
	}
}

// OKBytes: what is kept was copied on its way through a byte slice.
func OKBytes() {
	for i := 0; i < pages; i++ {
		p := page(i)
		keys = append(keys, string([]byte(p[:20])))
	}
}

var whole []string

// OKWhole: the long strings are in use as well.
func OKWhole() {
	for i := 0; i < pages; i++ {
		p := page(i)
		whole = append(whole, p)
		entries[i] = entry{i, p[100:120]}
	}
}

// OKMost: what is kept is most of the string.
func OKMost() {
	for i := 0; i < pages; i++ {
		p := page(i)
		keys = append(keys, p[pageBytes/4:])
	}
}

// OKParts: the parts together are the string.
func OKParts() {
	for i := 0; i < pages; i++ {
		p := page(i)
		for at := 0; at < pageBytes; at += pageBytes / 16 {
			keys = append(keys, p[at:at+pageBytes/16])
		}
	}
}

// OKBuilder: a builder has grown in steps.
func OKBuilder() {
	for i := 0; i < pages; i++ {
		var b strings.Builder
		for b.Len() < pageBytes*5/8 {
			b.WriteString("0123456789abcdef")
		}
		keys = append(keys, b.String())
	}
}

var raw [][]byte

// OKShared: byte slices and strings of the same bytes.
func OKShared() {
	for i := 0; i < pages; i++ {
		b := bytes.Repeat([]byte{byte(i)}, pageBytes)
		raw = append(raw, b)
		keys = append(keys, string(b[:20]))
	}
}

type holder struct {
	cut func() string
}

var holders []holder

// OKClosure: a closure has the whole string, too.
func OKClosure() {
	for i := 0; i < pages; i++ {
		p := page(i)
		n := i
		holders = append(holders, holder{func() string { return p[n:] }})
		keys = append(keys, p[:20])
	}
}
