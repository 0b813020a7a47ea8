// Command oracle has package variables of many types, used in many ways, among them ways that mislead: values that begin with
// something else, interfaces that are asked for what they hold, pointers to elements. It prints address and type of the words of each of
// its variables ("word ADDRESS KIND TYPE VARIABLE") and waits until its input ends.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"oracle/parts"
)

type first struct {
	mu    sync.Mutex
	count int
	next  *first
}

//go:noinline
func (f *first) touch() { f.mu.Lock(); f.count++; f.mu.Unlock() }

// Begins with a first: its methods are called with the address of the whole.
type outer struct {
	first
	data  []byte
	names map[string]*first
}

//go:noinline
func (o *outer) add(name string) { o.names[name] = &first{} }

type leaf struct {
	a, b int
	text string
}

//go:noinline
func (l *leaf) set(text string) { l.text = text }

//go:noinline
func (l *leaf) sum() int { return l.a + l.b + len(l.text) }

type table map[string]leaf

//go:noinline
func (t table) put(k string) { t[k] = leaf{text: k} }

//go:noinline
func (t *table) reset() { *t = table{} }

type summer interface{ sum() int }
type toucher interface{ touch() }

type cache struct {
	mu    sync.RWMutex
	items map[string]record
	order []string
	last  *leaf
	hook  func(string) error
	done  chan struct{}
	any   any
	src   summer
	arr   [3]*leaf
}
type record struct {
	key  string
	body []byte
	at   time.Time
}

//go:noinline
func (c *cache) store(k string, r record) *cache {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[k] = r
	c.order = append(c.order, k)
	c.last = &leaf{text: k}
	return c
}

//go:noinline
func (c *cache) Get(k string, l *leaf, m map[int]*leaf) (*leaf, error) {
	m[len(m)] = l
	if _, ok := c.items[k]; ok {
		return c.last, nil
	}
	return nil, errors.New("none")
}

//go:noinline
func newCache() *cache {
	c := &cache{items: make(map[string]record), done: make(chan struct{})}
	if len(os.Args) > 5 {
		return nil
	}
	c.hook = func(k string) error { c.order = append(c.order, k); return nil }
	return c
}

//go:noinline
func newFirst() *first {
	o := &outer{names: map[string]*first{}}
	return &o.first
}

//go:noinline
func newSummer() summer { return &leaf{a: 1} }

type pair struct {
	n int
	p *leaf
}
type sliceOf struct {
	head [4]int
	list []*leaf
}

var (
	pOuter     *outer
	pFirst     *first
	pFromOuter *first
	pLeaf      *leaf
	pLeafNil   *leaf
	pCache     = newCache()
	pTable     *table
	vOuter     outer
	vLeaf      leaf
	vCache     cache
	vPair      pair
	vSliceOf   sliceOf
	vTable     = table{}
	mRecords   map[string]record
	mInts      = map[int][]string{}
	mBig       = make(map[string]*cache, 100)
	mByStruct  map[leaf]int
	mIter      map[string]bool
	sLeaves    []leaf
	sPointers  []*leaf
	sBytes     []byte
	sStrings   []string
	sMade      = make([]int64, 10)
	sTen       = make([]*leaf, 10, 16)
	sFirst     []first
	pElem      *leaf
	pArray     *[4]leaf
	pInt       *int
	text       string
	textCut    string
	iSummer    summer
	iSwitch    any
	iError     error
	iToucher   toucher
	iStored    any
	fPlain     func(int) int
	fClosure   func() int
	fMethod    func() int
	chInts     chan int
	chLeaves   = make(chan *leaf, 4)
	chClosed   chan struct{}
	uPointer   unsafe.Pointer
	aValue     atomic.Value
	aOld       unsafe.Pointer
	once       sync.Once
	pool       = sync.Pool{New: func() any { return new(leaf) }}
	syncMap    sync.Map
	reader     *bufio.Reader
	writer     io.Writer = os.Stderr
	builder    strings.Builder
	timer      *time.Timer
	ticker     *time.Ticker
	when       time.Time
	mixed      struct {
		n    int
		p    *leaf
		m    map[string]int
		i    summer
		k, l int
		s    []leaf
		f    func()
		t    string
	}
	anonymous = struct {
		sync.Mutex
		m map[string][]byte
	}{m: map[string][]byte{}}
	nested  [3]struct{ p *leaf }
	pNested *parts.Tree
	vNested parts.Tree
	alias   *parts.Node
)

//go:noinline
func switchOn(v int) int {
	// The data word of iSwitch is a *leaf, a *first, a *outer, by turns.
	switch x := iSwitch.(type) {
	case *leaf:
		return x.sum() + v
	case *first:
		x.touch()
		return x.count
	case *outer:
		x.add("x")
		return 1
	case map[string]int:
		x["a"] = 1
		return len(x)
	case chan int:
		close(x)
		return 1
	case func() int:
		return x()
	}
	return 0
}

//go:noinline
func fill(n int) {
	pOuter = &outer{names: map[string]*first{}}
	pOuter.touch()
	pOuter.add("a")
	pFirst = &pOuter.first
	pFirst.touch()
	pFromOuter = newFirst()
	pFromOuter.touch()
	pLeaf = &leaf{}
	pLeaf.set("abc")
	if pLeafNil != nil {
		pLeafNil.set("never")
	}
	pTable = new(table)
	pTable.reset()
	(*pTable).put("k")
	vOuter.touch()
	vOuter.names = map[string]*first{}
	vOuter.add("b")
	vLeaf.set(fmt.Sprint(n))
	vCache.items = map[string]record{}
	vCache.store("v", record{key: "k"})
	vPair.n, vPair.p = n, &leaf{a: n}
	vPair.p.set("p")
	vSliceOf.list = append(vSliceOf.list, pLeaf)
	vTable.put("q")
}

//go:noinline
func fillMaps(n int) {
	mRecords = make(map[string]record, n)
	for i := 0; i < n; i++ {
		mRecords[fmt.Sprint(i)] = record{key: fmt.Sprint(i)}
	}
	mInts[n] = append(mInts[n], "x")
	mBig["a"] = pCache
	mByStruct = map[leaf]int{{a: n}: 1}
	delete(mByStruct, leaf{})
	mIter = map[string]bool{"a": true, fmt.Sprint(n): true}
	for k := range mIter {
		if k == "q" {
			delete(mIter, k)
		}
	}
}

//go:noinline
func fillSlices(n int) {
	sLeaves = append(sLeaves, leaf{a: n}, leaf{b: n})
	sLeaves[0].set("first of a slice")
	pElem = &sLeaves[1]
	pElem.set("element")
	sPointers = make([]*leaf, n)
	for i := range sPointers {
		sPointers[i] = &sLeaves[0]
	}
	sPointers[0].set("through a slice")
	sBytes = append(sBytes[:0], "bytes"...)
	sStrings = strings.Fields("a b c")
	sort.Strings(sStrings)
	sTen[3] = pLeaf
	sFirst = make([]first, 3)
	sFirst[0].touch()
	pArray = &[4]leaf{}
	pArray[0].set("first of an array")
	x := n
	pInt = &x
	text = fmt.Sprintf("text of %d", n)
	textCut = text[2:4]
}

//go:noinline
func fillInterfaces(n int) {
	iSummer = newSummer()
	n += iSummer.sum()
	iSwitch = &leaf{a: n}
	n += switchOn(n)
	iSwitch = &outer{names: map[string]*first{}}
	n += switchOn(n)
	iSwitch = &first{}
	n += switchOn(n)
	iSwitch = map[string]int{}
	n += switchOn(n)
	iError = fmt.Errorf("error %d", n)
	iToucher = &outer{}
	iToucher.touch()
	if o, ok := iToucher.(*outer); ok {
		o.names = map[string]*first{}
		o.add("z")
	}
	iStored = n
	if l, ok := iStored.(*leaf); ok {
		l.set("never")
	}
	iStored = &leaf{}
	if l, ok := iStored.(*leaf); ok {
		l.set("now")
	}
}

//go:noinline
func fillOthers(n int) {
	fPlain = func(i int) int { return i + 1 }
	n = fPlain(n)
	fClosure = func() int { n++; return n }
	fClosure()
	fMethod = pLeaf.sum
	fMethod()
	chInts = make(chan int, 3)
	chInts <- n
	chLeaves <- pLeaf
	chClosed = make(chan struct{})
	close(chClosed)
	uPointer = unsafe.Pointer(pLeaf)
	(*leaf)(uPointer).set("unsafe")
	atomic.StorePointer(&aOld, unsafe.Pointer(&outer{}))
	(*outer)(atomic.LoadPointer(&aOld)).touch()
	aValue.Store(pLeaf)
	once.Do(func() { syncMap.Store("k", pLeaf) })
	pool.Put(pool.Get())
	reader = bufio.NewReader(strings.NewReader(text))
	line, _ := reader.ReadString('x')
	builder.WriteString(line)
	timer = time.NewTimer(time.Hour)
	timer.Reset(2 * time.Hour)
	ticker = time.NewTicker(time.Hour)
	when = time.Now()
	mixed.n, mixed.k, mixed.l = n, n, n
	mixed.p = &leaf{}
	mixed.p.set("mixed")
	mixed.m = map[string]int{}
	mixed.m[line] = n
	mixed.i = pLeaf
	mixed.s = append(mixed.s, leaf{})
	mixed.f = func() { mixed.n++ }
	mixed.f()
	mixed.t = line + text
	anonymous.Lock()
	anonymous.m[line] = sBytes
	anonymous.Unlock()
	nested[1].p = pLeaf
	pNested = parts.NewTree()
	pNested.Add(line, 3)
	vNested.Add(text, 4)
	alias = pNested.Root
	alias.Walk(func(*parts.Node) {})
}

// The words that hold pointers in a value of type t at address addr.
func words(addr uintptr, t reflect.Type, name string) {
	show := func(kind, what string) { fmt.Printf("word %#x %s %s %s\n", addr, kind, strings.ReplaceAll(what, " ", "_"), name) }
	switch t.Kind() {
	case reflect.Ptr:
		show("pointer", t.Elem().String())
	case reflect.Slice:
		show("slice", t.Elem().String())
	case reflect.Map:
		show("map", "map["+t.Key().String()+"]"+t.Elem().String())
	case reflect.Chan:
		show("chan", t.Elem().String())
	case reflect.Func:
		show("func", "-")
	case reflect.String:
		show("string", "-")
	case reflect.UnsafePointer:
		show("unsafe", "-")
	case reflect.Interface:
		if t.NumMethod() == 0 {
			show("eface", "-")
		} else {
			show("iface", "-")
		}
	case reflect.Array:
		for i := 0; i < t.Len(); i++ {
			words(addr+uintptr(i)*t.Elem().Size(), t.Elem(), name)
		}
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			words(addr+t.Field(i).Offset, t.Field(i).Type, name+"."+t.Field(i).Name)
		}
	}
}

func main() {
	fill(len(os.Args) + 2)
	fillMaps(len(os.Args) + 20)
	fillSlices(len(os.Args) + 3)
	fillInterfaces(len(os.Args))
	fillOthers(len(os.Args))
	l, err := vCache.Get("v", pLeaf, map[int]*leaf{})
	fmt.Fprintln(writer, l, err)
	fmt.Fprintln(writer, pCache.store("a", record{}).hook("x"))
	for _, v := range []struct {
		name string
		p    any
	}{
		{"pOuter", &pOuter}, {"pFirst", &pFirst}, {"pFromOuter", &pFromOuter}, {"pLeaf", &pLeaf}, {"pLeafNil", &pLeafNil},
		{"pCache", &pCache}, {"pTable", &pTable}, {"vOuter", &vOuter}, {"vLeaf", &vLeaf}, {"vCache", &vCache}, {"vPair", &vPair},
		{"vSliceOf", &vSliceOf}, {"vTable", &vTable}, {"mRecords", &mRecords}, {"mInts", &mInts}, {"mBig", &mBig},
		{"mByStruct", &mByStruct}, {"mIter", &mIter}, {"sLeaves", &sLeaves}, {"sPointers", &sPointers}, {"sBytes", &sBytes},
		{"sStrings", &sStrings}, {"sMade", &sMade}, {"sTen", &sTen}, {"sFirst", &sFirst}, {"pElem", &pElem}, {"pArray", &pArray},
		{"pInt", &pInt}, {"text", &text}, {"textCut", &textCut}, {"iSummer", &iSummer}, {"iSwitch", &iSwitch}, {"iError", &iError},
		{"iToucher", &iToucher}, {"iStored", &iStored}, {"fPlain", &fPlain}, {"fClosure", &fClosure}, {"fMethod", &fMethod},
		{"chInts", &chInts}, {"chLeaves", &chLeaves}, {"chClosed", &chClosed}, {"uPointer", &uPointer}, {"aValue", &aValue},
		{"aOld", &aOld}, {"once", &once}, {"pool", &pool}, {"syncMap", &syncMap}, {"reader", &reader}, {"writer", &writer},
		{"builder", &builder}, {"timer", &timer}, {"ticker", &ticker}, {"when", &when}, {"mixed", &mixed}, {"anonymous", &anonymous},
		{"nested", &nested}, {"pNested", &pNested}, {"vNested", &vNested}, {"alias", &alias},
	} {
		p := reflect.ValueOf(v.p)
		words(p.Pointer(), p.Type().Elem(), v.name)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	fmt.Fprintln(writer, sMade, pLeafNil, mInts)
}
