package s3

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var limits = backends.UploadLimits{MinPart: 5 << 20, MaxPart: 5 << 30, MaxParts: 10_000, MaxPut: maxPut}

// Limits tells those of S3.
func (b *Backend) Limits() backends.UploadLimits { return limits }

// upload is a multipart upload. Its parts carry checksums if it was begun with them. The
// object that it makes carries mark, by which it is known if the answer to its commit is
// lost.
type upload struct {
	b    *Backend
	name string
	id   string
	mark string
	sums bool
}

// withSums and withoutSums begin the id of an upload; its mark and the server's own id
// follow, parted by colons.
const (
	withSums    = "crc32c"
	withoutSums = "signed"
)

// Upload begins an upload, or goes on with the one of an id that ID returned.
func (b *Backend) Upload(ctx context.Context, name, id string, m backends.Meta) (backends.Upload, error) {
	if name == "" {
		return nil, pathError("upload", name, backends.ErrIsDir)
	}
	if id != "" {
		kind, rest, _ := strings.Cut(id, ":")
		mark, own, ok := strings.Cut(rest, ":")
		if !ok {
			return nil, pathError("upload", name, iofs.ErrInvalid)
		}
		return &upload{b, name, own, mark, kind == withSums}, nil
	}
	metadata, m := form.Write(m, nil)
	u, err := b.initiate(ctx, name, sdk.CreateMultipartUploadInput{Metadata: metadata, ContentType: contentType(name, m)}, true)
	if err != nil {
		return nil, pathError("upload", name, err)
	}
	return u, nil
}

// initiate begins an upload that makes what in describes. One with sums needs the sum of
// each part at the end; one that only copies has no use for them.
func (b *Backend) initiate(ctx context.Context, name string, in sdk.CreateMultipartUploadInput, withSums bool) (*upload, error) {
	in.Bucket, in.Key = &b.cfg.Bucket, &name
	mark := strings.ToLower(rand.Text()[:16])
	in.Metadata[keyUpload] = mark
	var (
		w    wire
		none string
		out  *sdk.CreateMultipartUploadOutput
	)
	if !b.signsBodies.Load() {
		w.crc = &none
	}
	call, err := b.rest.Begin(ctx, "INITIATE", rest.Work, 0)
	if err != nil {
		return nil, err
	}
	sums := false
	err = b.end(call, b.send(call, w, false, func(ctx context.Context, api *sdk.Client, w wire) (err error) {
		in := in
		if sums = withSums && w.crc != nil; sums {
			in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32c
		}
		out, err = api.CreateMultipartUpload(ctx, &in, w.options)
		return err
	}))
	if err != nil {
		return nil, err
	}
	if aws.ToString(out.UploadId) == "" {
		return nil, &rest.ProtocolError{Text: "an upload without an id"}
	}
	return &upload{b, name, *out.UploadId, mark, sums}, nil
}

func (u *upload) ID() string {
	kind := withoutSums
	if u.sums {
		kind = withSums
	}
	return kind + ":" + u.mark + ":" + u.id
}

func (u *upload) Part(ctx context.Context, num int, r io.ReadSeeker, size int64) (backends.Part, error) {
	part, err := u.part(ctx, num, r, size)
	return part, pathError("upload", u.name, err)
}

func (u *upload) part(ctx context.Context, num int, r io.ReadSeeker, size int64) (backends.Part, error) {
	if err := fitsUpload(num, size); err != nil {
		return backends.Part{}, err
	}
	body, err := source.New(r, size)
	if err != nil {
		return backends.Part{}, err
	}
	var w wire
	if u.sums {
		if w, err = u.b.wire(body); err != nil {
			return backends.Part{}, u.b.explain(err)
		}
	}
	call, err := u.b.rest.Begin(ctx, "PART", rest.Data, grace(size))
	if err != nil {
		return backends.Part{}, err
	}
	var (
		out *sdk.UploadPartOutput
		crc string
	)
	err = u.b.end(call, u.b.send(call, w, false, func(ctx context.Context, api *sdk.Client, w wire) (err error) {
		crc = aws.ToString(w.crc)
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		out, err = api.UploadPart(ctx, &sdk.UploadPartInput{
			Bucket: &u.b.cfg.Bucket, Key: &u.name, UploadId: &u.id, PartNumber: aws.Int32(int32(num)),
			Body: body, ContentLength: &size, ChecksumCRC32C: w.crc,
		}, w.options)
		return err
	}))
	if err != nil {
		return backends.Part{}, err
	}
	return newPart(num, size, out.ETag, crc)
}

func fitsUpload(num int, size int64) error {
	switch {
	case num < 1 || num > limits.MaxParts || size < 0:
		return iofs.ErrInvalid
	case size > limits.MaxPart:
		return backends.ErrTooLarge
	}
	return nil
}

// newPart keeps a part's ETag and, behind a blank, its checksum: both are asked for
// when the upload is committed.
func newPart(num int, size int64, etag *string, crc string) (backends.Part, error) {
	tag := version(aws.ToString(etag), time.Time{}, 0)
	if aws.ToString(etag) == "" {
		return backends.Part{}, &rest.ProtocolError{Text: "a part without a tag"}
	}
	if crc != "" {
		tag += " " + crc
	}
	return backends.Part{Num: num, Size: size, Tag: tag}, nil
}

func (u *upload) CopyPart(ctx context.Context, num int, src, version string, off, n int64) (backends.Part, error) {
	part, err := u.copyPart(ctx, num, u.b, src, version, off, n)
	return part, pathError("upload", u.name, err)
}

func (u *upload) copyPart(ctx context.Context, num int, in *Backend, src, version string, off, n int64) (backends.Part, error) {
	if err := fitsUpload(num, n); err != nil {
		return backends.Part{}, err
	}
	if off < 0 || n == 0 {
		return backends.Part{}, iofs.ErrInvalid
	}
	if u.b.noCopyPart() {
		return backends.Part{}, errors.ErrUnsupported
	}
	if version != "" && (etag(version) == nil || !u.b.heedsSource()) {
		if _, err := in.head(work(ctx), src, version); err != nil {
			return backends.Part{}, pathError("copy", src, err)
		}
	}
	call, err := u.b.rest.Begin(ctx, "PARTCOPY", rest.Work, grace(n))
	if err != nil {
		return backends.Part{}, err
	}
	var out *sdk.UploadPartCopyOutput
	err = u.b.end(call, u.b.try(call, func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{
			Bucket: &u.b.cfg.Bucket, Key: &u.name, UploadId: &u.id, PartNumber: aws.Int32(int32(num)),
			CopySource: in.copySource(src), CopySourceIfMatch: u.b.sourceTag(version),
			CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+n-1)),
		})
		return err
	}))
	if err != nil {
		switch {
		case statusIs(err, http.StatusLengthRequired), statusIs(err, http.StatusNotImplemented): // the one takes it for a part with a body
			return backends.Part{}, errors.ErrUnsupported
		case !errors.Is(err, backends.ErrNoUpload):
			err = pathError("copy", src, err)
		}
		return backends.Part{}, err
	}
	if out.CopyPartResult == nil {
		return backends.Part{}, &rest.ProtocolError{Text: "a copied part without a tag"}
	}
	crc := crcOf(aws.ToString(out.CopyPartResult.ChecksumCRC32C))
	if u.sums && crc == "" {
		return backends.Part{}, errors.ErrUnsupported // the upload could not be ended with this part
	}
	return newPart(num, n, out.CopyPartResult.ETag, crc)
}

// crcOf is text if it is a CRC-32C as requests have it, else "": servers answer to the
// copy of a part with other things there.
func crcOf(text string) string {
	if sum, err := base64.StdEncoding.DecodeString(text); err != nil || len(sum) != 4 {
		return ""
	}
	return text
}

func (u *upload) Abort(ctx context.Context) error { return pathError("abort", u.name, u.abort(ctx)) }

func (u *upload) abort(ctx context.Context) error {
	err := u.b.meta(work(ctx), "ABORT", func(ctx context.Context, api *sdk.Client) error {
		_, err := api.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{
			Bucket: &u.b.cfg.Bucket, Key: &u.name, UploadId: &u.id,
		})
		return err
	})
	if errors.Is(err, backends.ErrNoUpload) {
		return nil
	}
	return err
}

// copyAll copies from in parts, a few at once.
func (u *upload) copyAll(ctx context.Context, from original) ([]backends.Part, error) {
	piece := max(min(copyPiece, u.b.cfg.MaxCopy), limits.MinPart, (from.Size+int64(limits.MaxParts)-1)/int64(limits.MaxParts))
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

const (
	copyPiece    = 256 << 20
	copiesAtOnce = 12
)
