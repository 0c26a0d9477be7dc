package azblob

import (
	"bytes"
	"context"
	"errors"
	iofs "io/fs"
	"maps"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// maxCopy is the most that one request copies.
const maxCopy = 256 << 20

// Copy copies a file inside the container. Without a Source, what is copied is the version
// that src had when it began. More than one request may copy goes in blocks, so that the
// old dst stands until all are there. New Meta costs a HEAD, to keep what else the blob
// carries; the copy keeps the content type.
func (b *Backend) Copy(ctx context.Context, dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	e, err := b.copy(work(ctx), dst, b, src, o)
	return e, pathError("copy", dst, err)
}

// CopyFrom copies from another container of the same account, as Copy does inside one.
// Azure reads there with the rights of that volume's login.
func (b *Backend) CopyFrom(ctx context.Context, dst string, from backends.Backend, src string, o backends.CopyOptions) (backends.Entry, error) {
	other, ok := from.(*Backend)
	if !ok || other.cfg.Endpoint != b.cfg.Endpoint || other.cfg.Account != b.cfg.Account || other.cfg.Auth != b.cfg.Auth {
		return backends.Entry{}, pathError("copy", dst, errors.ErrUnsupported)
	}
	e, err := b.copy(work(ctx), dst, other, src, o)
	return e, pathError("copy", dst, err)
}

// original is what is to be copied.
type original struct {
	backends.Entry
	in    *Backend
	reply *blob.GetPropertiesResponse // nil if nobody asked
}

func (b *Backend) copy(ctx context.Context, dst string, in *Backend, src string, o backends.CopyOptions) (backends.Entry, error) {
	itself := in == b && dst == src
	switch {
	case src == "" || dst == "":
		return backends.Entry{}, backends.ErrIsDir
	case itself && o.Meta == nil:
		return backends.Entry{}, iofs.ErrInvalid
	}
	if err := makeable(dst); err != nil && !itself {
		return backends.Entry{}, err
	}
	from := original{Entry: backends.Entry{Name: src, Version: o.Source, Size: o.Size}, in: in}
	if o.Source == "" || o.Meta != nil || o.Size > b.cfg.MaxCopy {
		e, reply, err := in.look(ctx, src, o.Source)
		if err != nil {
			return backends.Entry{}, pathError("copy", src, err)
		}
		from = original{e, in, reply}
	}
	switch {
	case itself:
		return b.copyMeta(ctx, from, o)
	case from.Size > b.cfg.MaxCopy:
		return b.copyBlocks(ctx, dst, from, o)
	}
	return b.copyWhole(ctx, dst, from, o)
}

// copyMeta changes what a blob carries.
func (b *Backend) copyMeta(ctx context.Context, from original, o backends.CopyOptions) (backends.Entry, error) {
	switch {
	case o.Cond.Absent:
		return backends.Entry{}, iofs.ErrExist
	case o.Cond.Version != "" && o.Cond.Version != from.Version:
		return backends.Entry{}, backends.ErrChanged
	}
	w := writing{name: from.Name, cond: backends.Cond{Version: from.Version}}
	w.metadata, w.meta = form.Write(*o.Meta, form.Foreign(fold(from.reply.Metadata)))
	e, err := b.setMeta(ctx, w, &from.Entry, from.reply.ContentMD5)
	if err != nil {
		return e, err
	}
	e = described(e, w.metadata, from.reply.ContentType)
	return b.retype(ctx, e, o.Meta.ContentType, from.reply)
}

// retype gives a blob another content type, unless it has it, or kind is "".
func (b *Backend) retype(ctx context.Context, e backends.Entry, kind string, was *blob.GetPropertiesResponse) (backends.Entry, error) {
	if kind == "" || kind == deref(was.ContentType) {
		return e, nil
	}
	h := blob.ParseHTTPHeaders(*was)
	h.BlobContentType = &kind
	o := &blob.SetHTTPHeadersOptions{AccessConditions: condition(backends.Cond{Version: e.Version})}
	err := b.meta(ctx, "META", func(ctx context.Context, c *container.Client) error {
		out, err := c.NewBlobClient(e.Name).SetHTTPHeaders(ctx, h, o)
		if err == nil {
			e.Version = version(out.ETag)
		}
		return err
	})
	m := *e.Meta
	m.ContentType = kind
	e.Meta = &m
	return e, err
}

// copyWhole copies in one request.
func (b *Backend) copyWhole(ctx context.Context, dst string, from original, o backends.CopyOptions) (backends.Entry, error) {
	options := &blob.CopyFromURLOptions{
		SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfMatch: etag(from.Version)},
		BlobAccessConditions:           condition(o.Cond),
	}
	var metadata map[string]string // nil if it is not known
	if from.reply != nil {
		metadata = fold(from.reply.Metadata)
	}
	if o.Meta != nil {
		metadata, _ = form.Write(*o.Meta, form.Foreign(metadata))
		options.Metadata = unfold(metadata)
		if len(metadata) == 0 { // none at all would take over the old
			options.Metadata = unfold(map[string]string{keyUpload: "none"})
		}
	}
	call, err := b.rest.Begin(ctx, "COPY", rest.Work, grace(from.Size))
	if err != nil {
		return backends.Entry{}, err
	}
	var out blob.CopyFromURLResponse
	err = b.end(call, b.try(call, func(ctx context.Context, c *conn) error {
		url, authorization, err := from.in.sourceURL(ctx, from.Name)
		if err != nil {
			return err
		}
		options.CopySourceAuthorization = authorization
		out, err = c.api.NewBlobClient(dst).CopyFromURL(ctx, url, options)
		return err
	}))
	if err != nil {
		return b.copyFailed(ctx, dst, from, o, metadata, err, call.Attempts())
	}
	e := fileEntry(dst, from.Size, out.ETag, out.LastModified)
	if metadata == nil {
		return e, nil
	}
	e.Sums = from.Sums
	e = described(e, metadata, from.reply.ContentType)
	if o.Meta == nil {
		return e, nil
	}
	return b.retype(ctx, e, o.Meta.ContentType, from.reply)
}

// sourceURL is where the service may read a blob of b.
func (b *Backend) sourceURL(ctx context.Context, name string) (url string, authorization *string, err error) {
	c, err := b.connect(ctx)
	if err != nil {
		return "", nil, err
	}
	return c.readable(ctx, name)
}

// copyFailed finds out what a refused copy failed by: the original, the target or not at
// all, because an earlier request has made the copy and its answer was lost.
func (b *Backend) copyFailed(ctx context.Context, dst string, from original, o backends.CopyOptions, metadata map[string]string, err error, attempts int) (backends.Entry, error) {
	missing := errors.Is(err, iofs.ErrNotExist)
	if codeIs(err, "ContainerNotFound") || !missing && !errors.Is(err, backends.ErrChanged) && !errors.Is(err, iofs.ErrExist) {
		return backends.Entry{}, err
	}
	if codeIs(err, "SourceConditionNotMet") && attempts < 2 {
		return backends.Entry{}, pathError("copy", from.Name, err)
	}
	at, reply, there := b.look(ctx, dst, "")
	if there == nil && attempts > 1 {
		if from.reply == nil {
			if _, out, err := from.in.look(ctx, from.Name, from.Version); err == nil {
				from.reply, metadata = out, fold(out.Metadata)
			}
		}
		if from.reply != nil && isCopy(reply, from.reply, metadata) {
			return at, nil
		}
	}
	switch source := from.in.unchanged(ctx, from.Name, from.Version); {
	case source != nil:
		return backends.Entry{}, pathError("copy", from.Name, source)
	case o.Cond.Absent && there == nil, o.Cond.Absent && errors.Is(there, backends.ErrIsDir):
		return backends.Entry{}, conditional(err, o.Cond)
	case o.Cond.Version != "" && (there != nil || at.Version != o.Cond.Version):
		return backends.Entry{}, conditional(err, o.Cond)
	}
	return backends.Entry{}, pathError("copy", from.Name, err)
}

// isCopy tells whether at is a copy of from that carries metadata. Blobs made in blocks have no
// checksum; the mark of the upload that made them stands for their bytes.
func isCopy(at, from *blob.GetPropertiesResponse, metadata map[string]string) bool {
	if deref(at.ContentLength) != deref(from.ContentLength) || !maps.Equal(fold(at.Metadata), metadata) {
		return false
	}
	if len(from.ContentMD5) == 0 {
		return len(at.ContentMD5) == 0 && metadata[keyUpload] != ""
	}
	return bytes.Equal(at.ContentMD5, from.ContentMD5)
}

// unchanged tells whether a file is still of a version.
func (b *Backend) unchanged(ctx context.Context, name, version string) error {
	_, err := b.head(ctx, name, version)
	return err
}
