package mounttest

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithParent makes a child die with the test.
func endWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// Detach takes a mount away, dead or alive; where there is none it does nothing.
func Detach(dir string) {
	if unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == unix.EPERM {
		exec.Command("fusermount3", "-u", "-z", dir).Run()
	}
}
