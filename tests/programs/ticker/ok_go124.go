//go:build go1.24

package ticker

import (
	"time"
	"weak"
)

var weakly []weak.Pointer[time.Ticker]

// OKWeak: with the timer channels of Go 1.22 the tickers stay, and so a weak
// pointer can give them back to be stopped.
func OKWeak() {
	for i := 0; i < 20; i++ {
		weakly = append(weakly, weak.Make(time.NewTicker(time.Hour)))
	}
}
