package fs

import (
	"context"
	"errors"
	"syscall"

	"sd/backends"
	"sd/rename"
)

// folder renames a folder with all below it.
func (m *move) folder(ctx context.Context) syscall.Errno {
	s, from, to := m.from.store, m.oldKey(), m.newKey()
	if s.folding.within(to, from) {
		return syscall.EINVAL
	}
	e, exists, errno := m.target(ctx)
	switch {
	case errno != 0:
		return errno
	case exists && e.Kind != backends.Dir:
		return syscall.ENOTDIR
	}
	if err := s.tree.carrier.drainBelow(ctx, s, from); err != nil {
		return s.fail("rename", from, err)
	}
	if errno := s.beginMove(ctx, from, to); errno != 0 {
		return errno
	}
	defer s.moving.end(from, to)
	if errno := s.emptyFolder(ctx, to); errno != 0 {
		return errno
	}
	if errno := s.sendBelow(ctx, from); errno != 0 {
		return errno
	}
	err := s.tree.renames.Dir(ctx, s.key, s.backend(), from, to, nil)
	s.tree.names.InvalidateTree(s.key, from)
	s.tree.names.InvalidateTree(s.key, to)
	switch {
	case err != nil && rename.Holds(err):
		s.tree.log.Warn("renamed, but not wholly", "path", s.uri+from, "err", err)
	case err != nil:
		return s.fail("rename", from, err)
	}
	s.moved(ctx, from, to)
	if c := m.from.childFolder(m.shown); c != nil && s.folding != nil {
		c.seg.Store(&m.newSeg)
	}
	s.tree.facts.MoveFact(s.key, m.dir, m.seg, m.newDir, m.newSeg)
	s.tree.names.Remove(s.dirKey(m.dir), m.shown)
	entry := backends.Entry{Name: m.newSeg, Kind: backends.Dir}
	if m.newShown != m.newSeg {
		entry.Shown = m.newShown
	}
	if f, ok := s.factOf(ctx, m.newDir, m.newSeg, ""); ok {
		entry.Meta = &f.Meta
	}
	s.tree.names.Put(s.dirKey(m.newDir), entry)
	s.tree.changes.Moved(s.key, from, to, true)
	s.touch(m.dir)
	s.touch(m.newDir)
	return 0
}

// emptyFolder makes sure that nothing lies below a name to which a folder is moved.
func (s *store) emptyFolder(ctx context.Context, name string) syscall.Errno {
	if len(s.objects.unsentBelow(name)) > 0 {
		return syscall.ENOTEMPTY
	}
	some := errors.New("not empty")
	err := s.backend().List(ctx, name, func([]backends.Entry) error { return some })
	switch {
	case err == some:
		s.tree.names.Invalidate(s.dirKey(name))
		return syscall.ENOTEMPTY
	case err != nil && !missing(err):
		return s.fail("list", name, err)
	}
	return 0
}

// sendBelow sends what is here alone of a folder that is about to be renamed, as it
// is now: so that the provider has all of it.
func (s *store) sendBelow(ctx context.Context, dir string) syscall.Errno {
	for _, o := range s.objects.unsentBelow(dir) {
		if errno := o.commitNow(ctx); errno != 0 {
			return errno
		}
	}
	return 0
}

// moved notes that a folder has another name, with all that is known below it.
func (s *store) moved(ctx context.Context, from, to string) {
	for _, o := range s.objects.below(from) {
		dir, seg, ok := o.place()
		if !ok {
			continue
		}
		newDir := to + below(dir, from)
		s.objects.move(o, newDir, seg)
		o.mu.Lock()
		staged, open := o.staged, o.handles > 0
		o.mu.Unlock()
		if !open && staged == nil {
			continue
		}
		name := join(newDir, seg) // whose copy may have another version
		e, err := s.backend().Stat(ctx, name)
		if err != nil {
			s.tree.log.Warn("cannot follow the renamed folder", "path", s.uri+name, "err", err)
			o.mu.Lock()
			e = *o.present() // a copy mostly has the version of its source
			o.mu.Unlock()
			e.Name = name
		}
		o.mu.Lock()
		if staged != nil {
			staged.Moved(e)
		}
		o.sameAs(e)
		o.mu.Unlock()
	}
	s.tree.facts.MoveFacts(s.key, from, to)
	s.moveLitter(from, to)
	s.folders.left(from)
	s.folders.unmark(from)
	s.folders.unmark(to)
}
