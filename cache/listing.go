package cache

import (
	"context"

	"sd/backends"
)

// Rough costs of a listing, in bytes, for NamesConfig.MaxBytes.
const (
	listingBytes = 768
	recordBytes  = 56
	extraBytes   = 56
	indexBytes   = 40
	textBytes    = 16
)

// listing is what one directory holds, in the order in which it was told. Entries stand
// as records without pointers beside few large strings: a directory may have millions.
// All is guarded by Names.mu.
type listing struct {
	begun    int64               // Unix, ns
	seen     int64               // when something was last told
	complete bool                // it is over, and tells of all
	over     bool                // nothing more will be told by the store
	err      error               // why it is over early
	fold     func(string) string // what the labels of one entry have in common; nil: they are the same
	refs     int                 // the directory, the DirReaders, the Fill

	texts   []string
	extras  []extra
	records []record         // from index base on
	base    int              // how many records were dropped
	index   map[string]int32 // by label, folded, also of those who are gone
	length  int64            // of texts, and of names to show

	grown   chan struct{} // closed when there is news; nil if nobody waits
	wanted  int           // the furthest index that a reader asked for
	asked   chan struct{} // gets a token when wanted or the readers change
	readers []*DirReader  // the open ones

	list func(ctx context.Context, yield func([]backends.Entry) error) error // if a reader came before it was over
	fed  *flat                                                               // the flat list that fills it; nil if none does
	walk *walk                                                               // whose stock it is, until somebody reads it
	cost int                                                                 // in that stock
}

func newListing(now int64) *listing {
	return &listing{begun: now, seen: now}
}

// bytes estimates the memory of l.
func (l *listing) bytes() int64 {
	return listingBytes + l.length + int64(cap(l.texts))*textBytes + int64(cap(l.extras))*extraBytes +
		int64(cap(l.records))*recordBytes + int64(len(l.index))*indexBytes
}

// end is the index after the last record.
func (l *listing) end() int { return l.base + len(l.records) }

// at gives the record of an index between base and end.
func (l *listing) at(i int) *record { return &l.records[i-l.base] }

// find gives the record of a label, nil if there is none.
func (l *listing) find(label string) *record {
	if i, ok := l.place(label); ok {
		return l.at(int(i))
	}
	return nil
}

// place gives the index of a label.
func (l *listing) place(label string) (int32, bool) {
	if l.fold != nil {
		label = l.fold(label)
	}
	i, ok := l.index[label]
	return i, ok
}

// tell wakes those who wait for news.
func (l *listing) tell() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// news gives a channel that is closed at the next tell.
func (l *listing) news() <-chan struct{} {
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.grown
}

// add appends a page of the store. Names that were changed here meanwhile stay.
func (l *listing) add(entries []backends.Entry, now int64) {
	l.seen = now
	l.reserve(len(entries))
	page := l.text(entries)
	at := 0
	for i := range entries {
		e := &entries[i]
		old := l.find(e.Label())
		if old == nil {
			l.append(l.newRecord(e, page, at, now, nil))
		} else if !old.local {
			*old = l.newRecord(e, page, at, now, old)
		}
		at += textLen(e)
	}
}

// reserve makes room for the first records, exactly: most directories are small.
func (l *listing) reserve(n int) {
	if l.index == nil {
		l.index = make(map[string]int32, n)
	}
	if l.records == nil {
		l.records = make([]record, 0, n)
	}
}

// put adds or replaces an entry that is known to be there now.
func (l *listing) put(e backends.Entry, now int64) {
	l.set(e, now, false)
}

// remove notes that a label is known to be away now. It keeps its place.
func (l *listing) remove(label string, now int64) {
	l.set(backends.Entry{Name: label}, now, true)
}

func (l *listing) set(e backends.Entry, now int64, gone bool) {
	l.seen = now
	l.reserve(1)
	old := l.find(e.Label())
	page := l.text([]backends.Entry{e})
	if old != nil && old.local {
		page = l.replaceText(old.page)
	}
	rec := l.newRecord(&e, page, 0, now, old)
	rec.local, rec.gone = true, gone
	if old != nil {
		*old = rec
	} else {
		l.append(rec)
	}
}

// replaceText puts the newest page in place of another.
func (l *listing) replaceText(page int32) int32 {
	last := len(l.texts) - 1
	l.length -= int64(len(l.texts[page]))
	l.texts[page] = l.texts[last]
	l.texts = l.texts[:last]
	return page
}

func (l *listing) append(rec record) {
	label := l.label(&rec)
	if l.fold != nil {
		label = l.fold(label)
	}
	l.index[label] = int32(l.end())
	l.records = append(l.records, rec)
}

// lookup answers from what was told after the given time.
func (l *listing) lookup(label string, after int64) (backends.Entry, State) {
	r := l.find(label)
	switch {
	case r != nil && r.seen <= after:
		return backends.Entry{}, Unknown
	case r != nil && r.gone:
		return backends.Entry{}, Absent
	case r != nil:
		return l.entry(r), Present
	case l.complete && l.begun > after:
		return backends.Entry{}, Absent
	}
	return backends.Entry{}, Unknown
}

// How far behind its furthest reader, in entries, a listing is kept for the others, and
// behind the last of them for one who goes back a little.
const (
	lagBehind  = 50_000
	keepBehind = 1000
)

// shed drops what all readers have passed, if it pays. A reader that is far behind
// the furthest counts as one that has passed. It tells whether it did anything.
func (l *listing) shed() bool {
	if len(l.readers) == 0 {
		return false
	}
	slow, fast := l.readers[0].pos, 0
	for _, r := range l.readers {
		slow, fast = min(slow, r.pos), max(fast, r.pos)
	}
	n := min(max(slow, fast-lagBehind)-keepBehind, l.end()) - l.base
	if n < max(keepBehind, len(l.records)-n) {
		return false
	}
	l.drop(n)
	return true
}

// drop lets go of the first n records and of what only they used.
func (l *listing) drop(n int) {
	old := *l
	l.base, l.complete, l.length = l.base+n, false, 0
	l.records = make([]record, 0, len(old.records)-n)
	l.index = make(map[string]int32, len(old.records)-n)
	l.texts, l.extras = nil, nil
	pages := make(map[int32]int32) // old to new
	for _, r := range old.records[n:] {
		page, ok := pages[r.page]
		if !ok {
			page = int32(len(l.texts))
			l.texts = append(l.texts, old.texts[r.page])
			l.length += int64(len(old.texts[r.page]))
			pages[r.page] = page
		}
		r.page = page
		if r.extra != 0 {
			x := old.extras[r.extra-1]
			l.extras = append(l.extras, x)
			l.length += int64(len(x.shown))
			r.extra = uint32(len(l.extras))
		}
		l.append(r)
	}
}
