//go:build unix && !linux

package identify

import (
	"golang.org/x/sys/unix"

	"sd/library/catalog"
)

const (
	quiet       = 0
	folderFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
)

func (f fd) sequential() {}
func (f fd) protect()    {}

// born is not known here.
func (f fd) born(string, catalog.FileVersion) (int64, bool) { return 0, false }
