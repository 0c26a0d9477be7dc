package azblob

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"

	"sd/backends"
)

// Mkdir makes a marker: an empty blob called like the directory, with hdi_isfolder=true.
// Something of that name is fs.ErrExist.
func (b *Backend) Mkdir(ctx context.Context, name string) error {
	return pathError("mkdir", name, b.mkdir(work(ctx), name))
}

func (b *Backend) mkdir(ctx context.Context, name string) error {
	if name == "" {
		return iofs.ErrExist
	}
	if err := makeable(name); err != nil {
		return err
	}
	_, err := b.stat(ctx, name, false)
	switch {
	case err == nil:
		err = iofs.ErrExist
	case errors.Is(err, iofs.ErrNotExist):
		w := writing{name: name, metadata: map[string]string{keyFolder: "true"}, cond: backends.Cond{Absent: true}}
		_, err = b.put(ctx, w, strings.NewReader(""), 0)
	}
	return err
}

// Rmdir deletes the markers of a directory without entries. A directory without a marker
// ends with its last entry, so then there is nothing to remove.
func (b *Backend) Rmdir(ctx context.Context, name string) error {
	return pathError("rmdir", name, b.rmdir(work(ctx), name))
}

func (b *Backend) rmdir(ctx context.Context, name string) error {
	if name == "" {
		return iofs.ErrInvalid
	}
	if err := askable(name); err != nil {
		return err
	}
	below := prefix(name)
	slash, found := "", false // the version of the marker with a slash
	for marker := ""; ; {
		page, next, err := b.list(ctx, request{prefix: below, marker: marker, most: 2})
		if err != nil {
			return err
		}
		for _, item := range page.items {
			if *item.Name != below || deref(item.Properties.ContentLength) > 0 {
				return backends.ErrNotEmpty
			}
			slash, found = version(item.Properties.ETag), true
		}
		if marker = next; next == "" {
			break
		}
	}
	e, _, err := b.look(ctx, name, "")
	switch {
	case errors.Is(err, backends.ErrIsDir):
		err = b.delete(ctx, name, e.Version)
	case err == nil && !found:
		return backends.ErrNotDir
	case err == nil, errors.Is(err, iofs.ErrNotExist) && found:
		err = nil
	}
	if err == nil && found {
		err = b.delete(ctx, below, slash)
	}
	return err
}
