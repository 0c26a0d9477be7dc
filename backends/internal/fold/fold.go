// Package fold says which names are one name where a service does not tell upper case from
// lower case.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Name gives what all names of one file have in common: composed characters (NFC), each in
// the least of its cases, by the simple folding of Unicode. "Straße" and "STRASSE" are two
// names, as they are to the services. It works on whole names as it does on segments.
func Name(name string) string {
	if folded, ok := plain(name); ok {
		return folded
	}
	return norm.NFC.String(strings.Map(least, norm.NFC.String(name)))
}

// plain folds what is ASCII, as nearly all names are.
func plain(name string) (string, bool) {
	upper := false
	for i := range len(name) {
		switch c := name[i]; {
		case c >= utf8.RuneSelf:
			return "", false
		case 'A' <= c && c <= 'Z':
			upper = true
		}
	}
	if !upper {
		return name, true
	}
	return strings.ToLower(name), true
}

// least is the one of a character's cases that stands for them all: a small letter for
// ASCII, so that both ways of folding agree, else the first in Unicode.
func least(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		return least + 'a' - 'A'
	}
	return least
}
