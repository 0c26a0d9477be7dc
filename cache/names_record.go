package cache

import (
	"math"
	"strings"
	"time"

	"sd/backends"
)

// record is an entry. Its strings stand in texts[page] from text on: name, version, id,
// then algorithm and digits of each sum, each with a byte for its length before it.
type record struct {
	size, sec, seen         int64
	nsec                    uint32
	page                    int32
	text, name, version, id uint32
	extra                   uint32 // 1 more than its index in extras; 0 if it has none
	kind                    backends.Kind
	sums                    uint8
	unsized                 bool
	local                   bool // changed here after the listing began; its page is its own
	gone                    bool
}

// extra is what few entries have: a name to show and what the object carries, as far
// as describing a file takes it.
type extra struct {
	shown          string
	sec            int64
	nsec           uint32
	mode, uid, gid uint32
	meta           bool // Meta was not nil
	time           bool // its ModTime was not zero
	hasUID, hasGID bool
}

func newExtra(e *backends.Entry) extra {
	x := extra{shown: e.Shown}
	if m := e.Meta; m != nil {
		x.meta, x.mode = true, m.Mode
		if x.time = !m.ModTime.IsZero(); x.time {
			x.sec, x.nsec = m.ModTime.Unix(), uint32(m.ModTime.Nanosecond())
		}
		if x.hasUID = m.UID != nil; x.hasUID {
			x.uid = *m.UID
		}
		if x.hasGID = m.GID != nil; x.hasGID {
			x.gid = *m.GID
		}
	}
	return x
}

// give puts back into e what newExtra was given.
func (x *extra) give(e *backends.Entry) {
	e.Shown = x.shown
	if !x.meta {
		return
	}
	// One piece of memory for all: an entry is described far more often than kept.
	kept := &struct {
		backends.Meta
		uid, gid uint32
	}{uid: x.uid, gid: x.gid}
	kept.Mode = x.mode
	if x.time {
		kept.ModTime = time.Unix(x.sec, int64(x.nsec)).UTC()
	}
	if x.hasUID {
		kept.UID = &kept.uid
	}
	if x.hasGID {
		kept.GID = &kept.gid
	}
	e.Meta = &kept.Meta
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

// newRecord describes e, whose strings stand at a place of a page. old is the record
// that it replaces, if any: what that had beside itself is used again.
func (l *listing) newRecord(e *backends.Entry, page int32, at int, now int64, old *record) record {
	r := record{
		size: e.Size, sec: e.ModTime.Unix(), nsec: uint32(e.ModTime.Nanosecond()), seen: now,
		page: page, text: uint32(at),
		name: uint32(len(e.Name)), version: uint32(len(e.Version)), id: uint32(len(e.ID)),
		kind: e.Kind, sums: uint8(len(sums(e))), unsized: e.Unsized,
	}
	if old != nil {
		r.extra = old.extra
	}
	if r.extra == 0 && (e.Shown != "" || e.Meta != nil) {
		l.extras = append(l.extras, extra{})
		r.extra = uint32(len(l.extras))
	}
	if r.extra != 0 {
		x := &l.extras[r.extra-1]
		l.length += int64(len(e.Shown) - len(x.shown))
		*x = newExtra(e)
	}
	return r
}

func (l *listing) name(r *record) string {
	return l.texts[r.page][r.text : r.text+r.name]
}

// label is the name under which r is found.
func (l *listing) label(r *record) string {
	if r.extra != 0 {
		if s := l.extras[r.extra-1].shown; s != "" {
			return s
		}
	}
	return l.name(r)
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
		Name: cut(r.name), Version: cut(r.version), ID: cut(r.id), Unsized: r.unsized,
	}
	if r.sums > 0 {
		e.Sums = make([]backends.Sum, r.sums)
	}
	for i := range e.Sums {
		alg := cut(uint32(cut(1)[0]))
		e.Sums[i] = backends.Sum{Algorithm: alg, Hex: cut(uint32(cut(1)[0]))}
	}
	if r.extra != 0 {
		l.extras[r.extra-1].give(&e)
	}
	return e
}
