package main

import (
	"container/list"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// What reflection does not get into, or what types are easily mistaken in. hold walks a value when it is put away; it must stay.
func hold(v interface{}) { walk(reflect.ValueOf(v)) }

func held() string {
	s := text()
	hold(s)
	return s
}

func heldBytes() []byte {
	b := bytes()
	hold(b)
	return b
}

func heldLeaf() *leaf {
	l := &newWide().cells[random.Intn(40)]
	if chance(50) {
		l = &leaf{name: text(), raw: bytes()}
	}
	hold(l)
	return l
}

type named interface{ name(n int) string }

type animal struct {
	kind string
	legs [3]*leaf
}

func (a *animal) name(n int) string { return a.kind }

type dog struct {
	animal
	collar  string
	puppies []dog
}

type owner struct {
	*dog
	named
	_    struct{}
	also func(int) string
	_    [0]func()
}

type link struct {
	named
	next named
	pad  [200]int64
}

type box[K comparable, V any] struct {
	key   K
	value V
	by    map[K][]V
	next  *box[K, V]
	each  func(K) V
}

type cells [7][5]animal

type tail struct {
	animal
	last *[300]leaf
}

type empty struct{}

type end struct {
	texts []string
	none  struct{}
}

// count stands before what is reached by its address.
type count struct{ n, size int64 }

var (
	dogs      []*dog
	owners    = map[[20]string]owner{}
	links     named
	boxes     []interface{}
	firstBox  *box[string, leaf]
	grid      cells
	inGrid    = &grid[3][2]
	grids     []*cells
	inGrids   []*animal
	tails     []*tail
	inTails   []*animal
	wideMap   = map[[20]int64][30]string{}
	maps      = map[string]map[int]map[string]*leaf{}
	closures  []func() string
	bound     []func(int) string
	letters   = make(chan animal, 12)
	frames    = make(chan chan []leaf, 3)
	concurred sync.Map
	builders  []*strings.Builder
	stored    atomic.Value
	pairs     = list.New()
	heaped    []named
	nothing   []*struct{}
	empties   []*empty
	ends      []*end
	counts    []*count
	casts     []string
	arrays    []*[16]byte
	tables    [][]*[4]leaf
	pool      sync.Pool
	deferred  [6]interface{}
)

func newAnimal() animal {
	a := animal{kind: text()}
	if chance(50) {
		l := newLeaf()
		a.legs[random.Intn(3)] = &l
	}
	if chance(20) {
		a.legs[1] = &leaves()[:1][0]
	}
	return a
}

func newDog(depth int) dog {
	d := dog{animal: newAnimal(), collar: text()}
	for i := random.Intn(4); depth > 0 && i > 0; i-- {
		d.puppies = append(d.puppies, newDog(depth-1))
	}
	return d
}

func newBox[K comparable, V any](k func() K, v func() V, depth int) *box[K, V] {
	b := &box[K, V]{key: k(), value: v(), by: map[K][]V{}}
	for i := random.Intn(12); i > 0; i-- {
		s := []V{v(), v(), v()}
		b.by[k()] = s[random.Intn(3):]
	}
	if depth > 0 {
		b.next = newBox(k, v, depth-1)
	}
	if chance(50) {
		kept := v()
		hold(kept)
		b.each = func(K) V { return kept }
	}
	return b
}

func byReference() (func() string, func(string)) {
	s, b, n := held(), heldBytes(), 0
	l := heldLeaf()
	get := func() string {
		n++
		inner := func() string { return s + string(b) + l.name }
		return inner()
	}
	return get, func(next string) { s, l = next, nil }
}

func byValue(a animal, l leaf, bs []byte, any interface{}) func() string {
	hold(a)
	hold(l)
	hold(bs)
	hold(any)
	return func() string {
		inner := func() string { return a.kind + l.name + string(bs) }
		if any == nil {
			return ""
		}
		return inner()
	}
}

func buildMore() {
	for i := 0; i < 5; i++ {
		d := newDog(3)
		dogs = append(dogs, &d)
		o := owner{dog: &newDog2()[1], named: &newDog2()[2].animal}
		o.also = dogs[i].name
		owners[[20]string{text(), 19: text()}] = o
		links = &link{named: &newDog2()[3].animal, next: links}
		boxes = append(boxes, newBox(text, newLeaf, 2), *newBox(random.Int, newAnimal, 1), newBox(func() [20]string { return [20]string{3: text()} }, bytes, 1))
		grid[random.Intn(7)][random.Intn(5)] = newAnimal()
		g := new(cells)
		g[i][2] = newAnimal()
		if chance(50) {
			grids = append(grids, g)
		}
		inGrids = append(inGrids, &g[random.Intn(7)][random.Intn(5)])
		t := &tail{newAnimal(), new([300]leaf)}
		t.last[7] = newLeaf()
		inTails = append(inTails, &t.animal)
		tails = append(tails, t)
		wideMap[[20]int64{int64(i)}] = [30]string{text(), 17: text()}
		maps[text()] = map[int]map[string]*leaf{i: {text(): &newWide().cells[3], text(): &leaf{name: text()}}}
		get, set := byReference()
		closures = append(closures, get, byValue(newAnimal(), newLeaf(), bytes(), text()), byValue(animal{}, leaf{}, nil, newWide()))
		bound = append(bound, func(int) string { set("x"); return "" }, (&dogs[i].animal).name)
		a := newAnimal()
		hold(a)
		letters <- a
		concurred.Store(held(), heldLeaf())
		concurred.Store(i, heldBytes())
		b := new(strings.Builder)
		b.WriteString(text())
		builders = append(builders, b)
		pairs.PushBack(newLeaf())
		pairs.PushFront(text())
		heaped = append(heaped, &newDog2()[0].animal, links)
		nothing = append(nothing, new(struct{}), &ends2()[0].none)
		empties = append(empties, new(empty))
		ends = append(ends, &ends2()[1])
		raw := make([]byte, 4000)
		counts = append(counts, (*count)(unsafe.Pointer(&raw[0])))
		cast = append(cast, [2]uintptr{uintptr(unsafe.Pointer(&raw[0])), 4000})
		b2 := bytes()
		casts = append(casts, *(*string)(unsafe.Pointer(&b2)))
		if many := make([]byte, 2000); chance(50) {
			arrays = append(arrays, (*[16]byte)(many[100*i:]))
		}
		if row := make([]leaf, 40); true {
			row[i*4] = newLeaf()
			tables = append(tables, []*[4]leaf{(*[4]leaf)(row[i*4:])})
		}
		deferred[i] = newDog(1)
	}
	firstBox = boxes[0].(*box[string, leaf])
	inner := make(chan []leaf, 2)
	parts := leaves()
	hold(parts)
	inner <- parts
	frames <- inner
	kept := newWide()
	hold(kept)
	stored.Store(kept)
	pooled := heldLeaf()
	pool.Put(pooled)
	pool.Put(pooled)
	deferred[5] = &pool
}

// newDog2 is an array of dogs, of which the caller keeps one.
func newDog2() []dog { return []dog{newDog(1), newDog(0), newDog(0), newDog(2)} }

func ends2() []end { return []end{{texts: []string{text()}}, {texts: []string{text(), text()}}} }

func moreRoots() []interface{} {
	return []interface{}{&dogs, &owners, &links, &boxes, &firstBox, &grid, &inGrid, &grids, &inGrids, &tails, &inTails, &wideMap, &maps,
		&builders, pairs, &heaped, &nothing, &empties, &ends, &counts, &casts, &arrays, &tables, &deferred}
}

// moreUses keeps the closures' variables in use.
func moreUses() int {
	n := 0
	for _, f := range closures {
		n += len(f())
	}
	for _, f := range bound {
		n += len(f(1))
	}
	for _, b := range boxes {
		if b, ok := b.(*box[string, leaf]); ok && b.each != nil {
			n += len(b.each("").name)
		}
	}
	concurred.Range(func(k, v interface{}) bool { n++; return true })
	return n + len(letters) + len(frames) + len((<-letters).kind)
}
