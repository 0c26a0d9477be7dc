package index

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"sd/library/catalog"
)

// openRoot opens the folder at an absolute path, whose last name may be a link.
func openRoot(path string) (int, error) {
	return openQuietly(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
}

// openAt opens a folder in an open one.
func openAt(dir int, name string) (int, error) {
	return openQuietly(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
}

// openQuietly leaves the time of access as it is, where we may.
func openQuietly(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_NOATIME, 0)
		if errors.Is(err, unix.EPERM) {
			fd, err = unix.Openat(dir, name, flags, 0)
		}
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func closeFD(fd int) { unix.Close(fd) }

// readAt returns the content of a regular file in an open folder, up to a limit.
func readAt(dir int, name string, limit int) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.ErrUnsupported
	}
	buf := make([]byte, min(int64(limit), st.Size+1))
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return buf[:n], nil
}

// lister reads folders. It is for one goroutine.
type lister struct {
	raw  []byte // what getdents has written
	stat *unix.Statx_t
	none [1]byte
}

// listSize is how many bytes of a folder are read at a time. As a Dirent is larger than most
// entries are, there is room behind them for one.
const listSize = 64 << 10

func newLister() *lister {
	return &lister{raw: make([]byte, listSize+int(unsafe.Sizeof(unix.Dirent{}))), stat: new(unix.Statx_t)}
}

// The types of what is in a folder, so far as the folder tells.
const (
	rawUnknown = unix.DT_UNKNOWN
	rawFolder  = unix.DT_DIR
)

// each hands over the entries of an open folder, without . and .. . The name has no 0
// behind it, and is good until the next one.
func (l *lister) each(fd int, fn func(name []byte, typ byte)) error {
	for {
		n, err := unix.Getdents(fd, l.raw[:listSize])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		for buf := l.raw[:n]; len(buf) > 0; {
			d := (*unix.Dirent)(unsafe.Pointer(&buf[0]))
			name := buf[unsafe.Offsetof(d.Name):d.Reclen]
			for i, c := range name {
				if c == 0 {
					name = name[:i]
					break
				}
			}
			if string(name) != "." && string(name) != ".." {
				fn(name, d.Type)
			}
			buf = buf[d.Reclen:]
		}
	}
}

const (
	statMask  = unix.STATX_TYPE | unix.STATX_SIZE | unix.STATX_MTIME | unix.STATX_CTIME | unix.STATX_INO | unix.STATX_MNT_ID
	statFlags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
)

// look fills e with what the entry of that name in an open folder is; name ends in a 0.
// folder: it is a folder.
func (l *lister) look(fd int, name []byte, e *entry) (folder bool, err error) {
	if err := l.statx(fd, &name[0], statFlags); err != nil {
		return false, err
	}
	st := l.stat
	e.size, e.inode = int64(st.Size), st.Ino
	e.mtime, e.ctime = nanoseconds(st.Mtime), nanoseconds(st.Ctime)
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
	if err := l.statx(fd, &l.none[0], statFlags|unix.AT_EMPTY_PATH); err != nil {
		return statID{}, 0, 0, err
	}
	st := l.stat
	id = statID{dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino, mount: st.Mnt_id}
	return id, nanoseconds(st.Mtime), nanoseconds(st.Ctime), nil
}

func (l *lister) statx(fd int, name *byte, flags int) error {
	for {
		_, _, e := unix.Syscall6(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(name)), uintptr(flags), statMask, uintptr(unsafe.Pointer(l.stat)), 0)
		switch e {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return e
		}
	}
}

func nanoseconds(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

func dup(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// isNoFolder tells whether something else has the name of a folder that was to be opened.
func isNoFolder(err error) bool { return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) }
