// A small HTTP service: something that has requests to lose while it is looked at. It keeps a
// cache, works a little for every request, runs timers, and holds goroutines that wait.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type entry struct {
	key   string
	body  []byte
	links []*entry
}

type store struct {
	mu      sync.RWMutex
	entries map[string]*entry
	served  uint64
}

var keep = store{entries: map[string]*entry{}}

func (s *store) get(key string) *entry {
	s.mu.RLock()
	found := s.entries[key]
	s.mu.RUnlock()
	return found
}

func (s *store) put(key string, size int) {
	made := &entry{key: key, body: bytes.Repeat([]byte{'x'}, size)}
	s.mu.Lock()
	for _, other := range s.entries {
		made.links = append(made.links, other)
		if len(made.links) == 3 {
			break
		}
	}
	s.entries[key] = made
	s.mu.Unlock()
}

func answer(w http.ResponseWriter, r *http.Request) {
	n := atomic.AddUint64(&keep.served, 1)
	key := "k" + strconv.FormatUint(n%5000, 10)
	found := keep.get(key)
	if found == nil {
		keep.put(key, 256+int(n%1024))
		found = keep.get(key)
	}
	// A worker per request: goroutines begin and end all the time.
	result := make(chan string, 1)
	go func() {
		var out strings.Builder
		for _, link := range found.links {
			out.WriteString(link.key)
			out.WriteByte(' ')
		}
		result <- out.String()
	}()
	fmt.Fprintf(w, "ok %d %s\n", n, <-result)
}

// leak leaves n goroutines behind that nothing can wake.
func leak(n int) {
	for i := 0; i < n; i++ {
		lost := make(chan *entry)
		go func() { lost <- &entry{key: "lost"} }()
	}
}

func main() {
	waiters := flag.Int("waiters", 200, "goroutines that wait for ever on a channel that is alive")
	leaks := flag.Int("leaks", 0, "goroutines to leak")
	objects := flag.Int("objects", 200000, "objects to hold")
	flag.Parse()

	for i := 0; i < *objects; i += 50 {
		keep.put("base"+strconv.Itoa(i), 512)
		made := keep.get("base" + strconv.Itoa(i))
		for j := 0; j < 49; j++ {
			made.links = append(made.links, &entry{key: "part"})
		}
	}
	quit := make(chan struct{})
	for i := 0; i < *waiters; i++ {
		go func() { <-quit }()
	}
	leak(*leaks)
	go func() {
		for range time.Tick(5 * time.Millisecond) {
			keep.put("tick", 64)
		}
	}()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", listener.Addr())
	os.Stdout.Sync()
	http.HandleFunc("/", answer)
	http.HandleFunc("/quit", func(http.ResponseWriter, *http.Request) { close(quit) })
	log.Fatal(http.Serve(listener, nil))
}
