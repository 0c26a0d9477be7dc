package gcs

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	iofs "io/fs"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"
	"sd/backends/internal/source"

	"google.golang.org/api/googleapi"
	sdk "google.golang.org/api/storage/v1"
)

// maxObject is the most bytes of an object.
const maxObject = 5 << 40

// grace is how much longer than usual the server may be silent while it moves size
// bytes by itself.
func grace(size int64) time.Duration { return time.Duration(size>>24) * time.Second }

// Put writes an object, reading r from where it stands, again from there for each
// attempt: in one request, or if it is larger than four times the configuration's PartSize
// in pieces of one resumable upload, which takes the memory of one piece.
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
	o, _ := resource(name, m)
	return b.store(ctx, o, r, size, c)
}

// store writes under any key, a marker's too, what o describes.
func (b *Backend) store(ctx context.Context, o *sdk.Object, r io.ReadSeeker, size int64, c backends.Cond) (backends.Entry, error) {
	on, err := newCondition(c)
	if err != nil {
		return backends.Entry{}, err
	}
	if size > maxObject {
		return backends.Entry{}, backends.ErrTooLarge
	}
	body, err := source.New(r, size)
	if err != nil {
		return backends.Entry{}, err
	}
	crc, err := body.CRC32C()
	if err != nil {
		return backends.Entry{}, b.explain(err)
	}
	o.Crc32c = base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
	call, err := b.rest.Begin(ctx, "PUT", rest.Data, grace(min(size, b.wholeUpTo())))
	if err != nil {
		return backends.Entry{}, err
	}
	var made *sdk.Object
	err = b.end(call, b.try(call, func(ctx context.Context, api *sdk.Service) (err error) {
		if err := body.Rewind(); err != nil {
			return err
		}
		insert := api.Objects.Insert(b.cfg.Bucket, o).Context(ctx)
		if on.generation != nil {
			insert.IfGenerationMatch(*on.generation)
		}
		if on.metageneration != nil {
			insert.IfMetagenerationMatch(*on.metageneration)
		}
		piece := googleapi.ChunkSize(0) // one request
		if size > b.wholeUpTo() {
			piece = googleapi.ChunkSize(b.cfg.PartSize)
			insert.WithRetry(nil, b.again(ctx)) // pauses as the SDK does
		}
		made, err = insert.Media(body, piece, googleapi.ContentType(o.ContentType)).Do()
		if body.Err() != nil {
			return body.Err()
		}
		return err
	}))
	if err != nil {
		return b.refused(ctx, err, o, size, c, call.Attempts())
	}
	if made.Name != o.Name || int64(made.Size) != size || made.Crc32c != "" && made.Crc32c != o.Crc32c {
		return backends.Entry{}, &rest.ProtocolError{Text: "it says that it stored something else"}
	}
	return entry(o.Name, made), nil
}

// wholeUpTo is the largest size that is sent in one request.
func (b *Backend) wholeUpTo() int64 { return 4 * int64(b.cfg.PartSize) }

// again tells the SDK which pieces of an upload to send once more.
func (b *Backend) again(ctx context.Context) func(error) bool {
	return func(err error) bool {
		if err == nil || ctx.Err() != nil || !passing(err) {
			return false
		}
		rest.Note(ctx, err)
		return true
	}
}

// Remove deletes a file.
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
	case holdable(name) != nil:
		return iofs.ErrNotExist
	case c.Version == "" && marks(name): // a marker is not to be taken for it
		e, err := b.head(ctx, name, "")
		if err != nil {
			return err
		}
		c.Version = e.Version
	}
	return b.delete(ctx, name, c)
}

// delete deletes an object. One that is gone when the server is asked again was deleted
// by the first request.
func (b *Backend) delete(ctx context.Context, key string, c backends.Cond) error {
	on, err := newCondition(c)
	if err != nil {
		return err
	}
	call, err := b.rest.Begin(ctx, "DELETE", rest.Work, 0)
	if err != nil {
		return err
	}
	err = b.end(call, b.try(call, func(ctx context.Context, api *sdk.Service) error {
		del := api.Objects.Delete(b.cfg.Bucket, key).Context(ctx)
		if on.generation != nil {
			del.IfGenerationMatch(*on.generation)
		}
		if on.metageneration != nil {
			del.IfMetagenerationMatch(*on.metageneration)
		}
		return del.Do()
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

// condition is what requests say for a backends.Cond.
type condition struct{ generation, metageneration *int64 }

// newCondition returns ErrChanged for a version that no object can have.
func newCondition(c backends.Cond) (condition, error) {
	switch {
	case c.Absent:
		return condition{generation: new(int64)}, nil
	case c.Version != "":
		generation, metageneration := parseVersion(c.Version)
		if generation < 0 {
			return condition{}, backends.ErrChanged
		}
		return condition{&generation, &metageneration}, nil
	}
	return condition{}, nil
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
	case c.Version != "" && answer.kind == iofs.ErrNotExist && answer.reason != noBucket:
		answer.kind = backends.ErrChanged // there is nothing
	}
	return err
}
