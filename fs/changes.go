package fs

import (
	"context"
	"sync"
	"time"

	"sd/backends"
	"sd/identity"
)

// Changes is told of what was changed in volumes through the mount, once the provider has
// it, and of bytes that have passed. A volume is named by its fingerprint, and what lies in
// it by its whole name, as the store has it. Its methods are called from any goroutine, about
// one name in the order in which it changed, and often with locks held: they must return at
// once, and call nothing of this package. Changes below local/ are not told; a watcher sees
// them.
type Changes interface {
	// Put says that name has another version, or other metadata, or is new. It may be a Dir
	// or a Symlink. Where e.Meta has a BLAKE3 it is that of these very bytes.
	Put(volume, name string, e backends.Entry)
	// Removed says that nothing has that name any more. A folder was empty before.
	Removed(volume, name string)
	// Moved says that old is called new now, dir with all below it. What was called new is
	// no more. For a file Put follows, for its version may be another one.
	Moved(volume, old, new string, dir bool)
	// Wants tells whether Passed would be news: whether a version is indexed whose bytes
	// nobody knows. It is asked once for each open file, with no lock held, and may read the
	// index.
	Wants(volume, name, version string, size int64) bool
	// Passed says that all bytes of a version were read from start to end, which the kernel
	// or a program got as they came from the provider, and what their BLAKE3 is, as 64 hex
	// characters.
	Passed(volume, name, version string, size int64, sum string)
}

// stored tells that the provider has e under a name.
func (s *store) stored(name string, e backends.Entry) {
	e.Name, e.Shown = name, ""
	s.tree.changes.Put(s.key, name, e)
}

// look has it told what the provider has under a name that somebody else gave.
func (s *store) look(name string) {
	t := s.tree
	if t.changes == (unheard{}) {
		return
	}
	t.beside.run(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		e, err := s.backend().Stat(ctx, name)
		if err != nil {
			t.log.Info("what lies there now is indexed by the next scan", "path", s.uri+name, "err", err)
			return
		}
		s.stored(name, e)
	})
}

// passing watches whether all bytes of an object pass through a handle, in order. The zero
// passing has seen nothing.
type passing struct {
	begun   sync.Once
	told    sync.Once
	stream  *identity.Stream // nil: nobody wants to know
	content int              // of the object, when it was opened
}

// pass notes bytes of f at off, which were read from the provider or the cache.
func (f *objectFile) pass(off int64, p []byte) {
	o := f.obj
	t := o.store.tree
	f.passed.begun.Do(func() {
		if off >= passFrom || f.writes {
			return
		}
		o.mu.Lock()
		same, name, e := o.content == f.passed.content && !o.gone, join(o.dir, o.seg), o.entry
		o.mu.Unlock()
		known := e.Meta != nil && e.Meta.BLAKE3 != ""
		if same && !known && t.changes.Wants(o.store.key, name, e.Version, e.Size) {
			f.passed.stream = identity.NewStream(e.Size)
		}
	})
	if f.passed.stream == nil {
		return
	}
	f.passed.stream.Pass(off, p)
	sum, ok := f.passed.stream.Done()
	if !ok {
		return
	}
	f.passed.told.Do(func() {
		o.mu.Lock()
		same, name, e := o.content == f.passed.content && !o.gone, join(o.dir, o.seg), o.entry
		o.mu.Unlock()
		if same {
			t.changes.Passed(o.store.key, name, e.Version, e.Size, sum.String())
		}
	})
}

// passFrom is how far from the start the first read of a handle may be for it to be one that
// reads on from the start: the kernel asks for several pieces at once.
const passFrom = 1 << 20

// unheard is where nobody wants to know.
type unheard struct{}

func (unheard) Put(string, string, backends.Entry)           {}
func (unheard) Removed(string, string)                       {}
func (unheard) Moved(string, string, string, bool)           {}
func (unheard) Wants(string, string, string, int64) bool     { return false }
func (unheard) Passed(string, string, string, int64, string) {}

var _ Changes = unheard{}
