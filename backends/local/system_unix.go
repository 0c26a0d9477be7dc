//go:build linux || darwin || freebsd

package local

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// usage tells the bytes that files take on the file system of dir, and those that
// an ordinary user may still write.
func usage(dir *os.File) (used, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, -1, err
	}
	block := int64(st.Bsize)
	return (int64(st.Blocks) - int64(st.Bfree)) * block, max(int64(st.Bavail), 0) * block, nil
}

// identity is the inode and the time of its last change.
func identity(info os.FileInfo) (inode uint64, changed int64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return uint64(st.Ino), changeTime(st)
}

// unlink removes a file, or a directory, never the other of the two.
func unlink(folder *os.Root, base string, directory bool) error {
	dir, err := folder.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	flags := 0
	if directory {
		flags = unix.AT_REMOVEDIR
	}
	return unix.Unlinkat(int(dir.Fd()), base, flags)
}
