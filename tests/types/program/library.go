package main

import (
	"bufio"
	"bytes"
	"container/ring"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
	"unsafe"
)

// Bytes and strings.

var (
	blobs   [][]byte
	texts   []string
	builder strings.Builder
	buffer  bytes.Buffer
	loose   unsafe.Pointer
)

func fillBytes() {
	for i := 0; i < 30; i++ {
		blobs = append(blobs, make([]byte, 100<<10))
		texts = append(texts, strings.Repeat("text", 10<<10))
		is(word(unsafe.Pointer(&blobs[i])), "uint8")
		is(word(unsafe.Pointer(&texts[i])), "string")
	}
	for i := 0; i < 1000; i++ {
		texts = append(texts, strings.Repeat("x", 300+i))
		fmt.Fprintf(&builder, "line %d\n", i)
		fmt.Fprintf(&buffer, "line %d\n", i)
	}
	text := builder.String()
	is(word(unsafe.Pointer(&text)), "uint8|string")
}

// What package sync has, channels, timers, finalizers.

type job struct {
	name  string
	reply chan []byte
	done  func(error)
}

var (
	registered sync.Map
	pool       = sync.Pool{New: func() interface{} { return new(scratch) }}
	config     atomic.Value
	jobs       = make(chan job, 500)
	timers     []*time.Timer
	condition  = sync.NewCond(&sync.Mutex{})
	closers    []*closer
)

type scratch struct {
	data [1000]byte
	text []string
}

type settings struct {
	values map[string]string
	limits []int
}

type closer struct {
	file *os.File
	name string
	self []byte
}

func fillSync() {
	for i := 0; i < 3000; i++ {
		u := &user{name: fmt.Sprint("registered ", i)}
		registered.Store(u.name, u)
		is(unsafe.Pointer(u), "main.user")
	}
	var taken [50]*scratch
	for i := range taken {
		taken[i] = pool.Get().(*scratch)
		taken[i].text = []string{"a", fmt.Sprint(i)}
	}
	for i := range taken {
		pool.Put(taken[i])
	}
	s := &settings{values: map[string]string{"a": "b"}, limits: make([]int, 100)}
	is(unsafe.Pointer(s), "main.settings")
	config.Store(s)
	for i := 0; i < 400; i++ {
		j := job{name: fmt.Sprint("job ", i), reply: make(chan []byte, 2), done: func(error) { s = nil }}
		j.reply <- make([]byte, 100)
		is(word(unsafe.Pointer(&j.reply)), "chan []uint8")
		jobs <- j
	}
	is(word(unsafe.Pointer(&jobs)), "chan main.job")
	for i := 0; i < 100; i++ {
		u := &user{name: fmt.Sprint("timed ", i)}
		timers = append(timers, time.AfterFunc(time.Hour, func() { u.session = nil }), time.NewTimer(time.Hour))
		is(unsafe.Pointer(timers[2*i]), "time.Timer")
		is(unsafe.Pointer(u), "main.user")
		time.AfterFunc(2*time.Hour, func() { u.extra = nil })
		c := &closer{name: fmt.Sprint("closer ", i), self: make([]byte, 50)}
		runtime.SetFinalizer(c, func(c *closer) { u.name = c.name })
		closers = append(closers, c)
		is(unsafe.Pointer(c), "main.closer")
	}
}

// Contexts.

type contextKey struct{ name string }

var (
	contexts []context.Context
	cancels  []context.CancelFunc
)

func fillContexts(n int) {
	root, cancel := context.WithCancel(context.Background())
	cancels = append(cancels, cancel)
	for i := 0; i < n; i++ {
		withValue := context.WithValue(root, contextKey{"user"}, &user{name: fmt.Sprint("context ", i)})
		withTimeout, cancel := context.WithTimeout(withValue, time.Hour)
		inner, cancel2 := context.WithCancel(withTimeout)
		inner.Done()
		contexts = append(contexts, inner)
		cancels = append(cancels, cancel, cancel2)
		is(data(unsafe.Pointer(&withValue)), "context.valueCtx")
		is(data(unsafe.Pointer(&withTimeout)), "context.timerCtx")
		is(data(unsafe.Pointer(&inner)), "context.cancelCtx")
	}
}

// Other packages.

var (
	patterns  []*regexp.Regexp
	documents []interface{}
	templates = template.New("all")
	loop      *ring.Ring
	addresses []*url.URL
	client    = &http.Client{}
)

func fillLibrary() {
	for i := 0; i < 40; i++ {
		patterns = append(patterns, regexp.MustCompile(fmt.Sprintf(`^(a|b%d)*[x-z]+(foo|bar)\d{2,4}$`, i)))
		is(unsafe.Pointer(patterns[i]), "regexp.Regexp")
		var document interface{}
		text := `{"items": [` + strings.Repeat(`{"id": 1, "name": "n", "tags": ["a", "b"], "nested": {"x": 1.5}},`, 50) + `null]}`
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			panic(err)
		}
		is(data(unsafe.Pointer(&document)), "map[string]interface {}")
		documents = append(documents, document)
		template.Must(templates.New(fmt.Sprint(i)).Parse(`{{range .}}{{if .A}}{{.B | printf "%s"}}{{end}}{{end}}`))
		address, _ := url.Parse(fmt.Sprintf("https://user@example.com:80/%d?a=b#c", i))
		addresses = append(addresses, address)
		is(unsafe.Pointer(address), "url.URL")
	}
	loop = ring.New(100)
	for i := 0; i < 100; i++ {
		loop.Value = fmt.Sprint("ring ", i)
		is(unsafe.Pointer(loop), "ring.Ring")
		loop = loop.Next()
	}
}

// A server and its clients, which keep their connections.

type service struct {
	users map[string]*user
	log   *bufio.Writer
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if u := s.users[r.URL.Path]; u != nil {
		fmt.Fprintln(s.log, u.name)
	}
	fmt.Fprintln(w, r.URL.Path)
}

func fillHTTP(n int) {
	s := &service{users: map[string]*user{}, log: bufio.NewWriter(io.Discard)}
	is(unsafe.Pointer(s), "main.service")
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, len(s.users)) })
	for i := 0; i < 300; i++ {
		path := fmt.Sprint("/user/", i)
		s.users[path] = &user{name: path}
		mux.Handle(path, http.StripPrefix("/user", s))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	go http.Serve(listener, mux)
	for i := 0; i < n; i++ {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return
		}
		fmt.Fprintf(c, "GET /user/%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
		r := bufio.NewReader(c)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return
		}
		io.Copy(io.Discard, response.Body)
		go func() {
			r.ReadByte()
			c.Close()
		}()
	}
}

// Goroutines with state on their stacks.

type worker struct {
	id      int
	inbox   chan job
	history []attribute
}

var (
	started sync.WaitGroup
	never   = make(chan struct{})
)

//go:noinline
func (w *worker) run(scratch []byte, seen map[string]*point) {
	local := &session{token: make([]byte, 500)}
	lines := make([]line, 40)
	var mine [10]*article
	for i := range mine {
		mine[i] = &article{name: fmt.Sprint("article ", w.id, i)}
		seen[mine[i].name] = &point{}
		lines[i].article = mine[i]
	}
	label := fmt.Sprint("worker ", w.id)
	started.Done()
	select {
	case j := <-w.inbox:
		j.done(nil)
	case <-never:
	}
	fmt.Fprintln(os.Stderr, local.token, lines[3], mine[2].name, scratch[1], seen, label, w.id)
}

//go:noinline
func holdAndRead(p *pair[string, []byte], lock *sync.Mutex) {
	text := strings.Repeat("held", 500)
	c := &circle{center: &point{}}
	started.Done()
	lock.Lock()
	fmt.Fprintln(os.Stderr, p.key, text, c.center, c.area())
}

func startWorkers(n int) {
	started.Add(2 * n)
	lock := new(sync.Mutex)
	lock.Lock()
	for i := 0; i < n; i++ {
		w := &worker{id: i, inbox: make(chan job, 3), history: make([]attribute, 10)}
		is(unsafe.Pointer(w), "main.worker")
		is(word(unsafe.Pointer(&w.inbox)), "chan main.job")
		is(unsafe.Pointer(&w.history[0]), "main.attribute")
		go w.run(make([]byte, 10000), map[string]*point{})
		go holdAndRead(&pair[string, []byte]{"key", make([]byte, 3000)}, lock)
	}
	started.Wait()
	time.Sleep(100 * time.Millisecond)
}
