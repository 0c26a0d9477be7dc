package front

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold is one spelling for all names that a store without case takes for one.
func Fold(name string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, norm.NFC.String(name)))
}
