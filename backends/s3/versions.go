package s3

import (
	"context"
	"errors"
	iofs "io/fs"
	"sync"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// versioning is whether the bucket keeps versions, as the server said last.
type versioning struct {
	mu    sync.Mutex
	asked time.Time
	keeps bool
}

// versioningFor is how long that is believed.
const versioningFor = 5 * time.Minute

// KeepsVersions asks for the bucket's versioning, at most once in five minutes. A server
// that knows none keeps none as far as anybody can say, and so does one that does not tell
// this account, unless the service does for every bucket.
func (b *Backend) KeepsVersions(ctx context.Context) (bool, error) {
	speaks := b.speaks()
	if speaks.noVersions {
		return false, nil
	}
	v := &b.versioning
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.asked.IsZero() && time.Since(v.asked) < versioningFor {
		return v.keeps, nil
	}
	var out *sdk.GetBucketVersioningOutput
	err := b.meta(ctx, "VERSIONING", func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: &b.cfg.Bucket})
		return err
	})
	switch {
	case err == nil:
		v.keeps = out.Status == types.BucketVersioningStatusEnabled
	case errors.Is(err, errors.ErrUnsupported):
		v.keeps = false
	case errors.Is(err, iofs.ErrPermission):
		v.keeps = speaks.keepsVersions
	default:
		return false, pathError("versioning", "", err)
	}
	v.asked = time.Now()
	return v.keeps, nil
}

// Undelete removes the markers that Remove has put above the versions of a file.
func (b *Backend) Undelete(ctx context.Context, name, version string) (backends.Entry, error) {
	e, err := b.undelete(work(ctx), name, version)
	return e, pathError("undelete", name, err)
}

// maxMarkers is how many removals of one file, one upon the other, are taken back.
const maxMarkers = 16

func (b *Backend) undelete(ctx context.Context, name, version string) (backends.Entry, error) {
	if name == "" {
		return backends.Entry{}, backends.ErrIsDir
	}
	for range maxMarkers {
		newest, marker, err := b.history(ctx, name)
		switch {
		case err != nil:
			return backends.Entry{}, err
		case newest == nil:
			return backends.Entry{}, iofs.ErrNotExist
		case version != "" && fileEntry(name, aws.ToInt64(newest.Size), newest.ETag, newest.LastModified).Version != version:
			return backends.Entry{}, backends.ErrChanged
		}
		if marker != "" {
			if err := b.deleteVersion(ctx, name, marker); err != nil {
				return backends.Entry{}, err
			}
		}
		e, err := b.head(ctx, name, version)
		if marker == "" || !errors.Is(err, iofs.ErrNotExist) {
			return e, err
		}
	}
	return backends.Entry{}, iofs.ErrNotExist
}

// history finds the newest version of a key, and the marker that hides it, if one does. Times
// do not tell which came first: servers round them.
func (b *Backend) history(ctx context.Context, key string) (newest *types.ObjectVersion, marker string, err error) {
	var out *sdk.ListObjectVersionsOutput
	in := sdk.ListObjectVersionsInput{Bucket: &b.cfg.Bucket, Prefix: &key}
	err = b.meta(ctx, "VERSIONS", func(ctx context.Context, api *sdk.Client) (err error) {
		in.EncodingType = b.encoding()
		out, err = api.ListObjectVersions(ctx, &in)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	about := func(k *string) bool { return plainKey(k, out.EncodingType) == key }
	// The key itself comes before longer ones, and of one key the newest comes first.
	for i := range out.Versions {
		if about(out.Versions[i].Key) {
			newest = &out.Versions[i]
			break
		}
	}
	for _, m := range out.DeleteMarkers {
		if about(m.Key) && aws.ToBool(m.IsLatest) {
			marker = aws.ToString(m.VersionId)
		}
	}
	return newest, marker, nil
}

func (b *Backend) deleteVersion(ctx context.Context, key, id string) error {
	call, err := b.rest.Begin(ctx, "DELETE", rest.Work, 0)
	if err != nil {
		return err
	}
	return b.end(call, b.try(call, func(ctx context.Context, api *sdk.Client) error {
		_, err := api.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b.cfg.Bucket, Key: &key, VersionId: &id})
		return err
	}))
}
