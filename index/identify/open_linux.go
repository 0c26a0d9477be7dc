package identify

import (
	"golang.org/x/sys/unix"

	"sd/identity"
	"sd/library/catalog"
)

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

// born tells when the inode of a file of a folder was made, in nanoseconds since 1970; false where that
// is not known, or the file is another version by now.
func (f fd) born(name string, v catalog.FileVersion) (int64, bool) {
	var st unix.Statx_t
	if err := unix.Statx(int(f), name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0, false
	}
	ns := func(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }
	now := catalog.FileVersion{Size: int64(st.Size), ModTime: ns(st.Mtime), Version: identity.LocalVersion(ns(st.Ctime), st.Ino)}
	return ns(st.Btime), now == v
}
