package transfer

import (
	"errors"
	"fmt"
	iofs "io/fs"

	"sd/actions/stores"
	"sd/backends"
	"sd/identity"
)

// Side is one end of a transfer.
type Side string

// The sides.
const (
	Source Side = "source"
	Target Side = "target"
)

// ChangedError says that one end is not, or no longer, what the Task says. It is
// backends.ErrChanged, and what Err is.
type ChangedError struct {
	Side Side
	Name string // in its store
	// Was is the version that the Task names, Is the one that was met; "" is nothing there, or
	// not known.
	Was, Is string
	Err     error // what told it
}

func (e *ChangedError) Error() string {
	switch {
	case e.Side == Source:
		return fmt.Sprintf("%s was changed or removed since it was planned, or while it was copied: plan again", e.Name)
	case e.Was == "":
		return fmt.Sprintf("%s is there by now, and was not when this was planned: nothing was overwritten", e.Name)
	}
	return fmt.Sprintf("%s was changed by somebody else since this was planned: nothing was overwritten", e.Name)
}

// Unwrap gives backends.ErrChanged and the cause.
func (e *ChangedError) Unwrap() []error {
	if e.Err == nil {
		return []error{backends.ErrChanged}
	}
	return []error{backends.ErrChanged, e.Err}
}

// CorruptError says that bytes arrived which are not those of the source; they never had
// the target's name, or have it no more.
type CorruptError struct {
	Name       string
	Want, Have string // checksums, or lengths in words
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s arrived with other bytes than it should have (%s, want %s): copy it again", e.Name, e.Have, e.Want)
}

// corrupt is a CorruptError about two sums.
func corrupt(name string, want, have identity.Sum) error {
	return &CorruptError{Name: name, Want: want.String(), Have: have.String()}
}

// onSource puts an error of the source into words.
func (task *Task) onSource(err error) error {
	if err == nil || errors.As(err, new(*ChangedError)) {
		return err
	}
	if errors.Is(err, backends.ErrChanged) || errors.Is(err, iofs.ErrNotExist) {
		return &ChangedError{Side: Source, Name: task.Source.Name, Was: task.Source.Version, Err: err}
	}
	return err
}

// onTarget does the same for an error of the target.
func (task *Task) onTarget(err error) error {
	if err == nil || errors.As(err, new(*ChangedError)) {
		return err
	}
	if errors.Is(err, iofs.ErrExist) || errors.Is(err, backends.ErrChanged) {
		return &ChangedError{Side: Target, Name: task.Name, Was: task.Over, Err: err}
	}
	return err
}

// cond is what must hold of the target.
func (task *Task) cond() backends.Cond {
	return backends.Cond{Absent: task.Absent, Version: task.Over}
}

// same tells whether the source is still what was planned.
func (task *Task) same(version string) error {
	if stores.SameVersion(task.Source.Version, version) {
		return nil
	}
	return &ChangedError{Side: Source, Name: task.Source.Name, Was: task.Source.Version, Is: version}
}

// progress tells of n bytes.
func (task *Task) progress(n int64) {
	if task.Progress != nil && n != 0 {
		task.Progress(n)
	}
}
