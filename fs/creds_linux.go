package fs

import (
	"os"
	"runtime"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// asCaller runs fn so that what it creates belongs to the caller, as set-group-ID
// directories, quotas and security modules want it. The kernel has checked the
// caller's permission by then, so the server keeps its capabilities. Where the
// server is not root, files belong to its own user. fn must not change goroutine.
func asCaller(c fuse.Caller, fn func() syscall.Errno) syscall.Errno {
	if (c.Uid == 0 && c.Gid == 0) || !isRoot {
		return fn()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const noSetuidFixup = 1 << 2 // SECBIT_NO_SETUID_FIXUP: keep the capabilities
	// In a container this may be forbidden; then the caller's own permissions decide.
	unix.Prctl(unix.PR_SET_SECUREBITS, noSetuidFixup, 0, 0, 0)
	syscall.RawSyscall(unix.SYS_SETFSGID, uintptr(c.Gid), 0, 0)
	syscall.RawSyscall(unix.SYS_SETFSUID, uintptr(c.Uid), 0, 0)
	errno := fn()
	syscall.RawSyscall(unix.SYS_SETFSUID, 0, 0, 0)
	syscall.RawSyscall(unix.SYS_SETFSGID, 0, 0, 0)
	unix.Prctl(unix.PR_SET_SECUREBITS, 0, 0, 0, 0)
	return errno
}

var isRoot = os.Geteuid() == 0
