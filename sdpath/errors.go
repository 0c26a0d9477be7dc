package sdpath

import (
	"fmt"
	"strings"
)

// UnknownSchemeError says that a URI or mount path starts with no scheme of ours.
type UnknownSchemeError struct {
	Scheme string // "" where there is none
	Input  string // what was to be read
}

func (e *UnknownSchemeError) Error() string {
	known := "local content"
	for _, s := range Services() {
		known += " " + string(s)
	}
	known = strings.ReplaceAll(known, " ", "://, ") + "://"
	if e.Scheme == "" {
		return fmt.Sprintf("%q has no scheme: start it with one of %s", e.Input, known)
	}
	return fmt.Sprintf("unknown scheme %q in %q: use one of %s", e.Scheme, e.Input, known)
}

// InvalidContentIDError says that what follows content:// is no UUID.
type InvalidContentIDError struct{ ID string }

func (e *InvalidContentIDError) Error() string {
	return fmt.Sprintf("invalid content id %q: write content:// and a UUID, as in content://550e8400-e29b-41d4-a716-446655440000", e.ID)
}

// EmptyIdentifierError says that the device, bucket or drive is missing after the scheme.
type EmptyIdentifierError struct {
	Scheme string
	Input  string
}

func (e *EmptyIdentifierError) Error() string {
	what := "bucket or drive"
	if e.Scheme == "local" {
		what = "device"
	}
	return fmt.Sprintf("%q names no %s: write %s://NAME/PATH", e.Input, what, e.Scheme)
}

// EmptySlugError says that a device's name has neither letter nor digit.
type EmptySlugError struct{ Name string }

func (e *EmptySlugError) Error() string {
	return fmt.Sprintf("device name %q has neither letter nor digit: choose a name with at least one", e.Name)
}

// NameError says that a segment of a path below a mountpoint stands for no key that
// could be told from it alone. Err is ErrLong or ErrEscape.
type NameError struct {
	Name string // the segment
	Err  error
}

func (e *NameError) Error() string {
	if e.Err == ErrLong {
		return fmt.Sprintf("%q is %v", e.Name, e.Err)
	}
	return fmt.Sprintf("%q is %v: see Odd names in docs/semantics.md", e.Name, e.Err)
}

func (e *NameError) Unwrap() error { return e.Err }
