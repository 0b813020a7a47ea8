package alltypes

func filled[T any](room int, values ...T) chan T {
	ch := make(chan T, room)
	for _, v := range values {
		ch <- v
	}
	return ch
}

// keepChannels keeps channels with and without buffers, empty, wrapped around,
// full and closed.
func keepChannels() {
	keep(make(chan int), make(chan *int), make(chan struct{}, 10), make(chan string, 1000))
	keep(filled(3, 1, 2, 3), filled(10, &tree{}, &tree{left: &tree{}}), filled(2, "a", text(7)))
	keep(filled(4, struct{}{}), filled[interface{}](5, 1, "x", &tree{}, nil))
	keep(filled(2, filled(1, &tree{name: "in a channel in a channel"})))
	keep(filled(3, bigValue(1), bigValue(2)), filled(2, [300]byte{1}), filled(100, newTree(4)))
	keep(filled(3, func() int { return 1 }), filled(3, fillMap(3, text, pointer)), filled(2, []*int{new(int)}))

	wrapped := filled(4, new(int), new(int), new(int), new(int))
	<-wrapped
	<-wrapped
	<-wrapped
	wrapped <- new(int)
	closed := filled(4, &tree{name: "closed"})
	close(closed)
	keep(wrapped, (<-chan *tree)(closed), (chan<- *int)(wrapped))
	var none chan int
	keep(none, []chan *tree{closed, nil})
}
