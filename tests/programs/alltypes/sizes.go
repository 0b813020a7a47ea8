package alltypes

import (
	"reflect"
	"unsafe"
)

// sizeClasses are those of the allocator, in bytes, and some sizes beyond.
var sizeClasses = []int{
	8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256,
	288, 320, 352, 384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280,
	1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5120, 5376, 6144,
	6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432,
	19072, 20480, 21760, 24576, 27264, 28672, 32768, 40960, 65536, 100000, 1 << 20,
}

type mixed struct {
	number  int32
	pointer *int
	text    string
	flag    bool
	slice   []byte
}

// keepSizes allocates in every size class: without pointers, only pointers,
// some pointers, and pointers at the very end.
func keepSizes() {
	for size := 1; size < 16; size++ { // these share blocks
		keep(reflect.New(reflect.ArrayOf(size, reflect.TypeOf(byte(0)))).Interface())
	}
	for _, size := range sizeClasses {
		for _, n := range []int{size - 7, size} {
			keep(make([]byte, n))
			keep(pointers(n / 8))
			keep(reflect.New(reflect.ArrayOf(n/8, reflect.TypeOf((*int)(nil)))).Interface())
		}
		if n := size / int(unsafe.Sizeof(mixed{})); n > 0 {
			keep(mixeds(n))
		}
		keep(lastPointer(size))
	}
	keep(new(struct{}), make([]struct{}, 100), new([0]*int))
	keep(new([3]uint16), new(struct{ a, b uint8 }), new(float32), new(complex128), new(uintptr))
	keep(newHuge(), []*huge{newHuge(), newHuge()}, make([]huge, 3), new([9]huge))
	giants := make([]giant, 2)
	keep(fillGiant(new(giant)), fillGiant(&globalGiant), fillGiant(&giants[1]), fillGiant(&new([3]giant)[1])) // want idle: subslice proven 2 wasted=491600 go>=1.24
	keep(fillGiant(&new(struct {
		flag  bool
		giant giant
	}).giant))
}

func pointers(n int) []*int {
	s := make([]*int, n)
	for i := 0; i < n; i += 1 + n/16 {
		s[i] = new(int)
	}
	return s
}

func mixeds(n int) []mixed {
	s := make([]mixed, n)
	for i := 0; i < n; i += 1 + n/16 {
		s[i] = mixed{number: int32(i), pointer: new(int), text: string(make([]byte, i%50+1)), slice: make([]byte, i%70)}
	}
	return s
}

// lastPointer makes a struct of numbers that ends in one pointer.
func lastPointer(size int) interface{} {
	if size < 16 {
		return new(*int)
	}
	v := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "Numbers", Type: reflect.ArrayOf(size/8-1, reflect.TypeOf(0))},
		{Name: "Last", Type: reflect.TypeOf((*int)(nil))},
	}))
	v.Elem().Field(1).Set(reflect.ValueOf(new(int)))
	return v.Interface()
}

// giant is too large for a plain pointer mask in its type (more than 128 KiB): it
// has a program instead up to Go 1.23, and a mask made on demand since. (Go 1.27
// does so for smaller types already, huge among them.)
type giant struct {
	pairs [10000]struct {
		number  int
		pointer *int
	}
	names [50]string
	tail  [3000]byte
}

var globalGiant giant

func fillGiant(g *giant) *giant {
	for i := 0; i < len(g.pairs); i += 77 {
		g.pairs[i].pointer = new(int)
		g.names[i%50] = string(make([]byte, i%90+1))
	}
	return g
}

// huge has every kind of pointer in it, at all distances.
type huge struct {
	pointers [300]*int
	pairs    [200]struct {
		number  int
		pointer *int
	}
	texts  [64]string
	bytes  [5000]byte
	nested [4][8][16]struct {
		flag bool
		any  interface{}
	}
	last *tree
}

func newHuge() *huge {
	h := &huge{last: &tree{name: "last"}}
	for i := 0; i < 300; i += 7 {
		h.pointers[i] = new(int)
		h.pairs[i%200].pointer = new(int)
		h.texts[i%64] = string(make([]byte, i+1))
		h.nested[i%4][i%8][i%16].any = new(int64)
	}
	return h
}
