package mem

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/backends"
)

// CopyFrom copies from a Store of the same Account, which counts as a COPY of this one.
func (s *Store) CopyFrom(ctx context.Context, dst string, from backends.Backend, src string, o backends.CopyOptions) (backends.Entry, error) {
	other, ok := from.(*Store)
	if !ok || s.cfg.Account == "" || s.cfg.Account != other.cfg.Account {
		return backends.Entry{}, s.fail("copy", dst, errors.ErrUnsupported)
	}
	if other == s {
		return s.Copy(ctx, dst, src, o)
	}
	if err := s.begin(ctx, "COPY", dst); err != nil {
		return backends.Entry{}, s.fail("copy", dst, err)
	}
	e, err := s.take(dst, other, src, o)
	if err = s.settle(ctx, "COPY", dst, err); err != nil {
		if errors.As(err, new(*iofs.PathError)) {
			return backends.Entry{}, err
		}
		return backends.Entry{}, s.fail("copy", dst, err)
	}
	return e, nil
}

func (s *Store) take(dst string, other *Store, src string, o backends.CopyOptions) (backends.Entry, error) {
	other.mu.Lock()
	file, err := other.source(src, o.Source)
	other.mu.Unlock()
	if err != nil {
		return backends.Entry{}, s.fail("copy", src, err)
	}
	meta := file.meta
	if o.Meta != nil {
		meta = *o.Meta
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store(dst, file.data, meta, o.Cond)
}
