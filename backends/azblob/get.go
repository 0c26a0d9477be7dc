package azblob

import (
	"context"
	"io"
	iofs "io/fs"
	"math"
	"net/http"

	"sd/backends"
	"sd/backends/internal/rest"
	"sd/backends/internal/span"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
)

// Get reads a range by one GET. A body that breaks off is resumed where it broke,
// under the version that the first reply named, a few times at most.
func (b *Backend) Get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	r, e, err := b.get(ctx, name, version, off, n)
	if err != nil {
		return nil, backends.Entry{}, pathError("get", name, err)
	}
	return r, e, nil
}

func (b *Backend) get(ctx context.Context, name, version string, off, n int64) (io.ReadCloser, backends.Entry, error) {
	switch {
	case name == "":
		return nil, backends.Entry{}, backends.ErrIsDir
	case off < 0:
		return nil, backends.Entry{}, iofs.ErrInvalid
	case n == 0:
		e, err := b.head(ctx, name, version)
		return http.NoBody, e, err
	case n < 0 || off > math.MaxInt64-n:
		n = -1
	}
	if err := askable(name); err != nil {
		return nil, backends.Entry{}, err
	}
	call, err := b.rest.Begin(ctx, "GET", rest.Data, 0)
	if err != nil {
		return nil, backends.Entry{}, err
	}
	d := &download{b: b, call: call, name: name, version: version}
	r, err := span.Open(call, d, off, n)
	switch {
	case err == nil:
		return r, d.entry, nil
	case d.Beyond(err):
		_ = call.End(nil)
		return b.pastEnd(ctx, name, version, off)
	}
	return nil, backends.Entry{}, b.end(call, err)
}

// pastEnd answers a Get that the server refused because its range is beyond the end.
func (b *Backend) pastEnd(ctx context.Context, name, version string, off int64) (io.ReadCloser, backends.Entry, error) {
	e, err := b.head(ctx, name, version)
	if err == nil && off < e.Size {
		err = &rest.ProtocolError{Text: "a range inside the blob was refused"}
	}
	return http.NoBody, e, err
}

// download is the source of a Get.
type download struct {
	b       *Backend
	call    *rest.Call
	name    string
	version string // asked for; after the first reply, the one it named
	entry   backends.Entry
}

// Ask asks for a range.
func (d *download) Ask(pos, left int64) (io.ReadCloser, int64, error) {
	o := &blob.DownloadStreamOptions{
		Range:            blob.HTTPRange{Offset: pos, Count: max(left, 0)},
		AccessConditions: condition(backends.Cond{Version: d.version}),
	}
	var out blob.DownloadStreamResponse
	err := d.b.try(d.call, func(ctx context.Context, c *conn) (err error) {
		out, err = c.api.NewBlobClient(d.name).DownloadStream(ctx, o)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	length := int64(-1)
	if out.ContentLength != nil {
		length = *out.ContentLength
	}
	if err := d.accept(&out, pos, left, length); err != nil {
		_ = out.Body.Close()
		return nil, 0, err
	}
	return out.Body, length, nil
}

// accept takes a reply if it holds exactly the bytes asked for.
func (d *download) accept(out *blob.DownloadStreamResponse, pos, left, length int64) error {
	size, err := span.Check(pos, left, deref(out.ContentRange), length)
	if err != nil {
		return err
	}
	metadata := fold(out.Metadata)
	if marks(d.name, size, metadata) {
		return backends.ErrIsDir
	}
	e := fileEntry(d.name, size, out.ETag, out.LastModified)
	switch {
	case e.Version == "":
		return &rest.ProtocolError{Text: "a reply without its version"}
	case d.version != "" && e.Version != d.version:
		return backends.ErrChanged
	}
	digest := out.BlobContentMD5
	if out.ContentRange == nil && digest == nil {
		digest = out.ContentMD5
	}
	e.Sums = sums(out.BlobType, digest)
	d.entry, d.version = described(e, metadata, out.ContentType), e.Version
	return nil
}

func (d *download) Beyond(err error) bool {
	return statusOf(err) == http.StatusRequestedRangeNotSatisfiable
}

func (d *download) End(err error) error { return pathError("get", d.name, d.b.end(d.call, err)) }
