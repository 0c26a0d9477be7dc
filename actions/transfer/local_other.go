//go:build unix && !linux

package transfer

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/actions/stores"
)

// copyLocal copies a file or link of this machine.
func (t *Transfers) copyLocal(ctx context.Context, task *Task) (Result, error) {
	from, to := task.From.(*stores.Local), task.To.(*stores.Local)
	if task.Source.Kind == stores.Symlink {
		is, err := from.Stat(ctx, task.Source.Name)
		if err == nil {
			err = unchanged(&task.Source, &is)
		}
		if err != nil {
			return Result{}, task.onSource(err)
		}
		at, lost, err := task.link(ctx, &is)
		return Result{Entry: at, Method: steps.LocalCopy, Lost: lost}, err
	}
	f, err := openLocal(ctx, task, from, &task.Source)
	if err != nil {
		return Result{}, task.onSource(err)
	}
	defer f.Close()
	a := &arrival{task: task, name: task.partName()}
	if err := a.copyFrom(ctx, f); err != nil {
		return Result{}, stores.LocalError("write", to.URI(task.Name).String(), err)
	}
	task.progress(f.is.Size)
	e, lost, err := a.install(ctx, &f.is)
	return Result{Entry: e, Method: steps.LocalCopy, Through: f.is.Size, Lost: lost}, err
}

// resumable is the size from which on a file that is half copied is worth going on with.
const resumable = 64 << 20

// folders is what only Linux needs.
type folders struct{}

// renameLocal is Rename. Of a target that must not be there only a look tells whether it is.
func (t *Transfers) renameLocal(ctx context.Context, task *Task, st *stores.Local) (r Result, err error) {
	is, err := st.Stat(ctx, task.Source.Name)
	if err == nil && is.Kind != stores.Dir {
		err = unchanged(&task.Source, &is)
	}
	if err != nil {
		return r, task.onSource(err)
	}
	if err := task.standing(ctx); err != nil {
		return r, err
	}
	if task.Absent || is.Kind == stores.Dir {
		if _, err := st.Stat(ctx, task.Name); err == nil {
			return r, task.onTarget(stores.LocalError("rename", task.Name, iofs.ErrExist))
		}
	}
	if err := os.Rename(task.Source.Name, task.Name); errors.Is(err, syscall.EXDEV) {
		return r, task.unable("rename")
	} else if err != nil {
		return r, stores.LocalError("rename", task.Name, err)
	}
	r.Method = steps.Rename
	r.Entry, err = st.Stat(ctx, task.Name)
	return r, err
}

// linkLocal is Link.
func (t *Transfers) linkLocal(ctx context.Context, task *Task, st *stores.Local) (r Result, err error) {
	name := task.Name
	if !task.Absent {
		name = task.partName()
		os.Remove(name) // of an earlier try
	}
	if err := os.Link(task.Source.Name, name); err != nil {
		return r, task.onTarget(stores.LocalError("link", name, err))
	}
	if !task.Absent {
		err := task.standing(ctx)
		if err == nil {
			err = os.Rename(name, task.Name)
		}
		os.Remove(name) // it is there still if both names were one file's
		if err != nil {
			return r, stores.LocalError("link", task.Name, err)
		}
	}
	r.Method = steps.Clone
	r.Entry, err = st.Stat(ctx, task.Name)
	return r, err
}

// syncLocal is Durable: there is no call for one file system, so it is for all of them.
func (t *Transfers) syncLocal(context.Context, []string) error {
	return unix.Sync()
}

// cleanLocal is Clean: the hidden file beside a local target.
func (t *Transfers) cleanLocal(task *Task) error {
	err := os.Remove(task.partName())
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return stores.LocalError("remove", task.Name, err)
}
