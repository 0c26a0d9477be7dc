//go:build darwin || freebsd

package local

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func changeTime(st *syscall.Stat_t) int64 { return syscall.TimespecToNsec(st.Ctimespec) }

// move renames. That nothing is replaced where fresh says so is the caller's check.
func move(from *os.Root, oldBase string, to *os.Root, newBase string, _ bool) error {
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
	return unix.Renameat(int(oldDir.Fd()), oldBase, int(newDir.Fd()), newBase)
}
