package fs

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"sync"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// localDirStream reads one directory. Offsets are the file system's own cookies,
// so a stream can go on where another stopped. Not safe for concurrent use:
// go-fuse serialises the calls of one handle.
type localDirStream struct {
	node   *localNode
	fd     int
	hides  bool // some entries are hidden mounts
	buf    *[]byte
	unread []byte
	entry  fuse.DirEntry
}

var direntBufs = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// OpendirHandle opens n for reading.
func (n *localNode) OpendirHandle(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	fd, errno := n.openDir()
	if errno != 0 {
		return nil, 0, errno
	}
	return &localDirStream{
		node:  n,
		fd:    fd,
		hides: n.tree.hidden.parent(n),
		buf:   direntBufs.Get().(*[]byte),
	}, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, 0
}

// openDir opens n so that it can be read and synced. The caller closes it.
func (n *localNode) openDir() (int, syscall.Errno) {
	fd, errno := n.acquire()
	if errno != 0 {
		return -1, errno
	}
	defer n.release()
	dir, errno := openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errno == syscall.EACCES { // readable, but not searchable
		var err error
		dir, err = unix.Open(procPath(fd), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		errno = toErrno(err)
	}
	return dir, errno
}

// Readdirent gives the next entry, nil at the end. It is good until the next call.
func (s *localDirStream) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	for {
		if len(s.unread) == 0 {
			k, err := unix.Getdents(s.fd, *s.buf)
			if err != nil {
				if err == unix.ENOENT { // removed meanwhile
					return nil, 0
				}
				return nil, toErrno(err)
			}
			if k == 0 {
				return nil, 0
			}
			s.unread = (*s.buf)[:k]
		}
		d := s.unread
		ino := binary.NativeEndian.Uint64(d)
		off := binary.NativeEndian.Uint64(d[8:])
		reclen := binary.NativeEndian.Uint16(d[16:])
		typ := d[18]
		name := d[19:reclen]
		name = name[:bytes.IndexByte(name, 0)]
		s.unread = d[reclen:]
		if s.hides && s.node.tree.hidden.entry(s.node, string(name)) {
			continue
		}
		s.entry = fuse.DirEntry{
			Name: string(name),
			Ino:  s.node.tree.inos.number(s.node.dev.slot, s.node.dev.id, ino),
			Mode: uint32(typ) << 12,
			Off:  off,
		}
		return &s.entry, 0
	}
}

// Lookup describes the entry that Readdirent gave last.
func (s *localDirStream) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	var st unix.Statx_t
	if errno := statxAt(s.fd, name, unix.AT_STATX_DONT_SYNC, &st); errno != 0 {
		return nil, errno
	}
	return s.node.child(ctx, s.fd, name, &st, out)
}

// Seekdir goes to a position that an entry gave.
func (s *localDirStream) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	s.unread = nil
	_, err := unix.Seek(s.fd, int64(off), io.SeekStart)
	return toErrno(err)
}

// Releasedir closes the stream.
func (s *localDirStream) Releasedir(ctx context.Context, flags uint32) {
	unix.Close(s.fd)
	s.unread = nil
	direntBufs.Put(s.buf)
	s.buf = nil
}

// Fsync makes the entries of a directory, or a file's data where the kernel gives
// no handle, durable.
func (n *localNode) Fsync(ctx context.Context, f fusefs.FileHandle, flags uint32) syscall.Errno {
	if lf := fileOf(f); lf != nil {
		return lf.sync(flags)
	}
	fd, errno := n.openDir()
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	return toErrno(unix.Fsync(fd))
}

var _ interface {
	fusefs.FileReaddirenter
	fusefs.FileLookuper
	fusefs.FileSeekdirer
	fusefs.FileReleasedirer
} = (*localDirStream)(nil)

var _ interface {
	fusefs.NodeOpendirHandler
	fusefs.NodeFsyncer
} = (*localNode)(nil)
