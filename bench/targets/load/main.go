// Steady load on a server, by the clock: request k is due at k/rate seconds, whether or not those
// before it have been answered, and its latency counts from then. A server that stands still for a
// while is so charged with every request that came meanwhile, and not just with those in flight.
//
// Lines on stdin: `phase NAME` begins a phase, `quit` ends. Then it prints for each phase
//
//	phase NAME SECONDS DUE ANSWERED WORST FAILED P50 P99 P999 MAX
//
// ANSWERED is what got its answer in the phase, WORST how many did in its worst whole tenth of a second;
// the last four are latencies in ns, of the requests that were due in it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
	"time"
)

// A client sends one request on its connection and waits for the answer.
type client interface{ roundTrip() error }

type result struct {
	due     time.Time
	latency time.Duration
	failed  bool
}

type phase struct {
	name  string
	begin time.Time
}

// tick is how often requests that have become due are handed out: what the figures cannot tell apart.
const tick = 250 * time.Microsecond

const window = 100 * time.Millisecond

// schedule hands out the times at which requests are due.
func schedule(rate float64, due chan<- time.Time, stop <-chan struct{}) {
	begin := time.Now()
	for k := 0; ; {
		select {
		case <-stop:
			close(due)
			return
		default:
		}
		for ; float64(k) < time.Since(begin).Seconds()*rate; k++ {
			due <- begin.Add(time.Duration(float64(k) / rate * 1e9))
		}
		time.Sleep(tick)
	}
}

func work(connect func(net.Conn) (client, error), address string, due <-chan time.Time, done chan<- []result) {
	var results []result
	var connected client
	for at := range due {
		var err error
		if connected == nil {
			var conn net.Conn
			if conn, err = net.Dial("tcp", address); err == nil {
				connected, err = connect(conn)
			}
		}
		if err == nil {
			err = connected.roundTrip()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			connected = nil
		}
		results = append(results, result{at, time.Since(at), err != nil})
	}
	done <- results
}

func (p phase) print(end time.Time, results []result) {
	var latencies []time.Duration
	windows := make([]int, int(end.Sub(p.begin)/window)+1)
	answered, failed := 0, 0
	for _, r := range results {
		if at := r.due.Add(r.latency); !r.failed && !at.Before(p.begin) && at.Before(end) {
			answered++
			windows[at.Sub(p.begin)/window]++
		}
		if r.due.Before(p.begin) || !r.due.Before(end) {
			continue
		}
		latencies = append(latencies, r.latency)
		if r.failed {
			failed++
		}
	}
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	at := func(share float64) int64 {
		if len(latencies) == 0 {
			return 0
		}
		return int64(latencies[int(share*float64(len(latencies)-1))])
	}
	worst := answered
	for _, n := range windows[:len(windows)-1] {
		if n < worst {
			worst = n
		}
	}
	fmt.Println("phase", p.name, end.Sub(p.begin).Seconds(), len(latencies), answered, worst, failed,
		at(0.5), at(0.99), at(0.999), at(1))
}

func main() {
	kind := flag.String("kind", "http", "http or nats")
	address := flag.String("address", "", "of the server")
	rate := flag.Float64("rate", 1000, "requests a second")
	clients := flag.Int("clients", 16, "connections")
	subscriptions := flag.Int("subscriptions", 0, "nats: of one more connection that only waits")
	flag.Parse()
	connect := connectHTTP
	if *kind == "nats" {
		connect = connectNATS
		if err := subscribe(*address, *subscriptions); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}

	due, stop := make(chan time.Time, 1<<20), make(chan struct{})
	done := make(chan []result)
	for i := 0; i < *clients; i++ {
		go work(connect, *address, due, done)
	}
	phases := []phase{{"start", time.Now()}}
	go schedule(*rate, due, stop)
	fmt.Println("ready")

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() && lines.Text() != "quit" {
		if name := strings.TrimPrefix(lines.Text(), "phase "); name != lines.Text() {
			phases = append(phases, phase{name, time.Now()})
		}
	}
	phases = append(phases, phase{"", time.Now()})
	close(stop)
	var results []result
	for i := 0; i < *clients; i++ {
		results = append(results, <-done...)
	}
	for i, p := range phases[:len(phases)-1] {
		p.print(phases[i+1].begin, results)
	}
}
