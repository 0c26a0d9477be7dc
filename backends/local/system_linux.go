package local

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func changeTime(st *syscall.Stat_t) int64 { return syscall.TimespecToNsec(st.Ctim) }

// move renames; with fresh it never replaces anything, if the file system can tell.
func move(from *os.Root, oldBase string, to *os.Root, newBase string, fresh bool) error {
	oldDir, err := from.Open(".")
	if err != nil {
		return err
	}
	defer oldDir.Close()
	newDir, err := to.Open(".")
	if err != nil {
		return err
	}
	defer newDir.Close()
	oldFD, newFD := int(oldDir.Fd()), int(newDir.Fd())
	if fresh {
		err := unix.Renameat2(oldFD, oldBase, newFD, newBase, unix.RENAME_NOREPLACE)
		if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
			return err
		}
	}
	return unix.Renameat(oldFD, oldBase, newFD, newBase)
}
