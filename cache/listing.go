package cache

import (
	"math"
	"strings"
	"time"

	"sd/backends"
)

// Rough costs of a listing, in bytes, for NamesConfig.MaxBytes.
const (
	listingBytes = 512
	recordBytes  = 56
	indexBytes   = 40
	textBytes    = 16
)

// listing is what one directory holds, in the order in which it was told. Entries stand
// as records without pointers beside few large strings: a directory may have millions.
// All is guarded by Names.mu.
type listing struct {
	begun    int64 // Unix, ns
	seen     int64 // when something was last told
	complete bool
	over     bool  // nothing more will be told by the store
	err      error // why it is over early
	refs     int   // the directory, the DirReaders, the Fill

	texts   []string
	records []record
	index   map[string]int32
	length  int64 // of texts

	grown   chan struct{} // closed and replaced when there is news
	wanted  int           // the furthest index that a reader asked for
	asked   chan struct{} // gets a token when wanted or the readers change
	readers int           // open DirReaders
}

// record is an entry. Its strings stand in texts[page] from text on: name, version, id,
// then algorithm and digits of each sum, each with a byte for its length before it.
type record struct {
	size, sec, seen         int64
	nsec                    uint32
	page                    int32
	text, name, version, id uint32
	kind                    backends.Kind
	sums                    uint8
	local                   bool // changed here after the listing began; its page is its own
	gone                    bool
}

func newListing(now int64) *listing {
	return &listing{
		begun: now,
		seen:  now,
		index: make(map[string]int32),
		grown: make(chan struct{}),
		asked: make(chan struct{}, 1),
	}
}

// bytes estimates the memory of l.
func (l *listing) bytes() int64 {
	return listingBytes + l.length + int64(cap(l.texts))*textBytes +
		int64(cap(l.records))*recordBytes + int64(len(l.index))*indexBytes
}

// tell wakes those who wait for news.
func (l *listing) tell() {
	close(l.grown)
	l.grown = make(chan struct{})
}

// add appends a page of the store. Names that were changed here meanwhile stay.
func (l *listing) add(entries []backends.Entry, now int64) {
	l.seen = now
	page := l.text(entries)
	at := 0
	for i := range entries {
		rec := newRecord(&entries[i], page, at, now)
		at += textLen(&entries[i])
		name := l.name(&rec)
		switch j, ok := l.index[name]; {
		case !ok:
			l.append(name, rec)
		case !l.records[j].local:
			l.records[j] = rec
		}
	}
}

// put adds or replaces an entry that is known to be there now.
func (l *listing) put(e backends.Entry, now int64) {
	l.set(e, now, false)
}

// remove notes that a name is known to be away now. It keeps its place.
func (l *listing) remove(name string, now int64) {
	l.set(backends.Entry{Name: name}, now, true)
}

func (l *listing) set(e backends.Entry, now int64, gone bool) {
	l.seen = now
	j, known := l.index[e.Name]
	page := l.text([]backends.Entry{e})
	if known && l.records[j].local {
		page = l.replaceText(l.records[j].page)
	}
	rec := newRecord(&e, page, 0, now)
	rec.local, rec.gone = true, gone
	if known {
		l.records[j] = rec
	} else {
		l.append(l.name(&rec), rec)
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

func (l *listing) append(name string, rec record) {
	l.index[name] = int32(len(l.records))
	l.records = append(l.records, rec)
}

// lookup answers from what was told after the given time.
func (l *listing) lookup(name string, after int64) (backends.Entry, State) {
	j, ok := l.index[name]
	switch {
	case ok && l.records[j].seen <= after:
		return backends.Entry{}, Unknown
	case ok && l.records[j].gone:
		return backends.Entry{}, Absent
	case ok:
		return l.entry(&l.records[j]), Present
	case l.complete && l.begun > after:
		return backends.Entry{}, Absent
	}
	return backends.Entry{}, Unknown
}

// sums are the checksums of e that a record has room for: all that exist.
func sums(e *backends.Entry) []backends.Sum {
	for i, s := range e.Sums {
		if i == math.MaxUint8 || len(s.Algorithm) > math.MaxUint8 || len(s.Hex) > math.MaxUint8 {
			return nil
		}
	}
	return e.Sums
}

func textLen(e *backends.Entry) int {
	n := len(e.Name) + len(e.Version) + len(e.ID)
	for _, s := range sums(e) {
		n += 2 + len(s.Algorithm) + len(s.Hex)
	}
	return n
}

// text keeps the strings of entries as one and returns its page.
func (l *listing) text(entries []backends.Entry) int32 {
	n := 0
	for i := range entries {
		n += textLen(&entries[i])
	}
	var b strings.Builder
	b.Grow(n)
	for i := range entries {
		e := &entries[i]
		b.WriteString(e.Name)
		b.WriteString(e.Version)
		b.WriteString(e.ID)
		for _, s := range sums(e) {
			b.WriteByte(byte(len(s.Algorithm)))
			b.WriteString(s.Algorithm)
			b.WriteByte(byte(len(s.Hex)))
			b.WriteString(s.Hex)
		}
	}
	l.texts = append(l.texts, b.String())
	l.length += int64(n)
	return int32(len(l.texts) - 1)
}

// newRecord describes e, whose strings stand at a place of a page.
func newRecord(e *backends.Entry, page int32, at int, now int64) record {
	return record{
		size: e.Size, sec: e.ModTime.Unix(), nsec: uint32(e.ModTime.Nanosecond()), seen: now,
		page: page, text: uint32(at),
		name: uint32(len(e.Name)), version: uint32(len(e.Version)), id: uint32(len(e.ID)),
		kind: e.Kind, sums: uint8(len(sums(e))),
	}
}

func (l *listing) name(r *record) string {
	return l.texts[r.page][r.text : r.text+r.name]
}

// entry gives back what newRecord was given. The strings alias the listing.
func (l *listing) entry(r *record) backends.Entry {
	text := l.texts[r.page][r.text:]
	cut := func(n uint32) (s string) {
		s, text = text[:n], text[n:]
		return s
	}
	e := backends.Entry{
		Kind: r.kind, Size: r.size, ModTime: time.Unix(r.sec, int64(r.nsec)).UTC(),
		Name: cut(r.name), Version: cut(r.version), ID: cut(r.id),
	}
	for range r.sums {
		alg := cut(uint32(cut(1)[0]))
		e.Sums = append(e.Sums, backends.Sum{Algorithm: alg, Hex: cut(uint32(cut(1)[0]))})
	}
	return e
}
