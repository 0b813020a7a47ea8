package alltypes

import (
	"bufio"
	"bytes"
	"container/heap"
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"sync/atomic"
	"text/template"
	"time"
)

type intHeap []int

func (h intHeap) Len() int              { return len(h) }
func (h intHeap) Less(i, j int) bool    { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)         { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x interface{})   { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() (x interface{}) { *h, x = (*h)[:len(*h)-1], (*h)[len(*h)-1]; return }

type contextKey string

// keepLibrary keeps what the standard library builds.
func keepLibrary() {
	root, cancel := context.WithCancel(context.Background())
	for i := 0; i < 5; i++ {
		child, cancelChild := context.WithTimeout(context.WithValue(root, contextKey("k"), text(i)), time.Hour)
		keep(child, cancelChild)
	}
	keep(cancel)

	var decoded interface{}
	if err := json.Unmarshal([]byte(`{"a":[1,2,{"b":null}],"c":"text","d":1e9}`), &decoded); err != nil {
		panic(err)
	}
	keep(decoded, regexp.MustCompile(`^(a|b)*[c-z]{2,5}(?P<name>x+)$`))
	keep(template.Must(template.New("t").Parse(`{{range .}}{{.A}}{{else}}none{{end}}`)))
	keep(new(big.Int).Exp(big.NewInt(3), big.NewInt(5000), nil))
	keep(fmt.Errorf("outer: %w", errors.New("inner")))

	builder := new(strings.Builder)
	builder.WriteString(strings.Repeat("b", 100))
	keep(builder, bytes.NewBufferString("buffer"), bufio.NewReaderSize(strings.NewReader("r"), 5000))
	l := list.New()
	h := &intHeap{}
	for i := 0; i < 20; i++ {
		l.PushBack(&tree{name: text(i)})
		heap.Push(h, 20-i)
	}
	keep(l, h)
	value := new(atomic.Value)
	value.Store(&tree{name: "atomic"})
	keep(value, time.Now(), time.FixedZone("zone", 3600))
}
