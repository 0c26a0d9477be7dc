// Package stores is one view of everything that holds files: the file systems of this device
// (Local), buckets and drives (Volume), and contents wherever their copies lie (Content). It
// lists them all in one order, so that any two can be compared in one pass, and says what the
// library knows of their files: whose bytes are proven, which times and modes an object had
// where it came from, which bytes a store has already.
//
// What changes a volume through this package, or is told to Set.Learned, reaches the library
// and, by Hooks, a mount.
package stores

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"sd/actions/steps"
	"sd/backends"
	"sd/identity"
	"sd/sdpath"
)

// Kind tells what an Entry is.
type Kind = backends.Kind

// The kinds of Entry.
const (
	File    = backends.File
	Dir     = backends.Dir
	Symlink = backends.Symlink
	Special = backends.Symlink + 1 // a pipe, a socket or a device; it is never copied
)

// Permissions are the bits of Entry.Mode that say who may do what, with set-id and sticky.
const Permissions = 0o7777

var (
	// ErrForeign says that a folder holds no files of the user, and is not entered: a pseudo
	// file system, or a mount of sd, whose files have other names.
	ErrForeign = errors.New("a pseudo file system or a mount of sd: not entered")
	// ErrReadOnly says that a store holds nothing that could be changed by name.
	ErrReadOnly = errors.New("a content has no name to be written to: name a folder or a volume")
)

// Entry describes one file or folder. It is a value; what Sums and Meta refer to is shared
// and must not be changed.
type Entry struct {
	Name string // the whole name in its store, without a slash at the end
	Kind Kind
	Size int64 // bytes; 0 unless it is a File
	// ModTime is the zero time where nobody knows. Of an object it is when it was uploaded,
	// unless TimeKnown.
	ModTime   time.Time
	TimeKnown bool // ModTime is the file's own: of a local file, or what sd has stored with an object
	// Version names these exact bytes: VersionOf a local file, else the backend's. "" for a
	// folder. Compare it by SameVersion.
	Version string

	Mode     uint32 // POSIX type and permission bits, where HasMode
	UID, GID uint32 // where HasOwner
	HasMode  bool
	HasOwner bool
	Link     string // the target of a Symlink; of an object only once it is known

	// What only local files have.
	Links      uint64 // names of the file
	Dev, Inode uint64
	Changed    int64 // ctime, nanoseconds since 1970
	Blocks     int64 // of 512 bytes, that are allocated

	// What only objects have.
	Sums  []backends.Sum
	Meta  *backends.Meta // what the object carries; nil while that is not known. A local folder has its Xattrs here
	Class string         // the storage class, where the service tells one that is not the usual: "GLACIER"
	Bare  bool           // a folder that is there only because something lies in it

	Sum    identity.Sum // BLAKE3 of the bytes, where Proven
	Proven bool         // for this Version
}

// Store is one place where files lie. Names are the store's own: absolute paths in a Local,
// keys in a Volume, UUIDs in a Content; "" is the root of a Volume. Errors are those of
// package backends: *fs.PathError that wraps a sentinel. All methods are safe for concurrent
// use.
type Store interface {
	// Key is equal for the same store, and for no other.
	Key() string
	// Ref tells how Set.Open finds the store again.
	Ref() steps.StoreRef
	URI(name string) sdpath.Path

	// Stat describes name and follows no link. Where a store has a file and a folder of one
	// name, it describes the file.
	Stat(ctx context.Context, name string) (Entry, error)
	// Walk yields all below dir, in the order of keys: bytewise, a folder's name counting with
	// a slash behind it. So a folder comes before what is in it, and names relative to dir come
	// in the same order from every store. The Entry is fn's during the call; its strings, Sums
	// and Meta are so for good. Walk ends at fn's first error and returns it as it is, but for
	// fs.SkipDir about a folder, which only leaves out what is in it, and fs.SkipAll. It calls
	// fn on the goroutine that has called it. A folder that is not there is fs.ErrNotExist in a
	// Local, and empty in a Volume.
	Walk(ctx context.Context, dir string, o WalkOptions, fn func(*Entry) error) error
	// Children is Walk of one folder: it yields what lies in dir, but not what lies farther down.
	Children(ctx context.Context, dir string, fn func(*Entry) error) error

	// Join gives the name of rel below dir, and Rel gives rel back. Rel has slashes between its
	// segments and is "" for dir itself. It may come from another kind of store: segments that
	// no file of this one can have are escaped. In a volume a file or folder right in dir may
	// have an empty name; its rel is "" too, so that it cannot be told from dir.
	Join(dir, rel string) string
	Rel(dir, name string) string
	// Split gives the folder that name lies in, and its last segment.
	Split(name string) (dir, base string)

	// Mkdir makes a folder, with the attributes of e (nil: the usual ones). One that is there
	// is fs.ErrExist. Its parent must be there, in a Local.
	Mkdir(ctx context.Context, name string, e *Entry) error
	// Remove removes a file or link if it is that version ("" is any), else it is
	// backends.ErrChanged.
	Remove(ctx context.Context, name, version string) error
	// Rmdir removes an empty folder. One that is not empty is backends.ErrNotEmpty.
	Rmdir(ctx context.Context, name string) error
	// SetMeta gives a folder the mode, owner and times of e, as far as e has them and the user
	// may. Errors are about what could not be set; the rest is.
	SetMeta(ctx context.Context, name string, e *Entry) error
	// Space returns how many bytes can still be written near name, which need not be there;
	// -1 where nobody knows.
	Space(ctx context.Context, name string) (int64, error)
}

// WalkOptions shape a Walk; the zero value does.
type WalkOptions struct {
	// Problem is told of a folder that cannot be listed; the Walk goes on behind it unless
	// Problem returns an error, which Walk returns. nil: the error itself ends the Walk. A
	// folder that is not entered because it is ErrForeign ends no Walk.
	Problem func(name string, err error) error
	// Hints are names below dir, in order, that divide what is there into about equal parts;
	// a Volume lists the parts side by side. Names that are not there any more do no harm.
	Hints []string
}

// problem decides what becomes of a folder that cannot be listed.
func (o *WalkOptions) problem(name string, err error) error {
	if o.Problem != nil {
		return o.Problem(name, err)
	}
	if errors.Is(err, ErrForeign) {
		return nil
	}
	return err
}

// Key is what Walk orders e by.
func (e *Entry) Key() string {
	if e.Kind == Dir {
		return e.Name + "/"
	}
	return e.Name
}

// isLink tells whether a POSIX mode is that of a symbolic link.
func isLink(mode uint32) bool { return mode&syscall.S_IFMT == syscall.S_IFLNK }

// ended is what a Walk returns where it ended with err.
func ended(err error) error {
	if err == fs.SkipAll {
		return nil
	}
	return err
}
