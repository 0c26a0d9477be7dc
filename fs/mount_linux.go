package fs

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// extraCapabilities are asked of the kernel beside go-fuse's defaults:
// open(O_TRUNC) is one request; set-id bits are cleared here instead of by a request before
// each first write (see localFile.Write); the umask is applied here.
const extraCapabilities = fuse.CAP_ATOMIC_O_TRUNC | fuse.CAP_HANDLE_KILLPRIV_V2 |
	fuse.CAP_DONT_MASK | fuse.CAP_SETXATTR_EXT

func setxattrKillsSetgid(in *fuse.SetXAttrIn) bool {
	return in.SetXAttrFlags&fuse.SETXATTR_ACL_KILL_SGID != 0
}

func clearUmask() { unix.Umask(0) }

// kernelNeedsNoOpendir tells whether the kernel opens directories by itself once
// OPENDIR has been answered with ENOSYS.
func kernelNeedsNoOpendir(s *fuse.Server) bool {
	return s.KernelSettings().Flags64()&fuse.CAP_NO_OPENDIR_SUPPORT != 0
}

// raiseReadAhead lets the kernel ask for more than 128 KiB ahead.
func raiseReadAhead(mountpoint string, bytes int64) error {
	var st unix.Stat_t
	if err := unix.Stat(mountpoint, &st); err != nil {
		return err
	}
	path := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(st.Dev), unix.Minor(st.Dev))
	return os.WriteFile(path, []byte(strconv.FormatInt(bytes>>10, 10)), 0o644)
}

func detach(mountpoint string) error {
	err := unix.Unmount(mountpoint, unix.MNT_DETACH)
	if err == syscall.EPERM {
		return exec.Command("fusermount3", "-u", "-z", mountpoint).Run()
	}
	if err != nil {
		return fmt.Errorf("detach %s: %w", mountpoint, err)
	}
	return nil
}
