package rclone

import (
	"context"
	iofs "io/fs"
	"strings"
	"time"

	"sd/backends"
)

// Stat describes a file or folder. A document is exported for that, as its size is not known
// before.
func (s *store) Stat(ctx context.Context, name string) (backends.Entry, error) {
	e, err := s.stat(ctx, name)
	return e, pathError("stat", name, err)
}

func (s *store) stat(ctx context.Context, name string) (backends.Entry, error) {
	if err := forReading(name); err != nil {
		return backends.Entry{}, err
	}
	if name == "" {
		return s.root(ctx)
	}
	found, err := s.look(ctx, "STAT", name)
	if err != nil {
		return backends.Entry{}, err
	}
	e := s.entry(ctx, name, found)
	if e.Unsized {
		return s.export(ctx, name, found)
	}
	return e, nil
}

// root describes the root. It is asked for something, for it is there only if the store answers.
func (s *store) root(ctx context.Context) (backends.Entry, error) {
	_, err := meta(ctx, s, "STAT", func(ctx context.Context, c *conn) (any, error) {
		_, err := c.fs.NewObject(ctx, "sd-probe")
		if kind := kindOrNil(err); kind == iofs.ErrNotExist || kind == backends.ErrIsDir {
			err = nil
		}
		return nil, err
	})
	return folder("", time.Time{}), err
}

// look finds a file or folder by one operation.
func (s *store) look(ctx context.Context, op, name string) (*child, error) {
	return meta(ctx, s, op, func(ctx context.Context, c *conn) (*child, error) { return s.find(ctx, c, name) })
}

// entry describes what was found under a name, and remembers it for reading.
func (s *store) entry(ctx context.Context, name string, found *child) backends.Entry {
	if s.habits.folds {
		dir, _ := split(name)
		name = join(dir, found.label)
	}
	e := found.entry(ctx, name)
	if found.file != nil {
		s.remember(name, e, found)
	}
	return e
}

// remember keeps what was found under a name for reading it and for finding it again.
func (s *store) remember(name string, e backends.Entry, found *child) {
	if !found.shared {
		found.shared = true
	}
	s.seen.put(s.key(name), e.Version, found)
}

// List yields the children of dir. The folder is read as a whole before, for only so can it be
// told which names repeat.
func (s *store) List(ctx context.Context, dir string, yield func([]backends.Entry) error) error {
	if err := forReading(dir); err != nil {
		return pathError("list", dir, err)
	}
	children, err := meta(ctx, s, "LIST", func(ctx context.Context, c *conn) ([]child, error) {
		return s.checkedList(ctx, c, dir)
	})
	if err != nil {
		return pathError("list", dir, err)
	}
	page := make([]backends.Entry, 0, min(len(children), s.page))
	for i := range children {
		ch := &children[i]
		if strings.HasPrefix(ch.label, partPrefix) {
			continue
		}
		e := s.entry(ctx, join(dir, ch.label), ch)
		e.Name = ch.label
		if page = append(page, e); len(page) == s.page {
			if err := ctx.Err(); err != nil {
				return pathError("list", dir, err)
			}
			if err := yield(page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	if len(page) == 0 {
		return nil
	}
	return yield(page)
}

// checkedList lists a folder. Where a listing of a file yields the file itself, or nothing, it
// finds out first what there is.
func (s *store) checkedList(ctx context.Context, c *conn, dir string) ([]child, error) {
	children, err := s.list(ctx, c, dir)
	_, leaf := split(dir)
	itself := len(children) == 1 && children[0].file != nil && children[0].leaf == leaf
	if err == nil && (len(children) == 0 || itself) && dir != "" && !s.byList() {
		found, err := s.find(ctx, c, dir)
		if err != nil {
			return nil, err
		}
		if found.dir == nil {
			return nil, backends.ErrNotDir
		}
	}
	return children, err
}
