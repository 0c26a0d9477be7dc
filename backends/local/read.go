package local

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"syscall"

	"sd/backends"
)

// Get reads a regular file, or the one that a symbolic link leads to below the
// root. If the file is written in place while it is read, the reader fails with
// backends.ErrChanged; if it is replaced or removed, the reader goes on with the
// old bytes.
func (s *Store) Get(ctx context.Context, name, want string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	f, info, err := s.open(ctx, name)
	if err != nil {
		return nil, backends.Entry{}, s.fail("get", name, err)
	}
	e := entry(name, info)
	switch {
	case want != "" && want != e.Version:
		err = backends.ErrChanged
	case off < 0:
		err = iofs.ErrInvalid
	}
	if err != nil {
		f.Close()
		return nil, backends.Entry{}, s.fail("get", name, err)
	}
	off = min(off, e.Size)
	end := e.Size
	if n >= 0 {
		end = off + min(n, e.Size-off)
	}
	return &reader{ctx: ctx, store: s, name: name, file: f, opened: info, off: off, end: end}, e, nil
}

// open opens a regular file for reading.
func (s *Store) open(ctx context.Context, name string) (*os.File, os.FileInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if !valid(name) {
		return nil, nil, iofs.ErrNotExist
	}
	// Without O_NONBLOCK the open of a pipe would wait for its writer.
	f, err := s.root.OpenFile(path(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENAMETOOLONG) {
		err = iofs.ErrNotExist
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = backends.ErrIsDir
	case !info.Mode().IsRegular():
		err = errors.ErrUnsupported
	default:
		return f, info, nil
	}
	f.Close()
	return nil, nil, err
}

type reader struct {
	ctx      context.Context
	store    *Store
	name     string
	file     *os.File
	opened   os.FileInfo
	off, end int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, r.store.fail("read", r.name, err)
	}
	if r.off >= r.end {
		return 0, io.EOF
	}
	n, err := r.file.ReadAt(p[:min(int64(len(p)), r.end-r.off)], r.off)
	if changed := unchanged(r.file, r.opened); changed != nil {
		return 0, r.store.fail("read", r.name, changed)
	}
	r.off += int64(n)
	switch {
	case err == io.EOF && n == 0 && len(p) > 0:
		err = io.ErrUnexpectedEOF
	case err == io.EOF:
		err = nil
	}
	if err != nil {
		return n, r.store.fail("read", r.name, err)
	}
	return n, nil
}

func (r *reader) Close() error {
	if err := r.file.Close(); err != nil {
		return r.store.fail("close", r.name, err)
	}
	return nil
}

// unchanged is nil while the bytes of f are those that were there when info was
// taken. Unlike a version it does not mind a rename, a link or a chmod.
func unchanged(f *os.File, info os.FileInfo) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if now.Size() != info.Size() || !now.ModTime().Equal(info.ModTime()) {
		return backends.ErrChanged
	}
	return nil
}
