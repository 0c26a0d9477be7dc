package cache

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"sd/backends"
)

// pageAhead is how many entries a listing may be ahead of its furthest reader: five
// pages of an S3 store. A listing that all readers left goes on up to there.
const pageAhead = 5000

var (
	errEarly = errors.New("listing ended early: read the directory again")
	errIdle  = errors.New("nobody reads the listing")
)

// Fill takes in one listing of a directory, page by page. Every Fill ends with Done.
type Fill struct {
	m   *Names
	dir DirKey
	l   *listing
}

// Begin starts a listing of dir, before the store is asked. It replaces one that is
// under way. Put and Remove from now on beat the pages of this listing.
func (m *Names) Begin(dir DirKey) *Fill {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.begin(dir)
}

func (m *Names) begin(dir DirKey) *Fill {
	d := m.directory(dir)
	m.unref(d.coming)
	d.coming = m.newListing()
	d.coming.refs++ // the Fill
	return &Fill{m, dir, d.coming}
}

// Add takes in a page, in the order of the store. It keeps nothing of the slice.
func (f *Fill) Add(entries []backends.Entry) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.l.over {
		return
	}
	f.m.account(f.l, func() { f.l.add(entries, f.m.cfg.Now().UnixNano()) })
	f.l.tell()
	f.m.trim()
}

// Done ends the listing. Only a complete one says what is absent, and only it replaces
// an earlier complete one that still holds; else the one that knows more names stays.
// Further calls do nothing.
func (f *Fill) Done(complete bool) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if complete {
		f.end(nil)
	} else {
		f.end(errEarly)
	}
}

// end notes that the listing is over, complete if err is nil. m.mu is held.
func (f *Fill) end(err error) {
	m, l := f.m, f.l
	if l.over {
		return
	}
	l.over, l.complete, l.err = true, err == nil, err
	l.tell()
	if d := m.dirs[f.dir]; d != nil && d.coming == l {
		d.coming = nil
		holds := d.shown != nil && d.shown.complete && d.shown.begun > m.fresh()
		if l.complete || d.shown == nil || !holds && len(l.records) >= len(d.shown.records) {
			d.shown, l = l, d.shown
		}
		m.unref(l)
	}
	m.unref(f.l)
	m.trim()
}

// Open returns a DirReader over a listing of dir: the kept one if it is complete and
// within the TTL, else the one under way, else a new one, for which list is run in a
// goroutine of its own. list is a Backend's List of that directory; its ctx ends with
// Close of the Names only. The caller closes the DirReader.
func (m *Names) Open(dir DirKey, list func(ctx context.Context, yield func([]backends.Entry) error) error) *DirReader {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.directory(dir)
	l := d.coming
	if l == nil && d.shown != nil && d.shown.complete && d.shown.begun > m.fresh() {
		l = d.shown
	}
	if l == nil {
		f := m.begin(dir)
		l = f.l
		if m.closed {
			f.end(fs.ErrClosed)
		} else {
			m.run(f, list)
		}
	}
	l.refs++
	l.readers++
	return &DirReader{m: m, l: l}
}

// run fills f from list. m.mu is held.
func (m *Names) run(f *Fill, list func(ctx context.Context, yield func([]backends.Entry) error) error) {
	ctx, cancel := context.WithCancel(context.Background())
	m.running[f] = cancel
	m.lists.Go(func() {
		defer cancel()
		err := list(ctx, func(page []backends.Entry) error {
			f.Add(page)
			return f.pace()
		})
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.running, f)
		if m.closed {
			err = fs.ErrClosed
		}
		f.end(err)
	})
}

// pace waits until the next page is wanted. It ends the listing when nobody reads it
// and it is far enough, or has been replaced.
func (f *Fill) pace() error {
	m, l := f.m, f.l
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.closed {
		d := m.dirs[f.dir]
		replaced := d == nil || d.coming != l
		far := len(l.records) > l.wanted+pageAhead
		switch {
		case l.readers == 0 && (far || replaced):
			f.end(errIdle)
			return errIdle
		case !far:
			return nil
		}
		m.mu.Unlock()
		select {
		case <-l.asked:
		case <-m.done:
		}
		m.mu.Lock()
	}
	return fs.ErrClosed
}

// DirReader reads one listing of a directory, which may still be growing. Several may
// share it, each at a place of its own. Names put or removed meanwhile show or are left
// out. It is safe for concurrent use.
type DirReader struct {
	m *Names
	l *listing

	closed bool // guarded by m.mu
}

// At returns the first entry at index i or after it, and its index. Indexes never
// change while the DirReader is open, so i is a place to seek to. At waits for the
// listing to get there; it returns io.EOF past the end, the store's error where the
// listing broke off, and ctx.Err() when ctx ends.
func (r *DirReader) At(ctx context.Context, i int) (backends.Entry, int, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	for i = max(0, i); ; i++ {
		if err := r.reach(ctx, i); err != nil {
			return backends.Entry{}, 0, err
		}
		if i >= len(r.l.records) {
			return backends.Entry{}, 0, io.EOF
		}
		if rec := &r.l.records[i]; !rec.gone {
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
	return len(r.l.records), r.l.complete, err
}

// Close lets go of the listing. What it holds answers Lookup further on.
func (r *DirReader) Close() {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	r.l.readers--
	r.ask()
	r.m.unref(r.l)
	r.m.trim()
}

// reach waits until there is an entry i or the listing is over. m.mu is held, but not
// while it waits.
func (r *DirReader) reach(ctx context.Context, i int) error {
	m, l := r.m, r.l
	if i > l.wanted {
		l.wanted = i
		r.ask()
	}
	for i >= len(l.records) {
		switch {
		case r.closed || m.closed && !l.over:
			return fs.ErrClosed
		case l.over:
			return l.err
		}
		grown := l.grown
		m.mu.Unlock()
		var err error
		select {
		case <-grown:
		case <-m.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
		m.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// ask tells the Fill that a reader moved on or left.
func (r *DirReader) ask() {
	select {
	case r.l.asked <- struct{}{}:
	default:
	}
}
