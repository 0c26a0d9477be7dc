//go:build unix && !linux

package identify

import "golang.org/x/sys/unix"

const (
	quiet       = 0
	folderFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
)

func (f fd) sequential() {}
func (f fd) protect()    {}
