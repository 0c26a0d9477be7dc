package s3

import (
	"context"
	"errors"
	"net/url"
	"sync"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// purgesAtOnce is how many versions are removed at a time.
const purgesAtOnce = 8

// Purge removes the versions of what is hidden by a removal, and then what hides them: not
// the other way round, or they would be there again for a moment.
func (b *Backend) Purge(ctx context.Context, name string, below bool) error {
	return pathError("purge", name, b.purge(work(ctx), name, below))
}

func (b *Backend) purge(ctx context.Context, name string, below bool) error {
	if name == "" {
		return backends.ErrIsDir // the whole bucket is not asked for by an empty name
	}
	hidden, err := b.hidden(ctx, name, below)
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

// hidden finds what is kept of removed files: of name, or of all below it. Of the keys that only
// begin like name no more than one page is looked at.
func (b *Backend) hidden(ctx context.Context, name string, below bool) (map[string]*versionsOf, error) {
	found := map[string]*versionsOf{}
	var err error
	if below {
		err = b.addVersions(ctx, found, prefix(name), func(string) bool { return true })
	} else {
		err = b.addVersions(ctx, found, name, func(key string) bool { return key == name })
	}
	for key, h := range found {
		if !h.removed {
			delete(found, key)
		}
	}
	return found, err
}

// addVersions adds the versions of the keys that begin with a prefix, up to the first key that
// is not wanted.
func (b *Backend) addVersions(ctx context.Context, found map[string]*versionsOf, prefix string, wanted func(key string) bool) error {
	over := false
	of := func(key *string, encoding types.EncodingType) *versionsOf {
		k := plainKey(key, encoding)
		if !wanted(k) {
			over = true
			return &versionsOf{}
		}
		if found[k] == nil {
			found[k] = &versionsOf{}
		}
		return found[k]
	}
	in := sdk.ListObjectVersionsInput{Bucket: &b.cfg.Bucket, Prefix: &prefix}
	for {
		var out *sdk.ListObjectVersionsOutput
		err := b.meta(ctx, "VERSIONS", func(ctx context.Context, api *sdk.Client) (err error) {
			in.EncodingType = b.encoding()
			out, err = api.ListObjectVersions(ctx, &in)
			return err
		})
		if err != nil {
			return err
		}
		for _, v := range out.Versions {
			h := of(v.Key, out.EncodingType)
			h.versions = append(h.versions, versionID(v.VersionId))
		}
		for _, m := range out.DeleteMarkers {
			h := of(m.Key, out.EncodingType)
			h.markers = append(h.markers, versionID(m.VersionId))
			h.removed = h.removed || aws.ToBool(m.IsLatest)
		}
		if over || !aws.ToBool(out.IsTruncated) {
			return nil
		}
		next, id := plainKey(out.NextKeyMarker, out.EncodingType), aws.ToString(out.NextVersionIdMarker)
		if next == "" || next == aws.ToString(in.KeyMarker) && id == aws.ToString(in.VersionIdMarker) {
			return &rest.ProtocolError{Text: "a listing that does not end"}
		}
		in.KeyMarker, in.VersionIdMarker = &next, &id
	}
}

// versionID is the id of a version; one that was made without an id is called "null".
func versionID(id *string) string {
	if s := aws.ToString(id); s != "" {
		return s
	}
	return "null"
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
