package doctor

import (
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"time"

	"sd/backends"
)

// tidyFor bounds how long the end may take, also after an interrupt.
const tidyFor = 30 * time.Second

// tidy removes all that was written and makes sure that nothing is left.
func (r *run) tidy(ctx context.Context) {
	if !r.wrote {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyFor)
	defer cancel()
	r.progress("tidy up", 0, 0)
	err := r.removeAll(ctx, r.scratch)
	if dirs, ok := r.Backend.(backends.DirMaker); ok {
		for _, dir := range slices.Backward(r.missing) {
			if e := dirs.Rmdir(ctx, dir); e != nil && !errors.Is(e, iofs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	if err == nil {
		r.tell(Row{What: "tidy up", Found: "nothing is left behind", Level: OK})
		return
	}
	r.report.Left = append(r.report.Left, r.scratch)
	r.tell(Row{What: "tidy up", Found: text(err), Does: "nothing: remove " + r.scratch + " yourself", Level: Fail})
}

// removeAll removes a folder with all that lies in it.
func (r *run) removeAll(ctx context.Context, dir string) error {
	var found []backends.Entry
	err := r.List(ctx, dir, func(page []backends.Entry) error {
		found = append(found, page...)
		return nil
	})
	if errors.Is(err, iofs.ErrNotExist) {
		err = nil
	}
	for _, e := range found {
		if name := join(dir, e.Name); e.Kind == backends.Dir {
			err = errors.Join(err, r.removeAll(ctx, name))
		} else if remover, ok := r.Backend.(backends.Remover); ok {
			if e := remover.Remove(ctx, name, backends.Cond{}); !errors.Is(e, iofs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	if dirs, ok := r.Backend.(backends.DirMaker); ok {
		if e := dirs.Rmdir(ctx, dir); !errors.Is(e, iofs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
