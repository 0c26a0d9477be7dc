package local

import (
	"cmp"
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"slices"
	"strings"

	"sd/backends"
)

const pageSize = 1000

// List yields the children of dir in the order of the file system. Sockets, pipes
// and devices come as files, which Get refuses.
func (s *Store) List(ctx context.Context, dir string, yield func([]backends.Entry) error) error {
	folder, err := s.openDir(ctx, dir)
	if err != nil {
		return s.fail("list", dir, err)
	}
	defer folder.Close()
	names, err := folder.Open(".")
	if err != nil {
		return s.fail("list", dir, err)
	}
	defer names.Close()
	for {
		page, err := nextPage(ctx, folder, names)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return s.fail("list", dir, err)
		}
		if len(page) == 0 {
			continue
		}
		if err := yield(page); err != nil {
			return err
		}
	}
}

func (s *Store) openDir(ctx context.Context, dir string) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !valid(dir) {
		return nil, iofs.ErrNotExist
	}
	return enter(s.root, dir)
}

// nextPage describes the next children of folder, io.EOF says that there are none.
// Those that vanish meanwhile are left out.
func nextPage(ctx context.Context, folder *os.Root, names *os.File) ([]backends.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	children, err := names.Readdirnames(pageSize)
	if err != nil {
		return nil, err
	}
	page := make([]backends.Entry, 0, len(children))
	for _, name := range children {
		if isTemporary(name) {
			continue
		}
		info, err := folder.Lstat(name)
		if errors.Is(err, iofs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		page = append(page, entry(name, info))
	}
	return page, nil
}

// Walk yields all below prefix, directories included. It does not follow symbolic
// links, and holds the names of one directory a level in memory.
func (s *Store) Walk(ctx context.Context, prefix, after string, yield func([]backends.Entry) error) error {
	folder, err := s.openDir(ctx, prefix)
	if err != nil {
		return s.fail("walk", prefix, err)
	}
	defer folder.Close()
	w := &walk{ctx: ctx, store: s, after: after, yield: yield}
	if err := w.below(folder, prefix); err != nil {
		return err
	}
	return w.flush()
}

type walk struct {
	ctx   context.Context
	store *Store
	after string
	yield func([]backends.Entry) error
	page  []backends.Entry
}

func (w *walk) below(folder *os.Root, dir string) error {
	children, err := w.children(folder, dir)
	if err != nil {
		return w.store.fail("walk", dir, err)
	}
	for _, e := range children {
		key := orderKey(e)
		if key > w.after {
			if err := w.add(e); err != nil {
				return err
			}
		}
		// All keys of a subtree start with the key of its directory.
		if e.Kind == backends.Dir && (key > w.after || strings.HasPrefix(w.after, key)) {
			if err := w.enter(folder, e.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walk) enter(folder *os.Root, name string) error {
	_, base := split(name)
	child, err := enter(folder, base)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return w.store.fail("walk", name, err)
	}
	defer child.Close()
	return w.below(child, name)
}

// children are all entries of folder in key order, with whole names.
func (w *walk) children(folder *os.Root, dir string) ([]backends.Entry, error) {
	names, err := folder.Open(".")
	if err != nil {
		return nil, err
	}
	defer names.Close()
	var all []backends.Entry
	for {
		page, err := nextPage(w.ctx, folder, names)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	for i := range all {
		all[i].Name = join(dir, all[i].Name)
	}
	slices.SortFunc(all, func(a, b backends.Entry) int { return cmp.Compare(orderKey(a), orderKey(b)) })
	return all, nil
}

func (w *walk) add(e backends.Entry) error {
	w.page = append(w.page, e)
	if len(w.page) < pageSize {
		return nil
	}
	return w.flush()
}

func (w *walk) flush() error {
	if len(w.page) == 0 {
		return nil
	}
	err := w.yield(w.page)
	w.page = w.page[:0]
	return err
}

func orderKey(e backends.Entry) string {
	if e.Kind == backends.Dir {
		return e.Name + "/"
	}
	return e.Name
}
