package rclone

import (
	"context"
	"errors"
	iofs "io/fs"
	"time"

	"sd/backends"

	"github.com/rclone/rclone/fs"
)

// Remove deletes a file, into the service's bin where it has one. The condition is looked at
// right before.
func (s *store) Remove(ctx context.Context, name string, c backends.Cond) error {
	return pathError("remove", name, s.removeFile(ctx, name, c))
}

func (s *store) removeFile(ctx context.Context, name string, cond backends.Cond) error {
	switch err := forReading(name); {
	case err != nil:
		return err
	case name == "":
		return backends.ErrIsDir
	case cond.Absent:
		return errors.ErrUnsupported
	}
	unlock, err := s.writes.lock(ctx, s.key(name))
	if err != nil {
		return err
	}
	defer unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	old, err := s.look(ctx, "STAT", name)
	switch {
	case err != nil:
		return err
	case old.dir != nil:
		return backends.ErrIsDir
	case cond.Version != "":
		if err := s.holds(ctx, name, old, cond.Version); err != nil {
			return err
		}
	}
	defer s.seen.drop(s.key(name))
	return s.removeObject(ctx, old.file, old.place)
}

// removeObject deletes a file. If no answer came it looks whether it is gone.
func (s *store) removeObject(ctx context.Context, o fs.Object, at place) error {
	since := time.Now()
	_, err := work(ctx, s, "DELETE", 0, func(ctx context.Context, c *conn) (any, error) {
		o, err := s.object(ctx, c, o, at)
		if err != nil {
			return nil, err
		}
		return nil, o.Remove(ctx)
	})
	if err == nil || !errors.Is(err, backends.ErrOffline) && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	_, gone := patiently(ctx, s, since, func() (fs.Object, error) { return s.lookAt(ctx, o, at) })
	if errors.Is(gone, iofs.ErrNotExist) {
		return nil
	}
	return err
}

// Rename moves a file or folder. Where the service cannot replace a file in one step, the old
// one is moved to a name that begins with ".sd-old-" first (on Google Drive it stays, as a
// twin), and removed at the end: what is killed in between loses nothing, and both are listed.
func (s *store) Rename(ctx context.Context, oldName, newName string, c backends.Cond) error {
	return s.renameError(oldName, newName, s.rename(ctx, oldName, newName, c))
}

// renameError says whose fault it was: what is there already, or is no folder, is the new name.
func (s *store) renameError(oldName, newName string, err error) error {
	switch {
	case errors.Is(err, iofs.ErrNotExist), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return pathError("rename", oldName, err)
	}
	return pathError("rename", newName, err)
}

func (s *store) rename(ctx context.Context, oldName, newName string, cond backends.Cond) error {
	if err := forReading(oldName); err != nil {
		return err
	}
	if oldName == "" {
		return iofs.ErrInvalid
	}
	if err := forWriting(newName); err != nil {
		return err
	}
	if below(s.key(newName), s.key(oldName)) {
		return iofs.ErrInvalid
	}
	unlock, err := s.writes.lock(ctx, s.key(oldName), s.key(newName))
	if err != nil {
		return err
	}
	defer unlock()
	src, err := s.look(ctx, "STAT", oldName)
	if err != nil {
		return err
	}
	same := s.key(oldName) == s.key(newName)
	var dst *child
	if !same {
		if dst, err = s.target(ctx, newName, backends.Cond{}); err != nil {
			return err
		}
		if err := s.mayReplace(ctx, src, dst, newName, cond); err != nil {
			return err
		}
	} else if oldName == newName {
		return nil
	}
	defer s.moved(oldName)
	if !same && src.dir == nil {
		return s.moveFile(ctx, src, dst, oldName, newName)
	}
	defer s.moved(newName)
	if same {
		return s.recase(ctx, src, newName)
	}
	return s.moveDir(ctx, src, dst, newName)
}

// moved forgets what was known of both names.
func (s *store) moved(names ...string) {
	for _, name := range names {
		s.tree.forget(s.key(name))
		s.seen.dropTree(s.key(name))
	}
}

// mayReplace checks that src may take the place of dst, nil if there is nothing.
func (s *store) mayReplace(ctx context.Context, src, dst *child, newName string, cond backends.Cond) error {
	if dst == nil {
		if cond.Version != "" {
			return backends.ErrChanged
		}
		return nil
	}
	switch {
	case cond.Absent:
		return iofs.ErrExist
	case src.dir == nil && dst.dir != nil:
		return backends.ErrIsDir
	case src.dir != nil && dst.dir == nil:
		return backends.ErrNotDir
	case dst.dir != nil:
		children, err := meta(ctx, s, "LIST", func(ctx context.Context, c *conn) ([]child, error) { return s.listAt(ctx, c, newName, dst.place) })
		if err != nil {
			return err
		}
		if len(children) > 0 {
			return backends.ErrNotEmpty
		}
	case cond.Version != "":
		if e := s.entry(ctx, newName, dst); e.Version != cond.Version {
			return backends.ErrChanged
		}
	}
	return nil
}

// moveFile moves a file to a name where dst is, or nothing.
func (s *store) moveFile(ctx context.Context, src, dst *child, oldName, newName string) error {
	to, err := s.destination(ctx, newName, dst)
	if err != nil {
		return err
	}
	var made fs.Object
	if dst == nil {
		made, err = s.moveTo(ctx, src.file, to)
	} else {
		made, err = s.replace(ctx, src, dst, to)
	}
	s.moved(newName)
	if err != nil || !s.byList() {
		return err
	}
	_, leaf := split(s.nameOf(newName, dst))
	_, there := split(to.path)
	s.entry(ctx, newName, &child{label: leaf, leaf: there, id: idOf(made), file: made, place: to})
	s.seen.moved(s.key(newName), oldName)
	return nil
}

// replace moves a file to where another one is.
func (s *store) replace(ctx context.Context, src, dst *child, to place) (fs.Object, error) {
	o := src.file
	if is, was := describe(ctx, "", o), describe(ctx, "", dst.file); is.Version == was.Version && len(is.Sums) == 0 && is.Size > 0 {
		// Nothing would tell that it is another file now.
		var err error
		if o, err = s.setTime(ctx, src, &backends.Meta{ModTime: is.ModTime.Add(time.Second)}); err != nil {
			return nil, err
		}
	}
	if s.habits.partial { // it replaces
		return s.moveTo(ctx, o, to)
	}
	if s.habits.twins { // the old one stays below its id until the move has been done
		made, err := s.moveTo(ctx, o, to)
		if err == nil {
			err = s.removeObject(ctx, dst.file, dst.place)
		}
		return made, err
	}
	dir, leaf := split(to.path)
	aside := place{to.fs, join(dir, ".sd-old-"+random()+"-"+leaf)}
	old, err := s.moveTo(ctx, dst.file, aside)
	if err != nil {
		return nil, err
	}
	made, err := s.moveTo(ctx, o, to)
	if err != nil {
		_, _ = s.moveTo(context.WithoutCancel(ctx), old, to)
		return nil, err
	}
	// The rename is done; what cannot be removed is listed beside it.
	_ = s.removeObject(context.WithoutCancel(ctx), old, aside)
	return made, nil
}

// destination returns where newName is to be.
func (s *store) destination(ctx context.Context, newName string, dst *child) (place, error) {
	return meta(ctx, s, "STAT", func(ctx context.Context, c *conn) (place, error) { return s.placeFor(ctx, c, newName, dst) })
}

// recase changes no more than the case of a name, in two steps: services take the new one for
// the old.
func (s *store) recase(ctx context.Context, src *child, newName string) error {
	to := src.place
	dir, _ := split(src.place.path)
	_, leaf := split(newName)
	to.path = join(dir, leaf)
	if to.path == src.place.path {
		return nil
	}
	aside := place{to.fs, join(dir, ".sd-old-"+random()+"-"+leaf)}
	if src.dir != nil {
		if err := s.moveFolder(ctx, src.place, aside); err != nil {
			return err
		}
		err := s.moveFolder(ctx, aside, to)
		if err != nil {
			_ = s.moveFolder(context.WithoutCancel(ctx), aside, src.place)
		}
		return err
	}
	o, err := s.moveTo(ctx, src.file, aside)
	if err != nil {
		return err
	}
	if _, err = s.moveTo(ctx, o, to); err != nil {
		_, _ = s.moveTo(context.WithoutCancel(ctx), o, src.place)
	}
	return err
}

// moveTo moves a file. If no answer came it looks whether it is there.
func (s *store) moveTo(ctx context.Context, o fs.Object, to place) (fs.Object, error) {
	since := time.Now()
	now, err := work(ctx, s, "MOVE", grace(o.Size()), func(ctx context.Context, c *conn) (fs.Object, error) {
		to, err := s.here(c, to)
		if err != nil {
			return nil, err
		}
		move := to.fs.Features().Move
		if move == nil {
			return nil, fs.ErrorCantMove
		}
		o, err := s.object(ctx, c, o, placeOf(o))
		if err != nil {
			return nil, err
		}
		return move(ctx, o, to.path)
	})
	if err == nil || !errors.Is(err, backends.ErrOffline) && !errors.Is(err, iofs.ErrNotExist) {
		return now, err
	}
	there, lerr := patiently(ctx, s, since, func() (fs.Object, error) { return s.lookAt(ctx, o, to) })
	if lerr == nil && there.Size() == o.Size() && there.ModTime(ctx).Equal(o.ModTime(ctx)) {
		if _, gone := s.lookAt(ctx, o, placeOf(o)); errors.Is(gone, iofs.ErrNotExist) {
			return there, nil
		}
	}
	return nil, err
}

// lookAt finds the file o at a place.
func (s *store) lookAt(ctx context.Context, o fs.Object, at place) (fs.Object, error) {
	return meta(ctx, s, "STAT", func(ctx context.Context, c *conn) (fs.Object, error) {
		at, err := s.here(c, at)
		if err != nil {
			return nil, err
		}
		now, err := at.fs.NewObject(ctx, at.path)
		if err == nil && idOf(now) != idOf(o) {
			err = fs.ErrorObjectNotFound
		}
		return now, err
	})
}
