//go:build go1.23 && !go1.27

//go:debug asynctimerchan=0

package main

// The module says go 1.18 so that every release can build it, which would also
// select the timer channels of old. The line above selects those of the release;
// GODEBUG=asynctimerchan=1 in the environment still gives the old ones.
