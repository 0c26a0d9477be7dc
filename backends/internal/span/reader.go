package span

import (
	"io"

	"sd/backends"
	"sd/backends/internal/rest"
)

// Source asks a service for bytes of one version of a file.
type Source interface {
	// Ask asks for left bytes from pos on, or for all from there if left is negative. It
	// returns the body, and how many bytes that holds. After the first answer it is about the
	// version which that one named.
	Ask(pos, left int64) (body io.ReadCloser, length int64, err error)
	// Beyond tells whether err says that the range begins beyond the end of the file.
	Beyond(err error) bool
	// End ends the operation and puts err into words.
	End(err error) error
}

const (
	maxResumes   = 4       // of one stretch of
	resumeRegain = 8 << 20 // bytes
)

// Reader is the body of a Get. A body that breaks off is resumed where it broke, a few times at
// most. The operation lasts until Close, until all has been read, or until it fails.
type Reader struct {
	source  Source
	call    *rest.Call // nil once it has ended
	body    io.ReadCloser
	pos     int64 // of the next byte to deliver
	left    int64 // bytes to deliver
	resumed int   // times, since at
	at      int64
	err     error
}

// Open asks source for left bytes from pos on, or for all from there if left is negative, in the
// operation call. If it fails, the caller ends that.
func Open(call *rest.Call, source Source, pos, left int64) (*Reader, error) {
	body, length, err := source.Ask(pos, left)
	if err != nil {
		return nil, err
	}
	r := &Reader{source: source, call: call, body: body, pos: pos, left: length}
	if length == 0 {
		_ = r.Close()
	}
	return r, nil
}

func (r *Reader) Read(p []byte) (int, error) {
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
func (r *Reader) resume(cause error) error {
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
	body, length, err := r.source.Ask(r.pos, r.left)
	switch {
	case err == nil && length == r.left:
		r.body = body
		return nil
	case err == nil: // the same version has become shorter
		_ = body.Close()
		err = backends.ErrChanged
	case r.call.Context().Err() != nil:
		err = cause
	case r.source.Beyond(err):
		err = backends.ErrChanged
	}
	return r.fail(err)
}

func (r *Reader) fail(err error) error {
	r.call = nil
	return r.source.End(err)
}

// Close ends the operation. It may be called more than once.
func (r *Reader) Close() error {
	if r.call == nil {
		return nil
	}
	err := r.body.Close()
	_ = r.call.End(nil)
	r.call = nil
	return err
}
