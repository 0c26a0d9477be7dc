//go:build unix

package identify

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"sd/identity"
	"sd/library/catalog"
)

// maxOpen is how long a path may be that is opened at once.
const maxOpen = 4000

// fd is an open file or folder.
type fd int

// openFolder opens a folder by its path from "/", without a slash at either end. Paths may be
// longer than the system takes at once.
func openFolder(path string) (fd, error) {
	dir, err := open(unix.AT_FDCWD, "/", folderFlags)
	for err == nil && path != "" {
		n := len(path)
		if n > maxOpen {
			if n = strings.LastIndexByte(path[:maxOpen], '/'); n < 0 {
				n = len(path)
			}
		}
		var next fd
		next, err = open(dir, path[:n], folderFlags)
		dir.close()
		dir = next
		path = strings.TrimLeft(path[n:], "/")
	}
	return dir, err
}

// openFile opens a file of a folder for reading. It follows no link, waits for nothing, and
// leaves the time of access as it is where the system lets us.
func openFile(dir fd, name string) (fd, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	f, err := open(dir, name, flags|quiet)
	if errors.Is(err, unix.EPERM) && quiet != 0 {
		f, err = open(dir, name, flags)
	}
	return f, err
}

func open(dir fd, name string, flags int) (fd, error) {
	for {
		f, err := unix.Openat(int(dir), name, flags, 0)
		if err == nil {
			return fd(f), nil
		}
		if err != unix.EINTR {
			return -1, err
		}
	}
}

func (f fd) close() { unix.Close(int(f)) }

// stat tells the version of an open file, its ctime, and whether it is a regular file.
func (f fd) stat() (v catalog.FileVersion, ctime int64, regular bool, err error) {
	var st unix.Stat_t
	for {
		if err = unix.Fstat(int(f), &st); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return v, 0, false, fmt.Errorf("stat: %w", err)
	}
	ctime = st.Ctim.Nano()
	v = catalog.FileVersion{
		Size: st.Size, ModTime: st.Mtim.Nano(),
		Version: identity.LocalVersion(ctime, uint64(st.Ino)),
	}
	return v, ctime, st.Mode&unix.S_IFMT == unix.S_IFREG, nil
}

// ReadAt makes an fd an io.ReaderAt.
func (f fd) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		k, err := unix.Pread(int(f), p[n:], off+int64(n))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return n, err
		case k == 0:
			return n, io.EOF
		default:
			n += k
		}
	}
	return n, nil
}

// gone tells whether err says that no such file is there any more.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) ||
		errors.Is(err, unix.ESTALE) || errors.Is(err, unix.ENXIO)
}
