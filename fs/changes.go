package fs

import (
	"sd/backends"
)

// Changes is told of what was changed in volumes through the mount, once the provider has
// it, and of bytes that have passed. A volume is named by its fingerprint, and what lies in
// it by its whole name, as the store has it. Its methods are called from any goroutine, those
// about one name one after the other, often with locks held: they must return at once, and
// call nothing of this package. Changes below local/ are not told; a watcher sees them.
type Changes interface {
	// Put says that name has another version, or other metadata, or is new. It may be a Dir
	// or a Symlink. Where e.Meta has a BLAKE3 it is that of these very bytes.
	Put(volume, name string, e backends.Entry)
	// Removed says that nothing has that name any more. A folder was empty before.
	Removed(volume, name string)
	// Moved says that old is called new now, dir with all below it. What was called new is
	// no more. For a file Put follows, for its version may be another one.
	Moved(volume, old, new string, dir bool)
	// Passed says that all bytes of a version were read from start to end, which the kernel
	// or a program got as they came from the provider, and what their BLAKE3 is, as 64 hex
	// characters.
	Passed(volume, name, version string, size int64, sum string)
}

// unheard is where nobody wants to know.
type unheard struct{}

func (unheard) Put(string, string, backends.Entry)           {}
func (unheard) Removed(string, string)                       {}
func (unheard) Moved(string, string, string, bool)           {}
func (unheard) Passed(string, string, string, int64, string) {}

var _ Changes = unheard{}
