package gcs

import (
	"strings"
	"unicode/utf8"

	"sd/backends"
)

// reserved begins the keys of the parts of unfinished uploads.
const reserved = ".sd-uploads/"

// maxKey is the most bytes of a key.
const maxKey = 1024

// prefix returns the key prefix of the directory called name.
func prefix(name string) string {
	if name == "" {
		return ""
	}
	return name + "/"
}

// marks tells whether key is that of a marker, as long as the object has no bytes.
func marks(key string) bool { return strings.HasSuffix(key, "/") }

// hidden tells whether a key, or a name, is none of the user's.
func hidden(key string) bool { return strings.HasPrefix(prefix(key), reserved) }

// holdable is nil for keys that an object may have.
func holdable(key string) error {
	switch {
	case len(key) > maxKey:
		return backends.ErrNameTooLong
	case key == "." || key == ".." || !utf8.ValidString(key) || strings.ContainsAny(key, "\r\n") || hidden(key):
		return errName
	}
	return nil
}
