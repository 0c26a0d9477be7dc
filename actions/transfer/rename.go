//go:build unix

package transfer

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"

	"sd/actions/steps"
	"sd/actions/stores"
	"sd/backends"
)

// Rename gives the Source, a file or a folder with all that is in it, the Task's Name in the
// same store, at one stroke. Where there is something of that name, a folder is never replaced
// and a file only as Absent and Over allow. It is errors.ErrUnsupported where From is not To or
// cannot rename, and where the name lies on another file system: copy and remove then. Of a
// folder, Save is told once before; with that as Saved, a Rename that a kill has cut off
// knows what it has done. For a file its Version is enough.
func (t *Transfers) Rename(ctx context.Context, task Task) (Result, error) {
	if task.From.Key() != task.To.Key() {
		return Result{}, task.unable("rename")
	}
	switch st := task.To.(type) {
	case *stores.Local:
		return t.renameLocal(ctx, &task, st)
	case *stores.Volume:
		return t.renameObject(ctx, &task, st)
	}
	return Result{}, task.unable("rename")
}

// Link makes the Task's Name a further name of the Source, a local file: a hard link. As a file's
// links have one ctime, its Version with several of them does not tell of it. It is
// errors.ErrUnsupported in other stores and on file systems that know no links.
func (t *Transfers) Link(ctx context.Context, task Task) (Result, error) {
	st, ok := task.To.(*stores.Local)
	if !ok || task.From.Key() != task.To.Key() {
		return Result{}, task.unable("link")
	}
	return t.linkLocal(ctx, &task, st)
}

// Durable blocks until what was written to st, and lies at or below names, would outlive a loss of
// power. Objects always would; for local files it syncs the file systems that the names lie on, and
// those that this Transfers has written to lately, and tells of writes that the disk has refused.
func (t *Transfers) Durable(ctx context.Context, st stores.Store, names ...string) error {
	if _, ok := st.(*stores.Local); !ok {
		return nil
	}
	return t.syncLocal(ctx, names)
}

func (t *Transfers) renameObject(ctx context.Context, task *Task, v *stores.Volume) (Result, error) {
	r, ok := v.Backend().(backends.Renamer)
	if !ok {
		return Result{}, task.unable("rename")
	}
	for _, name := range []string{task.Source.Name, task.Name} {
		if err := v.Settle(ctx, name); err != nil {
			return Result{}, err
		}
	}
	if task.Source.Version != "" {
		now, err := v.Stat(ctx, task.Source.Name)
		if errors.Is(err, iofs.ErrNotExist) {
			if e, ok := t.renamed(ctx, task, v); ok {
				return Result{Entry: e, Method: steps.Rename}, nil
			}
		}
		if err != nil {
			return Result{}, task.onSource(err)
		}
		if err := task.same(now.Version); err != nil {
			return Result{}, err
		}
	}
	if err := r.Rename(ctx, task.Source.Name, task.Name, task.cond()); err != nil {
		if errors.Is(err, iofs.ErrNotExist) {
			return Result{}, task.onSource(err)
		}
		return Result{}, task.onTarget(err)
	}
	e, err := v.Stat(ctx, task.Name)
	if err != nil {
		return Result{}, err
	}
	v.Moved(task.Source.Name, &e)
	return Result{Entry: e, Method: steps.Rename}, nil
}

// renamed tells whether the target is what the source was: an earlier try has got so far.
func (t *Transfers) renamed(ctx context.Context, task *Task, v *stores.Volume) (stores.Entry, bool) {
	e, err := v.Stat(ctx, task.Name)
	if err != nil || e.Kind != task.Source.Kind || e.Size != task.Source.Size {
		return e, false
	}
	return e, e.Version == task.Source.Version || !task.Source.ModTime.IsZero() && e.ModTime.Equal(task.Source.ModTime)
}

// unable says that a way is not open, and others may be.
func (task *Task) unable(op string) error {
	return &iofs.PathError{Op: op, Path: task.Source.Name,
		Err: fmt.Errorf("%w between %s and %s", errors.ErrUnsupported, task.From.URI(task.Source.Name), task.To.URI(task.Name))}
}
