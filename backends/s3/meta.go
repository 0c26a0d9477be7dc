package s3

import (
	"bytes"
	"encoding/json"
	"math"
	"mime"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sd/backends"
)

// The user metadata that we read and write: s3fs's and rclone's keys where they have
// one. A mode may be octal where others wrote it.
const (
	keyTime   = "mtime"
	keyMode   = "mode"
	keyUID    = "uid"
	keyGID    = "gid"
	keyXattrs = "xattr"
	keyLink   = "sd-link"
	keyBLAKE3 = "sd-blake3"
	keyUpload = "sd-upload" // names the upload in parts that made an object
)

var ownKeys = []string{keyTime, keyMode, keyUID, keyGID, keyXattrs, keyLink, keyBLAKE3, keyUpload}

const (
	maxXattrs = 1536 // bytes of extended attributes that travel with an object
	maxMeta   = 2048 // bytes of all user metadata, names and values, by S3's rule
)

// headers returns m as user metadata, beside foreign, which may be nil, and what of m is
// stored by it: too large extended attributes and link targets are left out.
func headers(m backends.Meta, foreign map[string]string) (map[string]string, backends.Meta) {
	h := make(map[string]string, len(foreign)+4)
	for k, v := range foreign {
		h[k] = v
	}
	if !m.ModTime.IsZero() {
		h[keyTime] = strconv.FormatInt(m.ModTime.Unix(), 10)
		if ns := m.ModTime.Nanosecond(); ns != 0 {
			h[keyTime] += "." + strings.TrimRight(strconv.Itoa(1e9 + ns)[1:], "0")
		}
	}
	if m.Mode != 0 {
		h[keyMode] = strconv.FormatUint(uint64(m.Mode), 10)
	}
	if m.UID != nil {
		h[keyUID] = strconv.FormatUint(uint64(*m.UID), 10)
	}
	if m.GID != nil {
		h[keyGID] = strconv.FormatUint(uint64(*m.GID), 10)
	}
	if m.BLAKE3 != "" {
		h[keyBLAKE3] = m.BLAKE3
	}
	link := url.QueryEscape(m.LinkTarget)
	if m.LinkTarget != "" && fits(h, keyLink, link) {
		h[keyLink] = link
	} else {
		m.LinkTarget = ""
	}
	xattrs, ok := encodeXattrs(m.Xattrs)
	if ok && fits(h, keyXattrs, xattrs) {
		h[keyXattrs] = xattrs
	} else {
		m.Xattrs = nil
	}
	return h, m
}

// fits tells whether another pair may join h.
func fits(h map[string]string, key, value string) bool {
	sum := len(key) + len(value)
	for k, v := range h {
		sum += len(k) + len(v)
	}
	return sum <= maxMeta
}

// readMeta is the inverse of headers. What it cannot read it takes as unknown.
func readMeta(h map[string]string, contentType *string) *backends.Meta {
	m := &backends.Meta{
		ModTime: readTime(h[keyTime]),
		Mode:    readMode(h[keyMode]),
		UID:     readID(h[keyUID]),
		GID:     readID(h[keyGID]),
		Xattrs:  decodeXattrs(h[keyXattrs]),
	}
	if contentType != nil {
		m.ContentType = *contentType
	}
	if target, err := url.QueryUnescape(h[keyLink]); err == nil {
		m.LinkTarget = target
	}
	if sum := h[keyBLAKE3]; len(sum) == 64 && strings.Trim(sum, "0123456789abcdef") == "" {
		m.BLAKE3 = sum
	}
	return m
}

// readTime reads decimal seconds, with a fraction or not, exactly.
func readTime(s string) time.Time {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec > math.MaxInt64/4 || sec < math.MinInt64/4 {
		return time.Time{}
	}
	ns, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return time.Time{}
	}
	t := time.Unix(sec, int64(ns))
	if t.IsZero() {
		return time.Time{}
	}
	return t
}

// The type bits of a POSIX mode.
const (
	typeBits = 0o170000
	typeLink = 0o120000
)

// readMode reads a mode: decimal as s3fs writes it, else octal as others do. The two
// can be told apart, because no mode is that large and few types exist.
func readMode(s string) uint32 {
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

func readID(s string) *uint32 {
	id, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return nil
	}
	n := uint32(id)
	return &n
}

// encodeXattrs writes extended attributes as s3fs does: percent-coded JSON of names and
// base64 values. There is nothing to store, or too much, where it says false.
func encodeXattrs(xattrs map[string][]byte) (string, bool) {
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
	return coded, len(coded) <= maxXattrs
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

// contentType is m's, or what the name says.
func contentType(key string, m backends.Meta) *string {
	t := m.ContentType
	if t == "" {
		t = mime.TypeByExtension(path.Ext(key))
	}
	if t == "" {
		return nil // the server's own default
	}
	return &t
}

// carrying adds what an object carries to its entry.
func carrying(e backends.Entry, m *backends.Meta) backends.Entry {
	e.Meta = m
	if m != nil && m.Mode&typeBits == typeLink {
		e.Kind = backends.Symlink
	}
	return e
}
