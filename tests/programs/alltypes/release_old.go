//go:build !go1.24

package alltypes

// keepReleaseSpecific: see the file for Go 1.24.
func keepReleaseSpecific() {}
