package rclone

import (
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"time"

	"sd/backends"

	"github.com/rclone/rclone/fs"
)

// Copy copies inside the service. What is to be replaced stands until the copy is whole. Of
// what the object carries only the time can be replaced.
func (s *store) Copy(ctx context.Context, dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	e, name, err := s.copy(ctx, dst, s, src, o)
	return e, pathError("copy", name, err)
}

// CopyFrom copies from another volume of the same account.
func (s *store) CopyFrom(ctx context.Context, dst string, from backends.Backend, src string, o backends.CopyOptions) (backends.Entry, error) {
	other := storeOf(from)
	if other == nil || !s.sameAccount(other) {
		return backends.Entry{}, pathError("copy", dst, errors.ErrUnsupported)
	}
	e, name, err := s.copy(ctx, dst, other, src, o)
	return e, pathError("copy", name, err)
}

// sameAccount tells whether two remotes are reached by the same login in the same place.
func (s *store) sameAccount(other *store) bool {
	if s == other {
		return true
	}
	a, b := s.cfg.Account, other.cfg.Account
	if a == "" || a != b || s.remote.Type != other.remote.Type || s.remote.Type == "crypt" {
		return false
	}
	for _, key := range []string{"client_id", "url", "host", "port", "user", "region", "auth_url"} {
		if s.remote.Options[key] != other.remote.Options[key] {
			return false
		}
	}
	return true
}

// copy copies from a file of another store, or of s itself. name is whose fault an error is.
func (s *store) copy(ctx context.Context, dst string, other *store, src string, o backends.CopyOptions) (_ backends.Entry, name string, err error) {
	if err := forReading(src); err != nil || src == "" {
		return backends.Entry{}, src, iofs.ErrNotExist
	}
	if err := forWriting(dst); err != nil {
		return backends.Entry{}, dst, err
	}
	unlock, err := s.writes.lock(ctx, s.key(dst))
	if err != nil {
		return backends.Entry{}, dst, err
	}
	defer unlock()
	from := other.seen.get(other.key(src), o.Source)
	if from == nil {
		if from, err = other.look(ctx, "STAT", src); err != nil {
			return backends.Entry{}, src, err
		}
	} else if err := other.unchanged(ctx, src, o.Source, from); err != nil {
		if errors.Is(err, errMoved) {
			err = backends.ErrChanged
		}
		return backends.Entry{}, src, err
	}
	if from.dir != nil {
		return backends.Entry{}, src, backends.ErrIsDir
	}
	is := other.entry(ctx, src, from)
	if o.Source != "" && !is.Unsized && is.Version != o.Source {
		return backends.Entry{}, src, backends.ErrChanged
	}
	old, err := s.target(ctx, dst, o.Cond)
	if err != nil {
		return backends.Entry{}, dst, err
	}
	if old != nil && old.dir != nil {
		return backends.Entry{}, dst, backends.ErrIsDir
	}
	if s == other && s.key(dst) == s.key(src) {
		if o.Meta == nil {
			return is, dst, nil
		}
		made, err := s.setTime(ctx, from, o.Meta)
		if err != nil {
			return backends.Entry{}, dst, err
		}
		s.seen.drop(s.key(dst))
		e, err := s.written(ctx, s.nameOf(dst, old), made, made.Size())
		return e, dst, err
	}
	made, err := s.copyObject(ctx, from.file, is, old, dst)
	s.seen.drop(s.key(dst))
	if err != nil {
		return backends.Entry{}, dst, err
	}
	if made, err = s.setTime(ctx, &child{file: made}, o.Meta); err != nil {
		return backends.Entry{}, dst, err
	}
	size := is.Size
	if is.Unsized {
		size = -1
	}
	e, err := s.written(ctx, s.nameOf(dst, old), made, size)
	return e, dst, err
}

// copyObject makes the copy, beside the target first if something is there.
func (s *store) copyObject(ctx context.Context, from fs.Object, is backends.Entry, old *child, dst string) (fs.Object, error) {
	to, err := s.destination(ctx, dst, old)
	if err != nil {
		return nil, err
	}
	at := to
	if old != nil {
		dir, leaf := split(to.path)
		at.path = join(dir, partPrefix+random()+"-"+leaf)
	}
	var lost unanswered
	made, err := work(ctx, s, "COPY", time.Minute+grace(is.Size), func(ctx context.Context, c *conn) (fs.Object, error) {
		ctx = lost.watch(ctx)
		at, err := s.here(c, at)
		if err != nil {
			return nil, err
		}
		if dir, _ := split(at.path); dir != "" {
			err := at.fs.Mkdir(ctx, dir)
			if kindOrNil(err) == iofs.ErrExist {
				err = at.fs.Mkdir(ctx, dir) // another copy has just made it
			}
			if err != nil {
				return nil, err
			}
		}
		from, err := s.object(ctx, c, from, placeOf(from))
		if err != nil {
			return nil, err
		}
		return at.fs.Features().Copy(ctx, from, at.path)
	})
	if lost.any() && (err == nil || errors.Is(err, backends.ErrOffline) || errors.Is(err, iofs.ErrExist)) {
		made, err = s.onlyCopy(ctx, is, at, made, err)
	}
	if err != nil {
		return nil, err
	}
	if made.Size() != is.Size && !is.Unsized {
		_ = s.removeObject(ctx, made, at)
		return nil, &answerError{backends.ErrChanged, "the copy has another size"}
	}
	if old == nil {
		return made, nil
	}
	return s.replace(ctx, &child{file: made}, old, to)
}

// onlyCopy finds what a copy has made whose answer was lost, where there was nothing before. If it
// was made twice, the other one is removed. made and err are how the copy has ended.
func (s *store) onlyCopy(ctx context.Context, is backends.Entry, at place, made fs.Object, err error) (fs.Object, error) {
	dir, _ := split(at.path)
	entries, lerr := meta(ctx, s, "LIST", func(ctx context.Context, c *conn) (fs.DirEntries, error) {
		at, err := s.here(c, at)
		if err != nil {
			return nil, err
		}
		return at.fs.List(ctx, dir)
	})
	if lerr != nil {
		return made, err
	}
	for _, e := range entries {
		o, ok := e.(fs.Object)
		if !ok || o.Remote() != at.path || made != nil && idOf(o) == idOf(made) {
			continue
		}
		if now := describe(ctx, "", o); now.Size != is.Size || len(is.Sums) == 0 || !slices.Equal(now.Sums, is.Sums) {
			continue
		}
		if made == nil {
			made, err = o, nil
			continue
		}
		if err := s.removeObject(ctx, o, at); err != nil {
			return made, err
		}
	}
	return made, err
}

// setTime gives a file the time that m asks for.
func (s *store) setTime(ctx context.Context, found *child, m *backends.Meta) (fs.Object, error) {
	if m == nil || m.ModTime.IsZero() {
		return found.file, nil
	}
	return work(ctx, s, "TOUCH", 0, func(ctx context.Context, c *conn) (fs.Object, error) {
		o, err := s.own(ctx, c, found)
		if err != nil {
			return nil, err
		}
		err = o.SetModTime(ctx, m.ModTime)
		if errors.Is(err, fs.ErrorCantSetModTime) || errors.Is(err, fs.ErrorCantSetModTimeWithoutDelete) {
			err = nil
		}
		return o, err
	})
}
