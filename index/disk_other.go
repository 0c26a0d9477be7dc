//go:build !linux

package index

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"sd/library/catalog"
)

// openRoot opens the folder at an absolute path, whose last name may be a link.
func openRoot(path string) (int, error) {
	return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// openAt opens a folder in an open one.
func openAt(dir int, name string) (int, error) {
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func closeFD(fd int) { unix.Close(fd) }

func dup(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// isNoFolder tells whether something else has the name of a folder that was to be opened.
func isNoFolder(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK)
}

// readAt returns the content of a regular file in an open folder, up to a limit.
func readAt(dir int, name string, limit int) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.ErrUnsupported
	}
	buf := make([]byte, min(int64(limit), info.Size()))
	n, err := f.ReadAt(buf, 0)
	if n < len(buf) && err != nil {
		return nil, err
	}
	return buf, nil
}

// lister reads folders. It is for one goroutine.
type lister struct{}

func newLister() *lister { return &lister{} }

// The types of what is in a folder, so far as the folder tells.
const (
	rawUnknown = 0
	rawFolder  = 4
)

// each hands over the entries of an open folder, without . and .. .
func (l *lister) each(fd int, fn func(name []byte, typ byte)) error {
	own, err := dup(fd)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(own), "folder")
	defer f.Close()
	if _, err := f.Seek(0, 0); err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	for _, name := range names {
		fn([]byte(name), rawUnknown)
	}
	return err
}

// look fills e with what the entry of that name in an open folder is; name ends in a 0.
// folder: it is a folder.
func (l *lister) look(fd int, name []byte, e *entry) (folder bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstatat(fd, nameOf(name), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, err
	}
	e.size, e.inode, e.mtime, e.ctime = st.Size, st.Ino, st.Mtim.Nano(), st.Ctim.Nano()
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return true, nil
	case unix.S_IFREG:
		e.typ = catalog.Regular
	case unix.S_IFLNK:
		e.typ = catalog.Symlink
	default:
		e.typ, e.size = catalog.Special, 0
	}
	return false, nil
}

// self describes an open folder.
func (l *lister) self(fd int) (id statID, mtime, ctime int64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return statID{}, 0, 0, err
	}
	return statID{dev: uint64(st.Dev), ino: st.Ino, mount: uint64(st.Dev)}, st.Mtim.Nano(), st.Ctim.Nano(), nil
}
