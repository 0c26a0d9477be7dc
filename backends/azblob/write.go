package azblob

import (
	"context"
	"crypto/md5"
	"errors"
	"io"
	iofs "io/fs"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// maxPut is the most that one PUT may move.
const maxPut = 5000 << 20

// grace is how much longer than usual the server may be silent while it moves size
// bytes by itself.
func grace(size int64) time.Duration { return time.Duration(size>>24) * time.Second }

// Put writes a blob in one request, reading r from where it stands, again from there for
// each attempt. More than 5000 MiB is ErrTooLarge. What an upload in blocks has sent for a
// blob of that name is dropped by Azure.
func (b *Backend) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	err := makeable(name)
	var e backends.Entry
	if err == nil {
		metadata, stored := form.Write(m, nil)
		e, err = b.put(work(ctx), writing{name, metadata, stored, c}, r, size)
	}
	return e, pathError("put", name, err)
}

// writing is what a blob is to be called and to carry, and on which condition.
type writing struct {
	name     string
	metadata map[string]string
	meta     backends.Meta // that the metadata says, for the entry
	cond     backends.Cond
}

func (b *Backend) put(ctx context.Context, w writing, r io.ReadSeeker, size int64) (backends.Entry, error) {
	if size > maxPut {
		return backends.Entry{}, backends.ErrTooLarge
	}
	body, digest, err := checked(r, size)
	if err != nil {
		return backends.Entry{}, b.explain(err)
	}
	kind := contentType(w.name, w.meta)
	call, err := b.rest.Begin(ctx, "PUT", rest.Data, grace(size))
	if err != nil {
		return backends.Entry{}, err
	}
	var out blockblob.UploadResponse
	err = b.end(call, b.try(call, func(ctx context.Context, conn *conn) error {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		out, err = conn.api.NewBlockBlobClient(w.name).Upload(ctx, body, &blockblob.UploadOptions{
			Metadata:                unfold(w.metadata),
			HTTPHeaders:             &blob.HTTPHeaders{BlobContentType: kind, BlobContentMD5: digest},
			TransactionalValidation: blob.TransferValidationTypeMD5(digest),
			AccessConditions:        condition(w.cond),
		})
		return err
	}))
	if err != nil {
		return b.refused(ctx, err, w, size, digest, call.Attempts())
	}
	e := fileEntry(w.name, size, out.ETag, out.LastModified)
	e.Sums = sums(some(blob.BlobTypeBlockBlob), digest)
	return described(e, w.metadata, kind), nil
}

// checked is a body and the MD5 by which the server checks it.
func checked(r io.ReadSeeker, size int64) (*source.Source, []byte, error) {
	body, err := source.New(r, size)
	if err != nil {
		return nil, nil, err
	}
	sum := md5.New()
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{body}, make([]byte, min(size, 256<<10)+1)); err != nil {
		return nil, nil, err
	}
	_, err = body.Seek(0, io.SeekStart)
	return body, sum.Sum(nil), err
}

// Remove deletes a file. Without a version it is looked at before, for it may be the marker
// of a directory.
func (b *Backend) Remove(ctx context.Context, name string, c backends.Cond) error {
	return pathError("remove", name, b.remove(work(ctx), name, c))
}

func (b *Backend) remove(ctx context.Context, name string, c backends.Cond) error {
	switch {
	case name == "":
		return backends.ErrIsDir
	case c.Absent:
		return errors.ErrUnsupported
	}
	if err := askable(name); err != nil {
		return err
	}
	if c.Version == "" {
		if _, err := b.head(ctx, name, ""); err != nil {
			return err
		}
	}
	return conditional(b.delete(ctx, name, c.Version), c)
}

// delete deletes a blob, of a version if that is not "". One that is gone when the server
// is asked again was deleted by the first request.
func (b *Backend) delete(ctx context.Context, name, version string) error {
	call, err := b.rest.Begin(ctx, "DELETE", rest.Work, 0)
	if err != nil {
		return err
	}
	err = b.end(call, b.try(call, func(ctx context.Context, c *conn) error {
		_, err := c.api.NewBlobClient(name).Delete(ctx, &blob.DeleteOptions{AccessConditions: condition(backends.Cond{Version: version})})
		return err
	}))
	if call.Attempts() < 2 || !errors.Is(err, backends.ErrChanged) && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if _, there, gone := b.look(ctx, name, ""); errors.Is(gone, iofs.ErrNotExist) && there == nil {
		return nil
	}
	return err
}

// conditional says what the condition was where a write failed by it.
func conditional(err error, c backends.Cond) error {
	var answer *answerError
	if !errors.As(err, &answer) {
		return err
	}
	switch {
	case c.Absent && answer.kind == backends.ErrChanged:
		answer.kind = iofs.ErrExist
	case c.Version != "" && answer.kind == iofs.ErrNotExist && answer.code != "ContainerNotFound":
		answer.kind = backends.ErrChanged // there is nothing
	}
	return err
}

// setMeta gives a blob other metadata. Its bytes stay, its version changes.
func (b *Backend) setMeta(ctx context.Context, w writing, from *backends.Entry, digest []byte) (backends.Entry, error) {
	var out blob.SetMetadataResponse
	call, err := b.rest.Begin(ctx, "META", rest.Work, 0)
	if err != nil {
		return backends.Entry{}, err
	}
	err = b.end(call, b.try(call, func(ctx context.Context, c *conn) (err error) {
		out, err = c.api.NewBlobClient(w.name).SetMetadata(ctx, unfold(w.metadata), &blob.SetMetadataOptions{AccessConditions: condition(w.cond)})
		return err
	}))
	if err != nil {
		return b.refused(ctx, err, w, from.Size, digest, call.Attempts())
	}
	e := *from
	e.Version = version(out.ETag)
	if out.LastModified != nil {
		e.ModTime = out.LastModified.Truncate(time.Second)
	}
	return e, nil
}
