package stores

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openFolder opens a folder in an open one, and leaves its time of access as it is, where we may.
func openFolder(dir int, name string) (int, error) {
	return openQuietly(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
}

// openTop opens the folder at a path, whose last name may be a link.
func openTop(path string) (int, error) {
	return openQuietly(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
}

func openQuietly(dir int, name string, flags int) (fd int, err error) {
	err = uninterrupted(func() error {
		if fd, err = unix.Openat(dir, name, flags|unix.O_NOATIME, 0); errors.Is(err, unix.EPERM) {
			fd, err = unix.Openat(dir, name, flags, 0)
		}
		return err
	})
	return fd, err
}

// lister reads folders. It is for one goroutine.
type lister struct {
	raw  []byte // what getdents has written
	stat *unix.Statx_t
	name []byte // room for callers
}

// listSize is how many bytes of a folder are read at a time. As a Dirent is larger than most
// entries are, there is room behind them for one.
const listSize = 32 << 10

func newLister() *lister {
	return &lister{raw: make([]byte, listSize+int(unsafe.Sizeof(unix.Dirent{}))), stat: new(unix.Statx_t)}
}

// each hands over the entries of an open folder, without . and .. . The name has no 0 behind
// it, and is good until the next one.
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

// look fills r with what the entry of that name in an open folder is; name ends in a 0.
func (l *lister) look(fd int, name *byte, r *row) error {
	for {
		_, _, e := unix.Syscall6(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(name)),
			unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(l.stat)), 0)
		switch e {
		case 0:
			st := l.stat
			r.mode, r.uid, r.gid = uint32(st.Mode), st.Uid, st.Gid
			r.size, r.blocks = int64(st.Size), int64(st.Blocks)
			r.mtime, r.ctime = st.Mtime.Sec*1e9+int64(st.Mtime.Nsec), st.Ctime.Sec*1e9+int64(st.Ctime.Nsec)
			r.inode, r.links = st.Ino, uint64(st.Nlink)
			r.dev = unix.Mkdev(st.Dev_major, st.Dev_minor)
			return nil
		case unix.EINTR:
		default:
			return e
		}
	}
}
