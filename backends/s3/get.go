package s3

import (
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"math"
	"net/http"
	"strconv"
	"strings"

	"sd/backends"
	"sd/backends/internal/rest"

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
	r := &reader{b: b, ctx: ctx, call: call, name: name, version: version, pos: off, left: n}
	err = r.open()
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
		_ = call.End(nil)
		return b.pastEnd(ctx, name, version, off)
	}
	if err != nil {
		return nil, backends.Entry{}, b.end(call, err)
	}
	if r.left == 0 {
		_ = r.Close()
	}
	return r, r.entry, nil
}

// pastEnd answers a Get that the server refused because its range is beyond the end.
func (b *Backend) pastEnd(ctx context.Context, name, version string, off int64) (io.ReadCloser, backends.Entry, error) {
	e, err := b.head(ctx, name, version)
	if err == nil && off < e.Size {
		err = &protocolError{"a range inside the object was refused"}
	}
	return http.NoBody, e, err
}

// reader is the body of a Get. The operation lasts until Close.
type reader struct {
	b       *Backend
	ctx     context.Context
	call    *rest.Call
	name    string
	version string // asked for; after the first reply, the one it named
	entry   backends.Entry
	body    io.ReadCloser
	pos     int64 // of the next byte to deliver
	left    int64 // bytes to deliver; < 0 as long as the size is unknown
	resumed int   // times, since resumedAt
	at      int64
	err     error
}

const (
	maxResumes   = 4       // of one stretch of
	resumeRegain = 8 << 20 // bytes
)

// open asks for the bytes from pos on and checks that the reply is about them.
func (r *reader) open() error {
	in := &sdk.GetObjectInput{Bucket: &r.b.cfg.Bucket, Key: &r.name, IfMatch: etag(r.version)}
	// A range is asked for even where it is the whole: its reply tells the size twice.
	in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.pos))
	if r.left > 0 {
		*in.Range += strconv.FormatInt(r.pos+r.left-1, 10)
	}
	var out *sdk.GetObjectOutput
	err := r.b.try(r.call, func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.GetObject(ctx, in, unchecked)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.accept(out); err != nil {
		_ = out.Body.Close()
		return err
	}
	r.body = out.Body
	return nil
}

// unchecked turns off the SDK's validation of whole-object checksums: it does not
// apply to ranges, and costs a pass over the bytes.
func unchecked(o *sdk.Options) {
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

// accept takes a reply if it holds exactly the bytes asked for.
func (r *reader) accept(out *sdk.GetObjectOutput) error {
	size, length := aws.ToInt64(out.ContentLength), aws.ToInt64(out.ContentLength)
	if out.ContentLength == nil || length < 0 {
		return &protocolError{"a reply without its length"}
	}
	if length == 0 && marks(r.name) {
		return iofs.ErrNotExist // the marker of a directory
	}
	if out.ContentRange != nil {
		first, last, total, ok := parseRange(*out.ContentRange)
		if !ok || first != r.pos || last-first+1 != length || last >= total {
			return &protocolError{fmt.Sprintf("asked for bytes from %d, got %q", r.pos, clip(*out.ContentRange))}
		}
		size = total
	} else if r.pos > 0 || r.left >= 0 && length > r.left {
		return &protocolError{"the range was ignored"}
	}
	want := size - r.pos
	if r.left >= 0 {
		want = min(want, r.left)
	}
	if length != want {
		return &protocolError{fmt.Sprintf("asked for %d bytes, got %d", want, length)}
	}
	e := r.b.withSum(fileEntry(r.name, size, out.ETag, out.LastModified))
	e.Class = class(out.StorageClass)
	if r.version != "" && e.Version != r.version {
		return backends.ErrChanged
	}
	r.entry, r.version, r.left = carrying(e, out.Metadata, out.ContentType), e.Version, length
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
		r.pos += int64(n)
		r.left -= int64(n)
		if r.left == 0 {
			_ = r.Close()
			return n, nil
		}
		if err == nil {
			return n, nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if r.err = r.resume(err); r.err != nil || n > 0 {
			return n, r.err
		}
	}
}

// resume replaces a body that broke off because of cause.
func (r *reader) resume(cause error) error {
	_ = r.body.Close()
	if r.pos-r.at >= resumeRegain {
		r.resumed, r.at = 0, r.pos
	}
	if r.resumed++; r.resumed > maxResumes || r.call.Context().Err() != nil {
		return r.fail(cause)
	}
	if r.resumed > 1 && !rest.Pause(r.call.Context(), rest.Backoff(r.resumed)) {
		return r.fail(cause)
	}
	err := r.open()
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
		err = backends.ErrChanged
	}
	switch {
	case err == nil:
		return nil
	case r.call.Context().Err() != nil:
		return r.fail(cause)
	}
	return r.fail(err)
}

func (r *reader) fail(err error) error {
	call := r.call
	r.call = nil
	return pathError("get", r.name, r.b.end(call, err))
}

func (r *reader) Close() error {
	if r.call == nil {
		return nil
	}
	err := r.body.Close()
	_ = r.call.End(nil)
	r.call = nil
	return err
}

// parseRange reads "bytes first-last/total".
func parseRange(s string) (first, last, total int64, ok bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, size, ok1 := strings.Cut(rest, "/")
	from, to, ok2 := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	total, err3 := strconv.ParseInt(size, 10, 64)
	ok = ok && ok1 && ok2 && err1 == nil && err2 == nil && err3 == nil && 0 <= first && first <= last
	return first, last, total, ok
}

func clip(s string) string { return s[:min(len(s), 60)] }
