package resolver

import "golang.org/x/sys/unix"

// noAtime leaves the time of access alone. It is for a file's owner and root.
const noAtime = unix.O_NOATIME

// describeAt is fstatat(2) that asks a server: what the kernel remembers of a file may be older
// than the bytes that it gives.
func describeAt(dir int, name string, flags int) (fileState, error) {
	var st unix.Statx_t
	const mask = unix.STATX_TYPE | unix.STATX_SIZE | unix.STATX_MTIME | unix.STATX_CTIME | unix.STATX_INO
	err := error(unix.EINTR)
	for err == unix.EINTR {
		err = unix.Statx(dir, name, flags|unix.AT_STATX_FORCE_SYNC, mask, &st)
	}
	return fileState{
		regular: st.Mode&unix.S_IFMT == unix.S_IFREG, size: int64(st.Size), inode: st.Ino,
		mtime: st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec), ctime: st.Ctime.Sec*1e9 + int64(st.Ctime.Nsec),
	}, err
}

// describeOpen is describeAt of an open file.
func describeOpen(fd int) (fileState, error) { return describeAt(fd, "", unix.AT_EMPTY_PATH) }
