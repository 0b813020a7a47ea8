// A small parcel service with the mistakes that leak goroutines and memory, for
// the demo.
//
// It listens on a free loopback port, sends itself the requests that bring the
// mistakes out, prints "ready ADDRESS" and goes on serving. None of the
// mistakes is staged: each is the plain form of one found in real services.
// goroutines.go and memory.go have them.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof" // has the runtime sample allocations
	"strings"
	"sync"
	"time"
)

const (
	searches   = 24
	orders     = 7
	exports    = 4
	watches    = 5
	forms      = 100
	uploads    = 40
	batch      = 512 // labels printed at a time
	stops      = 200000
	tracked    = 60
	scans      = 20
	files      = 150
	dashboards = 3
	giveUp     = 250 * time.Millisecond // how long a client waits for a handler
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/search", search)
	http.HandleFunc("/order", order)
	http.HandleFunc("/export", export)
	http.HandleFunc("/watch", watch)
	http.HandleFunc("/transfer", transfer)
	http.HandleFunc("/announce", announce)
	http.HandleFunc("/upload", upload)
	http.HandleFunc("/print", printLabels)
	http.HandleFunc("/plan", plan)
	http.HandleFunc("/track", track)
	http.HandleFunc("/scan", scan)
	http.HandleFunc("/store", store)
	http.HandleFunc("/follow", follow)
	http.HandleFunc("/trim", trim)
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	go archiver()
	go func() {
		load("http://" + listener.Addr().String())
		fmt.Println("ready", listener.Addr())
	}()
	log.Fatal(http.Serve(listener, nil))
}

// watched are the dashboards that are open.
var watched []*http.Response

// load sends the requests, many at a time, and returns when all are answered or
// given up and nothing moves any more.
func load(url string) {
	var all sync.WaitGroup
	clients := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	send := func(times int, patience time.Duration, path, body string) {
		for i := 0; i < times; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				client := *clients
				client.Timeout = patience
				response, err := client.Post(url+path, "text/plain", strings.NewReader(body))
				if err == nil {
					response.Body.Close()
				}
			}()
		}
	}
	calmly := func(times int, path, body string) {
		for i := 0; i < times; i++ {
			send(1, time.Minute, path, body)
			if i%10 == 9 {
				all.Wait()
			}
		}
		all.Wait()
	}
	calmly(forms, "/announce", "GOPHER-0001;"+strings.Repeat("fragile ", 32<<10))
	calmly(uploads, "/upload", "\x89PNG\r\n\x1a\n"+strings.Repeat("\x00", 512<<10))
	calmly(1, "/plan", "")
	calmly(scans, "/scan", "")
	calmly(files, "/store", "")
	calmly(tracked, "/track", "")
	send(searches, giveUp, "/search?q=gophers", "")
	send(exports, giveUp, "/export", "")
	send(watches, giveUp, "/watch", "")
	send(1, giveUp, "/transfer?from=0", "")
	send(1, giveUp, "/transfer?from=1", "")
	send(1, giveUp, "/order?what=milk", "")
	all.Wait()
	send(orders, giveUp, "/order?what=tea", "")
	all.Wait()
	calmly(1, "/print", "")
	calmly(1, "/trim", "")
	for i := 0; i < dashboards; i++ {
		dashboard, err := clients.Get(url + "/follow")
		if err != nil {
			log.Fatal(err)
		}
		watched = append(watched, dashboard)
	}
	time.Sleep(2 * backend)
}
