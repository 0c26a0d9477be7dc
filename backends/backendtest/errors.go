package backendtest

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"strings"
	"testing"

	"sd/backends"
)

// Sentinel returns the first of all errors that a caller may ask for that err wraps, or nil.
func Sentinel(err error) error {
	for _, sentinel := range []error{
		backends.ErrOffline, backends.ErrChanged, backends.ErrNotEmpty, backends.ErrIsDir, backends.ErrNotDir, backends.ErrNoSpace,
		backends.ErrQuota, backends.ErrTooLarge, backends.ErrNameTooLong, backends.ErrNoUpload, iofs.ErrNotExist, iofs.ErrExist,
		iofs.ErrPermission, errors.ErrUnsupported, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, sentinel) {
			return sentinel
		}
	}
	return nil
}

// CheckError checks what every error of a store must be: a *fs.PathError that tells no
// secret. Nil passes.
func CheckError(t testing.TB, err error, secrets ...string) {
	t.Helper()
	if err == nil {
		return
	}
	if pe := (*iofs.PathError)(nil); !errors.As(err, &pe) {
		t.Errorf("got %T, want a PathError", err)
	}
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells a secret: %q", err)
		}
	}
}
