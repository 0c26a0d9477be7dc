package identify

import "golang.org/x/sys/unix"

const (
	quiet       = unix.O_NOATIME
	folderFlags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
)

// sequential tells the kernel that all of the file will be read.
func (f fd) sequential() { unix.Fadvise(int(f), 0, 0, unix.FADV_SEQUENTIAL) }

// protect has the kernel notice the next change of each byte. A page that a program has
// mapped, and that is not on the disk yet, takes more changes without another ctime; from the
// moment when its writing begins, the first one sets it. File systems in memory never
// do. Small files need it not: who serves them compares all of their bytes first.
func (f fd) protect() {
	_ = unix.SyncFileRange(int(f), 0, 0, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE)
}
