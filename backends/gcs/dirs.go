package gcs

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"

	"sd/backends"
)

// Mkdir puts a marker. Something of that name is fs.ErrExist.
func (b *Backend) Mkdir(ctx context.Context, name string) error {
	return pathError("mkdir", name, b.mkdir(ctx, name))
}

func (b *Backend) mkdir(ctx context.Context, name string) error {
	ctx = work(ctx)
	if name == "" {
		return iofs.ErrExist
	}
	if err := holdable(prefix(name)); err != nil {
		return err
	}
	_, err := b.stat(ctx, name, false)
	switch {
	case err == nil:
		err = iofs.ErrExist
	case errors.Is(err, iofs.ErrNotExist):
		o, _ := resource(prefix(name), backends.Meta{})
		_, err = b.store(ctx, o, strings.NewReader(""), 0, backends.Cond{Absent: true})
	}
	return err
}

// Rmdir deletes the marker of a directory without entries; a marker with bytes is one. A
// directory without a marker ends with its last entry, so then there is nothing to remove.
func (b *Backend) Rmdir(ctx context.Context, name string) error {
	return pathError("rmdir", name, b.rmdir(ctx, name))
}

func (b *Backend) rmdir(ctx context.Context, name string) error {
	switch {
	case name == "":
		return iofs.ErrInvalid
	case hidden(name):
		return iofs.ErrNotExist
	}
	ctx = work(ctx)
	marker := prefix(name)
	found, err := b.first(ctx, marker, 2)
	if err != nil {
		return err
	}
	c := backends.Cond{}
	for _, o := range found {
		if o.Name != marker || o.Size > 0 {
			return backends.ErrNotEmpty
		}
		c.Version = version(o.Generation, o.Metageneration)
	}
	if len(found) > 0 {
		return b.delete(ctx, marker, c)
	}
	if _, err := b.head(ctx, name, ""); err != nil {
		return err
	}
	return backends.ErrNotDir
}

// overMarker makes a condition fit for the file that is to be written under key. A marker
// without bytes is nothing that the caller asks about, but the server counts it.
func (b *Backend) overMarker(ctx context.Context, key string, size int64, c backends.Cond) (backends.Cond, error) {
	if key == "" || marks(key) && size == 0 {
		return c, backends.ErrIsDir
	}
	if err := holdable(key); err != nil || !marks(key) || !c.Absent {
		return c, err
	}
	_, o, err := b.look(ctx, key, "")
	switch {
	case err == nil:
		return c, iofs.ErrExist
	case !errors.Is(err, iofs.ErrNotExist):
		return c, err
	case o != nil: // the marker is to be replaced, and nothing else
		c = backends.Cond{Version: version(o.Generation, o.Metageneration)}
	}
	return c, nil
}
