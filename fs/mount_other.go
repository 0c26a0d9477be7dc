//go:build !linux

package fs

import (
	"errors"
	"os/exec"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

const extraCapabilities = 0

func setxattrKillsSetgid(*fuse.SetXAttrIn) bool { return false }

func clearUmask() { syscall.Umask(0) }

func kernelNeedsNoOpendir(*fuse.Server) bool { return false }

func raiseReadAhead(mountpoint string, bytes int64) error { return errors.ErrUnsupported }

func detach(mountpoint string) error { return exec.Command("umount", "-f", mountpoint).Run() }
