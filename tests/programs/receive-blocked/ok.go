package receiveblocked

import (
	"context"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Each twin has a receiver that one particular thing can still wake.

func receive(ch <-chan int) {
	<-ch
}

// OK: ten receivers, the channel is closed.
func OK() {
	jobs := make(chan int)
	for i := 0; i < 10; i++ {
		go receive(jobs)
	}
	jobs <- 1
	close(jobs)
}

// OKMain: main has the channel.
func OKMain(park func()) {
	ch := make(chan int)
	go receive(ch)
	park()
	runtime.KeepAlive(ch)
}

// OKSleep: a sleeper has it.
func OKSleep() {
	ch := make(chan int)
	go receive(ch)
	go func() {
		time.Sleep(time.Hour)
		ch <- 1
	}()
}

var quietWriter *os.File // kept open, never written to

// OKIO: a goroutine that waits for input has it.
func OKIO() {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	quietWriter = w
	ch := make(chan int)
	go receive(ch)
	go func() {
		r.Read(make([]byte, 1))
		ch <- 1
	}()
}

// OKSyscall: a goroutine in a system call has it.
func OKSyscall() {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	ch := make(chan int)
	go receive(ch)
	go func() {
		var buf [1]byte
		syscall.Read(fds[0], buf[:])
		ch <- 1
	}()
}

// OKPool: the producer is slow.
func OKPool() {
	jobs, results := make(chan int), make(chan int, 8)
	for i := 0; i < 4; i++ {
		go worker(jobs, results)
	}
	go func() {
		defer close(jobs)
		for i := 0; i < 8; i++ {
			jobs <- i
			time.Sleep(time.Hour)
		}
	}()
}

// OKChain: the head of the row waits for a sleeper.
func OKChain() {
	head := make(chan int)
	from := head
	for i := 0; i < 4; i++ {
		to := make(chan int)
		go forward(from, to)
		from = to
	}
	go func() {
		time.Sleep(time.Hour)
		head <- 1
	}()
}

var subscribers = map[string]chan int{}

// OKMap: a map in a package variable has it.
func OKMap() {
	subscribers["a"] = make(chan int)
	go receive(subscribers["a"])
}

var byChannel = map[chan int]bool{}

// OKMapKey: it is a key of a map.
func OKMapKey() {
	ch := make(chan int)
	byChannel[ch] = true
	go receive(ch)
}

var wake func()

// OKClosure: a function in a package variable has it.
func OKClosure() {
	ch := make(chan int)
	wake = func() { ch <- 1 }
	go receive(ch)
}

// OKAfterFunc: a pending timer has it.
func OKAfterFunc() {
	ch := make(chan int)
	time.AfterFunc(time.Hour, func() { ch <- 1 })
	go receive(ch)
}

// OKContext: the function that cancels is kept by a sleeper.
func OKContext() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-ctx.Done()
	}()
	go func() {
		time.Sleep(time.Hour)
		cancel()
	}()
}

// OKContextTimeout: the context ends by itself.
func OKContextTimeout() {
	ctx, _ := context.WithTimeout(context.Background(), time.Hour)
	go func() {
		<-ctx.Done()
	}()
}

var background, cancelAll = context.WithCancel(context.Background())

// OKContextTree: cancelling the root would wake the leaf.
func OKContextTree() {
	for i := 0; i < 3; i++ {
		child, _ := context.WithCancel(context.WithValue(background, key{}, i))
		go func() {
			<-child.Done()
		}()
	}
}

// OKContextValue: a value of a context that a sleeper has.
func OKContextValue() {
	ch := make(chan int)
	ctx := context.WithValue(context.Background(), key{}, ch)
	go receive(ch)
	go func() {
		time.Sleep(time.Hour)
		ctx.Value(key{}).(chan int) <- 1
	}()
}

type waker interface{ wake() }

type channelWaker struct {
	name string
	ch   chan int
}

func (w *channelWaker) wake() { w.ch <- 1 }

type slot struct {
	used  bool
	waker waker
}

var registry sync.Map

// OKSyncMap: an interface in a struct in a sync.Map.
func OKSyncMap() {
	ch := make(chan int)
	registry.Store("a", slot{true, &channelWaker{"a", ch}})
	go receive(ch)
}

var idle sync.Pool

// OKSyncPool: in a sync.Pool. Two more collections would make it a leak.
func OKSyncPool() {
	ch := make(chan int)
	idle.Put(&slot{true, &channelWaker{"a", ch}})
	go receive(ch)
}

var resource *[64]byte

// OKFinalizer: a finalizer would wake.
func OKFinalizer() {
	ch := make(chan int, 1)
	go receive(ch)
	resource = new([64]byte)
	runtime.SetFinalizer(resource, func(*[64]byte) { ch <- 1 })
}

var firstField *string

// OKField: a pointer to another field of the struct with the channel.
func OKField() {
	w := &channelWaker{"a", make(chan int)}
	firstField = &w.name
	go receive(w.ch)
}

var middle *chan int

// OKElement: a pointer to one element of an array of channels; the receiver has
// another.
func OKElement() {
	var channels [8]chan int
	for i := range channels {
		channels[i] = make(chan int)
	}
	middle = &channels[5]
	go receive(channels[2])
}

var replies = make(chan chan int, 4)

// OKNested: the channel is in the buffer of another.
func OKNested() {
	ch := make(chan int)
	replies <- ch
	go receive(ch)
}

// OKPendingSend: the channel is the value of a blocked send that will be received.
func OKPendingSend() {
	ch := make(chan int)
	requests := make(chan chan int)
	go receive(ch)
	go func(reply chan int) {
		requests <- reply
	}(ch)
	go func() {
		time.Sleep(time.Hour)
		reply := <-requests
		reply <- 1
	}()
}

// OKDefer: a deferred call of a sleeper has it.
func OKDefer() {
	ch := make(chan int)
	go receive(ch)
	go func() {
		defer func() { ch <- 1 }()
		time.Sleep(time.Hour)
	}()
}

// OKDeferLoop: so does one of three, pushed in a loop.
func OKDeferLoop() {
	ch := make(chan int)
	go receive(ch)
	go func() {
		for i := 0; i < 3; i++ {
			defer func(n int) {
				if n == 1 {
					ch <- n
				}
			}(i)
		}
		time.Sleep(time.Hour)
	}()
}

// OKMethodValue: a sleeper has a method bound to it.
func OKMethodValue() {
	ch := make(chan int)
	go receive(ch)
	wake := (&channelWaker{"a", ch}).wake
	go func() {
		time.Sleep(time.Hour)
		wake()
	}()
}

type box[T any] struct {
	label string
	value T
}

func (b *box[T]) get() T { return b.value }

// OKGeneric: a sleeper has a generic box with it.
func OKGeneric() {
	ch := make(chan int)
	go receive(ch)
	b := &box[chan int]{"a", ch}
	go func() {
		time.Sleep(time.Hour)
		b.get() <- 1
	}()
}

// OKReflect: a sleeper has a value of a type made at run time.
func OKReflect() {
	ch := make(chan int)
	go receive(ch)
	made := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "Name", Type: reflect.TypeOf("")},
		{Name: "Out", Type: reflect.TypeOf(ch)},
	})).Elem()
	made.Field(1).Set(reflect.ValueOf(ch))
	go func() {
		time.Sleep(time.Hour)
		made.Field(1).Send(reflect.ValueOf(1))
	}()
}

//go:noinline
func link(to **channelWaker, w *channelWaker) {
	*to = w
}

// OKStackObject: a local of a sleeper, reached through a pointer to the stack.
func OKStackObject() {
	ch := make(chan int)
	go receive(ch)
	go func() {
		var locals [4]struct {
			pad   [3]int
			waker *channelWaker
		}
		last := &locals[3].waker
		link(last, &channelWaker{"a", ch})
		time.Sleep(time.Hour)
		(*last).wake()
	}()
}

// OKSelect: who has it sits in a select of which another case is live.
func OKSelect() {
	ch, quit := make(chan int), make(chan struct{})
	go receive(ch)
	go func() {
		select {
		case n := <-ch:
			_ = n
		case <-quit:
			close(ch)
		}
	}()
	time.AfterFunc(time.Hour, func() { close(quit) })
}

// OKMutex: who has it waits for a mutex that a sleeper holds.
func OKMutex() {
	ch, held := make(chan int), make(chan struct{})
	var mu sync.Mutex
	go receive(ch)
	go func() {
		mu.Lock()
		close(held)
		time.Sleep(time.Hour)
		mu.Unlock()
	}()
	<-held
	go func() {
		mu.Lock()
		defer mu.Unlock()
		ch <- 1
	}()
}

// OKWaitGroup: who has it waits for a group of which one member sleeps.
func OKWaitGroup() {
	ch := make(chan int)
	var wg sync.WaitGroup
	wg.Add(1)
	go receive(ch)
	go func() {
		wg.Wait()
		ch <- 1
	}()
	go func() {
		time.Sleep(time.Hour)
		wg.Done()
	}()
}

// OKSignal: the operating system has it, so to speak.
func OKSignal() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGUSR1)
	go func() {
		<-ch
	}()
}

type node struct {
	done chan struct{}
	next *node
}

// OKList: a sleeper has a long list with it at the end.
func OKList() {
	done := make(chan struct{})
	list := &node{done: done}
	for i := 0; i < 1000; i++ {
		list = &node{next: list}
	}
	go func() {
		<-done
	}()
	go func() {
		time.Sleep(time.Hour)
		for list.next != nil {
			list = list.next
		}
		close(list.done)
	}()
}
