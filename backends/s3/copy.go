package s3

import (
	"cmp"
	"context"
	"errors"
	iofs "io/fs"
	"net/http"
	"net/url"
	"strings"

	"sd/backends"
	"sd/backends/internal/carry"
	"sd/backends/internal/rest"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Copy copies a file inside the bucket. Without a Source, what is copied is the version
// that src had when it began. Larger files than one request may copy go in parts. New
// Meta costs a HEAD, to keep what else the object carries.
func (b *Backend) Copy(ctx context.Context, dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	e, err := b.copy(ctx, dst, b, src, o)
	return e, pathError("copy", dst, err)
}

// CopyFrom copies from another bucket of the same server and account, as Copy does inside
// one.
func (b *Backend) CopyFrom(ctx context.Context, dst string, from backends.Backend, src string, o backends.CopyOptions) (backends.Entry, error) {
	other, ok := from.(*Backend)
	if !ok || !b.cfg.reaches(&other.cfg) {
		return backends.Entry{}, pathError("copy", dst, errors.ErrUnsupported)
	}
	e, err := b.copy(ctx, dst, other, src, o)
	return e, pathError("copy", dst, err)
}

// reaches tells whether both buckets are in one place, and the same account asks for both.
func (c *Config) reaches(other *Config) bool {
	service := func(c *Config) string { return cmp.Or(c.Service, "s3") }
	return service(c) == service(other) && c.Endpoint == other.Endpoint && !c.Anonymous && !other.Anonymous &&
		c.AccessKeyID == other.AccessKeyID && c.Profile == other.Profile
}

// original is what is to be copied.
type original struct {
	backends.Entry
	in    *Backend
	reply *sdk.HeadObjectOutput // nil if nobody asked
}

func (b *Backend) copy(ctx context.Context, dst string, in *Backend, src string, o backends.CopyOptions) (backends.Entry, error) {
	ctx = work(ctx)
	switch {
	case src == "" || dst == "":
		return backends.Entry{}, backends.ErrIsDir
	case in == b && dst == src && o.Meta == nil:
		return backends.Entry{}, iofs.ErrInvalid
	}
	from := original{Entry: backends.Entry{Name: src, Version: o.Source, Size: o.Size}, in: in}
	if o.Source == "" || o.Meta != nil || o.Size > b.cfg.MaxCopy || etag(o.Source) == nil || !b.heedsSource() {
		e, reply, err := in.look(ctx, src, o.Source)
		if err != nil {
			return backends.Entry{}, pathError("copy", src, err)
		}
		from = original{e, in, reply}
	}
	var err error
	if o.Cond, err = b.overMarker(ctx, dst, from.Size, o.Cond); err != nil {
		return backends.Entry{}, err
	}
	heeds := func(k *backends.Capabilities) (absent, version bool) { return k.CopyAbsent, k.CopyVersion }
	if from.Size > b.cfg.MaxCopy {
		return b.copyParts(ctx, dst, from, o)
	}
	heeded, err := b.guard(ctx, dst, o.Cond, heeds)
	if err != nil {
		return backends.Entry{}, conditional(err, o.Cond)
	}
	return b.copyWhole(ctx, dst, from, o, heeded)
}

// copyWhole copies in one request.
func (b *Backend) copyWhole(ctx context.Context, dst string, from original, o backends.CopyOptions, heeded bool) (backends.Entry, error) {
	in := sdk.CopyObjectInput{
		Bucket:     &b.cfg.Bucket,
		Key:        &dst,
		CopySource: from.in.copySource(from.Name),
	}
	source := b.sourceTag(from.Version)
	meta := from.Meta
	if o.Meta != nil {
		meta = replace(&in, from.reply, *o.Meta)
	}
	call, err := b.rest.Begin(ctx, "COPY", rest.Work, grace(from.Size))
	if err != nil {
		return backends.Entry{}, err
	}
	var out *sdk.CopyObjectOutput
	err = b.end(call, b.send(call, wire{conditional: true, source: source != nil}, heeded, func(ctx context.Context, api *sdk.Client, w wire) (err error) {
		in := in
		if w.conditional {
			in.IfMatch, in.IfNoneMatch = condition(o.Cond)
		}
		if w.source {
			in.CopySourceIfMatch = source
		}
		out, err = api.CopyObject(ctx, &in)
		return err
	}))
	if err != nil {
		return b.copyFailed(ctx, dst, from, o, err, call.Attempts())
	}
	b.learnAfter(o.Cond != backends.Cond{} || o.Source != "")
	if out.CopyObjectResult == nil || aws.ToString(out.CopyObjectResult.ETag) == "" {
		return b.head(ctx, dst, "")
	}
	e := fileEntry(dst, from.Size, out.CopyObjectResult.ETag, out.CopyObjectResult.LastModified)
	return carry.Described(b.withSum(e), meta), nil
}

func (b *Backend) copySource(key string) *string {
	return aws.String(b.cfg.Bucket + "/" + escape(key))
}

// replace has the copy carry m, and beside it what the original carries and m does not
// know about. It returns what of m is stored.
func replace(in *sdk.CopyObjectInput, from *sdk.HeadObjectOutput, m backends.Meta) *backends.Meta {
	in.MetadataDirective = types.MetadataDirectiveReplace
	in.Metadata, m = form.Write(m, form.Foreign(from.Metadata))
	in.ContentType = from.ContentType
	if m.ContentType != "" {
		in.ContentType = &m.ContentType
	}
	m.ContentType = aws.ToString(in.ContentType)
	in.CacheControl, in.ContentDisposition = from.CacheControl, from.ContentDisposition
	in.ContentEncoding, in.ContentLanguage = from.ContentEncoding, from.ContentLanguage
	in.WebsiteRedirectLocation = from.WebsiteRedirectLocation
	if at, err := http.ParseTime(aws.ToString(from.ExpiresString)); err == nil {
		in.Expires = &at
	}
	in.StorageClass = from.StorageClass
	return &m
}

// copyFailed finds out what a refused copy failed by: the original, the target or not at
// all, because an earlier request has made the copy and its answer was lost.
func (b *Backend) copyFailed(ctx context.Context, dst string, from original, o backends.CopyOptions, err error, attempts int) (backends.Entry, error) {
	missing := errors.Is(err, iofs.ErrNotExist)
	if !errors.Is(err, backends.ErrChanged) && !missing {
		return backends.Entry{}, err
	}
	at, there := b.head(ctx, dst, "")
	if there == nil && attempts > 1 && (from.in != b || dst != from.Name) && at.Size == from.Size && at.Version == from.Version {
		return at, nil
	}
	switch {
	case o.Cond.Absent && there == nil && !missing:
		return backends.Entry{}, conditional(err, o.Cond)
	case o.Cond.Version != "" && (errors.Is(there, iofs.ErrNotExist) || there == nil && at.Version != o.Cond.Version):
		return backends.Entry{}, conditional(err, o.Cond)
	}
	return backends.Entry{}, pathError("copy", from.Name, err)
}

// copyParts copies an object of any size in parts.
func (b *Backend) copyParts(ctx context.Context, dst string, from original, o backends.CopyOptions) (backends.Entry, error) {
	var in sdk.CopyObjectInput
	m := *from.Meta
	if o.Meta != nil {
		m = *o.Meta
	}
	replace(&in, from.reply, m)
	up, err := b.initiate(ctx, dst, sdk.CreateMultipartUploadInput{
		Metadata: in.Metadata, ContentType: in.ContentType, CacheControl: in.CacheControl,
		ContentDisposition: in.ContentDisposition, ContentEncoding: in.ContentEncoding,
		ContentLanguage: in.ContentLanguage, Expires: in.Expires, StorageClass: in.StorageClass,
		WebsiteRedirectLocation: in.WebsiteRedirectLocation,
	}, false)
	if err != nil {
		return backends.Entry{}, err
	}
	parts, err := up.copyAll(ctx, from)
	var e backends.Entry
	if err == nil {
		e, err = up.commit(ctx, parts, o.Cond)
	}
	if err != nil {
		_ = up.abort(context.WithoutCancel(ctx))
		return backends.Entry{}, err
	}
	return carrying(e, in.Metadata, in.ContentType), nil
}

// escape encodes a key for a header that holds a path.
func escape(key string) string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return strings.Join(segments, "/")
}
