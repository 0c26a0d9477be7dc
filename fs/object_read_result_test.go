package fs

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"sd/cache"
)

// A reply is written from where the bytes lie, and they are given back once after that.
func TestLentResult(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1000)
	c, err := cache.New(cache.Config{MaxBytes: cache.MinBytes})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := c.Open(cache.File{
		ID: cache.NewID("volume", "name", "version"), Size: int64(len(content)),
		Get: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(content[off : off+n])), nil
		},
	})
	defer r.Close()
	borrow := func(off int64, n int) (cache.Loan, fuse.ReadResult) {
		t.Helper()
		l, err := r.Borrow(t.Context(), off, make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		return l, lent(l)
	}

	l, result := borrow(5, 4096)
	vectored, ok := result.(interface {
		Slices() ([][]byte, fuse.Status)
	})
	if !ok {
		t.Fatal("the reply is copied before it is written")
	}
	slices, status := vectored.Slices()
	if status != fuse.OK || len(slices) != 1 || &slices[0][0] != &l.Bytes[0] || !bytes.Equal(slices[0], content[5:5+4096]) {
		t.Errorf("Slices: %d of them, %v", len(slices), status)
	}
	if got, status := result.Bytes(nil); status != fuse.OK || !bytes.Equal(got, content[5:5+4096]) || result.Size() != 4096 {
		t.Errorf("%d bytes of %d, %v", len(got), result.Size(), status)
	}
	result.Done()

	// Nobody calls Done for an answer of no bytes.
	if _, result = borrow(int64(len(content)), 10); result.Size() != 0 {
		t.Errorf("%d bytes past the end", result.Size())
	}
}
