package rclone

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"time"

	"sd/backends"

	"github.com/rclone/rclone/fs"
)

// Mkdir makes a folder, and those above it that are missing.
func (s *store) Mkdir(ctx context.Context, name string) error {
	return pathError("mkdir", name, s.mkdir(ctx, name))
}

func (s *store) mkdir(ctx context.Context, name string) error {
	if name == "" {
		return iofs.ErrExist
	}
	if err := forWriting(name); err != nil {
		return err
	}
	unlock, err := s.writes.lock(ctx, s.key(name))
	if err != nil {
		return err
	}
	defer unlock()
	switch old, err := s.target(ctx, name, backends.Cond{}); {
	case err != nil:
		return err
	case old != nil:
		return iofs.ErrExist
	}
	at, err := s.destination(ctx, name, nil)
	if err != nil {
		return err
	}
	var lost unanswered
	_, err = work(ctx, s, "MKDIR", 0, func(ctx context.Context, c *conn) (any, error) {
		ctx = lost.watch(ctx)
		at, err := s.here(c, at)
		if err != nil {
			return nil, err
		}
		if s.remote.Type == "drive" {
			// What rclone remembers of folders may lead to one that was removed by others.
			dir, _ := split(at.path)
			if _, err := at.fs.List(ctx, dir); err != nil && kindOf(err) != iofs.ErrNotExist {
				return nil, err
			}
		}
		return nil, at.fs.Mkdir(ctx, at.path)
	})
	if errors.Is(err, backends.ErrOffline) || errors.Is(err, iofs.ErrExist) && lost.any() {
		if found, lerr := s.look(ctx, "STAT", name); lerr == nil && found.dir != nil {
			return nil // the answer was lost
		}
	}
	return err
}

// Rmdir removes an empty folder. Leftovers of uploads that were broken off do not count.
func (s *store) Rmdir(ctx context.Context, name string) error {
	return pathError("rmdir", name, s.rmdir(ctx, name))
}

func (s *store) rmdir(ctx context.Context, name string) error {
	switch err := forReading(name); {
	case err != nil:
		return err
	case name == "":
		return iofs.ErrPermission
	}
	unlock, err := s.writes.lock(ctx, s.key(name))
	if err != nil {
		return err
	}
	defer unlock()
	found, err := s.look(ctx, "STAT", name)
	if err != nil {
		return err
	}
	if found.dir == nil {
		return backends.ErrNotDir
	}
	defer s.moved(name)
	return s.removeDir(ctx, name, found)
}

func (s *store) removeDir(ctx context.Context, name string, found *child) error {
	children, err := meta(ctx, s, "LIST", func(ctx context.Context, c *conn) ([]child, error) { return s.listAt(ctx, c, name, found.place) })
	if err != nil {
		return err
	}
	for i := range children {
		if ch := &children[i]; ch.file == nil || !strings.HasPrefix(ch.leaf, partPrefix) || time.Since(ch.file.ModTime(ctx)) < time.Hour {
			return backends.ErrNotEmpty
		}
	}
	for i := range children {
		if err := s.removeObject(ctx, children[i].file, children[i].place); err != nil {
			return err
		}
	}
	_, err = work(ctx, s, "RMDIR", 0, func(ctx context.Context, c *conn) (any, error) {
		if found.place.path == "" { // it has a twin, which takes it in: nothing but the id leads to it
			return nil, s.mergeTwin(ctx, c, found, nil)
		}
		at, err := s.here(c, found.place)
		if err != nil {
			return nil, err
		}
		return nil, at.fs.Rmdir(ctx, at.path)
	})
	if err != nil && errors.Is(err, backends.ErrOffline) {
		s.moved(name)
		if _, gone := s.look(ctx, "STAT", name); errors.Is(gone, iofs.ErrNotExist) {
			return nil
		}
	}
	return err
}

// mergeTwin moves what is in a folder that has a twin into another folder, nil if there is
// nothing in it, and removes it.
func (s *store) mergeTwin(ctx context.Context, c *conn, found *child, into fs.Directory) error {
	merge := c.features.MergeDirs
	if merge == nil {
		return errors.ErrUnsupported
	}
	if into == nil {
		into = fs.NewDir("", time.Time{}).SetID("none") // nothing is moved there
	}
	return merge(ctx, []fs.Directory{into, found.dir})
}

// moveDir moves a folder to a name where there is nothing, or an empty folder.
func (s *store) moveDir(ctx context.Context, src, dst *child, newName string) error {
	to, err := s.destination(ctx, newName, dst)
	if err != nil {
		return err
	}
	if dst != nil {
		if err := s.removeDir(ctx, newName, dst); err != nil {
			return err
		}
		s.moved(newName)
		if to, err = s.destination(ctx, newName, nil); err != nil {
			return err
		}
	}
	if src.place.path == "" {
		return s.moveTwin(ctx, src, to)
	}
	err = s.moveFolder(ctx, src.place, to)
	if err != nil && dst != nil {
		_, _ = work(ctx, s, "MKDIR", 0, func(ctx context.Context, c *conn) (any, error) {
			to, err := s.here(c, to)
			if err != nil {
				return nil, err
			}
			return nil, to.fs.Mkdir(ctx, to.path)
		})
	}
	return err
}

// moveTwin moves a folder that has a twin: what is in it goes to a new folder.
func (s *store) moveTwin(ctx context.Context, src *child, to place) error {
	_, err := work(ctx, s, "MOVE", time.Minute, func(ctx context.Context, c *conn) (any, error) {
		to, err := s.here(c, to)
		if err != nil {
			return nil, err
		}
		if err := to.fs.Mkdir(ctx, to.path); err != nil {
			return nil, err
		}
		dir, _ := split(to.path)
		entries, err := to.fs.List(ctx, dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if d, ok := e.(fs.Directory); ok && e.Remote() == to.path {
				return nil, s.mergeTwin(ctx, c, src, d)
			}
		}
		return nil, iofs.ErrNotExist
	})
	return err
}

// moveFolder moves a folder. If no answer came it looks whether it is there.
func (s *store) moveFolder(ctx context.Context, from, to place) error {
	_, err := work(ctx, s, "MOVE", 10*time.Second, func(ctx context.Context, c *conn) (any, error) {
		to, err := s.here(c, to)
		if err != nil {
			return nil, err
		}
		move := to.fs.Features().DirMove
		if move == nil {
			return nil, fs.ErrorCantDirMove
		}
		from, err := s.here(c, from)
		if err != nil {
			return nil, err
		}
		return nil, move(ctx, from.fs, from.path, to.path)
	})
	if err == nil || !errors.Is(err, backends.ErrOffline) && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	there := func(p place) error {
		_, err := meta(ctx, s, "LIST", func(ctx context.Context, c *conn) (any, error) {
			p, err := s.here(c, p)
			if err != nil {
				return nil, err
			}
			if p.fs.Features().DirCacheFlush != nil {
				p.fs.Features().DirCacheFlush()
			}
			_, err = p.fs.List(ctx, p.path)
			return nil, err
		})
		return err
	}
	if there(to) == nil && errors.Is(there(from), iofs.ErrNotExist) {
		return nil
	}
	return err
}

// Usage tells what is used and what is left, as far as the service does.
func (s *store) Usage(ctx context.Context) (used, free int64, err error) {
	u, err := meta(ctx, s, "USAGE", func(ctx context.Context, c *conn) (*fs.Usage, error) {
		if c.features.About == nil {
			return nil, errors.ErrUnsupported
		}
		return c.features.About(ctx)
	})
	if err != nil {
		return 0, 0, pathError("usage", "", err)
	}
	free = -1
	switch {
	case u.Free != nil:
		free = *u.Free
	case u.Total != nil && u.Used != nil:
		free = max(0, *u.Total-*u.Used)
	}
	if u.Used != nil {
		used = *u.Used
	}
	return used, free, nil
}
