package cache

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"sd/backends"
)

// pageAhead is how many entries a listing may be ahead of its furthest reader: five
// pages of an S3 store. A listing that all readers left goes on up to there.
const pageAhead = 5000

// ErrReadAgain says that what a DirReader wants was dropped, because it was read
// already and listings took too much memory, or because the listing ended early. A new
// DirReader has it.
var ErrReadAgain = errors.New("listing was let go: read the directory again")

var errIdle = errors.New("nobody reads the listing")

// Source is where the listing of a directory comes from. Its functions are called
// without any lock held, so they may call Put and Remove; their ctx ends with Close of
// the Names, or when what they do is not wanted any more.
type Source struct {
	// List is a Backend's List of the directory; its pages are kept as they come.
	List func(ctx context.Context, yield func([]backends.Entry) error) error
	// Walk is the Walk of the same Backend; nil if it has none.
	Walk func(ctx context.Context, prefix, after string, yield func([]backends.Entry) error) error
	// Show makes of entries that Walk told of the directory called dir (its whole name;
	// Name of an entry is the last segment, as in List) those to keep. Entries of one
	// directory come in the order of the store, in pages. It may change the page and
	// return it; nil is to keep all as they are.
	Show func(dir string, page []backends.Entry) []backends.Entry
}

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
	return m.begin(m.key(dir))
}

func (m *Names) begin(dir DirKey) *Fill {
	d := m.directory(dir)
	m.unref(d.coming)
	d.coming = m.newListing(dir)
	d.coming.refs++ // the Fill
	d.coming.asked = make(chan struct{}, 1)
	return &Fill{m, dir, d.coming}
}

// Add takes in a page, in the order of the store. It keeps nothing of the slice.
func (f *Fill) Add(entries []backends.Entry) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.l.over {
		return
	}
	entries = f.sized(entries)
	f.m.account(f.l, func() { f.l.add(entries, f.m.cfg.Now().UnixNano()) })
	f.l.tell()
	f.m.trim()
}

// sized gives entries with the sizes and versions that were learnt of those that tell none,
// as long as these have not changed. m.mu is held.
func (f *Fill) sized(entries []backends.Entry) []backends.Entry {
	d := f.m.dirs[f.dir]
	if d == nil || d.shown == nil || !slices.ContainsFunc(entries, func(e backends.Entry) bool { return e.Unsized }) {
		return entries
	}
	entries = slices.Clone(entries)
	for i := range entries {
		e := &entries[i]
		r := d.shown.find(e.Label())
		if !e.Unsized || r == nil || r.gone || r.unsized || r.kind != e.Kind {
			continue
		}
		if known := d.shown.entry(r); known.ID == e.ID && known.ModTime.Equal(e.ModTime) {
			e.Size, e.Version, e.Sums, e.Unsized = known.Size, known.Version, known.Sums, false
		}
	}
	return entries
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
		f.end(ErrReadAgain)
	}
}

// end notes that the listing is over, with all there is if err is nil. m.mu is held.
func (f *Fill) end(err error) {
	m, l := f.m, f.l
	if l.over {
		return
	}
	l.over, l.complete, l.err = true, err == nil && l.base == 0, err
	l.fed, l.list = nil, nil
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

// Open is OpenFrom a Source that can only List.
func (m *Names) Open(dir DirKey, list func(ctx context.Context, yield func([]backends.Entry) error) error) *DirReader {
	return m.OpenFrom(dir, Source{List: list})
}

// OpenFrom returns a DirReader over a listing of dir: the kept one if it is complete and
// within the TTL, else the one under way, else a new one, for which s.List is run in a
// goroutine of its own. Where s can Walk and directories beside dir have been opened in
// the order of their parent's listing, flat lists are run ahead of the reader: they fill
// the listings of dir and of those that follow it, and of all below them. The caller
// closes the DirReader.
func (m *Names) OpenFrom(dir DirKey, s Source) *DirReader {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = m.key(dir)
	d := m.directory(dir)
	var l *listing
	switch {
	case d.coming != nil && d.coming.base == 0:
		l = d.coming
	case d.shown != nil && d.shown.complete && d.shown.begun > m.fresh():
		l = d.shown
	}
	next := m.inOrder(dir)
	if l == nil {
		f := m.begin(dir)
		l = f.l
		if m.closed {
			f.end(fs.ErrClosed)
		} else if s.Walk == nil || !m.follow(f, s, next) {
			m.run(f, s.List)
		}
	}
	if !l.over && l.list == nil {
		l.list = s.List
	}
	l.refs++
	r := &DirReader{m: m, l: l}
	l.readers = append(l.readers, r)
	m.read[l] = struct{}{}
	m.taken(l)
	return r
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
		switch {
		case len(l.readers) == 0 && (l.far() || replaced):
			f.end(errIdle)
			return errIdle
		case !l.far():
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

// far tells whether l is far enough ahead of its readers.
func (l *listing) far() bool { return l.end() > l.wanted+pageAhead }
