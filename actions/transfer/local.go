//go:build unix

package transfer

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"

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
	a, _, err := task.arrive(false, 0)
	if err != nil {
		return Result{}, err
	}
	_, err = io.Copy(a.file, f.File)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		a.discard()
		return Result{}, stores.LocalError("write", to.URI(task.Name).String(), err)
	}
	task.progress(f.is.Size)
	e, lost, err := a.install(ctx, &f.is)
	return Result{Entry: e, Method: steps.LocalCopy, Through: f.is.Size, Lost: lost}, err
}

// cleanLocal removes the hidden file beside a local target.
func (task *Task) cleanLocal() error {
	err := os.Remove(task.partName())
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return stores.LocalError("remove", task.Name, err)
}
