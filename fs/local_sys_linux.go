package fs

import (
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const statxMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME | unix.STATX_MNT_ID | unix.STATX_MNT_ID_UNIQUE

// statxAt describes name in dirfd without following a link or mounting anything.
// flags may be AT_STATX_DONT_SYNC. It allocates nothing.
func statxAt(dirfd int, name string, flags int, st *unix.Statx_t) syscall.Errno {
	var buf [256]byte
	if len(name) >= len(buf) {
		return syscall.ENAMETOOLONG
	}
	copy(buf[:], name)
	for {
		_, _, e := syscall.Syscall6(unix.SYS_STATX, uintptr(dirfd), uintptr(unsafe.Pointer(&buf[0])),
			uintptr(flags|unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT), statxMask, uintptr(unsafe.Pointer(st)), 0)
		if e != syscall.EINTR {
			return e
		}
	}
}

// statxFd describes what fd has open; O_PATH descriptors too.
func statxFd(fd int, st *unix.Statx_t) syscall.Errno {
	var empty [1]byte
	for {
		_, _, e := syscall.Syscall6(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),
			unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, statxMask, uintptr(unsafe.Pointer(st)), 0)
		if e != syscall.EINTR {
			return e
		}
	}
}

// openat opens name in dirfd, close-on-exec and without blocking on a FIFO that
// took a file's name. It allocates nothing.
func openat(dirfd int, name string, flags int, mode uint32) (int, syscall.Errno) {
	var buf [256]byte
	if len(name) >= len(buf) {
		return -1, syscall.ENAMETOOLONG
	}
	copy(buf[:], name)
	if flags&unix.O_PATH == 0 {
		flags |= unix.O_NONBLOCK
	}
	for {
		fd, _, e := syscall.Syscall6(unix.SYS_OPENAT, uintptr(dirfd), uintptr(unsafe.Pointer(&buf[0])),
			uintptr(flags|unix.O_CLOEXEC|unix.O_LARGEFILE), uintptr(mode), 0, 0)
		if e == 0 {
			return int(fd), 0
		}
		if e != syscall.EINTR {
			return -1, e
		}
	}
}

func dupFd(fd int) (int, syscall.Errno) {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	return d, toErrno(err)
}

// procPath names an open descriptor, for the calls that know only paths. The
// kernel goes straight to the object; nothing is looked up by name.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// toErrno gives the errno inside an error of x/sys/unix.
func toErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return syscall.EIO
}
