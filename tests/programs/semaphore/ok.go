package semaphore

import "time"

// OK: everybody gives back what he took.
func OK() {
	s := &sem{count: 1}
	for i := 0; i < 4; i++ {
		go func() {
			semacquire(&s.count)
			semrelease(&s.count, false, 0)
		}()
	}
}

// OKSleep: the holder sleeps.
func OKSleep() {
	s := &sem{count: 1}
	for i := 0; i < 4; i++ {
		go func() {
			semacquire(&s.count)
			defer semrelease(&s.count, false, 0)
			time.Sleep(time.Hour)
		}()
	}
}

// OKStruct: a timer will make room.
func OKStruct() {
	l := &limiter{name: "l"}
	for i := 0; i < 5; i++ {
		go l.enter("me")
	}
	time.AfterFunc(time.Hour, func() { semrelease(&l.slots.count, false, 0) })
}

var slots sem

// OKGlobal: anybody could release a package variable.
func OKGlobal() {
	for i := 0; i < 4; i++ {
		go semacquire(&slots.count)
	}
}

// OKFile: one goroutine waits for input, three for that goroutine.
func OKFile() {
	r, w := openPipe()
	writers = append(writers, w)
	for i := 0; i < 4; i++ {
		go r.Read(make([]byte, 1))
	}
}

// OKFileSleep: the holder of the file's read lock sleeps.
func OKFileSleep() {
	r, w := openPipe()
	writers = append(writers, w)
	begun := make(chan struct{})
	go control(r, func() {
		close(begun)
		time.Sleep(time.Hour)
	})
	<-begun
	for i := 0; i < 3; i++ {
		go r.Read(make([]byte, 1))
	}
}
