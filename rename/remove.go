package rename

import (
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"sd/backends"
)

// removeTree removes the old tree: each object as it was when it was copied, then the
// folders' own markers. It tells which stay because they have changed. With known, what
// a later process found in the journal, only those go whose copy is still there.
func (j *Journal) removeTree(ctx context.Context, v tree, t *task, known []int64, step func()) (*KeptError, error) {
	var mu sync.Mutex
	var stays *KeptError
	stay := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		if stays == nil {
			stays = &KeptError{}
		}
		if stays.Count++; len(stays.Names) < maxNamed {
			stays.Names = append(stays.Names, name)
			slices.Sort(stays.Names)
		}
	}
	group, dispatch := errgroup.WithContext(ctx)
	group.SetLimit(j.cfg.Parallel)
	remove := func(index int, r record) error {
		if r.kind != isFile || known != nil && known[index] < 0 {
			return nil
		}
		group.Go(func() error {
			if err := dispatch.Err(); err != nil {
				return err
			}
			defer step()
			name := r.in(t.header.From)
			err := v.Remove(ctx, name, backends.Cond{Version: r.version})
			// Whether these two are on record only spares a request later.
			if err == nil || errors.Is(err, iofs.ErrNotExist) {
				_ = t.add(record{kind: removed, index: index})
				return nil
			}
			if !errors.Is(err, backends.ErrChanged) {
				return err
			}
			_ = t.add(record{kind: kept, index: index})
			stay(name)
			return nil
		})
		return dispatch.Err()
	}
	var err error
	if known == nil {
		err = t.entries(remove)
	} else {
		err = t.beside(ctx, v, string(t.header.To), func(index int, r record, _ backends.Entry) error { return remove(index, r) })
	}
	if first := group.Wait(); first != nil || err != nil {
		return stays, cmpErr(first, err)
	}
	err = j.markers(ctx, t, true, func(_ int, r record) error {
		defer step()
		name := r.in(t.header.From)
		filled, err := hasBytes(ctx, v, name)
		if err != nil {
			return err
		}
		if filled {
			stay(name + "/")
			return nil
		}
		return rmdir(ctx, v, name)
	})
	return stays, err
}

// hasBytes tells whether the marker of a folder is more than that: an object whose key
// ends in a slash, with bytes that a new marker does not have.
func hasBytes(ctx context.Context, b backends.Backend, dir string) (bool, error) {
	r, e, err := b.Get(ctx, dir+"/", "", 0, 0)
	switch {
	case err == nil:
		return e.Kind != backends.Dir && e.Size > 0, r.Close()
	case sure(err): // the store knows no such objects
		return false, nil
	}
	return false, err
}

// rmdir removes the marker of a folder in which nothing is left.
func rmdir(ctx context.Context, v tree, name string) error {
	err := v.dirs.Rmdir(ctx, name)
	if errors.Is(err, backends.ErrNotEmpty) || errors.Is(err, iofs.ErrNotExist) || errors.Is(err, backends.ErrNotDir) {
		return nil
	}
	return err
}

// takeBack removes the copies that were made: those on record, in the version on
// record, and those whose record is missing if their bytes prove them ours.
func (j *Journal) takeBack(ctx context.Context, v tree, t *task) error {
	known, err := t.load()
	if err != nil {
		return err
	}
	group, dispatch := errgroup.WithContext(ctx)
	group.SetLimit(j.cfg.Parallel)
	err = t.beside(ctx, v, string(t.header.To), func(index int, r record, e backends.Entry) error {
		if r.kind != isFile || known[index] < 0 {
			return nil
		}
		group.Go(func() error {
			if err := dispatch.Err(); err != nil {
				return err
			}
			t.done.Add(1)
			return j.takeBackOne(ctx, v, t, known[index], r, e)
		})
		return dispatch.Err()
	})
	if first := group.Wait(); first != nil || err != nil {
		return cmpErr(first, err)
	}
	return j.markers(ctx, t, true, func(index int, r record) error {
		if known[index] < 0 || v.dirs == nil {
			return nil
		}
		return rmdir(ctx, v, r.in(t.header.To))
	})
}

// takeBackOne removes the object e at the new place of r if it is our copy. Where its
// record stands is at, 0 if there is none.
func (j *Journal) takeBackOne(ctx context.Context, v tree, t *task, at int64, r record, e backends.Entry) error {
	ours := false
	var err error
	if at > 0 {
		var made record
		made, err = t.at(at)
		ours = made.version == e.Version
	} else {
		ours, err = same(ctx, v, source{r.in(t.header.From), r.version, r.size}, e)
	}
	if err != nil || !ours {
		return err
	}
	return absent(v.Remove(ctx, e.Name, backends.Cond{Version: e.Version}))
}

// cmpErr returns the first error that is one.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
