package azblob

import (
	"fmt"
	iofs "io/fs"
	"strings"
	"unicode/utf8"

	"sd/backends"
)

const (
	maxName     = 1024 // characters
	maxSegments = 254
)

// nameError is a name that Azure cannot hold.
type nameError struct {
	kind error
	text string
}

func (e *nameError) Error() string { return e.kind.Error() + ": " + e.text }
func (e *nameError) Unwrap() error { return e.kind }

// askable tells whether a blob of that name can be asked for: Azure must not take it for
// another. A backslash is a slash to it, so no blob has one in its name.
func askable(name string) error {
	switch {
	case strings.ContainsRune(name, '\\'), !utf8.ValidString(name), strings.ContainsRune(name, 0):
		return iofs.ErrNotExist
	case utf8.RuneCountInString(name) > maxName:
		return iofs.ErrNotExist
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "." || segment == ".." {
			return &nameError{iofs.ErrInvalid, "Azure takes this name for another"}
		}
	}
	return nil
}

// makeable tells whether a blob of that name can be made, as a file.
func makeable(name string) error {
	switch {
	case name == "":
		return backends.ErrIsDir
	case !utf8.ValidString(name), strings.ContainsRune(name, 0):
		return &nameError{iofs.ErrInvalid, "Azure takes names in UTF-8 alone"}
	case strings.ContainsRune(name, '\\'):
		return &nameError{iofs.ErrInvalid, `Azure takes \ for /: use another name`}
	case slashed(name):
		return &nameError{iofs.ErrInvalid, "a name that ends in / stands for a folder"}
	case utf8.RuneCountInString(name) > maxName:
		return &nameError{backends.ErrNameTooLong, fmt.Sprintf("a path in Azure has at most %d characters", maxName)}
	case strings.Count(name, "/") >= maxSegments:
		return &nameError{backends.ErrNameTooLong, fmt.Sprintf("a path in Azure has at most %d segments", maxSegments)}
	}
	for segment := range strings.SplitSeq(name, "/") {
		if strings.HasSuffix(segment, ".") {
			return &nameError{iofs.ErrInvalid, "Azure loses a dot at the end of a name: use another name"}
		}
	}
	return nil
}
