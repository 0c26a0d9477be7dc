//go:build unix

package stores

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// Walk reads several folders at a time, ahead of fn, and enters no pseudo file system and no
// mount of sd. Only dir itself may be a link.
func (l *Local) Walk(ctx context.Context, dir string, o WalkOptions, fn func(*Entry) error) error {
	return l.walk(ctx, dir, &o, true, fn)
}

// Children lists one folder.
func (l *Local) Children(ctx context.Context, dir string, fn func(*Entry) error) error {
	return l.walk(ctx, dir, &WalkOptions{}, false, fn)
}

// readers is how many folders are read at a time beside the one that is wanted: more than there are
// processors, for a disk that has to be waited for.
func readers() int { return min(max(3, 2*runtime.GOMAXPROCS(0)-1), 15) }

func (l *Local) walk(ctx context.Context, dir string, o *WalkOptions, deep bool, fn func(*Entry) error) error {
	foreign, err := l.foreign(dir)
	if err != nil {
		return ended(o.problem(dir, err))
	}
	fd, err := openTop(dir)
	if err != nil {
		return ended(o.problem(dir, LocalError("list", dir, err)))
	}
	t := newLocalTree(dir, fd, deep, foreign, l.maxOpen)
	defer t.close()
	w := localWalk{ctx: ctx, tree: t, lister: newLister(), o: o, fn: fn}
	if deep {
		var wg sync.WaitGroup
		defer wg.Wait()
		defer t.end()
		for range readers() {
			wg.Go(t.readAhead)
		}
	}
	return ended(w.folder(t.top))
}

// foreign returns the paths below dir, each with a slash, that a Walk does not enter.
func (l *Local) foreign(dir string) (map[string]bool, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	mounts, err := l.table()
	if err != nil {
		return nil, err
	}
	if _, foreign := mounts.At(real); foreign {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: ErrForeign}
	}
	within := func(path string) string { return strings.TrimSuffix(path, "/") + "/" }
	list := make(map[string]bool)
	for _, point := range mounts.Pseudo() {
		if rest, ok := strings.CutPrefix(within(point), within(real)); ok {
			list[within(dir)+rest] = true
		}
	}
	return list, nil
}

// localWalk hands over what a localTree reads. It is for one goroutine.
type localWalk struct {
	ctx    context.Context
	tree   *localTree
	lister *lister
	o      *WalkOptions
	fn     func(*Entry) error
	entry  Entry
}

// folder hands over all below f.
func (w *localWalk) folder(f *folder) error {
	for {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		rows, err := w.tree.next(f, w.lister)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && f.up != nil {
				return nil // it is gone since its name was read
			}
			dir := max(strings.TrimSuffix(f.path, "/"), "/")
			return w.o.problem(dir, LocalError("list", dir, err))
		}
		if rows == nil {
			return nil
		}
		for i := range rows {
			if err := w.row(f, &rows[i]); err != nil {
				return err
			}
		}
	}
}

// row hands over one entry and all below it.
func (w *localWalk) row(f *folder, r *row) error {
	if r.err != nil {
		name := f.path + strings.TrimSuffix(string(r.key), "/")
		return w.o.problem(name, LocalError("stat", name, r.err))
	}
	r.entry(f, &w.entry)
	name, isDir := w.entry.Name, w.entry.Kind == Dir
	err := w.fn(&w.entry)
	switch {
	case err == fs.SkipDir && isDir:
		if r.sub != nil {
			w.tree.drop(r.sub)
		}
		return nil
	case err != nil || !isDir || !w.tree.deep:
		return err
	case r.sub == nil:
		return w.o.problem(name, &fs.PathError{Op: "list", Path: name, Err: ErrForeign})
	}
	sub := r.sub
	r.sub = nil // what was read of it can go when it is done
	return w.folder(sub)
}
