//go:build !linux

// Command bench measures sd beside its peers. It reads /proc and mounts tmpfs, so it
// runs on Linux alone.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: the benchmark runs on Linux alone")
	os.Exit(1)
}
