package identify

import "golang.org/x/sys/unix"

const (
	quiet       = unix.O_NOATIME
	folderFlags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
)

// sequential tells the kernel that all of the file will be read.
func (f fd) sequential() { unix.Fadvise(int(f), 0, 0, unix.FADV_SEQUENTIAL) }
