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
	_, err := b.stat(ctx, name, false)
	switch {
	case err == nil:
		err = iofs.ErrExist
	case errors.Is(err, iofs.ErrNotExist):
		_, err = b.store(ctx, prefix(name), strings.NewReader(""), 0, backends.Meta{}, backends.Cond{Absent: true})
	}
	return err
}

// Rmdir deletes the marker of a directory without entries. A directory without a
// marker ends with its last entry, so then there is nothing to remove.
func (b *Backend) Rmdir(ctx context.Context, name string) error {
	return pathError("rmdir", name, b.rmdir(ctx, name))
}

func (b *Backend) rmdir(ctx context.Context, name string) error {
	if name == "" {
		return iofs.ErrInvalid
	}
	marker := prefix(name)
	out, err := b.list(ctx, sdk.ListObjectsV2Input{Prefix: &marker, MaxKeys: aws.Int32(2)})
	if err != nil {
		return err
	}
	if _, err := b.decode(out, marker); err != nil {
		return err
	}
	for _, o := range out.Contents {
		if aws.ToString(o.Key) != marker {
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
