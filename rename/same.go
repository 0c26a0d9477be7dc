package rename

import (
	"bytes"
	"context"
	"errors"
	"io"
	iofs "io/fs"

	"sd/backends"
)

// source is an old object as it was when the rename began.
type source struct {
	name, version string
	size          int64
}

// same tells whether the object at is a copy of from, and from is still there: then at
// can go and nothing is lost. It compares checksums, or else all bytes.
func same(ctx context.Context, b backends.Backend, from source, at backends.Entry) (bool, error) {
	if at.Size != from.size {
		return false, nil
	}
	want := int64(-1)
	if len(at.Sums) > 0 && at.Version == from.version { // which is made of a checksum then
		want = 0
	}
	old, _, err := b.Get(ctx, from.name, from.version, 0, want)
	if err != nil {
		return false, absent(err)
	}
	defer old.Close()
	if want == 0 {
		return true, nil
	}
	copied, _, err := b.Get(ctx, at.Name, at.Version, 0, -1)
	if err != nil {
		return false, absent(err)
	}
	defer copied.Close()
	return equal(old, copied, from.size)
}

// absent drops errors that say that a version is no more.
func absent(err error) error {
	if errors.Is(err, iofs.ErrNotExist) || errors.Is(err, backends.ErrChanged) || errors.Is(err, backends.ErrIsDir) {
		return nil
	}
	return err
}

// equal compares size bytes of each; where one ends early, that is an error.
func equal(a, b io.Reader, size int64) (bool, error) {
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(x)))
		if _, err := io.ReadFull(a, x[:n]); err != nil {
			return false, err
		}
		if _, err := io.ReadFull(b, y[:n]); err != nil {
			return false, err
		}
		if !bytes.Equal(x[:n], y[:n]) {
			return false, nil
		}
		size -= n
	}
	return true, nil
}
