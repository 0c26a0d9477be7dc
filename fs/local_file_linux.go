package fs

import (
	"context"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// fileState is what a regular file keeps while and after it is open. An inode is
// either passed through or cached by the kernel, never both at once (the kernel
// answers EIO), so the first of several handles decides. Guarded by localNode.mu.
type fileState struct {
	handles []*localFile
	passing bool
	locked  bool        // somebody has taken a record lock
	seen    fileVersion // when the kernel's pages were last known to be right
	locks   posixLocks
	written time.Time // when a handle for writing was last closed
}

// fileVersion tells whether a file is as it was.
type fileVersion struct {
	size         uint64
	mtime, ctime unix.StatxTimestamp
}

// localFile is one open file. The kernel closes it only after every call on it
// has come back, so its descriptor needs no lock.
type localFile struct {
	node     *localNode
	fd       int
	noFlush  bool   // close(2) sends nothing
	modified bool   // opened for writing
	uid      uint32 // who opened it
	flocked  atomic.Bool
}

// passFile is a localFile that the kernel reads and writes by itself.
type passFile struct{ *localFile }

// PassthroughFd gives the descriptor to register with the kernel.
func (f passFile) PassthroughFd() (int, bool) { return f.fd, true }

// fileOf gives the open file behind a handle, nil where there is none.
func fileOf(h fusefs.FileHandle) *localFile {
	switch f := h.(type) {
	case *localFile:
		return f
	case passFile:
		return f.localFile
	}
	return nil
}

// backingFlags are the open flags for our own descriptor. Appending is left to
// each write, for the kernel also writes back pages at their own places.
func backingFlags(flags uint32) int {
	return int(flags) & (unix.O_ACCMODE | unix.O_SYNC | unix.O_DSYNC)
}

// Open opens n, which is a regular file.
func (n *localNode) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	fd, errno := n.reopen(backingFlags(flags))
	if errno != 0 {
		return nil, 0, errno
	}
	var st unix.Statx_t
	if flags&unix.O_TRUNC != 0 {
		if errno := truncate(fd, true, 0); errno != 0 {
			unix.Close(fd)
			return nil, 0, errno
		}
		if callerOf(ctx).Uid != 0 {
			n.killPrivileges(fd)
		}
	}
	if errno := statxFd(fd, &st); errno != 0 {
		unix.Close(fd)
		return nil, 0, errno
	}
	h, fuseFlags := n.attach(ctx, fd, flags, &st)
	return h, fuseFlags, 0
}

// reopen gives a new open file description of n, which may have lost its name and be
// held still.
func (n *localNode) reopen(flags int) (int, syscall.Errno) {
	fd, errno := n.openByName(flags)
	if errno != syscall.ESTALE {
		return fd, errno
	}
	held, ok := n.heldFd()
	if !ok {
		return -1, syscall.ESTALE
	}
	defer unix.Close(held)
	fd, err := unix.Open(procPath(held), flags|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	return fd, toErrno(err)
}

// attach makes a handle of fd, which has n open, and says how the kernel is to
// treat it.
func (n *localNode) attach(ctx context.Context, fd int, flags uint32, st *unix.Statx_t) (fusefs.FileHandle, uint32) {
	f := &localFile{
		node:     n,
		fd:       fd,
		modified: flags&unix.O_ACCMODE != unix.O_RDONLY,
		uid:      callerOf(ctx).Uid,
	}
	// A write by another user takes set-id bits away. The kernel leaves that to us,
	// and with passthrough we would not hear of the write.
	mustSeeWrites := f.modified && n.setid.Load() && callerOf(ctx).Uid != 0
	pass := n.dev.passthrough(n.tree, fd)
	version := fileVersion{st.Size, st.Mtime, st.Ctime}

	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil {
		n.file = &fileState{}
	}
	s := n.file
	if len(s.handles) == 0 {
		s.passing = pass && !mustSeeWrites
	} else if s.passing && mustSeeWrites {
		n.killPrivileges(fd)
	}
	s.handles = append(s.handles, f)

	// FLUSH writes mapped pages back, reports what a network file system says only at
	// close, and drops record locks: without any of these it is not worth a request.
	var fuseFlags uint32
	if n.dev.trusted && (s.passing || !f.modified) && !s.locked {
		f.noFlush = true
		fuseFlags |= fuse.FOPEN_NOFLUSH
	}
	if s.passing {
		s.seen = fileVersion{}
		return passFile{f}, fuseFlags
	}
	if s.seen == version {
		fuseFlags |= fuse.FOPEN_KEEP_CACHE
	} else if s.seen = (fileVersion{}); settled(st) {
		s.seen = version
	}
	return f, fuseFlags
}

// settled tells whether a later change would show in the file's times: they tick
// every few milliseconds only.
func settled(st *unix.Statx_t) bool {
	last := max(st.Mtime.Sec, st.Ctime.Sec)
	return time.Now().Unix()-last >= 2
}

// beingWritten tells whether n is open for writing, or was until a moment ago.
func (n *localNode) beingWritten() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil {
		return false
	}
	for _, f := range n.file.handles {
		if f.modified {
			return true
		}
	}
	return time.Since(n.file.written) < echo
}

// writtenUnseen clears set-id bits that came after another user had opened n for writing
// with passthrough, where we hear of writes only afterwards.
func (n *localNode) writtenUnseen() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil || !n.file.passing {
		return
	}
	for _, f := range n.file.handles {
		if f.modified && f.uid != 0 {
			n.killPrivileges(f.fd)
			return
		}
	}
}

// killPrivileges clears set-user-ID, and set-group-ID where the group may execute.
func (n *localNode) killPrivileges(fd int) {
	var st unix.Statx_t
	if statxFd(fd, &st) != 0 {
		return
	}
	mode := uint32(st.Mode) & 0o7777
	kept := mode &^ unix.S_ISUID
	if mode&unix.S_IXGRP != 0 {
		kept &^= unix.S_ISGID
	}
	if kept != mode {
		unix.Chmod(procPath(fd), kept)
	}
	n.setid.Store(kept&(unix.S_ISUID|unix.S_ISGID) != 0)
}

// Read hands the bytes to the kernel without copying them here.
func (f *localFile) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultFd(uintptr(f.fd), off, len(dest)), 0
}

// Write writes data at off, or at the end where the file was opened to append.
func (f *localFile) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	flags := 0
	if writeFlagsOf(ctx)&fuse.WRITE_CACHE == 0 {
		if writeFlagsOf(ctx)&unix.O_APPEND != 0 {
			flags = unix.RWF_APPEND
		}
		if f.node.setid.Load() && callerOf(ctx).Uid != 0 {
			f.node.killPrivileges(f.fd)
		}
	}
	for {
		n, err := unix.Pwritev2(f.fd, [][]byte{data}, off, flags)
		if err == unix.EINTR {
			continue
		}
		return uint32(max(n, 0)), toErrno(err)
	}
}

func (f *localFile) sync(flags uint32) syscall.Errno {
	if flags&1 != 0 { // FUSE_FSYNC_FDATASYNC
		return toErrno(unix.Fdatasync(f.fd))
	}
	return toErrno(unix.Fsync(f.fd))
}

// Flush is close(2): POSIX drops the record locks of the process then, and the file
// system behind may have an error to tell.
func (f *localFile) Flush(ctx context.Context) syscall.Errno {
	f.node.dropLocks(lockOwnerOf(ctx))
	fd, errno := dupFd(f.fd)
	if errno != 0 {
		return errno
	}
	return toErrno(unix.Close(fd))
}

// Release is the last close. The locks taken through the handle go here at the latest:
// there may have been no FLUSH, or one that did not name their owner.
func (f *localFile) Release(ctx context.Context) syscall.Errno {
	n := f.node
	n.mu.Lock()
	s := n.file
	if i := slices.Index(s.handles, f); i >= 0 {
		s.handles = slices.Delete(s.handles, i, i+1)
	}
	if f.modified {
		s.written = time.Now()
	}
	n.mu.Unlock()
	n.dropLocksOf(f)
	if f.flocked.Load() {
		// With passthrough the kernel holds the open file description a little longer.
		unix.Flock(f.fd, unix.LOCK_UN)
	}
	unix.Close(f.fd)
	return 0
}

// Allocate reserves, punches or shifts space as fallocate(2).
func (f *localFile) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if f.node.setid.Load() && callerOf(ctx).Uid != 0 {
		f.node.killPrivileges(f.fd)
	}
	for {
		if err := unix.Fallocate(f.fd, mode, int64(off), int64(size)); err != unix.EINTR {
			return toErrno(err)
		}
	}
}

// Lseek finds data and holes.
func (f *localFile) Lseek(ctx context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	n, err := unix.Seek(f.fd, int64(off), int(whence))
	return uint64(n), toErrno(err)
}

// CopyFileRange lets the file system copy, by reflink where it can.
func (n *localNode) CopyFileRange(ctx context.Context, in fusefs.FileHandle, offIn uint64, out *fusefs.Inode,
	outFile fusefs.FileHandle, offOut, size, flags uint64) (uint32, syscall.Errno) {
	from, to := fileOf(in), fileOf(outFile)
	if from == nil || to == nil {
		return 0, syscall.EXDEV
	}
	if to.node.setid.Load() && callerOf(ctx).Uid != 0 {
		to.node.killPrivileges(to.fd)
	}
	ri, ro := int64(offIn), int64(offOut)
	k, err := unix.CopyFileRange(from.fd, &ri, to.fd, &ro, int(min(size, 1<<30)), int(flags))
	return uint32(max(k, 0)), toErrno(err)
}

var _ interface {
	fusefs.FileReader
	fusefs.FileWriter
	fusefs.FileFlusher
	fusefs.FileReleaser
	fusefs.FileAllocater
	fusefs.FileLseeker
	fusefs.FileGetlker
	fusefs.FileSetlker
	fusefs.FileSetlkwer
} = (*localFile)(nil)

var (
	_ fusefs.FilePassthroughFder = passFile{}
	_ fusefs.NodeOpener          = (*localNode)(nil)
	_ fusefs.NodeCopyFileRanger  = (*localNode)(nil)
)
