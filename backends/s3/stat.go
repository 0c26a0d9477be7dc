package s3

import (
	"context"
	"errors"
	iofs "io/fs"

	"sd/backends"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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
	if err == nil && !dirFirst {
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
// marker without bytes is fs.ErrNotExist.
func (b *Backend) head(ctx context.Context, name, wanted string) (backends.Entry, error) {
	e, _, err := b.look(ctx, name, wanted)
	return e, err
}

// look is head with the whole reply, also that about a marker.
func (b *Backend) look(ctx context.Context, name, wanted string) (backends.Entry, *sdk.HeadObjectOutput, error) {
	var out *sdk.HeadObjectOutput
	err := b.meta(ctx, "HEAD", func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.HeadObject(ctx, &sdk.HeadObjectInput{
			Bucket: &b.cfg.Bucket, Key: &name, IfMatch: etag(wanted), ChecksumMode: types.ChecksumModeEnabled,
		})
		return err
	})
	if err != nil {
		return backends.Entry{}, nil, err
	}
	e := b.withSum(fileEntry(name, aws.ToInt64(out.ContentLength), out.ETag, out.LastModified))
	switch {
	case wanted != "" && e.Version != wanted:
		return backends.Entry{}, nil, backends.ErrChanged
	case e.Size == 0 && marks(name):
		return backends.Entry{}, out, iofs.ErrNotExist
	}
	e.Class = class(out.StorageClass)
	e.Sums = append(e.Sums, checksums(out)...)
	return carrying(e, out.Metadata, out.ContentType), out, nil
}

// isDir tells whether any key lies below the directory called name, or is its marker.
func (b *Backend) isDir(ctx context.Context, name string) (bool, error) {
	p := prefix(name)
	out, err := b.list(ctx, sdk.ListObjectsV2Input{Prefix: &p, MaxKeys: aws.Int32(1)})
	return err == nil && len(out.Contents) > 0, err
}
