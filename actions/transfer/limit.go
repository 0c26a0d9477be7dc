package transfer

import (
	"context"
	"io"

	"golang.org/x/time/rate"
)

// wait pays for n bytes.
func wait(ctx context.Context, limit *rate.Limiter, n int64) error {
	for limit != nil && n > 0 {
		some := min(n, int64(max(limit.Burst(), 1)))
		if err := limit.WaitN(ctx, int(some)); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		n -= some
	}
	return nil
}

// pacedPiece is how much is read at one go under a limit, so that bytes flow evenly.
const pacedPiece = 32 << 10

// pacedReader reads no faster than the limit.
type pacedReader struct {
	ctx   context.Context
	r     io.Reader
	limit *rate.Limiter
}

// paced is r under the limit, if there is one.
func (t *Transfers) paced(ctx context.Context, r io.Reader) io.Reader {
	if t.limit == nil {
		return r
	}
	return &pacedReader{ctx, r, t.limit}
}

func (p *pacedReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), pacedPiece, max(p.limit.Burst(), 1))])
	if werr := wait(p.ctx, p.limit, int64(n)); err == nil {
		err = werr
	}
	return n, err
}

// body is what a request sends. Stores read it more than once: to compute a checksum, then
// for each attempt. The first pass is free where another follows, for only sent bytes count;
// settle pays for a store that reads once. seen, if set, has the bytes of the first pass in
// order. check, if set, is asked before the last of size bytes are given away: without them
// nothing is made, so that what an object was to replace stands as it was.
type body struct {
	io.ReadSeeker
	ctx   context.Context
	limit *rate.Limiter
	seen  io.Writer
	size  int64
	check func() error

	pos, top int64 // read now, and at most so far
	again    bool  // it was rewound
	paid     int64
	refused  error // by check
}

func (t *Transfers) body(ctx context.Context, r io.ReadSeeker, seen io.Writer) *body {
	return &body{ReadSeeker: r, ctx: ctx, limit: t.limit, seen: seen}
}

func (b *body) Read(p []byte) (int, error) {
	paying := b.again && b.limit != nil
	if paying {
		p = p[:min(len(p), pacedPiece, max(b.limit.Burst(), 1))]
	}
	n, err := b.ReadSeeker.Read(p)
	if end := b.pos + int64(n); end > b.top {
		if b.seen != nil {
			b.seen.Write(p[b.top-b.pos : n])
		}
		b.top = end
	}
	b.pos += int64(n)
	if b.check != nil && n > 0 && b.pos == b.size {
		if b.refused = b.check(); b.refused != nil {
			return 0, b.refused
		}
	}
	if paying {
		b.paid += int64(n)
		if werr := wait(b.ctx, b.limit, int64(n)); err == nil {
			err = werr
		}
	}
	return n, err
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	pos, err := b.ReadSeeker.Seek(offset, whence)
	if err == nil {
		b.again = b.again || pos < b.top
		b.pos = pos
	}
	return pos, err
}

// settle pays for bytes that were sent in the first pass.
func (b *body) settle() error {
	if b.paid > 0 {
		return nil
	}
	return wait(b.ctx, b.limit, b.top)
}
