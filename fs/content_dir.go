package fs

import (
	"context"
	"errors"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/library/catalog"
)

const (
	// contentPage is how many contents are read from the catalog at a time.
	contentPage = 4096
	// describedContents of a listing come with their attributes. These cost a look for copies
	// each, and the kernel and we keep each content that is described.
	describedContents = 1024
)

// contentDirStream lists content/ in the order of the catalog's keys, a page at a time. The
// offset of an entry is its key, after those of "." and "..": so a listing goes on where it
// stopped, whatever has been added or removed meanwhile, and shows nothing twice. go-fuse
// serialises its calls.
type contentDirStream struct {
	dir   *contentDir
	dots  int // of those, how many were given
	after catalog.Key
	page  []catalog.Content
	ended bool // page is the last one
	last  catalog.Content
	given int
	entry fuse.DirEntry
}

// OpendirHandle opens content/ for reading.
func (d *contentDir) OpendirHandle(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	return &contentDirStream{dir: d}, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, 0
}

// Readdirent gives the next entry, nil at the end. It is good until the next call.
func (s *contentDirStream) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	if s.dots < dots {
		s.dots++
		s.entry = fuse.DirEntry{Name: "..."[:s.dots], Mode: syscall.S_IFDIR, Off: uint64(s.dots)}
		return &s.entry, 0
	}
	if len(s.page) == 0 && !s.ended {
		if errno := s.turn(ctx); errno != 0 {
			return nil, errno
		}
	}
	if len(s.page) == 0 {
		return nil, 0
	}
	s.last, s.page = s.page[0], s.page[1:]
	s.after = s.last.Key
	s.given++
	id := s.last.ID()
	s.entry = fuse.DirEntry{
		Name: id.String(), Mode: syscall.S_IFREG, Ino: contentIdentity(id).Ino, Off: uint64(s.after) + dots,
	}
	return &s.entry, 0
}

// turn reads the next page.
func (s *contentDirStream) turn(ctx context.Context) syscall.Errno {
	ctx, cancel := patient(ctx)
	defer cancel()
	full := errors.New("the page is full")
	s.page = make([]catalog.Content, 0, contentPage)
	err := s.dir.tree.resolver.Catalog().EachContent(ctx, s.after, func(c catalog.Content) error {
		s.page = append(s.page, c)
		if len(s.page) == contentPage {
			return full
		}
		return nil
	})
	if err != nil && !errors.Is(err, full) {
		s.page = nil
		return s.dir.tree.fail("list", "content://", err)
	}
	s.ended = err == nil
	return 0
}

// Lookup describes the entry that Readdirent gave last, or lets it be given by name alone.
func (s *contentDirStream) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if s.given > describedContents {
		return nil, syscall.EAGAIN
	}
	if s.last.Key == 0 || s.last.ID().String() != name {
		return s.dir.Lookup(ctx, name, out)
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	return s.dir.child(ctx, s.last, out)
}

// Seekdir goes to a position that an entry gave.
func (s *contentDirStream) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	s.page, s.ended = nil, false
	s.dots, s.after = int(min(off, dots)), 0
	if off > dots {
		s.after = catalog.Key(off - dots)
	}
	return 0
}

// Releasedir has nothing to close.
func (s *contentDirStream) Releasedir(ctx context.Context, flags uint32) {}

var _ interface {
	fusefs.FileReaddirenter
	fusefs.FileLookuper
	fusefs.FileSeekdirer
	fusefs.FileReleasedirer
} = (*contentDirStream)(nil)
