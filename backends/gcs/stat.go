package gcs

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"

	"sd/backends"
	"sd/backends/internal/rest"

	sdk "google.golang.org/api/storage/v1"
)

// Stat describes name by one request for an object and, at the same time, one LIST for
// the case that it is a directory. Where it is both, it describes the file. A directory
// has no time.
func (b *Backend) Stat(ctx context.Context, name string) (backends.Entry, error) {
	e, err := b.stat(ctx, name, false)
	return e, pathError("stat", name, err)
}

// StatDir is Stat that waits for both answers: where name is both, it describes the
// directory.
func (b *Backend) StatDir(ctx context.Context, name string) (backends.Entry, error) {
	e, err := b.stat(ctx, name, true)
	return e, pathError("stat", name, err)
}

func (b *Backend) stat(ctx context.Context, name string, dirFirst bool) (backends.Entry, error) {
	if name == "" {
		_, err := b.list(ctx, listing{most: 1})
		return backends.Entry{Kind: backends.Dir}, err
	}
	if hidden(name) {
		return backends.Entry{}, iofs.ErrNotExist
	}
	type reply struct {
		exists bool
		err    error
	}
	dir := make(chan reply, 1)
	go func() {
		// Not stopped when the object was found: that would cost its connection.
		exists, err := b.isDir(context.WithoutCancel(ctx), name)
		dir <- reply{exists, err}
	}()
	e, err := b.head(ctx, name, "")
	if err == nil && !dirFirst {
		return e, nil
	}
	select {
	case r := <-dir:
		if r.exists {
			return backends.Entry{Name: name, Kind: backends.Dir}, nil
		}
		// That there is no object is not enough as long as the other answer is missing.
		if errors.Is(err, iofs.ErrNotExist) && r.err != nil {
			err = r.err
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	return e, err
}

// head describes the file called name; other bytes than those of the version wanted are
// ErrChanged, and a marker without bytes is fs.ErrNotExist.
func (b *Backend) head(ctx context.Context, name, wanted string) (backends.Entry, error) {
	e, _, err := b.look(ctx, name, wanted)
	return e, err
}

// look is head with the whole reply, also that about a marker.
func (b *Backend) look(ctx context.Context, name, wanted string) (backends.Entry, *sdk.Object, error) {
	if err := holdable(name); err != nil && !hidden(name) {
		return backends.Entry{}, nil, iofs.ErrNotExist
	}
	var o *sdk.Object
	err := b.meta(ctx, "HEAD", func(ctx context.Context, api *sdk.Service) (err error) {
		o, err = api.Objects.Get(b.cfg.Bucket, name).Context(ctx).Do()
		return err
	})
	if err != nil {
		return backends.Entry{}, nil, err
	}
	if o.Name != name || o.Generation <= 0 {
		return backends.Entry{}, nil, &rest.ProtocolError{Text: "it describes another object"}
	}
	e := entry(name, o)
	switch {
	case wanted != "" && !sameBytes(e.Version, wanted):
		return backends.Entry{}, nil, backends.ErrChanged
	case o.Size == 0 && marks(name):
		return backends.Entry{}, o, iofs.ErrNotExist
	}
	return asked(e, wanted), o, nil
}

// isDir tells whether any key lies below the directory called name, or is its marker.
func (b *Backend) isDir(ctx context.Context, name string) (bool, error) {
	p := prefix(name)
	if holdable(strings.TrimSuffix(p, "/")+"/") != nil {
		return false, nil
	}
	found, err := b.first(ctx, p, 1)
	return len(found) > 0, err
}
