//go:build go1.24

package main

import (
	"log/slog"
	"unique"
	"unsafe"
	"weak"
)

var (
	handles []unique.Handle[[20]string]
	weaks   []weak.Pointer[wide]
	inWeaks []weak.Pointer[leaf]
	kept    []*wide
	strs    []string
	heads   []*int64
	values  []slog.Value
)

func init() {
	more = append(more, func() {
		for i := 0; i < 5; i++ {
			handles = append(handles, unique.Make([20]string{text(), 4: text()}))
			hold(handles[i].Value())
			w := newWide()
			hold(w)
			kept = append(kept, w)
			weaks = append(weaks, weak.Make(w))
			inWeaks = append(inWeaks, weak.Make(&w.cells[5]))
			b := bytes()
			strs = append(strs, unsafe.String(unsafe.SliceData(b), len(b)))
			hold(strs[i])
			n := make([]int64, 1000)
			heads = append(heads, &n[100])
			hold(unsafe.Slice(heads[i], 1))
			attrs := make([]slog.Attr, 40)
			attrs[i] = slog.String("k", held())
			hold(attrs)
			values = append(values, slog.GroupValue(attrs...), slog.StringValue(held()))
		}
	})
}
