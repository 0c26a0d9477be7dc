package s3

import (
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"math"
	"net/http"
	"strconv"

	"sd/backends"
	"sd/backends/internal/rest"
	"sd/backends/internal/span"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
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
		err = &rest.ProtocolError{Text: "a range inside the object was refused"}
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

// Ask asks for a range, even where it is the whole: the reply tells the size twice then.
func (d *download) Ask(pos, left int64) (io.ReadCloser, int64, error) {
	in := &sdk.GetObjectInput{Bucket: &d.b.cfg.Bucket, Key: &d.name, IfMatch: etag(d.version)}
	in.Range = aws.String(fmt.Sprintf("bytes=%d-", pos))
	if left > 0 {
		*in.Range += strconv.FormatInt(pos+left-1, 10)
	}
	var out *sdk.GetObjectOutput
	err := d.b.try(d.call, func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.GetObject(ctx, in, unchecked)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	length := int64(-1)
	if out.ContentLength != nil {
		length = *out.ContentLength
	}
	if err := d.accept(out, pos, left, length); err != nil {
		_ = out.Body.Close()
		return nil, 0, err
	}
	return out.Body, length, nil
}

// unchecked turns off the SDK's validation of whole-object checksums: it does not
// apply to ranges, and costs a pass over the bytes.
func unchecked(o *sdk.Options) {
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

// accept takes a reply if it holds exactly the bytes asked for.
func (d *download) accept(out *sdk.GetObjectOutput, pos, left, length int64) error {
	if length == 0 && marks(d.name) {
		return iofs.ErrNotExist // the marker of a directory
	}
	size, err := span.Check(pos, left, aws.ToString(out.ContentRange), length)
	if err != nil {
		return err
	}
	e := d.b.withSum(fileEntry(d.name, size, out.ETag, out.LastModified))
	e.Class = class(out.StorageClass)
	if d.version != "" && e.Version != d.version {
		return backends.ErrChanged
	}
	d.entry, d.version = carrying(e, out.Metadata, out.ContentType), e.Version
	return nil
}

func (d *download) Beyond(err error) bool {
	return statusOf(err) == http.StatusRequestedRangeNotSatisfiable
}

func (d *download) End(err error) error { return pathError("get", d.name, d.b.end(d.call, err)) }
