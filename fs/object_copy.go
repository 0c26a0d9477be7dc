package fs

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"

	"sd/backends"
	"sd/staging"
)

// maxCopy is how many bytes one request may be about: the reply holds no more.
const maxCopy = math.MaxUint32 &^ 4095

// CopyFileRange makes the end of a file the bytes of another one of the volume at the same
// place, without a byte passing through here: the provider copies them when the file is
// committed, under the version that is open here. That is what cp(1) and file managers ask
// for. Where it cannot be, EXDEV has the kernel read and write.
func (n *objectNode) CopyFileRange(ctx context.Context, in fusefs.FileHandle, offIn uint64, _ *fusefs.Inode,
	outFile fusefs.FileHandle, offOut, size, flags uint64) (uint32, syscall.Errno) {
	from, to := objectFileOf(in), objectFileOf(outFile)
	if from == nil || to == nil || from.obj == to.obj || from.obj.store != to.obj.store || !to.writes ||
		flags != 0 || offIn != offOut || offIn > math.MaxInt64 || !to.obj.endsAt(int64(offOut)) {
		return 0, syscall.EXDEV
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	count, errno := to.obj.copyFrom(ctx, from, int64(offIn), int64(min(size, maxCopy)))
	if errno == 0 {
		to.wrote.Store(true)
	}
	return uint32(count), errno
}

// objectFileOf gives the open object behind a handle, nil where there is none.
func objectFileOf(h fusefs.FileHandle) *objectFile {
	if f, ok := h.(interface{ open() *objectFile }); ok {
		return f.open()
	}
	return nil
}

// open is f, also of a handle that the kernel reads by itself.
func (f *objectFile) open() *objectFile { return f }

// endsAt tells whether o is of that size now.
func (o *object) endsAt(size int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.staged != nil {
		return o.staged.Size() == size
	}
	return o.entry.Size == size
}

// copyFrom has o end with bytes of what is open as f, from off on, and tells how many.
func (o *object) copyFrom(ctx context.Context, f *objectFile, off, size int64) (int64, syscall.Errno) {
	src := f.obj
	name := src.name()
	if errno := src.store.moving.enter(ctx, name); errno != 0 {
		return 0, errno
	}
	defer src.store.moving.leave(name)
	staged, errno := o.stage(ctx)
	if errno != 0 {
		return 0, errno
	}
	// Nobody changes, moves or removes the source while its turn is held, and later only
	// when what is lent of it was copied.
	if !src.take(ctx) {
		return 0, syscall.EINTR
	}
	defer src.done()
	e, ok := src.lendable(ctx, f)
	if size = min(size, e.Size-off); !ok || size <= 0 {
		return 0, syscall.EXDEV
	}
	src.mu.Lock()
	reader := src.reader()
	src.mu.Unlock()
	base := staging.Base{Entry: e, Read: func(ctx context.Context, p []byte, off int64) (int, error) {
		return readFull(ctx, reader, p, off)
	}}
	src.lend(o)
	took := staged.Copy(base, off, size)
	unused := reader
	if took && off == 0 {
		o.mu.Lock()
		o.base, unused = reader, o.base
		o.mu.Unlock()
	}
	if unused != nil {
		unused.Close()
	}
	if !took {
		return 0, syscall.EXDEV
	}
	return size, 0
}

// lendable describes the version that is open as f, if that is what the provider has under
// the name of o. The turn is held.
func (o *object) lendable(ctx context.Context, f *objectFile) (backends.Entry, bool) {
	if o.verify(ctx, believed) != 0 {
		return backends.Entry{}, false
	}
	m, errno := o.wholeMeta(ctx)
	if errno != 0 {
		return backends.Entry{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.entry
	e.Name, e.Shown, e.Meta = join(o.dir, o.seg), "", &m
	return e, f.reader != nil && f.passed.content == o.content && !o.gone && o.staged == nil && e.Version != ""
}

// lend notes that d shows bytes of o, or is about to, until d lets go of what is staged.
func (o *object) lend(d *object) {
	d.mu.Lock()
	before := d.lender
	d.lender = o
	d.mu.Unlock()
	if before != nil && before != o {
		before.repaid(d)
	}
	t := &o.store.objects
	t.mu.Lock()
	defer t.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.lent, d) {
		o.lent = append(o.lent, d)
	}
	if t.lends == nil {
		t.lends = make(map[*object]struct{})
	}
	t.lends[o] = struct{}{}
}

// repaid notes that d shows no bytes of o any more.
func (o *object) repaid(d *object) {
	t := &o.store.objects
	t.mu.Lock()
	defer t.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lent = slices.DeleteFunc(o.lent, func(other *object) bool { return other == d }); len(o.lent) == 0 {
		delete(t.lends, o)
	}
}

// borrowers gives those that show bytes of o.
func (o *object) borrowers() []*object {
	o.mu.Lock()
	lent := slices.Clone(o.lent)
	o.mu.Unlock()
	return slices.DeleteFunc(lent, func(d *object) bool { return !d.borrows() })
}

// borrows tells whether o shows bytes of another object.
func (o *object) borrows() bool {
	f := o.stagedFile()
	return f != nil && f.Borrows()
}

// part makes those that show bytes of o independent of it, before its version is no more at
// its name.
func (o *object) part(ctx context.Context) syscall.Errno {
	for _, d := range o.borrowers() {
		if errno := d.ownCopy(ctx); errno != 0 {
			return errno
		}
	}
	return 0
}

// ownCopy has the provider copy what o shows of another object, or fetches it.
func (o *object) ownCopy(ctx context.Context) syscall.Errno {
	if !o.borrows() {
		return 0
	}
	name := o.name()
	if errno := o.store.moving.enter(ctx, name); errno != 0 {
		return errno
	}
	defer o.store.moving.leave(name)
	o.pin()
	defer o.unpin()
	f := o.stagedFile()
	if f == nil {
		return 0
	}
	err := f.Sync(ctx)
	if err == nil {
		o.settled()
		return 0
	}
	if outdated(err) || !f.Borrows() {
		return 0 // it is too late, which its close tells
	}
	if f.Size() <= maxAbsorb && ctx.Err() == nil {
		if absorbed := f.Absorb(ctx); absorbed == nil {
			return 0
		} else if !errors.Is(err, backends.ErrOffline) {
			err = errors.Join(err, absorbed)
		}
	}
	return o.store.fail("copy", o.name(), err)
}

// partBelow parts all that lies at and below a name.
func (s *store) partBelow(ctx context.Context, name string) syscall.Errno {
	for _, o := range s.objects.lenders(name) {
		if errno := o.part(ctx); errno != 0 {
			return errno
		}
	}
	return 0
}

// lenders gives the objects at a name and below it of which others show bytes.
func (t *objectTable) lenders(name string) []*object {
	t.mu.Lock()
	all := slices.Collect(maps.Keys(t.lends))
	t.mu.Unlock()
	return slices.DeleteFunc(all, func(o *object) bool { return !t.fold.within(o.name(), name) || len(o.borrowers()) == 0 })
}

// beginMove keeps changes out of two folders, at a moment when nothing shows bytes of what
// lies in the first.
func (s *store) beginMove(ctx context.Context, from, to string) syscall.Errno {
	for {
		if errno := s.partBelow(ctx, from); errno != 0 {
			return errno
		}
		if errno := s.moving.begin(ctx, from, to); errno != 0 {
			return errno
		}
		if len(s.objects.lenders(from)) == 0 {
			return 0
		}
		s.moving.end(from, to)
	}
}

var _ fusefs.NodeCopyFileRanger = (*objectNode)(nil)
