//go:build unix && !linux

package transfer

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"syscall"

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

// arrive calls fn with an arrival.
func (t *Transfers) arrive(task *Task, fn func(a *arrival) error) error {
	return fn(&arrival{task: task, name: task.partName()})
}

// create makes the hidden file.
func (a *arrival) create(size int64) error {
	create := func() (*os.File, error) {
		return os.OpenFile(a.name, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
	}
	f, err := create()
	if errors.Is(err, iofs.ErrExist) {
		if err := os.Remove(a.name); err != nil {
			return stores.LocalError("write", a.task.Name, err)
		}
		f, err = create()
	}
	if err != nil {
		return stores.LocalError("write", a.task.Name, err)
	}
	a.file = f
	return nil
}

// resume knows no file of an earlier try: when the system was started is not known here.
func (a *arrival) resume(size int64, inode uint64, born int64) bool { return false }

// inode and born are not known.
func (a *arrival) inode() uint64 { return 0 }
func (a *arrival) born() int64   { return 0 }

// writeAt writes all of p.
func (a *arrival) writeAt(p []byte, off int64) error {
	_, err := a.file.WriteAt(p, off)
	return stores.LocalError("write", a.task.Name, err)
}

// ReadAt reads at most as much as p holds.
func (a *arrival) ReadAt(p []byte, off int64) (int, error) { return a.file.ReadAt(p, off) }

// copyFrom makes the file of another local one's bytes.
func (a *arrival) copyFrom(ctx context.Context, f *localFile) error {
	if err := a.create(f.is.Size); err != nil {
		return err
	}
	_, err := io.Copy(a.file, f.File)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		a.leave(false)
	}
	return err
}

// install gives the hidden file the attributes of e and the target's name. On an error it is
// removed, and nothing else has happened.
func (a *arrival) install(ctx context.Context, e *stores.Entry) (at stores.Entry, lost []string, err error) {
	defer a.leave(false) // its name is gone if all went well
	lost = a.task.dress(int(a.file.Fd()), a.name, e)
	if err := a.task.takeName(ctx, a.name); err != nil {
		return at, nil, err
	}
	at, err = a.task.To.(*stores.Local).StatFD(int(a.file.Fd()), a.task.Name)
	return at, lost, err
}

// leave closes the hidden file and removes it, unless another try will want it.
func (a *arrival) leave(wanted bool) {
	a.file.Close()
	if !wanted {
		os.Remove(a.name)
	}
}

// takeName gives the hidden file called name the target's name, if that is what the Task says.
func (task *Task) takeName(ctx context.Context, name string) error {
	if err := task.standing(ctx); err != nil {
		return err
	}
	rename := os.Rename
	if task.Absent {
		rename = linkAbsent
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
func (t *Transfers) arriveBytes(ctx context.Context, task *Task, data []byte, e *stores.Entry) (at stores.Entry, lost []string, err error) {
	err = t.arrive(task, func(a *arrival) error {
		if err := a.create(int64(len(data))); err != nil {
			return err
		}
		if err := a.writeAt(data, 0); err != nil {
			a.leave(false)
			return err
		}
		at, lost, err = a.install(ctx, e)
		return err
	})
	return at, lost, err
}

// link makes a symbolic link of e's target.
func (t *Transfers) link(ctx context.Context, task *Task, e *stores.Entry) (stores.Entry, []string, error) {
	return task.link(ctx, e)
}

// linkAbsent is a rename that replaces nothing, by a second name for a moment.
func linkAbsent(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}
