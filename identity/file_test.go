package identity

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
)

func TestFile(t *testing.T) {
	for _, procs := range []int{1, 2, 7} {
		old := runtime.GOMAXPROCS(procs)
		for _, n := range edges() {
			data := random(n)
			var told int64
			sum, print, err := File(t.Context(), bytes.NewReader(data), int64(n), func(k int64) { told += k })
			if want := reference(data); err != nil || sum != want || told != int64(n) {
				t.Errorf("%d bytes, %d processors: %v, %v, told of %d, want %v", n, procs, sum, err, told, want)
			}
			if want, err := Fingerprint(bytes.NewReader(data), int64(n)); err != nil || print != want {
				t.Errorf("%d bytes: fingerprint of the whole is %v, want %v, %v", n, print, want, err)
			}
		}
		runtime.GOMAXPROCS(old)
	}
}

// One byte makes the difference, wherever it is: also where no sample is taken.
func TestOneByteTellsFilesApart(t *testing.T) {
	const size = 1 << 20
	data := seeded("twins", size)
	first, firstPrint, err := File(t.Context(), bytes.NewReader(data), size, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{first.ContentID().String(): -1}
	same := 0
	for at := 0; at < size; at += 4_099 {
		for _, i := range []int{at, size - 1 - at} {
			data[i] ^= 1
			sum, print, err := File(t.Context(), bytes.NewReader(data), size, nil)
			if err != nil {
				t.Fatal(err)
			}
			id := sum.ContentID().String()
			if other, ok := ids[id]; ok && other != i {
				t.Fatalf("changed at %d and at %d: both are %s", i, other, id)
			}
			ids[id] = i
			if print == firstPrint {
				same++
			}
			data[i] ^= 1
		}
	}
	if same == 0 {
		t.Error("no change went unnoticed by the fingerprint: the test does not try sampled twins")
	}
}

// breaking is a reader that fails or ends at some place.
type breaking struct {
	r   io.ReaderAt
	at  int64
	err error
}

func (b breaking) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.at {
		n, _ := b.r.ReadAt(p[:max(0, b.at-off)], off)
		return n, b.err
	}
	return b.r.ReadAt(p, off)
}

func TestFileFails(t *testing.T) {
	broken := errors.New("broken")
	for _, size := range []int64{1000, SmallSize + 1, 5 << 20} {
		r := bytes.NewReader(random(int(size)))
		for _, tt := range []struct{ give, want error }{{broken, broken}, {io.EOF, io.ErrUnexpectedEOF}} {
			for _, at := range []int64{0, size / 2, size - 1} {
				if _, _, err := File(t.Context(), breaking{r, at, tt.give}, size, nil); err != tt.want {
					t.Errorf("%d bytes, %v at %d: %v, want %v", size, tt.give, at, err, tt.want)
				}
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	size := int64(20 * partSize)
	_, _, err := File(ctx, bytes.NewReader(make([]byte, size)), size, func(int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled after the first part: %v, want context.Canceled", err)
	}
}

// counting counts what is read.
type counting struct {
	r io.ReaderAt
	n int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.n += int64(len(p))
	return c.r.ReadAt(p, off)
}

func TestFingerprintReadsLittle(t *testing.T) {
	for _, size := range []int{SmallSize + 1, 1 << 20, 10<<20 + 1} {
		data := random(size)
		c := &counting{r: bytes.NewReader(data)}
		print, err := Fingerprint(c, int64(size))
		if err != nil || c.n != PrintSize || PrintSize != 57_344 {
			t.Errorf("%d bytes: read %d, %v, want 57344", size, c.n, err)
		}
		var parts []byte
		for _, s := range PrintSpans(int64(size)) {
			parts = append(parts, data[s.Off:s.Off+s.Len]...)
		}
		if got := PrintOf(int64(size), parts); got != print {
			t.Errorf("%d bytes: PrintOf is %v, Fingerprint %v", size, got, print)
		}
	}
}

// trickle gives the bytes in pieces of odd sizes.
type trickle struct{ r io.Reader }

func (t trickle) Read(p []byte) (int, error) { return t.r.Read(p[:min(len(p), 7_777)]) }

func TestRead(t *testing.T) {
	for _, n := range edges() {
		data := random(n)
		size := int64(n)
		want, wantPrint, err := File(t.Context(), bytes.NewReader(data), size, nil)
		if err != nil {
			t.Fatal(err)
		}
		var told int64
		sum, print, err := Read(t.Context(), trickle{bytes.NewReader(data)}, size, func(k int64) { told += k })
		if err != nil || sum != want || print != wantPrint || told != size {
			t.Errorf("%d bytes: %v, %v, %v, told of %d, want %v, %v", n, sum, print, err, told, want, wantPrint)
		}
		if _, _, err := Read(t.Context(), bytes.NewReader(data), size+1, nil); err != io.ErrUnexpectedEOF {
			t.Errorf("%d of %d bytes: %v, want io.ErrUnexpectedEOF", n, n+1, err)
		}
		if _, _, err := Read(t.Context(), bytes.NewReader(data), max(1, size-1), nil); n > 1 && err != ErrLonger {
			t.Errorf("%d of %d bytes: %v, want ErrLonger", n, n-1, err)
		}
	}
}
