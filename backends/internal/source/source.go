// Package source is the body of a request: a part of a reader, which an SDK may read
// more than once.
package source

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Source gives Size bytes of a reader, from where that stood. It is not safe for
// concurrent use.
type Source struct {
	r         io.ReadSeeker
	base      int64
	pos, size int64
	err       error // the first failure
}

// Error is a failure to read what should be sent; the server is not to blame, and another
// attempt is useless.
type Error struct{ error }

// Unwrap returns the reader's own error.
func (e *Error) Unwrap() error { return e.error }

// RetryableError tells a retry loop that trying again is useless.
func (e *Error) RetryableError() bool { return false }

// NonRetriable says the same to loops that ask in this way.
func (e *Error) NonRetriable() {}

// New returns the next size bytes of r.
func New(r io.ReadSeeker, size int64) (*Source, error) {
	base, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	return &Source{r: r, base: base, size: size}, nil
}

// Size is how many bytes there are in all.
func (s *Source) Size() int64 { return s.size }

// Read gives the next bytes. Where the reader ends before Size the error is an *Error.
func (s *Source) Read(p []byte) (int, error) {
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
	return n, s.fail(err)
}

// Seek moves within the Source: 0 is where the reader stood at first.
func (s *Source) Seek(offset int64, whence int) (int64, error) {
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
		return 0, s.fail(err)
	}
	s.pos = offset
	return offset, nil
}

// Close leaves the reader open: it is the caller's.
func (s *Source) Close() error { return nil }

// Rewind goes back to the beginning.
func (s *Source) Rewind() error {
	_, err := s.Seek(0, io.SeekStart)
	return err
}

// Err is the first failure of the reader, an *Error, or nil: libraries do not always hand
// it on.
func (s *Source) Err() error { return s.err }

func (s *Source) fail(err error) error {
	err = &Error{err}
	if s.err == nil {
		s.err = err
	}
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32C reads all from the beginning, and rewinds.
func (s *Source) CRC32C() (uint32, error) {
	if err := s.Rewind(); err != nil {
		return 0, err
	}
	sum := crc32.New(castagnoli)
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{s}, make([]byte, min(s.size, 256<<10)+1)); err != nil {
		return 0, err
	}
	return sum.Sum32(), s.Rewind()
}
