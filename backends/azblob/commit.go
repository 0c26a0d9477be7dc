package azblob

import (
	"cmp"
	"context"
	"errors"
	iofs "io/fs"
	"maps"
	"slices"
	"sync"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

func (u *upload) Commit(ctx context.Context, parts []backends.Part, c backends.Cond) (backends.Entry, error) {
	e, err := u.commit(work(ctx), parts, c, nil)
	return e, pathError("commit", u.name, err)
}

// commit makes the blob. headers are those that it has besides its type; nil is none.
func (u *upload) commit(ctx context.Context, parts []backends.Part, c backends.Cond, headers *blob.HTTPHeaders) (backends.Entry, error) {
	parts = slices.SortedFunc(slices.Values(parts), func(a, b backends.Part) int { return cmp.Compare(a.Num, b.Num) })
	size := int64(0)
	for _, p := range parts {
		size += p.Size
	}
	if u.ended() {
		return u.committed(ctx, size, c, backends.ErrNoUpload)
	}
	if headers == nil {
		headers = &blob.HTTPHeaders{BlobContentType: some(u.is.Type)}
	}
	metadata := maps.Clone(u.is.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	metadata[keyUpload] = u.mark
	call, err := u.b.rest.Begin(ctx, "COMPLETE", rest.Work, grace(size))
	if err != nil {
		return backends.Entry{}, err
	}
	var out blockblob.CommitBlockListResponse
	list := newBlockList(parts)
	err = u.b.end(call, u.b.try(call, func(ctx context.Context, conn *conn) (err error) {
		ctx = context.WithValue(ctx, listKey{}, list)
		out, err = conn.api.NewBlockBlobClient(u.name).CommitBlockList(ctx, nil, &blockblob.CommitBlockListOptions{
			Metadata:         unfold(metadata),
			HTTPHeaders:      headers,
			AccessConditions: condition(c),
		})
		return err
	}))
	if err != nil {
		return u.committed(ctx, size, c, conditional(err, c))
	}
	e := fileEntry(u.name, size, out.ETag, out.LastModified)
	return described(e, metadata, headers.BlobContentType), nil
}

// committed tells whether a commit that failed with cause has in truth been done, by an
// earlier request whose answer was lost. Blocks that are gone were dropped because of a
// write of somebody else; then the condition may not hold either.
func (u *upload) committed(ctx context.Context, size int64, c backends.Cond, cause error) (backends.Entry, error) {
	gone := errors.Is(cause, backends.ErrNoUpload)
	if !gone && !errors.Is(cause, backends.ErrChanged) && !errors.Is(cause, iofs.ErrExist) {
		return backends.Entry{}, cause
	}
	e, out, err := u.b.look(ctx, u.name, "")
	switch {
	case err == nil && e.Size == size && fold(out.Metadata)[keyUpload] == u.mark:
		return e, nil
	case gone && c.Absent && (err == nil || errors.Is(err, backends.ErrIsDir)):
		return backends.Entry{}, iofs.ErrExist
	case gone && c.Version != "" && (err == nil && e.Version != c.Version || errors.Is(err, iofs.ErrNotExist)):
		return backends.Entry{}, backends.ErrChanged
	}
	return backends.Entry{}, cause
}

const (
	copyPiece    = 256 << 20
	copiesAtOnce = 12
)

// copyBlocks copies a blob of any size in blocks.
func (b *Backend) copyBlocks(ctx context.Context, dst string, from original, o backends.CopyOptions) (backends.Entry, error) {
	u := &upload{b: b, name: dst, mark: newMark(), length: ownLength}
	u.is.Metadata = fold(from.reply.Metadata)
	if o.Meta != nil {
		u.is.Metadata, _ = form.Write(*o.Meta, form.Foreign(u.is.Metadata))
	}
	parts, err := u.copyAll(ctx, from)
	if err != nil {
		return backends.Entry{}, err
	}
	headers := blob.ParseHTTPHeaders(*from.reply)
	if o.Meta != nil && o.Meta.ContentType != "" {
		headers.BlobContentType = &o.Meta.ContentType
	}
	return u.commit(ctx, parts, o.Cond, &headers)
}

// copyAll copies from in blocks, a few at once.
func (u *upload) copyAll(ctx context.Context, from original) ([]backends.Part, error) {
	piece := max(min(copyPiece, u.b.cfg.MaxCopy), (from.Size+int64(limits.MaxParts)-1)/int64(limits.MaxParts))
	parts := make([]backends.Part, (from.Size+piece-1)/piece)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	slots := make(chan struct{}, copiesAtOnce)
	for i := range parts {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-slots }()
			off := int64(i) * piece
			part, err := u.copyPart(ctx, i+1, from.in, from.Name, from.Version, off, min(piece, from.Size-off))
			if err != nil {
				cancel(err)
			}
			parts[i] = part
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return parts, nil
}
