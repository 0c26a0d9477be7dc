package fs

import (
	"context"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// posixLocks are the record locks (fcntl(2)) of one file. Each owner, which is a
// process as the kernel sees it, has an open file description of its own behind
// the mount and holds open-file-description locks on it: those conflict with the
// other owners' and with locks taken on the file behind the mount, as they must.
// Guarded by localNode.mu.
type posixLocks map[uint64]*lockOwner

type lockOwner struct {
	fd     int
	writes bool // fd is open for writing
	pid    uint32
	via    *localFile // the handle that last locked
	held   []fuse.FileLock
}

const fuseFlock = 1 << 0 // FUSE_LK_FLOCK

// Setlk takes or drops a lock, without waiting.
func (f *localFile) Setlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	// A handle closed a moment ago may still hold its lock: its RELEASE runs beside
	// us. It was read from the kernel before this request, so it is done soon.
	for pause := 100 * time.Microsecond; ; pause *= 2 {
		errno := f.setlk(owner, lk, flags)
		if errno != syscall.EAGAIN || pause > 10*time.Millisecond || !f.node.lockedHere(f) {
			return errno
		}
		if !wait(ctx, pause) {
			return syscall.EINTR
		}
	}
}

// lockedHere tells whether another handle of n than f has taken locks.
func (n *localNode) lockedHere(f *localFile) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.file.handles {
		if h != f && (h.flocked.Load() || n.file.locked) {
			return true
		}
	}
	return false
}

// Setlkw takes a lock and waits for it as long as the caller does.
func (f *localFile) Setlkw(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	for pause := 500 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		if errno := f.setlk(owner, lk, flags); errno != syscall.EAGAIN {
			return errno
		}
		if !wait(ctx, pause) {
			return syscall.EINTR
		}
	}
}

// wait tells whether d has passed with nobody interrupting.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *localFile) setlk(owner uint64, lk *fuse.FileLock, flags uint32) syscall.Errno {
	if flags&fuseFlock != 0 {
		return f.flock(lk.Typ)
	}
	n := f.node
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.file
	s.locked = true
	o := s.locks[owner]
	if o == nil {
		if lk.Typ == unix.F_UNLCK {
			return 0
		}
		fd, writes, errno := f.lockFd()
		if errno != 0 {
			return errno
		}
		o = &lockOwner{fd: fd, writes: writes, pid: lk.Pid}
		if s.locks == nil {
			s.locks = make(posixLocks)
		}
		s.locks[owner] = o
	}
	o.via = f
	if lk.Typ == unix.F_WRLCK && !o.writes {
		if errno := o.upgrade(f); errno != 0 {
			return errno
		}
	}
	fl := flockT(lk)
	err := unix.FcntlFlock(uintptr(o.fd), unix.F_OFD_SETLK, &fl)
	if err != nil {
		if err == unix.EACCES {
			err = unix.EAGAIN
		}
		if err == unix.EAGAIN && s.locks.dropDead(owner) {
			err = unix.FcntlFlock(uintptr(o.fd), unix.F_OFD_SETLK, &fl)
		}
	}
	if err != nil {
		if len(o.held) == 0 {
			unix.Close(o.fd)
			delete(s.locks, owner)
		}
		return toErrno(err)
	}
	if o.note(*lk); len(o.held) == 0 {
		unix.Close(o.fd)
		delete(s.locks, owner)
	}
	return 0
}

// lockFd opens the file anew as f has it open, or for writing too if somebody writes
// anyway: a descriptor for writing keeps others from executing the file.
func (f *localFile) lockFd() (fd int, writes bool, errno syscall.Errno) {
	mode, err := unix.FcntlInt(uintptr(f.fd), unix.F_GETFL, 0)
	if err != nil {
		return -1, false, toErrno(err)
	}
	path := procPath(f.fd)
	if slices.ContainsFunc(f.node.file.handles, func(h *localFile) bool { return h.modified }) {
		if fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err == nil {
			return fd, true, 0
		}
	}
	mode &= unix.O_ACCMODE
	fd, err = unix.Open(path, mode|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err == unix.EACCES { // opened before its mode forbade it
		fd, errno = dupFd(f.fd)
		return fd, mode != unix.O_RDONLY, errno
	}
	return fd, mode != unix.O_RDONLY, toErrno(err)
}

// upgrade moves the locks of o to a descriptor that can hold write locks. They are
// free for a moment; what somebody else takes then is lost to o, and EAGAIN says so.
func (o *lockOwner) upgrade(f *localFile) syscall.Errno {
	fd, writes, errno := f.lockFd()
	if errno != 0 {
		return errno
	}
	unix.Close(o.fd)
	o.fd, o.writes = fd, writes
	held := o.held
	o.held = nil
	for i := range held {
		fl := flockT(&held[i])
		if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &fl); err != nil {
			return toErrno(err)
		}
		o.held = append(o.held, held[i])
	}
	return 0
}

func (f *localFile) flock(typ uint32) syscall.Errno {
	how := unix.LOCK_UN
	switch typ {
	case unix.F_RDLCK:
		how = unix.LOCK_SH
	case unix.F_WRLCK:
		how = unix.LOCK_EX
	}
	f.flocked.Store(true)
	for {
		if err := unix.Flock(f.fd, how|unix.LOCK_NB); err != unix.EINTR {
			return toErrno(err)
		}
	}
}

// Getlk tells which lock stands in the way of lk.
func (f *localFile) Getlk(ctx context.Context, owner uint64, lk *fuse.FileLock, flags uint32, out *fuse.FileLock) syscall.Errno {
	n := f.node
	n.mu.Lock()
	defer n.mu.Unlock()
	fd := f.fd
	if o := n.file.locks[owner]; o != nil {
		fd = o.fd
	}
	fl := flockT(lk)
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &fl); err != nil {
		return toErrno(err)
	}
	*out = fuse.FileLock{Typ: uint32(fl.Type)}
	if fl.Type == unix.F_UNLCK {
		return 0
	}
	out.Start, out.End = uint64(fl.Start), uint64(1<<63-1)
	if fl.Len > 0 {
		out.End = uint64(fl.Start + fl.Len - 1)
	}
	if fl.Pid > 0 {
		out.Pid = uint32(fl.Pid)
		return 0
	}
	for id, o := range n.file.locks { // one of ours: the kernel does not know whose
		for _, h := range o.held {
			if id != owner && h.Start <= out.End && out.Start <= h.End {
				out.Pid = o.pid
				return 0
			}
		}
	}
	return 0
}

// note keeps o.held in step with a lock that was granted.
func (o *lockOwner) note(lk fuse.FileLock) {
	var held []fuse.FileLock
	for _, h := range o.held {
		if h.End < lk.Start || lk.End < h.Start {
			held = append(held, h)
			continue
		}
		if h.Start < lk.Start {
			held = append(held, fuse.FileLock{Start: h.Start, End: lk.Start - 1, Typ: h.Typ})
		}
		if h.End > lk.End {
			held = append(held, fuse.FileLock{Start: lk.End + 1, End: h.End, Typ: h.Typ})
		}
	}
	if lk.Typ != unix.F_UNLCK {
		held = append(held, lk)
	}
	o.held = held
}

// dropLocks drops all record locks of an owner.
func (n *localNode) dropLocks(owner uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil {
		return
	}
	if o := n.file.locks[owner]; o != nil {
		unix.Close(o.fd)
		delete(n.file.locks, owner)
	}
}

// dropDead drops the locks of processes that have ended without a FLUSH, their handle
// living on in a child. It tells whether there were any.
func (l posixLocks) dropDead(except uint64) (dropped bool) {
	for id, o := range l {
		if id != except && o.via.noFlush && o.pid != 0 && unix.Kill(int(o.pid), 0) == unix.ESRCH {
			unix.Close(o.fd)
			delete(l, id)
			dropped = true
		}
	}
	return dropped
}

// dropLocksOf drops the record locks of the owners that last locked through f.
func (n *localNode) dropLocksOf(f *localFile) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, o := range n.file.locks {
		if o.via == f {
			unix.Close(o.fd)
			delete(n.file.locks, id)
		}
	}
}

func flockT(lk *fuse.FileLock) unix.Flock_t {
	fl := unix.Flock_t{Type: int16(lk.Typ), Whence: unix.SEEK_SET, Start: int64(lk.Start)}
	if lk.End < 1<<63-1 { // OFFSET_MAX stands for "to the end", Len 0
		fl.Len = int64(lk.End - lk.Start + 1)
	}
	return fl
}
