// Prints what the runtime itself says of this program's package variables, closures and stack, for variables.py to compare with what
// seep reads of the executable.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"time"
	"unsafe"

	dotted "example.com/variables.test/dotted.v1"
)

type inner struct {
	b    byte
	name string
	up   *outer
}

type outer struct {
	id    int
	in    inner
	two   [2]inner
	any   interface{}
	tail  []inner
	named handler
}

type handler func(*outer) error
type table map[string]*outer
type pair[K comparable, V any] struct {
	key  K
	val  V
	next *pair[K, V]
}
type pointerToPointer **outer

var (
	aString   = "some text"
	aSlice    = []string{"a", "b"}
	slices    [][]*inner
	aMap      = map[string][]byte{"k": nil}
	named     = table{}
	aChan     = make(chan *outer, 1)
	sendOnly  chan<- int
	aFunc     = func() {}
	aHandler  handler
	anEface   interface{} = 7
	anIface   io.Reader   = &bytes.Buffer{}
	anError   error       = io.EOF
	aPointer              = &outer{}
	deep      pointerToPointer
	toInt     = new(int)
	toSlice   = &aSlice
	anUnsafe  unsafe.Pointer
	aStruct   outer
	anonymous struct {
		a int
		p *struct{ x, y *int }
	}
	array      [3]*inner
	long       [100]inner
	longer     [70][2]string
	empty      [0]*int
	noPointers [40]int
	number     = 5
	lock       sync.Mutex
	generic    = pair[string, *inner]{key: "k"}
	generics   = &pair[int, []pair[string, int]]{}
	when       = time.Now()
	buffer     bytes.Buffer
	pool       = sync.Pool{New: func() interface{} { return 0 }}
	syncMap    sync.Map
	ints       []int
	bytesArray [5]byte
	pointers   [200]*int
)

// variable is a package variable: where it is, and its name.
type variable struct {
	pointer interface{}
	name    string
}

var variables = []variable{
	{&aString, "aString"}, {&aSlice, "aSlice"}, {&slices, "slices"}, {&aMap, "aMap"}, {&named, "named"},
	{&aChan, "aChan"}, {&sendOnly, "sendOnly"}, {&aFunc, "aFunc"}, {&aHandler, "aHandler"},
	{&anEface, "anEface"}, {&anIface, "anIface"}, {&anError, "anError"}, {&aPointer, "aPointer"},
	{&deep, "deep"}, {&toInt, "toInt"}, {&toSlice, "toSlice"}, {&anUnsafe, "anUnsafe"},
	{&aStruct, "aStruct"}, {&anonymous, "anonymous"}, {&array, "array"}, {&long, "long"},
	{&longer, "longer"}, {&noPointers, "noPointers"}, {&number, "number"},
	{&lock, "lock"}, {&generic, "generic"}, {&generics, "generics"}, {&when, "when"},
	{&buffer, "buffer"}, {&pool, "pool"}, {&syncMap, "syncMap"}, {&ints, "ints"},
	{&bytesArray, "bytesArray"}, {&pointers, "pointers"},
}

func typeAddress(t reflect.Type) uintptr {
	return (*[2]uintptr)(unsafe.Pointer(&t))[1]
}

func part(offset uintptr, kind string, t reflect.Type) {
	var address uintptr
	if t != nil {
		address = typeAddress(t)
	}
	fmt.Printf("  %d %s %#x\n", offset, kind, address)
}

// atomicElem is T of an atomic.Pointer[T].
var atomicElem = func(reflect.Type) reflect.Type { return nil }

func parts(t reflect.Type, base uintptr) {
	switch t.Kind() {
	case reflect.String:
		part(base, "string", nil)
	case reflect.Slice:
		part(base, "slice", t.Elem())
	case reflect.Map:
		part(base, "map", t)
	case reflect.Chan:
		part(base, "chan", t)
	case reflect.Func:
		part(base, "func", t)
	case reflect.Interface:
		if t.NumMethod() == 0 {
			part(base, "eface", t)
		} else {
			part(base, "iface", t)
		}
	case reflect.Ptr:
		if t.Name() != "" { // may see more than its value: src/binary/shape.c
			part(base, "unsafe", nil)
			return
		}
		part(base, "pointer", t.Elem())
	case reflect.UnsafePointer:
		part(base, "unsafe", nil)
	case reflect.Array:
		for i := 0; i < t.Len(); i++ {
			parts(t.Elem(), base+uintptr(i)*t.Elem().Size())
		}
	case reflect.Struct:
		if elem := atomicElem(t); elem != nil {
			part(base, "pointer", elem)
			return
		}
		for i := 0; i < t.NumField(); i++ {
			parts(t.Field(i).Type, base+t.Field(i).Offset)
		}
	}
}

func printVariables() {
	for _, v := range variables {
		value := reflect.ValueOf(v.pointer)
		t := value.Type().Elem()
		name := v.name
		if name[0] >= 'a' && name[0] <= 'z' && !bytes.Contains([]byte(name), []byte(".")) {
			name = "main." + name
		}
		fmt.Printf("var %s %#x %d %#x\n", name, value.Pointer(), t.Size(), typeAddress(t))
		parts(t, 0)
	}
}

func main() {
	fmt.Printf("main %#x\n", reflect.ValueOf(main).Pointer())
	pointer, name := dotted.Address()
	variables = append(variables, variable{pointer, name})
	printVariables()
	printClosures()
	printFrames()
	os.Stdout.Sync()
}
