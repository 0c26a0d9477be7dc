package local

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"strings"

	"sd/backends"
)

// Files that are being written have names of their own, which the Store neither
// lists nor opens.
const temporaryPrefix = ".sd-put-"

func isTemporary(base string) bool { return strings.HasPrefix(base, temporaryPrefix) }

// Put writes a file beside its place and moves it there when all of it is on disk.
// Directories above it are made as needed. Of m it keeps time, permissions and, as
// far as it may, the owner; a zero Mode is that of the file it replaces. It makes
// no symbolic links (errors.ErrUnsupported).
func (s *Store) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	e, err := s.write(ctx, name, source{Reader: r, size: size}, m, c)
	if err != nil {
		return backends.Entry{}, s.fail("put", name, err)
	}
	return e, nil
}

// Copy copies a file with its time and permissions. The system
// shares the blocks of both files where it can.
func (s *Store) Copy(ctx context.Context, dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	f, info, err := s.open(ctx, src)
	if err != nil {
		return backends.Entry{}, s.fail("copy", src, err)
	}
	defer f.Close()
	if o.Source != "" && version(info) != o.Source {
		return backends.Entry{}, s.fail("copy", src, backends.ErrChanged)
	}
	m := backends.Meta{ModTime: info.ModTime(), Mode: uint32(info.Mode().Perm())}
	if o.Meta != nil {
		m = *o.Meta
	}
	whole := func() error { return unchanged(f, info) }
	e, err := s.write(ctx, dst, source{f, info.Size(), whole}, m, o.Cond)
	if err != nil {
		return backends.Entry{}, s.fail("copy", dst, err)
	}
	return e, nil
}

// A source gives the bytes of a file to write. A Reader that is an *os.File is
// copied by the system alone.
type source struct {
	io.Reader
	size  int64
	whole func() error // says afterwards whether they were of one version; may be nil
}

func (s *Store) write(ctx context.Context, name string, from source, m backends.Meta, c backends.Cond) (e backends.Entry, err error) {
	switch {
	case ctx.Err() != nil:
		return e, ctx.Err()
	case name == "" || !valid(name) || from.size < 0:
		return e, iofs.ErrInvalid
	case m.LinkTarget != "":
		return e, errors.ErrUnsupported
	}
	dir, base := split(name)
	folder, err := s.makeDir(dir)
	if err != nil {
		return e, err
	}
	defer folder.Close()
	old, err := replaceable(folder, base, c)
	if err != nil {
		return e, err
	}
	if m.Mode == 0 && old != nil && old.Mode().IsRegular() {
		m.Mode = uint32(old.Mode().Perm())
	}

	temporary := temporaryPrefix + rand.Text()
	f, err := folder.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return e, err
	}
	defer func() {
		f.Close()
		if err != nil {
			folder.Remove(temporary)
		}
	}()
	if err := fill(ctx, f, from); err != nil {
		return e, err
	}
	if err := dress(folder, f, temporary, m); err != nil {
		return e, err
	}
	if err := f.Sync(); err != nil {
		return e, err
	}
	if err := s.install(folder, temporary, base, c); err != nil {
		return e, err
	}
	// What stands there now may already be another's; ours is what was written.
	info, err := f.Stat()
	if err != nil {
		return e, err
	}
	return entry(name, info), nil
}

// install gives a finished file its name and makes that last.
func (s *Store) install(folder *os.Root, temporary, base string, c backends.Cond) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := replaceable(folder, base, c); err != nil {
		return err
	}
	if err := move(folder, temporary, folder, base, c.Absent); err != nil {
		return err
	}
	return syncDir(folder)
}

// replaceable returns what base is now, nil for nothing, or why no file may take
// its place.
func replaceable(folder *os.Root, base string, c backends.Cond) (os.FileInfo, error) {
	old, err := folder.Lstat(base)
	if errors.Is(err, iofs.ErrNotExist) {
		old, err = nil, nil
	}
	if err == nil {
		err = check(c, old)
	}
	if err == nil && old != nil && old.IsDir() {
		err = backends.ErrIsDir
	}
	return old, err
}

// check tells whether c allows to replace what is there, nil for nothing.
func check(c backends.Cond, info os.FileInfo) error {
	switch {
	case c.Absent && info != nil:
		return iofs.ErrExist
	case c.Version != "" && (info == nil || version(info) != c.Version):
		return backends.ErrChanged
	}
	return nil
}

// makeDir opens a directory, made before if need be.
func (s *Store) makeDir(dir string) (*os.Root, error) {
	folder, err := enter(s.root, dir)
	if !errors.Is(err, iofs.ErrNotExist) {
		return folder, err
	}
	above, base := split(dir)
	parent, err := s.makeDir(above)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	if err := parent.Mkdir(base, 0o777); err != nil && !errors.Is(err, iofs.ErrExist) {
		return nil, err
	}
	if err := syncDir(parent); err != nil {
		return nil, err
	}
	return enter(parent, base)
}

// fill writes all of from to f, or fails.
func fill(ctx context.Context, f *os.File, from source) error {
	const step = 16 << 20
	for left := from.size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(f, from.Reader, min(left, step))
		left -= n
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	if from.whole != nil {
		return from.whole()
	}
	return nil
}

// dress gives a file what m says of it, times last.
func dress(folder *os.Root, f *os.File, name string, m backends.Meta) error {
	if m.UID != nil || m.GID != nil {
		if err := f.Chown(id(m.UID), id(m.GID)); err != nil && !errors.Is(err, iofs.ErrPermission) {
			return err
		}
	}
	if m.Mode != 0 {
		if err := f.Chmod(os.FileMode(m.Mode).Perm()); err != nil {
			return err
		}
	}
	if !m.ModTime.IsZero() {
		return folder.Chtimes(name, m.ModTime, m.ModTime)
	}
	return nil
}

// id is a user or group for chown, where -1 changes nothing.
func id(n *uint32) int {
	if n == nil {
		return -1
	}
	return int(*n)
}

func syncDir(folder *os.Root) error {
	dir, err := folder.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
