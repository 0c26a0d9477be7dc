package cache

import (
	"context"
	"io"
	"io/fs"
	"slices"
	"time"

	"sd/backends"
)

// DirReader reads one listing of a directory, which may still be growing. Several may
// share it, each at a place of its own. Names put or removed meanwhile show or are left
// out. It is safe for concurrent use.
type DirReader struct {
	m *Names
	l *listing

	closed bool // guarded by m.mu
	pos    int  // the index asked for last; guarded by m.mu
}

// At returns the first entry at index i or after it, and its index. Indexes never
// change while the DirReader is open, so i is a place to seek to. At waits for the
// listing to get there; it returns io.EOF past the end, the store's error where the
// listing broke off, ErrReadAgain where it was dropped already, and ctx.Err() when ctx
// ends.
func (r *DirReader) At(ctx context.Context, i int) (backends.Entry, int, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	for i = max(0, i); ; i++ {
		r.pos = i
		if err := r.reach(ctx, i); err != nil {
			return backends.Entry{}, 0, err
		}
		if i < r.l.base {
			return backends.Entry{}, 0, ErrReadAgain
		}
		if i >= r.l.end() {
			return backends.Entry{}, 0, io.EOF
		}
		if rec := r.l.at(i); !rec.gone {
			return r.l.entry(rec), i, nil
		}
	}
}

// Begun tells when the listing began: what it says may be as old as that.
func (r *DirReader) Begun() time.Time { return time.Unix(0, r.l.begun) }

// Wait blocks until the listing has more than n entries or is over, and tells how many
// it has and whether that is all. Its errors are those of At.
func (r *DirReader) Wait(ctx context.Context, n int) (count int, all bool, err error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	err = r.reach(ctx, n)
	return r.l.end(), r.l.over && r.l.err == nil, err
}

// Close lets go of the listing. What it holds answers Lookup further on.
func (r *DirReader) Close() {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	r.l.readers = slices.DeleteFunc(r.l.readers, func(o *DirReader) bool { return o == r })
	if len(r.l.readers) == 0 {
		delete(r.m.read, r.l)
	}
	r.l.ask()
	r.m.unref(r.l)
	r.m.trim()
}

// reach waits until there is an entry i or the listing is over. m.mu is held, but not
// while it waits. A listing that a flat list fills is waited for as long as one of its
// own would take; then that is begun.
func (r *DirReader) reach(ctx context.Context, i int) error {
	m, l := r.m, r.l
	if i > l.wanted {
		l.wanted = i
		l.ask()
	}
	for i >= l.end() {
		switch {
		case r.closed || m.closed && !l.over:
			return fs.ErrClosed
		case l.over:
			return l.err
		}
		var late <-chan time.Time
		if l.fed != nil {
			late = time.After(l.fed.patience(l))
		}
		news := l.news()
		m.mu.Unlock()
		var err error
		tooLate := false
		select {
		case <-news:
		case <-m.done:
		case <-late:
			tooLate = true
		case <-ctx.Done():
			err = ctx.Err()
		}
		m.mu.Lock()
		if err != nil {
			return err
		}
		if tooLate && l.fed != nil {
			l.fed.giveUp(l)
		}
	}
	return nil
}

// ask tells who fills l that a reader moved on or left. m.mu is held.
func (l *listing) ask() {
	select {
	case l.asked <- struct{}{}:
	default:
	}
}
