package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
	"sd/rename"
	"sd/sdpath"
	"sd/staging"
)

// renameNoReplace is RENAME_NOREPLACE of renameat2(2), the one flag that is heeded.
const renameNoReplace = 1

// Rename gives an entry of n another name, in another folder of the volume or in n.
func (n *objectNode) Rename(ctx context.Context, oldName string, newParent fusefs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	ctx, cancel := patient(ctx)
	defer cancel()
	p, ok := newParent.(*objectNode)
	switch {
	case !n.store.writable():
		return syscall.EROFS
	case !ok || p.store != n.store:
		return syscall.EXDEV
	case flags&^renameNoReplace != 0:
		return syscall.ENOTSUP
	case len(newName) > sdpath.MaxName:
		return syscall.ENAMETOOLONG
	}
	dir, ok := n.name()
	newDir, newOK := p.name()
	if !ok || !newOK {
		return syscall.ESTALE
	}
	noReplace := flags&renameNoReplace != 0
	if isLitter(oldName) || isLitter(newName) {
		if done, errno := n.renameLitter(dir, oldName, newDir, newName, noReplace); done {
			return errno
		}
	}
	newSeg, twin, err := sdpath.Unescape(newName)
	if err != nil || twin {
		return syscall.EINVAL
	}
	e, err := n.find(ctx, dir, oldName)
	if err == errAbsent {
		return syscall.ENOENT
	}
	if err != nil {
		return n.store.fail("rename", join(dir, oldName), err)
	}
	m := &move{
		from: n, dir: dir, seg: e.Name, shown: oldName,
		to: p, newDir: newDir, newSeg: newSeg, newShown: newName, noReplace: noReplace,
	}
	var errno syscall.Errno
	if e.Kind == backends.Dir {
		errno = m.folder(ctx)
	} else {
		errno = m.file(ctx, n.store.object(dir, e.Name, &e))
	}
	if errno != 0 {
		return errno
	}
	n.leftName(e.Label(), oldName)
	p.leftName(sdpath.Escape(m.newSeg), newName)
	if fold := n.store.folding; fold != nil {
		p.cases.note(fold(newName), newName)
	}
	n.store.keepFolder(ctx, dir)
	return 0
}

// move is one rename within a store.
type move struct {
	from, to        *objectNode // the folders
	dir, seg, shown string
	newDir, newSeg  string
	newShown        string
	noReplace       bool
}

func (m *move) oldKey() string { return join(m.dir, m.seg) }
func (m *move) newKey() string { return join(m.newDir, m.newSeg) }

// target describes what has the new name now; its Version is "" where the provider
// has nothing of that name.
func (m *move) target(ctx context.Context) (e backends.Entry, exists bool, errno syscall.Errno) {
	e, err := m.to.find(ctx, m.newDir, m.newShown)
	switch {
	case err == errAbsent || errors.Is(err, iofs.ErrNotExist):
		return backends.Entry{}, false, 0
	case err != nil:
		return e, false, m.to.store.fail("rename", m.newKey(), err)
	case m.noReplace:
		return e, true, syscall.EEXIST
	}
	return e, true, 0
}

// file renames an object.
func (m *move) file(ctx context.Context, o *object) syscall.Errno {
	s := m.from.store
	for _, key := range []string{m.oldKey(), m.newKey()} {
		if errno := s.moving.enter(ctx, key); errno != 0 {
			return errno
		}
		defer s.moving.leave(key)
	}
	if !o.take(ctx) {
		return syscall.EINTR
	}
	defer o.done()
	o.pin()
	defer o.unpin()
	// What is known of the new name may be out of date: the provider says so, and then
	// it is looked at again.
	for last, tried := "", false; ; tried = true {
		e, exists, errno := m.target(ctx)
		if errno != 0 {
			return errno
		}
		if tried && e.Version == last {
			return syscall.ESTALE // it says so without reason
		}
		last = e.Version
		if exists && e.Kind == backends.Dir {
			return syscall.EISDIR
		}
		var replaced *object
		if exists {
			if replaced = s.object(m.newDir, e.Name, &e); replaced == o {
				return 0
			}
		}
		errno, stale := m.replace(ctx, o, replaced, e.Version)
		if !stale {
			return errno
		}
		s.tree.names.Invalidate(s.dirKey(m.newDir))
		if replaced != nil && !replaced.unsent() {
			replaced.changed()
		}
	}
}

// replace puts o at the new name, over a version of another object or over nothing.
// stale says that there is something else than was thought.
func (m *move) replace(ctx context.Context, o, replaced *object, version string) (errno syscall.Errno, stale bool) {
	s := m.from.store
	if errno := o.part(ctx); errno != 0 {
		return errno, false
	}
	if replaced != nil {
		if !replaced.take(ctx) {
			return syscall.EINTR, false
		}
		defer replaced.done()
		replaced.pin()
		defer replaced.unpin()
		if errno := replaced.part(ctx); errno != 0 {
			return errno, false
		}
		if errno := replaced.detach(ctx); errno != 0 {
			return errno, false
		}
	}
	if replaced != nil {
		replaced.mu.Lock()
		version = replaced.present().Version
		replaced.mu.Unlock()
	}
	if f := o.stagedFile(); f != nil && f.Dirty() {
		done, errno := m.stagedFile(ctx, f, replaced, version)
		if done {
			m.settle(o, replaced)
		}
		if done || errno != 0 {
			return errno, false
		}
		if errno := o.commitNow(ctx); errno != 0 {
			return errno, false
		}
	}
	if replaced != nil && replaced.unsent() { // what is told to be safe is not dropped before it is replaced
		if errno := replaced.commitNow(ctx); errno != 0 {
			return errno, false
		}
	}
	if replaced != nil {
		replaced.mu.Lock()
		version = replaced.present().Version
		replaced.mu.Unlock()
	}
	o.mu.Lock()
	e := *o.present()
	whole := !o.checked.IsZero() // what it carries is known by itself, and not by a listing
	o.mu.Unlock()
	e.Name, e.Shown = m.oldKey(), ""
	opts := rename.Options{Cond: backends.Cond{Version: version, Absent: version == ""}}
	f, known := s.factOf(ctx, m.dir, m.seg, e.Version)
	if known && f.Pending {
		opts.Meta = &f.Meta
	}
	stored, err := s.tree.renames.File(ctx, s.key, s.backend(), e, m.newKey(), opts)
	switch {
	case err != nil && rename.Holds(err): // something is still under the old name
		s.tree.log.Warn("renamed, but not wholly", "path", s.uri+m.oldKey(), "err", err)
	case errors.Is(err, iofs.ErrExist) || errors.Is(err, backends.ErrChanged):
		if now, err := s.backend().Stat(ctx, m.oldKey()); outdated(err) || err == nil && now.Version != e.Version {
			return o.changed(), false // it is the source that has changed
		}
		if m.noReplace {
			s.tree.names.Invalidate(s.dirKey(m.newDir))
			return syscall.EEXIST, false
		}
		return syscall.ESTALE, true
	case errors.Is(err, iofs.ErrNotExist):
		return o.changed(), false
	case err != nil:
		return s.fail("rename", m.oldKey(), err), false
	}
	switch {
	case known && (f.Pending || !whole):
		stored.Meta = &f.Meta
	case e.Meta != nil && (whole || stored.Meta == nil):
		stored.Meta = e.Meta
	}
	m.newSeg = s.folding.asStored(m.newSeg, &stored)
	o.mu.Lock()
	if o.staged != nil {
		o.staged.Moved(stored)
	}
	o.sameAs(stored)
	o.mu.Unlock()
	m.settle(o, replaced)
	if worthKeeping(stored.Meta) {
		s.remember(m.newDir, m.newSeg, stored.Version, fact{Meta: *stored.Meta})
	}
	return 0, false
}

// stagedFile renames what the provider has nothing of. It tells whether that is done;
// else the provider has got it meanwhile.
func (m *move) stagedFile(ctx context.Context, f *staging.File, replaced *object, version string) (done bool, errno syscall.Errno) {
	var over *staging.File
	if replaced != nil {
		over = replaced.stagedFile()
	}
	cond := backends.Cond{Version: version, Absent: version == ""}
	done, err := f.Rename(ctx, m.newKey(), cond, over)
	if err != nil {
		return false, m.from.store.fail("rename", m.oldKey(), err)
	}
	return done, 0
}

// settle notes that o has the new name, and what had it has none any more.
func (m *move) settle(o, replaced *object) {
	s := m.from.store
	if replaced != nil {
		if f := replaced.stagedFile(); f != nil {
			f.Discard()
		}
		s.forget(replaced)
	}
	s.tree.carrier.drop(s, m.dir, m.seg)
	s.tree.facts.DropFact(s.key, m.dir, m.seg)
	s.objects.move(o, m.newDir, m.newSeg)
	s.tree.names.Remove(s.dirKey(m.dir), m.shown)
	s.tree.names.Put(s.dirKey(m.newDir), o.shown())
	o.mu.Lock()
	e := *o.present()
	o.mu.Unlock()
	if e.Version != "" { // else the provider has it under neither name
		s.tree.changes.Moved(s.key, m.oldKey(), m.newKey(), false)
		s.stored(m.newKey(), e)
	}
	s.touch(m.dir)
	s.touch(m.newDir)
}
