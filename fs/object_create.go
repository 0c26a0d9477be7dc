package fs

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
	"sd/sdpath"
)

// place finds where a new entry of n is to lie.
func (n *objectNode) place(ctx context.Context, shown string) (dir, seg string, errno syscall.Errno) {
	if !n.store.writable() {
		return "", "", syscall.EROFS
	}
	if len(shown) > sdpath.MaxName {
		return "", "", syscall.ENAMETOOLONG
	}
	dir, ok := n.name()
	if !ok {
		return "", "", syscall.ESTALE
	}
	seg, twin, err := sdpath.Unescape(shown)
	if err != nil || twin {
		return "", "", syscall.EINVAL // such a name is given by sd alone
	}
	return dir, seg, n.store.moving.enter(ctx, join(dir, seg))
}

// Create makes a file. The provider has it once it is closed.
func (n *objectNode) Create(ctx context.Context, name string, flags uint32, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	if isLitter(name) {
		return n.createLitter(ctx, name, flags, mode, out)
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	dir, seg, errno := n.place(ctx, name)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	defer n.store.moving.leave(join(dir, seg))
	// The kernel believes that there is nothing of that name; it may be out of date.
	switch e, err := n.findNew(ctx, dir, name); {
	case err == nil && flags&syscall.O_EXCL != 0:
		return nil, nil, 0, syscall.EEXIST
	case err == nil && e.Kind == backends.Dir:
		return nil, nil, 0, syscall.EISDIR
	case err == nil:
		return nil, nil, 0, syscall.ESTALE // look again, and open it
	case err != errAbsent && !errors.Is(err, iofs.ErrNotExist):
		return nil, nil, 0, n.store.fail("create", join(dir, seg), err)
	}
	o, errno := n.newFile(ctx, dir, seg, mode)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	o.mu.Lock()
	o.handles++
	o.writers++
	o.mu.Unlock()
	f := &objectFile{node: n, obj: o, writes: true}
	ch := n.objectChild(ctx, o, out)
	ttl := n.store.tree.kernelTTL()
	out.SetEntryTimeout(ttl)
	out.SetAttrTimeout(ttl)
	f.node = ch.Operations().(*objectNode)
	return ch, f, fuse.FOPEN_KEEP_CACHE, 0
}

// findNew is find for a name that is about to be made.
func (n *objectNode) findNew(ctx context.Context, dir, name string) (backends.Entry, error) {
	if n.missed.lately(n.store.folding.of(name)) {
		if _, ok := n.store.here(dir, name); !ok {
			return backends.Entry{}, errAbsent
		}
	}
	return n.find(ctx, dir, name)
}

// newFile makes an object that is here alone so far.
func (n *objectNode) newFile(ctx context.Context, dir, seg string, mode uint32) (*object, syscall.Errno) {
	s := n.store
	m := n.newMeta(ctx, mode)
	name := join(dir, seg)
	staged, err := s.tree.staging.Create(s.key, name, s.backend(), nil, m)
	if err != nil {
		return nil, s.fail("create", name, err)
	}
	o := s.objects.create(s, dir, seg, backends.Entry{ModTime: m.ModTime, Meta: &m})
	o.staged = staged
	o.opened.Store(true)
	s.objects.put(o)
	s.objects.hold(o)
	s.tree.names.Put(s.dirKey(dir), o.shown())
	s.touch(dir)
	return o, 0
}

// newMeta is what something made by the caller carries. Its owner is told only where
// that is not the one who owns everything here.
func (n *objectNode) newMeta(ctx context.Context, mode uint32) backends.Meta {
	asked, umask := splitMode(mode)
	m := backends.Meta{ModTime: time.Now(), Mode: asked &^ umask}
	if m.Mode&syscall.S_IFMT == 0 {
		m.Mode |= syscall.S_IFREG
	}
	if c := callerOf(ctx); n.store.tree.allowOther {
		if c.Uid != n.store.tree.owner.uid {
			m.UID = &c.Uid
		}
		if c.Gid != n.store.tree.owner.gid {
			m.GID = &c.Gid
		}
	}
	return m
}

// Mknod makes an empty file. No service has pipes, sockets or devices.
func (n *objectNode) Mknod(ctx context.Context, name string, mode uint32, dev uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if typ := mode & syscall.S_IFMT; typ != 0 && typ != syscall.S_IFREG {
		return nil, syscall.ENOTSUP
	}
	ch, f, _, errno := n.Create(ctx, name, syscall.O_EXCL|syscall.O_WRONLY, mode, out)
	if errno != 0 {
		return nil, errno
	}
	file, ok := f.(*objectFile)
	if !ok {
		return ch, releaseLitter(ctx, f)
	}
	errno = file.obj.flush(ctx)
	file.Release(ctx)
	return ch, errno
}

// Mkdir makes a folder.
func (n *objectNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	ctx, cancel := patient(ctx)
	defer cancel()
	dir, seg, errno := n.place(ctx, name)
	if errno != 0 {
		return nil, errno
	}
	defer n.store.moving.leave(join(dir, seg))
	s := n.store
	maker, ok := s.backend().(backends.DirMaker)
	if !ok {
		return nil, syscall.ENOTSUP
	}
	if _, err := n.known(dir, name); err == nil {
		return nil, syscall.EEXIST
	}
	if err := maker.Mkdir(ctx, join(dir, seg)); err != nil {
		if errors.Is(err, iofs.ErrExist) {
			s.tree.names.Invalidate(s.dirKey(dir))
		}
		return nil, s.fail("mkdir", join(dir, seg), err)
	}
	s.folders.mark(join(dir, seg), true)
	e := backends.Entry{Name: seg, Kind: backends.Dir}
	if name != seg {
		e.Shown = name
	}
	m := n.newMeta(ctx, mode)
	m.ModTime = time.Time{}
	m.Mode = m.Mode&0o7777 | syscall.S_IFDIR
	if m.Mode&0o7777 != dirMode&^s.tree.owner.umask || m.UID != nil || m.GID != nil {
		e.Meta = &m
		s.remember(dir, seg, "", fact{Meta: m})
	}
	s.tree.names.Put(s.dirKey(dir), e)
	s.stored(join(dir, seg), e)
	s.tree.names.Begin(s.dirKey(join(dir, seg))).Done(true) // nothing is in it
	s.touch(dir)
	return n.child(ctx, dir, &e, s.tree.kernelTTL(), out), 0
}

// Symlink makes a symbolic link: an object whose bytes and metadata are the target,
// as s3fs has them.
func (n *objectNode) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	ctx, cancel := patient(ctx)
	defer cancel()
	dir, seg, errno := n.place(ctx, name)
	if errno != 0 {
		return nil, errno
	}
	defer n.store.moving.leave(join(dir, seg))
	s := n.store
	m := n.newMeta(ctx, linkMode)
	m.Mode, m.LinkTarget = syscall.S_IFLNK|linkMode, target
	e, err := s.backend().(backends.Putter).Put(ctx, join(dir, seg), strings.NewReader(target), int64(len(target)), m, backends.Cond{Absent: true})
	if err != nil {
		if errors.Is(err, iofs.ErrExist) {
			s.tree.names.Invalidate(s.dirKey(dir))
		}
		return nil, s.fail("symlink", join(dir, seg), err)
	}
	e.Name, e.Kind, e.Meta = seg, backends.Symlink, &m
	if name != seg {
		e.Shown = name
	}
	s.remember(dir, seg, e.Version, fact{Meta: m})
	s.tree.names.Put(s.dirKey(dir), e)
	s.stored(join(dir, seg), e)
	s.touch(dir)
	return n.child(ctx, dir, &e, s.tree.kernelTTL(), out), 0
}

// maxTarget is the length of the longest target that Linux takes.
const maxTarget = 4096

// Readlink gives a link's target, from what the object carries or its bytes.
func (n *objectNode) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	o := n.obj
	if o == nil {
		return nil, syscall.EINVAL
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	if !o.take(ctx) {
		return nil, syscall.EINTR
	}
	defer o.done()
	o.mu.Lock()
	e := o.entry
	o.mu.Unlock()
	if e.Meta == nil || e.Meta.LinkTarget == "" {
		m, errno := o.wholeMeta(ctx)
		if errno != 0 {
			return nil, errno
		}
		if m.LinkTarget == "" {
			target := make([]byte, min(e.Size, maxTarget))
			o.mu.Lock()
			r := o.reader()
			o.mu.Unlock()
			defer r.Close()
			if _, err := readFull(ctx, r, target, 0); err != nil {
				return nil, n.store.fail("readlink", o.name(), err)
			}
			m.LinkTarget = string(target)
		}
		o.mu.Lock()
		o.entry.Meta = &m
		o.mu.Unlock()
		return []byte(m.LinkTarget), 0
	}
	return []byte(e.Meta.LinkTarget), 0
}

// Link refuses: no service gives an object two names.
func (n *objectNode) Link(ctx context.Context, target fusefs.InodeEmbedder, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if t, ok := target.(*objectNode); !ok || t.store != n.store {
		return nil, syscall.EXDEV
	}
	return nil, syscall.ENOTSUP
}
