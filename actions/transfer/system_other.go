//go:build unix && !linux

package transfer

// bootID is not known.
func bootID() string { return "" }
