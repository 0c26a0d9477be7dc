package fs

import (
	"context"
	"io"
	"strings"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
	"sd/cache"
)

// objectDirStream reads a listing of a folder, which may still be growing. Offsets
// count entries; "." and ".." are the first two. go-fuse serialises its calls.
type objectDirStream struct {
	node   *objectNode
	dir    string
	reader *cache.DirReader
	next   int // index of the next entry, less the first two
	last   backends.Entry
	entry  fuse.DirEntry
}

const dots = 2

// OpendirHandle opens folder n for reading.
func (n *objectNode) OpendirHandle(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	dir, ok := n.name()
	if !ok {
		return nil, 0, syscall.ESTALE
	}
	r := n.open(dir)
	n.listed.Store(r.Begun().UnixNano())
	return &objectDirStream{node: n, dir: dir, reader: r, next: -dots}, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, 0
}

// open gives a listing of n, whose name is dir: a kept one or a new one.
func (n *objectNode) open(dir string) *cache.DirReader {
	r := n.list(dir)
	if t := n.store.tree; time.Since(r.Begun()) > t.namesTTL() {
		r.Close() // under way for too long: a slow reader holds it up
		t.names.Invalidate(n.dirKey(dir))
		r = n.list(dir)
	}
	return r
}

func (n *objectNode) list(dir string) *cache.DirReader {
	return n.store.tree.names.Open(n.dirKey(dir), func(ctx context.Context, yield func([]backends.Entry) error) error {
		return n.store.backend.List(ctx, dir, func(page []backends.Entry) error {
			shown := make([]backends.Entry, 0, len(page))
			for _, e := range page {
				if showable(e.Name) {
					shown = append(shown, e)
				}
			}
			return yield(shown)
		})
	})
}

// maxName is the length in bytes of the longest name that POSIX programs expect.
const maxName = 255

// showable tells whether POSIX can hold a name.
func showable(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName && !strings.ContainsAny(name, "/\x00")
}

// Readdirent gives the next entry, nil at the end. It is good until the next call.
func (s *objectDirStream) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	if s.next < 0 {
		s.entry = fuse.DirEntry{Name: "...."[:s.next+dots+1], Mode: syscall.S_IFDIR, Off: uint64(s.next + dots + 1)}
		s.next++
		return &s.entry, 0
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	e, i, err := s.reader.At(ctx, s.next)
	if err == io.EOF {
		return nil, 0
	}
	if err != nil {
		return nil, s.node.store.fail("list", s.dir, err)
	}
	s.last, s.next = e, i+1
	id := s.node.store.identity(join(s.dir, e.Name), &e)
	s.entry = fuse.DirEntry{Name: e.Name, Mode: id.Mode, Ino: id.Ino, Off: uint64(s.next + dots)}
	return &s.entry, 0
}

// Lookup describes the entry that Readdirent gave last, from the same page. The
// kernel may keep it for what is left of the listing's lifetime.
func (s *objectDirStream) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if s.last.Name != name {
		return s.node.Lookup(ctx, name, out)
	}
	t := s.node.store.tree
	left := t.ttl - time.Since(s.reader.Begun())
	return s.node.child(ctx, s.dir, &s.last, max(0, min(left, t.kernelTTL())), out), 0
}

// Seekdir goes to a position that an entry gave.
func (s *objectDirStream) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	s.next = int(off) - dots
	return 0
}

// Releasedir closes the stream.
func (s *objectDirStream) Releasedir(ctx context.Context, flags uint32) { s.reader.Close() }

var _ interface {
	fusefs.FileReaddirenter
	fusefs.FileLookuper
	fusefs.FileSeekdirer
	fusefs.FileReleasedirer
} = (*objectDirStream)(nil)
