//go:build darwin || freebsd

package resolver

import "golang.org/x/sys/unix"

// noAtime is nothing here.
const noAtime = 0

// describeAt is fstatat(2).
func describeAt(dir int, name string, flags int) (fileState, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, flags)
	return stateOf(&st), err
}

// describeOpen is fstat(2).
func describeOpen(fd int) (fileState, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return stateOf(&st), err
}

func stateOf(st *unix.Stat_t) fileState {
	return fileState{
		regular: st.Mode&unix.S_IFMT == unix.S_IFREG, size: st.Size, inode: st.Ino,
		mtime: unix.TimespecToNsec(st.Mtim), ctime: unix.TimespecToNsec(st.Ctim),
	}
}
