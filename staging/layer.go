package staging

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"math"
	"os"
	"sync/atomic"
)

// layer is a sparse file that lies over other layers or the Base. Its bytes show
// where they are valid and from under on, where what was never written is zeros;
// elsewhere what lies below shows. The File's mu guards what follows synced.
type layer struct {
	file   *os.File
	path   string
	synced atomic.Bool // the bytes are on the disk

	valid ranges
	size  int64 // of the whole File, as long as this layer is its top
	under int64 // the bytes of what lies below that still show
	users int   // commits that read it
	acked bool  // a journal record names it
	paid  int64 // bytes held of the Store's budget

	// soiled says that a merge did not end: where the file is not valid it may hold bytes
	// that are hidden now, and that must not show when what hides them is gone.
	soiled bool
}

// clean makes what is not valid zeros again.
func (l *layer) clean() error {
	if err := l.file.Truncate(l.valid.lastBefore(math.MaxInt64)); err != nil {
		return err
	}
	end := int64(0)
	for _, s := range l.valid {
		if s.off > end {
			if err := punch(l.file, end, s.off-end); err != nil {
				return err
			}
		}
		end = s.end
	}
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	l.soiled = false
	return nil
}

// frozen tells whether a change of l could be seen by somebody else than the File.
func (l *layer) frozen() bool { return l.users > 0 || l.acked }

// shows tells whether [off, off+n) of l shows, or up to where the answer holds.
func (l *layer) shows(off int64) (in bool, until int64) {
	in, until = l.valid.at(off)
	switch {
	case in:
		return true, until
	case off >= l.under:
		return true, math.MaxInt64
	}
	return false, min(until, l.under)
}

// view is the content of a File at one moment: layers, bottom first, over a Base.
// Its layers are copies, so that ranges of the File may change meanwhile.
type view struct {
	layers []*layer
	base   *base
	size   int64
}

// segment tells what shows at off, a layer or nil for the Base, and up to where.
func segment(layers []*layer, off, end int64) (*layer, int64) {
	for i := len(layers) - 1; i >= 0; i-- {
		in, until := layers[i].shows(off)
		end = min(end, until)
		if in {
			return layers[i], end
		}
	}
	return nil, end
}

// local tells whether [off, end) shows nothing of the Base.
func (v *view) local(off, end int64) bool {
	for off < end {
		l, until := segment(v.layers, off, end)
		if l == nil {
			return false
		}
		off = until
	}
	return true
}

// remote tells whether [off, end) shows nothing but the Base.
func (v *view) remote(off, end int64) bool {
	l, until := segment(v.layers, off, end)
	return l == nil && until == end
}

// readAt fills p from off on, as far as the view goes; it may return less than asked
// for, but at least one byte before the end.
func (v *view) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off >= v.size {
		return 0, io.EOF
	}
	l, end := segment(v.layers, off, min(v.size, off+int64(len(p))))
	p = p[:end-off]
	if l == nil {
		return v.base.read(ctx, p, off)
	}
	return len(p), readZeros(l.file, p, off)
}

// readZeros fills p; what lies behind the end of the file is zeros, as in a hole.
func readZeros(file *os.File, p []byte, off int64) error {
	n, err := file.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		clear(p[n:])
		err = nil
	}
	return err
}

// section is an io.ReadSeeker over n bytes of something that can be read at offsets.
type section struct {
	ctx    context.Context
	readAt func(ctx context.Context, p []byte, off int64) (int, error)
	off, n int64
	at     int64
	ahead  []byte // of where at is; only where reads are dear
	buf    []byte
}

// section reads n bytes of v at off. What shows the Base is read in large pieces.
func (v *view) section(ctx context.Context, off, n int64) *section {
	s := &section{ctx: ctx, readAt: v.readAt, off: off, n: n}
	if !v.local(off, off+n) {
		s.buf = make([]byte, min(n, 1<<20))
	}
	return s
}

func (s *section) Read(p []byte) (int, error) {
	if s.at >= s.n {
		return 0, io.EOF
	}
	if s.buf != nil && len(s.ahead) == 0 {
		n, err := s.fetch(s.buf)
		if n == 0 {
			return 0, err
		}
		s.ahead = s.buf[:n]
	}
	if len(s.ahead) > 0 {
		n := copy(p, s.ahead)
		s.ahead = s.ahead[n:]
		s.at += int64(n)
		return n, nil
	}
	n, err := s.fetch(p)
	s.at += int64(n)
	return n, err
}

func (s *section) fetch(p []byte) (int, error) {
	n, err := s.readAt(s.ctx, p[:min(int64(len(p)), s.n-s.at)], s.off+s.at)
	if n == 0 && (err == nil || errors.Is(err, io.EOF)) && len(p) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (s *section) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += s.at
	case io.SeekEnd:
		off += s.n
	}
	if off < 0 {
		return 0, iofs.ErrInvalid
	}
	s.at, s.ahead = off, nil
	return off, nil
}
