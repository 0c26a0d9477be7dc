//go:build unix && !linux

package transfer

import "os"

// renameAbsent renames, and fails with fs.ErrExist where there is something of the new name.
func renameAbsent(from, to string) error { return linkAbsent(from, to) }

// reserve gives the file its size.
func reserve(f *os.File, size int64) error { return f.Truncate(size) }

// bootID is not known.
func bootID() string { return "" }
