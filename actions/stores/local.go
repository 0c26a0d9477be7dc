//go:build unix

package stores

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"sd/actions/steps"
	"sd/backends"
	"sd/library/catalog"
	"sd/resolver"
	"sd/sdpath"
)

// Local is the file systems of this device. Names are clean absolute paths. Folders on the way
// to a name may be links; the last segment is never followed.
type Local struct {
	slug     string
	device   uuid.UUID
	resolver *resolver.Resolver
	maxOpen  int // how many folders a Walk holds open

	mu     sync.Mutex // guards what follows
	mounts *resolver.Locals
	read   time.Time
}

var _ Store = (*Local)(nil)

// Key is the same for all file systems of the device; Entry.Dev tells them apart.
func (l *Local) Key() string { return "local:" + l.device.String() }

// Ref names the device.
func (l *Local) Ref() steps.StoreRef {
	return steps.StoreRef{Kind: "local", URI: l.URI("/").String(), Fingerprint: l.device.String()}
}

// URI returns the SdPath of an absolute path of this machine.
func (l *Local) URI(name string) sdpath.Path { return sdpath.NewPhysical(l.slug, name) }

func (l *Local) place() catalog.Place { return catalog.DevicePlace(l.device) }

// Volume returns the file system that name lies on, going by the path's words alone; nil where
// the system names none.
func (l *Local) Volume(name string) *resolver.Volume {
	mounts, err := l.table()
	if err != nil {
		return nil
	}
	v, _ := mounts.At(name)
	return v
}

// table returns the mount table, read within the last second.
func (l *Local) table() (*resolver.Locals, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.mounts == nil || now.Sub(l.read) > time.Second {
		mounts, err := l.resolver.Locals()
		if err != nil {
			return nil, err
		}
		l.mounts, l.read = mounts, now
	}
	return l.mounts, nil
}

// Stat is lstat. Of a folder it also reads the extended attributes, into Meta.
func (l *Local) Stat(_ context.Context, name string) (Entry, error) {
	var st unix.Stat_t
	if err := uninterrupted(func() error { return unix.Lstat(name, &st) }); err != nil {
		return Entry{}, LocalError("stat", name, err)
	}
	e := Entry{Name: name}
	e.describe(&st)
	switch e.Kind {
	case Symlink:
		var err error
		if e.Link, err = readLink(unix.AT_FDCWD, name); err != nil {
			return Entry{}, LocalError("readlink", name, err)
		}
	case Dir:
		if xattrs := folderXattrs(name); len(xattrs) > 0 {
			e.Meta = &backends.Meta{Xattrs: xattrs}
		}
	}
	return e, nil
}

// StatFD describes an open file as Stat would; name goes into the Entry.
func (l *Local) StatFD(fd int, name string) (Entry, error) {
	var st unix.Stat_t
	if err := uninterrupted(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return Entry{}, LocalError("stat", name, err)
	}
	e := Entry{Name: name}
	e.describe(&st)
	return e, nil
}

// describe takes over what the system tells of a file.
func (e *Entry) describe(st *unix.Stat_t) {
	e.local(uint32(st.Mode), st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino, uint64(st.Nlink))
	e.UID, e.GID, e.Dev, e.Blocks = st.Uid, st.Gid, uint64(st.Dev), st.Blocks
}

// local sets what makes up a local file's version, and what follows from its mode.
func (e *Entry) local(mode uint32, size, mtime, ctime int64, inode, links uint64) {
	e.Mode, e.HasMode, e.HasOwner, e.TimeKnown = mode, true, true, true
	e.ModTime, e.Changed, e.Inode, e.Links = time.Unix(0, mtime), ctime, inode, links
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Kind, e.Size = File, size
	case unix.S_IFDIR:
		e.Kind = Dir
		return
	case unix.S_IFLNK:
		e.Kind = Symlink
	default:
		e.Kind = Special
	}
	e.Version = VersionOf(e.Size, mtime, ctime, inode, links)
}

// readLink reads the link of that name in an open folder.
func readLink(dir int, name string) (string, error) {
	var room [256]byte
	for buf := room[:]; ; buf = make([]byte, 4*len(buf)) {
		n := 0
		err := uninterrupted(func() (err error) { n, err = unix.Readlinkat(dir, name, buf); return err })
		if err != nil || n < len(buf) {
			return string(buf[:max(n, 0)]), err
		}
	}
}

// Join escapes those segments of rel that no file name can be, as a mount shows them, so that
// the result always lies below dir.
func (l *Local) Join(dir, rel string) string {
	if rel == "" {
		return dir
	}
	return strings.TrimSuffix(dir, "/") + "/" + speakable(rel)
}

// speakable escapes the segments of a key that are no file names.
func speakable(rel string) string {
	clean := true
	for seg := range strings.SplitSeq(rel, "/") {
		clean = clean && isName(seg)
	}
	if clean {
		return rel
	}
	segments := sdpath.SplitKey(rel)
	for i, seg := range segments {
		if !isName(seg) {
			segments[i] = sdpath.Escape(seg)
		}
	}
	return strings.Join(segments, "/")
}

// isName tells whether a file can have that name.
func isName(seg string) bool {
	return seg != "" && seg != "." && seg != ".." && len(seg) <= sdpath.MaxName && !strings.ContainsAny(seg, "/\x00")
}

// Rel returns the path of name below dir.
func (l *Local) Rel(dir, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, strings.TrimSuffix(dir, "/")), "/")
}

// Split gives the parent folder; that of "/" is "/" itself, with "" as the name.
func (l *Local) Split(name string) (dir, base string) {
	if name == "/" {
		return "/", ""
	}
	at := strings.LastIndexByte(name, '/')
	return max(name[:at], "/"), name[at+1:]
}

// Mkdir makes the folder so that its files can be written; SetMeta brings the rest when they
// are. It is never open to more people than e says.
func (l *Local) Mkdir(_ context.Context, name string, e *Entry) error {
	mode := uint32(0o777)
	if e != nil && e.HasMode {
		mode = e.Mode&0o777 | 0o700
	}
	return LocalError("mkdir", name, uninterrupted(func() error { return unix.Mkdir(name, mode) }))
}

// Remove compares the version and then unlinks; what happens to the name between the two is
// not seen.
func (l *Local) Remove(ctx context.Context, name, version string) error {
	if version != "" {
		e, err := l.Stat(ctx, name)
		if err != nil {
			return err
		}
		if !SameVersion(version, e.Version) {
			return &fs.PathError{Op: "remove", Path: name, Err: backends.ErrChanged}
		}
	}
	return LocalError("remove", name, uninterrupted(func() error { return unix.Unlink(name) }))
}

// Rmdir is rmdir.
func (l *Local) Rmdir(_ context.Context, name string) error {
	return LocalError("rmdir", name, uninterrupted(func() error { return unix.Rmdir(name) }))
}

// SetMeta sets owner, extended attributes, mode and then times.
func (l *Local) SetMeta(_ context.Context, name string, e *Entry) error {
	fd := -1
	if err := uninterrupted(func() (err error) {
		fd, err = unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	}); err != nil {
		return LocalError("set attributes of", name, err)
	}
	defer unix.Close(fd)
	var errs []error
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil {
		return LocalError("stat", name, err)
	}
	if e.HasOwner && (now.Uid != e.UID || now.Gid != e.GID) {
		errs = append(errs, LocalError("chown", name, unix.Fchown(fd, int(e.UID), int(e.GID))))
	}
	if e.Meta != nil && len(e.Meta.Xattrs) > 0 {
		errs = append(errs, LocalError("set extended attributes of", name, setXattrs(fd, e.Meta.Xattrs)))
	}
	if e.HasMode {
		errs = append(errs, LocalError("chmod", name, unix.Fchmod(fd, e.Mode&Permissions)))
	}
	if e.TimeKnown {
		t := unix.NsecToTimeval(e.ModTime.UnixNano())
		errs = append(errs, LocalError("set the time of", name, unix.Futimes(fd, []unix.Timeval{t, t})))
	}
	return errors.Join(errs...)
}

// Space asks the file system of the nearest folder that is there.
func (l *Local) Space(_ context.Context, name string) (int64, error) {
	for {
		var st unix.Statfs_t
		err := uninterrupted(func() error { return unix.Statfs(name, &st) })
		if err == nil {
			return int64(st.Bavail) * int64(st.Bsize), nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) || name == "/" {
			return -1, LocalError("statfs", name, err)
		}
		name, _ = l.Split(name)
	}
}

// LocalError makes what a system call says about a file an error of package backends; nil
// stays nil.
func LocalError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	for _, is := range localErrors {
		if errors.Is(err, is.errno) {
			err = is.sentinel
			break
		}
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

var localErrors = []struct{ errno, sentinel error }{
	{unix.ENOTEMPTY, backends.ErrNotEmpty},
	{unix.EISDIR, backends.ErrIsDir},
	{unix.ENOTDIR, backends.ErrNotDir},
	{unix.ENOSPC, backends.ErrNoSpace},
	{unix.EDQUOT, backends.ErrQuota},
	{unix.EFBIG, backends.ErrTooLarge},
	{unix.EROFS, fmt.Errorf("%w: the file system is mounted read-only", fs.ErrPermission)},
}

// uninterrupted repeats a system call that a signal has ended.
func uninterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
