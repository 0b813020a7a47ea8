// A small HTTP service for what grows between two looks. It has a full cache, which stays as it is, and
//
//	leak     leaves one goroutine behind for every hundredth request
//	cache    keeps a session for every hundredth request
//	clean    does neither
//
// Every line on standard input is answered with the number of those that were left behind or kept so far.
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
)

const every = 100

type page struct {
	text []byte
	next *page
}

type session struct {
	buffer [2048]byte
	page   *page
}

var (
	pages    = map[int]*page{}
	mu       sync.Mutex
	sessions []*session
	served   uint64
	kept     uint64
)

// lookup gives its answer to whoever still waits for it.
func lookup(answer chan<- *session, p *page) {
	answer <- &session{page: p}
}

func handle(mode string, w http.ResponseWriter) {
	n := int(atomic.AddUint64(&served, 1))
	p := pages[n%len(pages)]
	if n%every == 0 {
		switch mode {
		case "leak":
			answer := make(chan *session)
			go lookup(answer, p)
			select {
			case <-answer:
			default: // no patience, and nobody else has the channel
			}
			atomic.AddUint64(&kept, 1)
		case "cache":
			mu.Lock()
			sessions = append(sessions, &session{page: p})
			mu.Unlock()
			atomic.AddUint64(&kept, 1)
		}
	}
	w.Write(p.text[:64])
}

func main() {
	mode := os.Args[1]
	var last *page
	for i := 0; i < 5000; i++ {
		last = &page{text: make([]byte, 1024), next: last}
		pages[i] = last
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { handle(mode, w) })
	go http.Serve(listener, nil)
	fmt.Println("listening", listener.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(atomic.LoadUint64(&kept))
	}
}
