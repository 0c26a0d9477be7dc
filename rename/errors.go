package rename

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"

	"sd/backends"
)

// KeptError says that a rename holds, and that old objects stay where they were
// because somebody changed them meanwhile. It wraps backends.ErrChanged.
type KeptError struct {
	Names []string // whole names, the first few
	Count int      // of all
}

// maxNamed bounds KeptError.Names.
const maxNamed = 20

func (e *KeptError) Error() string {
	text := fmt.Sprintf("renamed, but %q has been changed meanwhile and stays", e.Names[0])
	if e.Count > 1 {
		text += fmt.Sprintf(", as do %d more", e.Count-1)
	}
	return text
}

func (e *KeptError) Unwrap() error { return backends.ErrChanged }

// UnfinishedError says that a rename holds, and that old objects are still there; the
// Journal goes on removing them. It wraps what held it up.
type UnfinishedError struct{ Err error }

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("renamed, but the old name is not yet removed (that is tried again): %v", e.Err)
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// Holds tells whether all is under the new name, in spite of err.
func Holds(err error) bool {
	return err == nil || errors.As(err, new(*KeptError)) || errors.As(err, new(*UnfinishedError))
}

// sure tells whether a request that failed with err has had no effect, and will have
// none: the store has answered.
func sure(err error) bool {
	for _, refusal := range []error{
		backends.ErrChanged, iofs.ErrExist, iofs.ErrNotExist, iofs.ErrPermission, errors.ErrUnsupported, iofs.ErrInvalid,
		backends.ErrIsDir, backends.ErrNotDir, backends.ErrNoSpace, backends.ErrQuota, backends.ErrTooLarge, backends.ErrNameTooLong,
	} {
		if errors.Is(err, refusal) {
			return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
		}
	}
	return false
}

func fail(name string, err error) error {
	return &iofs.PathError{Op: "rename", Path: name, Err: err}
}
