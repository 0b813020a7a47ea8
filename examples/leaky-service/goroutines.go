// Five mistakes that leave goroutines behind.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	exportBy  = 3
	patience  = 30 * time.Millisecond  // how long a handler waits for a backend
	backend   = 100 * time.Millisecond // how long the backend takes
	statement = "SELECT 1"
)

// search gives up on a slow backend, but the goroutine that asks it still wants
// to hand over the answer.
func search(w http.ResponseWriter, r *http.Request) {
	answer := make(chan string)
	go func() {
		answer <- query(r.URL.Query().Get("q"))
	}()
	select {
	case a := <-answer:
		fmt.Fprintln(w, a)
	case <-time.After(patience):
		http.Error(w, "the backend is slow today", http.StatusGatewayTimeout)
	}
}

func query(q string) string {
	time.Sleep(backend)
	return statement + " -- " + q
}

var stock = struct {
	sync.Mutex
	left map[string]int
}{left: map[string]int{"tea": 100, "coffee": 50}}

// order forgets the lock when there is nothing to order.
func order(w http.ResponseWriter, r *http.Request) {
	what := r.URL.Query().Get("what")
	stock.Lock()
	left, ok := stock.left[what]
	if !ok {
		http.Error(w, "we do not sell that", http.StatusNotFound)
		return
	}
	stock.left[what] = left - 1
	stock.Unlock()
	fmt.Fprintln(w, left-1, "left")
}

// export shares its rows out to workers and never tells them that there are no
// more.
func export(w http.ResponseWriter, _ *http.Request) {
	rows := make(chan int)
	var written sync.WaitGroup
	for i := 0; i < exportBy; i++ {
		go exportRows(rows, &written)
	}
	for row := 0; row < 10; row++ {
		written.Add(1)
		rows <- row
	}
	written.Wait()
	fmt.Fprintln(w, "10 rows")
}

func exportRows(rows <-chan int, written *sync.WaitGroup) {
	for range rows {
		written.Done()
	}
}

// watch stops its ticker and takes that for the end of the loop over it.
func watch(w http.ResponseWriter, _ *http.Request) {
	ticker := time.NewTicker(5 * time.Millisecond)
	seen := make(chan struct{}, 100)
	go func() {
		for range ticker.C {
			seen <- struct{}{}
		}
	}()
	<-seen
	ticker.Stop()
	fmt.Fprintln(w, "seen")
}

type account struct {
	sync.Mutex
	balance int
}

var accounts = [2]account{{balance: 100}, {balance: 100}}

// transfer locks the two accounts in the order it is given them.
func transfer(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.Atoi(r.URL.Query().Get("from"))
	if err != nil || from < 0 || from > 1 {
		http.Error(w, "no such account", http.StatusBadRequest)
		return
	}
	if err := move(&accounts[from], &accounts[1-from], 10); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

func move(from, to *account, amount int) error {
	from.Lock()
	defer from.Unlock()
	if from.balance < amount {
		return errors.New("not enough")
	}
	query("audit")
	to.Lock()
	defer to.Unlock()
	from.balance -= amount
	to.balance += amount
	return nil
}
