// Package carry writes backends.Meta as the pairs of strings that object stores keep with
// an object, and reads it back, also what other tools wrote. A service says with Form how
// its pairs are called and how large they may be.
package carry

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sd/backends"
)

// Form is how one service carries metadata. It is immutable.
type Form struct {
	// The names of the pairs. Mode is written in decimal, as s3fs does.
	Time, Mode, UID, GID, Xattrs, Link, BLAKE3 string
	// Others are further names that are ours and belong to the bytes, not to Meta: they do
	// not survive when an object is given new metadata.
	Others []string
	// FormatTime and ParseTime are the form of the time; ParseTime is the zero time for what
	// it cannot read.
	FormatTime func(time.Time) string
	ParseTime  func(string) time.Time
	// MaxXattrs is the most bytes of extended attributes, Max that of all names and values.
	MaxXattrs, Max int
}

// Write returns m as pairs, beside foreign, which may be nil, and what of m is stored by
// them: extended attributes and link targets that are too large are left out. The content
// type is no pair.
func (f *Form) Write(m backends.Meta, foreign map[string]string) (map[string]string, backends.Meta) {
	pairs := make(map[string]string, len(foreign)+6)
	maps.Copy(pairs, foreign)
	if !m.ModTime.IsZero() {
		pairs[f.Time] = f.FormatTime(m.ModTime)
	}
	if m.Mode != 0 {
		pairs[f.Mode] = strconv.FormatUint(uint64(m.Mode), 10)
	}
	if m.UID != nil {
		pairs[f.UID] = strconv.FormatUint(uint64(*m.UID), 10)
	}
	if m.GID != nil {
		pairs[f.GID] = strconv.FormatUint(uint64(*m.GID), 10)
	}
	if m.BLAKE3 != "" {
		pairs[f.BLAKE3] = m.BLAKE3
	}
	link := url.QueryEscape(m.LinkTarget)
	if m.LinkTarget != "" && f.fits(pairs, f.Link, link) {
		pairs[f.Link] = link
	} else {
		m.LinkTarget = ""
	}
	xattrs, ok := f.encodeXattrs(m.Xattrs)
	if ok && f.fits(pairs, f.Xattrs, xattrs) {
		pairs[f.Xattrs] = xattrs
	} else {
		m.Xattrs = nil
	}
	return pairs, m
}

// fits tells whether another pair may join them.
func (f *Form) fits(pairs map[string]string, name, value string) bool {
	sum := len(name) + len(value)
	for k, v := range pairs {
		sum += len(k) + len(v)
	}
	return sum <= f.Max
}

// Read is the inverse of Write. What it cannot read it takes as unknown.
func (f *Form) Read(pairs map[string]string, contentType string) *backends.Meta {
	m := &backends.Meta{
		ModTime:     f.ParseTime(pairs[f.Time]),
		Mode:        Mode(pairs[f.Mode]),
		UID:         ID(pairs[f.UID]),
		GID:         ID(pairs[f.GID]),
		Xattrs:      decodeXattrs(pairs[f.Xattrs]),
		ContentType: contentType,
	}
	if target, err := url.QueryUnescape(pairs[f.Link]); err == nil {
		m.LinkTarget = target
	}
	if sum := pairs[f.BLAKE3]; len(sum) == 64 && strings.Trim(sum, "0123456789abcdef") == "" {
		m.BLAKE3 = sum
	}
	return m
}

// Foreign returns the pairs that are not ours.
func (f *Form) Foreign(pairs map[string]string) map[string]string {
	others := maps.Clone(pairs)
	for _, name := range f.Own() {
		delete(others, name)
	}
	return others
}

// Own returns the names of all pairs that are ours.
func (f *Form) Own() []string {
	return append([]string{f.Time, f.Mode, f.UID, f.GID, f.Xattrs, f.Link, f.BLAKE3}, f.Others...)
}

// The type bits of a POSIX mode.
const (
	typeBits = 0o170000
	typeLink = 0o120000
)

// Described adds what an object carries to its entry.
func Described(e backends.Entry, m *backends.Meta) backends.Entry {
	e.Meta = m
	if m != nil && m.Mode&typeBits == typeLink {
		e.Kind = backends.Symlink
	}
	return e
}

// Mode reads a mode: decimal as s3fs writes it, else octal as others do. The two can be
// told apart, because no mode is that large and few types exist. 0 is unknown.
func Mode(s string) uint32 {
	for _, base := range []int{10, 8} {
		if base == 10 && strings.HasPrefix(s, "0") {
			continue
		}
		mode, err := strconv.ParseUint(s, base, 32)
		if err != nil || mode > typeBits|0o7777 {
			continue
		}
		switch mode & typeBits {
		case 0, 0o010000, 0o020000, 0o040000, 0o060000, 0o100000, typeLink, 0o140000:
			return uint32(mode)
		}
	}
	return 0
}

// ID reads a user's or group's number; nil is unknown.
func ID(s string) *uint32 {
	id, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return nil
	}
	n := uint32(id)
	return &n
}

// RFC3339 writes a time as rclone does where it carries it in this form.
func RFC3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// ParseRFC3339 reads it; the zero time is unknown.
func ParseRFC3339(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// encodeXattrs writes extended attributes as s3fs does: percent-coded JSON of names and
// base64 values. There is nothing to store, or too much, where it says false.
func (f *Form) encodeXattrs(xattrs map[string][]byte) (string, bool) {
	if len(xattrs) == 0 {
		return "", false
	}
	for name := range xattrs {
		if !utf8.ValidString(name) {
			return "", false
		}
	}
	var text bytes.Buffer
	w := json.NewEncoder(&text)
	w.SetEscapeHTML(false)
	if err := w.Encode(xattrs); err != nil {
		return "", false
	}
	coded := strings.ReplaceAll(url.QueryEscape(strings.TrimSpace(text.String())), "+", "%20")
	return coded, len(coded) <= f.MaxXattrs
}

func decodeXattrs(s string) map[string][]byte {
	text, err := url.PathUnescape(s)
	if err != nil || text == "" {
		return nil
	}
	var xattrs map[string][]byte
	if err := json.Unmarshal([]byte(text), &xattrs); err != nil || len(xattrs) == 0 {
		return nil
	}
	for name, value := range xattrs {
		if value == nil {
			xattrs[name] = []byte{}
		}
	}
	return xattrs
}
