package semaphore

// Leak: four goroutines want the one that is free, the first keeps it.
func Leak() {
	s := &sem{count: 1}
	for i := 0; i < 4; i++ {
		go func() {
			semacquire(&s.count) // want leak: semaphore proven 3
		}()
	}
}

type limiter struct {
	name  string
	slots sem
	used  []string
}

func (l *limiter) enter(who string) {
	semacquire(&l.slots.count) // want leak-struct: semaphore proven 5
	l.used = append(l.used, who)
}

// LeakStruct: the semaphore is a field, and nothing was ever free.
func LeakStruct() {
	l := &limiter{name: "l"}
	for i := 0; i < 5; i++ {
		go l.enter("me")
	}
}

// LeakFile: one goroutine is stuck while it has the read lock of a file,
// three would like to read.
func LeakFile() {
	r, w := openPipe()
	writers = append(writers, w)
	never, begun := make(chan struct{}), make(chan struct{})
	go control(r, func() {
		close(begun)
		<-never // want leak-file: receive-blocked proven 1
	})
	<-begun
	for i := 0; i < 3; i++ {
		go func() {
			r.Read(make([]byte, 1)) // want leak-file: semaphore proven 3
		}()
	}
}
