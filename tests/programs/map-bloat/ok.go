package mapbloat

// OKFull: the map is in use.
func OKFull() {
	for i := 0; i < entries; i++ {
		byID[i] = i
	}
}

// OKHalf: half of it is.
func OKHalf() {
	for i := 0; i < entries; i++ {
		byID[i] = i
	}
	for i := 0; i < entries/2; i++ {
		delete(byID, i)
	}
}

// OKNew: what is left went into a new map.
func OKNew() {
	for i := 0; i < entries; i++ {
		byID[i] = i
	}
	for i := 10; i < entries; i++ {
		delete(byID, i)
	}
	left := make(map[int]int, len(byID))
	for k, v := range byID {
		left[k] = v
	}
	byID = left
}

// OKSmall: a small map is of no concern.
func OKSmall() {
	for i := 0; i < 1000; i++ {
		byID[i] = i
	}
	for i := 0; i < 1000; i++ {
		delete(byID, i)
	}
}

// OKMany: many small maps, all in use.
func OKMany() {
	shards = make([]map[int]session, 16)
	for s := range shards {
		shards[s] = map[int]session{}
		for i := 0; i < entries/16; i++ {
			shards[s][i] = session{id: i}
		}
	}
}
