package rclone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sd/backends"
	"sd/backends/internal/rest"
)

// stream is the body of a long Get. A goroutine reads ahead, for not all of rclone's bodies
// end with their context. A body that breaks off is opened again where it broke.
type stream struct {
	s       *store
	ctx     context.Context
	name    string
	version string
	found   *child
	size    int64 // of the file
	pos     int64 // of the next byte to deliver
	left    int64
	weak    bool // the version rests on no checksum: look again at the end
	resumed int

	body *readAhead
	have []byte // read and not delivered
	err  error
}

const mostResumes = 4

func (s *store) openStream(ctx context.Context, name string, found *child, e backends.Entry, off, n int64) (io.ReadCloser, error) {
	r := &stream{s: s, ctx: ctx, name: name, version: e.Version, found: found, size: e.Size, pos: off, left: n}
	r.weak = len(e.Sums) == 0 || !strong(e.Sums[0].Algorithm)
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// opened is a body, and what ends its request.
type opened struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close ends the request as well.
func (o *opened) Close() error {
	o.cancel()
	return o.ReadCloser.Close()
}

// open asks for the bytes from pos on, and describes the object again.
func (r *stream) open() error {
	now, err := run(r.ctx, r.s, "GET", rest.Data, 0, func(op context.Context, c *conn) (_ *opened, err error) {
		ctx, cancel := context.WithCancel(r.ctx)
		stop := context.AfterFunc(op, cancel) // until it is open
		defer func() {
			if err != nil {
				cancel()
			}
		}()
		file, err := r.s.object(op, c, r.found.file, r.found.place)
		if err != nil {
			return nil, err
		}
		body, err := file.Open(c.with(rest.Traced(ctx, op)), rangeOf(r.pos, r.left, r.size)...)
		if err != nil {
			return nil, err
		}
		if err := r.s.check(op, c, r.name, r.version, r.found); err != nil {
			_ = body.Close()
			return nil, err
		}
		if !stop() {
			_ = body.Close()
			return nil, context.Cause(op)
		}
		return &opened{body, cancel}, nil
	})
	if err != nil {
		return err
	}
	r.body = startReading(now, now.cancel, r.s.rest.Received)
	return nil
}

func (r *stream) Read(p []byte) (int, error) {
	for {
		switch {
		case r.err != nil:
			return 0, r.err
		case r.left == 0:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		case len(r.have) > 0:
			n := copy(p, r.have[:min(int64(len(r.have)), r.left)])
			r.have = r.have[n:]
			r.pos += int64(n)
			r.left -= int64(n)
			if r.left == 0 {
				r.stop()
			}
			return n, nil
		}
		data, err := r.body.next(r.ctx, r.s.stall())
		r.have = data
		if len(data) > 0 {
			if int64(len(data)) >= r.left && r.weak {
				r.fail(r.s.unchanged(r.ctx, r.name, r.version, r.found))
			}
			continue
		}
		if cerr := r.ctx.Err(); cerr != nil {
			r.fail(cerr)
			continue
		}
		r.resume(err)
	}
}

// resume replaces a body that broke off because of cause.
func (r *stream) resume(cause error) {
	if cause == nil || errors.Is(cause, io.EOF) {
		cause = io.ErrUnexpectedEOF
	}
	r.stop()
	if r.resumed++; r.resumed > mostResumes {
		r.fail(cause)
		return
	}
	if r.resumed > 1 && !rest.Pause(r.ctx, rest.Backoff(r.resumed)) {
		r.fail(r.ctx.Err())
		return
	}
	r.fail(r.open())
}

func (r *stream) fail(err error) {
	if err == nil {
		return
	}
	if errors.Is(err, errMoved) {
		err = backends.ErrChanged
	}
	r.err = pathError("get", r.name, r.s.explain(err))
	r.stop()
}

func (r *stream) stop() {
	if r.body != nil {
		r.body.stop()
		r.body = nil
	}
}

func (r *stream) Close() error {
	r.stop()
	r.left, r.have = 0, nil
	return nil
}

// readAhead reads a body in a goroutine of its own, two chunks ahead.
type readAhead struct {
	chunks chan []byte
	free   chan []byte
	ended  chan struct{} // closed by stop
	err    error         // why chunks is closed
	cancel context.CancelFunc
	once   sync.Once
	last   []byte
}

const chunk = 256 << 10

func startReading(body io.ReadCloser, cancel context.CancelFunc, count func(int)) *readAhead {
	r := &readAhead{chunks: make(chan []byte, 1), free: make(chan []byte, 3), ended: make(chan struct{}), cancel: cancel}
	for range cap(r.free) {
		r.free <- make([]byte, chunk)
	}
	go func() {
		defer body.Close()
		defer close(r.chunks)
		for {
			var buf []byte
			select {
			case buf = <-r.free:
			case <-r.ended:
				return
			}
			n, err := body.Read(buf)
			count(n)
			if n > 0 {
				select {
				case r.chunks <- buf[:n]:
				case <-r.ended:
					return
				}
			} else if err == nil {
				r.free <- buf
			}
			if err != nil {
				r.err = err
				return
			}
		}
	}()
	return r
}

var errStalled = fmt.Errorf("nothing more came: %w", backends.ErrOffline)

// next returns the next bytes, which are the caller's until it calls again.
func (r *readAhead) next(ctx context.Context, stall time.Duration) ([]byte, error) {
	if r.last != nil {
		r.free <- r.last[:cap(r.last)]
		r.last = nil
	}
	select {
	case data, ok := <-r.chunks:
		return r.got(data, ok)
	default:
	}
	timer := time.NewTimer(stall)
	defer timer.Stop()
	select {
	case data, ok := <-r.chunks:
		return r.got(data, ok)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, errStalled
	}
}

func (r *readAhead) got(data []byte, ok bool) ([]byte, error) {
	if !ok {
		return nil, r.err
	}
	r.last = data
	return data, nil
}

// stop ends the reading. It does not wait for a body that does not return.
func (r *readAhead) stop() {
	r.once.Do(func() {
		close(r.ended)
		r.cancel()
	})
}

// stall is how long a body may be silent.
func (s *store) stall() time.Duration {
	if s.cfg.Stall > 0 {
		return s.cfg.Stall
	}
	return 3 * time.Second
}
