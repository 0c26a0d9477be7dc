package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"syscall"

	"sd/backends"
)

// errnos maps what stores and the resolver report to what programs understand;
// the first match wins.
var errnos = []struct {
	err   error
	errno syscall.Errno
}{
	{iofs.ErrNotExist, syscall.ENOENT},
	{iofs.ErrExist, syscall.EEXIST},
	{iofs.ErrPermission, syscall.EACCES},
	{backends.ErrChanged, syscall.ESTALE},
	{backends.ErrNotEmpty, syscall.ENOTEMPTY},
	{backends.ErrIsDir, syscall.EISDIR},
	{backends.ErrNotDir, syscall.ENOTDIR},
	{backends.ErrNoSpace, syscall.ENOSPC},
	{backends.ErrQuota, syscall.EDQUOT},
	{backends.ErrTooLarge, syscall.EFBIG},
	{backends.ErrNameTooLong, syscall.ENAMETOOLONG},
	{backends.ErrOffline, syscall.EHOSTUNREACH},
	{errors.ErrUnsupported, syscall.ENOTSUP},
	{iofs.ErrInvalid, syscall.EINVAL},
	{context.Canceled, syscall.EINTR},
	{context.DeadlineExceeded, syscall.ETIMEDOUT},
}

// errno translates an error into what the caller of the system call gets. It
// never gives ENOSYS, which the kernel would remember for the whole mount.
// known is false where only EIO is left to say; the caller logs those.
func errno(err error) (e syscall.Errno, known bool) {
	if err == nil {
		return 0, true
	}
	for _, m := range errnos {
		if errors.Is(err, m.err) {
			return m.errno, true
		}
	}
	if errors.As(err, &e) && e != syscall.ENOSYS && e != 0 {
		return e, true
	}
	return syscall.EIO, false
}
