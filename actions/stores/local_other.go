//go:build unix && !linux

package stores

import (
	"os"

	"golang.org/x/sys/unix"
)

// openFolder opens a folder in an open one.
func openFolder(dir int, name string) (int, error) {
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// openTop opens the folder at a path, whose last name may be a link.
func openTop(path string) (int, error) {
	return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// lister reads folders. It is for one goroutine.
type lister struct {
	name []byte // room for callers
}

func newLister() *lister { return &lister{} }

// each hands over the entries of an open folder, without . and .. .
func (l *lister) each(fd int, fn func(name []byte, typ byte)) error {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(own), "folder")
	defer f.Close()
	names, err := f.Readdirnames(-1)
	for _, name := range names {
		fn([]byte(name), unix.DT_UNKNOWN)
	}
	return err
}

// look fills r with what the entry of that name in an open folder is; name ends in a 0.
func (l *lister) look(fd int, name *byte, r *row) error {
	var st unix.Stat_t
	if err := unix.Fstatat(fd, unix.BytePtrToString(name), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	r.mode, r.uid, r.gid = uint32(st.Mode), st.Uid, st.Gid
	r.size, r.blocks, r.mtime, r.ctime = st.Size, st.Blocks, st.Mtim.Nano(), st.Ctim.Nano()
	r.inode, r.links, r.dev = st.Ino, uint64(st.Nlink), uint64(st.Dev)
	return nil
}

// folderXattrs would return the extended attributes of a folder.
func folderXattrs(string) map[string][]byte { return nil }

// setXattrs would give them to one.
func setXattrs(int, map[string][]byte) error { return nil }
