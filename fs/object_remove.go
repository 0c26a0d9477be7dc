package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"syscall"

	"sd/backends"
	"sd/cache"
	"sd/sdpath"
	"sd/staging"
)

// maxAbsorb is the size of the largest object that is fetched so that who has it open
// can go on reading when it is removed. Readers of larger ones get ESTALE.
const maxAbsorb = 256 << 20

// Unlink removes a file.
func (n *objectNode) Unlink(ctx context.Context, name string) syscall.Errno {
	ctx, cancel := patient(ctx)
	defer cancel()
	if !n.store.writable() {
		return syscall.EROFS
	}
	dir, ok := n.name()
	if !ok {
		return syscall.ESTALE
	}
	if isLitter(name) && n.removeLitter(dir, name) {
		return 0
	}
	e, err := n.find(ctx, dir, name)
	switch {
	case err == errAbsent:
		return syscall.ENOENT
	case err != nil:
		return n.store.fail("unlink", join(dir, name), err)
	case e.Kind == backends.Dir:
		return syscall.EISDIR
	}
	key := join(dir, e.Name)
	if errno := n.store.moving.enter(ctx, key); errno != 0 {
		return errno
	}
	defer n.store.moving.leave(key)
	if errno := n.store.remove(ctx, n.store.object(dir, e.Name, &e)); errno != 0 {
		return errno
	}
	n.leftName(e.Label(), name)
	n.store.keepFolder(ctx, dir)
	return 0
}

// remove removes an object here and at the provider. Who has it open goes on.
func (s *store) remove(ctx context.Context, o *object) syscall.Errno {
	if !o.take(ctx) {
		return syscall.EINTR
	}
	defer o.done()
	dir, seg, ok := o.place()
	if !ok {
		return syscall.ESTALE
	}
	name := join(dir, seg)
	remover, ok := s.backend().(backends.Remover)
	if !ok {
		return syscall.ENOTSUP
	}
	o.pin()
	defer o.unpin()
	if errno := o.part(ctx); errno != 0 {
		return errno
	}
	if errno := o.detach(ctx); errno != 0 {
		return errno
	}
	if staged := o.stagedFile(); staged != nil {
		done, err := staged.Hold(ctx)
		if err != nil {
			return s.fail("unlink", name, err)
		}
		removed := false
		defer func() { done(removed) }()
		sent := !staged.Cond().Absent || tried(staged) // the provider may have something of that name
		if err := s.removeSent(ctx, remover, name, sent); err != nil {
			return s.fail("unlink", name, err)
		}
		removed = true
	} else if err := s.removeSent(ctx, remover, name, true); err != nil {
		return s.fail("unlink", name, err)
	}
	s.forget(o)
	s.tree.changes.Removed(s.key, name)
	return 0
}

// removeSent removes an object that the provider may have.
func (s *store) removeSent(ctx context.Context, remover backends.Remover, name string, sent bool) error {
	if !sent {
		return nil
	}
	err := remover.Remove(ctx, name, backends.Cond{})
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}

// tried tells whether something of a file that the provider is not known to have may
// have reached it all the same.
func tried(f *staging.File) bool {
	return f.Tried()
}

// forget notes that an object has lost its name.
func (s *store) forget(o *object) {
	dir, seg, ok := o.place()
	if !ok {
		return
	}
	s.tree.carrier.drop(s, dir, seg)
	s.tree.facts.DropFact(s.key, dir, seg)
	label := o.label()
	if e, state := s.tree.names.Lookup(s.dirKey(dir), label); state == cache.Present && e.Kind == backends.Dir {
		label = sdpath.EscapeTwin(seg) // the folder beside it has the name
	}
	s.objects.remove(o) // first: see settled
	s.tree.names.Remove(s.dirKey(dir), label)
	s.touch(dir)
}

// label is how o is shown in its folder, unless a folder has its name.
func (o *object) label() string {
	e := o.shown()
	return e.Label()
}

// detach makes an object that somebody has open independent of the provider, who is
// about to lose it. The turn is held, and o is pinned.
func (o *object) detach(ctx context.Context) syscall.Errno {
	o.mu.Lock()
	open, size := o.handles > 1, o.entry.Size
	o.mu.Unlock()
	if !open || size > maxAbsorb {
		return 0
	}
	f, errno := o.stageNow(ctx)
	if errno == syscall.ESTALE {
		return 0 // gone already
	}
	if errno != 0 {
		return errno
	}
	if err := f.Absorb(ctx); err != nil && !outdated(err) && !errors.Is(err, backends.ErrNoSpace) {
		return o.store.fail("unlink", o.name(), err)
	}
	return 0
}

// Rmdir removes an empty folder, and what the overlay has in it.
func (n *objectNode) Rmdir(ctx context.Context, name string) syscall.Errno {
	ctx, cancel := patient(ctx)
	defer cancel()
	if !n.store.writable() {
		return syscall.EROFS
	}
	dir, ok := n.name()
	if !ok {
		return syscall.ESTALE
	}
	seg, errno := n.segment(name)
	if errno != 0 {
		return errno
	}
	key := join(dir, seg)
	if errno := n.store.moving.enter(ctx, key); errno != 0 {
		return errno
	}
	defer n.store.moving.leave(key)
	s := n.store
	maker, ok := s.backend().(backends.DirMaker)
	if !ok {
		return syscall.ENOTSUP
	}
	if len(s.objects.unsentBelow(key)) > 0 {
		return syscall.ENOTEMPTY
	}
	if err := maker.Rmdir(ctx, key); err != nil {
		if errors.Is(err, backends.ErrNotEmpty) || errors.Is(err, iofs.ErrNotExist) {
			s.tree.names.Invalidate(s.dirKey(dir))
			s.tree.names.Invalidate(s.dirKey(key))
		}
		return s.fail("rmdir", key, err)
	}
	s.dropFolder(dir, seg, name)
	n.leftName(sdpath.Escape(seg), name)
	s.tree.changes.Removed(s.key, key)
	s.keepFolder(ctx, dir)
	return 0
}

// dropFolder forgets a folder that is no more.
func (s *store) dropFolder(dir, seg, shown string) {
	key := join(dir, seg)
	s.folders.mark(key, false)
	s.folders.left(key)
	s.tree.names.InvalidateTree(s.key, key)
	s.tree.names.Remove(s.dirKey(dir), shown)
	s.tree.facts.DropFact(s.key, dir, seg)
	s.tree.facts.DropFacts(s.key, key)
	s.dropLitter(key)
	s.touch(dir)
}

// segment gives the own segment of a folder that hangs below n.
func (n *objectNode) segment(shown string) (string, syscall.Errno) {
	seg, twin, err := sdpath.Unescape(shown)
	if (n.store.folding != nil || errors.Is(err, sdpath.ErrLong)) && !twin {
		if c := n.childFolder(shown); c != nil && c.seg.Load() != nil {
			return *c.seg.Load(), 0
		}
	}
	if err != nil || twin {
		return "", syscall.ENOTDIR
	}
	return seg, 0
}

// keepFolder makes a folder last that has just lost something: in many stores a
// folder ends with its last entry. What was asked for is done by then, so that it can
// only be logged if this fails.
func (s *store) keepFolder(ctx context.Context, dir string) {
	maker, ok := s.backend().(backends.DirMaker)
	if !ok || dir == "" || s.folders.marked(dir) || len(s.objects.unsentBelow(dir)) > 0 {
		return
	}
	switch s.tree.names.Occupied(s.dirKey(dir)) {
	case cache.Present:
		return
	case cache.Unknown:
		some := errors.New("not empty")
		err := s.backend().List(ctx, dir, func([]backends.Entry) error { return some })
		switch {
		case err == some:
			return
		case err == nil: // only its marker
			s.folders.mark(dir, true)
			return
		case !missing(err):
			s.tree.log.Warn("the folder may have ended with its last entry", "path", s.uri+dir, "err", err)
			return
		}
	}
	err := maker.Mkdir(ctx, dir)
	switch parent, _ := splitName(dir); {
	case err == nil:
		s.folders.mark(dir, true)
	case errors.Is(err, iofs.ErrExist): // a file of its name lies beside it, and has that to itself now
		s.tree.names.Invalidate(s.dirKey(parent))
	default:
		s.tree.names.Invalidate(s.dirKey(parent))
		s.tree.log.Warn("the folder has ended with its last entry", "path", s.uri+dir, "err", err)
	}
}
