package s3

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"net/http"
	"time"

	"sd/backends"
	"sd/backends/internal/carry"
	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

// maxPut is the most that one PUT or one server-side copy may move.
const maxPut = 5 << 30

// grace is how much longer than usual the server may be silent while it moves size
// bytes by itself.
func grace(size int64) time.Duration { return time.Duration(size>>24) * time.Second }

// Put writes an object in one request, reading r from where it stands, again from
// there for each attempt. More than 5 GiB is ErrTooLarge.
func (b *Backend) Put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	e, err := b.put(ctx, name, r, size, m, c)
	return e, pathError("put", name, err)
}

func (b *Backend) put(ctx context.Context, name string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	ctx = work(ctx)
	c, err := b.overMarker(ctx, name, size, c)
	if err != nil {
		return backends.Entry{}, err
	}
	return b.store(ctx, name, r, size, m, c)
}

// store is put for any key, a marker's too.
func (b *Backend) store(ctx context.Context, key string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	if size > maxPut {
		return backends.Entry{}, backends.ErrTooLarge
	}
	body, err := source.New(r, size)
	if err != nil {
		return backends.Entry{}, err
	}
	w, err := b.wire(body)
	if err != nil {
		return backends.Entry{}, b.explain(err)
	}
	metadata, m := form.Write(m, nil)
	in := sdk.PutObjectInput{
		Bucket:        &b.cfg.Bucket,
		Key:           &key,
		Body:          body,
		ContentLength: &size,
		ContentType:   contentType(key, m),
		Metadata:      metadata,
	}
	m.ContentType = aws.ToString(in.ContentType)
	heeded, err := b.guard(ctx, key, c, func(k *backends.Capabilities) (absent, version bool) { return k.PutAbsent, k.PutVersion })
	if err != nil {
		return b.refused(ctx, err, in, body, m, c, 0)
	}
	call, err := b.rest.Begin(ctx, "PUT", rest.Data, grace(size))
	if err != nil {
		return backends.Entry{}, err
	}
	var out *sdk.PutObjectOutput
	err = b.end(call, b.send(call, w, heeded, func(ctx context.Context, api *sdk.Client, w wire) (err error) {
		in := in
		in.ChecksumCRC32C = w.crc
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if w.conditional {
			in.IfMatch, in.IfNoneMatch = condition(c)
		}
		out, err = api.PutObject(ctx, &in, w.options)
		return err
	}))
	if err != nil {
		return b.refused(ctx, err, in, body, m, c, call.Attempts())
	}
	b.learnAfter(c != backends.Cond{})
	if aws.ToString(out.ETag) == "" && (size > 0 || !marks(key)) {
		return b.head(ctx, key, "")
	}
	return carry.Described(b.withSum(fileEntry(key, size, out.ETag, servedAt(out.ResultMetadata))), &m), nil
}

// servedAt is when a reply was made, by the server's clock if it tells.
func servedAt(reply middleware.Metadata) *time.Time {
	at, ok := awsmiddleware.GetServerTime(reply)
	if !ok {
		at = time.Now()
	}
	return &at
}

// Remove deletes a file. Without a version a missing file goes unnoticed.
func (b *Backend) Remove(ctx context.Context, name string, c backends.Cond) error {
	return pathError("remove", name, b.remove(ctx, name, c))
}

func (b *Backend) remove(ctx context.Context, name string, c backends.Cond) error {
	ctx = work(ctx)
	switch {
	case name == "":
		return backends.ErrIsDir
	case c.Absent:
		return errors.ErrUnsupported
	case c.Version == "" && marks(name): // a marker is not to be taken for it
		e, err := b.head(ctx, name, "")
		if err != nil {
			return err
		}
		c.Version = e.Version
	}
	heeded, err := b.guard(ctx, name, c, func(k *backends.Capabilities) (absent, version bool) { return false, k.RemoveVersion })
	if err != nil {
		return err
	}
	version := c.Version
	if !heeded {
		version = ""
	}
	err = b.delete(ctx, name, version)
	if version != "" && statusIs(err, http.StatusNotImplemented) {
		err = b.delete(ctx, name, "") // it was looked at before
	}
	if err == nil {
		b.learnAfter(c != backends.Cond{})
	}
	return err
}

// delete deletes an object, of a version if that is not "". One that is gone when the
// server is asked again was deleted by the first request.
func (b *Backend) delete(ctx context.Context, key, version string) error {
	call, err := b.rest.Begin(ctx, "DELETE", rest.Work, 0)
	if err != nil {
		return err
	}
	err = b.end(call, b.try(call, func(ctx context.Context, api *sdk.Client) error {
		_, err := api.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b.cfg.Bucket, Key: &key, IfMatch: etag(version)})
		return err
	}))
	if call.Attempts() < 2 || !errors.Is(err, backends.ErrChanged) && !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	// look tells of a folder's marker, too, which is no file.
	if _, marker, gone := b.look(ctx, key, ""); errors.Is(gone, iofs.ErrNotExist) && marker == nil {
		return nil
	}
	return err
}

// condition is what a request says for c.
func condition(c backends.Cond) (ifMatch, ifNoneMatch *string) {
	if c.Absent {
		ifNoneMatch = aws.String("*")
	}
	return etag(c.Version), ifNoneMatch
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
	case c.Version != "" && answer.kind == iofs.ErrNotExist && answer.code != "NoSuchBucket":
		answer.kind = backends.ErrChanged // there is nothing
	}
	return err
}
