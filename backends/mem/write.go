package mem

import (
	"context"
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
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return backends.Entry{}, s.fail("put", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.store(name, data, m, c)
	if err != nil {
		return backends.Entry{}, s.fail("put", name, err)
	}
	s.stats.BytesOut += size
	return e, nil
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
		grows -= p.existing.size()
	}
	if s.cfg.Capacity > 0 && s.used+grows > s.cfg.Capacity {
		return backends.Entry{}, backends.ErrNoSpace
	}
	s.used += grows
	file := s.newFile(data, m)
	s.put(p, file)
	return entry(name, file), nil
}

// Remove deletes a file.
func (s *Store) Remove(ctx context.Context, name string, c backends.Cond) error {
	if err := s.begin(ctx, "DELETE", name); err != nil {
		return s.fail("remove", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	file, err := s.find(name)
	switch {
	case err != nil:
	case file.isDir():
		err = backends.ErrIsDir
	default:
		err = check(c, file)
	}
	if err != nil {
		return s.fail("remove", name, err)
	}
	s.used -= file.size()
	s.remove(name)
	return nil
}

// Copy copies a file with its Meta.
func (s *Store) Copy(ctx context.Context, dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	if err := s.begin(ctx, "COPY", dst); err != nil {
		return backends.Entry{}, s.fail("copy", dst, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	file, err := s.find(src)
	if err == nil && file.isDir() {
		err = backends.ErrIsDir
	}
	if err != nil {
		return backends.Entry{}, s.fail("copy", src, err)
	}
	meta := file.meta
	if o.Meta != nil {
		meta = *o.Meta
	}
	e, err := s.store(dst, file.data, meta, o.Cond)
	if err != nil {
		return backends.Entry{}, s.fail("copy", dst, err)
	}
	return e, nil
}

// Rename moves a file over a file or nothing, or a directory over an empty one or
// nothing; c is about newName.
func (s *Store) Rename(ctx context.Context, oldName, newName string, c backends.Cond) error {
	if err := s.begin(ctx, "RENAME", oldName); err != nil {
		return s.fail("rename", oldName, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	moved, err := s.find(oldName)
	if err == nil && oldName == "" {
		err = iofs.ErrInvalid
	}
	if err != nil {
		return s.fail("rename", oldName, err)
	}
	if err := s.move(moved, oldName, newName, c); err != nil {
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
	if err := check(c, p.existing); err != nil {
		return err
	}
	switch {
	case p.existing == moved:
		return nil
	case moved.isDir() && strings.HasPrefix(newName, oldName+"/"):
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
	s.put(p, moved)
	s.remove(oldName)
	return nil
}

// Mkdir makes a directory that lasts until Rmdir. Its parent must exist.
func (s *Store) Mkdir(ctx context.Context, name string) error {
	if err := s.begin(ctx, "MKDIR", name); err != nil {
		return s.fail("mkdir", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" {
		return s.fail("mkdir", name, iofs.ErrExist)
	}
	p, err := s.place(name)
	switch {
	case err != nil:
	case p.parent == nil:
		err = iofs.ErrNotExist
	case p.existing != nil:
		err = iofs.ErrExist
	}
	if err != nil {
		return s.fail("mkdir", name, err)
	}
	s.put(p, &node{children: map[string]*node{}, modTime: time.Now()})
	return nil
}

// Rmdir removes an empty directory.
func (s *Store) Rmdir(ctx context.Context, name string) error {
	if err := s.begin(ctx, "RMDIR", name); err != nil {
		return s.fail("rmdir", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := s.find(name)
	switch {
	case err != nil:
	case !dir.isDir():
		err = backends.ErrNotDir
	case name == "":
		err = iofs.ErrInvalid
	case len(dir.children) > 0:
		err = backends.ErrNotEmpty
	}
	if err != nil {
		return s.fail("rmdir", name, err)
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
