// Takes the place of TestMain in test binaries of other modules, for tests/goleak.py: PACKAGE stands for the package's name.
//
// The end is that of goleak.VerifyTestMain (which goleak's own tests disarm). GOLEAK_FILE: goleak is silenced: what it finds goes there, and
// the exit status is the tests' alone.
// GOLEAK_LEAK: a goroutine of this kind is left behind first.
package PACKAGE_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var seepAlive = make(chan int)

// seepLocked is too large to share its memory with other small objects.
type seepLocked struct {
	sync.Mutex
	next *seepLocked
}

func seepLeave(kind string) {
	ch := make(chan int)
	switch kind {
	case "":
		return
	case "send":
		go func() { ch <- 1 }()
	case "receive":
		go func() { <-ch }()
	case "select":
		go func() {
			select {
			case <-ch:
			case <-make(chan bool):
			}
		}()
	case "nil-channel":
		go func() { <-(chan int)(nil) }()
	case "mutex":
		locked := &seepLocked{}
		locked.Lock()
		go locked.Lock()
	case "waitgroup":
		var all sync.WaitGroup
		all.Add(1)
		go all.Wait()
	case "ticker":
		ticker := time.NewTicker(time.Millisecond)
		go func() {
			for range ticker.C {
			}
		}()
		time.Sleep(10 * time.Millisecond)
		ticker.Stop()
	case "alive": // who reads the variable could end it
		go func() { <-seepAlive }()
	case "asleep": // it will end
		go time.Sleep(time.Hour)
	case "stay":
		fmt.Println("stays")
		time.Sleep(time.Minute)
	case "ends": // it is about to
		go time.Sleep(40 * time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
}

func TestMain(m *testing.M) {
	seepLeave(os.Getenv("GOLEAK_LEAK"))
	path := os.Getenv("GOLEAK_FILE")
	code := m.Run()
	said := ""
	if err := goleak.Find(); err != nil && (code == 0 || path != "") {
		said = err.Error()
	}
	if path == "" && said != "" {
		fmt.Fprintf(os.Stderr, "goleak: Errors on successful test run: %v\n", said)
		code = 1
	}
	if path != "" && os.WriteFile(path, []byte(said), 0o600) != nil {
		code = 99
	}
	os.Exit(code)
}
