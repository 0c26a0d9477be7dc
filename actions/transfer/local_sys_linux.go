package transfer

import (
	"errors"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openAt opens name in the folder dir, close-on-exec and without blocking on a pipe that took a
// file's name.
func openAt(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NONBLOCK, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// openQuietly opens a file to be read, and leaves its time of access as it is where we may.
func openQuietly(name string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW
	fd, err := openAt(unix.AT_FDCWD, name, flags|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = openAt(unix.AT_FDCWD, name, flags, 0)
	}
	return fd, err
}

// openBelow opens the folder at path. If that lies below root, root may be reached by links, and
// the rest not.
func openBelow(root, path string) (int, error) {
	rel, below := strings.CutPrefix(path, strings.TrimSuffix(root, "/")+"/")
	if root == "" || !below || rel == "" {
		return openFolder(path)
	}
	top, err := openAt(unix.AT_FDCWD, root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(top)
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	for {
		fd, err := unix.Openat2(top, rel, &how)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
		case err == unix.EACCES && how.Flags&unix.O_PATH == 0:
			how.Flags |= unix.O_PATH // enough to make files in it
		case err == unix.ENOSYS || err == unix.EPERM: // Linux before 5.6, and some sandboxes
			return openFolder(path)
		default:
			return fd, err
		}
	}
}

func openFolder(path string) (int, error) {
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err == unix.EACCES {
		fd, err = openAt(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY, 0)
	}
	return fd, err
}

// setTimes is futimens.
func setTimes(fd int, times *[2]unix.Timespec) error {
	if _, _, e := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(times)), 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// birth is when an open file was made: the next file with its inode number was made later.
func birth(fd int) int64 {
	var st unix.Statx_t
	if unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st) != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
}

// without tells that a file system does not know a call, or not for these files.
func without(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) ||
		errors.Is(err, unix.EXDEV) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EISDIR)
}

// unchangedStat tells whether a file that was looked at twice is the same bytes.
func unchangedStat(a, b *unix.Stat_t) bool {
	return a.Ino == b.Ino && a.Size == b.Size && a.Mtim == b.Mtim && (a.Ctim == b.Ctim || a.Nlink != b.Nlink || a.Nlink > 1)
}

// procPath names an open descriptor, for the calls that know only paths.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
