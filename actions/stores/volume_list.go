package stores

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"sd/backends"
	"sd/sdpath"
)

// Walk lists flat, where the store can: one request for a thousand objects, and at most one more for
// each of the hints, between which some thousand objects should lie. A folder that is not there is
// empty. A list that breaks off is a problem of dir as a whole.
func (v *Volume) Walk(ctx context.Context, dir string, o WalkOptions, fn func(*Entry) error) error {
	if err := v.Settle(ctx, dir); err != nil {
		return err
	}
	walker, ok := v.backend.(backends.Walker)
	if !ok {
		return ended(v.walkFolders(ctx, dir, &o, fn))
	}
	yielded, failed := v.walkFlat(ctx, walker, dir, o.Hints, fn)
	if failed != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		return ended(o.problem(dir, failed))
	}
	return ended(yielded)
}

// Children lists one folder, which it keeps in memory.
func (v *Volume) Children(ctx context.Context, dir string, fn func(*Entry) error) error {
	if err := v.Settle(ctx, dir); err != nil {
		return err
	}
	list, err := v.children(ctx, dir)
	if err != nil {
		return err
	}
	for i := range list {
		if err := fn(&list[i]); err != nil && (err != fs.SkipDir || list[i].Kind != Dir) {
			return ended(err)
		}
	}
	return nil
}

// children returns what lies in a folder, in the order of keys.
func (v *Volume) children(ctx context.Context, dir string) (list []Entry, err error) {
	err = v.backend.List(ctx, dir, func(page []backends.Entry) error {
		for i := range page {
			e := page[i]
			e.Name = sdpath.JoinKey(dir, e.Name)
			is, err := v.sized(ctx, &e)
			if err != nil {
				return err
			}
			list = append(list, is)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Key(), b.Key()) })
	return list, err
}

// walkFolders lists folder by folder.
func (v *Volume) walkFolders(ctx context.Context, dir string, o *WalkOptions, fn func(*Entry) error) error {
	list, err := v.children(ctx, dir)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return o.problem(dir, err)
	}
	for i := range list {
		name, isDir := list[i].Name, list[i].Kind == Dir
		err := fn(&list[i])
		if isDir && err == fs.SkipDir {
			continue
		}
		if err == nil && isDir {
			err = v.walkFolders(ctx, name, o, fn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
