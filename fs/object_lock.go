package fs

import (
	"context"
	"sync"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// fileLocks are the flock(2) and fcntl(2) locks on an object. No service has any, so
// they hold among the users of this mount.
type fileLocks struct {
	mu     sync.Mutex
	held   map[*objectFile]uint32 // flock(2): F_RDLCK or F_WRLCK
	ranges map[uint64][]rangeLock // fcntl(2), by owner
	freed  chan struct{}          // closed and replaced when a lock goes
}

// rangeLock is a record lock of an owner, which is a process as the kernel sees it.
type rangeLock struct {
	fuse.FileLock
	via *objectFile
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
	l := f.obj.locksNow()
	l.mu.Lock()
	defer l.mu.Unlock()
	if flags&fuse.FUSE_LK_FLOCK != 0 {
		return l.flock(ctx, f, lk.Typ)
	}
	return l.lockRange(ctx, f, owner, *lk)
}

// locksNow gives the locks of o, made at first use.
func (o *object) locksNow() *fileLocks {
	l := o.locks.Load()
	if l == nil {
		o.locks.CompareAndSwap(nil, &fileLocks{
			held: map[*objectFile]uint32{}, ranges: map[uint64][]rangeLock{}, freed: make(chan struct{}),
		})
		l = o.locks.Load()
	}
	return l
}

// flock gives f a lock of the type. As everywhere, a lock that changes its type is
// dropped first. l.mu is held, but not while it waits.
func (l *fileLocks) flock(ctx context.Context, f *objectFile, typ uint32) syscall.Errno {
	if has, ok := l.held[f]; ok && has == typ {
		return 0
	}
	l.drop(f)
	if typ == syscall.F_UNLCK {
		return 0
	}
	for l.flockBlocks(typ) {
		if errno := l.wait(ctx); errno != 0 {
			return errno
		}
	}
	l.held[f] = typ
	return 0
}

func (l *fileLocks) flockBlocks(typ uint32) bool {
	for _, other := range l.held {
		if typ == syscall.F_WRLCK || other == syscall.F_WRLCK {
			return true
		}
	}
	return false
}

// lockRange takes, changes or drops a record lock. l.mu is held, but not while it waits.
func (l *fileLocks) lockRange(ctx context.Context, f *objectFile, owner uint64, lk fuse.FileLock) syscall.Errno {
	for lk.Typ != syscall.F_UNLCK && l.inTheWay(owner, &lk) != nil {
		if errno := l.wait(ctx); errno != 0 {
			return errno
		}
	}
	var kept []rangeLock
	for _, h := range l.ranges[owner] {
		if h.End < lk.Start || lk.End < h.Start {
			kept = append(kept, h)
			continue
		}
		if h.Start < lk.Start {
			left := h
			left.End = lk.Start - 1
			kept = append(kept, left)
		}
		if h.End > lk.End {
			right := h
			right.Start = lk.End + 1
			kept = append(kept, right)
		}
	}
	if lk.Typ != syscall.F_UNLCK {
		kept = append(kept, rangeLock{lk, f})
	}
	l.setRanges(owner, kept)
	return 0
}

// setRanges replaces the record locks of an owner and wakes who waits. l.mu is held.
func (l *fileLocks) setRanges(owner uint64, locks []rangeLock) {
	if len(locks) == 0 {
		delete(l.ranges, owner)
	} else {
		l.ranges[owner] = locks
	}
	l.wake()
}

// inTheWay gives a lock of somebody else that conflicts with lk. l.mu is held.
func (l *fileLocks) inTheWay(owner uint64, lk *fuse.FileLock) *rangeLock {
	for other, locks := range l.ranges {
		if other == owner {
			continue
		}
		for i := range locks {
			h := &locks[i]
			if h.Start <= lk.End && lk.Start <= h.End && (h.Typ == syscall.F_WRLCK || lk.Typ == syscall.F_WRLCK) {
				return h
			}
		}
	}
	return nil
}

// Getlk tells which record lock stands in the way of lk.
func (f *objectFile) Getlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32, out *fuse.FileLock) syscall.Errno {
	*out = fuse.FileLock{Typ: syscall.F_UNLCK}
	if l := f.obj.locks.Load(); l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if h := l.inTheWay(owner, lk); h != nil {
			*out = h.FileLock
		}
	}
	return 0
}

// wait waits until a lock goes. l.mu is held, but not meanwhile.
func (l *fileLocks) wait(ctx context.Context) syscall.Errno {
	freed := l.freed
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-freed:
		return 0
	case <-ctx.Done():
		return syscall.EINTR
	}
}

func (l *fileLocks) wake() {
	close(l.freed)
	l.freed = make(chan struct{})
}

// drop frees the flock(2) lock of f. l.mu is held.
func (l *fileLocks) drop(f *objectFile) {
	if _, ok := l.held[f]; ok {
		delete(l.held, f)
		l.wake()
	}
}

// unlock drops the locks of a handle that is closed.
func (f *objectFile) unlock() {
	l := f.obj.locks.Load()
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(f)
	for owner, locks := range l.ranges {
		var kept []rangeLock
		for _, h := range locks {
			if h.via != f {
				kept = append(kept, h)
			}
		}
		if len(kept) < len(locks) {
			l.setRanges(owner, kept)
		}
	}
}

// hasRecordLocks tells whether anybody has taken a record lock on o: handles opened
// from then on tell of their close(2), which drops them.
func (o *object) hasRecordLocks() bool {
	l := o.locks.Load()
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ranges) > 0
}

// dropRecordLocks drops the record locks of an owner who closes a handle of o.
func (o *object) dropRecordLocks(owner uint64) {
	l := o.locks.Load()
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ranges[owner]) > 0 {
		l.setRanges(owner, nil)
	}
}

var _ interface {
	fusefs.FileGetlker
	fusefs.FileSetlker
	fusefs.FileSetlkwer
} = (*objectFile)(nil)
