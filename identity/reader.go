package identity

import (
	"context"
	"io"
)

// Read is File for bytes that come one after the other, as a download does. It reads r to
// its end, which must be after size bytes: an earlier one is io.ErrUnexpectedEOF, a later one
// ErrLonger. It uses one goroutine and one buffer.
func Read(ctx context.Context, r io.Reader, size int64, progress func(n int64)) (Sum, Print, error) {
	if size <= 0 {
		return Sum{}, 0, ErrEmpty
	}
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	h := New()
	c := collector{spans: PrintSpans(size), taken: make([]byte, min(size, SmallSize))}
	for {
		if err := ctx.Err(); err != nil {
			return Sum{}, 0, err
		}
		n, err := r.Read(buf[:])
		if n > 0 {
			c.take(h.Len(), buf[:n])
			h.Write(buf[:n])
			if progress != nil {
				progress(int64(n))
			}
		}
		switch {
		case h.Len() > size:
			return Sum{}, 0, ErrLonger
		case err == io.EOF && h.Len() < size:
			return Sum{}, 0, io.ErrUnexpectedEOF
		case err == io.EOF:
			return h.Sum(), c.print(size), nil
		case err != nil:
			return Sum{}, 0, err
		}
	}
}

// collector keeps what a fingerprint is made of from bytes that come in pieces.
type collector struct {
	spans []Span
	taken []byte // the bytes of spans; as long as they are together, or longer
}

// take keeps of b, which lies at off, what is in a span. Different b may be taken at the same
// time.
func (c *collector) take(off int64, b []byte) {
	at := int64(0)
	for _, s := range c.spans {
		if from, to := max(off, s.Off), min(off+int64(len(b)), s.Off+s.Len); from < to {
			copy(c.taken[at+from-s.Off:], b[from-off:to-off])
		}
		at += s.Len
	}
}

// print is the fingerprint once all spans were taken.
func (c *collector) print(size int64) Print {
	n := int64(0)
	for _, s := range c.spans {
		n += s.Len
	}
	return PrintOf(size, c.taken[:n])
}
