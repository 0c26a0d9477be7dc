package s3

import (
	"context"
	"errors"
	iofs "io/fs"
	"strings"

	"sd/backends"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Mkdir puts a marker. Something of that name is fs.ErrExist.
func (b *Backend) Mkdir(ctx context.Context, name string) error {
	return pathError("mkdir", name, b.mkdir(ctx, name))
}

func (b *Backend) mkdir(ctx context.Context, name string) error {
	ctx = work(ctx)
	_, err := b.stat(ctx, name, false)
	switch {
	case err == nil:
		err = iofs.ErrExist
	case errors.Is(err, iofs.ErrNotExist):
		_, err = b.store(ctx, prefix(name), strings.NewReader(""), 0, backends.Meta{}, backends.Cond{Absent: true})
	}
	return err
}

// Rmdir deletes the marker of a directory without entries; a marker with bytes is one. A directory without a
// marker ends with its last entry, so then there is nothing to remove.
func (b *Backend) Rmdir(ctx context.Context, name string) error {
	return pathError("rmdir", name, b.rmdir(ctx, name))
}

func (b *Backend) rmdir(ctx context.Context, name string) error {
	if name == "" {
		return iofs.ErrInvalid
	}
	ctx = work(ctx)
	marker := prefix(name)
	out, err := b.list(ctx, sdk.ListObjectsV2Input{Prefix: &marker, MaxKeys: aws.Int32(2)})
	if err != nil {
		return err
	}
	if _, err := b.decode(out, marker); err != nil {
		return err
	}
	for _, o := range out.Contents {
		if aws.ToString(o.Key) != marker || aws.ToInt64(o.Size) > 0 {
			return backends.ErrNotEmpty
		}
	}
	if len(out.Contents) > 0 {
		return b.delete(ctx, marker, "")
	}
	if _, err := b.head(ctx, name, ""); err != nil {
		return err
	}
	return backends.ErrNotDir
}

// overMarker makes a condition fit for the file that is to be written under key. A marker
// without bytes is nothing that the caller asks about, but the server counts it.
func (b *Backend) overMarker(ctx context.Context, key string, size int64, c backends.Cond) (backends.Cond, error) {
	switch {
	case key == "" || marks(key) && size == 0:
		return c, backends.ErrIsDir
	case !marks(key) || !c.Absent:
		return c, nil
	}
	_, out, err := b.look(ctx, key, "")
	switch {
	case err == nil:
		return c, iofs.ErrExist
	case !errors.Is(err, iofs.ErrNotExist):
		return c, err
	case out != nil: // the marker is to be replaced, and nothing else
		c = backends.Cond{Version: version(aws.ToString(out.ETag), aws.ToTime(out.LastModified), 0)}
	}
	return c, nil
}
