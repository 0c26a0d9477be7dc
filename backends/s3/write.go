package s3

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
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
	if !isKey(name) {
		return backends.Entry{}, backends.ErrIsDir
	}
	return b.store(ctx, name, r, size, m, c)
}

// store is put for any key, a marker's too.
func (b *Backend) store(ctx context.Context, key string, r io.ReadSeeker, size int64, m backends.Meta, c backends.Cond) (backends.Entry, error) {
	if size > maxPut {
		return backends.Entry{}, backends.ErrTooLarge
	}
	body, err := newSource(r, size)
	if err != nil {
		return backends.Entry{}, err
	}
	in := &sdk.PutObjectInput{
		Bucket:        &b.cfg.Bucket,
		Key:           &key,
		Body:          body,
		ContentLength: &size,
		Metadata:      headers(m),
		IfMatch:       etag(c.Version),
	}
	if m.ContentType != "" {
		in.ContentType = &m.ContentType
	}
	if c.Absent {
		in.IfNoneMatch = aws.String("*")
	}
	call, err := b.rest.Begin(ctx, "PUT", rest.Data, grace(size))
	if err != nil {
		return backends.Entry{}, err
	}
	var out *sdk.PutObjectOutput
	err = b.end(call, b.try(call, func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.PutObject(ctx, in)
		return err
	}))
	if err != nil {
		return backends.Entry{}, conditional(err, c)
	}
	if aws.ToString(out.ETag) == "" {
		return b.head(ctx, key, "")
	}
	stored, ok := middleware.GetServerTime(out.ResultMetadata)
	if !ok {
		stored = time.Now()
	}
	return withSum(fileEntry(key, size, out.ETag, &stored)), nil
}

// Remove deletes a file. With a version it asks first, because not all servers heed
// the condition of a DELETE; without, a missing file goes unnoticed.
func (b *Backend) Remove(ctx context.Context, name string, c backends.Cond) error {
	return pathError("remove", name, b.remove(ctx, name, c))
}

func (b *Backend) remove(ctx context.Context, name string, c backends.Cond) error {
	if !isKey(name) {
		return backends.ErrIsDir
	}
	if c.Absent {
		return errors.ErrUnsupported
	}
	if c.Version != "" {
		if _, err := b.head(ctx, name, c.Version); err != nil {
			return err
		}
	}
	return b.delete(ctx, name, c.Version)
}

func (b *Backend) delete(ctx context.Context, key, version string) error {
	return b.meta(ctx, "DELETE", func(ctx context.Context, api *sdk.Client) error {
		_, err := api.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b.cfg.Bucket, Key: &key, IfMatch: etag(version)})
		return err
	})
}

// Copy copies a file inside the bucket. What is copied is the version that src had
// when it began. Not all servers heed the condition, so it is also looked at before.
func (b *Backend) Copy(ctx context.Context, dst, src string, o backends.CopyOptions) (backends.Entry, error) {
	e, err := b.copy(ctx, dst, src, o.Cond)
	return e, pathError("copy", dst, err)
}

func (b *Backend) copy(ctx context.Context, dst, src string, c backends.Cond) (backends.Entry, error) {
	if !isKey(src) || !isKey(dst) {
		return backends.Entry{}, backends.ErrIsDir
	}
	from, err := b.head(ctx, src, "")
	if err != nil {
		return backends.Entry{}, pathError("copy", src, err)
	}
	if from.Size > maxPut {
		return backends.Entry{}, backends.ErrTooLarge
	}
	if err := b.holds(ctx, dst, c); err != nil {
		return backends.Entry{}, err
	}
	in := &sdk.CopyObjectInput{
		Bucket:            &b.cfg.Bucket,
		Key:               &dst,
		CopySource:        aws.String(b.cfg.Bucket + "/" + escape(src)),
		CopySourceIfMatch: etag(from.Version),
		IfMatch:           etag(c.Version),
	}
	if c.Absent {
		in.IfNoneMatch = aws.String("*")
	}
	call, err := b.rest.Begin(ctx, "COPY", rest.Meta, grace(from.Size))
	if err != nil {
		return backends.Entry{}, err
	}
	var out *sdk.CopyObjectOutput
	err = b.end(call, b.try(call, func(ctx context.Context, api *sdk.Client) (err error) {
		out, err = api.CopyObject(ctx, in)
		return err
	}))
	if err != nil {
		return backends.Entry{}, conditional(err, c)
	}
	if out.CopyObjectResult == nil || aws.ToString(out.CopyObjectResult.ETag) == "" {
		return b.head(ctx, dst, "")
	}
	return withSum(fileEntry(dst, from.Size, out.CopyObjectResult.ETag, out.CopyObjectResult.LastModified)), nil
}

// holds tells whether a condition holds now.
func (b *Backend) holds(ctx context.Context, name string, c backends.Cond) error {
	switch {
	case c.Absent:
		_, err := b.head(ctx, name, "")
		if err == nil {
			return iofs.ErrExist
		}
		if !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
	case c.Version != "":
		_, err := b.head(ctx, name, c.Version)
		return err
	}
	return nil
}

// Mkdir puts a marker. Something of that name is fs.ErrExist.
func (b *Backend) Mkdir(ctx context.Context, name string) error {
	return pathError("mkdir", name, b.mkdir(ctx, name))
}

func (b *Backend) mkdir(ctx context.Context, name string) error {
	_, err := b.stat(ctx, name, false)
	switch {
	case err == nil:
		err = iofs.ErrExist
	case errors.Is(err, iofs.ErrNotExist):
		_, err = b.store(ctx, prefix(name), strings.NewReader(""), 0, backends.Meta{}, backends.Cond{Absent: true})
	}
	return err
}

// Rmdir deletes the marker of a directory without entries. A directory without a
// marker ends with its last entry, so then there is nothing to remove.
func (b *Backend) Rmdir(ctx context.Context, name string) error {
	return pathError("rmdir", name, b.rmdir(ctx, name))
}

func (b *Backend) rmdir(ctx context.Context, name string) error {
	if name == "" {
		return iofs.ErrInvalid
	}
	marker := prefix(name)
	out, err := b.list(ctx, sdk.ListObjectsV2Input{Prefix: &marker, MaxKeys: aws.Int32(2)})
	if err != nil {
		return err
	}
	if _, err := decode(out, marker); err != nil {
		return err
	}
	for _, o := range out.Contents {
		if aws.ToString(o.Key) != marker {
			return backends.ErrNotEmpty
		}
	}
	if len(out.Contents) > 0 {
		return b.delete(ctx, marker, "")
	}
	if _, err := b.head(ctx, name, ""); err != nil {
		return err
	}
	return backends.ErrNotDir
}

// conditional says fs.ErrExist where the condition was absence.
func conditional(err error, c backends.Cond) error {
	var answer *answerError
	if c.Absent && errors.As(err, &answer) && answer.kind == backends.ErrChanged {
		answer.kind = iofs.ErrExist
	}
	return err
}

// headers is m as rclone and s3fs write it, so that they read ours.
func headers(m backends.Meta) map[string]string {
	h := map[string]string{}
	if !m.ModTime.IsZero() {
		h["mtime"] = strconv.FormatInt(m.ModTime.Unix(), 10)
		if ns := m.ModTime.Nanosecond(); ns != 0 {
			h["mtime"] += "." + strings.TrimRight(strconv.Itoa(1e9 + ns)[1:], "0")
		}
	}
	if m.Mode != 0 {
		h["mode"] = strconv.FormatUint(uint64(m.Mode), 10)
	}
	if m.UID != nil {
		h["uid"] = strconv.FormatUint(uint64(*m.UID), 10)
	}
	if m.GID != nil {
		h["gid"] = strconv.FormatUint(uint64(*m.GID), 10)
	}
	if m.LinkTarget != "" {
		h["sd-link"] = url.QueryEscape(m.LinkTarget)
	}
	if m.BLAKE3 != "" {
		h["sd-blake3"] = m.BLAKE3
	}
	return h
}

// escape encodes a key for a header that holds a path.
func escape(key string) string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return strings.Join(segments, "/")
}
