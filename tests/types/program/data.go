package main

import (
	"container/list"
	"fmt"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Linked structures that hang off main's own variables.

type node struct {
	value   string
	payload [8]int64
	next    *node
}

func makeList(n int) *node {
	var head *node
	for i := 0; i < n; i++ {
		head = &node{value: fmt.Sprintf("node number %d", i), next: head}
		if i%100 == 0 {
			is(unsafe.Pointer(head), "main.node")
			is(word(unsafe.Pointer(&head.value)), "string")
		}
	}
	return head
}

type tree struct {
	root *branch
	size int
}

type branch struct {
	key         int
	left, right *branch
	attributes  []attribute
}

type attribute struct {
	name, value string
}

func makeTree(n int) *tree {
	t := &tree{}
	x := uint32(1)
	for i := 0; i < n; i++ {
		x = x*1664525 + 1013904223
		at := &t.root
		for *at != nil {
			if int(x) < (*at).key {
				at = &(*at).left
			} else {
				at = &(*at).right
			}
		}
		*at = &branch{key: int(x), attributes: []attribute{{"color", "red"}, {"n", fmt.Sprint(i)}}}
		if i%100 == 0 {
			is(unsafe.Pointer(*at), "main.branch")
			is(unsafe.Pointer(&(*at).attributes[0]), "main.attribute")
		}
	}
	is(unsafe.Pointer(t), "main.tree")
	return t
}

type order struct {
	id     uint64
	lines  []line
	placed time.Time
	notes  map[string]string
}

type line struct {
	article *article
	count   int
	price   float64
}

type article struct {
	name string
	tags []string
	blob [100]byte
}

type row struct {
	key   uint64
	name  string
	order *order
}

func makeOrder(i int) *order {
	o := &order{id: uint64(i), placed: time.Unix(int64(i), 0)}
	for k := 0; k < i%4; k++ {
		o.lines = append(o.lines, line{&article{name: fmt.Sprint("article ", i, k), tags: []string{"a", "b"}}, k, 1})
	}
	if i%10 == 0 {
		o.notes = map[string]string{"note": fmt.Sprint("of ", i)}
		is(word(unsafe.Pointer(&o.notes)), "map[string]string")
	}
	if i%100 == 3 {
		is(unsafe.Pointer(o), "main.order")
		is(unsafe.Pointer(&o.lines[0]), "main.line")
		is(unsafe.Pointer(o.lines[0].article), "main.article")
		is(unsafe.Pointer(&o.lines[0].article.tags[0]), "string")
	}
	return o
}

// Package variables of all kinds.

type userID [16]byte

type user struct {
	id      userID
	name    string
	emails  []string
	session *session
	extra   interface{}
}

type session struct {
	started time.Time
	token   []byte
	values  map[string]interface{}
	user    *user
}

type registry struct {
	mu     sync.Mutex
	users  map[string]*user
	byMail map[string][]*user
	recent *list.List
	hits   [4]map[int]int
}

var (
	server   registry
	sessions = map[userID]*session{}
	pages    [][]byte
	names    []string
	shards   [32]struct {
		sync.RWMutex
		items map[string]session
	}
	grid    [100][100]cell
	current *user
	title   string
	queue   = make(chan *user, 1000)
	matrix  [][]point
	origins []point
	any1    interface{}
	stats   struct {
		counts map[string]int
		last   *session
		names  []string
	}
	table = map[string]struct {
		weight int
		users  []*user
	}{}
)

type cell struct {
	label string
	point *point
}

type point struct{ x, y, z float64 }

func fillServer(n int) {
	server.users = map[string]*user{}
	server.byMail = map[string][]*user{}
	server.recent = list.New()
	stats.counts = map[string]int{}
	for i := range shards {
		shards[i].items = map[string]session{}
		is(word(unsafe.Pointer(&shards[i].items)), "map[string]main.session")
	}
	for i := range server.hits {
		server.hits[i] = map[int]int{}
		for k := 0; k < 1000; k++ {
			server.hits[i][k] = k
		}
		is(word(unsafe.Pointer(&server.hits[i])), "map[int]int")
	}
	for i := 0; i < n; i++ {
		u := &user{name: fmt.Sprintf("user %d", i), emails: []string{fmt.Sprintf("u%d@example.com", i), "x@example.com"}}
		u.id[0], u.id[1] = byte(i), byte(i>>8)
		u.session = &session{started: time.Now(), token: make([]byte, 100), user: u}
		switch i % 5 {
		case 0:
			u.extra = &point{1, 2, 3}
			is(data(unsafe.Pointer(&u.extra)), "main.point")
		case 1:
			u.extra = fmt.Sprint("extra ", i)
		case 2:
			u.extra = attribute{"a", u.name}
			is(data(unsafe.Pointer(&u.extra)), "main.attribute")
		}
		if i%8 == 0 {
			u.session.values = map[string]interface{}{"a": i, "b": "text", "c": []int{1, 2}}
			is(word(unsafe.Pointer(&u.session.values)), "map[string]interface {}")
		}
		server.users[u.name] = u
		server.byMail[u.emails[0]] = []*user{u}
		if i%100 == 0 {
			e := server.recent.PushFront(u)
			is(unsafe.Pointer(e), "list.Element")
		}
		sessions[u.id] = u.session
		shards[i%32].items[u.name] = *u.session
		stats.counts[u.name] = i
		if i%10 == 0 {
			table[u.name] = struct {
				weight int
				users  []*user
			}{i, []*user{u, u}}
			is(unsafe.Pointer(u), "main.user")
			is(unsafe.Pointer(u.session), "main.session")
			is(unsafe.Pointer(&u.session.token[0]), "uint8")
			is(unsafe.Pointer(&u.emails[0]), "string")
		}
		if i%20 == 0 {
			select {
			case queue <- u:
			default:
			}
		}
		current = u
		names = append(names, u.name)
	}
	stats.last = current.session
	title = strings.Repeat("title ", 1000)
	for i := range grid {
		for k := range grid[i] {
			if k%2 == 0 {
				grid[i][k] = cell{fmt.Sprint(i, ",", k), &point{float64(i), float64(k), 0}}
			}
		}
	}
	for i := 0; i < 200; i++ {
		pages = append(pages, make([]byte, 4096))
		matrix = append(matrix, make([]point, 50))
		is(unsafe.Pointer(&matrix[i][0]), "main.point")
		is(unsafe.Pointer(&pages[i][0]), "uint8")
	}
	origins = make([]point, 10000)
	any1 = map[string][]string{"a": {"b", "c"}}
	is(data(unsafe.Pointer(&any1)), "map[string][]string")
	is(word(unsafe.Pointer(&server.users)), "map[string]*main.user")
	is(word(unsafe.Pointer(&server.byMail)), "map[string][]*main.user")
	is(unsafe.Pointer(server.recent), "list.List")
	is(word(unsafe.Pointer(&sessions)), "map[main.userID]*main.session")
	is(word(unsafe.Pointer(&queue)), "chan *main.user")
	is(word(unsafe.Pointer(&stats.counts)), "map[string]int")
	is(unsafe.Pointer(&names[0]), "string")
	is(unsafe.Pointer(&origins[0]), "main.point")
	is(word(unsafe.Pointer(&title)), "string")
}

// Maps of all kinds.

var maps struct {
	ints     map[int]int
	bytes    map[string][]byte
	points   map[point]point
	pairs    map[[2]int]struct{}
	any      map[interface{}]interface{}
	nested   map[string]map[string]int
	large    map[int][200]byte
	largeKey map[[200]byte]int
	pointers map[*node]*node
	funcs    map[string]func(int) int
	channels map[chan int]chan string
	floats   map[float64]string
	bools    map[bool][]bool
	emptied  map[int]string
	structs  map[string]attribute
	ifaces   map[fmt.Stringer]error
	small    map[int8]int8
	small1   map[string]*point
}

func fillMaps() {
	m := &maps
	m.ints = map[int]int{}
	m.bytes = map[string][]byte{}
	m.points = map[point]point{}
	m.pairs = map[[2]int]struct{}{}
	m.any = map[interface{}]interface{}{}
	m.nested = map[string]map[string]int{}
	m.large = map[int][200]byte{}
	m.largeKey = map[[200]byte]int{}
	m.pointers = map[*node]*node{}
	m.funcs = map[string]func(int) int{}
	m.channels = map[chan int]chan string{}
	m.floats = map[float64]string{}
	m.bools = map[bool][]bool{true: make([]bool, 1000)}
	m.emptied = map[int]string{}
	m.structs = make(map[string]attribute, 100)
	m.ifaces = map[fmt.Stringer]error{time.Second: fmt.Errorf("an error: %w", fmt.Errorf("another"))}
	m.small = map[int8]int8{1: 2}
	m.small1 = map[string]*point{"a": {}}
	for i := 0; i < 4000; i++ {
		key := fmt.Sprint("key ", i)
		m.ints[i] = i
		m.bytes[key] = make([]byte, i%300)
		m.points[point{x: float64(i)}] = point{}
		m.pairs[[2]int{i, i}] = struct{}{}
		m.floats[float64(i)] = key
		m.emptied[i] = key
		switch i % 3 {
		case 0:
			m.any[i] = key
		case 1:
			m.any[key] = &node{value: key}
		default:
			m.any[point{y: float64(i)}] = []int{i}
		}
		if i%4 == 0 {
			m.nested[key] = map[string]int{"a": 1, key: 2}
			m.large[i] = [200]byte{1}
			m.largeKey[[200]byte{byte(i), byte(i >> 8)}] = i
			m.pointers[&node{value: key}] = &node{value: "to " + key}
			k := i
			m.funcs[key] = func(x int) int { return x + k + len(key) }
			m.channels[make(chan int)] = make(chan string, 4)
			m.structs[key] = attribute{key, "value of " + key}
			inner := m.nested[key]
			is(word(unsafe.Pointer(&inner)), "map[string]int")
		}
	}
	for i := 0; i < 4000; i++ {
		delete(m.emptied, i)
	}
	is(word(unsafe.Pointer(&m.ints)), "map[int]int")
	is(word(unsafe.Pointer(&m.bytes)), "map[string][]uint8")
	is(word(unsafe.Pointer(&m.points)), "map[main.point]main.point")
	is(word(unsafe.Pointer(&m.pairs)), "map[[2]int]struct {}")
	is(word(unsafe.Pointer(&m.any)), "map[interface {}]interface {}")
	is(word(unsafe.Pointer(&m.nested)), "map[string]map[string]int")
	is(word(unsafe.Pointer(&m.large)), "map[int][200]uint8")
	is(word(unsafe.Pointer(&m.largeKey)), "map[[200]uint8]int")
	is(word(unsafe.Pointer(&m.pointers)), "map[*main.node]*main.node")
	is(word(unsafe.Pointer(&m.funcs)), "map[string]func(int) int")
	is(word(unsafe.Pointer(&m.channels)), "map[chan int]chan string")
	is(word(unsafe.Pointer(&m.floats)), "map[float64]string")
	is(word(unsafe.Pointer(&m.bools)), "map[bool][]bool")
	is(word(unsafe.Pointer(&m.emptied)), "map[int]string")
	is(word(unsafe.Pointer(&m.structs)), "map[string]main.attribute")
	is(word(unsafe.Pointer(&m.ifaces)), "map[fmt.Stringer]error")
	is(word(unsafe.Pointer(&m.small)), "map[int8]int8")
	is(word(unsafe.Pointer(&m.small1)), "map[string]*main.point")
	for k, v := range m.pointers {
		is(unsafe.Pointer(k), "main.node")
		is(unsafe.Pointer(v), "main.node")
	}
	for k, v := range m.channels {
		is(word(unsafe.Pointer(&k)), "chan int")
		is(word(unsafe.Pointer(&v)), "chan string")
	}
}
