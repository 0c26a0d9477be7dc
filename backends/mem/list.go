package mem

import (
	"context"
	"slices"
	"strings"

	"sd/backends"
)

// List yields the children of dir in key order: as in an object store, a directory
// sorts as if its name ended in a slash.
func (s *Store) List(ctx context.Context, dir string, yield func([]backends.Entry) error) error {
	if err := s.begin(ctx, "LIST", dir); err != nil {
		return s.fail("list", dir, err)
	}
	entries, err := s.children(dir)
	if err != nil {
		return s.fail("list", dir, err)
	}
	return s.pages(ctx, "list", dir, entries, yield)
}

func (s *Store) children(dir string) ([]backends.Entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, err := s.find(dir)
	if err != nil {
		return nil, err
	}
	if !n.isDir() {
		return nil, backends.ErrNotDir
	}
	entries := make([]backends.Entry, 0, len(n.children))
	for _, child := range n.children {
		entries = append(entries, entry(child.base, child))
	}
	slices.SortFunc(entries, byKey)
	return entries, nil
}

// Walk yields every file below prefix, and every directory that Mkdir made, all in
// key order.
func (s *Store) Walk(ctx context.Context, prefix, after string, yield func([]backends.Entry) error) error {
	if err := s.begin(ctx, "LIST", prefix); err != nil {
		return s.fail("walk", prefix, err)
	}
	var entries []backends.Entry
	s.mu.RLock()
	if n, err := s.find(prefix); err == nil {
		entries = below(nil, prefix, n)
	}
	s.mu.RUnlock()
	entries = slices.DeleteFunc(entries, func(e backends.Entry) bool { return key(e) <= after })
	slices.SortFunc(entries, byKey)
	return s.pages(ctx, "walk", prefix, entries, yield)
}

func below(entries []backends.Entry, name string, n *node) []backends.Entry {
	for _, child := range n.children {
		whole := join(name, child.base)
		if !child.implied {
			entries = append(entries, entry(whole, child))
		}
		entries = below(entries, whole, child)
	}
	return entries
}

// pages yields entries, whose first page is already begun. A page is a copy that is
// spoilt after its yield, so that whoever keeps one notices.
func (s *Store) pages(ctx context.Context, op, name string, entries []backends.Entry, yield func([]backends.Entry) error) error {
	page := make([]backends.Entry, 0, s.cfg.PageSize)
	for first := true; len(entries) > 0; first = false {
		if !first {
			if err := s.begin(ctx, "LIST", name); err != nil {
				return s.fail(op, name, err)
			}
		}
		n := min(len(entries), s.cfg.PageSize)
		page = append(page[:0], entries[:n]...)
		entries = entries[n:]
		if err := yield(page); err != nil {
			return err
		}
		for i := range page {
			page[i] = backends.Entry{Name: "kept after yield"}
		}
	}
	return nil
}

// key is what entries are ordered by.
func key(e backends.Entry) string {
	if e.Kind == backends.Dir {
		return e.Name + "/"
	}
	return e.Name
}

func byKey(a, b backends.Entry) int { return strings.Compare(key(a), key(b)) }
