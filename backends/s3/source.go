package s3

import (
	"errors"
	"fmt"
	"io"
)

// source is the part of a reader that is to be sent: size bytes from where it stood.
// The SDK reads it more than once.
type source struct {
	r         io.ReadSeeker
	base      int64
	pos, size int64
}

// sourceError is a failure to read what should be sent; the server is not to blame.
type sourceError struct{ error }

func (e *sourceError) Unwrap() error        { return e.error }
func (e *sourceError) RetryableError() bool { return false }

func newSource(r io.ReadSeeker, size int64) (*source, error) {
	base, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	return &source{r: r, base: base, size: size}, nil
}

func (s *source) Read(p []byte) (int, error) {
	if s.pos >= s.size {
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.size-s.pos)])
	s.pos += int64(n)
	switch {
	case err == nil || s.pos == s.size:
		return n, nil
	case err == io.EOF:
		err = fmt.Errorf("the source ended after %d of %d bytes", s.pos, s.size)
	}
	return n, &sourceError{err}
}

func (s *source) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.pos
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	if _, err := s.r.Seek(s.base+offset, io.SeekStart); err != nil {
		return 0, &sourceError{err}
	}
	s.pos = offset
	return offset, nil
}
