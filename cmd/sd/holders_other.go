//go:build !linux

package main

// holder is a process that keeps a mountpoint busy, and by what.
type holder struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
	How  string `json:"how"`
}

// holders cannot tell here; `fuser MOUNTPOINT` can.
func holders(string) []holder { return nil }
