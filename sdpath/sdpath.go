// Package sdpath is the one name that every file has: a Physical path on a
// device, a Cloud key in a bucket or drive, or a Content id. Each is written as a
// URI (s3://photos/a.jpg) or as the path below a mountpoint that shows the same
// file (s3/photos/a.jpg). A URI is raw: there is no percent-coding. So is the path,
// but for segments of keys that no POSIX name can hold, which it has escaped (Escape).
package sdpath

import (
	"path"
	"strings"

	"github.com/google/uuid"
)

// Path is a Physical, a Cloud or a Content; there is no fourth kind. All three are
// comparable values and serve as map keys.
type Path interface {
	// String returns the URI. Parse(p.String()) == p for every p that Parse or
	// ParseMount returned or NewPhysical made, and for every Cloud whose Identifier is
	// not empty and has no slash.
	String() string
	isPath()
}

// Physical is a file on a device.
type Physical struct {
	// DeviceSlug is a slug, a device's UUID, or "local" for this device; never empty.
	DeviceSlug string
	// Path is absolute and lexically clean: "/etc/hosts", or with a drive letter and
	// forward slashes "C:/Users". The roots are "/" and "C:/".
	Path string
}

// Cloud is an object, or the folder above some, in a bucket, container or drive.
type Cloud struct {
	Service Service
	// Identifier is the name of the volume's mount point, most often the bucket; it is
	// never empty and has no slash.
	Identifier string
	// Path is the key, byte for byte: "a//b", "./a" and "a/" are three keys. It is ""
	// for the root.
	Path string
}

// Content is a file wherever a copy of its bytes lies.
type Content struct{ ID uuid.UUID }

func (Physical) isPath() {}
func (Cloud) isPath()    {}
func (Content) isPath()  {}

// NewPhysical returns the Physical for an absolute path on the device; a relative
// one is taken from the root. It cleans the path.
func NewPhysical(deviceSlug, name string) Physical {
	return Physical{DeviceSlug: deviceSlug, Path: cleanPhysical(name)}
}

func (p Physical) String() string { return "local://" + p.rest() }
func (p Cloud) String() string    { return string(p.Service) + "://" + p.rest() }
func (p Content) String() string  { return "content://" + p.ID.String() }

// rest is what follows the scheme. A directory of a POSIX root that looks like a
// drive ("/C:/x") keeps a second slash, so that it is not read back as one.
func (p Physical) rest() string {
	switch {
	case p.Path == "/" || p.Path == "":
		return p.DeviceSlug
	case p.Path[0] != '/' || hasDrive(p.Path[1:]):
		return p.DeviceSlug + "/" + p.Path
	}
	return p.DeviceSlug + p.Path
}

func (p Cloud) rest() string {
	if p.Path == "" {
		return p.Identifier
	}
	return p.Identifier + "/" + p.Path
}

// Mount returns where p is shown, relative to the mountpoint: its URI with "/" in
// place of "://", and a key as EscapeKey has it. ParseMount reads it back, unless a
// segment was too long for that (ErrLong).
func Mount(p Path) string {
	if c, ok := p.(Cloud); ok {
		c.Path = EscapeKey(c.Path)
		return string(c.Service) + "/" + c.rest()
	}
	return strings.Replace(p.String(), "://", "/", 1)
}

// Parse reads a URI. The scheme is matched without regard to case and gs:// is
// gcs://. Its errors are *UnknownSchemeError, *EmptyIdentifierError and
// *InvalidContentIDError. A path without a scheme is an UnknownSchemeError.
func Parse(uri string) (Path, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || strings.Contains(scheme, "/") {
		return nil, &UnknownSchemeError{Input: uri}
	}
	return parse(uri, scheme, rest)
}

// ParseMount reads a path relative to a mountpoint, as in "s3/photos/a.jpg". It
// fails as Parse does, and with a *NameError for what UnescapeKey does not read. The
// path of a file beside a folder of its name gives the key of both.
func ParseMount(rel string) (Path, error) {
	scheme, rest, _ := strings.Cut(rel, "/")
	p, err := parse(rel, scheme, rest)
	c, ok := p.(Cloud)
	if err != nil || !ok {
		return p, err
	}
	if c.Path, err = UnescapeKey(c.Path); err != nil {
		return nil, err
	}
	return c, nil
}

func parse(input, scheme, rest string) (Path, error) {
	switch strings.ToLower(scheme) {
	case "local":
		slug, name, _ := strings.Cut(rest, "/")
		if slug == "" {
			return nil, &EmptyIdentifierError{Scheme: "local", Input: input}
		}
		return Physical{DeviceSlug: slug, Path: cleanPhysical(name)}, nil
	case "content":
		id, err := parseContentID(rest)
		if err != nil {
			return nil, err
		}
		return Content{ID: id}, nil
	}
	service, err := ParseService(scheme)
	if err != nil {
		return nil, &UnknownSchemeError{Scheme: scheme, Input: input}
	}
	identifier, key, _ := strings.Cut(rest, "/")
	if identifier == "" {
		return nil, &EmptyIdentifierError{Scheme: string(service), Input: input}
	}
	return Cloud{Service: service, Identifier: identifier, Path: key}, nil
}

func cleanPhysical(name string) string {
	if hasDrive(name) {
		return name[:2] + path.Clean("/"+name[2:])
	}
	return path.Clean("/" + name)
}

// hasDrive tells whether name starts with a drive letter: "C:" or "C:/…".
func hasDrive(name string) bool {
	if len(name) < 2 || name[1] != ':' || len(name) > 2 && name[2] != '/' {
		return false
	}
	letter := name[0] | 0x20
	return 'a' <= letter && letter <= 'z'
}

// parseContentID reads the 36 characters of a UUID. A file extension after them is
// free and is dropped.
func parseContentID(s string) (uuid.UUID, error) {
	if len(s) < 36 || len(s) > 36 && s[36] != '.' || strings.Contains(s, "/") {
		return uuid.UUID{}, &InvalidContentIDError{ID: s}
	}
	id, err := uuid.Parse(s[:36])
	if err != nil {
		return uuid.UUID{}, &InvalidContentIDError{ID: s}
	}
	return id, nil
}
