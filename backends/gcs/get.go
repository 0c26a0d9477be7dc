package gcs

import (
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"math"
	"net/http"
	"strconv"
	"time"

	"sd/backends"
	"sd/backends/internal/carry"
	"sd/backends/internal/rest"
	"sd/backends/internal/span"

	sdk "google.golang.org/api/storage/v1"
)

// Get reads a range by one request. A body that breaks off is resumed where it broke,
// under the generation that the first reply named, a few times at most.
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
	case holdable(name) != nil:
		return nil, backends.Entry{}, iofs.ErrNotExist
	case version != "" && !sameBytes(version, version): // none that an object can have
		return nil, backends.Entry{}, backends.ErrChanged
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

// Ask asks for a range, even where it is the whole: the reply tells the size twice then. Where a
// generation is known, the request is for that one alone.
func (d *download) Ask(pos, left int64) (io.ReadCloser, int64, error) {
	bytes := fmt.Sprintf("bytes=%d-", pos)
	if left > 0 {
		bytes += strconv.FormatInt(pos+left-1, 10)
	}
	var reply *http.Response
	err := d.b.try(d.call, func(ctx context.Context, api *sdk.Service) (err error) {
		get := api.Objects.Get(d.b.cfg.Bucket, d.name).Context(ctx)
		if d.version != "" {
			generation, _ := parseVersion(d.version)
			get.IfGenerationMatch(generation)
		}
		get.Header().Set("Range", bytes)
		reply, err = get.Download()
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if err := d.accept(reply, pos, left); err != nil {
		_ = reply.Body.Close()
		return nil, 0, err
	}
	return reply.Body, reply.ContentLength, nil
}

// accept takes a reply if it holds exactly the bytes asked for.
func (d *download) accept(reply *http.Response, pos, left int64) error {
	if reply.ContentLength == 0 && marks(d.name) {
		return iofs.ErrNotExist // the marker of a directory
	}
	h := reply.Header
	size, err := span.Check(pos, left, h.Get("Content-Range"), reply.ContentLength)
	if err != nil {
		return err
	}
	stored, sent := h.Get("X-Goog-Stored-Content-Encoding"), h.Get("Content-Encoding")
	if sent == "gzip" && stored != "" && stored != "gzip" || sent != "gzip" && stored == "gzip" {
		return &rest.ProtocolError{Text: "the bytes are not as they are stored"}
	}
	e, err := d.describe(h, size)
	if err != nil {
		return err
	}
	if d.version != "" && !sameBytes(e.Version, d.version) {
		return backends.ErrChanged
	}
	e = asked(e, d.version)
	d.entry, d.version = e, e.Version
	return nil
}

// describe reads an entry out of the header of a read.
func (d *download) describe(h http.Header, size int64) (backends.Entry, error) {
	v := h.Get("X-Goog-Generation") + "." + h.Get("X-Goog-Metageneration")
	if generation, _ := parseVersion(v); generation < 0 {
		return backends.Entry{}, &rest.ProtocolError{Text: "a reply without its generation"}
	}
	at, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		at = time.Time{}
	}
	return carry.Described(backends.Entry{
		Name: d.name, Kind: backends.File, Size: size, ModTime: at, Version: v,
		Sums: headerSums(h), Class: class(h.Get("X-Goog-Storage-Class")),
	}, carried(h)), nil
}

func (d *download) Beyond(err error) bool {
	return statusOf(err) == http.StatusRequestedRangeNotSatisfiable
}

func (d *download) End(err error) error { return pathError("get", d.name, d.b.end(d.call, err)) }
