package fs

import (
	"context"
	"math"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
	"sd/cache"
	"sd/sdpath"
)

// Modes of what tells none of its own, less the umask of the mount.
const (
	fileMode = 0o666
	dirMode  = 0o777
	linkMode = 0o777
)

// fillAttr describes n.
func (n *objectNode) fillAttr(a *fuse.Attr) {
	if n.obj != nil {
		n.obj.fillAttr(a)
		return
	}
	n.fillDirAttr(a, n.dirMeta())
}

// dirMeta is what is remembered of folder n, or nil.
func (n *objectNode) dirMeta() *backends.Meta {
	name, ok := n.name()
	if !ok || name == "" {
		return nil
	}
	dir, seg := splitName(name)
	if f, ok := n.store.factOf(context.Background(), dir, seg, ""); ok {
		return &f.Meta
	}
	return nil
}

// fillDirAttr describes a folder. Its mtime is when its listing was fetched, and now
// once that is too old: the kernel keeps a listing for as long as the mtime stays. An
// mtime that somebody has set is shown to the second, and the rest tells the listing.
func (n *objectNode) fillDirAttr(a *fuse.Attr, m *backends.Meta) {
	t := n.store.tree
	at := t.started
	if listed := n.listed.Load(); listed != 0 {
		at = time.Unix(0, listed)
		if now := time.Now(); now.Sub(at) > t.namesTTL() {
			at = now
		}
	}
	if m != nil && !m.ModTime.IsZero() {
		at = time.Unix(m.ModTime.Unix(), int64(at.Nanosecond()))
	}
	t.dirAttr(a, dirMode, at)
	t.ownAttr(a, m)
	// A ctime that moves is what tar(1) takes for a change in the midst of its reading.
	a.Ctime, a.Ctimensec = uint64(t.started.Unix()), uint32(t.started.Nanosecond())
}

// fillAttr describes an object.
func (o *object) fillAttr(a *fuse.Attr) {
	o.mu.Lock()
	e, m := *o.present(), o.meta()
	if o.staged != nil {
		e.Size, e.ModTime = o.staged.Size(), o.staged.ModTime()
	}
	gone := o.gone
	o.mu.Unlock()
	if m != nil && !m.ModTime.IsZero() {
		e.ModTime = m.ModTime
	}
	t := o.store.tree
	a.Mode = syscall.S_IFREG | fileMode&^t.owner.umask
	if e.Kind == backends.Symlink {
		a.Mode = syscall.S_IFLNK | linkMode
		if m != nil && m.LinkTarget != "" {
			e.Size = int64(len(m.LinkTarget))
		}
	}
	a.Nlink = 1
	if gone {
		a.Nlink = 0
	}
	a.Size = uint64(e.Size)
	t.common(a, e.ModTime)
	t.ownAttr(a, m)
}

// meta is what o carries, or nil. o.mu is held.
func (o *object) meta() *backends.Meta {
	if o.staged != nil {
		m := o.staged.Meta()
		return &m
	}
	return o.entry.Meta
}

// ownAttr puts a mode and an owner that somebody has set in place of the defaults.
func (t *tree) ownAttr(a *fuse.Attr, m *backends.Meta) {
	if m == nil {
		return
	}
	if m.Mode != 0 && a.Mode&syscall.S_IFMT != syscall.S_IFLNK {
		a.Mode = a.Mode&syscall.S_IFMT | m.Mode&0o7777
	}
	if m.UID != nil {
		a.Uid = *m.UID
	}
	if m.GID != nil {
		a.Gid = *m.GID
	}
}

// Setattr changes size, mode, owner and times.
func (n *objectNode) Setattr(ctx context.Context, f fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	ctx, cancel := patient(ctx)
	defer cancel()
	if n.store.tree.readOnly {
		return syscall.EROFS
	}
	var errno syscall.Errno
	if n.obj == nil {
		errno = n.setDirAttr(in)
	} else {
		errno = n.obj.setAttr(ctx, f != nil, in)
	}
	if errno != 0 {
		return errno
	}
	return n.Getattr(ctx, f, out)
}

// setDirAttr remembers the attributes of a folder: the service has no place for them.
func (n *objectNode) setDirAttr(in *fuse.SetAttrIn) syscall.Errno {
	name, ok := n.name()
	if !ok {
		return syscall.ESTALE
	}
	var m backends.Meta
	if known := n.dirMeta(); known != nil {
		m = *known
	}
	if !changeMeta(&m, in) || name == "" {
		return 0
	}
	n.store.setFolderMeta(name, m)
	if err := n.store.tree.facts.FlushFacts(context.Background()); err != nil {
		return n.store.fail("remember", name, err)
	}
	return 0
}

// setFolderMeta notes the attributes of a folder.
func (s *store) setFolderMeta(name string, m backends.Meta) {
	dir, seg := splitName(name)
	s.remember(dir, seg, "", fact{Meta: m})
	e := backends.Entry{Name: seg, Kind: backends.Dir, Meta: &m}
	if shown := sdpath.Escape(seg); shown != seg {
		e.Shown = shown
	}
	s.tree.names.Put(s.dirKey(dir), e)
}

// touch notes that the entries of a folder have changed: a time that somebody had set moves on
// to now, by whole seconds, which is what is shown of it.
func (s *store) touch(name string) {
	if name == "" {
		return
	}
	dir, seg := splitName(name)
	e, state := s.tree.names.Lookup(s.dirKey(dir), sdpath.Escape(seg))
	if state == cache.Present && (e.Meta == nil || e.Meta.ModTime.IsZero()) {
		return
	}
	now := time.Now()
	if f, ok := s.factOf(context.Background(), dir, seg, ""); ok && !f.Meta.ModTime.IsZero() && f.Meta.ModTime.Unix() != now.Unix() {
		f.Meta.ModTime = now
		s.setFolderMeta(name, f.Meta)
	}
}

// setAttr changes an object. By a handle, a change of size waits for close(2) with
// what is written; else the provider has it when the call returns.
func (o *object) setAttr(ctx context.Context, byHandle bool, in *fuse.SetAttrIn) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if size > math.MaxInt64 {
			return syscall.EFBIG
		}
		if errno := o.truncate(ctx, int64(size), !byHandle); errno != 0 {
			return errno
		}
	}
	var probe backends.Meta
	if !changeMeta(&probe, in) {
		return 0
	}
	return o.change(ctx, func(m *backends.Meta) { changeMeta(m, in) })
}

// change changes what an object carries. Where something of it is staged the next
// commit takes it along; else it is remembered at once and the provider told soon.
func (o *object) change(ctx context.Context, do func(*backends.Meta)) syscall.Errno {
	name := o.name()
	if errno := o.store.moving.enter(ctx, name); errno != 0 {
		return errno
	}
	defer o.store.moving.leave(name)
	if !o.take(ctx) {
		return syscall.EINTR
	}
	defer o.done()
	o.pin()
	defer o.unpin()
	o.mu.Lock()
	staged, gone, alone := o.staged, o.gone, o.writers == 0
	o.mu.Unlock()
	if staged != nil {
		staged.SetMeta(do)
		if alone && !gone { // it waits for its upload; nobody will close it again
			staged.Keep(nil)
		}
		return 0
	}
	if gone {
		return syscall.ESTALE
	}
	if o.document() {
		return syscall.EACCES
	}
	m, errno := o.wholeMeta(ctx)
	if errno != 0 {
		return errno
	}
	do(&m)
	o.mu.Lock()
	o.entry.Meta, o.toldMeta = &m, &m
	dir, seg, version := o.dir, o.seg, o.entry.Version
	o.mu.Unlock()
	s := o.store
	s.tree.names.Put(s.dirKey(dir), o.shown())
	s.remember(dir, seg, version, fact{Meta: m, Pending: true})
	s.tree.carrier.soon(s, dir, seg)
	if err := s.tree.facts.FlushFacts(ctx); err != nil {
		return s.fail("remember", join(dir, seg), err)
	}
	return 0
}

// wholeMeta is all that o carries: listings tell a part of it. The turn is held.
func (o *object) wholeMeta(ctx context.Context) (backends.Meta, syscall.Errno) {
	o.mu.Lock()
	dir, seg, e := o.dir, o.seg, o.entry
	o.mu.Unlock()
	if f, ok := o.store.factOf(ctx, dir, seg, e.Version); ok {
		return f.Meta, 0
	}
	if errno := o.verify(ctx, believed); errno != 0 {
		return backends.Meta{}, errno
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.entry.Meta == nil {
		return backends.Meta{}, 0
	}
	return *o.entry.Meta, 0
}

// changeMeta applies what a SETATTR asks for, and tells whether that is anything.
func changeMeta(m *backends.Meta, in *fuse.SetAttrIn) (changed bool) {
	if mode, ok := in.GetMode(); ok {
		m.Mode = m.Mode&syscall.S_IFMT | mode&0o7777
		if m.Mode&syscall.S_IFMT == 0 {
			m.Mode |= syscall.S_IFREG
		}
		changed = true
	}
	if uid, ok := in.GetUID(); ok {
		m.UID, changed = &uid, true
	}
	if gid, ok := in.GetGID(); ok {
		m.GID, changed = &gid, true
	}
	switch {
	case in.Valid&fuse.FATTR_MTIME == 0:
	case in.Valid&fuse.FATTR_MTIME_NOW != 0:
		m.ModTime, changed = time.Now(), true
	default:
		m.ModTime, changed = time.Unix(int64(in.Mtime), int64(in.Mtimensec)), true
	}
	return changed
}

// Access answers access(2) where the kernel does not check permissions by itself,
// which is where only root uses the mount.
func (n *objectNode) Access(ctx context.Context, mask uint32) syscall.Errno {
	if mask&accessWrite != 0 && n.store.tree.readOnly {
		return syscall.EROFS
	}
	if mask&accessExec != 0 && n.obj != nil {
		var a fuse.Attr
		n.fillAttr(&a)
		if a.Mode&0o111 == 0 {
			return syscall.EACCES
		}
	}
	return 0
}
