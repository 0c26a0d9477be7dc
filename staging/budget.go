package staging

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sd/backends"
)

// errRoom says that the cap, not the disk, is in the way.
var errRoom = fmt.Errorf("the staging folder is at its cap: %w", backends.ErrNoSpace)

// budget counts the staged bytes of a Store.
type budget struct {
	limit int64

	mu    sync.Mutex
	used  int64
	freed chan struct{} // closed and made anew when used goes down
}

// try holds n bytes if they are free.
func (b *budget) try(n int64) bool {
	if n == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.limit {
		return false
	}
	b.used += n
	return true
}

// take holds n bytes, free or not.
func (b *budget) take(n int64) {
	b.mu.Lock()
	b.used += n
	b.mu.Unlock()
}

// release gives n bytes back; n < 0 takes more.
func (b *budget) release(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if n > 0 && b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

// wait returns whether n bytes fit, and else what is closed at the next release.
func (b *budget) wait(n int64) (fits bool, freed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.freed == nil {
		b.freed = make(chan struct{})
	}
	return b.used+n <= b.limit, b.freed
}

// makeRoom waits until n bytes may fit, as long as uploads of files other than f can
// free some. diskFull says that not the cap but the disk was in the way.
func (s *Store) makeRoom(ctx context.Context, f *File, n int64, diskFull bool) error {
	patience := time.NewTimer(s.cfg.Patience)
	defer patience.Stop()
	if s.shed() {
		diskFull = false
	}
	for {
		fits, freed := s.budget.wait(n)
		if fits && !diskFull {
			return nil
		}
		if n > s.budget.limit || !s.busyBesides(f) {
			return backends.ErrNoSpace
		}
		select {
		case <-freed:
			diskFull = false
			patience.Reset(s.cfg.Patience)
		case <-patience.C:
			return backends.ErrNoSpace
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return backends.ErrNoSpace
		}
	}
}

// busyBesides tells whether a file other than f may free its bytes soon.
func (s *Store) busyBesides(f *File) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := range s.files {
		if other != f && (other.uploading() || other.leaving()) {
			return true
		}
	}
	return false
}

// leaving tells whether the bytes of f are being removed.
func (f *File) leaving() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed && !f.dirty()
}

// shed frees what clean files hold that are open still: their store has it. It tells
// whether anything became free.
func (s *Store) shed() bool {
	s.mu.Lock()
	files := make([]*File, 0, len(s.files))
	for f := range s.files {
		files = append(files, f)
	}
	s.mu.Unlock()
	any := false
	for _, f := range files {
		any = f.shed() || any
	}
	return any
}

func (f *File) shed() bool {
	f.io.Lock()
	defer f.io.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirty() || f.discarded || f.freed || f.commit != nil || f.ackSeq > 0 || !f.committed || f.entry.Name != f.name || len(f.layers) == 0 {
		return false
	}
	for _, l := range f.layers {
		if l.users > 0 {
			return false
		}
	}
	for _, l := range f.layers {
		f.drop(l)
	}
	f.layers, f.base = nil, f.store.reader(f, f.entry)
	return true
}
