package identity

import (
	"encoding/binary"
	"io"
)

const (
	// SmallSize is the size in bytes up to which a fingerprint covers the whole file.
	SmallSize = 102_400

	edge    = 8_192 // at the beginning and at the end of a larger file
	sample  = 10_240
	samples = 4

	// PrintSize is how many bytes at most the fingerprint of a larger file takes.
	PrintSize = 2*edge + samples*sample
)

// A Span is a range of a file.
type Span struct{ Off, Len int64 }

// PrintSpans are the ranges that the fingerprint of a file of that size covers, in their
// order: the whole file, or six short ones.
func PrintSpans(size int64) []Span {
	if size <= SmallSize {
		return []Span{{0, size}}
	}
	spans := make([]Span, 0, samples+2)
	spans = append(spans, Span{0, edge})
	for i := range int64(samples) {
		spans = append(spans, Span{edge + i*((size-2*edge)/samples), sample})
	}
	return append(spans, Span{size - edge, edge})
}

// PrintOf is the fingerprint of a file of that size whose PrintSpans, one after the
// other, hold these bytes.
func PrintOf(size int64, bytes []byte) Print {
	var h Hasher
	return printOf(&h, size, bytes)
}

func printOf(h *Hasher, size int64, bytes []byte) Print {
	var prefix [8]byte
	binary.LittleEndian.PutUint64(prefix[:], uint64(size))
	h.Write(prefix[:])
	h.Write(bytes)
	return printFrom(h.Sum())
}

func printFrom(s Sum) Print { return Print(binary.BigEndian.Uint64(s[:8])) }

// Fingerprint reads at most SmallSize bytes of a small file and PrintSize of a larger
// one. A file that ends before size is io.ErrUnexpectedEOF.
func Fingerprint(r io.ReaderAt, size int64) (Print, error) {
	if size <= 0 {
		return 0, ErrEmpty
	}
	buf := make([]byte, 0, min(size, SmallSize))
	for _, s := range PrintSpans(size) {
		n := len(buf)
		buf = buf[:n+int(s.Len)]
		if err := readFull(r, buf[n:], s.Off); err != nil {
			return 0, err
		}
	}
	return PrintOf(size, buf), nil
}

// readFull fills p from off; what ends early is io.ErrUnexpectedEOF.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}
