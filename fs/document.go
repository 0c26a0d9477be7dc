package fs

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/backends"
)

// Documents are files of which the service makes the bytes when it is asked for them. A listing
// does not tell their size; it is asked for when somebody looks at the file by itself, and
// remembered in the listing.

// documentMode is the mode that a store tells of a file which nobody can write. One that
// somebody has set has the bits of its type besides.
const documentMode = 0o444

// isDocument tells whether what carries m cannot be written.
func isDocument(m *backends.Meta) bool { return m != nil && m.Mode == documentMode }

// document tells whether o cannot be written.
func (o *object) document() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.staged == nil && isDocument(o.entry.Meta)
}

// measure asks for size and version of an entry of a folder, and notes them.
func (s *store) measure(ctx context.Context, dir string, listed backends.Entry) (backends.Entry, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	e, err := s.stat(ctx, join(dir, listed.Name))
	if err != nil {
		if errors.Is(err, iofs.ErrNotExist) {
			s.tree.names.Invalidate(s.dirKey(dir))
		}
		return e, err
	}
	// It is the listing's entry, completed: by its id and time the next listing knows it again.
	e.Name, e.Shown, e.ID, e.ModTime = listed.Name, listed.Shown, listed.ID, listed.ModTime
	if e.Meta == nil {
		e.Meta = listed.Meta
	}
	s.tree.names.Put(s.dirKey(dir), e)
	return e, nil
}
