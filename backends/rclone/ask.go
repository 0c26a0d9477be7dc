package rclone

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/backends"

	"github.com/rclone/rclone/fs"
)

// ask looks for a file by its name alone, so that what is done to one file does not cost a
// listing of all that lie beside it. A file that was seen before, and still has its id, is that
// file. It yields nothing where only a listing can tell: a name that was never seen, or is a
// folder's, or may be one that twins are told apart by.
func (s *store) ask(ctx context.Context, c *conn, name string) (*child, error) {
	dir, leaf := split(name)
	at, err := s.folder(ctx, c, dir)
	if err != nil {
		return nil, err
	}
	known := s.seen.last(s.key(name))
	if known != nil && known.place.fs == at.fs {
		at = at.child(known.leaf)
	} else {
		known, at = nil, at.child(leaf)
	}
	o, err := at.fs.NewObject(ctx, at.path)
	if err == nil {
		if known == nil || known.id == "" || known.id != idOf(o) {
			return nil, nil
		}
		return &child{label: known.label, leaf: known.leaf, id: known.id, file: o, place: at}, nil
	}
	switch kind := kindOf(err); {
	case errors.Is(kind, backends.ErrIsDir), errors.Is(kind, iofs.ErrInvalid), errors.Is(kind, backends.ErrNameTooLong):
		return nil, nil
	case !errors.Is(kind, iofs.ErrNotExist):
		return nil, err
	case s.certain(leaf):
		return nil, iofs.ErrNotExist
	}
	return nil, nil
}

// certain tells whether nothing has a name if the service finds nothing of that name.
func (s *store) certain(leaf string) bool {
	switch {
	case !tellsFolders[s.remote.Type]:
		return false
	case s.habits.twins && suffixPattern.MatchString(leaf):
		return false
	case s.habits.folds:
		for i := range len(leaf) {
			if leaf[i] >= 0x80 { // services differ in what they take for the same letter
				return false
			}
		}
	}
	return true
}

// own returns the file that was found as an object of c that nobody else has, for what changes it.
func (s *store) own(ctx context.Context, c *conn, found *child) (fs.Object, error) {
	if !found.shared {
		return s.object(ctx, c, found.file, found.place)
	}
	return s.fetch(ctx, c, found.id, found.place)
}
