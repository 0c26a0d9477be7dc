package fs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/backends"
	"sd/identity"
	"sd/resolver"
)

// contentFile is one open content. It reads the best copy, and when that fails goes on with
// the next one at the same place. No byte is given out that was not read from the very
// version whose content was proven: a copy on this device is looked at after each read, and an
// object is asked for by its version. Contents that are small are read whole and
// compared with their id before any byte is given out; larger ones that are read from start
// to end are compared at their end.
type contentFile struct {
	node  *contentNode
	begun sync.Once
	whole *identity.Stream // of what is given out; nil before the first read
	spoil sync.Once        // it was found to be wrong

	now  atomic.Pointer[openCopy] // the copy in use; nil where there is none
	turn chan struct{}            // held while another copy is looked for

	// With the turn alone.
	waiting []resolver.Source       // not tried yet, the best first
	tried   map[triedCopy]time.Time // when it could not be reached; zero: never again
	opened  []*openCopy             // all that were; closed with the handle
	failed  error                   // why the last one could not be used

	mu   sync.Mutex
	used []resolver.Source // of which bytes were given out
}

// triedCopy is a version of a copy that has failed a handle.
type triedCopy struct {
	place, path, version string
	size, mtime          int64
}

// errNoCopy says that there is no copy that could be tried.
var errNoCopy = fmt.Errorf("no copy can be reached now: %w", backends.ErrOffline)

// exhaustedError says that no copy is left, and why the last one failed.
type exhaustedError struct{ last error }

func (e *exhaustedError) Error() string {
	return "no copy can be read; the last one: " + e.last.Error()
}
func (e *exhaustedError) Unwrap() error { return e.last }

// Open finds a copy that can be read.
func (n *contentNode) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY || flags&(syscall.O_TRUNC|syscall.O_APPEND) != 0 {
		return nil, 0, syscall.EROFS
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	f := &contentFile{node: n, turn: make(chan struct{}, 1), tried: make(map[triedCopy]time.Time)}
	if _, err := f.copy(ctx, nil); err != nil {
		f.close()
		var none *exhaustedError
		switch {
		case ctx.Err() != nil:
			return nil, 0, syscall.EINTR
		case errors.As(err, &none):
			n.tree.log.Debug("a content cannot be opened", "path", n.uri(), "err", err)
			return nil, 0, syscall.EHOSTUNREACH
		}
		return nil, 0, n.tree.fail("open", n.uri(), err)
	}
	// What the kernel has of a content stays right for ever.
	return f, fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH, 0
}

// Read gives bytes of the content, or fails.
func (f *contentFile) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	size := f.node.is.Size
	if off >= size {
		return fuse.ReadResultData(nil), 0
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	dest = dest[:min(int64(len(dest)), size-off)]
	var failed *openCopy
	for {
		c, err := f.copy(ctx, failed)
		if err != nil {
			return nil, f.fail(ctx, err)
		}
		r, err := f.readFrom(ctx, c, dest, off)
		if err == nil {
			return r, 0
		}
		if ctx.Err() != nil {
			return nil, syscall.EINTR
		}
		if errors.Is(err, errSpoiled) {
			return nil, syscall.EIO
		}
		c.failed(err)
		failed = c
	}
}

// fail is what a reader gets when no copy is left.
func (f *contentFile) fail(ctx context.Context, err error) syscall.Errno {
	var wrong *wrongBytes
	switch {
	case ctx.Err() != nil:
		return syscall.EINTR
	case errors.As(err, &wrong):
		return syscall.EIO
	case outdated(err):
		return syscall.ESTALE // what was opened is no more
	}
	return f.node.tree.fail("read", f.node.uri(), err)
}

// errSpoiled says that bytes were given out, or lie in the kernel's cache, that turned out not
// to be those of the content.
var errSpoiled = errors.New("spoiled")

// readFrom reads from a copy, and watches over what is read.
func (f *contentFile) readFrom(ctx context.Context, c *openCopy, dest []byte, off int64) (fuse.ReadResult, error) {
	n := f.node
	if n.is.Size <= c.verified() {
		all, err := n.tree.wholes.get(ctx, n, c)
		if err != nil {
			return nil, err
		}
		return fuse.ReadResultData(all[off : off+int64(len(dest))]), nil
	}
	l, err := c.read(ctx, dest, off)
	if err != nil {
		return nil, err
	}
	f.note(c)
	f.begun.Do(func() { f.whole = identity.NewStream(n.is.Size) })
	f.whole.Pass(off, l.Bytes)
	if sum, ok := f.whole.Done(); ok && sum != n.is.BLAKE3 {
		l.Return()
		f.spoil.Do(func() { f.spoiled(sum) })
		return nil, errSpoiled
	}
	return lent(l), nil
}

// note remembers that bytes of c are given out.
func (f *contentFile) note(c *openCopy) {
	if c.noted.Load() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.noted.CompareAndSwap(false, true) {
		f.used = append(f.used, c.source)
	}
}

// spoiled takes back what it can of wrong bytes: the copies they came from are copies no
// more, and the kernel forgets what it has. sum is that of what was given out.
func (f *contentFile) spoiled(sum identity.Sum) {
	n := f.node
	f.mu.Lock()
	used := f.used
	f.mu.Unlock()
	wrong := &wrongBytes{n.is.BLAKE3, sum}
	for _, s := range used {
		n.tree.log.Error("a copy has rotten", "path", n.uri(), "copy", s.Path, "err", wrong)
		if len(used) > 1 {
			n.tree.stale.add(s, nil) // nobody knows which it was
		} else {
			n.tree.stale.add(s, wrong)
		}
	}
	go n.NotifyContent(0, 0) // the kernel holds the pages of this read until it is answered
}

// copy gives the copy to read. failed is the one that the caller has tried, whose place the
// next one takes. The error is why the last one failed.
func (f *contentFile) copy(ctx context.Context, failed *openCopy) (*openCopy, error) {
	if c := f.now.Load(); c != nil && c != failed {
		return c, nil
	}
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-f.turn }()
	if c := f.now.Load(); c != nil && c != failed {
		return c, nil // somebody else has found it
	}
	f.now.Store(nil)
	if failed != nil {
		f.failed = failed.why()
		if errors.Is(f.failed, backends.ErrOffline) { // which may pass
			f.tried[triedAs(&failed.source)] = time.Now()
		}
	}
	for again := true; ; {
		for len(f.waiting) > 0 {
			s := f.waiting[0]
			f.waiting = f.waiting[1:]
			if c := f.try(ctx, s); c != nil {
				f.now.Store(c)
				return c, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		if !again {
			if f.failed == nil {
				f.failed = errNoCopy
			}
			return nil, &exhaustedError{f.failed}
		}
		again = false
		if err := f.look(ctx); err != nil {
			return nil, err
		}
	}
}

// retryAfter is how long a copy that could not be reached is left alone by a handle.
const retryAfter = time.Second

// look asks the catalog for copies that were not tried yet. The turn is held.
func (f *contentFile) look(ctx context.Context) error {
	_, list, err := f.node.tree.resolver.Candidates(ctx, f.node.id)
	if err != nil {
		return err
	}
	for _, s := range list {
		if !s.Usable && !s.Asleep() {
			continue
		}
		when, ok := f.tried[triedAs(&s)]
		if !ok || !when.IsZero() && time.Since(when) > retryAfter {
			f.waiting = append(f.waiting, s)
		}
	}
	return nil
}

// try opens a copy; nil if that is not possible. The turn is held.
func (f *contentFile) try(ctx context.Context, s resolver.Source) *openCopy {
	c, err := f.node.tree.openCopy(ctx, s)
	if ctx.Err() != nil {
		if err == nil {
			c.close()
		}
		return nil
	}
	f.tried[triedAs(&s)] = time.Time{}
	if err == nil {
		f.opened = append(f.opened, c)
		return c
	}
	if errors.Is(err, backends.ErrOffline) {
		f.tried[triedAs(&s)] = time.Now()
	}
	f.failed = err
	f.node.tree.refused(s, err)
	return nil
}

func triedAs(s *resolver.Source) triedCopy {
	return triedCopy{string(s.Place), s.Name, s.File.Version, s.File.Size, s.File.ModTime}
}

// Release closes the content.
func (f *contentFile) Release(ctx context.Context) syscall.Errno {
	f.close()
	return 0
}

func (f *contentFile) close() {
	for _, c := range f.opened {
		c.close()
	}
}

var _ interface {
	fusefs.FileReader
	fusefs.FileReleaser
} = (*contentFile)(nil)
