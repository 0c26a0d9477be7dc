package sdpath

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxName is the most bytes that one segment of a path below a mountpoint may have.
const MaxName = 255

// Names as shown. A segment of a key that no POSIX name can hold is shown escaped. A
// shown name that begins with "%%" is an escape; every other is the segment itself.
const (
	mark     = "%%"    // begins every escape
	twinTail = "%file" // ends the name of a file that lies beside a folder of its name
	longTail = "%#"    // and the digits of a digest: what the segment is, only its folder's listing tells
	digits   = 32
)

var (
	// ErrLong says that a shown name stands for a segment too long to be written out.
	// Which one it is, only a listing of its folder tells.
	ErrLong = errors.New("a shortened name: only the listing of its folder tells the whole")
	// ErrEscape says that a name begins like an escape and is not one that is ever shown.
	ErrEscape = errors.New(`not an escaped name: "%%" begins one`)
)

// Escape returns the name under which a segment of a key is shown: the segment itself
// where a POSIX name can hold it, else its escape, of at most MaxName bytes. Different
// segments have different names; only beyond MaxName bytes this rests on a digest.
//   - "" is "%%", "." is "%%%2E" and ".." is "%%%2E%2E".
//   - A segment with NUL or "/" in it, or that begins with "%%", is "%%" and the
//     segment, with NUL, "/" and "%" percent-encoded.
//   - What would be longer than MaxName bytes is "%%", a first part of that, "%#" and
//     32 hex digits of the segment's SHA-256.
func Escape(seg string) string {
	if plain(seg) {
		return seg
	}
	return shorten(seg, "")
}

// EscapeTwin returns the name of a file that lies beside a folder of the same name: as
// Escape always encodes, with "%file" at the end. The folder keeps what Escape says.
func EscapeTwin(seg string) string { return shorten(seg, twinTail) }

// Unescape returns the segment that shown stands for, and whether as a twin. It takes
// only what Escape or EscapeTwin returns; else its error is ErrEscape, and ErrLong for
// a shortened name (twin tells the truth even then).
func Unescape(shown string) (seg string, twin bool, err error) {
	if plain(shown) {
		return shown, false, nil
	}
	body, ok := strings.CutPrefix(shown, mark)
	if !ok || len(shown) > MaxName {
		return "", false, ErrEscape
	}
	body, twin = strings.CutSuffix(body, twinTail)
	if head, digest, long := strings.Cut(body, longTail); long {
		if _, ok := decode(head); !ok || !isDigest(digest) {
			return "", false, ErrEscape
		}
		return "", twin, ErrLong
	}
	seg, ok = decode(body)
	if ok && (twin && EscapeTwin(seg) == shown || !twin && Escape(seg) == shown) {
		return seg, twin, nil
	}
	return "", false, ErrEscape
}

// plain tells whether a segment is shown as it is.
func plain(seg string) bool {
	return seg != "" && seg != "." && seg != ".." && len(seg) <= MaxName &&
		!strings.HasPrefix(seg, mark) && !strings.ContainsAny(seg, "/\x00")
}

// shorten writes the escape of seg with a tail, in the long form where it must.
func shorten(seg, tail string) string {
	body := encode(seg)
	if len(mark)+len(body)+len(tail) <= MaxName {
		return mark + body + tail
	}
	sum := sha256.Sum256([]byte(seg))
	tail = longTail + hex.EncodeToString(sum[:])[:digits] + tail
	return mark + cut(body, MaxName-len(mark)-len(tail)) + tail
}

var codes = strings.NewReplacer("\x00", "%00", "%", "%25", "/", "%2F")

// encode percent-encodes what an escape cannot hold as it is.
func encode(seg string) string {
	if seg == "." || seg == ".." {
		return strings.Repeat("%2E", len(seg))
	}
	return codes.Replace(seg)
}

// decode undoes encode; false where it could not have written body.
func decode(body string) (string, bool) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(body, "%")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		if len(after) < 2 {
			return "", false
		}
		switch after[:2] {
		case "00":
			b.WriteByte(0)
		case "25":
			b.WriteByte('%')
		case "2E":
			b.WriteByte('.')
		case "2F":
			b.WriteByte('/')
		default:
			return "", false
		}
		body = after[2:]
	}
}

// cut returns at most n bytes of an encoded segment, and splits neither a code nor a
// character.
func cut(body string, n int) string {
	if len(body) <= n {
		return body
	}
	for back := 1; back <= 2 && back <= n; back++ {
		if body[n-back] == '%' {
			return body[:n-back]
		}
	}
	for at := n; at > n-utf8.UTFMax; at-- {
		if r, size := utf8.DecodeRuneInString(body[at:]); at+size > n && r != utf8.RuneError {
			return body[:at]
		}
	}
	return body[:n] // not UTF-8
}

func isDigest(s string) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
}
