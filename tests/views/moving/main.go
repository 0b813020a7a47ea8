// Program moving hands strings, slices and pointers round as fast as it can, through everything that Go can keep them in, and loses none of
// them: each backing array is at every moment shown whole by whoever has it. So a copy made at any moment must show no
// memory that is held and cannot be seen.
//
// It prints "ready", and ends when standard input does.
package main

import (
	"bufio"
	"bytes"
	"container/heap"
	"container/list"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

const workers, places = 5, 64

// random is xorshift.
type random uint64

func (r *random) next(n int) int {
	x := uint64(*r)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*r = random(x)
	return int(x % uint64(n))
}

type item struct {
	name string
	raw  []byte
	next *item
	any  interface{}
	all  []*item
}

type base struct {
	item
	n [3]int
}

type derived struct {
	base
	more []item
	text string
}

type named interface{ id() string }

func (i *item) id() string   { return i.name }
func (d derived) id() string { return d.text }

type pair[K comparable, V any] struct {
	key   K
	value V
	rest  []pair[K, V]
}

// shared is what workers give each other things through.
var (
	chans    = [4]chan item{make(chan item, 8), make(chan item, 8), make(chan item, 8), make(chan item, 8)}
	anys     = make(chan interface{}, 16)
	latest   sync.Map
	pool     = sync.Pool{New: func() interface{} { return &item{raw: make([]byte, 3000)} }}
	value    atomic.Value
	lock     sync.Mutex
	table    = map[int]item{}
	wides    = map[int][20]string{}
	keys     = map[[20]string]*item{}
	nested   = map[string]map[int][]*item{}
	global   [places]item
	elements [places]base
	inside   = &elements[9]
	funcs    [places]func() string
	methods  [places]func() string
	faces    [places]named
	generics [places]pair[string, []byte]
	lists    [places]*list.List
	buffers  [places]*bytes.Buffer
)

func text(r *random) string {
	n := 40 + r.next(2000)
	switch r.next(4) {
	case 0:
		b := make([]byte, n)
		return *(*string)(unsafe.Pointer(&b)) // as unsafe.String: the bytes are gone, the string shows them all
	case 1:
		var b strings.Builder
		b.Grow(n)
		for b.Len() < b.Cap() {
			b.WriteByte('x')
		}
		return b.String()
	}
	return strings.Repeat("x", n)
}

func raw(r *random) []byte {
	b := make([]byte, 40+r.next(3000))
	if r.next(2) == 0 {
		b = append(b, b...)
	}
	return b[:r.next(len(b)):cap(b)]
}

func fresh(r *random) item {
	i := item{name: text(r), raw: raw(r)}
	switch r.next(6) {
	case 0:
		i.any = text(r)
	case 1:
		i.any = raw(r)
	case 2:
		i.any = [3]string{text(r), text(r), text(r)}
	case 3:
		i.any = derived{text: text(r), more: []item{{name: text(r)}}}
	case 4:
		i.next = &item{name: text(r)}
	}
	i.all = make([]*item, 1+r.next(90))
	for k := range i.all {
		if r.next(8) == 0 {
			i.all[k] = &item{name: text(r)}
		}
	}
	return i
}

type queue []named

func (q queue) Len() int            { return len(q) }
func (q queue) Less(i, j int) bool  { return len(q[i].id()) < len(q[j].id()) }
func (q queue) Swap(i, j int)       { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x interface{}) { *q = append(*q, x.(named)) }
func (q *queue) Pop() interface{} {
	old := *q
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return x
}

func made(r *random) interface{} {
	t := reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: reflect.TypeOf("")},
		{Name: "B", Type: reflect.SliceOf(reflect.TypeOf(item{}))},
		{Name: "C", Type: reflect.ArrayOf(1+r.next(3), reflect.TypeOf([]byte(nil)))},
	})
	v := reflect.New(t).Elem()
	v.Field(0).SetString(text(r))
	v.Field(1).Set(reflect.ValueOf([]item{{name: text(r)}, {raw: raw(r)}}))
	v.Field(2).Index(0).SetBytes(raw(r))
	return v.Addr().Interface()
}

// cut makes many pieces of one array, which show all of it together.
func cut(r *random) [][]byte {
	arena := make([]byte, 8192)
	var pieces [][]byte
	for len(arena) > 0 {
		n := 1 + r.next(3000)
		if n > len(arena) {
			n = len(arena)
		}
		pieces = append(pieces, arena[:n:n])
		arena = arena[n:]
	}
	return pieces
}

var steps = []func(r *random, own *[places]item){
	func(r *random, own *[places]item) { own[r.next(places)] = fresh(r) },
	func(r *random, own *[places]item) {
		i, k := r.next(places), r.next(places)
		own[i], own[k] = own[k], own[i]
		own[i].name, own[k].name = own[k].name, own[i].name
		own[i].raw, own[k].raw = own[k].raw, own[i].raw
		own[i].all, own[k].all = own[k].all, own[i].all
	},
	func(r *random, own *[places]item) {
		c, k := chans[r.next(4)], r.next(places)
		select {
		case c <- own[k]:
			own[k] = item{}
		case own[k] = <-c:
		}
	},
	func(r *random, own *[places]item) {
		k := r.next(places)
		select {
		case anys <- own[k].any:
			own[k].any = nil
		case own[k].any = <-anys:
		default:
			select {
			case anys <- made(r):
			default:
			}
		}
	},
	func(r *random, own *[places]item) { latest.Store(r.next(200), own[r.next(places)]) },
	func(r *random, own *[places]item) {
		if v, ok := latest.Load(r.next(200)); ok {
			own[r.next(places)] = v.(item)
		}
		latest.Delete(r.next(200))
	},
	func(r *random, own *[places]item) {
		i := pool.Get().(*item)
		i.raw = append(i.raw[:0], own[r.next(places)].name...)
		own[r.next(places)].next = i
		pool.Put(&item{raw: raw(r)})
	},
	func(r *random, own *[places]item) { value.Store(own[r.next(places)]) },
	func(r *random, own *[places]item) {
		if v, ok := value.Load().(item); ok {
			own[r.next(places)] = v
		}
	},
	func(r *random, own *[places]item) {
		lock.Lock()
		defer lock.Unlock()
		k := r.next(100)
		table[k], own[r.next(places)] = own[r.next(places)], table[k]
		delete(table, r.next(100))
		wides[r.next(30)] = [20]string{text(r), 9: text(r)}
		delete(wides, r.next(30))
		if len(keys) > 40 {
			keys = map[[20]string]*item{}
		}
		keys[[20]string{text(r), 19: text(r)}] = &item{name: text(r)}
		name := fmt.Sprint("key", r.next(30))
		if nested[name] == nil || len(nested[name]) > 20 {
			nested[name] = map[int][]*item{}
		}
		nested[name][r.next(50)] = own[r.next(places)].all
	},
	func(r *random, own *[places]item) {
		lock.Lock()
		defer lock.Unlock()
		k := r.next(places)
		global[k], own[k] = own[k], global[k]
		elements[k].item = fresh(r)
		inside = &elements[r.next(places)]
		generics[k] = pair[string, []byte]{text(r), raw(r), make([]pair[string, []byte], r.next(20))}
	},
	func(r *random, own *[places]item) {
		i, s, b := fresh(r), text(r), raw(r)
		lock.Lock()
		defer lock.Unlock()
		k := r.next(places)
		funcs[k] = func() string {
			s = s + i.name
			inner := func() string { return string(b) + s }
			if len(s) > 10000 {
				s = ""
			}
			return inner()
		}
		methods[k] = i.id
		funcs[r.next(places)] = derived{text: text(r), more: make([]item, 20)}.id
	},
	func(r *random, own *[places]item) {
		lock.Lock()
		defer lock.Unlock()
		if f := funcs[r.next(places)]; f != nil {
			own[r.next(places)].name = f()
		}
		i := fresh(r)
		faces[r.next(places)] = &i
		faces[r.next(places)] = derived{text: text(r)}
		d := &derived{text: text(r), more: make([]item, 30)}
		own[r.next(places)].any = d
		faces[r.next(places)] = d
	},
	func(r *random, own *[places]item) {
		lock.Lock()
		defer lock.Unlock()
		k := r.next(places)
		if lists[k] == nil || lists[k].Len() > 30 {
			lists[k] = list.New()
		}
		lists[k].PushBack(text(r))
		lists[k].PushFront(fresh(r))
		lists[k].Remove(lists[k].Back())
	},
	func(r *random, own *[places]item) {
		b := new(bytes.Buffer)
		b.Write(raw(r))
		w := bufio.NewWriterSize(b, 512)
		w.WriteString(text(r))
		w.Flush()
		s, _ := bufio.NewReaderSize(b, 300).ReadString('y')
		lock.Lock()
		buffers[r.next(places)] = b
		lock.Unlock()
		own[r.next(places)].name = s
	},
	func(r *random, own *[places]item) {
		var q queue
		for i := 0; i < 20; i++ {
			x := fresh(r)
			heap.Push(&q, &x)
		}
		for len(q) > 3 {
			own[r.next(places)].any = heap.Pop(&q)
		}
		own[r.next(places)].any = q
	},
	func(r *random, own *[places]item) {
		pieces := cut(r)
		own[r.next(places)].any = pieces
		b := raw(r)
		b = b[:cap(b)]
		own[r.next(places)].any = (*[40]byte)(b)
		own[r.next(places)].raw = b
	},
	func(r *random, own *[places]item) {
		all := own[r.next(places)].all
		if len(all) > 2 && cap(all) < 2000 {
			all = append(all, all[:len(all)/2]...)
			copy(all, all[1:])
			all[len(all)-1] = nil
			own[r.next(places)].all = all[:len(all)-1]
		}
	},
}

func work(seed uint64) {
	r := random(seed * 0x9e3779b97f4a7c15)
	own := new([places]item)
	for {
		steps[r.next(len(steps))](&r, own)
		for i := 0; i < 8; i++ {
			steps[1](&r, own)
		}
	}
}

func main() {
	debug.SetGCPercent(20)
	for i := 0; i < workers; i++ {
		go work(uint64(i) + 1)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
