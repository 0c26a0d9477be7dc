package azblob

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/backends"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Stat describes name by one HEAD and, at the same time, one LIST for the case that it
// is a directory. Where it is both, it describes the file. A directory has no time.
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
		_, err := b.isDir(ctx, name)
		return backends.Entry{Kind: backends.Dir}, err
	}
	if err := askable(name); err != nil {
		return backends.Entry{}, err
	}
	type reply struct {
		exists bool
		err    error
	}
	dir := make(chan reply, 1)
	go func() {
		// Not stopped when the HEAD has answered: that would cost its connection.
		exists, err := b.isDir(context.WithoutCancel(ctx), name)
		dir <- reply{exists, err}
	}()
	e, err := b.head(ctx, name, "")
	switch {
	case errors.Is(err, backends.ErrIsDir):
		return backends.Entry{Name: name, Kind: backends.Dir}, nil
	case err == nil && !dirFirst:
		return e, nil
	}
	select {
	case r := <-dir:
		if r.exists {
			return backends.Entry{Name: name, Kind: backends.Dir}, nil
		}
		// A HEAD's refusal has no body, so it cannot say why; the LIST's can.
		if err != nil && r.err != nil && !errors.Is(err, backends.ErrOffline) {
			err = r.err
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	return e, err
}

// head describes the file called name; another version than wanted is ErrChanged, and a
// marker is ErrIsDir.
func (b *Backend) head(ctx context.Context, name, wanted string) (backends.Entry, error) {
	e, _, err := b.look(ctx, name, wanted)
	return e, err
}

// look is head with the whole reply, also that about a marker.
func (b *Backend) look(ctx context.Context, name, wanted string) (backends.Entry, *blob.GetPropertiesResponse, error) {
	if err := askable(name); err != nil {
		return backends.Entry{}, nil, err
	}
	var out blob.GetPropertiesResponse
	err := b.meta(ctx, "HEAD", func(ctx context.Context, c *container.Client) (err error) {
		out, err = c.NewBlobClient(name).GetProperties(ctx, &blob.GetPropertiesOptions{AccessConditions: condition(backends.Cond{Version: wanted})})
		return err
	})
	if err != nil {
		return backends.Entry{}, nil, err
	}
	metadata := fold(out.Metadata)
	e := fileEntry(name, deref(out.ContentLength), out.ETag, out.LastModified)
	switch {
	case wanted != "" && e.Version != wanted:
		return backends.Entry{}, nil, backends.ErrChanged
	case marks(name, e.Size, metadata) && slashed(name):
		return e, &out, iofs.ErrNotExist
	case marks(name, e.Size, metadata):
		return e, &out, backends.ErrIsDir
	}
	e.Sums = sums(out.BlobType, out.ContentMD5)
	e.Class = class(deref(out.AccessTier), out.AccessTierInferred)
	return described(e, metadata, out.ContentType), &out, nil
}

// isDir tells whether any blob lies below the directory called name, or is its marker with
// a slash. A page may be empty though there are more.
func (b *Backend) isDir(ctx context.Context, name string) (bool, error) {
	for marker := ""; ; {
		page, next, err := b.list(ctx, request{prefix: prefix(name), marker: marker, most: 1})
		if err != nil || len(page.items) > 0 || next == "" {
			return err == nil && len(page.items) > 0, err
		}
		marker = next
	}
}

// condition is what a request says for c.
func condition(c backends.Cond) *blob.AccessConditions {
	if c == (backends.Cond{}) {
		return nil
	}
	m := &blob.ModifiedAccessConditions{IfMatch: etag(c.Version)}
	if c.Absent {
		m.IfNoneMatch = &anything
	}
	return &blob.AccessConditions{ModifiedAccessConditions: m}
}
