package mem

import (
	"context"
	iofs "io/fs"

	"sd/backends"
)

var _ backends.MetaSetter = (*Drive)(nil)

// SetMeta replaces what a file carries, which makes a new version of it.
func (d *Drive) SetMeta(ctx context.Context, name, version string, m backends.Meta) (backends.Entry, error) {
	s := d.store
	if err := s.begin(ctx, "SETMETA", name); err != nil {
		return backends.Entry{}, s.fail("set metadata", name, err)
	}
	e, err := s.setMeta(name, version, m)
	if err = s.settle(ctx, "SETMETA", name, err); err != nil {
		return backends.Entry{}, s.fail("set metadata", name, err)
	}
	return e, nil
}

func (s *Store) setMeta(name, version string, m backends.Meta) (backends.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file, err := s.source(name, version)
	if err != nil {
		return backends.Entry{}, err
	}
	if file.document {
		return backends.Entry{}, iofs.ErrPermission
	}
	return s.store(name, file.data, m, backends.Cond{})
}
