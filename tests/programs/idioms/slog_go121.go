//go:build go1.21

package idioms

import "log/slog"

var values []slog.Value

// OKSlog: slog.Value keeps a group as a pointer to its first attribute, and the number beside it.
func OKSlog() {
	for i := 0; i < 4*count; i++ {
		attrs := make([]slog.Attr, 50)
		for k := range attrs {
			attrs[k] = slog.String("key", "a text that is longer than thirty-two bytes"[k%9:])
		}
		values = append(values, slog.GroupValue(attrs...))
	}
}
