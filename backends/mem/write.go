package mem

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"strings"
	"time"

	"sd/backends"
)

// Put writes a file, and the directories above it, which last as long as there is
// something in them.
func (s *Store) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	if err := s.begin(ctx, "PUT", name); err != nil {
		return backends.Entry{}, s.fail("put", name, err)
	}
	if size > s.cfg.Limits.MaxPut {
		return backends.Entry{}, s.fail("put", name, backends.ErrTooLarge)
	}
	e, err := func() (backends.Entry, error) {
		data, err := s.receive(ctx, r, size)
		if err != nil {
			return backends.Entry{}, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.store(name, data, m, c)
	}()
	if err = s.settle(ctx, "PUT", name, err); err != nil {
		return backends.Entry{}, s.fail("put", name, err)
	}
	return e, nil
}

// receive reads the size bytes that a request sends.
func (s *Store) receive(ctx context.Context, r io.Reader, size int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.BytesOut += int64(len(data))
	return data, err
}

// store needs s.mu.
func (s *Store) store(name string, data []byte, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	p, err := s.place(name)
	if err != nil {
		return backends.Entry{}, err
	}
	if err := check(c, p.existing); err != nil {
		return backends.Entry{}, err
	}
	grows := int64(len(data))
	if p.existing != nil {
		if p.existing.isDir() {
			return backends.Entry{}, backends.ErrIsDir
		}
		if p.existing.document {
			return backends.Entry{}, iofs.ErrPermission
		}
		grows -= p.existing.size()
	}
	if s.cfg.Capacity > 0 && s.used+grows > s.cfg.Capacity {
		return backends.Entry{}, backends.ErrNoSpace
	}
	s.used += grows
	file := s.newFile(data, m)
	s.put(p, file)
	return s.described(name, file), nil
}

// Remove deletes a file.
func (s *Store) Remove(ctx context.Context, name string, c backends.Cond) error {
	if err := s.begin(ctx, "DELETE", name); err != nil {
		return s.fail("remove", name, err)
	}
	err := s.settle(ctx, "DELETE", name, s.unlink(name, c))
	if err != nil {
		return s.fail("remove", name, err)
	}
	return nil
}

func (s *Store) unlink(name string, c backends.Cond) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	file, err := s.find(name)
	if err != nil {
		return err
	}
	if file.isDir() {
		return backends.ErrIsDir
	}
	if err := check(c, file); err != nil {
		return err
	}
	s.used -= file.size()
	s.remove(name)
	if s.cfg.Versions {
		s.removed[s.fold(name)] = file
	}
	return nil
}

// Copy copies a file, with its Meta or another.
func (s *Store) Copy(ctx context.Context, dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	if err := s.begin(ctx, "COPY", dst); err != nil {
		return backends.Entry{}, s.fail("copy", dst, err)
	}
	e, err := s.duplicate(dst, src, o)
	if err = s.settle(ctx, "COPY", dst, err); err != nil {
		if errors.As(err, new(*iofs.PathError)) {
			return backends.Entry{}, err
		}
		return backends.Entry{}, s.fail("copy", dst, err)
	}
	return e, nil
}

func (s *Store) duplicate(dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file, err := s.source(src, o.Source)
	if err != nil {
		return backends.Entry{}, s.fail("copy", src, err)
	}
	if s.fold(dst) == s.fold(src) && o.Meta == nil {
		return backends.Entry{}, iofs.ErrInvalid
	}
	meta := file.meta
	if o.Meta != nil {
		meta = *o.Meta
	}
	return s.store(dst, file.data, meta, o.Cond)
}

// source finds a file to copy from, of a version if that is not "". It needs s.mu.
func (s *Store) source(name, version string) (*node, error) {
	file, err := s.find(name)
	switch {
	case err != nil:
		return nil, err
	case file.isDir():
		return nil, backends.ErrIsDir
	case version != "" && version != file.version:
		return nil, backends.ErrChanged
	}
	return file, nil
}

// Rename moves a file over a file or nothing, or a directory over an empty one or
// nothing; c is about newName.
func (s *Store) Rename(ctx context.Context, oldName, newName string, c backends.Cond) error {
	if err := s.begin(ctx, "RENAME", oldName); err != nil {
		return s.fail("rename", oldName, err)
	}
	s.mu.Lock()
	moved, err := s.find(oldName)
	if err == nil && oldName == "" {
		err = iofs.ErrInvalid
	}
	if err != nil {
		s.mu.Unlock()
		return s.fail("rename", oldName, err)
	}
	err = s.move(moved, oldName, newName, c)
	s.mu.Unlock()
	if err = s.settle(ctx, "RENAME", newName, err); err != nil {
		return s.fail("rename", newName, err)
	}
	return nil
}

// move needs s.mu.
func (s *Store) move(moved *node, oldName, newName string, c backends.Cond) error {
	p, err := s.place(newName)
	if err != nil {
		return err
	}
	if p.existing == moved { // in another case at most
		moved.base = p.base
		s.emit(oldName, moved.isDir())
		s.emit(newName, moved.isDir())
		return nil
	}
	if err := check(c, p.existing); err != nil {
		return err
	}
	switch {
	case moved.isDir() && strings.HasPrefix(s.fold(newName), s.fold(oldName)+"/"):
		return iofs.ErrInvalid
	case p.existing == nil:
	case p.existing.isDir() && !moved.isDir():
		return backends.ErrIsDir
	case !p.existing.isDir() && moved.isDir():
		return backends.ErrNotDir
	case len(p.existing.children) > 0:
		return backends.ErrNotEmpty
	default:
		s.used -= p.existing.size()
	}
	moved.base = p.base
	s.put(p, moved)
	s.remove(oldName)
	return nil
}

// Mkdir makes a directory that lasts until Rmdir. Its parent must exist.
func (s *Store) Mkdir(ctx context.Context, name string) error {
	if err := s.begin(ctx, "MKDIR", name); err != nil {
		return s.fail("mkdir", name, err)
	}
	if err := s.settle(ctx, "MKDIR", name, s.makeDir(name)); err != nil {
		return s.fail("mkdir", name, err)
	}
	return nil
}

func (s *Store) makeDir(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" {
		return iofs.ErrExist
	}
	p, err := s.place(name)
	switch {
	case err != nil:
		return err
	case p.parent == nil:
		return iofs.ErrNotExist
	case p.existing != nil:
		return iofs.ErrExist
	}
	s.put(p, &node{children: map[string]*node{}, modTime: time.Now()})
	return nil
}

// Rmdir removes an empty directory.
func (s *Store) Rmdir(ctx context.Context, name string) error {
	if err := s.begin(ctx, "RMDIR", name); err != nil {
		return s.fail("rmdir", name, err)
	}
	if err := s.settle(ctx, "RMDIR", name, s.removeDir(name)); err != nil {
		return s.fail("rmdir", name, err)
	}
	return nil
}

func (s *Store) removeDir(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := s.find(name)
	switch {
	case err != nil:
		return err
	case !dir.isDir():
		return backends.ErrNotDir
	case name == "":
		return iofs.ErrInvalid
	case len(dir.children) > 0:
		return backends.ErrNotEmpty
	}
	s.remove(name)
	return nil
}

// Meta returns what was put with a file.
func (s *Store) Meta(name string) (backends.Meta, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, err := s.find(name)
	if err != nil {
		return backends.Meta{}, s.fail("meta", name, err)
	}
	return n.meta, nil
}
