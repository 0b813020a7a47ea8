package alltypes

import (
	"os"
	"reflect"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// forever is what most goroutines wait for; a package variable, so it is no leak.
var forever = make(chan *tree)

var quietWriters []*os.File // kept open, never written to

// startGoroutines parks goroutines with all sorts of things on their stacks, and
// returns when all of them are about to wait.
func startGoroutines() {
	var ready sync.WaitGroup
	start := func(body func(ready func())) {
		ready.Add(1)
		go body(ready.Done)
	}
	for _, depth := range []int{0, 1, 10, 100, 3000} {
		depth := depth
		start(func(ready func()) { deep(depth, nil, ready) })
	}
	for _, body := range []func(func()){
		stackObjects, openDefers, manyDefers, loopDefers, largeFrame, selecting, sending, sleeping,
		locked, waiting, condition, onThread, inSyscall, inPoll, panicking, exiting, reflected, made,
		methodCall, closures, interior, deadLocals,
	} {
		start(body)
	}
	for i := 0; i < 20; i++ {
		i := i
		start(func(ready func()) { branches(i, ready) })
	}
	ready.Wait()
	time.Sleep(50 * time.Millisecond)
}

//go:noinline
func deep(depth int, up *tree, ready func()) int {
	here := tree{left: up, name: "on the stack"}
	here.right = &tree{name: "on the heap"}
	if depth == 0 {
		ready()
		<-forever
		return len(here.right.name)
	}
	return deep(depth-1, &here, ready) + len(here.right.name)
}

//go:noinline
func link(from, to *tree) {
	from.left = to
}

// stackObjects: locals that live only because another local points to them.
func stackObjects(ready func()) {
	var first, second, third, dead tree
	var array [5]struct {
		pad  int
		tree *tree
	}
	first.left = &second
	second.right = &third
	third.left = &tree{name: "reached through three locals"}
	dead.left = &tree{name: "dead"}
	link(&dead, &tree{name: "dead too"})
	array[3].tree = &tree{name: "in an array"}
	element := &array[3]
	ready()
	<-forever
	runtime.KeepAlive(first.left.right.left)
	runtime.KeepAlive(element.tree)
}

// openDefers: few defers, some of them conditional.
func openDefers(ready func()) {
	a, b := &tree{name: "a"}, &tree{name: "b"}
	defer func() { runtime.KeepAlive(a) }()
	if len(kept) > 0 {
		defer runtime.KeepAlive(b)
	}
	if len(kept) < 0 {
		defer runtime.KeepAlive(&tree{name: "never"})
	}
	ready()
	<-forever
}

// manyDefers: more than can be open-coded.
func manyDefers(ready func()) {
	t := &tree{name: "captured by nine defers"}
	defer func() { t.left = nil }()
	defer func() { t.left = nil }()
	defer func() { t.left = nil }()
	defer func() { t.left = nil }()
	defer func() { t.left = nil }()
	defer func() { t.left = nil }()
	defer func() { t.left = nil }()
	defer func() { t.left = nil }()
	defer func() { t.left = nil }()
	ready()
	<-forever
}

// loopDefers: records on the heap.
func loopDefers(ready func()) {
	for i := 0; i < 5; i++ {
		defer func(t *tree) { t.left = nil }(&tree{name: text(i)})
	}
	ready()
	<-forever
}

//go:noinline
func largeFrame(ready func()) {
	var frame [2000]*tree
	for i := range frame {
		if i%100 == 0 {
			frame[i] = &tree{name: text(i)}
		}
	}
	ready()
	<-forever
	for i := range frame {
		runtime.KeepAlive(frame[i])
	}
}

func selecting(ready func()) {
	value := &tree{name: "to be sent"}
	out, in := make(chan *tree), make(chan [20]*tree)
	ready()
	select {
	case out <- value:
	case got := <-in:
		runtime.KeepAlive(got[3])
	case got, ok := <-forever:
		runtime.KeepAlive(got)
		runtime.KeepAlive(ok)
	}
}

var nobody = make(chan *tree)

func sending(ready func()) {
	ready()
	nobody <- &tree{name: "being sent"}
}

func sleeping(ready func()) {
	t := &tree{name: "of a sleeper"}
	ready()
	time.Sleep(time.Hour)
	runtime.KeepAlive(t)
}

var (
	heldLock  sync.RWMutex
	unsettled sync.WaitGroup
	changed   = sync.NewCond(new(sync.Mutex))
)

func locked(ready func()) {
	held := make(chan struct{})
	go func() {
		heldLock.RLock()
		defer heldLock.RUnlock()
		close(held)
		time.Sleep(time.Hour)
	}()
	<-held
	t := &tree{name: "waits for a lock"}
	ready()
	heldLock.Lock()
	runtime.KeepAlive(t)
}

func waiting(ready func()) {
	unsettled.Add(1)
	t := &tree{name: "waits for a group"}
	ready()
	unsettled.Wait()
	runtime.KeepAlive(t)
}

func condition(ready func()) {
	t := &tree{name: "waits for a condition"}
	changed.L.Lock()
	ready()
	changed.Wait()
	runtime.KeepAlive(t)
}

func onThread(ready func()) {
	runtime.LockOSThread()
	t := &tree{name: "on a thread of its own"}
	ready()
	<-forever
	runtime.KeepAlive(t)
}

func inSyscall(ready func()) {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		panic(err)
	}
	t, buf := &tree{name: "in a system call"}, make([]byte, 100)
	ready()
	syscall.Read(fds[0], buf)
	runtime.KeepAlive(t)
}

func inPoll(ready func()) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	quietWriters = append(quietWriters, w)
	t, buf := &tree{name: "waits for input"}, make([]byte, 100)
	ready()
	r.Read(buf)
	runtime.KeepAlive(t)
}

// panicking: a panic is under way while a deferred call waits.
func panicking(ready func()) {
	t := &tree{name: "of a panicking goroutine"}
	defer func() {
		recover()
		runtime.KeepAlive(t)
	}()
	defer func() {
		ready()
		<-forever
	}()
	panic(&tree{name: "panic value"})
}

func exiting(ready func()) {
	t := &tree{name: "of an ending goroutine"}
	defer func() {
		ready()
		<-forever
		runtime.KeepAlive(t)
	}()
	runtime.Goexit()
}

// Wait is called by reflection.
func (r *reader) Wait(t *tree, values [5]*tree, ready func()) *tree {
	ready()
	<-forever
	runtime.KeepAlive(values[4])
	return t
}

func reflected(ready func()) {
	values := [5]*tree{4: {name: "in an array argument"}}
	method := reflect.ValueOf(&reader{position: new(int)}).MethodByName("Wait")
	method.Call([]reflect.Value{reflect.ValueOf(&tree{name: "argument"}), reflect.ValueOf(values), reflect.ValueOf(ready)})
}

// made: below a function made by reflection.
func made(ready func()) {
	f := reflect.MakeFunc(reflect.TypeOf(func(*tree, string) *tree { return nil }), func(args []reflect.Value) []reflect.Value {
		ready()
		<-forever
		return args[:1]
	}).Interface().(func(*tree, string) *tree)
	runtime.KeepAlive(f(&tree{name: "argument of a made function"}, text(1)))
}

// methodCall: below a method value made by reflection.
func methodCall(ready func()) {
	wait := reflect.ValueOf(&reader{position: new(int)}).MethodByName("Wait").Interface().(func(*tree, [5]*tree, func()) *tree)
	runtime.KeepAlive(wait(&tree{name: "argument"}, [5]*tree{1: {}}, ready))
}

func closures(ready func()) {
	counter, t := 0, &tree{name: "captured"}
	func() {
		counter++
		func() {
			ready()
			<-forever
			t.left = nil
		}()
		counter++
	}()
}

// interior: only pointers into the middle of objects.
func interior(ready func()) {
	array := new([100]tree)
	element := &array[70].name
	text := string(make([]byte, 1000))[500:]
	slice := pointers(200)[100:101]
	ready()
	<-forever
	runtime.KeepAlive(element)
	runtime.KeepAlive(text)
	runtime.KeepAlive(slice)
}

// deadLocals: what is not used after the wait is garbage.
func deadLocals(ready func()) {
	t := &tree{left: &tree{name: "dead"}, name: "dead"}
	large := make([]*tree, 1000)
	large[3] = t
	runtime.KeepAlive(large)
	ready()
	<-forever
}

// branches: what is alive depends on the way taken.
func branches(n int, ready func()) {
	var t, u *tree
	var any interface{}
	if n%2 == 0 {
		t = &tree{name: "even"}
	} else {
		u = &tree{name: "odd"}
		any = u
	}
	ready()
	switch n % 3 {
	case 0:
		<-forever
		runtime.KeepAlive(t)
	case 1:
		<-forever
		runtime.KeepAlive(any)
	case 2:
		<-forever
		runtime.KeepAlive(u)
	}
}
