package local

import (
	"context"
	"errors"
	iofs "io/fs"
	"os"
	"time"

	"sd/backends"
)

// Remove deletes a file, or a symbolic link itself.
func (s *Store) Remove(ctx context.Context, name string, c backends.Cond) error {
	if err := s.remove(ctx, name, c); err != nil {
		return s.fail("remove", name, err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, name string, c backends.Cond) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.lstat(ctx, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return backends.ErrIsDir
	}
	if err := check(c, info); err != nil {
		return err
	}
	return s.unlink(name, false)
}

// Rename moves a file, directory or link; c is about newName. Directories above
// that are made as needed, as by Put.
func (s *Store) Rename(ctx context.Context, oldName, newName string, c backends.Cond) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved, err := s.lstat(ctx, oldName)
	if err == nil && oldName == "" {
		err = iofs.ErrInvalid
	}
	if err != nil {
		return s.fail("rename", oldName, err)
	}
	if err := s.rename(ctx, moved, oldName, newName, c); err != nil {
		return s.fail("rename", newName, err)
	}
	return nil
}

func (s *Store) rename(ctx context.Context, moved os.FileInfo, oldName, newName string, c backends.Cond) error {
	if newName == "" || !valid(newName) {
		return iofs.ErrInvalid
	}
	old, err := s.lstat(ctx, newName)
	if errors.Is(err, iofs.ErrNotExist) {
		old, err = nil, nil
	}
	if err != nil {
		return err
	}
	if err := check(c, old); err != nil {
		return err
	}
	if old != nil && old.IsDir() && !moved.IsDir() {
		return backends.ErrIsDir // which the system calls EEXIST
	}
	from, oldBase, err := s.parent(oldName)
	if err != nil {
		return err
	}
	defer from.Close()
	newDir, newBase := split(newName)
	to, err := s.makeDir(newDir)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := move(from, oldBase, to, newBase, c.Absent); err != nil {
		if old != nil && old.IsDir() && errors.Is(err, iofs.ErrExist) {
			return backends.ErrNotEmpty
		}
		return err
	}
	return errors.Join(syncDir(to), syncDir(from))
}

// Mkdir makes a directory in an existing one.
func (s *Store) Mkdir(ctx context.Context, name string) error {
	if err := s.mkdir(ctx, name); err != nil {
		return s.fail("mkdir", name, err)
	}
	return nil
}

func (s *Store) mkdir(ctx context.Context, name string) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case name == "":
		return iofs.ErrExist
	case !valid(name):
		return iofs.ErrInvalid
	}
	folder, base, err := s.parent(name)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Mkdir(base, 0o777); err != nil {
		return err
	}
	return syncDir(folder)
}

// Rmdir removes an empty directory. What an interrupted Put left in it long ago
// does not count.
func (s *Store) Rmdir(ctx context.Context, name string) error {
	if err := s.rmdir(ctx, name); err != nil {
		return s.fail("rmdir", name, err)
	}
	return nil
}

func (s *Store) rmdir(ctx context.Context, name string) error {
	info, err := s.lstat(ctx, name)
	switch {
	case err != nil:
		return err
	case name == "":
		return iofs.ErrInvalid
	case !info.IsDir():
		return backends.ErrNotDir
	}
	err = s.unlink(name, true)
	if s.isNotEmpty(err) && s.sweep(name) {
		err = s.unlink(name, true)
	}
	if s.isNotEmpty(err) {
		return backends.ErrNotEmpty
	}
	return err
}

// isNotEmpty knows both errors that systems give for a full directory.
func (s *Store) isNotEmpty(err error) bool {
	return err != nil && (errors.Is(s.meaning(err), backends.ErrNotEmpty) || errors.Is(err, iofs.ErrExist))
}

// sweep removes temporary files that nobody writes anymore and reports whether
// there were any.
func (s *Store) sweep(dir string) (swept bool) {
	folder, err := enter(s.root, dir)
	if err != nil {
		return false
	}
	defer folder.Close()
	names, err := folder.Open(".")
	if err != nil {
		return false
	}
	defer names.Close()
	children, _ := names.Readdirnames(-1)
	for _, name := range children {
		info, err := folder.Lstat(name)
		if err == nil && isTemporary(name) && time.Since(info.ModTime()) > time.Hour {
			swept = folder.Remove(name) == nil || swept
		}
	}
	return swept
}

// unlink removes a file, or a directory, never the other of the two.
func (s *Store) unlink(name string, directory bool) error {
	folder, base, err := s.parent(name)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := unlink(folder, base, directory); err != nil {
		return err
	}
	return syncDir(folder)
}

// parent opens the directory that name is in. The caller closes it.
func (s *Store) parent(name string) (folder *os.Root, base string, err error) {
	dir, base := split(name)
	folder, err = enter(s.root, dir)
	return folder, base, err
}
