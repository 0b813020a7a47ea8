package poolbloat

import "bytes"

// OKSmall: what is in the pool is small.
func OKSmall() { fill(100, 4096) }

// OKChecked: what has grown large is not put back.
func OKChecked() {
	for i := 0; i < 16; i++ {
		b := buffers.Get().(*bytes.Buffer)
		b.Write(make([]byte, 1<<20))
		if b.Cap() <= 64<<10 {
			b.Reset()
			buffers.Put(b)
		}
	}
}

var live [][]byte

// OKPart: the pool is a small part of what the program holds.
func OKPart() {
	for i := 0; i < 64; i++ {
		live = append(live, make([]byte, 1<<20))
	}
	fill(5, 1<<20)
}
