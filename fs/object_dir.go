package fs

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
	"sd/cache"
)

// objectDirStream reads a listing of a folder, which may still be growing. Offsets
// count entries; "." and ".." are the first two, and those of the overlay come last.
// go-fuse serialises its calls.
type objectDirStream struct {
	node   *objectNode
	dir    string
	reader *cache.DirReader
	next   int // index of the next entry, less the first two
	last   backends.Entry
	entry  fuse.DirEntry
	litter []string // what the overlay has besides; read when the listing is over
}

// describedEntries of a folder come with their attributes, for whoever lists a folder
// mostly asks for them next. The further entries of a large one do so only once
// somebody has looked one up: the kernel and we keep each that is described.
const describedEntries = 16_384

const (
	dots       = 2
	litterBase = 1 << 40 // the index of the first entry of the overlay
)

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
		t.names.Invalidate(n.store.dirKey(dir))
		r = n.list(dir)
	}
	return r
}

func (n *objectNode) list(dir string) *cache.DirReader {
	s := n.store
	s.used()
	source := cache.Source{
		List: func(ctx context.Context, yield func([]backends.Entry) error) error {
			s.showUnsent(dir)
			err := s.backend().List(ctx, dir, func(page []backends.Entry) error {
				return yield(s.show(ctx, dir, page))
			})
			if missing(err) && len(s.objects.unsent(dir)) > 0 {
				err = nil // all that it holds is here
			}
			return err
		},
		Show: func(dir string, page []backends.Entry) []backends.Entry {
			s.showUnsent(dir)
			return s.show(context.Background(), dir, page)
		},
	}
	if w, ok := s.backend().(backends.Walker); ok && s.folding == nil {
		source.Walk = w.Walk
	}
	return s.tree.names.OpenFrom(s.dirKey(dir), source)
}

// showUnsent notes in a listing that has just begun what the provider cannot tell.
func (s *store) showUnsent(dir string) {
	for _, o := range s.objects.unsent(dir) {
		s.tree.names.Put(s.dirKey(dir), o.shown())
	}
}

// Readdirent gives the next entry, nil at the end. It is good until the next call.
func (s *objectDirStream) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	if s.next < 0 {
		s.entry = fuse.DirEntry{Name: "...."[:s.next+dots+1], Mode: syscall.S_IFDIR, Off: uint64(s.next + dots + 1)}
		s.next++
		return &s.entry, 0
	}
	if s.next >= litterBase {
		return s.nextLitter()
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	e, i, err := s.reader.At(ctx, s.next)
	if errors.Is(err, cache.ErrReadAgain) {
		if err = s.readAgain(ctx); err == nil {
			e, i, err = s.reader.At(ctx, s.next)
		}
	}
	if err == io.EOF {
		return s.nextLitter()
	}
	if err != nil {
		return nil, s.node.store.fail("list", s.dir, err)
	}
	s.last, s.next = e, i+1
	id := s.node.identity(s.dir, &e)
	s.entry = fuse.DirEntry{Name: e.Label(), Mode: id.Mode, Ino: id.Ino, Off: uint64(s.next + dots)}
	return &s.entry, 0
}

// identity numbers an entry of n as child would.
func (n *objectNode) identity(dir string, e *backends.Entry) fusefs.StableAttr {
	name := join(dir, e.Name)
	if e.Kind == backends.Dir {
		if known := n.childFolder(e.Label()); known != nil {
			return known.StableAttr()
		}
		return n.store.folders.identity(n.store.key, name)
	}
	if o := n.store.objects.find(name); o != nil {
		return o.identity()
	}
	mode := uint32(syscall.S_IFREG)
	if e.Kind == backends.Symlink {
		mode = syscall.S_IFLNK
	}
	return fusefs.StableAttr{Mode: mode, Ino: cloudIno(n.store.key, n.store.folding.of(name))}
}

// readAgain replaces a listing of which the cache has let go, and finds the place
// after the entry that was given last; by its index if that entry is no more.
func (s *objectDirStream) readAgain(ctx context.Context) error {
	s.reader.Close()
	s.reader = s.node.open(s.dir)
	if s.last.Name == "" {
		return nil
	}
	for i := 0; ; i++ {
		e, at, err := s.reader.At(ctx, i)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case e.Label() == s.last.Label():
			s.next = at + 1
			return nil
		}
		i = at
	}
}

// nextLitter gives what is in the overlay alone, after the end of the listing.
func (s *objectDirStream) nextLitter() (*fuse.DirEntry, syscall.Errno) {
	if s.litter == nil {
		s.litter = s.node.litterNames(s.dir, func(name string) bool {
			_, err := s.node.known(s.dir, name)
			return err != nil
		})
	}
	s.next = max(s.next, litterBase)
	i := s.next - litterBase
	if i >= len(s.litter) {
		return nil, 0
	}
	s.next++
	s.last = backends.Entry{}
	s.entry = fuse.DirEntry{Name: s.litter[i], Mode: syscall.S_IFREG, Off: uint64(s.next + dots)}
	return &s.entry, 0
}

// Lookup describes the entry that Readdirent gave last, from the same page. The
// kernel may keep it for what is left of the listing's lifetime.
func (s *objectDirStream) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if s.next > describedEntries && !s.node.looked.Load() {
		return nil, syscall.EAGAIN // the name alone, then
	}
	if s.last.Label() != name || isLitter(name) {
		return s.node.Lookup(ctx, name, out)
	}
	if o := s.node.store.objects.find(join(s.dir, s.last.Name)); o != nil && o.unsent() {
		return s.node.Lookup(ctx, name, out)
	}
	if s.last.Unsized {
		return nil, syscall.EAGAIN // nobody has asked for its size yet, which may take long
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

func missing(err error) bool { return errors.Is(err, iofs.ErrNotExist) }
