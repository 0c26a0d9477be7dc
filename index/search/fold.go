package search

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// separator stands between the folded names of a text, and so in none of them.
const separator = 0

// lower is what ASCII bytes are folded to. No name that a file system can hold has
// a NUL; in a key of a cloud volume it is taken for the character after it.
var lower = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		t[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			t[c] += 'a' - 'A'
		}
	}
	t[separator] = separator + 1
	return t
}()

// fold appends to dst the form of s that is compared: names that differ only in case, or
// in how accents are composed, have the same. Bytes that are not UTF-8 stay as they are.
func fold(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return foldRunes(dst, s, i)
		}
		dst = append(dst, lower[c])
	}
	return dst
}

// foldRunes ends what fold has begun: the first n bytes of s, all ASCII, are in dst. The
// last of them may have an accent that follows it, so it is folded again.
func foldRunes(dst []byte, s string, n int) []byte {
	if n > 0 {
		n--
		dst = dst[:len(dst)-1]
	}
	s = norm.NFC.String(s[n:])
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[0])
		} else {
			dst = utf8.AppendRune(dst, foldRune(r))
		}
		s = s[size:]
	}
	return dst
}

// foldRune returns one and the same of all runes that differ only in case.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		return rune(lower[r])
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	if least < utf8.RuneSelf {
		return rune(lower[least]) // the Kelvin sign is a k
	}
	return unicode.ToLower(least)
}
