//go:build !linux

package staging

import "os"

// punch makes bytes of a file zeros.
func punch(file *os.File, off, n int64) error { return writeZeros(file, off, n) }

// datasync waits until the bytes of a file are on the disk.
func datasync(file *os.File) error { return file.Sync() }
