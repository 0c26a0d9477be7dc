// Package backends says what a store of files must do for sd, and nothing about
// how. A store is a bucket, a container, a drive or a local folder. The required
// part is small (describe, list, read); what else a store can do it offers as
// further one-method interfaces, found by type assertion:
//
//	if r, ok := b.(backends.Renamer); ok { … }
//
// Rules for every method of every interface here:
//   - Names are slash-separated and relative, "" is the root. They are kept byte
//     for byte: no cleaning, no percent-coding.
//   - Errors are *fs.PathError (io/fs) whose Err wraps one of the sentinels below,
//     fs.ErrNotExist, fs.ErrExist, fs.ErrPermission or errors.ErrUnsupported where
//     one fits; callers decide with errors.Is only. No error text holds a secret.
//   - Methods are safe for concurrent use, block until done, and return soon after
//     ctx ends. A store bounds each request by a deadline of its own, so that
//     nothing hangs under a context that never ends.
package backends

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"
)

// Sentinels; see also io/fs for ErrNotExist, ErrExist and ErrPermission.
var (
	// ErrChanged says that the object is not (or no longer) the version asked for.
	ErrChanged = errors.New("changed since it was last seen")
	// ErrNotEmpty says that a directory still has entries.
	ErrNotEmpty = errors.New("directory not empty")
	// ErrIsDir says that a file operation met a directory.
	ErrIsDir = errors.New("is a directory")
	// ErrNotDir says that a directory operation met a file.
	ErrNotDir = errors.New("not a directory")
	// ErrOffline says that the store could not be reached, or was not asked because it
	// did not answer a moment ago.
	ErrOffline = errors.New("unreachable")
	// ErrNoSpace says that the store is full.
	ErrNoSpace = errors.New("no space left")
	// ErrQuota says that the account may not store more.
	ErrQuota = errors.New("over quota")
	// ErrTooLarge says that the store holds no object of that size.
	ErrTooLarge = errors.New("too large")
	// ErrNameTooLong says that the store holds no object of so long a name.
	ErrNameTooLong error = syscall.ENAMETOOLONG
	// ErrNoUpload says that an upload in parts is no longer there: it was aborted, has
	// expired, or was committed and what it made has been replaced since.
	ErrNoUpload = errors.New("the upload is gone: begin it again")
)

// Kind tells what an Entry is.
type Kind uint8

// The kinds of Entry.
const (
	File Kind = iota
	Dir
	Symlink
)

// Sum is one checksum that the service gives away for free.
type Sum struct {
	Algorithm string // "md5", "etag-multipart", "sha256", "crc32c", "crc64nvme", …
	Hex       string
}

// Entry describes one file or directory as the store knows it. It is a value;
// Sums is shared and must not be changed.
type Entry struct {
	// Name is the last segment in what List yields and the whole name everywhere
	// else. A directory's name has no trailing slash.
	Name string
	// ID is the store's own id where names may repeat, else "".
	ID   string
	Kind Kind
	// Size is in bytes; 0 for a directory.
	Size int64
	// ModTime is the zero time where the store knows none (a bare prefix).
	ModTime time.Time
	// Version names these exact bytes (an ETag, a generation, or mtime and size where
	// a store has nothing better). Two reads of one Version give the same bytes.
	Version string
	Sums    []Sum
	// Unsized says that the listing could not tell Size and Version, which are zero: the
	// service makes the bytes when they are asked for (an export of a document). Stat tells
	// them, which may take as long as a Get, and no other answer is Unsized. Where such a file
	// cannot be written, its Entry has Meta with Mode 0o444 everywhere, in listings too.
	Unsized bool
	// Meta is what the object carries; nil where the reply does not tell, as in most
	// listings. It is shared and must not be changed.
	Meta *Meta
	// Class is the storage class where the service tells one other than its usual: "GLACIER",
	// "DEEP_ARCHIVE". Such a file may have to be restored before it can be read.
	Class string
	// Shown is the name that a mount shows where it cannot show Name, else "". Stores
	// leave it empty and do not look at it.
	Shown string
}

// Label is the name under which a mount shows e: Shown, or else Name.
func (e *Entry) Label() string {
	if e.Shown != "" {
		return e.Shown
	}
	return e.Name
}

// A Backend can describe, list and read.
type Backend interface {
	// Stat describes name. A prefix that exists only because objects lie below it is a
	// directory. The root always exists once the store answers.
	Stat(ctx context.Context, name string) (Entry, error)

	// List yields the children of dir page by page, in the order of the store, each
	// child once. Pages are not empty; the slice is the callee's again after yield
	// returns. It stops at yield's first error and returns that error as it is.
	// An absent dir is fs.ErrNotExist where the store can tell from the same request.
	List(ctx context.Context, dir string, yield func([]Entry) error) error

	// Get reads n bytes at off (n < 0: to the end) of version ("" is any). The Entry
	// comes from the reply itself, so opening needs no Stat. Another version than the
	// one asked for is ErrChanged. At or past the end the reader is empty. A body that
	// ends early makes the reader fail with io.ErrUnexpectedEOF, never with io.EOF.
	// The caller closes the reader; ctx bounds its whole life.
	Get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, Entry, error)
}

// Cond makes a write conditional; the zero Cond does not.
type Cond struct {
	Absent  bool   // only if there is nothing of that name (else fs.ErrExist)
	Version string // only if this is the present version (else ErrChanged)
}

// Meta travels with an object where the service can carry it. Zero fields are
// not written, and mean unknown where they are read.
type Meta struct {
	ModTime     time.Time
	Mode        uint32 // POSIX permission and type bits; a symlink has Kind Symlink
	UID, GID    *uint32
	LinkTarget  string
	BLAKE3      string // 64 hex characters over all bytes
	ContentType string
	Xattrs      map[string][]byte // extended attributes of the user, by whole name
}

// A Putter writes whole objects. On an error the old object stands as it was.
type Putter interface {
	Put(ctx context.Context, name string, r io.ReadSeeker, size int64, m Meta, c Cond) (Entry, error)
}

// A Remover deletes one file. A missing one is fs.ErrNotExist where the store tells.
type Remover interface {
	Remove(ctx context.Context, name string, c Cond) error
}

// CopyOptions say what a Copy must hold to.
type CopyOptions struct {
	// Source is the version of src to copy, "" for any; another is ErrChanged. Size is
	// its size where Source is set: with both known, no request is spent on finding out.
	Source string
	Size   int64
	// Meta replaces what the object carries; nil takes over what src carries. With it,
	// dst may be src: only what the object carries changes then (and its Version).
	Meta *Meta
	Cond Cond // of dst
}

// A Copier copies inside the store; no byte passes through the caller. Size is no
// limit. On an error the old dst stands as it was.
type Copier interface {
	Copy(ctx context.Context, dst, src string, o CopyOptions) (Entry, error)
}

// A PeerCopier copies from another store of the same service, without a byte passing through
// the caller: both are reached in the same place by the same account. Whether that is so it
// finds out without asking anybody; if not, it is errors.ErrUnsupported. All else is as for
// Copier. A service that refuses one account to read there and write here says
// fs.ErrPermission; then the bytes have to pass through the caller.
type PeerCopier interface {
	CopyFrom(ctx context.Context, dst string, from Backend, src string, o CopyOptions) (Entry, error)
}

// An Undeleter can bring back what Remove has removed, as long as the store keeps versions.
type Undeleter interface {
	// KeepsVersions tells whether it does, for files that are removed from now on. The answer
	// is kept for a while.
	KeepsVersions(ctx context.Context) (bool, error)
	// Undelete brings a file back as it was when it was removed, and describes it. version is
	// the one that it had then: another is ErrChanged, as is a file of that name that was made
	// since. A file that is back already is described, so that it can be called again. What the
	// store has not kept is fs.ErrNotExist.
	Undelete(ctx context.Context, name, version string) (Entry, error)
}

// A Purger removes for good what the store keeps of removed files: of the file name, or with
// below of all that lay in and below the folder name, and then not of a file that had that name.
// Files that are there are left alone, and so are their older versions. A store that keeps nothing
// has nothing to do.
type Purger interface {
	Purge(ctx context.Context, name string, below bool) error
}

// UploadLimits are what a store's uploads in parts must keep to; sizes in bytes.
type UploadLimits struct {
	MinPart, MaxPart int64 // of every part but the last, which may be shorter
	MaxParts         int
	MaxPut           int64 // the largest object that Putter takes in one piece
}

// An Uploader writes large objects in parts, in any order and several at a time.
// Nothing of an upload is visible before Commit.
type Uploader interface {
	Limits() UploadLimits
	// Upload begins an upload of name, which will carry m. With the id of one that was
	// begun before, by this process or another, it goes on with that one and asks nobody.
	Upload(ctx context.Context, name, id string, m Meta) (Upload, error)
}

// Part is one part of an upload that has arrived. It can be kept as JSON, and given to
// Commit by another process.
type Part struct {
	Num  int    // from 1 on
	Size int64  // in bytes
	Tag  string // the store's own word for it
}

// Upload is one upload in parts. It is safe for concurrent use.
type Upload interface {
	// ID names the upload for Uploader.Upload.
	ID() string
	// Part sends a part, read from where r stands, again from there for each attempt.
	// The same number again replaces the part.
	Part(ctx context.Context, num int, r io.ReadSeeker, size int64) (Part, error)
	// CopyPart makes a part of n bytes at off of the version of src, inside the store.
	CopyPart(ctx context.Context, num int, src, version string, off, n int64) (Part, error)
	// Commit makes the object of the given parts, in the order of their numbers. When it
	// fails by its condition, the upload is still there and can be committed again.
	Commit(ctx context.Context, parts []Part, c Cond) (Entry, error)
	// Abort drops all parts. One that is gone already is no error.
	Abort(ctx context.Context) error
}

// Begun is an upload in parts that was neither committed nor aborted.
type Begun struct {
	ID    string    // for Uploader.Upload, to abort it
	At    time.Time // when, by the clock of the store
	Parts int       // that have arrived; a store may stop counting at one
}

// An UploadFinder finds the uploads of a file, also those whose ids nobody got to know because
// the answer to their beginning was lost. There are those of other programs among them.
type UploadFinder interface {
	FindUploads(ctx context.Context, name string) ([]Begun, error)
}

// Capabilities are what a server was found to heed of the conditions sent to it, by
// verb: those of the target, and for Copy also the version of the source. Where it does
// not, the store looks before it writes, and somebody else may write in between.
type Capabilities struct {
	PutAbsent, PutVersion       bool
	CommitAbsent, CommitVersion bool
	CommitGone                  bool // commits of an upload that is gone are refused
	CopyAbsent, CopyVersion     bool
	CopySource                  bool
	RemoveVersion               bool
	CopyPart                    bool // parts can be copied inside the store
}

// A Prober finds out about its Capabilities. It asks the server once in its life, by
// writing a tiny object that it removes again; later calls answer from memory.
type Prober interface {
	Capabilities(ctx context.Context) (Capabilities, error)
}

// A MetaSetter changes what a file carries and no byte of it, in stores that need no copy for
// that. Fields that the service cannot carry are left out; the Entry tells what it is now,
// also its version, which may be a new one. Another version than the one given is ErrChanged
// ("" is any).
type MetaSetter interface {
	SetMeta(ctx context.Context, name, version string, m Meta) (Entry, error)
}

// A Renamer renames files and directories, in one step where the service replaces in one. A
// service that cannot replace sets aside first what has the new name; when that is cut
// short, both are still there and listed. c is about what has the new name. Where the store
// is a CaseFolder and both names are of one file, that file's name changes, and c is not
// asked.
type Renamer interface {
	Rename(ctx context.Context, oldName, newName string, c Cond) error
}

// A DirMaker makes and removes empty directories.
type DirMaker interface {
	Mkdir(ctx context.Context, name string) error
	Rmdir(ctx context.Context, name string) error
}

// A DirStater may hold a file and a directory of one name. Stat describes the file
// then; StatDir the directory, and else it is Stat, at the same price.
type DirStater interface {
	StatDir(ctx context.Context, name string) (Entry, error)
}

// A CaseFolder finds a file in whatever case its name is asked for, in every method, and
// keeps the case that it was made with. Stat yields a Name whose last segment is the store's.
type CaseFolder interface {
	// Fold returns what all names of one file or directory have in common.
	Fold(name string) string
}

// A Watcher tells what others have changed, and may tell what was changed through it.
type Watcher interface {
	// Watch calls changed with each name that came, went or changed; below says that this
	// holds for everything below it as well, and "" with below that nothing is known. It asks
	// the store from time to time, goes on when that cannot be reached, and returns when ctx
	// has ended or the store cannot tell changes (errors.ErrUnsupported). Calls are not
	// concurrent.
	Watch(ctx context.Context, changed func(name string, below bool)) error
}

// A Walker lists everything below prefix, flat and in key order; names are whole. The
// key of a file is its name, that of a directory its name and a slash. Files are all
// there; of directories those that exist by themselves, and no others need be.
// It starts after the key "after" ("" is the beginning), so that a walk can resume.
// That may be any string, whether something has that key or not: after "dir/" comes what
// lies in dir, without dir itself. It stops at yield's first error and returns that
// error as it is; a page is asked for while yield has the one before it, at the earliest.
type Walker interface {
	Walk(ctx context.Context, prefix, after string, yield func([]Entry) error) error
}

// A Meter tells how full the store is, in bytes; free < 0 means unknown.
type Meter interface {
	Usage(ctx context.Context) (used, free int64, err error)
}

// Stats counts what a store was asked, since it was opened.
type Stats struct {
	Requests map[string]int64 // by operation: "LIST", "GET", "HEAD", "PUT", …
	Errors   int64
	Retries  int64
	Stalls   int64 // requests cut off because nothing arrived for too long
	BytesIn  int64
	BytesOut int64
}

// A Counter tells its Stats.
type Counter interface {
	Stats() Stats
}

// Health is what the store's circuit breaker believes. Asking costs no request.
type Health struct {
	Online bool
	Since  time.Time // of the present state; zero if it was never asked
	Err    string    // the last failure while offline, without secrets
	// Expired says that the login has ended: all that needs the store is fs.ErrPermission
	// until there is a new one.
	Expired bool
}

// A HealthReporter tells its Health.
type HealthReporter interface {
	Health() Health
}
