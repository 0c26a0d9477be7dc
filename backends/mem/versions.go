package mem

import (
	"context"
	iofs "io/fs"

	"sd/backends"
)

// KeepsVersions tells what the Config says.
func (s *Store) KeepsVersions(ctx context.Context) (bool, error) {
	if err := s.begin(ctx, "VERSIONING", ""); err != nil {
		return false, s.fail("versioning", "", err)
	}
	return s.cfg.Versions, nil
}

// Undelete puts back what Remove has removed last.
func (s *Store) Undelete(ctx context.Context, name, version string) (backends.Entry, error) {
	if err := s.begin(ctx, "UNDELETE", name); err != nil {
		return backends.Entry{}, s.fail("undelete", name, err)
	}
	e, err := s.restore(name, version)
	if err = s.settle(ctx, "UNDELETE", name, err); err != nil {
		return backends.Entry{}, s.fail("undelete", name, err)
	}
	return e, nil
}

func (s *Store) restore(name, version string) (backends.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.place(name)
	if err != nil {
		return backends.Entry{}, err
	}
	file := p.existing
	if file == nil {
		file = s.removed[s.fold(name)]
	}
	switch {
	case file == nil:
		return backends.Entry{}, iofs.ErrNotExist
	case file.isDir():
		return backends.Entry{}, backends.ErrIsDir
	case version != "" && file.version != version:
		return backends.Entry{}, backends.ErrChanged
	}
	if p.existing == nil {
		s.used += file.size()
		s.put(p, file)
		delete(s.removed, s.fold(name))
	}
	return s.described(name, file), nil
}
