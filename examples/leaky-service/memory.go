// Eight mistakes that keep memory.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// A parcel is what stays of the form that announced it.
type parcel struct {
	number string
	weight int
}

var parcels = struct {
	sync.Mutex
	byID map[int]parcel
}{byID: map[int]parcel{}}

// announce cuts the parcel's number out of a form, and with it keeps the form.
func announce(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	form := string(body)
	end := strings.IndexByte(form, ';')
	if end < 0 {
		http.Error(w, "no number", http.StatusBadRequest)
		return
	}
	parcels.Lock()
	defer parcels.Unlock()
	parcels.byID[len(parcels.byID)] = parcel{number: form[:end], weight: len(form)}
}

type picture struct {
	magic []byte
	taken time.Time
}

var pictures = struct {
	sync.Mutex
	all []picture
}{}

// upload keeps the first bytes of each picture, and with them the picture.
func upload(w http.ResponseWriter, r *http.Request) {
	var data bytes.Buffer
	if _, err := io.CopyN(&data, r.Body, r.ContentLength); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pictures.Lock()
	defer pictures.Unlock()
	pictures.all = append(pictures.all, picture{data.Bytes()[:8:8], time.Now()})
}

type label struct {
	text [8 << 10]byte
}

var labels = struct {
	sync.Mutex
	queue []*label
}{}

// printLabels queues labels and takes all but the last from the queue, whose
// array goes on pointing to them.
func printLabels(w http.ResponseWriter, _ *http.Request) {
	labels.Lock()
	defer labels.Unlock()
	for i := 0; i < batch; i++ {
		labels.queue = append(labels.queue, new(label))
	}
	for len(labels.queue) > 1 {
		next := labels.queue[0]
		labels.queue = labels.queue[1:]
		w.Write(next.text[:8])
	}
}

var routes = struct {
	sync.Mutex
	seen map[int]time.Time
}{seen: map[int]time.Time{}}

// plan remembers each stop while it plans, and deletes all of them one by one.
func plan(w http.ResponseWriter, _ *http.Request) {
	routes.Lock()
	defer routes.Unlock()
	for stop := 0; stop < stops; stop++ {
		routes.seen[stop] = time.Now()
	}
	for stop := range routes.seen {
		delete(routes.seen, stop)
	}
	fmt.Fprintln(w, stops, "stops")
}

// track looks twice a minute where a parcel is, until it is told. It never stops
// its ticker.
func track(w http.ResponseWriter, r *http.Request) {
	ticker := time.NewTicker(30 * time.Second)
	found := time.After(patience)
	for {
		select {
		case <-ticker.C:
			query("where")
		case <-found:
			fmt.Fprintln(w, "delivered")
			return
		case <-r.Context().Done():
			return
		}
	}
}

type scanner struct {
	id   int
	feed *feed
}

type feed struct {
	owner  *scanner
	frames [256 << 10]byte
}

// scan has a finalizer turn scanners off, which their feeds lead back to.
func scan(w http.ResponseWriter, _ *http.Request) {
	s := &scanner{feed: new(feed)}
	s.feed.owner = s
	runtime.SetFinalizer(s, (*scanner).off)
	fmt.Fprintln(w, "scanned", s.feed.frames[0])
}

func (s *scanner) off() { s.id = -1 }

var archive = make(chan string)

// archiver opens a file for each day, and closes all of them when it returns,
// which it does not.
func archiver() {
	for path := range archive {
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		page := make([]byte, 16<<10)
		defer func() {
			file.Write(page)
			file.Close()
		}()
		io.ReadFull(file, page)
	}
}

func store(w http.ResponseWriter, _ *http.Request) {
	archive <- os.DevNull
	fmt.Fprintln(w, "stored")
}

// A histogram counts deliveries by the minute they took.
type histogram [1 << 15]uint64

var minutes histogram

// follow streams to a dashboard for as long as that is open.
func follow(w http.ResponseWriter, r *http.Request) {
	minutes.stream(w, r)
}

// stream takes a copy of all of the histogram.
func (h histogram) stream(w http.ResponseWriter, r *http.Request) {
	for minute := 0; r.Context().Err() == nil; minute = (minute + 1) % len(h) {
		fmt.Fprintln(w, minute, h[minute])
		w.(http.Flusher).Flush()
		time.Sleep(backend)
	}
}

// trim is what operators call when the service has become large.
func trim(w http.ResponseWriter, _ *http.Request) {
	debug.FreeOSMemory()
	fmt.Fprintln(w, "trimmed")
}
