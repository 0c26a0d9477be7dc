//go:build unix

package stores

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Walk reads folder by folder. It enters no pseudo file system and no mount of sd.
func (l *Local) Walk(ctx context.Context, dir string, o WalkOptions, fn func(*Entry) error) error {
	err := l.walk(ctx, dir, &o, true, fn)
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

// Children lists one folder.
func (l *Local) Children(ctx context.Context, dir string, fn func(*Entry) error) error {
	err := l.walk(ctx, dir, &WalkOptions{}, false, fn)
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

func (l *Local) walk(ctx context.Context, dir string, o *WalkOptions, deep bool, fn func(*Entry) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, foreign := l.mounts.At(dir); foreign {
		return o.problem(dir, &fs.PathError{Op: "list", Path: dir, Err: ErrForeign})
	}
	f, err := os.Open(dir)
	if err != nil {
		return o.problem(dir, err)
	}
	names, err := f.Readdirnames(-1)
	f.Close()
	if err != nil {
		return o.problem(dir, err)
	}
	list := make([]Entry, 0, len(names))
	for _, name := range names {
		e, err := l.Stat(ctx, strings.TrimSuffix(dir, "/")+"/"+name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return o.problem(dir, err)
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Key(), b.Key()) })
	for i := range list {
		err := fn(&list[i])
		if list[i].Kind == Dir && err == fs.SkipDir {
			continue
		}
		if err != nil {
			return err
		}
		if list[i].Kind == Dir && deep {
			if err := l.walk(ctx, list[i].Name, o, true, fn); err != nil {
				return err
			}
		}
	}
	return nil
}
