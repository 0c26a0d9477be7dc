package fs

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
	"sd/cache"
)

// objectFile is one open file of a store.
type objectFile struct {
	node   *objectNode
	obj    *object
	writes bool
	wrote  atomic.Bool
	disk   *os.File      // what the kernel reads by itself; nil if it does not
	reader *cache.Reader // of the version at open; nil where that was staged
	passed passing       // what of that version was read
}

// Open opens n. For reading it asks for the first bytes, unless the kernel may have
// them: so a file that is gone, changed or forbidden says so here, where the kernel
// can still look again, and the first read finds its bytes under way. For writing it
// makes sure that what is known of the file is not out of date.
func (n *objectNode) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	ctx, cancel := patient(ctx)
	defer cancel()
	o := n.obj
	writes := flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&syscall.O_TRUNC != 0
	if writes && !n.store.writable() {
		return nil, 0, syscall.EROFS
	}
	if writes && o.document() {
		return nil, 0, syscall.EACCES
	}
	o.mu.Lock()
	gone, staged, e, content := o.gone, o.staged != nil, o.entry, o.content
	o.handles++
	var reader *cache.Reader
	if !staged {
		reader = o.reader()
	}
	o.mu.Unlock()
	if gone && !staged {
		reader.Close()
		o.unpin()
		return nil, 0, syscall.ESTALE
	}
	f := &objectFile{node: n, obj: o, writes: flags&syscall.O_ACCMODE != syscall.O_RDONLY, reader: reader}
	f.passed.content = content
	n.openedInOrder(o, &e)
	handle, errno := f.handOver()
	if errno == 0 {
		errno = f.prepare(ctx, &e, writes, flags&syscall.O_TRUNC != 0)
	}
	if errno != 0 {
		f.leave()
		if f.reader != nil {
			f.reader.Close()
		}
		o.unpin()
		return nil, 0, errno
	}
	if f.writes {
		o.mu.Lock()
		o.writers++
		o.mu.Unlock()
	}
	o.opened.Store(true)
	how := uint32(fuse.FOPEN_KEEP_CACHE)
	if !f.writes && !o.hasRecordLocks() {
		how |= fuse.FOPEN_NOFLUSH
	}
	return handle, how, 0
}

// prepare looks whether f can be used as it was opened.
func (f *objectFile) prepare(ctx context.Context, e *backends.Entry, writes, truncate bool) syscall.Errno {
	o := f.obj
	switch {
	case truncate:
		return o.truncate(ctx, 0, false)
	case writes:
		if !o.take(ctx) {
			return syscall.EINTR
		}
		defer o.done()
		return o.verify(ctx, believed)
	case f.reader != nil && e.Size > 0 && !o.opened.Load():
		if f.warm(e) {
			return 0
		}
		first, errno := f.Read(ctx, make([]byte, 1), 0)
		if errno == 0 {
			first.Done()
		}
		return errno
	}
	return 0
}

// Read gives bytes of the version that was opened, or what was written since, or
// ESTALE.
func (f *objectFile) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	ctx, cancel := patient(ctx)
	defer cancel()
	if staged := f.obj.stagedFile(); staged != nil {
		n, err := staged.ReadAt(ctx, dest, off)
		if outdated(err) {
			return nil, f.obj.changed()
		}
		if err != nil {
			return nil, f.node.store.fail("read", f.obj.name(), err)
		}
		return fuse.ReadResultData(dest[:n]), 0
	}
	if f.reader == nil {
		return nil, syscall.ESTALE
	}
	data, err := f.reader.Borrow(ctx, off, dest)
	if outdated(err) {
		return nil, f.obj.changed()
	}
	if err != nil {
		return nil, f.node.store.fail("read", f.obj.name(), err)
	}
	f.pass(off, data.Bytes)
	return lent(data), 0
}

// Write writes into the staging file.
func (f *objectFile) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	ctx, cancel := patient(ctx)
	defer cancel()
	if off > math.MaxInt64-int64(len(data)) {
		return 0, syscall.EFBIG
	}
	staged, errno := f.obj.stage(ctx)
	if errno != 0 {
		return 0, errno
	}
	f.wrote.Store(true)
	n, err := staged.WriteAt(ctx, data, off)
	if err != nil && n == 0 {
		return 0, f.node.store.fail("write", f.obj.name(), err)
	}
	return uint32(n), 0
}

// Flush is close(2): what was written is at the provider when it returns 0, or with
// write-back safe on the local disk.
func (f *objectFile) Flush(ctx context.Context) syscall.Errno {
	f.obj.dropRecordLocks(lockOwnerOf(ctx))
	if !f.writes || f.emptyYet(ctx) {
		return 0
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	return f.obj.flush(ctx)
}

// emptyYet tells whether f was opened to be written from the start, nothing was
// written, and who closes it has it open still: it will be closed again.
func (f *objectFile) emptyYet(ctx context.Context) bool {
	f.obj.mu.Lock()
	staged, alone := f.obj.staged, f.obj.writers == 1
	f.obj.mu.Unlock()
	if staged == nil || !alone || f.wrote.Load() || staged.Size() != 0 {
		return false
	}
	return stillOpen(callerOf(ctx).Pid, filepath.Join(f.node.store.tree.mountpoint, f.node.Path(nil)))
}

// Fsync is fsync(2) of a file: what was written is at the provider when it returns 0.
// Changes of a folder are there already.
func (n *objectNode) Fsync(ctx context.Context, f fusefs.FileHandle, flags uint32) syscall.Errno {
	if n.obj == nil {
		return 0
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	return n.obj.sync(ctx)
}

// Release closes the file. What could not be sent by then is kept, and tried again.
func (f *objectFile) Release(ctx context.Context) syscall.Errno {
	f.unlock()
	f.leave()
	if f.reader != nil {
		f.reader.Close()
	}
	o := f.obj
	o.mu.Lock()
	if f.writes {
		o.writers--
	}
	o.mu.Unlock()
	// While a folder above is being renamed nothing of it is sent; and who renames the
	// file itself has it pinned.
	if name := o.name(); f.writes && o.store.moving.enter(context.Background(), name) == 0 {
		defer o.store.moving.leave(name)
	}
	o.unpin()
	return 0
}

// truncate changes the size of o; where durable is asked for, at the provider too.
func (o *object) truncate(ctx context.Context, size int64, durable bool) syscall.Errno {
	if !o.store.writable() {
		return syscall.EROFS
	}
	if o.document() {
		return syscall.EACCES
	}
	o.pin()
	defer o.unpin()
	o.mu.Lock()
	passing := o.passing > 0
	o.mu.Unlock()
	if passing {
		return o.overtake()
	}
	if o.stagedFile() == nil {
		if !o.take(ctx) {
			return syscall.EINTR
		}
		errno := o.verify(ctx, believed)
		o.done()
		if errno != 0 {
			return errno
		}
	}
	staged, errno := o.stage(ctx)
	if errno != 0 {
		return errno
	}
	if err := staged.Truncate(ctx, size); err != nil {
		return o.store.fail("truncate", o.name(), err)
	}
	if !durable {
		return 0
	}
	return o.flush(ctx)
}

// Modes of fallocate(2).
const (
	fallocKeepSize  = 1
	fallocPunchHole = 2
	fallocZeroRange = 16
)

// Allocate makes room, which costs nothing here, or a hole.
func (f *objectFile) Allocate(ctx context.Context, off, n uint64, mode uint32) syscall.Errno {
	ctx, cancel := patient(ctx)
	defer cancel()
	if off > math.MaxInt64 || n > math.MaxInt64-off {
		return syscall.EFBIG
	}
	staged, errno := f.obj.stage(ctx)
	if errno != 0 {
		return errno
	}
	var err error
	switch mode {
	case 0:
		if end := int64(off + n); end > staged.Size() {
			err = staged.Truncate(ctx, end)
		}
	case fallocKeepSize:
	case fallocPunchHole | fallocKeepSize, fallocZeroRange | fallocKeepSize:
		err = staged.Zero(ctx, int64(off), int64(n), true)
	case fallocZeroRange:
		err = staged.Zero(ctx, int64(off), int64(n), false)
	default:
		return syscall.ENOTSUP
	}
	if err != nil {
		return f.node.store.fail("allocate", f.obj.name(), err)
	}
	return 0
}

// writable tells whether the files of the volume can be written.
func (s *store) writable() bool {
	_, ok := s.backend().(backends.Putter)
	return ok && !s.tree.readOnly && s.tree.staging != nil
}

var _ interface {
	fusefs.FileReader
	fusefs.FileWriter
	fusefs.FileFlusher
	fusefs.FileReleaser
	fusefs.FileAllocater
} = (*objectFile)(nil)
