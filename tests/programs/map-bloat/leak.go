// Package mapbloat fills maps and empties them again.
package mapbloat

const entries = 1000000

type session struct {
	id   int
	user string
}

var (
	byID     = map[int]int{}
	sessions = map[string]*session{}
	shards   []map[int]session
	inner    *server
)

type server struct {
	name  string
	users map[int][4]int
}

// Leak: a million entries, all deleted one by one.
func Leak() {
	for i := 0; i < entries; i++ {
		byID[i] = i // want leak: map-bloat suspect 1 holder=map[int]int
	}
	for i := 0; i < entries; i++ {
		delete(byID, i)
	}
}

// LeakFew: a few are left.
func LeakFew() {
	inner = &server{users: map[int][4]int{}}
	for i := 0; i < entries; i++ {
		inner.users[i] = [4]int{i} // want leak-few: map-bloat suspect 1 holder=mapbloat.server.users
	}
	for i := 10; i < entries; i++ {
		delete(inner.users, i)
	}
}

// LeakRange: emptied in a range loop, as clear does.
func LeakRange() {
	for i := 0; i < entries/4; i++ {
		sessions[string(rune(i))+"user"] = &session{id: i} // want leak-range: map-bloat suspect 1 holder=map[string]*mapbloat.session
	}
	for k := range sessions {
		delete(sessions, k)
	}
}

// LeakShards: many maps, each of which is large enough to matter together with the others.
func LeakShards() {
	shards = make([]map[int]session, 16)
	for s := range shards {
		shards[s] = map[int]session{}
		for i := 0; i < entries/16; i++ {
			shards[s][i] = session{id: i} // want leak-shards: map-bloat suspect 16 holder=map[int]mapbloat.session
		}
		for i := 0; i < entries/16; i++ {
			delete(shards[s], i)
		}
	}
}
