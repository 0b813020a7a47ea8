// Secrets reads a line of hexadecimal digits, makes fresh strings of it in all the places that a capture must not keep, prints "ready",
// and waits for its standard input to end. Of a second line it makes what a capture does keep: bytes inside of objects
// that hold pointers, so that a search that finds nothing at all is noticed.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

type account struct {
	Name, Token string
	Tags        []string
	Next        *account
}

// No pointers, yet somebody waits for what is in it.
type guarded struct {
	mu     sync.Mutex
	secret [64]byte
}

// Kept: the secret lies between pointers.
type open struct {
	next   *open
	secret [64]byte
}

var (
	byKey    = map[string]int{}
	byName   = map[string]string{}
	ofArrays = map[[64]byte]int{}
	list     []string
	raw      [][]byte
	accounts *account
	packet   []byte
	builder  strings.Builder
	reader   *bufio.Reader
	lock     = new(guarded)
	full     = make(chan [64]byte, 4)
	strs     = make(chan string, 4)
	any1     []interface{}
	freed    int
	kept     *open
	envs     []string
)

func fresh(tag string, i int, secret string) string {
	return string([]byte(fmt.Sprintf("%s %04d %s", tag, i, secret)))
}

func array(secret string) (a [64]byte) {
	copy(a[:], secret)
	return
}

func plant(secret string) {
	for i := 0; i < 200; i++ {
		byKey[fresh("key", i, secret)] = i
		byName[fresh("name", i, secret)] = fresh("value", i, secret)
		a := array(secret)
		a[63] = byte(i)
		ofArrays[a] = i
		list = append(list, fresh("element", i, secret))
		raw = append(raw, []byte(fresh("bytes", i, secret)))
		accounts = &account{fresh("field", i, secret), fresh("token", i, secret), []string{fresh("tag", i, secret)}, accounts}
		any1 = append(any1, fresh("boxed", i, secret), array(secret), []byte(fresh("boxed bytes", i, secret)))
		builder.WriteString(fresh("builder", i, secret))
	}
	packet, _ = json.Marshal(accounts.Next)
	reader = bufio.NewReaderSize(bytes.NewReader(bytes.Repeat([]byte(fresh("read", 0, secret)), 100)), 4096)
	reader.Peek(100)
	copy(lock.secret[:], secret)
	for i := 0; i < cap(full); i++ {
		full <- array(secret)
		strs <- fresh("sent", i, secret)
	}
	// Garbage of a heap that was large once.
	var blocks [][]byte
	for i := 0; i < 100; i++ {
		blocks = append(blocks, bytes.Repeat([]byte(fresh("freed", i, secret)), 20000))
	}
	freed = len(blocks)
}

func keep(secret string) {
	for i := 0; i < 10; i++ {
		kept = &open{kept, array(secret)}
	}
}

// What the stack held is overwritten.
//
//go:noinline
func wipe(n int) byte {
	var room [4096]byte
	for i := range room {
		room[i] = byte(n)
	}
	if n > 0 {
		return room[n] + wipe(n-1)
	}
	return room[0]
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 64<<10)
	hidden, _ := in.ReadString('\n')
	shown, _ := in.ReadString('\n')
	envs = os.Environ()
	done := make(chan bool)
	go func() {
		plant(strings.TrimSpace(hidden))
		keep(strings.TrimSpace(shown))
		done <- true
	}()
	<-done
	// Somebody waits for the lock and for the channels.
	lock.mu.Lock()
	go func() { lock.mu.Lock() }()
	go func() { full <- [64]byte{} }()
	go func() { strs <- "" }()
	wipe(16)
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	fmt.Println("ready")
	in.ReadString('\n')
	runtime.KeepAlive(done)
}
