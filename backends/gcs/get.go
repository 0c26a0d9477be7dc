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

// open asks for the bytes from pos on and checks that the reply is about them. Where a
// generation is known, the request is for that one alone.
func (r *reader) open() error {
	// A range is asked for even where it is the whole: its reply tells the size twice.
	span := fmt.Sprintf("bytes=%d-", r.pos)
	if r.left > 0 {
		span += strconv.FormatInt(r.pos+r.left-1, 10)
	}
	var reply *http.Response
	err := r.b.try(r.call, func(ctx context.Context, api *sdk.Service) (err error) {
		get := api.Objects.Get(r.b.cfg.Bucket, r.name).Context(ctx)
		if r.version != "" {
			generation, _ := parseVersion(r.version)
			get.IfGenerationMatch(generation)
		}
		get.Header().Set("Range", span)
		reply, err = get.Download()
		return err
	})
	if err != nil {
		return err
	}
	if err := r.accept(reply); err != nil {
		_ = reply.Body.Close()
		return err
	}
	r.body = reply.Body
	return nil
}

// accept takes a reply if it holds exactly the bytes asked for.
func (r *reader) accept(reply *http.Response) error {
	size, length := reply.ContentLength, reply.ContentLength
	if length < 0 {
		return &protocolError{"a reply without its length"}
	}
	if length == 0 && marks(r.name) {
		return iofs.ErrNotExist // the marker of a directory
	}
	h := reply.Header
	if text := h.Get("Content-Range"); text != "" {
		first, last, total, ok := rest.ContentRange(text)
		if !ok || first != r.pos || last-first+1 != length || last >= total {
			return &protocolError{fmt.Sprintf("asked for bytes from %d, got %q", r.pos, text[:min(len(text), 60)])}
		}
		size = total
	} else if r.pos > 0 || r.left >= 0 && length > r.left {
		return &protocolError{"the range was ignored"}
	}
	want := size - r.pos
	if r.left >= 0 {
		want = min(want, r.left)
	}
	stored, sent := h.Get("X-Goog-Stored-Content-Encoding"), h.Get("Content-Encoding")
	switch {
	case length != want:
		return &protocolError{fmt.Sprintf("asked for %d bytes, got %d", want, length)}
	case sent == "gzip" && stored != "" && stored != "gzip", sent != "gzip" && stored == "gzip":
		return &protocolError{"the bytes are not as they are stored"}
	}
	e, err := r.describe(h, size)
	if err != nil {
		return err
	}
	if r.version != "" && !sameBytes(e.Version, r.version) {
		return backends.ErrChanged
	}
	e = asked(e, r.version)
	r.entry, r.version, r.left = e, e.Version, length
	return nil
}

// describe reads an entry out of the header of a read.
func (r *reader) describe(h http.Header, size int64) (backends.Entry, error) {
	v := h.Get("X-Goog-Generation") + "." + h.Get("X-Goog-Metageneration")
	if generation, _ := parseVersion(v); generation < 0 {
		return backends.Entry{}, &protocolError{"a reply without its generation"}
	}
	at, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		at = time.Time{}
	}
	return carry.Described(backends.Entry{
		Name: r.name, Kind: backends.File, Size: size, ModTime: at, Version: v,
		Sums: headerSums(h), Class: class(h.Get("X-Goog-Storage-Class")),
	}, carried(h)), nil
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
