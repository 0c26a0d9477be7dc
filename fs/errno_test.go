package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"sd/backends"
)

func TestErrnos(t *testing.T) {
	for _, tt := range []struct {
		err   error
		want  syscall.Errno
		known bool
	}{
		{nil, 0, true},
		{iofs.ErrNotExist, syscall.ENOENT, true},
		{iofs.ErrExist, syscall.EEXIST, true},
		{iofs.ErrPermission, syscall.EACCES, true},
		{backends.ErrChanged, syscall.ESTALE, true},
		{backends.ErrNotEmpty, syscall.ENOTEMPTY, true},
		{backends.ErrIsDir, syscall.EISDIR, true},
		{backends.ErrNotDir, syscall.ENOTDIR, true},
		{backends.ErrNoSpace, syscall.ENOSPC, true},
		{backends.ErrQuota, syscall.EDQUOT, true},
		{backends.ErrTooLarge, syscall.EFBIG, true},
		{backends.ErrOffline, syscall.EHOSTUNREACH, true},
		{errors.ErrUnsupported, syscall.ENOTSUP, true},
		{context.Canceled, syscall.EINTR, true},
		{context.DeadlineExceeded, syscall.ETIMEDOUT, true},
		{os.ErrDeadlineExceeded, syscall.EIO, false},
		{errors.New("anything else"), syscall.EIO, false},
		{net.ErrClosed, syscall.EIO, false},
		{syscall.EXDEV, syscall.EXDEV, true},
		{syscall.ENOSYS, syscall.ENOTSUP, true}, // the kernel would remember ENOSYS for the whole mount
		{syscall.Errno(0), syscall.EIO, false},
		{fmt.Errorf("%w, then %w", backends.ErrOffline, iofs.ErrNotExist), syscall.ENOENT, true},
	} {
		wrapped := tt.err
		if wrapped != nil {
			wrapped = &iofs.PathError{Op: "get", Path: "x", Err: fmt.Errorf("the server says: %w", tt.err)}
		}
		for _, err := range []error{tt.err, wrapped} {
			if got, known := errno(err); got != tt.want || known != tt.known {
				t.Errorf("%v: got %v (known: %v), want %v (%v)", err, got, known, tt.want, tt.known)
			}
		}
	}
}
