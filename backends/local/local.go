// Package local makes a folder of this machine a store. Nothing in it leads out of
// the folder: a symbolic link is followed only to something below the same root.
//
// Conditions hold between all users of one Store. Against other programs Absent is
// atomic where the system can rename without replacing (Linux), and Version is
// checked just before the write.
//
// A system call that the kernel does not answer, as on a dead network mount, ends
// neither with its context nor by a deadline.
package local

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"sd/backends"
)

// A Store is one folder. Use Open.
type Store struct {
	root    *os.Root
	escapes error // what os.Root says of a path that leads out of it

	mu sync.Mutex // held from the check of a condition until what it allows is done
}

var _ interface {
	backends.Backend
	backends.Putter
	backends.Remover
	backends.Copier
	backends.Renamer
	backends.DirMaker
	backends.Walker
	backends.Meter
} = (*Store)(nil)

// Open opens the folder at path, which must exist. The caller closes the Store;
// readers that are open then go on.
func Open(path string) (*Store, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	_, err = root.Lstat("..")
	var escapes *iofs.PathError
	if !errors.As(err, &escapes) {
		root.Close()
		return nil, &iofs.PathError{Op: "open", Path: path, Err: errors.ErrUnsupported}
	}
	return &Store{root: root, escapes: escapes.Err}, nil
}

// Close gives the folder back to the system.
func (s *Store) Close() error { return s.root.Close() }

// Stat describes name. A symbolic link is described itself.
func (s *Store) Stat(ctx context.Context, name string) (backends.Entry, error) {
	info, err := s.lstat(ctx, name)
	if err != nil {
		return backends.Entry{}, s.fail("stat", name, err)
	}
	return entry(name, info), nil
}

func (s *Store) lstat(ctx context.Context, name string) (os.FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !valid(name) {
		return nil, iofs.ErrNotExist
	}
	return s.root.Lstat(path(name))
}

// Usage tells how full the file system of the folder is, not the folder alone.
func (s *Store) Usage(ctx context.Context) (used, free int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, -1, s.fail("usage", "", err)
	}
	dir, err := s.root.Open(".")
	if err != nil {
		return 0, -1, s.fail("usage", "", err)
	}
	defer dir.Close()
	used, free, err = usage(dir)
	if err != nil {
		return 0, -1, s.fail("usage", "", err)
	}
	return used, free, nil
}

// valid tells whether a file can have that name here, byte for byte.
func valid(name string) bool {
	if name == "" {
		return true
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." || isTemporary(segment) {
			return false
		}
	}
	return !strings.ContainsRune(name, 0)
}

// enter opens the directory called name below folder. The caller closes it.
func enter(folder *os.Root, name string) (*os.Root, error) {
	child, err := folder.OpenRoot(path(name))
	if err == nil {
		return child, nil
	}
	// The error of OpenRoot on a file is one that nobody can know.
	info, statErr := folder.Stat(path(name))
	if statErr == nil && !info.IsDir() {
		return nil, backends.ErrNotDir
	}
	return nil, err
}

// path is what os.Root calls a name.
func path(name string) string {
	if name == "" {
		return "."
	}
	return name
}

func split(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

func join(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}

func entry(name string, info os.FileInfo) backends.Entry {
	e := backends.Entry{Name: name, ModTime: info.ModTime()}
	switch info.Mode().Type() {
	case os.ModeDir:
		e.Kind = backends.Dir
		return e
	case os.ModeSymlink:
		e.Kind = backends.Symlink
	}
	e.Size, e.Version = info.Size(), version(info)
	return e
}

// version changes with every write, and also with a change of mode, owner or link
// count: the change time is the only one that no program can set back.
func version(info os.FileInfo) string {
	inode, changed := identity(info)
	text := strconv.AppendUint(nil, inode, 36)
	for _, n := range []int64{info.Size(), info.ModTime().UnixNano(), changed} {
		text = strconv.AppendInt(append(text, '.'), n, 36)
	}
	return string(text)
}

// fail makes the error of a method from what the system said.
func (s *Store) fail(op, name string, err error) error {
	return &iofs.PathError{Op: op, Path: name, Err: s.meaning(err)}
}

// meanings are the errors of the system for which package backends or io/fs has a
// word of its own that syscall.Errno does not know.
var meanings = map[syscall.Errno]error{
	syscall.ENOTDIR:      backends.ErrNotDir,
	syscall.EISDIR:       backends.ErrIsDir,
	syscall.ENOTEMPTY:    backends.ErrNotEmpty,
	syscall.ENOSPC:       backends.ErrNoSpace,
	syscall.EDQUOT:       backends.ErrNoSpace,
	syscall.EFBIG:        backends.ErrTooLarge,
	syscall.EINVAL:       iofs.ErrInvalid,
	syscall.ENAMETOOLONG: iofs.ErrInvalid,
	syscall.EROFS:        iofs.ErrPermission,
	syscall.ENOTCONN:     backends.ErrOffline,
	syscall.ESTALE:       backends.ErrOffline,
}

func (s *Store) meaning(err error) error {
	var pathErr *iofs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		err = pathErr.Err
	case errors.As(err, &linkErr):
		err = linkErr.Err
	}
	if errors.Is(err, s.escapes) {
		return iofs.ErrPermission
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if word, ok := meanings[errno]; ok {
			return word
		}
	}
	return err
}
