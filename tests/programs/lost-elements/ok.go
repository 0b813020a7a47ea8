package lostelements

// OK: what is taken is set to nil first.
func OK() {
	front = &queue{pages(length)}
	for i := 0; i < length-1; i++ {
		front.pages[i] = nil
	}
	front.pages = front.pages[length-1:]
}

// OKCopy: what is left is copied.
func OKCopy() {
	stack = pages(length)
	stack = append([]*page(nil), stack[:1]...)
}

// OKDelete: elements move up and the end is cleared.
func OKDelete() {
	stack = pages(length)
	n := copy(stack[1:], stack[length-1:])
	for i := 1 + n; i < length; i++ {
		stack[i] = nil
	}
	stack = stack[:1+n]
}

var index map[int]*page

// OKIndex: what is left behind is in use elsewhere.
func OKIndex() {
	index = map[int]*page{}
	front = &queue{pages(length)}
	for i, p := range front.pages {
		index[i] = p
	}
	front.pages = front.pages[length-1:]
}

// OKList: a list leads to what the slice has left behind.
func OKList() {
	for i := 0; i < length; i++ {
		j := job{id: i, data: new(page)}
		if i > 0 {
			j.next = &job{data: jobs[i-1].data, next: jobs[i-1].next}
		}
		jobs = append(jobs, j)
	}
	jobs = jobs[length-1 : length : length]
}

// OKTwo: another slice still shows all.
func OKTwo() {
	stack = pages(length)
	front = &queue{stack[length-1:]}
	lists = append(lists, stack[:1])
}

var spare [][]*page

// OKReuse: a buffer that is filled again and again, emptied with care.
func OKReuse() {
	for i := 0; i < 50; i++ {
		p := pages(100)
		for k := range p {
			p[k] = nil
		}
		spare = append(spare, p[:0])
	}
}

// OKAlmostEmpty: room to grow, never used.
func OKAlmostEmpty() {
	for i := 0; i < 50; i++ {
		p := make([]*page, 1, 100)
		p[0] = new(page)
		spare = append(spare, p)
	}
}
