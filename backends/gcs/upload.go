package gcs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"strconv"
	"strings"

	"sd/backends"

	sdk "google.golang.org/api/storage/v1"
)

// The service composes an object of others, at most 32 at a time. So an upload in parts is
// a folder of objects that listings leave out: one that says that it has begun and carries
// what the file will carry, and one for each part.

var limits = backends.UploadLimits{MinPart: 5 << 20, MaxPart: maxObject / maxParts, MaxParts: maxParts, MaxPut: maxObject}

const (
	maxParts   = 10_000
	maxSources = 32 // of one compose, by the service's rule
)

// Limits tells ours: the service has none for objects that others are composed of.
func (b *Backend) Limits() backends.UploadLimits { return limits }

// upload is an upload in parts. The object that it makes carries its id, by which it is
// known if the answer to its commit is lost.
type upload struct {
	b        *Backend
	name, id string
}

// Upload begins an upload, or goes on with the one of an id that ID returned.
func (b *Backend) Upload(ctx context.Context, name, id string, m backends.Meta) (backends.Upload, error) {
	u, err := b.upload(work(ctx), name, id, m)
	if err != nil {
		return nil, pathError("upload", name, err)
	}
	return u, nil
}

func (b *Backend) upload(ctx context.Context, name, id string, m backends.Meta) (*upload, error) {
	switch {
	case name == "":
		return nil, backends.ErrIsDir
	case holdable(name) != nil:
		return nil, holdable(name)
	case strings.ContainsAny(id, "/\r\n"):
		return nil, iofs.ErrInvalid
	case id != "":
		return &upload{b, name, id}, nil
	}
	u := &upload{b, name, strings.ToLower(rand.Text()[:16])}
	o, _ := resource(name, m)
	o.Name = u.begun()
	_, err := b.store(ctx, o, strings.NewReader(""), 0, backends.Cond{Absent: true})
	return u, err
}

// ofName begins the keys of all uploads of a name.
func ofName(name string) string {
	digest := sha256.Sum256([]byte(name))
	return reserved + hex.EncodeToString(digest[:16]) + "/"
}

func (u *upload) folder() string { return ofName(u.name) + u.id + "/" }
func (u *upload) begun() string  { return u.folder() + "begun" }
func (u *upload) ID() string     { return u.id }

func (u *upload) Part(ctx context.Context, num int, r io.ReadSeeker, size int64) (backends.Part, error) {
	part, err := u.part(work(ctx), num, r, size)
	return part, pathError("upload", u.name, err)
}

func (u *upload) part(ctx context.Context, num int, r io.ReadSeeker, size int64) (backends.Part, error) {
	if err := fitsUpload(num, size); err != nil {
		return backends.Part{}, err
	}
	o := &sdk.Object{Name: u.partKey(num), ContentType: unknownType}
	e, err := u.b.store(ctx, o, r, size, backends.Cond{Absent: true})
	if err != nil {
		return backends.Part{}, err
	}
	return u.arrived(ctx, num, size, e)
}

// partKey is a new key for a part: one that is sent again is another object.
func (u *upload) partKey(num int) string {
	return fmt.Sprintf("%s%05d-%s", u.folder(), num, strings.ToLower(rand.Text()[:8]))
}

// arrived looks whether the upload is still there: a part that comes after it was ended
// would stay for ever.
func (u *upload) arrived(ctx context.Context, num int, size int64, e backends.Entry) (backends.Part, error) {
	if _, _, err := u.b.look(ctx, u.begun(), ""); err != nil {
		if errors.Is(err, iofs.ErrNotExist) {
			_ = u.b.delete(context.WithoutCancel(ctx), e.Name, backends.Cond{})
			err = backends.ErrNoUpload
		}
		return backends.Part{}, err
	}
	generation, _ := parseVersion(e.Version)
	return backends.Part{Num: num, Size: size, Tag: strings.TrimPrefix(e.Name, u.folder()) + " " + strconv.FormatInt(generation, 10)}, nil
}

func fitsUpload(num int, size int64) error {
	switch {
	case num < 1 || num > maxParts || size < 0:
		return iofs.ErrInvalid
	case size > limits.MaxPart:
		return backends.ErrTooLarge
	}
	return nil
}

// CopyPart copies whole objects; the service copies nothing less.
func (u *upload) CopyPart(ctx context.Context, num int, src, version string, off, n int64) (backends.Part, error) {
	part, err := u.copyPart(work(ctx), num, src, version, off, n)
	return part, pathError("upload", u.name, err)
}

func (u *upload) copyPart(ctx context.Context, num int, src, version string, off, n int64) (backends.Part, error) {
	if err := fitsUpload(num, n); err != nil {
		return backends.Part{}, err
	}
	switch {
	case off < 0 || n == 0:
		return backends.Part{}, iofs.ErrInvalid
	case off > 0:
		return backends.Part{}, errors.ErrUnsupported
	}
	_, reply, err := u.b.look(ctx, src, version)
	if err != nil {
		return backends.Part{}, pathError("copy", src, err)
	}
	if int64(reply.Size) != n {
		return backends.Part{}, errors.ErrUnsupported
	}
	from := original{name: src, in: u.b, generation: reply.Generation}
	plain := &sdk.Object{ContentType: unknownType}
	e, err := u.b.rewrite(ctx, u.partKey(num), from, n, plain, backends.Cond{Absent: true})
	if err != nil {
		return backends.Part{}, err
	}
	return u.arrived(ctx, num, n, e)
}

// Abort drops first what says that the upload has begun, so that parts that still come see
// that, and then all parts.
func (u *upload) Abort(ctx context.Context) error {
	ctx = work(ctx)
	err := u.b.delete(ctx, u.begun(), backends.Cond{})
	if err == nil || errors.Is(err, iofs.ErrNotExist) {
		err = u.sweep(ctx)
	}
	return pathError("abort", u.name, err)
}
