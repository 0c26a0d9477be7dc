package s3

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"

	"sd/backends"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// purgesAtOnce is how many versions are removed at a time.
const purgesAtOnce = 8

// Purge removes the versions of what is hidden by a removal, and then what hides them: not
// the other way round, or they would be there again for a moment.
func (b *Backend) Purge(ctx context.Context, name string) error {
	return pathError("purge", name, b.purge(work(ctx), name))
}

func (b *Backend) purge(ctx context.Context, name string) error {
	if name == "" {
		return backends.ErrIsDir // the whole bucket is not asked for by an empty name
	}
	hidden, err := b.hidden(ctx, name)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil // it knows no versions
	}
	if err != nil {
		return err
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		slots = make(chan struct{}, purgesAtOnce)
	)
	for key, h := range hidden {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			for _, id := range append(h.versions, h.markers...) {
				if e := b.deleteVersion(ctx, key, id); e != nil {
					mu.Lock()
					defer mu.Unlock()
					err = errors.Join(err, e)
					return
				}
			}
		})
	}
	all.Wait()
	return err
}

// versionsOf is what a bucket keeps of one key, by the ids of its versions.
type versionsOf struct {
	versions, markers []string
	removed           bool // the newest is a marker
}

// hidden finds what is kept of removed files: of name and below it.
func (b *Backend) hidden(ctx context.Context, name string) (map[string]*versionsOf, error) {
	found := map[string]*versionsOf{}
	of := func(key *string, encoding types.EncodingType) *versionsOf {
		k := plainKey(key, encoding)
		if k != name && !strings.HasPrefix(k, prefix(name)) {
			return &versionsOf{}
		}
		if found[k] == nil {
			found[k] = &versionsOf{}
		}
		return found[k]
	}
	in := sdk.ListObjectVersionsInput{Bucket: &b.cfg.Bucket, Prefix: &name}
	for {
		var out *sdk.ListObjectVersionsOutput
		err := b.meta(ctx, "VERSIONS", func(ctx context.Context, api *sdk.Client) (err error) {
			in.EncodingType = b.encoding()
			out, err = api.ListObjectVersions(ctx, &in)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, v := range out.Versions {
			h := of(v.Key, out.EncodingType)
			h.versions = append(h.versions, aws.ToString(v.VersionId))
		}
		for _, m := range out.DeleteMarkers {
			h := of(m.Key, out.EncodingType)
			h.markers = append(h.markers, aws.ToString(m.VersionId))
			h.removed = h.removed || aws.ToBool(m.IsLatest)
		}
		if !aws.ToBool(out.IsTruncated) {
			break
		}
		next, id := plainKey(out.NextKeyMarker, out.EncodingType), aws.ToString(out.NextVersionIdMarker)
		if next == "" || next == aws.ToString(in.KeyMarker) && id == aws.ToString(in.VersionIdMarker) {
			return nil, &protocolError{"a listing that does not end"}
		}
		in.KeyMarker, in.VersionIdMarker = &next, &id
	}
	for key, h := range found {
		if !h.removed {
			delete(found, key)
		}
	}
	return found, nil
}

// plainKey undoes the coding of a key.
func plainKey(key *string, encoding types.EncodingType) string {
	if encoding == types.EncodingTypeUrl {
		if plain, err := url.QueryUnescape(aws.ToString(key)); err == nil {
			return plain
		}
	}
	return aws.ToString(key)
}
