package fs

import (
	"context"
	"sync"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// fileLocks are the flock(2) locks on one version of a file of a store. No service
// has any, so they hold among the users of this mount.
//
// Record locks (fcntl(2)) need no table: only a handle open for writing can take an
// exclusive one, and there is none, so that no two conflict.
type fileLocks struct {
	mu    sync.Mutex
	held  map[*objectFile]uint32 // F_RDLCK or F_WRLCK
	freed chan struct{}          // closed and replaced when a lock goes
}

// closing is how long a lock may outlive its handle: the kernel does not wait for
// the RELEASE of what a program closes.
const closing = 10 * time.Millisecond

// Setlk takes or drops a lock, without waiting for one that is meant to stay.
func (f *objectFile) Setlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	errno := f.Setlkw(ctx, owner, lk, flags)
	if errno == syscall.EINTR {
		return syscall.EAGAIN
	}
	return errno
}

// Setlkw takes or drops a lock and waits for it as long as the caller does.
func (f *objectFile) Setlkw(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	if flags&fuse.FUSE_LK_FLOCK == 0 {
		return 0
	}
	l := f.node.locks.Load()
	if l == nil {
		f.node.locks.CompareAndSwap(nil, &fileLocks{held: map[*objectFile]uint32{}, freed: make(chan struct{})})
		l = f.node.locks.Load()
	}
	return l.take(ctx, f, lk.Typ)
}

// Getlk says that nothing is in the way of a record lock.
func (f *objectFile) Getlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32, out *fuse.FileLock) syscall.Errno {
	*out = fuse.FileLock{Typ: syscall.F_UNLCK}
	return 0
}

// take gives f a lock of the type. As everywhere, a lock that changes its type is
// dropped first.
func (l *fileLocks) take(ctx context.Context, f *objectFile, typ uint32) syscall.Errno {
	l.mu.Lock()
	defer l.mu.Unlock()
	if has, ok := l.held[f]; ok && has == typ {
		return 0
	}
	l.drop(f)
	if typ == syscall.F_UNLCK {
		return 0
	}
	for l.blocks(typ) {
		freed := l.freed
		l.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		l.mu.Lock()
		if ctx.Err() != nil {
			return syscall.EINTR
		}
	}
	l.held[f] = typ
	return 0
}

// blocks tells whether a lock of the type has to wait.
func (l *fileLocks) blocks(typ uint32) bool {
	for _, other := range l.held {
		if typ == syscall.F_WRLCK || other == syscall.F_WRLCK {
			return true
		}
	}
	return false
}

// drop frees the lock of f. l.mu is held.
func (l *fileLocks) drop(f *objectFile) {
	if _, ok := l.held[f]; ok {
		delete(l.held, f)
		close(l.freed)
		l.freed = make(chan struct{})
	}
}

// unlock drops the lock of a handle that is closed.
func (f *objectFile) unlock() {
	if l := f.node.locks.Load(); l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drop(f)
	}
}

var _ interface {
	fusefs.FileGetlker
	fusefs.FileSetlker
	fusefs.FileSetlkwer
} = (*objectFile)(nil)
