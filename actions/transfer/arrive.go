//go:build unix

package transfer

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"syscall"

	"sd/actions/steps"
	"sd/actions/stores"
)

// What comes to a local folder from elsewhere is written to a hidden file beside the target,
// gets its attributes there, and then its name, in one step.

// partName is the hidden file of a Task with a local target.
func (task *Task) partName() string {
	return filepath.Join(filepath.Dir(task.Name), ".sd-"+task.Unique+".part")
}

// arrival is the hidden file.
type arrival struct {
	task *Task
	name string
	file *os.File
}

// arrive opens the hidden file. With again it is one that is there already with all its size,
// if it is ours to go on with; else it is new, and fresh says so.
func (task *Task) arrive(again bool, size int64) (a *arrival, fresh bool, err error) {
	name := task.partName()
	if again {
		f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		if err == nil {
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() == size {
				return &arrival{task, name, f}, false, nil
			}
			f.Close()
		}
	}
	create := func() (*os.File, error) {
		return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
	}
	f, err := create()
	if errors.Is(err, iofs.ErrExist) {
		if err := os.Remove(name); err != nil {
			return nil, false, stores.LocalError("write", task.Name, err)
		}
		f, err = create()
	}
	if err != nil {
		return nil, false, stores.LocalError("write", task.Name, err)
	}
	a = &arrival{task, name, f}
	if size > 0 {
		if err := reserve(f, size); err != nil {
			a.discard()
			return nil, false, stores.LocalError("write", task.Name, err)
		}
	}
	return a, true, nil
}

// keep closes the hidden file and leaves it for another attempt.
func (a *arrival) keep() { a.file.Close() }

// discard closes and removes it.
func (a *arrival) discard() {
	a.file.Close()
	os.Remove(a.name)
}

// install gives the hidden file the attributes of e and the target's name. On an error it is
// removed, but where the target is not what it should be nothing else has happened.
func (a *arrival) install(ctx context.Context, e *stores.Entry) (at stores.Entry, lost []string, err error) {
	defer a.discard() // its name is gone if all went well
	lost = a.task.dress(int(a.file.Fd()), a.name, e)
	if err := a.task.takeName(ctx, a.name); err != nil {
		return at, nil, err
	}
	if at, err = a.task.To.(*stores.Local).StatFD(int(a.file.Fd()), a.task.Name); err != nil {
		return at, nil, err
	}
	return at, lost, nil
}

// takeName gives the hidden file called name the target's name, if that is what the Task says.
func (task *Task) takeName(ctx context.Context, name string) error {
	if err := task.standing(ctx); err != nil {
		return err
	}
	rename := os.Rename
	if task.Absent {
		rename = renameAbsent
	}
	return task.onTarget(stores.LocalError("write", task.Name, rename(name, task.Name)))
}

// standing looks whether the target is what the Task says. Between this look and the renaming
// somebody else may still replace it; only absence is certain, by the renaming itself.
func (task *Task) standing(ctx context.Context) error {
	if task.Over == "" {
		return nil
	}
	now, err := task.To.Stat(ctx, task.Name)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return &ChangedError{Side: Target, Name: task.Name, Was: task.Over, Err: err}
	case err != nil:
		return err
	case !stores.SameVersion(task.Over, now.Version):
		return &ChangedError{Side: Target, Name: task.Name, Was: task.Over, Is: now.Version}
	}
	return nil
}

// link makes a symbolic link of e's target.
func (task *Task) link(ctx context.Context, e *stores.Entry) (at stores.Entry, lost []string, err error) {
	name := task.partName()
	target := e.Link
	err = os.Symlink(target, name)
	if errors.Is(err, iofs.ErrExist) {
		if err = os.Remove(name); err == nil {
			err = os.Symlink(target, name)
		}
	}
	if err != nil {
		return at, nil, stores.LocalError("write", task.Name, err)
	}
	lost = task.dress(-1, name, e)
	if err = task.takeName(ctx, name); err != nil {
		os.Remove(name)
		return at, nil, err
	}
	at, err = task.To.Stat(ctx, task.Name)
	return at, lost, err
}

// arriveBytes makes a file of bytes in memory.
func (t *Transfers) arriveBytes(ctx context.Context, task *Task, data []byte, e *stores.Entry) (stores.Entry, []string, error) {
	a, _, err := task.arrive(false, 0)
	if err != nil {
		return stores.Entry{}, nil, err
	}
	if err := a.writeAt(data, 0); err != nil {
		a.discard()
		return stores.Entry{}, nil, err
	}
	return a.install(ctx, e)
}

// arriveLink makes a local link of an object that is one.
func (t *Transfers) arriveLink(ctx context.Context, task *Task, e *stores.Entry, through int64) (Result, error) {
	at, lost, err := task.link(ctx, e)
	if err != nil {
		return Result{}, err
	}
	task.progress(e.Size)
	return Result{Entry: at, Method: steps.Download, Through: through, Lost: lost}, nil
}

// writeAt writes all of p.
func (a *arrival) writeAt(p []byte, off int64) error {
	_, err := a.file.WriteAt(p, off)
	return stores.LocalError("write", a.task.Name, err)
}

// section is [off, off+n) of the hidden file.
func (a *arrival) section(off, n int64) io.Reader { return io.NewSectionReader(a.file, off, n) }

// linkAbsent is a rename that replaces nothing, by a second name for a moment.
func linkAbsent(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}
