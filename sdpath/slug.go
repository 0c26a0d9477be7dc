package sdpath

import (
	"strings"
	"unicode"
)

// Slug makes a device's name into what stands in paths: lower case, without
// apostrophes, and with "-" for all that is neither letter nor digit. A name of
// which nothing is left is an *EmptySlugError.
func Slug(deviceName string) (string, error) {
	var b strings.Builder
	for _, r := range strings.ToLower(deviceName) {
		switch {
		case r == '\'' || r == '’':
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	slug := strings.Trim(b.String(), "-")
	if slug == "" {
		return "", &EmptySlugError{Name: deviceName}
	}
	return slug, nil
}
