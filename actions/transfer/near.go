package transfer

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// near copies from a proven copy of the same bytes in the store of the target, so that none
// pass between the stores. ok is false where that is not possible, or is not possible any more.
func (t *Transfers) near(ctx context.Context, task *Task) (r Result, ok bool, err error) {
	if task.Near == nil || task.Source.Kind != stores.File || !task.Source.Proven || task.Near.Name == task.Name {
		return r, false, nil
	}
	is, err := t.present(ctx, task)
	if err != nil {
		return r, true, err
	}
	switch to := task.To.(type) {
	case *stores.Volume:
		r, err = t.nearObject(ctx, task, to, &is)
	case *stores.Local:
		r, err = t.nearFile(ctx, task, to, &is)
	default:
		return r, false, nil
	}
	switch {
	case err == nil:
		task.progress(task.Source.Size)
		r.Sum, r.Known = task.Source.Sum, true
		return r, true, nil
	case errors.Is(err, backends.ErrChanged), errors.Is(err, iofs.ErrNotExist), errors.Is(err, iofs.ErrExist),
		errors.Is(err, iofs.ErrPermission), errors.Is(err, errors.ErrUnsupported):
		return Result{}, false, nil // the bytes can still come from the source, under the same conditions
	}
	return Result{}, true, err
}

// present describes the source as it is now, with its attributes: only its bytes are near.
func (t *Transfers) present(ctx context.Context, task *Task) (stores.Entry, error) {
	switch from := task.From.(type) {
	case *stores.Content:
		return task.Source, nil
	case *stores.Volume:
		if task.Source.Meta != nil {
			return task.Source, nil
		}
		if err := from.Settle(ctx, task.Source.Name); err != nil {
			return stores.Entry{}, err
		}
	}
	is, err := task.From.Stat(ctx, task.Source.Name)
	if err == nil {
		err = task.same(is.Version)
	}
	return is, task.onSource(err)
}

func (t *Transfers) nearObject(ctx context.Context, task *Task, to *stores.Volume, is *stores.Entry) (Result, error) {
	copier, ok := to.Backend().(backends.Copier)
	if !ok {
		return Result{}, errors.ErrUnsupported
	}
	for _, name := range []string{task.Near.Name, task.Name} {
		if err := to.Settle(ctx, name); err != nil {
			return Result{}, err
		}
	}
	var xattrs map[string][]byte
	if from, ok := task.From.(*stores.Local); ok {
		f, err := openLocal(ctx, task, from, &task.Source)
		if err != nil {
			return Result{}, task.onSource(err)
		}
		xattrs, _ = f.xattrs()
		f.Close()
	}
	m := task.meta(is, xattrs, &task.Source.Sum)
	e, err := copier.Copy(ctx, task.Name, task.Near.Name, backends.CopyOptions{
		Source: task.Near.Version, Size: task.Near.Size, Meta: &m, Cond: task.cond(),
	})
	if err != nil {
		return Result{}, err
	}
	return arrived(task, to, &e, m, steps.ServerCopy, 0), nil
}

// nearFile copies a local file in place of an object, by the file system itself where that knows
// how.
func (t *Transfers) nearFile(ctx context.Context, task *Task, to *stores.Local, is *stores.Entry) (Result, error) {
	f, err := openLocal(ctx, task, to, task.Near)
	if err != nil {
		return Result{}, err
	}
	defer f.Close()
	r := Result{Method: steps.Clone}
	err = t.arrive(task, func(a *arrival) error {
		if err := a.copyFrom(ctx, f); err != nil {
			return err
		}
		r.Entry, r.Lost, err = a.install(ctx, is)
		return err
	})
	return r, err
}
